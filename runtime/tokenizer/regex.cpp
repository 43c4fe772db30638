// SPDX-License-Identifier: MIT
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/regex.hpp"

#include <pcre2.h>

#include <new>

#include "tokenizer/spec.hpp"

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

}  // namespace

struct Regex::Code {
    std::unique_ptr<pcre2_code, FreeCode> code;
};

Regex::Regex(const std::string& pattern) : code_(std::make_unique<Code>()) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    // \C takes a character apart.
    code_->code.reset(pcre2_compile(units(pattern), pattern.size(),
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error,
                                    &offset, nullptr));
    if (!code_->code)
        throw TokenizerError("regular expression '" + pattern + "': " + message(error) +
                             " at offset " + std::to_string(offset));
    // Without a JIT on this machine matching is interpreted: slower, same result.
    pcre2_jit_compile(code_->code.get(), PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<Regex::Match> Regex::find_all(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, FreeMatch> data(
        pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
    if (!data)
        throw std::bad_alloc();
    std::vector<Match> matches;
    std::size_t at = 0;
    // In text that is not UTF-8 PCRE2 reads anywhere; one look at it is enough.
    for (std::uint32_t options = PCRE2_NOTEMPTY; at < text.size(); options |= PCRE2_NO_UTF_CHECK) {
        int rc = pcre2_match(code_->code.get(), units(text), text.size(), at, options, data.get(),
                             nullptr);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)  // long runs outgrow the JIT's stack, not the
                                               // interpreter's heap
            rc = pcre2_match(code_->code.get(), units(text), text.size(), at,
                             options | PCRE2_NO_JIT, data.get(), nullptr);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            throw TokenizerError("regular expression at byte " + std::to_string(at) +
                                 " of the text: " + message(rc));
        const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(data.get());
        // \K in a lookahead can end a match before it begins or before the last one: take nothing
        // twice.
        if (ovector[0] < at || ovector[1] <= ovector[0])
            throw TokenizerError("regular expression matches backwards");
        matches.push_back({ovector[0], ovector[1]});
        at = ovector[1];
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

std::string Regex::lowercase(std::string_view text) {
    static const Regex everything("(?s).+");
    static constexpr std::string_view kLower = "\\L$0";
    std::string out(text.size() * 2 + 16, '\0');
    PCRE2_SIZE size = out.size();
    const int rc = pcre2_substitute(everything.code_->code.get(), units(text), text.size(), 0,
                                    PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_EXTENDED, nullptr,
                                    nullptr, units(kLower), kLower.size(),
                                    reinterpret_cast<PCRE2_UCHAR*>(out.data()), &size);
    if (rc < 0)
        throw TokenizerError("lower case: " + message(rc));
    out.resize(size);
    return out;
}

}  // namespace skald::rt
