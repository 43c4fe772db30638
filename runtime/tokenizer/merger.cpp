// SPDX-License-Identifier: MIT
#include "tokenizer/merger.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <queue>

#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

constexpr std::uint32_t kNone = tokenizer::kNoToken;

// A higher score gives a smaller key, as a smaller rank is the better one.
std::uint32_t key_of(float score) {
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0f);  // -0 becomes +0
    const std::uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~ascending;
}

}  // namespace

// A span of the word; a doubly linked list while merging. Merged-away symbols have no length.
struct Merger::Symbol {
    TokenId id;  // kNone: a character without a piece (scores only: it may still merge by its text)
    std::uint32_t begin, end;
    std::uint32_t previous, next;
};

struct Merger::Candidate {
    std::uint32_t key;  // kNone: these two do not merge
    std::uint32_t left, right;
    std::uint32_t left_bytes, right_bytes;  // when it was proposed: tells whether it still stands
    TokenId result;

    bool operator>(const Candidate& o) const { return key != o.key ? key > o.key : left > o.left; }
};

Merger::Merger(const TokenizerSpec& spec) : spec_(spec), pieces_(spec), merges_(spec.merges) {
    if (spec.algorithm == tokenizer::Algorithm::kUnigram)
        unigram_.emplace(spec, pieces_);
    find_symbols();
    byte_ids_.fill(kNone);
    for (TokenId id = 0; id < spec.pieces.size(); ++id) {
        const auto& piece = spec.pieces[id];
        if (piece.kind != tokenizer::PieceKind::kByte)
            continue;
        if (const int b = byte_of_piece(piece.text); b >= 0)
            byte_ids_[static_cast<std::size_t>(b)] = id;
    }
}

void Merger::find_symbols() {
    if (spec_.algorithm != tokenizer::Algorithm::kMergeScores)
        return;
    is_symbol_.resize(spec_.pieces.size());
    for (TokenId id = 0; id < spec_.pieces.size(); ++id)
        is_symbol_[id] = spec_.pieces[id].kind == tokenizer::PieceKind::kUser;
    for (const tokenizer::Added& added : spec_.added)  // cut out long before
        is_symbol_[added.id] = false;
    for (TokenId id = 0; id < spec_.pieces.size(); ++id)
        if (is_symbol_[id])
            longest_symbol_ = std::max(longest_symbol_, spec_.pieces[id].text.size());
}

bool Merger::falls_back_to_bytes(std::string_view character) const {
    return (spec_.flags & tokenizer::kByteFallback) != 0 &&
           std::all_of(character.begin(), character.end(),
                       [&](char b) { return byte_id(b) != kNone; });
}

void Merger::add_fallback(std::string_view word, std::size_t begin, std::size_t end,
                          std::vector<Symbol>& symbols) const {
    const auto symbol = [](TokenId id, std::size_t b, std::size_t e) {
        return Symbol{id, static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(e), kNone,
                      kNone};
    };
    if (spec_.algorithm == tokenizer::Algorithm::kMergeScores) {
        symbols.push_back(symbol(kNone, begin, end));
        return;
    }
    if (falls_back_to_bytes(word.substr(begin, end - begin))) {
        for (std::size_t i = begin; i < end; ++i)
            symbols.push_back(symbol(byte_id(word[i]), i, i + 1));
    } else if (spec_.unknown_id != kNone) {
        const bool fuse = (spec_.flags & tokenizer::kFuseUnknown) != 0 && !symbols.empty() &&
                          symbols.back().id == spec_.unknown_id;
        if (fuse)
            symbols.back().end = static_cast<std::uint32_t>(end);
        else
            symbols.push_back(symbol(spec_.unknown_id, begin, end));
    }
}

// The longest that the text begins with.
TokenId Merger::symbol_at(std::string_view text) const {
    for (std::size_t size = std::min(longest_symbol_, text.size()); size > 0; --size)
        if (const TokenId id = pieces_.find(text.substr(0, size)); is_symbol(id))
            return id;
    return kNone;
}

bool Merger::is_symbol(TokenId id) const {
    return longest_symbol_ > 0 && id != kNone && is_symbol_[id];
}

