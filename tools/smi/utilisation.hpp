// SPDX-License-Identifier: MIT
// How busy the engines were between two looks. The driver counts engine time when a job ends, so
// that what is shown is right over times that are long against a job, a second at most.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "smi/clients.hpp"
#include "smi/status.hpp"

namespace skald::smi {

// The clients at an earlier time, CLOCK_MONOTONIC.
struct Look {
    std::int64_t at_ns = 0;
    std::vector<Client> clients;
};

// Sets the utilisation of cards and their clients, as they are at `now_ns`. That of a card whose
// clients may not all be seen stays unknown.
void measure_utilisation(std::span<CardStatus> cards, const Look& before, std::int64_t now_ns);

}  // namespace skald::smi
