// SPDX-License-Identifier: MIT
#include "card/model/apart.hpp"

#include <initializer_list>

#include "skald/isa.hpp"
#include "skald/ring.h"

namespace skald::card::model {
namespace {

constexpr std::uint64_t kRegisterBytes = isa::kRegisters * 8;

Apart through_dram(const Rates& rates, std::uint64_t bytes) {
    return bytes == 0
               ? Apart{}
               : Apart{rates.dram.of(bytes) + rates.dram_latency, rates.dram_energy.of(bytes)};
}

Apart through_host(const Rates& rates, std::uint64_t bytes) {
    return {rates.host.of(bytes) + rates.host_latency, rates.host_energy.of(bytes)};
}

Apart sum(const Rates& rates, std::initializer_list<Apart> parts) {
    Apart all;
    for (const Apart& part : parts) {
        all.time += part.time;
        all.energy += part.energy;
    }
    all.energy += all.time * rates.static_per_ps_thousandths;
    return all;
}

}  // namespace

Apart cost_of_job(const Rates& rates, unsigned stored_registers) {
    return sum(rates,
               {through_host(rates, sizeof(skald_ring_entry)), through_dram(rates, kRegisterBytes),
                through_dram(rates, std::uint64_t{stored_registers} * 8),
                through_host(rates, sizeof(skald_completion))});
}

Apart cost_of_preemption(const Rates& rates, const Scoreboard& board) {
    const auto with_registers = [&](std::uint64_t activations) {
        return through_dram(rates, kRegisterBytes + rates.activations_width.of(activations));
    };
    return sum(rates, {with_registers(board.dirty_bytes()), with_registers(board.held_bytes())});
}

}  // namespace skald::card::model
