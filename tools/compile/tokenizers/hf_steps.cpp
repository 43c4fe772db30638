// SPDX-License-Identifier: MIT
#include "tokenizers/hf_steps.hpp"

#include "error.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizers/char_map.hpp"
#include "tokenizers/patterns.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Read = void (*)(const JsonObject&, Steps&);

// {"String": s} or {"Regex": s}
struct Pattern {
    std::string text;
    bool regex;
};

Pattern read_pattern(const JsonObject& step) {
    const JsonObject pattern = step.object("pattern");
    if (auto literal = pattern.maybe_string("String"))
        return {std::move(*literal), false};
    std::string regex = pattern.string("Regex");
    try {  // as the runtime will
        const rt::Regex compiled(regex);
    } catch (const rt::TokenizerError& e) {
        pattern.reject("Regex", fmt::format("cannot be used: {}", e.what()));
    }
    return {std::move(regex), true};
}

void read_sequence(const JsonObject& step, std::string_view key, Read read, Steps& steps) {
    const Json& list = step.array(key);
    for (std::size_t i = 0; i < list.size(); ++i)
        read(JsonObject(step.file(), fmt::format("{}[{}]", step.path_of(key), i), list[i]), steps);
}

void replace(std::string_view pattern, std::string_view with, Steps& steps) {
    steps.push_back({tk::StepKind::kReplaceRegex, 0, std::string(pattern), std::string(with)});
}

void bert_normalizer(const JsonObject& step, Steps& steps) {
    const bool lowercase = step.maybe_bool("lowercase").value_or(true);
    if (step.maybe_bool("clean_text").value_or(true)) {
        replace(patterns::kBertControl, "", steps);
        replace(patterns::kSpace, " ", steps);
    }
    if (step.maybe_bool("handle_chinese_chars").value_or(true)) {
        replace(patterns::kBeforeBertHan, " ", steps);
        replace(patterns::kBehindBertHan, " ", steps);
    }
    if (step.maybe_bool("strip_accents").value_or(lowercase)) {
        steps.push_back({tk::StepKind::kNormalForm, tk::kNfd, "", ""});
        steps.push_back({tk::StepKind::kStripMarks, tk::kNonspacingOnly, "", ""});
    }
    if (lowercase)
        steps.push_back({tk::StepKind::kLowercase, 0, "", ""});
}

void normalizer(const JsonObject& step, Steps& steps) {
    const std::string type = step.string("type");
    if (type == "Sequence") {
        read_sequence(step, "normalizers", normalizer, steps);
    } else if (type == "Prepend") {
        steps.push_back({tk::StepKind::kPrepend, 0, step.string("prepend"), ""});
    } else if (type == "Replace") {
        Pattern p = read_pattern(step);
        steps.push_back({p.regex ? tk::StepKind::kReplaceRegex : tk::StepKind::kReplace, 0,
                         std::move(p.text), step.string("content")});
    } else if (type == "Lowercase") {
        steps.push_back({tk::StepKind::kLowercase, 0, "", ""});
    } else if (type == "Strip") {
        const std::uint32_t sides =
            (step.maybe_bool("strip_left").value_or(true) ? tk::kLeft : 0u) |
            (step.maybe_bool("strip_right").value_or(true) ? tk::kRight : 0u);
        steps.push_back({tk::StepKind::kStripSpace, sides, "", ""});
    } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
        const std::uint32_t form = type == "NFC"    ? tk::kNfc
                                   : type == "NFD"  ? tk::kNfd
                                   : type == "NFKC" ? tk::kNfkc
                                                    : tk::kNfkd;
        steps.push_back({tk::StepKind::kNormalForm, form, "", ""});
    } else if (type == "StripAccents") {
        steps.push_back({tk::StepKind::kStripMarks, 0, "", ""});
    } else if (type == "Precompiled") {
        const std::string where =
            fmt::format("{}: {}", step.file(), step.path_of("precompiled_charsmap"));
        const std::string bytes = from_base64(step.string("precompiled_charsmap"), where);
        std::string pairs = pairs_of_charsmap(std::as_bytes(std::span(bytes)), where);
        if (!pairs.empty())
            steps.push_back({tk::StepKind::kCharMap, tk::kByGraphemes, std::move(pairs), ""});
    } else if (type == "Nmt") {
        replace(patterns::kNmtDropped, "", steps);
        replace(patterns::kNmtSpaces, " ", steps);
    } else if (type == "BertNormalizer") {
        bert_normalizer(step, steps);
    } else if (type == "ByteLevel") {
        steps.push_back({tk::StepKind::kByteLevel, 0, "", ""});
    } else {
        fail(
            "{}: normalizer {} ({}) is not supported; Prepend, Replace, Lowercase, Strip, "
            "StripAccents, NFC, NFD, NFKC, NFKD, Precompiled, Nmt, BertNormalizer, ByteLevel and "
            "Sequence are",
            step.file(), type, step.path_of("type"));
    }
}

std::uint32_t read_behaviour(const JsonObject& step) {
    const std::string name = step.string("behavior");
    if (name == "Isolated")
        return tk::kIsolated;
    if (name == "Removed")
        return tk::kRemoved;
    if (name == "MergedWithPrevious")
        return tk::kMergedPrevious;
    if (name == "MergedWithNext")
        return tk::kMergedNext;
    if (name == "Contiguous")
        return tk::kContiguous;
    step.reject("behavior", fmt::format("{} is unknown", name));
}

void split(std::string_view pattern, std::uint32_t flags, Steps& steps) {
    steps.push_back({tk::StepKind::kSplit, flags, std::string(pattern), ""});
}

