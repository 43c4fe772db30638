// SPDX-License-Identifier: MIT
// What a micro-op's work asks of a chip's resources: times at its rates, bytes by where they go. A
// pure function of work and profile, so that it can be kept as long as neither changes.
#pragma once

#include <cstdint>

#include "card/model/chip_profile.hpp"
#include "card/model/units.hpp"
#include "skald/isa_table.hpp"

namespace skald::card::model {

// Numbers of another width than the ISA's, for chips whose published figures are of such: the part
// of the bytes of each role that is moved.
struct Widths {
    double weights = 1;
    double kv = 1;
    double activations = 1;
};

// A profile's figures, as factors.
struct Rates {
    explicit Rates(const ChipProfile& profile, const Widths& widths = {});

    static constexpr std::size_t kMacKinds = 5;
    Factor mac[kMacKinds];  // by isa::MacKind: time of one
    Factor mac_energy[kMacKinds];
    Factor vector, vector_energy;
    Factor dram, sram, host, link;  // time of a byte
    Factor dram_energy, sram_energy, host_energy, link_energy;
    Factor weights_width, kv_width, activations_width;
    std::uint64_t array_rows;
    Ps array_fill, dram_latency, host_latency, link_latency, sync;
    Ps issue, launch, boundary;
    std::uint64_t issue_window;
    std::uint64_t sram_bytes, prefetch_bytes;
    Fj static_per_ps_thousandths;  // mW
    bool weights_resident, kv_resident;
};

struct Demand {
    Ps compute = 0;            // of the busiest of what computes
    bool array_bound = false;  // that is the array, and not the vector unit
    std::uint64_t stream = 0;  // bytes of weights from DRAM
    std::uint64_t cache = 0;   // bytes of the cache to or from it
    std::uint64_t sram = 0;    // bytes, all of them through the port
    std::uint64_t host = 0;
    std::uint64_t sent = 0;      // bytes to other chips
    std::uint64_t received = 0;  // and from them
    Ps stream_time = 0;          // of these, where nothing else is moved
    Ps sram_time = 0;
    Ps host_time = 0;
    Ps sent_time = 0;
    Ps received_time = 0;
    Fj mac_energy = 0;
    Fj vector_energy = 0;
    Fj stream_energy = 0;
    Fj sram_energy = 0;
    Fj host_energy = 0;
    Fj link_energy = 0;  // of what is sent
};

[[nodiscard]] Demand demand_of(const isa::Work& work, const Rates& rates);

}  // namespace skald::card::model
