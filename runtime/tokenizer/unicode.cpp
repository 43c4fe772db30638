// SPDX-License-Identifier: MIT
#include "tokenizer/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tokenizer/spec.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt::unicode {
namespace {

static_assert(UTF8PROC_CATEGORY_CN == static_cast<int>(Category::Cn) &&
              UTF8PROC_CATEGORY_ND == static_cast<int>(Category::Nd) &&
              UTF8PROC_CATEGORY_ZS == static_cast<int>(Category::Zs) &&
              UTF8PROC_CATEGORY_CO == static_cast<int>(Category::Co));

utf8proc_int32_t code(char32_t c) {
    return static_cast<utf8proc_int32_t>(c);
}

// Texts whose bytes are all below this one are what they are in that form: characters up to U+02FF
// (NFC), U+00BF (NFD), U+007F.
unsigned first_byte_to_look_at(Form form) {
    switch (form) {
        case Form::kNfc:
            return 0xCC;
        case Form::kNfd:
            return 0xC3;
        default:
            return 0x80;
    }
}

}  // namespace

Category category(char32_t c) {
    return static_cast<Category>(utf8proc_category(code(c)));
}

bool is_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

char32_t fold(char32_t c) {
    if (c == 0x130 || c == 0x131)  // dotted and dotless i are themselves
        return c;
    return static_cast<char32_t>(utf8proc_tolower(utf8proc_toupper(code(c))));
}

bool folds_to_several(char32_t c) {
    utf8proc_int32_t out[8];
    int boundary = 0;
    return utf8proc_decompose_char(code(c), out, 8, UTF8PROC_CASEFOLD, &boundary) > 1;
}

std::string normalize(Form form, std::string text) {
    const unsigned limit = first_byte_to_look_at(form);
    if (std::ranges::all_of(text,
                            [limit](char c) { return static_cast<unsigned char>(c) < limit; }))
        return text;
    int options = UTF8PROC_STABLE;
    options |= form == Form::kNfc || form == Form::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    if (form == Form::kNfkc || form == Form::kNfkd)
        options |= UTF8PROC_COMPAT;
    utf8proc_uint8_t* result = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                                   static_cast<utf8proc_option_t>(options));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
    if (size < 0)
        throw TokenizerError(std::string("a text cannot be normalised: ") + utf8proc_errmsg(size));
    return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

std::string lowercase(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8::length(text[0]);
        const char32_t c = utf8::decode(text.substr(0, length));
        if (c < 0x80)
            out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
        else if (c == 0x130)  // the one letter whose lower case is two characters
            out += "i\xCC\x87";
        else
            out += utf8::encode(static_cast<char32_t>(utf8proc_tolower(code(c))));
        text.remove_prefix(length);
    }
    return out;
}

std::string without(std::string_view text, std::uint32_t categories) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8::length(text[0]);
        const char32_t c = utf8::decode(text.substr(0, length));
        if ((mask(category(c)) & categories) == 0)
            out += text.substr(0, length);
        text.remove_prefix(length);
    }
    return out;
}

std::size_t grapheme_length(std::string_view text) {
    std::size_t at = utf8::length(text[0]);
    char32_t before = utf8::decode(text.substr(0, at));
    utf8proc_int32_t state = 0;
    while (at < text.size()) {
        const auto length = utf8::length(text[at]);
        const char32_t next = utf8::decode(text.substr(at, length));
        if (utf8proc_grapheme_break_stateful(code(before), code(next), &state))
            break;
        before = next;
        at += length;
    }
    return at;
}

}  // namespace skald::rt::unicode
