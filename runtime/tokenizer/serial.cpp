// SPDX-License-Identifier: MIT
// TokenizerSpec to bytes and back (uapi/skald/tokenizer.hpp).
#include <charconv>
#include <cmath>
#include <cstring>

#include "tokenizer/spec.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

namespace tk = skald::tokenizer;

[[noreturn]] void fail(const std::string& what) {
    throw TokenizerError("tokenizer section: " + what);
}

class Writer {
  public:
    template <typename T>
    void put(const T& record) {
        const auto* p = reinterpret_cast<const std::byte*>(&record);
        bytes_.insert(bytes_.end(), p, p + sizeof(T));
    }

    std::uint32_t text(const std::string& s) {
        if (text_.size() + s.size() > 0x7fffffff)
            fail("more than 2 GiB of text");
        const auto offset = static_cast<std::uint32_t>(text_.size());
        text_ += s;
        return offset;
    }

    std::size_t text_bytes() const { return text_.size(); }

    std::vector<std::byte> finish(const tk::Header& header) {
        std::memcpy(bytes_.data(), &header, sizeof header);
        const auto* p = reinterpret_cast<const std::byte*>(text_.data());
        bytes_.insert(bytes_.end(), p, p + text_.size());
        return std::move(bytes_);
    }

  private:
    std::vector<std::byte> bytes_;
    std::string text_;
};

class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <typename T>
    T get(const char* what) {
        if (bytes_.size() - at_ < sizeof(T))
            fail(std::string("ends at byte ") + std::to_string(bytes_.size()) + " inside " + what);
        T record;
        std::memcpy(&record, bytes_.data() + at_, sizeof(T));
        at_ += sizeof(T);
        return record;
    }

    // Called before anything is allocated for `count` records, so that a wild count costs nothing.
    template <typename T>
    void expect(std::uint32_t count, const char* what) const {
        if ((bytes_.size() - at_) / sizeof(T) < count)
            fail("has no room for " + std::to_string(count) + " " + what + " at byte " +
                 std::to_string(at_));
    }

    std::size_t at() const { return at_; }
    std::size_t left() const { return bytes_.size() - at_; }
    std::span<const std::byte> rest() const { return bytes_.subspan(at_); }

  private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
};

// The flags a step of this kind may carry in this stage; -1 where there is no such step.
std::int64_t allowed_flags(tk::Stage stage, tk::StepKind kind) {
    using enum tk::StepKind;
    switch (stage) {
        case tk::Stage::kNormalize:
            switch (kind) {
                case kPrepend:
                    return tk::kFirstText;
                case kReplace:
                case kReplaceRegex:
                case kLowercase:
                case kByteLevel:
                    return 0;
                case kStripSpace:
                    return tk::kStripSides;
                case kNormalForm:
                    return 7;
                case kStripMarks:
                    return tk::kMarkFlags;
                case kCharMap:
                    return tk::kCharMapFlags;
                default:
                    return -1;
            }
        case tk::Stage::kPreTokenize:
            switch (kind) {
                case kSplit:
                    return tk::kSplitFlags;
                case kMetaspace:
                    return tk::kMetaspaceFlags;
                case kByteLevel:
                    return 0;
                default:
                    return -1;
            }
        case tk::Stage::kDecode:
            switch (kind) {
                case kPrepend:
                case kReplace:
                case kReplaceRegex:
                case kByteLevel:
                case kByteTokens:
                    return 0;
                case kMetaspace:
                    return tk::kMetaspaceFlags;
                case kStrip:
                    return 0xffff;
                default:
                    return -1;
            }
    }
    return -1;
}

void check_step(tk::Stage stage, const TokenizerSpec::Step& step) {
    const std::int64_t allowed = allowed_flags(stage, step.kind);
    const std::string name = "step of kind " + std::to_string(static_cast<int>(step.kind)) +
                             " in stage " + std::to_string(static_cast<int>(stage));
    if (allowed < 0)
        fail("unknown " + name);
    if ((step.flags & ~static_cast<std::uint32_t>(allowed)) != 0)
        fail(name + " has unknown flags " + std::to_string(step.flags));
    if (step.kind == tk::StepKind::kSplit && (step.flags & tk::kBehaviourMask) > tk::kContiguous)
        fail(name + " has unknown behaviour " + std::to_string(step.flags & tk::kBehaviourMask));
    if (step.kind == tk::StepKind::kNormalForm && (step.flags < tk::kNfc || step.flags > tk::kNfkd))
        fail(name + " has unknown form " + std::to_string(step.flags));
    const bool needs_a =
        step.kind != tk::StepKind::kLowercase && step.kind != tk::StepKind::kStripSpace &&
        step.kind != tk::StepKind::kNormalForm && step.kind != tk::StepKind::kStripMarks &&
        step.kind != tk::StepKind::kByteLevel && step.kind != tk::StepKind::kByteTokens;
    if (needs_a && step.a.empty())
        fail(name + " has an empty pattern");
    // They get into the text, or are looked for in it: whole characters stay whole characters.
    if (!utf8::well_formed(step.a) || !utf8::well_formed(step.b))
        fail(name + " has a text that is not UTF-8");
}

