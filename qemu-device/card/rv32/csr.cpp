// SPDX-License-Identifier: MIT
// Reading, writing and counting of the control and status registers.
#include "card/rv32/csr.hpp"

#include <optional>

namespace skald::card::rv32 {
namespace {

struct CsrSpec {
    std::uint16_t number;
    std::uint32_t reset;
    std::uint32_t mask;
};

constexpr CsrSpec kSpecs[] = {
#define SKALD_RV32_SPEC(name, number, reset, mask) {number, reset, mask},
    SKALD_RV32_CSRS(SKALD_RV32_SPEC)
#undef SKALD_RV32_SPEC
};

constexpr bool read_only(std::uint32_t number) {
    return (number >> 10) == 3;
}

std::optional<std::size_t> find(std::uint32_t number) {
    for (std::size_t i = 0; i < std::size(kSpecs); ++i) {
        if (kSpecs[i].number == number) {
            return i;
        }
    }
    return std::nullopt;
}

void increment(std::uint32_t& low, std::uint32_t& high) {
    if (++low == 0) {
        ++high;
    }
}

}  // namespace

void CsrFile::reset() {
    for (std::size_t i = 0; i < std::size(kSpecs); ++i) {
        values_[i] = kSpecs[i].reset;
    }
    cycle_written_ = instret_written_ = false;
}

bool CsrFile::read(std::uint32_t number, std::uint32_t lines, std::uint32_t& value) const {
    const auto index = find(number);
    if (!index) {
        return false;
    }
    value = static_cast<Csr>(*index) == Csr::mip ? lines : values_[*index];
    return true;
}

bool CsrFile::write(std::uint32_t number, std::uint32_t value) {
    const auto index = find(number);
    if (!index || read_only(number)) {
        return false;
    }
    const std::uint32_t mask = kSpecs[*index].mask;
    values_[*index] = (values_[*index] & ~mask) | (value & mask);
    const auto csr = static_cast<Csr>(*index);
    cycle_written_ |= csr == Csr::mcycle || csr == Csr::mcycleh;
    instret_written_ |= csr == Csr::minstret || csr == Csr::minstreth;
    return true;
}

void CsrFile::count(bool retired) {
    const auto at = [this](Csr csr) -> std::uint32_t& {
        return values_[static_cast<std::size_t>(csr)];
    };
    if (!cycle_written_) {
        increment(at(Csr::mcycle), at(Csr::mcycleh));
    }
    if (retired && !instret_written_) {
        increment(at(Csr::minstret), at(Csr::minstreth));
    }
    cycle_written_ = instret_written_ = false;
}

}  // namespace skald::card::rv32