std::vector<Merger::Symbol> Merger::split(std::string_view word) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    for (std::size_t at = 0; at < word.size();) {
        if (const TokenId whole = symbol_at(word.substr(at)); whole != kNone) {
            const std::size_t size = spec_.pieces[whole].text.size();
            symbols.push_back({whole, static_cast<std::uint32_t>(at),
                               static_cast<std::uint32_t>(at + size), kNone, kNone});
            at += size;
            continue;
        }
        const std::size_t end = at + utf8::scan(word.substr(at)).length;
        const TokenId id = pieces_.find(word.substr(at, end - at));
        if (id != kNone)
            symbols.push_back({id, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end),
                               kNone, kNone});
        else
            add_fallback(word, at, end, symbols);
        at = end;
    }
    for (std::uint32_t i = 0; i < symbols.size(); ++i) {
        symbols[i].previous = i == 0 ? kNone : i - 1;
        symbols[i].next = i + 1 == symbols.size() ? kNone : i + 1;
    }
    return symbols;
}

Merger::Candidate Merger::candidate(std::string_view word, const std::vector<Symbol>& symbols,
                                    std::uint32_t left) const {
    const Symbol& l = symbols[left];
    Candidate c{kNone, left, l.next, l.end - l.begin, 0, kNone};
    if (l.next == kNone || is_symbol(l.id) || is_symbol(symbols[l.next].id))
        return c;
    const Symbol& r = symbols[l.next];
    c.right_bytes = r.end - r.begin;
    if (spec_.algorithm == tokenizer::Algorithm::kMergeRanks) {
        const MergeIndex::Found found = merges_.find(l.id, r.id);
        c.key = found.rank;
        c.result = found.result;
    } else {
        c.result = pieces_.find(word.substr(l.begin, r.end - l.begin));
        if (c.result != kNone)
            c.key = key_of(spec_.pieces[c.result].score);
    }
    return c;
}

// Ids of the parts of a word, in order; what has none becomes its bytes or the unknown token.
class Merger::Output {
  public:
    Output(const Merger& merger, std::string_view word, std::vector<TokenId>& ids)
        : merger_(merger), word_(word), ids_(ids) {}

    void add(TokenId id, std::size_t begin, std::size_t end) {
        if (id != kNone) {
            ids_.push_back(id);
            unknown_before_ = false;
            return;
        }
        const TokenizerSpec& spec = merger_.spec_;
        const std::string_view character = word_.substr(begin, end - begin);
        const bool has_bytes = merger_.falls_back_to_bytes(character);
        if (has_bytes) {
            for (const char b : character)
                ids_.push_back(merger_.byte_id(b));
        } else if (spec.unknown_id != kNone &&
                   !(unknown_before_ && (spec.flags & tokenizer::kFuseUnknown) != 0)) {
            ids_.push_back(spec.unknown_id);
        }
        unknown_before_ = !has_bytes;
    }

  private:
    const Merger& merger_;
    std::string_view word_;
    std::vector<TokenId>& ids_;
    bool unknown_before_ = false;
};

void Merger::merge(std::string_view word, std::vector<TokenId>& ids) const {
    if (word.size() >= kNone)
        throw TokenizerError("a text of more than 4 GiB cannot be tokenised");
    if ((spec_.flags & tokenizer::kWholeWords) != 0) {
        if (const TokenId id = pieces_.find(word); id != kNone) {
            ids.push_back(id);
            return;
        }
    }
    if (unigram_) {
        Output out(*this, word, ids);
        for (const Unigram::Part& part : unigram_->split(word))
            out.add(part.id, part.begin, part.end);
        return;
    }
    std::vector<Symbol> symbols = split(word);
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    const auto propose = [&](std::uint32_t left) {
        if (left == kNone)
            return;
        if (const Candidate c = candidate(word, symbols, left); c.key != kNone)
            queue.push(c);
    };
    for (std::uint32_t i = 0; i < symbols.size(); ++i)
        propose(i);
    while (!queue.empty()) {
        const Candidate c = queue.top();
        queue.pop();
        Symbol& l = symbols[c.left];
        Symbol& r = symbols[c.right];
        if (l.end - l.begin != c.left_bytes || r.end - r.begin != c.right_bytes ||
            l.next != c.right)
            continue;  // one of the two has merged otherwise since
        l.id = c.result;
        l.end = r.end;
        l.next = r.next;
        r.begin = r.end;
        if (l.next != kNone)
            symbols[l.next].previous = c.left;
        propose(l.previous);
        propose(c.left);
    }
    Output out(*this, word, ids);
    for (std::uint32_t i = 0; i < symbols.size(); i = symbols[i].next)
        out.add(symbols[i].id, symbols[i].begin, symbols[i].end);
}

}  // namespace skald::rt
