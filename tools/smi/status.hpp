// SPDX-License-Identifier: MIT
// The state of all cards, as the driver and sysfs tell it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "drm/skald_accel.h"
#include "libskald/os.hpp"
#include "smi/card_files.hpp"
#include "smi/clients.hpp"

namespace skald::smi {

struct CardStatus {
    rt::CardNode node;  // path: empty where the card has none
    std::string error;  // not empty: what the driver tells is unknown
    int error_code = 0;
    drm_skald_query_device device{};
    drm_skald_query_firmware firmware{};
    drm_skald_query_usage usage{};
    std::optional<drm_skald_query_model> model;  // of the chip, if one is modelled
    CardFiles files;
    std::vector<Client> clients;
    std::optional<double> utilisation;  // percent of the engine

    // Open files of processes that this user may not look into; the one by which it was asked does
    // not count.
    [[nodiscard]] std::uint64_t hidden_clients() const;
};

// Of the modelled chip. Joules: none where its energies are not known.
[[nodiscard]] std::string chip_name(const drm_skald_query_model& model);
[[nodiscard]] std::optional<double> energy_j(const drm_skald_query_model& model);

inline constexpr const char* kCardName = "Skald SK1";

struct Machine {
    std::vector<CardStatus> cards;  // those with a node by index, then those without
    std::string trouble;            // not empty: why there is no card, or none can be looked for
    int trouble_code = 0;
};

// Opens and asks each card; `clients` are those of all cards.
[[nodiscard]] Machine read_machine(rt::Os& os, const std::filesystem::path& sysfs,
                                   const std::vector<Client>& clients);

}  // namespace skald::smi
