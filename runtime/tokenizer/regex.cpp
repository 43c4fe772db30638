// SPDX-License-Identifier: MIT
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/regex.hpp"

#include <pcre2.h>

#include <new>

#include "tokenizer/char_classes.hpp"
#include "tokenizer/regex_syntax.hpp"
#include "tokenizer/spec.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

struct FreeMatch {
    void operator()(pcre2_match_data* m) const { pcre2_match_data_free(m); }
};
struct FreeCode {
    void operator()(pcre2_code* c) const { pcre2_code_free(c); }
};

std::string message(int error) {
    unsigned char text[256];
    pcre2_get_error_message(error, text, sizeof text);
    return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR units(std::string_view s) {
    return reinterpret_cast<PCRE2_SPTR>(s.data());
}

std::string byte(std::uint8_t b) {
    static constexpr char kDigits[] = "0123456789abcdef";
    return {'\\', 'x', kDigits[b / 16], kDigits[b % 16]};
}

// A set as the bytes of its classes.
std::string set_of(const std::vector<std::uint8_t>& classes) {
    if (classes.empty())
        return "(?!)";
    if (classes.size() == 1)
        return byte(classes[0]);
    std::string out = "[";
    for (std::size_t i = 0; i < classes.size();) {
        std::size_t last = i;
        while (last + 1 < classes.size() && classes[last + 1] == classes[last] + 1)
            ++last;
        out += byte(classes[i]);
        if (last > i)
            out += "-" + byte(classes[last]);
        i = last + 1;
    }
    return out + "]";
}

CharClasses classes_for(const std::string& pattern, const RegexSyntax& syntax) {
    auto classes = CharClasses::of(syntax.sets);
    if (!classes)
        throw TokenizerError("regular expression '" + pattern + "': more than " +
                             std::to_string(CharClasses::kMost) +
                             " kinds of characters are not supported");
    return std::move(*classes);
}

}  // namespace

struct Regex::Code {
    CharClasses classes;
    std::unique_ptr<pcre2_code, FreeCode> code;
};

Regex::Regex(const std::string& pattern) {
    const RegexSyntax syntax = parse_regex(pattern);
    code_ = std::make_unique<Code>(Code{classes_for(pattern, syntax), nullptr});
    std::string written;
    for (const RegexSyntax::Item& item : syntax.items)
        written += item.set < 0
                       ? item.text
                       : set_of(code_->classes.classes_of(static_cast<std::size_t>(item.set)));
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_->code.reset(pcre2_compile(units(written), written.size(),
                                    PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, nullptr));
    if (!code_->code)
        throw TokenizerError("regular expression '" + pattern + "': " + message(error));
    // Without a JIT on this machine matching is interpreted: slower, same result.
    pcre2_jit_compile(code_->code.get(), PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<Regex::Match> Regex::find_all(std::string_view text) const {
    if (!utf8::well_formed(text))
        throw TokenizerError("a text that is not UTF-8 cannot be searched");
    const std::unique_ptr<pcre2_match_data, FreeMatch> data(
        pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
    if (!data)
        throw std::bad_alloc();
    const std::string classes = code_->classes.classify(text);
    std::vector<Match> matches;
    // Characters so far and the bytes they take.
    std::size_t character = 0, bytes = 0;
    const auto byte_of = [&](std::size_t wanted) {
        for (; character < wanted; ++character)
            bytes += utf8::length(text[bytes]);
        return bytes;
    };
    std::size_t last_end = std::string::npos;
    for (std::size_t at = 0; at <= classes.size();) {
        int rc = pcre2_match(code_->code.get(), units(classes), classes.size(), at, 0, data.get(),
                             nullptr);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)  // long runs outgrow the JIT's stack, not the
                                               // interpreter's heap
            rc = pcre2_match(code_->code.get(), units(classes), classes.size(), at, PCRE2_NO_JIT,
                             data.get(), nullptr);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            throw TokenizerError("regular expression at character " + std::to_string(at) +
                                 " of the text: " + message(rc));
        const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(data.get());
        const std::size_t begin = ovector[0], end = ovector[1];
        if (begin == end && begin == last_end) {
            ++at;
            continue;
        }
        at = last_end = end;
        const std::size_t begin_byte = byte_of(begin);
        matches.push_back({begin_byte, byte_of(end)});
    }
    return matches;
}

std::string Regex::replace_all(std::string_view text, std::string_view with) const {
    std::string out;
    std::size_t at = 0;
    for (const Match& m : find_all(text)) {
        out += text.substr(at, m.begin - at);
        out += with;
        at = m.end;
    }
    out += text.substr(at);
    return out;
}

}  // namespace skald::rt
