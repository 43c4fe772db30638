// SPDX-License-Identifier: MIT
// The three kinds of address the card deals with, as types that do not mix.
#pragma once

#include <compare>
#include <cstdint>

namespace skald::card {

template <class Tag>
struct Address {
    std::uint64_t value = 0;

    constexpr Address() = default;
    constexpr explicit Address(std::uint64_t v) : value(v) {}

    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(std::uint64_t bytes) const { return Address(value + bytes); }
    constexpr Address operator-(std::uint64_t bytes) const { return Address(value - bytes); }
    constexpr std::uint64_t operator-(Address other) const { return value - other.value; }
};

using DmaAddr = Address<struct DmaTag>;      // host memory as the PCI function sees it
using CardOffset = Address<struct CardTag>;  // byte offset in card memory
using VirtAddr = Address<struct VirtTag>;    // what programs use, through a context's page table

}  // namespace skald::card
