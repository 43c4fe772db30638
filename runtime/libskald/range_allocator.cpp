// SPDX-License-Identifier: MIT
// Gaps in an ordered map: taking splits one, giving merges with the neighbours.
#include "libskald/range_allocator.hpp"

#include <iterator>

namespace skald::rt {

RangeAllocator::RangeAllocator(std::uint64_t begin, std::uint64_t end)
    : gaps_{{begin, end}}, free_bytes_(end - begin) {}

std::optional<std::uint64_t> RangeAllocator::take(std::uint64_t bytes, std::uint64_t alignment) {
    for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
        const auto [begin, end] = *gap;
        const std::uint64_t at = (begin + alignment - 1) & ~(alignment - 1);
        if (at < begin || at > end || end - at < bytes)
            continue;
        if (at == begin)
            gaps_.erase(gap);
        else
            gap->second = at;
        if (at + bytes != end)
            gaps_.emplace(at + bytes, end);
        free_bytes_ -= bytes;
        return at;
    }
    return std::nullopt;
}

void RangeAllocator::give(std::uint64_t begin, std::uint64_t bytes) {
    std::uint64_t end = begin + bytes;
    auto next = gaps_.lower_bound(begin);
    if (next != gaps_.begin()) {
        const auto before = std::prev(next);
        if (before->second == begin) {
            begin = before->first;
            gaps_.erase(before);
        }
    }
    if (next != gaps_.end() && next->first == end) {
        end = next->second;
        gaps_.erase(next);
    }
    gaps_.emplace(begin, end);
    free_bytes_ += bytes;
}

}  // namespace skald::rt
