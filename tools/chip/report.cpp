// SPDX-License-Identifier: MIT
#include "chip/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <nlohmann/json.hpp>

namespace skald::chip {
namespace {

using local::ModelLog;
using nlohmann::json;

json or_null(std::optional<double> value) {
    return value ? json(*value) : json();
}

// What decided about the time of the tokens after the first, or of that one if it is alone.
double share(const Outcome& outcome, std::size_t bound) {
    const bool alone = outcome.generated < 2;
    const std::uint64_t before = alone ? 0 : outcome.first.moved[bound];
    const std::uint64_t whole = outcome.whole.time - (alone ? 0 : outcome.first.time);
    return whole == 0 ? 0
                      : static_cast<double>(outcome.whole.moved[bound] - before) /
                            static_cast<double>(whole);
}

json to_json(const Outcome& outcome) {
    json line = {{"chip", outcome.chip},
                 {"model", outcome.model},
                 {"n_prompt", outcome.prompt},
                 {"n_gen", outcome.generated},
                 {"batch", outcome.batch},
                 {"chunk", outcome.chunk},
                 {"with_data", outcome.with_data},
                 {"tensor", outcome.tensor},
                 {"pipeline", outcome.pipeline},
                 {"full_tps", outcome.full_rate()},
                 {"first_token_ps", outcome.first.time},
                 {"total_ps", outcome.whole.time},
                 {"first_token_s", outcome.first_token_s()},
                 {"token_s", outcome.token_s()},
                 {"user_tps", outcome.user_rate()},
                 {"total_tps", outcome.user_rate() * outcome.batch},
                 {"dram_bytes", outcome.whole.dram_bytes},
                 {"first_token_j", or_null(outcome.first_token_j())},
                 {"token_j", or_null(outcome.token_j())},
                 {"mean_w", or_null(outcome.mean_w())},
                 {"power_of", outcome.boundary}};
    for (std::size_t i = 0; i < ModelLog::kBounds; ++i)
        line["bound"][std::string(ModelLog::bound_name(i))] = share(outcome, i);
    for (std::size_t i = 0; i < ModelLog::kParts; ++i)
        line["energy_j"][std::string(ModelLog::part_name(i))] =
            static_cast<double>(outcome.whole.energy[i]) * 1e-15;
    line["energy_j"]["static"] = outcome.whole_static_j;
    return line;
}

std::string csv(const Outcome& outcome) {
    std::string header, row;
    const json flat = to_json(outcome).flatten();
    for (const auto& [key, value] : flat.items()) {
        header += (header.empty() ? "" : ",") + key.substr(1);
        row += (row.empty() ? "" : ",") + (value.is_null() ? std::string() : value.dump());
    }
    return header + "\n" + row + "\n";
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
        fmt::format_to(
            to, "{} chips, {} to a stage; with {} sequences in flight {:.6g} tokens/s in all\n",
            outcome.chips(), outcome.tensor, outcome.batch * outcome.pipeline, outcome.full_rate());
    const auto each = outcome.token_j(), watts = outcome.mean_w();
    if (each && watts)
        fmt::format_to(to, "{:.4g} J a token, {:.4g} W on average (of the {})\n", *each, *watts,
                       outcome.boundary);
    else if (!outcome.unknown_energy.empty())
        fmt::format_to(to, "no joules: the profile lacks {}\n",
                       fmt::join(outcome.unknown_energy, ", "));
    out += "decided by";
    for (std::size_t i = 0; i < ModelLog::kBounds; ++i)
        fmt::format_to(to, " {} {:.1f} %{}", ModelLog::bound_name(i), share(outcome, i) * 100,
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
            break;
    }
    return text(outcome);
}

}  // namespace skald::chip
