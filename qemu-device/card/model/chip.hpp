// SPDX-License-Identifier: MIT
// A chip that a card models, ready to be used by many timelines, and who wants to hear of each
// micro-op.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "card/model/timeline.hpp"

namespace skald::card::model {

// A micro-op that has ended on the modelled chip.
struct Retired {
    std::uint32_t queue;
    std::uint32_t op_index;
    const isa::MicroOp& op;
    const isa::Counts& counts;  // of no rows: it did nothing
    const Timing& timing;
    Ps makespan;
};

class Observer {
  public:
    virtual ~Observer() = default;
    // On the engine's thread, in the order in which micro-ops retire.
    virtual void retired(const Retired& micro_op) = 0;
    // Where nothing is computed: how many experts have rows in the product that comes next; none:
    // they are drawn. For who knows it of a run with data.
    [[nodiscard]] virtual std::optional<std::uint64_t> experts() { return std::nullopt; }
};

struct Chip {
    explicit Chip(ChipProfile of, const Widths& widths = {})
        : profile(std::move(of)), rates(profile, widths) {}

    ChipProfile profile;
    Rates rates;
    std::shared_ptr<Observer> observer;
};

// The one that a card models where nothing else is said.
[[nodiscard]] std::shared_ptr<const Chip> default_chip();

}  // namespace skald::card::model