void check(const TokenizerSpec& spec) {
    const auto count = static_cast<std::uint32_t>(spec.pieces.size());
    auto check_id = [&](TokenId id, const char* what) {
        if (id >= count)
            fail(std::string(what) + " names token " + std::to_string(id) + " of " +
                 std::to_string(count));
    };
    if (spec.algorithm != tk::Algorithm::kMergeRanks &&
        spec.algorithm != tk::Algorithm::kMergeScores && spec.algorithm != tk::Algorithm::kUnigram)
        fail("unknown algorithm " + std::to_string(static_cast<int>(spec.algorithm)));
    if ((spec.flags & ~std::uint32_t{tk::kHeaderFlags}) != 0)
        fail("unknown flags " + std::to_string(spec.flags));
    if (spec.algorithm != tk::Algorithm::kMergeRanks && !spec.merges.empty())
        fail("has merges, but goes by scores");
    for (std::size_t i = 0; i < spec.pieces.size(); ++i) {
        const TokenizerSpec::Piece& piece = spec.pieces[i];
        if (piece.kind < tk::PieceKind::kNormal || piece.kind > tk::PieceKind::kByte)
            fail("piece " + std::to_string(i) + " has unknown kind " +
                 std::to_string(static_cast<int>(piece.kind)));
        if (piece.kind == tk::PieceKind::kByte && byte_of_piece(piece.text) < 0)
            fail("piece " + std::to_string(i) + " is of kind byte, but not of the form <0x00>");
        if (piece.text.size() > 0xffff)
            fail("piece " + std::to_string(i) + " is longer than 65535 bytes");
        if (!std::isfinite(piece.score))
            fail("piece " + std::to_string(i) + " has a score that is not finite");
    }
    for (const tk::Merge& m : spec.merges) {
        check_id(m.left, "a merge");
        check_id(m.right, "a merge");
        check_id(m.result, "a merge");
    }
    for (const tk::Added& a : spec.added) {
        check_id(a.id, "an added token");
        if ((a.flags & ~std::uint32_t{tk::kAddedFlags}) != 0)
            fail("added token " + std::to_string(a.id) + " has unknown flags");
        if (spec.pieces[a.id].text.empty())
            fail("added token " + std::to_string(a.id) + " has no text");
        if (!utf8::well_formed(spec.pieces[a.id].text))  // it is cut out of the text
            fail("added token " + std::to_string(a.id) + " has a text that is not UTF-8");
    }
    for (const auto& step : spec.normalize)
        check_step(tk::Stage::kNormalize, step);
    for (const auto& step : spec.pre_tokenize)
        check_step(tk::Stage::kPreTokenize, step);
    for (const auto& step : spec.decode)
        check_step(tk::Stage::kDecode, step);
    for (TokenId id : spec.prefix_ids)
        check_id(id, "the prefix");
    for (TokenId id : spec.suffix_ids)
        check_id(id, "the suffix");
    for (TokenId id : spec.eos_ids)
        check_id(id, "the end-of-sequence list");
    if (spec.unknown_id != tk::kNoToken)
        check_id(spec.unknown_id, "the unknown token");
    if (spec.bos_id != tk::kNoToken)
        check_id(spec.bos_id, "the begin-of-sequence token");
}

}  // namespace

int byte_of_piece(std::string_view text) {
    unsigned value = 0;
    if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>')
        return -1;
    const auto [end, error] = std::from_chars(text.data() + 3, text.data() + 5, value, 16);
    return error == std::errc() && end == text.data() + 5 ? static_cast<int>(value) : -1;
}

