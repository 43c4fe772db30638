// SPDX-License-Identifier: MIT
#include "tokenizer/steps.hpp"

#include "tokenizer/byte_level.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

namespace tk = skald::tokenizer;

struct Span {
    std::size_t begin, end;
    bool match;
};

std::vector<Regex::Match> find_literal(std::string_view text, std::string_view pattern) {
    std::vector<Regex::Match> found;
    for (std::size_t at = text.find(pattern); at != std::string_view::npos;
         at = text.find(pattern, at + pattern.size()))
        found.push_back({at, at + pattern.size()});
    return found;
}

// The whole text as alternating gaps and matches, in order; empty gaps left out.
std::vector<Span> spans_of(std::size_t size, const std::vector<Regex::Match>& matches,
                           bool invert) {
    std::vector<Span> spans;
    std::size_t at = 0;
    for (const Regex::Match& m : matches) {
        if (m.begin > at)
            spans.push_back({at, m.begin, invert});
        spans.push_back({m.begin, m.end, !invert});  // may be empty
        at = m.end;
    }
    if (at < size)
        spans.push_back({at, size, invert});
    return spans;
}

std::vector<Span> group(const std::vector<Span>& spans, std::uint32_t behaviour) {
    std::vector<Span> out;
    bool open = false;  // kMergedNext: a match waits for what follows it; kMergedPrevious: a gap
                        // may take a match
    for (const Span& s : spans) {
        switch (behaviour) {
            case tk::kRemoved:
                if (!s.match)
                    out.push_back(s);
                break;
            case tk::kMergedPrevious:
                if (s.match && open)
                    out.back().end = s.end;
                else
                    out.push_back(s);
                open = !s.match;
                break;
            case tk::kMergedNext:
                if (!s.match && open)
                    out.back().end = s.end;
                else
                    out.push_back(s);
                open = s.match;
                break;
            case tk::kContiguous:
                if (!out.empty() && out.back().match == s.match)
                    out.back().end = s.end;
                else
                    out.push_back(s);
                break;
            default:
                out.push_back(s);
        }
    }
    return out;
}

void split_word(const std::string& word, const std::vector<Regex::Match>& matches,
                std::uint32_t flags, std::vector<std::string>& out) {
    const auto spans = spans_of(word.size(), matches, (flags & tk::kInvert) != 0);
    for (const Span& s : group(spans, flags & tk::kBehaviourMask))
        if (s.end > s.begin)
            out.push_back(word.substr(s.begin, s.end - s.begin));
}

unicode::Form form_of(std::uint32_t flags) {
    switch (flags) {
        case tk::kNfc:
            return unicode::Form::kNfc;
        case tk::kNfd:
            return unicode::Form::kNfd;
        case tk::kNfkc:
            return unicode::Form::kNfkc;
        default:
            return unicode::Form::kNfkd;
    }
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view with) {
    std::string out;
    std::size_t at = 0;
    for (const Regex::Match& m : find_literal(text, pattern)) {
        out += text.substr(at, m.begin - at);
        out += with;
        at = m.end;
    }
    out += text.substr(at);
    return out;
}

Normalizer::Normalizer(const std::vector<TokenizerSpec::Step>& steps) {
    for (const auto& step : steps) {
        steps_.push_back({step, std::nullopt, std::nullopt});
        if (step.kind == tk::StepKind::kReplaceRegex)
            steps_.back().regex.emplace(step.a);
        if (step.kind == tk::StepKind::kCharMap)
            steps_.back().map.emplace(step.a, (step.flags & tk::kByGraphemes) != 0);
    }
}

std::string Normalizer::apply(std::string text, bool first) const {
    for (const auto& [step, regex, map] : steps_) {
        switch (step.kind) {
            case tk::StepKind::kPrepend:
                if (!text.empty() && (first || (step.flags & tk::kFirstText) == 0))
                    text = step.a + text;
                break;
            case tk::StepKind::kReplace:
                text = replace_all(text, step.a, step.b);
                break;
            case tk::StepKind::kReplaceRegex:
                if (regex)
                    text = regex->replace_all(text, step.b);
                break;
            case tk::StepKind::kLowercase:
                text = unicode::lowercase(text);
                break;
            case tk::StepKind::kStripSpace:
                if ((step.flags & tk::kLeft) != 0)
                    text = utf8::trim_left(text);
                if ((step.flags & tk::kRight) != 0)
                    text = utf8::trim_right(text);
                break;
            case tk::StepKind::kNormalForm:
                text = unicode::normalize(form_of(step.flags), std::move(text));
                break;
            case tk::StepKind::kStripMarks:
                text = unicode::without(text, (step.flags & tk::kNonspacingOnly) != 0
                                                  ? unicode::kNonspacingMark
                                                  : unicode::kMark);
                break;
            case tk::StepKind::kCharMap:
                if (map)
                    text = map->apply(text);
                break;
            case tk::StepKind::kByteLevel:
                text = byte_level::encode(text);
                break;
            default:
                throw TokenizerError("a step that does not normalise");
        }
    }
    return text;
}

PreTokenizer::PreTokenizer(const std::vector<TokenizerSpec::Step>& steps) {
    for (const auto& step : steps) {
        steps_.push_back({step, std::nullopt});
        if (step.kind == tk::StepKind::kSplit && (step.flags & tk::kLiteral) == 0)
            steps_.back().regex.emplace(step.a);
    }
}

std::vector<std::string> PreTokenizer::apply(std::string text, bool first) const {
    std::vector<std::string> words;
    if (!text.empty())
        words.push_back(std::move(text));
    for (const auto& [step, regex] : steps_) {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < words.size(); ++i) {
            std::string& word = words[i];
            if (step.kind == tk::StepKind::kSplit) {
                split_word(word, regex ? regex->find_all(word) : find_literal(word, step.a),
                           step.flags, out);
            } else if (step.kind == tk::StepKind::kByteLevel) {
                out.push_back(byte_level::encode(word));
            } else if (step.kind == tk::StepKind::kMetaspace) {
                word = replace_all(word, " ", step.a);
                const bool prepend = (step.flags & tk::kPrependAlways) != 0 ||
                                     ((step.flags & tk::kPrependFirst) != 0 && first && i == 0);
                if (prepend && !word.starts_with(step.a))
                    word = step.a + word;
                if ((step.flags & tk::kSplitWords) != 0)
                    split_word(word, find_literal(word, step.a), tk::kMergedNext, out);
                else
                    out.push_back(std::move(word));
            } else {
                throw TokenizerError("a step that does not pre-tokenise");
            }
        }
        words = std::move(out);
    }
    return words;
}

}  // namespace skald::rt
