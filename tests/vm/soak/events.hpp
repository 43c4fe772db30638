// SPDX-License-Identifier: MIT
// What befalls the clients of a card in a soak, and whom it may hurt.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "payload.hpp"

namespace skald::test {

inline constexpr std::string_view kRemoval = "removal";

enum class Hurts {
    kNobody,
    kOne,   // as many contexts as there were hits, with the reason
    kCard,  // whoever had something on the card
};

enum class By {
    kPlan,  // a class of -device skald,fault=
    kKill,
    kFlr,
    kUnbind,
};

struct Event {
    std::string_view name;  // the class of a plan
    By by;
    Hurts hurts;
    std::uint32_t reason;  // with kOne: enum skald_fault
    unsigned chances;      // about so many are taken in a round: the one that hits is among them
};

std::span<const Event> events();

// The plan in which it happens once, soon.
std::string plan_of(const Event& event, Random& random);

// How often the class has happened by a tally of the card: "core-crash:chances=2:hits=1;...".
unsigned hits_of(const Event& event, std::string_view tally);

}  // namespace skald::test
