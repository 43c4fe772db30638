// SPDX-License-Identifier: MIT
// The control core's peripheral registers (core.h) as storage with access rules. All state that the
// firmware can read lives here; the units around it (doorbells, mailbox, engine unit ...) work on
// it. Callers hold the card's lock.
#pragma once

#include <array>
#include <cstdint>

#include "card/snapshot/stream.hpp"
#include "skald/core.h"

namespace skald::card {

class CoreRegisters {
  public:
    void reset(std::uint64_t memory_size);

    [[nodiscard]] std::uint32_t get(std::uint32_t offset) const { return values_[offset / 4]; }
    void set(std::uint32_t offset, std::uint32_t value) { values_[offset / 4] = value; }
    [[nodiscard]] std::uint64_t get64(std::uint32_t low_offset) const;
    void set64(std::uint32_t low_offset, std::uint64_t value);

    // As the firmware sees them. False: no such register or the wrong direction.
    [[nodiscard]] static bool readable(std::uint32_t offset);
    [[nodiscard]] static bool writable(std::uint32_t offset);

    void save(snapshot::Writer& to) const { to.put(values_); }
    void load(snapshot::Reader& from) { values_ = from.get<decltype(values_)>(); }

  private:
    std::array<std::uint32_t, SKALD_CORE_DB_TAIL0 / 4 + SKALD_MAX_QUEUES> values_{};
};

}  // namespace skald::card
