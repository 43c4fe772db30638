// SPDX-License-Identifier: MIT
// What the compiler calls on its own: mostly for structures, which are aligned.
#include <stddef.h>
#include <stdint.h>

namespace {

template <class T>
constexpr bool aligned(const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % sizeof(T) == 0;
}

}  // namespace

// The compiler must not take these loops for what they implement.
#define SKALD_LOOPS [[gnu::optimize("no-tree-loop-distribute-patterns")]]

extern "C" SKALD_LOOPS void* memcpy(void* to, const void* from, size_t bytes) {
    auto* d = static_cast<unsigned char*>(to);
    const auto* s = static_cast<const unsigned char*>(from);
    if (aligned<uint32_t>(d) && aligned<uint32_t>(s)) {
        for (; bytes >= sizeof(uint32_t); bytes -= sizeof(uint32_t)) {
            *reinterpret_cast<uint32_t*>(d) = *reinterpret_cast<const uint32_t*>(s);
            d += sizeof(uint32_t);
            s += sizeof(uint32_t);
        }
    }
    while (bytes-- != 0) {
        *d++ = *s++;
    }
    return to;
}

extern "C" SKALD_LOOPS void* memset(void* to, int value, size_t bytes) {
    auto* d = static_cast<unsigned char*>(to);
    const auto byte = static_cast<unsigned char>(value);
    if (aligned<uint32_t>(d)) {
        const uint32_t word = byte * 0x01010101u;
        for (; bytes >= sizeof(uint32_t); bytes -= sizeof(uint32_t)) {
            *reinterpret_cast<uint32_t*>(d) = word;
            d += sizeof(uint32_t);
        }
    }
    while (bytes-- != 0) {
        *d++ = byte;
    }
    return to;
}
