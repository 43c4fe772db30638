// SPDX-License-Identifier: MIT
// What sysfs tells of a card beside its driver's calls: sensors, errors and link of the bus; and
// the switch that resets it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace skald::smi {

// Nothing where the kernel does not say it.
struct CardFiles {
    std::optional<double> power_w, energy_j, temperature_c;   // hwmon
    std::optional<std::uint64_t> corrected, nonfatal, fatal;  // errors on the bus, by AER
    std::string link_speed, link_width;                       // "2.5 GT/s PCIe", "1"
};

// sysfs: /sys but for tests.
[[nodiscard]] CardFiles read_card_files(const std::filesystem::path& sysfs,
                                        const std::string& pci_address);

// Has the card reset. 0, or an errno value.
[[nodiscard]] int reset_card(const std::filesystem::path& sysfs, const std::string& pci_address);

}  // namespace skald::smi