std::vector<std::byte> serialize(const TokenizerSpec& spec) {
    check(spec);
    auto n = [](const auto& v) { return static_cast<std::uint32_t>(v.size()); };
    tk::Header header{};
    header.magic = tk::kMagic;
    header.version = tk::kVersion;
    header.algorithm = spec.algorithm;
    header.flags = spec.flags;
    header.pieces = n(spec.pieces);
    header.merges = n(spec.merges);
    header.added = n(spec.added);
    header.steps = n(spec.normalize) + n(spec.pre_tokenize) + n(spec.decode);
    header.prefix_ids = n(spec.prefix_ids);
    header.suffix_ids = n(spec.suffix_ids);
    header.eos_ids = n(spec.eos_ids);
    header.unknown_id = spec.unknown_id;
    header.bos_id = spec.bos_id;

    Writer out;
    out.put(header);
    for (const auto& piece : spec.pieces)
        out.put(tk::Piece{out.text(piece.text), static_cast<std::uint16_t>(piece.text.size()),
                          piece.kind, 0, piece.score});
    for (const tk::Merge& merge : spec.merges)
        out.put(merge);
    for (const tk::Added& added : spec.added)
        out.put(added);
    auto put_steps = [&](tk::Stage stage, const std::vector<TokenizerSpec::Step>& steps) {
        for (const auto& step : steps)
            out.put(tk::Step{stage, step.kind, step.flags, out.text(step.a), n(step.a),
                             out.text(step.b), n(step.b)});
    };
    put_steps(tk::Stage::kNormalize, spec.normalize);
    put_steps(tk::Stage::kPreTokenize, spec.pre_tokenize);
    put_steps(tk::Stage::kDecode, spec.decode);
    for (const auto* ids : {&spec.prefix_ids, &spec.suffix_ids, &spec.eos_ids})
        for (TokenId id : *ids)
            out.put(id);
    header.text_bytes = static_cast<std::uint32_t>(out.text_bytes());
    return out.finish(header);
}

TokenizerSpec parse(std::span<const std::byte> section) {
    Reader in(section);
    const auto header = in.get<tk::Header>("the header");
    if (header.magic != tk::kMagic)
        fail("does not begin with STOK");
    if (header.version != tk::kVersion)
        fail("has version " + std::to_string(header.version) + ", this program reads " +
             std::to_string(tk::kVersion));
    for (std::uint32_t r : header.reserved)
        if (r != 0)
            fail("reserved header fields are not zero");

    TokenizerSpec spec;
    spec.algorithm = header.algorithm;
    spec.flags = header.flags;
    spec.unknown_id = header.unknown_id;
    spec.bos_id = header.bos_id;

    // Strings live behind the records, so records are kept until the text is known.
    in.expect<tk::Piece>(header.pieces, "pieces");
    std::vector<tk::Piece> pieces(header.pieces);
    for (tk::Piece& piece : pieces)
        piece = in.get<tk::Piece>("the pieces");
    in.expect<tk::Merge>(header.merges, "merges");
    spec.merges.resize(header.merges);
    for (tk::Merge& merge : spec.merges)
        merge = in.get<tk::Merge>("the merges");
    in.expect<tk::Added>(header.added, "added tokens");
    spec.added.resize(header.added);
    for (tk::Added& added : spec.added)
        added = in.get<tk::Added>("the added tokens");
    in.expect<tk::Step>(header.steps, "steps");
    std::vector<tk::Step> steps(header.steps);
    for (tk::Step& step : steps)
        step = in.get<tk::Step>("the steps");
    auto get_ids = [&](std::uint32_t count, std::vector<TokenId>& ids) {
        in.expect<TokenId>(count, "special ids");
        ids.resize(count);
        for (TokenId& id : ids)
            id = in.get<TokenId>("the special ids");
    };
    get_ids(header.prefix_ids, spec.prefix_ids);
    get_ids(header.suffix_ids, spec.suffix_ids);
    get_ids(header.eos_ids, spec.eos_ids);
    if (in.left() != header.text_bytes)
        fail("has " + std::to_string(in.left()) + " bytes of text at byte " +
             std::to_string(in.at()) + ", the header says " + std::to_string(header.text_bytes));

    const std::string_view text(reinterpret_cast<const char*>(in.rest().data()), in.left());
    auto string_at = [&](std::uint32_t offset, std::uint32_t bytes, const char* what) {
        if (offset > text.size() || text.size() - offset < bytes)
            fail(std::string("the text of ") + what + " (offset " + std::to_string(offset) + ", " +
                 std::to_string(bytes) + " bytes) is outside the section");
        return std::string(text.substr(offset, bytes));
    };
    spec.pieces.reserve(pieces.size());
    for (const tk::Piece& piece : pieces) {
        if (piece.reserved != 0)
            fail("reserved piece field is not zero");
        spec.pieces.push_back(
            {string_at(piece.text_offset, piece.text_bytes, "a piece"), piece.kind, piece.score});
    }
    tk::Stage last = tk::Stage::kNormalize;
    for (const tk::Step& step : steps) {
        if (step.stage < last || step.stage > tk::Stage::kDecode)
            fail("steps are not ordered by stage");
        last = step.stage;
        auto& list = last == tk::Stage::kNormalize     ? spec.normalize
                     : last == tk::Stage::kPreTokenize ? spec.pre_tokenize
                                                       : spec.decode;
        list.push_back({step.kind, step.flags, string_at(step.a_offset, step.a_bytes, "a step"),
                        string_at(step.b_offset, step.b_bytes, "a step")});
    }
    check(spec);
    return spec;
}

}  // namespace skald::rt
