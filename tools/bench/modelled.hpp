// SPDX-License-Identifier: MIT
// What a test takes on the chip that the card models. Nothing here is of this machine.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skald/isa.hpp"
#include "skald/ring.h"

namespace skald::bench {

// A micro-op, or several of one kind, in a repetition.
struct ModelledOp {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;  // moved
    std::uint64_t energy_fj = 0;
    std::array<std::uint64_t, SKALD_BOUNDS> bound_ps{};

    void add(const ModelledOp& other);
    [[nodiscard]] std::uint64_t time_ps() const;
};

struct NamedOp {
    std::size_t index = 0;  // in the program
    std::string_view name;
    ModelledOp op;
};

struct Modelled {
    std::string chip;  // empty: the card does not tell its name
    // Of a repetition.
    double ns = 0;
    double joules = 0;
    std::vector<NamedOp> ops;  // in program order, those that ran; none: nobody asked for them
};

// What was added between two looks at a program's profile.
[[nodiscard]] std::vector<NamedOp> modelled_ops(std::span<const isa::MicroOp> program,
                                                std::span<const ModelledOp> before,
                                                std::span<const ModelledOp> after);
// A look at it.
[[nodiscard]] std::vector<ModelledOp> modelled_now(std::span<const skald_profile> profile,
                                                   std::span<const skald_profile_model> model);

// For people: kinds, longest first, then each micro-op that costs anything. `title` says of what.
[[nodiscard]] std::string modelled_table(const Modelled& modelled, std::string_view title);

// An object for each micro-op: its time, share, what decided it, joules.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<NamedOp>& ops);

}  // namespace skald::bench
