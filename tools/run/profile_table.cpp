// SPDX-License-Identifier: MIT
// First the kinds of micro-op, most host time first; then each micro-op that ran, in program order.
#include "run/profile_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "skald/isa_table.hpp"

namespace skald::run {
namespace {

struct Sum {
    std::uint64_t count = 0, host_ns = 0, cycles = 0, bytes = 0;

    void add(const skald_profile& p) {
        count += p.count;
        host_ns += p.host_ns;
        cycles += p.cycles;
        bytes += p.bytes;
    }
};

std::string_view op_name(const isa::MicroOp& op) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    return info == nullptr ? "?" : info->name;
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void line(std::string& out, std::string_view name, const Sum& sum, const Sum& total) {
    fmt::format_to(std::back_inserter(out),
                   "{:<18} {:>10} | {:>11.3f} {:>5.1f}% | {:>14} {:>5.1f}% {:>15}\n", name,
                   sum.count, static_cast<double>(sum.host_ns) * 1e-6,
                   percent(sum.host_ns, total.host_ns), sum.cycles,
                   percent(sum.cycles, total.cycles), sum.bytes);
}

void header(std::string& out, std::string_view first) {
    fmt::format_to(std::back_inserter(out),
                   "{:<18} {:>10} | {:>18} | {:>37}\n{:<18} {:>10} | {:>11} {:>6} | {:>14} {:>6} "
                   "{:>15}\n",
                   "", "", "emulated here", "modelled chip", first, "count", "ms", "", "cycles", "",
                   "bytes");
}

}  // namespace

std::string profile_table(std::span<const isa::MicroOp> program,
                          std::span<const skald_profile> profile) {
    std::map<std::string_view, Sum> kinds;
    Sum total;
    for (std::size_t i = 0; i < program.size(); i++) {
        kinds[op_name(program[i])].add(profile[i]);
        total.add(profile[i]);
    }
    std::vector<std::pair<std::string_view, Sum>> sorted(kinds.begin(), kinds.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return a.second.host_ns > b.second.host_ns;
    });
    std::string out;
    header(out, "kind");
    for (const auto& [name, sum] : sorted)
        if (sum.count != 0)
            line(out, name, sum, total);
    line(out, "all", total, total);
    out += '\n';
    header(out, "micro-op");
    for (std::size_t i = 0; i < program.size(); i++) {
        if (profile[i].count == 0)
            continue;
        Sum one;
        one.add(profile[i]);
        line(out, fmt::format("{:>5} {}", i, op_name(program[i])), one, total);
    }
    return out;
}

}  // namespace skald::run
