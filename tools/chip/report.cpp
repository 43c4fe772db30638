// SPDX-License-Identifier: MIT
#include "chip/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "chip/measured_json.hpp"

namespace skald::chip {
namespace {

using local::ModelLog;
using nlohmann::json;

json to_json(const Outcome& outcome) {
    json line = {{"chip", outcome.chip},
                 {"model", outcome.model},
                 {"n_prompt", outcome.prompt},
                 {"n_gen", outcome.generated},
                 {"batch", outcome.batch},
                 {"chunk", outcome.chunk},
                 {"with_data", outcome.with_data},
                 {"tensor", outcome.group.tensor},
                 {"pipeline", outcome.group.pipeline},
                 {"sums", outcome.group.sums},
                 {"batches", outcome.batches},
                 {"full_tps", outcome.full_rate()},
                 {"full_token_j", or_null(outcome.full_token_j())},
                 {"first_token_ps", outcome.first.time},
                 {"total_ps", outcome.whole.time},
                 {"first_token_s", outcome.first_token_s()},
                 {"token_s", outcome.token_s()},
                 {"user_tps", outcome.user_rate()},
                 {"total_tps", outcome.user_rate() * outcome.batch},
                 {"widths", outcome.widths},
                 {"weight_bytes", outcome.weight_bytes},
                 {"dram_bytes", outcome.whole.dram_bytes},
                 {"first_token_j", or_null(outcome.first_token_j())},
                 {"token_j", or_null(outcome.token_j())},
                 {"mean_w", or_null(outcome.mean_w())},
                 {"power_of", outcome.boundary}};
    for (std::size_t i = 0; i < ModelLog::kBounds; ++i)
        line["bound"][std::string(ModelLog::bound_name(i))] = outcome.share(i);
    for (std::size_t i = 0; i < ModelLog::kParts; ++i)
        line["energy_j"][std::string(ModelLog::part_name(i))] =
            static_cast<double>(outcome.whole.energy[i]) * 1e-15;
    line["energy_j"]["static"] = outcome.whole_static_j;
    return line;
}

std::string csv(const Outcome& outcome) {
    json row;
    const json flat = to_json(outcome).flatten();
    for (const auto& [key, value] : flat.items())
        row[key.substr(1)] = value;
    return csv_of(json::array({row}));
}

std::string group_text(const Outcome& outcome) {
    std::string out = fmt::format("{} chips, {} to a stage", outcome.chips(), outcome.group.tensor);
    if (outcome.group.pipeline > 1 && outcome.generated > 1) {
        fmt::format_to(std::back_inserter(out), "; with {} sequences in flight {:.6g} tokens/s",
                       outcome.batch * outcome.batches, outcome.full_rate());
        if (const auto each = outcome.full_token_j())
            fmt::format_to(std::back_inserter(out), " and {:.4g} J a token", *each);
    }
    return out + "\n";
}

std::string text(const Outcome& outcome) {
    std::string out = fmt::format("modelled chip {}: {}, {} + {} tokens, batch {}\n", outcome.chip,
                                  outcome.model, outcome.prompt, outcome.generated, outcome.batch);
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "first token after {:.6g} ms", outcome.first_token_s() * 1e3);
    if (outcome.generated > 1)
        fmt::format_to(to,
                       "; then {:.6g} ms a token: {:.6g} tokens/s for each of {}, {:.6g} in all",
                       outcome.token_s() * 1e3, outcome.user_rate(), outcome.batch,
                       outcome.user_rate() * outcome.batch);
    out += "\n";
    if (outcome.chips() > 1)
        out += group_text(outcome);
    const auto each = outcome.token_j(), watts = outcome.mean_w();
    if (each && watts)
        fmt::format_to(to, "{:.4g} J a token, {:.4g} W on average (of the {}{})\n", *each, *watts,
                       outcome.boundary, outcome.chips() > 1 ? ", all of them together" : "");
    else if (!outcome.unknown_energy.empty())
        fmt::format_to(to, "no joules: the profile lacks {}\n",
                       fmt::join(outcome.unknown_energy, ", "));
    out += "decided by";
    for (std::size_t i = 0; i < ModelLog::kBounds; ++i)
        fmt::format_to(to, " {} {:.1f} %{}", ModelLog::bound_name(i), outcome.share(i) * 100,
                       i + 1 == ModelLog::kBounds ? "\n" : ",");
    return out;
}

}  // namespace

std::string report(const Outcome& outcome, Format format) {
    switch (format) {
        case Format::kJson:
            return to_json(outcome).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
        case Format::kCsv:
            return csv(outcome);
        case Format::kText:
        case Format::kMarkdown:
            break;
    }
    return text(outcome);
}

}  // namespace skald::chip
