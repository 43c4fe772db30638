// SPDX-License-Identifier: MIT
// The guest's serial console: kept in a file, and read along for signs that the kernel is not well.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace skald::vm {

class KernelLog {
  public:
    explicit KernelLog(const std::filesystem::path& file);

    void append(std::span<const std::uint8_t> bytes);

    // Whether the console said anything at all.
    bool any() const { return any_; }
    // The first line that tells of an oops, a warning or a failed check of the kernel. Where only a
    // call trace shows that there is one, the line that it belongs to.
    const std::optional<std::string>& trouble() const { return trouble_; }
    // The last line that our init wrote: why it gave up, when it did.
    const std::optional<std::string>& init_says() const { return init_says_; }
    // The first program that was killed because memory ran out: "llm-run (process 57)".
    const std::optional<std::string>& killed() const { return killed_; }
    // The guest went to sleep, or tried what it would do then.
    bool suspended() const { return suspended_; }

  private:
    void line(std::string_view text);
    void hear_of_memory(std::string_view says);

    std::ofstream file_;
    std::string pending_;
    bool any_ = false;
    std::optional<std::string> trouble_;
    std::string heading_;  // the last line that may be what a call trace belongs to
    std::optional<std::string> init_says_;
    std::optional<std::string> killed_;
    bool memory_report_ = false;  // amid the lines about memory that ran out
    bool suspended_ = false;
};

// Whether a line of the kernel's log, its time stamp included, is such a sign.
bool is_trouble(std::string_view line);

}  // namespace skald::vm
