// SPDX-License-Identifier: MIT
// What the command line of skald-vm asks for. Names, defaults and help are declared once, in
// options.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace skald::vm {

// Exit statuses of skald-vm itself; every other one is the command's.
inline constexpr int kOutputLost = 122;   // what the command wrote could not be written here
inline constexpr int kGuestFailed = 123;  // kernel oops or warning, hang, early exit
inline constexpr int kTimedOut = 124;     // --timeout ran out, as timeout(1) has it
inline constexpr int kCannotRun = 125;    // nothing was run: bad option, missing file, no QEMU

inline constexpr std::uint64_t kMiB = 1u << 20;

using Property = std::pair<std::string, std::string>;

struct Options {
    unsigned cards = 1;
    std::string kernel = "stock";
    std::vector<std::filesystem::path> shares;
    std::vector<std::filesystem::path> disks;
    std::vector<Property> card;
    unsigned smp = 1;
    unsigned memory_mib = 1024;
    unsigned timeout_s = 0;  // 0: none
    bool terminal = false;   // a pseudo-terminal for COMMAND too
    bool driver = true;      // load skald.ko before the command
    bool allow_warnings = false;
    std::filesystem::path logs;  // empty: a temporary directory, kept only after a failure
    std::filesystem::path qmp;   // empty: none
    std::vector<std::string> variables;
    std::vector<std::string> qemu;  // further arguments for QEMU, as they are
    std::filesystem::path build;
    std::vector<std::string> command;
};

// A request that cannot be met, in one sentence for the user.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The command line asked for help or the version: print the text, exit with 0.
struct HelpRequest {
    std::string text;
};

// Throws UsageError, or HelpRequest. `build` is where QEMU, kernel and initramfs lie by default.
Options parse_options(int argc, const char* const* argv, const std::filesystem::path& build);

// "simd=avx2,threads=2" to pairs; UsageError where that is not what it is.
std::vector<Property> parse_properties(const std::string& text);

// "512M", "2G", or bytes; UsageError otherwise.
std::uint64_t parse_size(const std::string& text);

}  // namespace skald::vm
