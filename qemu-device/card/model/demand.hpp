// SPDX-License-Identifier: MIT
// What a micro-op's work asks of a chip's resources: times at its rates, bytes by where they go. A
// pure function of work and profile, so that it can be kept as long as neither changes.
#pragma once

#include <cstdint>
#include <optional>

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
    std::optional<isa::MacKind> products;  // whose peak and energy count; none: of the weights'
    bool unpacked = false;                 // weights are not of that kind, and are turned into it
};

// A profile's figures, as factors.
struct Rates {
    explicit Rates(const ChipProfile& profile, const Widths& widths = {});

    static constexpr std::size_t kMacKinds = 5;
    Factor mac[kMacKinds];  // by isa::MacKind: time of one
    Factor mac_energy[kMacKinds];
    Factor vector, vector_energy;
    Factor unpack;                  // of a weight that is unpacked
    Factor array_entry;             // of an element of a row that enters the array
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
    bool unpacked;
};

// What is looked at each time that the micro-op runs comes first.
struct alignas(64) Demand {
    Ps compute = 0;            // of the busiest of what computes
    std::uint64_t stream = 0;  // bytes of weights from DRAM
    std::uint64_t cache = 0;   // bytes of the cache to or from it
    Ps stream_time = 0;        // of these, where nothing else is moved
    Ps sram_time = 0;          // of all bytes, which go through the port
    Fj energy = 0;             // of all of it, the parts below
    bool array_bound = false;  // that computes longest, and not the vector unit
    bool to_host = false;
    bool sends = false;  // to other chips
    bool receives = false;
    bool seldom = false;  // one of the last three, or unpacks
    Ps unpack = 0;        // after the weights have come
    Ps host_time = 0;
    Ps link_time = 0;  // of what it sends, receives, or both
    Fj mac_energy = 0;
    Fj vector_energy = 0;
    Fj stream_energy = 0;
    Fj sram_energy = 0;
    Fj host_energy = 0;
    Fj link_energy = 0;  // of what is sent
};

[[nodiscard]] Demand demand_of(const isa::Work& work, const Rates& rates);

}  // namespace skald::card::model
