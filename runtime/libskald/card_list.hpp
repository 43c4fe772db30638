// SPDX-License-Identifier: MIT
// Which cards this machine has, and where one cannot be used, why.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace skald::rt {

// A card with a driver, and the file by which it is reached.
struct CardNode {
    std::string path;         // "/dev/accel/accel0"
    std::string pci_address;  // "0000:01:00.0"
    unsigned index = 0;       // N of accelN
};

// A card on the bus without such a file.
struct StrayCard {
    std::string pci_address;
    std::string driver;              // that it is bound to; empty: none
    std::uint64_t memory_bytes = 0;  // behind its BAR
};

struct CardList {
    std::vector<CardNode> nodes;    // by index
    std::vector<StrayCard> strays;  // by address
    bool driver_loaded = false;
    // What could not be looked at, and the errno why; empty: all was.
    std::string unreadable;
    int error = 0;
    // Files that this process could have open then, where the error is EMFILE; 0: not known.
    std::uint64_t descriptor_limit = 0;
};

// What the kernel tells below `sysfs`, which is /sys but for tests.
[[nodiscard]] CardList list_cards(const std::filesystem::path& sysfs);

// Why this one cannot be used, without its address: "the skald driver is not loaded (modprobe
// skald)".
[[nodiscard]] std::string stray_text(const StrayCard& card, bool driver_loaded);
// A sentence for a list without nodes, or that could not be made.
[[nodiscard]] std::string no_card_text(const CardList& list);

}  // namespace skald::rt
