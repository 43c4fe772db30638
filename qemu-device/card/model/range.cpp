// SPDX-License-Identifier: MIT
#include "card/model/range.hpp"

#include <algorithm>
#include <utility>

namespace skald::card::model {
namespace {

using Wide = __int128;

Wide floor_div(Wide a, Wide b) {
    const Wide quotient = a / b;
    return quotient - ((a % b != 0 && a < 0) ? 1 : 0);
}

// Whether bytes [from, from + length) are in a row of `many`. Numbers of rows that begin before the
// end of the bytes and end behind their begin.
bool meets(const Range& many, Wide from, Wide length) {
    const Wide start = many.va;
    const Wide pitch = many.pitch;
    const Wide first = std::max<Wide>(floor_div(from - start - many.width, pitch) + 1, 0);
    const Wide last = std::min<Wide>(floor_div(from + length - 1 - start, pitch),
                                     static_cast<Wide>(many.rows) - 1);
    return first <= last;
}

constexpr std::uint64_t kNever = ~0ull;

// The least x with low <= a * x mod m <= high, where a < m and low <= high < m: by Euclid's
// algorithm, whatever the number of rows.
std::uint64_t first_within(std::uint64_t a, std::uint64_t m, std::uint64_t low,
                           std::uint64_t high) {
    if (low == 0)
        return 0;
    if (a == 0)
        return kNever;
    const std::uint64_t up = (low + a - 1) / a;
    if (up * a <= high)
        return up;
    const std::uint64_t y = first_within(m % a, a, a - high % a, a - low % a);
    if (y == kNever)
        return kNever;
    const Wide x = (static_cast<Wide>(m) * y + low + a - 1) / a;
    return x >= kNever ? kNever : static_cast<std::uint64_t>(x);
}

// Of tables at two pitches.
bool lattices_meet(const Range& few, const Range& many) {
    // Rows of few that lie between the begin and the end of many.
    const Wide distance = static_cast<Wide>(few.va) - static_cast<Wide>(many.va);
    const Wide length = static_cast<Wide>(many.end() - many.va);
    const Wide first = std::max<Wide>(floor_div(-distance - few.width, few.pitch) + 1, 0);
    const Wide last = std::min<Wide>(floor_div(length - distance - 1, few.pitch),
                                     static_cast<Wide>(few.rows) - 1);
    if (first > last)
        return false;
    const std::uint64_t window =
        few.width + many.width - 2;  // a row of few begins in it: they meet
    if (window >= many.pitch - 1)
        return true;
    const auto begin = static_cast<std::uint64_t>((distance + first * few.pitch + few.width - 1) %
                                                  static_cast<Wide>(many.pitch));
    const std::uint64_t step = few.pitch % many.pitch;
    const auto count = static_cast<std::uint64_t>(last - first);
    if (begin <= window)
        return true;
    // begin + step * i mod pitch is at most window.
    const std::uint64_t low = many.pitch - begin;
    return first_within(step, many.pitch, low, low + window) <= count;
}

}  // namespace

Range make_range(std::uint64_t va, std::uint64_t pitch, std::uint64_t width, std::uint64_t rows) {
    if (rows == 0 || width == 0)
        return {va, 0, 0, 0};
    if (rows == 1)
        return {va, width, width, 1};
    if (pitch == width)
        return {va, width * rows, width * rows, 1};
    return {va, pitch, width, rows};
}

bool overlap(const Range& a, const Range& b) {
    if (a.rows == 0 || b.rows == 0 || a.end() <= b.va || b.end() <= a.va)
        return false;
    if (a.rows == 1)
        return meets(b, a.va, a.width);
    if (b.rows == 1)
        return meets(a, b.va, b.width);
    if (a.pitch == b.pitch) {
        // Row i of a and row j of b meet if so many pitches lie between -b.width and a.width of the
        // distance of their tables.
        const Wide distance = static_cast<Wide>(a.va) - static_cast<Wide>(b.va);
        const Wide pitch = a.pitch;
        const Wide least = std::max<Wide>(floor_div(distance - b.width, pitch) + 1,
                                          -(static_cast<Wide>(a.rows) - 1));
        const Wide most =
            std::min<Wide>(floor_div(distance + a.width - 1, pitch), static_cast<Wide>(b.rows) - 1);
        return least <= most;
    }
    return lattices_meet(a.rows <= b.rows ? a : b, a.rows <= b.rows ? b : a);
}

bool covers(const Range& outer, const Range& inner) {
    if (inner.rows == 0 || inner.va < outer.va || inner.end() > outer.end())
        return false;
    if (outer.rows == 1)
        return true;
    const std::uint64_t distance = inner.va - outer.va;
    const std::uint64_t column = distance % outer.pitch;
    return (inner.rows == 1 || inner.pitch == outer.pitch) && column + inner.width <= outer.width;
}

}  // namespace skald::card::model