// Metaspace of both ages: add_prefix_space, or prepend_scheme and split.
std::uint32_t metaspace_flags(const JsonObject& step) {
    std::string scheme = step.maybe_bool("add_prefix_space").value_or(true) ? "always" : "never";
    scheme = step.maybe_string("prepend_scheme").value_or(scheme);
    std::uint32_t flags = 0;
    if (scheme == "always")
        flags = tk::kPrependAlways;
    else if (scheme == "first")
        flags = tk::kPrependFirst;
    else if (scheme != "never")
        step.reject("prepend_scheme", fmt::format("{} is unknown", scheme));
    if (step.maybe_bool("split").value_or(true))
        flags |= tk::kSplitWords;
    return flags;
}

void pre_tokenizer(const JsonObject& step, Steps& steps) {
    const std::string type = step.string("type");
    if (type == "Sequence") {
        read_sequence(step, "pretokenizers", pre_tokenizer, steps);
    } else if (type == "Split") {
        const Pattern p = read_pattern(step);
        std::uint32_t flags = read_behaviour(step) | (p.regex ? 0u : tk::kLiteral);
        if (step.maybe_bool("invert").value_or(false))
            flags |= tk::kInvert;
        split(p.text, flags, steps);
    } else if (type == "Digits") {
        split(step.maybe_bool("individual_digits").value_or(false) ? patterns::kDigit
                                                                   : patterns::kDigits,
              tk::kIsolated, steps);
    } else if (type == "Metaspace") {
        steps.push_back(
            {tk::StepKind::kMetaspace, metaspace_flags(step), step.string("replacement"), ""});
    } else if (type == "ByteLevel") {
        if (step.maybe_bool("add_prefix_space")
                .value_or(true))  // a space before each word that has none
            steps.push_back({tk::StepKind::kMetaspace, tk::kPrependAlways, " ", ""});
        if (step.maybe_bool("use_regex").value_or(true))
            split(patterns::kGpt2, tk::kIsolated, steps);
        steps.push_back({tk::StepKind::kByteLevel, 0, "", ""});
    } else if (type == "WhitespaceSplit") {
        split(patterns::kSpaces, tk::kRemoved, steps);
    } else if (type == "Whitespace") {
        split(patterns::kWordsOrOthers, tk::kRemoved | tk::kInvert, steps);
    } else if (type == "Punctuation") {
        split(patterns::kOnePunctuation,
              step.has("behavior") ? read_behaviour(step) : std::uint32_t{tk::kIsolated}, steps);
    } else if (type == "BertPreTokenizer") {
        split(patterns::kSpaces, tk::kRemoved, steps);
        split(patterns::kOnePunctuation, tk::kIsolated, steps);
    } else if (type == "CharDelimiterSplit") {
        split(step.string("delimiter"), tk::kRemoved | tk::kLiteral, steps);
    } else if (type == "FixedLength") {
        const auto length = step.maybe_uint("length").value_or(5);
        if (length == 0 || length > 65535)
            step.reject("length", "must be 1 to 65535");
        split(fmt::format("(?m:.{{1,{}}})", length), tk::kIsolated, steps);
    } else {
        fail(
            "{}: pre-tokenizer {} ({}) is not supported; Split, Digits, Metaspace, ByteLevel, "
            "Whitespace, WhitespaceSplit, Punctuation, BertPreTokenizer, CharDelimiterSplit, "
            "FixedLength and Sequence are",
            step.file(), type, step.path_of("type"));
    }
}

void decoder(const JsonObject& step, Steps& steps) {
    const std::string type = step.string("type");
    if (type == "Sequence") {
        read_sequence(step, "decoders", decoder, steps);
    } else if (type == "Replace") {
        Pattern p = read_pattern(step);
        steps.push_back({p.regex ? tk::StepKind::kReplaceRegex : tk::StepKind::kReplace, 0,
                         std::move(p.text), step.string("content")});
    } else if (type == "ByteFallback") {
        steps.push_back({tk::StepKind::kByteTokens, 0, "", ""});
    } else if (type == "Strip") {
        const std::string content = step.string("content");
        const auto start = step.maybe_uint("start").value_or(0);
        if (content.size() != 1 || start > 0xffff || step.maybe_uint("stop").value_or(0) != 0)
            step.reject("content", "must be one ASCII character, stripped at the start only");
        if (start > 0)
            steps.push_back({tk::StepKind::kStrip, static_cast<std::uint32_t>(start), content, ""});
    } else if (type == "Metaspace") {
        steps.push_back({tk::StepKind::kMetaspace,
                         metaspace_flags(step) & ~std::uint32_t{tk::kSplitWords},
                         step.string("replacement"), ""});
    } else if (type == "ByteLevel") {
        steps.push_back({tk::StepKind::kByteLevel, 0, "", ""});
    } else if (type != "Fuse") {  // text is always put together before it is given out
        fail(
            "{}: decoder {} ({}) is not supported; Replace, ByteFallback, Fuse, Strip, Metaspace, "
            "ByteLevel and Sequence are",
            step.file(), type, step.path_of("type"));
    }
}

void read(const JsonObject& file, std::string_view key, Read read_step, Steps& steps) {
    if (const auto step = file.maybe_object(key))
        read_step(*step, steps);
}

}  // namespace

void read_hf_normalizer(const JsonObject& file, Steps& steps) {
    read(file, "normalizer", normalizer, steps);
}
void read_hf_pre_tokenizer(const JsonObject& file, Steps& steps) {
    read(file, "pre_tokenizer", pre_tokenizer, steps);
}
void read_hf_decoder(const JsonObject& file, Steps& steps) {
    read(file, "decoder", decoder, steps);
    if (!file.maybe_object("decoder"))  // the pieces, a space between them
        steps.push_back({tk::StepKind::kPrepend, 0, " ", ""});
}

}  // namespace skald::compiler
