// SPDX-License-Identifier: MIT
// The state of all cards, as a table for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "drm/skald_accel.h"
#include "libskald/os.hpp"
#include "smi/clients.hpp"

namespace skald::smi {

struct CardStatus {
    rt::CardNode node;
    std::string error;  // not empty: the rest is unknown
    drm_skald_query_device device{};
    drm_skald_query_firmware firmware{};
    drm_skald_query_usage usage{};
    std::vector<Client> clients;
};

// Opens and asks each card; `clients` are those of all cards.
[[nodiscard]] std::vector<CardStatus> read_status(rt::Os& os, const std::vector<Client>& clients);

[[nodiscard]] std::string table(const std::vector<CardStatus>& cards);
[[nodiscard]] std::string json_text(const std::vector<CardStatus>& cards);

}  // namespace skald::smi
