// SPDX-License-Identifier: MIT
// Formats log lines.
#include "firmware/log/format.hpp"

namespace skald::fw {
namespace {

struct Output {
    char* to;
    u32 size;
    u32 used = 0;

    void put(char c) {
        if (used < size) {
            to[used++] = c;
        }
    }
};

struct Spec {
    u32 width = 0;
    char pad = ' ';
    bool wide = false;
};

void put_number(Output& out, u64 value, u32 base, bool negative, const Spec& spec) {
    char digits[24];
    u32 count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    const u32 length = count + (negative ? 1 : 0);
    if (negative && spec.pad == '0') {
        out.put('-');
    }
    for (u32 i = length; i < spec.width; ++i) {
        out.put(spec.pad);
    }
    if (negative && spec.pad != '0') {
        out.put('-');
    }
    while (count != 0) {
        out.put(digits[--count]);
    }
}

void put_text(Output& out, const char* text, const Spec& spec) {
    u32 length = 0;
    while (text[length] != 0) {
        ++length;
    }
    for (u32 i = length; i < spec.width; ++i) {
        out.put(' ');
    }
    for (u32 i = 0; i < length; ++i) {
        out.put(text[i]);
    }
}

// Flags, width and length after a '%'; leaves `at` on the conversion character.
Spec parse(const char*& at) {
    Spec spec;
    if (*at == '0') {
        spec.pad = '0';
        ++at;
    }
    for (; *at >= '0' && *at <= '9'; ++at) {
        spec.width = spec.width * 10 + static_cast<u32>(*at - '0');
    }
    for (; *at == 'l'; ++at) {
        spec.wide = at[1] == 'l' || spec.wide;
    }
    return spec;
}

}  // namespace

u32 format(char* to, u32 size, const char* text, va_list arguments) {
    Output out{to, size};
    for (const char* at = text; *at != 0; ++at) {
        if (*at != '%') {
            out.put(*at);
            continue;
        }
        ++at;
        const Spec spec = parse(at);
        switch (*at) {
            case 'u':
            case 'x': {
                const u64 value = spec.wide ? va_arg(arguments, unsigned long long)
                                            : va_arg(arguments, unsigned int);
                put_number(out, value, *at == 'x' ? 16 : 10, false, spec);
                break;
            }
            case 'd': {
                const long long value =
                    spec.wide ? va_arg(arguments, long long) : va_arg(arguments, int);
                const u64 magnitude =
                    value < 0 ? 0 - static_cast<u64>(value) : static_cast<u64>(value);
                put_number(out, magnitude, 10, value < 0, spec);
                break;
            }
            case 's':
                put_text(out, va_arg(arguments, const char*), spec);
                break;
            case 'c':
                out.put(static_cast<char>(va_arg(arguments, int)));
                break;
            case 0:
                return out.used;  // a lone % at the end
            default:
                out.put(*at);
                break;
        }
    }
    return out.used;
}

}  // namespace skald::fw
