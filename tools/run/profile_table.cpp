// SPDX-License-Identifier: MIT
// First the kinds of micro-op, most host time first; then each micro-op that ran, in program order.
#include "run/profile_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skald/isa_table.hpp"

namespace skald::run {
namespace {

constexpr std::array<std::string_view, SKALD_BOUNDS> kBounds = {
    "sequencer", "array", "vector", "sram", "dram", "host", "link"};

struct Sum {
    std::uint64_t count = 0, host_ns = 0, cycles = 0, bytes = 0, energy_fj = 0;
    std::array<std::uint64_t, SKALD_BOUNDS> bound_ps{};

    void add(const skald_profile& p) {
        count += p.count;
        host_ns += p.host_ns;
        cycles += p.cycles;
        bytes += p.bytes;
    }
    void add(const skald_profile_model& p) {
        energy_fj += p.energy_fj;
        for (std::size_t i = 0; i < bound_ps.size(); ++i)
            bound_ps[i] += p.bound_ps[i];
    }
};

std::string_view op_name(const isa::MicroOp& op) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    return info == nullptr ? "?" : info->name;
}

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// What most of the time was waited for, and how much of it.
std::string bound_text(const Sum& sum) {
    const auto most = std::ranges::max_element(sum.bound_ps);
    const std::uint64_t all =
        std::accumulate(sum.bound_ps.begin(), sum.bound_ps.end(), std::uint64_t{0});
    if (all == 0)
        return "-";
    return fmt::format("{} {:.0f}%", kBounds[static_cast<std::size_t>(most - sum.bound_ps.begin())],
                       percent(*most, all));
}

void line(std::string& out, std::string_view name, const Sum& sum, const Sum& total, bool model) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "{:<18} {:>10} | {:>11.3f} {:>5.1f}% | {:>13.3f} {:>5.1f}% {:>15}", name,
                   sum.count, static_cast<double>(sum.host_ns) * 1e-6,
                   percent(sum.host_ns, total.host_ns), static_cast<double>(sum.cycles) * 1e-3,
                   percent(sum.cycles, total.cycles), sum.bytes);
    if (model)
        fmt::format_to(to, " {:>13.3f} {:>15}", static_cast<double>(sum.energy_fj) * 1e-9,
                       bound_text(sum));
    out += '\n';
}

void header(std::string& out, std::string_view first, bool model) {
    auto to = std::back_inserter(out);
    fmt::format_to(to, "{:<18} {:>10} | {:>18} | {:>36}\n", "", "", "emulated here",
                   "modelled chip");
    fmt::format_to(to, "{:<18} {:>10} | {:>11} {:>6} | {:>13} {:>6} {:>15}", first, "count", "ms",
                   "", "us", "", "bytes");
    if (model)
        fmt::format_to(to, " {:>13} {:>15}", "uJ", "bound by");
    out += '\n';
}

}  // namespace

std::string profile_table(std::span<const isa::MicroOp> program,
                          std::span<const skald_profile> profile,
                          std::span<const skald_profile_model> model) {
    const bool modelled = !model.empty();
    const auto add = [&](Sum& sum, std::size_t i) {
        sum.add(profile[i]);
        if (modelled)
            sum.add(model[i]);
    };
    std::map<std::string_view, Sum> kinds;
    Sum total;
    for (std::size_t i = 0; i < program.size(); i++) {
        add(kinds[op_name(program[i])], i);
        add(total, i);
    }
    std::vector<std::pair<std::string_view, Sum>> sorted(kinds.begin(), kinds.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return a.second.host_ns > b.second.host_ns;
    });
    std::string out;
    header(out, "kind", modelled);
    for (const auto& [name, sum] : sorted)
        if (sum.count != 0)
            line(out, name, sum, total, modelled);
    line(out, "all", total, total, modelled);
    out += '\n';
    header(out, "micro-op", modelled);
    for (std::size_t i = 0; i < program.size(); i++) {
        if (profile[i].count == 0)
            continue;
        Sum one;
        add(one, i);
        line(out, fmt::format("{:>5} {}", i, op_name(program[i])), one, total, modelled);
    }
    return out;
}

}  // namespace skald::run
