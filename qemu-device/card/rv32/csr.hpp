// SPDX-License-Identifier: MIT
// The control and status registers of a machine-mode-only hart (privileged specification, chapters
// 2 and 3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "card/snapshot/stream.hpp"

namespace skald::card::rv32 {

/*
 * X(name, number, reset value, writable bits). Numbers from 0xc00 with both top bits set are
 * read-only: writing them is illegal. mip shows the interrupt lines; the counters are 64 bits wide
 * and kept apart.
 */
#define SKALD_RV32_CSRS(X)                                              \
    X(mstatus, 0x300, 0x1800, 0x88) /* MPP is always M; MIE and MPIE */ \
    X(misa, 0x301, 0x40001104, 0)   /* RV32, I, M, C */                 \
    X(mie, 0x304, 0, 0x880)         /* MTIE, MEIE */                    \
    X(mtvec, 0x305, 0, 0xfffffffd)  /* direct or vectored */            \
    X(mstatush, 0x310, 0, 0)                                            \
    X(mscratch, 0x340, 0, 0xffffffff)                                   \
    X(mepc, 0x341, 0, 0xfffffffe)                                       \
    X(mcause, 0x342, 0, 0xffffffff)                                     \
    X(mtval, 0x343, 0, 0xffffffff)                                      \
    X(mip, 0x344, 0, 0)                                                 \
    X(mcycle, 0xb00, 0, 0xffffffff)                                     \
    X(minstret, 0xb02, 0, 0xffffffff)                                   \
    X(mcycleh, 0xb80, 0, 0xffffffff)                                    \
    X(minstreth, 0xb82, 0, 0xffffffff)                                  \
    X(mvendorid, 0xf11, 0, 0)                                           \
    X(marchid, 0xf12, 0, 0)                                             \
    X(mimpid, 0xf13, 0, 0)                                              \
    X(mhartid, 0xf14, 0, 0)                                             \
    X(mconfigptr, 0xf15, 0, 0)

enum class Csr : std::uint8_t {
#define SKALD_RV32_ENUM(name, number, reset, mask) name,
    SKALD_RV32_CSRS(SKALD_RV32_ENUM)
#undef SKALD_RV32_ENUM
        kCount
};

inline constexpr std::uint32_t kMstatusMie = 1u << 3;
inline constexpr std::uint32_t kMstatusMpie = 1u << 7;

class CsrFile {
  public:
    CsrFile() { reset(); }
    void reset();

    // By architectural number. False: no such register, or a write to a read-only one.
    [[nodiscard]] bool read(std::uint32_t number, std::uint32_t lines, std::uint32_t& value) const;
    [[nodiscard]] bool write(std::uint32_t number, std::uint32_t value);

    // By name, for the hart itself.
    [[nodiscard]] std::uint32_t get(Csr csr) const {
        return values_[static_cast<std::size_t>(csr)];
    }
    void set(Csr csr, std::uint32_t value) { values_[static_cast<std::size_t>(csr)] = value; }

    // All of them, between two steps.
    void save(snapshot::Writer& to) const { to.put(values_); }
    void load(snapshot::Reader& from) { values_ = from.get<decltype(values_)>(); }

    // Once per step. A counter that the instruction itself wrote keeps the written value.
    void count(bool retired);

  private:
    std::array<std::uint32_t, static_cast<std::size_t>(Csr::kCount)> values_{};
    bool cycle_written_ = false;
    bool instret_written_ = false;
};

}  // namespace skald::card::rv32
