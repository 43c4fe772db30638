// SPDX-License-Identifier: MIT
#include "card/model/demand.hpp"

#include <algorithm>
#include <cmath>

namespace skald::card::model {
namespace {

using isa::MacKind;

constexpr double kPsPerSecond = 1e12;

// Picoseconds of one of what comes at `giga` thousand millions a second; 0: it takes no time.
Factor each(double giga) {
    return giga == 0 ? Factor() : Factor(kPsPerSecond / (giga * 1e9));
}

// Of a MAC, which counts as two operations.
Factor mac_time(double tera_ops, double efficiency) {
    return each(tera_ops * 1e3 / 2 * efficiency);
}

Ps ps(double ns) {
    return static_cast<Ps>(std::llround(ns * 1e3));
}

std::uint64_t mega(double mb) {
    return static_cast<std::uint64_t>(std::llround(mb * 1e6));
}

Factor fj(double pj) {
    return Factor(pj * 1e3);
}

// Elements of a row that goes into a product: each gives a MAC for each element that comes out.
std::uint64_t row_width(const isa::Work& work) {
    return work.out == 0 ? 0 : work.macs / (work.out / sizeof(float));
}

// Energies that are not known count as nothing; who prints joules asks whether they are.
double known(const ChipProfile& profile, Key key) {
    return profile.find(key).value_or(0);
}

}  // namespace

Rates::Rates(const ChipProfile& p, const Widths& widths)
    : vector(each(p.get(Key::kVectorGops))),
      vector_energy(fj(known(p, Key::kPjVector))),
      unpack(each(known(p, Key::kUnpackGops))),
      array_entry(Factor(p.get(Key::kArrayEntryPs))),
      dram(each(known(p, Key::kDramGbs) * p.get(Key::kDramEfficiency))),
      sram(each(known(p, Key::kSramGbs))),
      host(each(known(p, Key::kHostGbs))),
      link(each(known(p, Key::kLinkGbs))),
      dram_energy(fj(known(p, Key::kPjBitDram) * 8)),
      sram_energy(fj(known(p, Key::kPjBitSram) * 8)),
      host_energy(fj(known(p, Key::kPjBitHost) * 8)),
      link_energy(fj(known(p, Key::kPjBitLink) * 8)),
      weights_width(widths.weights),
      kv_width(widths.kv),
      activations_width(widths.activations),
      array_rows(static_cast<std::uint64_t>(p.get(Key::kArrayRows))),
      array_fill(ps(p.get(Key::kArrayFillNs))),
      dram_latency(ps(p.get(Key::kDramLatencyNs))),
      host_latency(ps(known(p, Key::kHostLatencyNs))),
      link_latency(ps(known(p, Key::kLinkLatencyNs))),
      sync(ps(known(p, Key::kSyncNs))),
      issue(ps(p.get(Key::kIssueNs))),
      launch(ps(p.get(Key::kLaunchNs))),
      boundary(ps(p.get(Key::kBoundaryNs))),
      issue_window(static_cast<std::uint64_t>(p.get(Key::kIssueWindow))),
      sram_bytes(mega(p.get(Key::kSramMb))),
      prefetch_bytes(mega(p.get(Key::kPrefetchMb))),
      static_per_ps_thousandths(static_cast<Fj>(std::llround(known(p, Key::kStaticW) * 1e3))),
      weights_resident(p.weights_resident()),
      kv_resident(p.cache_resident()),
      unpacked(widths.unpacked) {
    p.require(keys_of_a_run(p));
    const double efficiency = p.get(Key::kArrayEfficiency);
    constexpr std::pair<Key, Key> kByKind[kMacKinds] = {
        {Key::kInt8Tops, Key::kPjMacInt8},
        {Key::kNarrowTops, Key::kPjMacNarrow},
        {Key::kF16Tops, Key::kPjMacF16},
        {Key::kF32Tops, Key::kPjMacF32},
        {Key::kAttentionTops, Key::kPjMacAttention},
    };
    for (std::size_t kind = 0; kind < kMacKinds; ++kind) {
        const bool other = widths.products && kind != static_cast<std::size_t>(MacKind::Attention);
        const auto& [peak, energy] =
            kByKind[other ? static_cast<std::size_t>(*widths.products) : kind];
        mac[kind] = mac_time(p.get(peak), efficiency);
        mac_energy[kind] = fj(known(p, energy));
    }
}

Demand demand_of(const isa::Work& work, const Rates& rates) {
    Demand demand;
    const auto kind = static_cast<std::size_t>(work.kind);
    if (work.macs != 0) {
        // Of tiles of a row each, or of as many rows as an array wants.
        const bool array = work.kind != isa::MacKind::Attention;
        std::uint64_t macs = work.macs;
        if (array && work.rows < work.tiles * rates.array_rows)
            macs = macs / work.rows * (work.tiles * rates.array_rows);
        if (array && rates.unpacked)
            demand.unpack = rates.unpack.of(work.macs / work.rows);
        demand.compute = rates.mac[kind].of(macs);
        if (array)
            demand.compute += rates.array_fill + rates.array_entry.of(row_width(work));
        demand.mac_energy = rates.mac_energy[kind].of(work.macs);
    }
    const Ps vector = rates.vector.of(work.vec);
    demand.array_bound = demand.compute >= vector && demand.compute != 0;
    demand.compute = std::max(demand.compute, vector);
    demand.vector_energy = rates.vector_energy.of(work.vec);
    const std::uint64_t weights = rates.weights_width.of(work.weights);
    const std::uint64_t kv = rates.kv_width.of(work.kv);
    demand.stream = rates.weights_resident ? 0 : weights;
    demand.cache = rates.kv_resident ? 0 : kv;
    const std::uint64_t sram = rates.activations_width.of(work.in + work.out) +
                               (rates.weights_resident ? weights : 0) +
                               (rates.kv_resident ? kv : 0);
    demand.to_host = work.host != 0;
    demand.stream_time = rates.dram.of(demand.stream);
    demand.sram_time = rates.sram.of(sram);
    demand.host_time = rates.host.of(work.host);
    demand.stream_energy = rates.dram_energy.of(demand.stream);
    demand.sram_energy = rates.sram_energy.of(sram);
    demand.host_energy = rates.host_energy.of(work.host);
    // What a chip sends and what it receives at a time are as many bytes.
    const std::uint64_t sent = rates.activations_width.of(work.sent);
    demand.sends = work.sent != 0;
    demand.receives = work.received != 0;
    demand.seldom = demand.to_host || demand.sends || demand.receives || demand.unpack != 0;
    demand.link_time = rates.link.of(std::max(sent, rates.activations_width.of(work.received)));
    demand.link_energy = rates.link_energy.of(sent);
    demand.energy = demand.mac_energy + demand.vector_energy + demand.stream_energy +
                    demand.sram_energy + demand.host_energy + demand.link_energy;
    return demand;
}

}  // namespace skald::card::model
