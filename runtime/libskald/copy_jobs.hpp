// SPDX-License-Identifier: MIT
// The card as a copier: jobs of COPY micro-ops between card and system memory of one address space.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libskald/address_space.hpp"
#include "libskald/argument_block.hpp"
#include "libskald/buffer.hpp"
#include "libskald/queue.hpp"

namespace skald::rt {

class CopyJobs {
  public:
    static constexpr std::size_t kSlots = 2;  // in flight at a time

    explicit CopyJobs(AddressSpace& space);

    // Starts a copy, any alignment. The job of this slot before must have been waited for.
    void start(std::size_t slot, std::uint64_t to_va, std::uint64_t from_va, std::uint64_t bytes);
    // Until the slot's copy is done, if it has one. Throws the card's fault.
    void wait(std::size_t slot);

  private:
    static constexpr std::uint64_t kRow = 4096;

    Buffer control_;  // program and argument blocks
    Binding control_binding_;
    std::array<isa::MicroOp, 3> program_;
    std::array<std::uint64_t, kSlots> jobs_{};
    Queue queue_;  // last: its jobs use all of the above
};

}  // namespace skald::rt
