// SPDX-License-Identifier: MIT
// Keeping and judging the guest's kernel log.
#include "vm/host/kernel_log.hpp"

#include <algorithm>
#include <array>

#include "vm/host/options.hpp"

namespace skald::vm {
namespace {

// What the kernel starts such a line with, behind its time stamp. At the start only: programs and
// drivers may well speak of a "BUG:" further on.
constexpr std::array<std::string_view, 20> kStarts = {
    "BUG:",        "WARNING:",      "Oops:",           "Kernel panic", "Call Trace:",
    "Call trace:", "kernel BUG at", "UBSAN:",          "KASAN:",       "general protection fault",
    "INFO: task ", "kmemleak: ",    "DMA-API: ",       "ODEBUG: ",     "------------[ cut here",
    "INFO: rcu",   "rcu: INFO: ",   "watchdog: BUG: ", "[ BUG: ",      "INFO: trying to register",
};

// Lines with one of those starts that report nothing wrong.
constexpr std::array<std::string_view, 5> kHarmless = {
    "kmemleak: Kernel memory leak detector initialized",
    "kmemleak: Automatic memory scanning thread",
    "DMA-API: preallocated",
    "DMA-API: debugging enabled by kernel config",
    "kmemleak: Kernel memory leak detector disabled",
};

// What stands between the sentence that a report begins with and its call trace.
constexpr std::array<std::string_view, 6> kBeforeTraces = {
    "CPU: ", "Hardware name: ", "Tainted: ", "Workqueue: ", "NMI backtrace", "Sending NMI",
};

constexpr std::string_view kInit = "skald-init: ";

// "[    1.234567] text" or "[    1.234567][    T1] text" to "text"
std::string_view without_stamp(std::string_view line) {
    while (line.starts_with('[')) {
        const auto end = line.find(']');
        if (end == std::string_view::npos)
            break;
        line.remove_prefix(end + 1);
    }
    const auto start = line.find_first_not_of(' ');
    return start == std::string_view::npos ? std::string_view() : line.substr(start);
}

// A report in words of its own kind is known by what comes behind them.
bool is_trace(std::string_view says) {
    return says.starts_with("Call Trace:") || says.starts_with("Call trace:");
}

}  // namespace

bool is_trouble(std::string_view line) {
    const std::string_view text = without_stamp(line);
    const auto starts = [text](std::string_view start) { return text.starts_with(start); };
    return std::ranges::any_of(kStarts, starts) && std::ranges::none_of(kHarmless, starts);
}

KernelLog::KernelLog(const std::filesystem::path& file) : file_(file, std::ios::binary) {
    if (!file_)
        throw UsageError("cannot write the kernel log " + file.string());
}

void KernelLog::append(std::span<const std::uint8_t> bytes) {
    file_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
    file_.flush();
    any_ = any_ || !bytes.empty();
    for (const std::uint8_t byte : bytes) {
        const char c = static_cast<char>(byte);
        if (c == '\n') {
            line(pending_);
            pending_.clear();
        } else if (c != '\r') {
            pending_.push_back(c);
        }
    }
}

// Memory that runs out is no fault of the kernel, though it shows where it was asked for:
//   llm-run invoked oom-killer: gfp_mask=...
//   Call Trace: ...
//   Mem-Info: ...
//   Out of memory: Killed process 57 (llm-run) total-vm:...
// Who was killed may ask once more before it ends, for memory of its own:
//   llm-run: page allocation failure: order:0, mode:0x140dca(GFP_HIGHUSER_MOVABLE|...
//   Call Trace: ...
void KernelLog::hear_of_memory(std::string_view says) {
    const auto has = [&](std::string_view part) { return says.find(part) != says.npos; };
    const bool of_a_victim =
        killed_ && has(": page allocation failure: order:0, ") && has("(GFP_HIGHUSER_MOVABLE");
    if (has(" invoked oom-killer: ") || of_a_victim)
        memory_report_ = true;
    else if (says.starts_with("Mem-Info:"))
        memory_report_ = false;
    constexpr std::string_view kOfAll = "Out of memory: Killed process ";
    constexpr std::string_view kOfGroup = "Memory cgroup out of memory: Killed process ";
    const bool of_all = says.starts_with(kOfAll);
    if (killed_ || (!of_all && !says.starts_with(kOfGroup)))
        return;
    const std::string_view who = says.substr(of_all ? kOfAll.size() : kOfGroup.size());
    const auto open = who.find(" ("), close = who.find(')');
    if (open != std::string_view::npos && close != std::string_view::npos && close > open)
        killed_ = std::string(who.substr(open + 2, close - open - 2)) + " (process " +
                  std::string(who.substr(0, open)) + ")";
}

void KernelLog::line(std::string_view text) {
    const std::string_view says = without_stamp(text);
    hear_of_memory(says);
    suspended_ = suspended_ || says.starts_with("PM: suspend entry") ||
                 says.starts_with("PM: hibernation: hibernation entry");
    const bool of_report = memory_report_ && says.starts_with("Call Trace:");
    if (!trouble_ && is_trouble(text) && !of_report)
        trouble_ = is_trace(says) && !heading_.empty() ? heading_ : std::string(text);
    const auto starts = [says](std::string_view start) { return says.starts_with(start); };
    if (std::ranges::none_of(kBeforeTraces, starts))
        heading_ = text;
    const auto at = text.find(kInit);
    if (at != std::string_view::npos)
        init_says_ = std::string(text.substr(at + kInit.size()));
}

}  // namespace skald::vm
