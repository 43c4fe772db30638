// SPDX-License-Identifier: MIT
// Where the bytes of a range of virtual addresses lie: a few runs of card memory, adjacent pages
// merged. Made for one micro-op; kept only to reuse its storage.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <vector>

#include "card/mmu/page_walk.hpp"

namespace skald::card {

class Extents {
  public:
    // More than this (4 GiB of scattered 4 KiB pages) is refused, so that a hostile page table
    // cannot make the card hoard memory.
    static constexpr std::size_t kLimit = 1u << 20;

    explicit Extents(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : runs_(memory) {}

    void clear() { runs_.clear(); }
    void release() { std::pmr::vector<Mapping>(runs_.get_allocator()).swap(runs_); }
    [[nodiscard]] std::size_t size() const { return runs_.size(); }
    [[nodiscard]] const Mapping& operator[](std::size_t i) const { return runs_[i]; }

    // Appends [first, end), which lies within the mapping. Ranges come in ascending order. A gap
    // between two of them joins the run if the same distance separates their bytes: nobody looks
    // into gaps.
    void add(std::uint64_t first, std::uint64_t end, const Mapping& mapping) {
        if (runs_.size() > from_) {
            Mapping& last = runs_.back();
            const std::uint64_t distance = first - last.first;
            const bool card = mapping.card != nullptr;
            const bool same_kind = card == (last.card != nullptr);
            const bool adjacent = same_kind && (card ? last.card + distance == mapping.at(first)
                                                     : last.host + distance ==
                                                           mapping.host + (first - mapping.first));
            if (adjacent) {
                if (end > last.end)
                    last.end = end;
                last.writable &= mapping.writable;
                return;
            }
        }
        Mapping run = mapping;
        if (run.card != nullptr)
            run.card = mapping.at(first);
        else
            run.host = mapping.host + (first - mapping.first);
        run.first = first;
        run.end = end;
        runs_.push_back(run);
    }

    // Forgets all but the first `count` runs, of which the last may be longer than it was.
    void shrink(std::size_t count) { runs_.resize(count); }

    // Following add()s start a range of their own, not merged with what is there.
    void begin_range() { from_ = runs_.size(); }

    // The run that holds va, searched among runs [begin, end).
    [[nodiscard]] const Mapping& find(std::uint64_t va, std::size_t begin, std::size_t end) const {
        while (end - begin > 1) {
            const std::size_t middle = begin + (end - begin) / 2;
            if (runs_[middle].first <= va)
                begin = middle;
            else
                end = middle;
        }
        return runs_[begin];
    }

    // Copies out of or into card runs [begin, end), across their borders. The other side may be
    // card memory as well, of an operand that overlaps this one.
    void read(std::uint64_t va, void* to, std::size_t bytes, std::size_t begin,
              std::size_t end) const {
        auto* out = static_cast<std::byte*>(to);
        while (bytes != 0) {
            const Mapping& run = find(va, begin, end);
            const std::size_t n = run.end - va < bytes ? run.end - va : bytes;
            std::memmove(out, run.at(va), n);
            va += n;
            out += n;
            bytes -= n;
        }
    }
    void write(std::uint64_t va, const void* from, std::size_t bytes, std::size_t begin,
               std::size_t end) const {
        const auto* in = static_cast<const std::byte*>(from);
        while (bytes != 0) {
            const Mapping& run = find(va, begin, end);
            const std::size_t n = run.end - va < bytes ? run.end - va : bytes;
            std::memmove(run.at(va), in, n);
            va += n;
            in += n;
            bytes -= n;
        }
    }

  private:
    std::pmr::vector<Mapping> runs_;
    std::size_t from_ = 0;
};

}  // namespace skald::card
