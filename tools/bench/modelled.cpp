// SPDX-License-Identifier: MIT
#include "bench/modelled.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "local/model_log.hpp"
#include "skald/isa_table.hpp"

namespace skald::bench {
namespace {

using local::ModelLog;
using Json = nlohmann::ordered_json;

static_assert(ModelLog::kBounds == SKALD_BOUNDS);

std::string_view name_of(const isa::MicroOp& op) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    return info == nullptr ? "?" : info->name;
}

double share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::size_t most(const ModelledOp& op) {
    return static_cast<std::size_t>(std::ranges::max_element(op.bound_ps) - op.bound_ps.begin());
}

ModelledOp sum(const std::vector<NamedOp>& ops) {
    ModelledOp all;
    for (const NamedOp& one : ops)
        all.add(one.op);
    return all;
}

// Those of one name together, longest first.
std::vector<NamedOp> kinds_of(const std::vector<NamedOp>& ops) {
    std::vector<NamedOp> kinds;
    for (const NamedOp& one : ops) {
        const auto kind = std::ranges::find(kinds, one.name, &NamedOp::name);
        if (kind == kinds.end())
            kinds.push_back(one);
        else
            kind->op.add(one.op);
    }
    std::ranges::stable_sort(kinds, std::greater(),
                             [](const NamedOp& kind) { return kind.op.time_ps(); });
    return kinds;
}

void add_line(std::string& out, std::string_view name, const ModelledOp& op,
              const ModelledOp& all) {
    const std::uint64_t time = op.time_ps();
    fmt::format_to(std::back_inserter(out),
                   "{:<24} {:>10} {:>13.3f} {:>5.1f}% {:>15} {:>13.3f} {:>15}\n", name, op.count,
                   static_cast<double>(time) * 1e-6, 100 * share(time, all.time_ps()), op.bytes,
                   static_cast<double>(op.energy_fj) * 1e-9,
                   time == 0 ? "-"
                             : fmt::format("{} {:.0f}%", ModelLog::bound_name(most(op)),
                                           100 * share(op.bound_ps[most(op)], time)));
}

void add_header(std::string& out, std::string_view first) {
    fmt::format_to(std::back_inserter(out), "{:<24} {:>10} {:>13} {:>6} {:>15} {:>13} {:>15}\n",
                   first, "count", "us", "", "bytes", "uJ", "bound by");
}

}  // namespace

void ModelledOp::add(const ModelledOp& other) {
    count += other.count;
    bytes += other.bytes;
    energy_fj += other.energy_fj;
    for (std::size_t i = 0; i < bound_ps.size(); ++i)
        bound_ps[i] += other.bound_ps[i];
}

std::uint64_t ModelledOp::time_ps() const {
    return std::accumulate(bound_ps.begin(), bound_ps.end(), std::uint64_t{0});
}

std::vector<ModelledOp> modelled_now(std::span<const skald_profile> profile,
                                     std::span<const skald_profile_model> model) {
    std::vector<ModelledOp> ops(std::min(profile.size(), model.size()));
    for (std::size_t i = 0; i < ops.size(); ++i) {
        ops[i] = {profile[i].count, profile[i].bytes, model[i].energy_fj, {}};
        std::ranges::copy(model[i].bound_ps, ops[i].bound_ps.begin());
    }
    return ops;
}

std::vector<NamedOp> modelled_ops(std::span<const isa::MicroOp> program,
                                  std::span<const ModelledOp> before,
                                  std::span<const ModelledOp> after) {
    std::vector<NamedOp> ops;
    for (std::size_t i = 0; i < after.size(); ++i) {
        ModelledOp op = after[i];
        op.count -= before[i].count;
        op.bytes -= before[i].bytes;
        op.energy_fj -= before[i].energy_fj;
        for (std::size_t b = 0; b < op.bound_ps.size(); ++b)
            op.bound_ps[b] -= before[i].bound_ps[b];
        if (op.count != 0)
            ops.push_back({i, name_of(program[i]), op});
    }
    return ops;
}

std::string modelled_table(const Modelled& modelled, std::string_view title) {
    const ModelledOp all = sum(modelled.ops);
    std::string out = fmt::format("modelled chip{}{}: {}\n", modelled.chip.empty() ? "" : " ",
                                  modelled.chip, title);
    add_header(out, "kind");
    for (const NamedOp& kind : kinds_of(modelled.ops))
        add_line(out, kind.name, kind.op, all);
    add_line(out, "all", all, all);
    out += '\n';
    add_header(out, "micro-op");
    for (const NamedOp& one : modelled.ops)
        if (one.op.time_ps() != 0 || one.op.energy_fj != 0 || one.op.bytes != 0)
            add_line(out, fmt::format("{:>5} {}", one.index, one.name), one.op, all);
    return out;
}

Json to_json(const std::vector<NamedOp>& ops) {
    const std::uint64_t all = sum(ops).time_ps();
    Json list = Json::array();
    for (const NamedOp& one : ops) {
        const std::uint64_t time = one.op.time_ps();
        Json line = {{"index", one.index},
                     {"op", one.name},
                     {"count", one.op.count},
                     {"modelled_ps", time},
                     {"share", share(time, all)},
                     {"bound", time == 0 ? Json() : Json(ModelLog::bound_name(most(one.op)))},
                     {"bound_share", share(one.op.bound_ps[most(one.op)], time)},
                     {"bytes", one.op.bytes},
                     {"modelled_j", static_cast<double>(one.op.energy_fj) * 1e-15}};
        list.push_back(std::move(line));
    }
    return list;
}

}  // namespace skald::bench
