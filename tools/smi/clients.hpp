// SPDX-License-Identifier: MIT
// Who has cards open: read from the fdinfo files of all processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skald::smi {

struct Client {
    pid_t pid = 0;
    std::string name;         // of the process
    std::string pci_address;  // of the card
    std::uint64_t id = 0;     // of the open file; descriptors that share it count once
    std::uint64_t card_bytes = 0;
    std::uint64_t system_bytes = 0;
    std::uint64_t engine_ns = 0;        // of jobs that ended
    std::optional<double> utilisation;  // percent of the engine; see utilisation.hpp
};

// One fdinfo file; nothing if it is not an open file of the skald driver.
[[nodiscard]] std::optional<Client> parse_fdinfo(std::string_view text);

// All clients but process `self`, by process id. Processes that may not be looked into are left
// out.
[[nodiscard]] std::vector<Client> find_clients(const std::filesystem::path& proc, pid_t self);

}  // namespace skald::smi
