// SPDX-License-Identifier: MIT
#include "chip/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "chip/csv.hpp"
#include "chip/svg.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using local::ModelLog;

// All runs of one micro-op of the program with as many rows: prefill and decode are two.
struct OpSums {
    std::string_view name;
    double operations = 0, bytes = 0, time = 0;  // s
};

using Runs = std::map<std::pair<std::uint32_t, std::uint64_t>, OpSums>;  // by place and rows

Runs by_op(const Outcome& outcome) {
    Runs sums;
    for (const local::ModelSlice& slice : outcome.slices) {
        if (slice.macs == 0)
            continue;
        OpSums& sum = sums[{slice.op_index, slice.rows}];
        sum.name = slice.name;
        sum.operations += 2 * static_cast<double>(slice.macs);
        sum.bytes +=
            static_cast<double>(slice.dram_bytes != 0 ? slice.dram_bytes : slice.read_bytes);
        sum.time += static_cast<double>(slice.end - slice.begin) * 1e-12;
    }
    std::erase_if(
        sums, [](const auto& entry) { return entry.second.bytes <= 0 || entry.second.time <= 0; });
    return sums;
}

double figure(const local::ChipFacts& chip, const char* key) {
    return chip.figure(key).value.value_or(0);
}

svg::Series roof(const char* name, double operations, double bandwidth, double least, double most) {
    const double ridge = operations / bandwidth;
    svg::Series series{name, {}, true, true};
    series.points.push_back({least, least * bandwidth, 1});
    if (ridge > least && ridge < most)
        series.points.push_back({ridge, operations, 1});
    series.points.push_back({most, std::min(operations, most * bandwidth), 1});
    return series;
}

double number(const std::string& cell) {
    return cell.empty() ? 0 : std::stod(cell);
}

// A sweep's lines, by the names of their columns.
struct Points {
    explicit Points(std::string_view csv) {
        while (!csv.empty()) {
            const std::size_t end = std::min(csv.find('\n'), csv.size());
            std::vector<std::string> cells = csv_cells(csv.substr(0, end));
            csv.remove_prefix(std::min(end + 1, csv.size()));
            if (header.empty())
                header = std::move(cells);
            else if (cells.size() == header.size())
                lines.push_back(std::move(cells));
        }
    }
    [[nodiscard]] std::size_t column(std::string_view name) const {
        const auto at = std::ranges::find(header, name);
        if (at == header.end())
            throw rt::Error(fmt::format("the CSV has no column {}", name), EINVAL);
        return static_cast<std::size_t>(at - header.begin());
    }
    [[nodiscard]] bool varies(std::size_t column) const {
        std::set<std::string> seen;
        for (const auto& line : lines)
            seen.insert(line[column]);
        return seen.size() > 1;
    }

    std::vector<std::string> header;
    std::vector<std::vector<std::string>> lines;
};

// The line on which `factor` times what was published lies.
svg::Series times(double factor, double least, double most, std::string name) {
    return {std::move(name), {{least, least * factor, 1}, {most, most * factor, 1}}, true, true};
}

}  // namespace

std::string roofline(const Outcome& outcome, const local::ChipFacts& chip) {
    const auto sums = by_op(outcome);
    svg::Plot plot;
    plot.title = fmt::format("{} on {}, modelled", outcome.model, outcome.chip);
    plot.x_label = "operations for each byte of weights and cache";
    plot.y_label = "Gop/s";
    double least = 1, most = 1000, time = 0;
    for (const auto& [key, sum] : sums) {
        least = std::min(least, sum.operations / sum.bytes);
        most = std::max(most, sum.operations / sum.bytes);
        time += sum.time;
    }
    const bool beside = !chip.weights_resident;
    const double bandwidth = beside ? figure(chip, "dram_gbs") * figure(chip, "dram_efficiency")
                                    : figure(chip, "sram_gbs");
    const double efficiency = figure(chip, "array_efficiency") * 1e3;
    if (bandwidth > 0)
        for (const auto& [key, name] :
             {std::pair("int8_tops", "int8"), {"narrow_tops", "narrow"}, {"f16_tops", "f16"}})
            plot.series.push_back(
                roof(name, figure(chip, key) * efficiency, bandwidth, least, most));
    std::map<std::pair<std::string_view, std::uint64_t>, svg::Series> dots;
    for (const auto& [key, sum] : sums) {
        svg::Series& series = dots[{sum.name, key.second}];
        series.name = fmt::format("{}, {} rows", sum.name, key.second);
        series.line = false;
        series.points.push_back(
            {sum.operations / sum.bytes, sum.operations / sum.time * 1e-9, sum.time / time});
    }
    for (auto& [key, series] : dots)
        plot.series.push_back(std::move(series));
    return plot.draw();
}

std::string energy_picture(const Outcome& outcome) {
    if (!outcome.unknown_energy.empty())
        throw rt::Error(fmt::format("the profile of {} has no energies", outcome.chip), EINVAL);
    const bool alone = outcome.generated < 2;
    const double tokens =
        alone ? outcome.batch : static_cast<double>(outcome.generated - 1) * outcome.batch;
    svg::Bars bars;
    bars.title = fmt::format("{} on {}, batch {}: mJ of a token, modelled", outcome.model,
                             outcome.chip, outcome.batch);
    const auto add = [&](std::string_view name, double joules) {
        const double each = joules / tokens * 1e3;
        bars.shares.push_back({std::string(name), each, fmt::format("{:.4g} mJ", each)});
    };
    for (std::size_t i = 0; i < ModelLog::kParts; ++i)
        add(ModelLog::part_name(i),
            static_cast<double>(outcome.whole.energy[i] - (alone ? 0 : outcome.first.energy[i])) *
                1e-15);
    add("static", outcome.whole_static_j - (alone ? 0 : outcome.first_static_j));
    return bars.draw();
}

std::string rates_picture(std::string_view csv) {
    const Points points(csv);
    const std::size_t batch = points.column("batch"), prompt = points.column("prompt"),
                      user = points.column("user_tps"), all = points.column("total_tps");
    const std::size_t over = points.varies(batch) || !points.varies(prompt) ? batch : prompt;
    // A line for each combination of what else varies.
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < points.column("batch_run"); ++i)
        if (i != over && points.varies(i))
            others.push_back(i);
    std::map<std::string, std::pair<svg::Series, svg::Series>> series;
    for (const auto& line : points.lines) {
        if (line[user].empty())
            continue;  // it could not be run
        std::string name;
        for (const std::size_t i : others)
            name += (name.empty() ? "" : ", ") + line[i];
        auto& [of_user, of_all] = series[name];
        of_user.name = name.empty() ? "one user" : name + ", one user";
        of_all.name = name.empty() ? "all" : name + ", all";
        of_user.points.push_back({number(line[over]), number(line[user]), 1});
        of_all.points.push_back({number(line[over]), number(line[all]), 1});
    }
    svg::Plot plot;
    plot.title = "modelled tokens/s";
    plot.x_label = over == batch ? "sequences" : "tokens of the prompt";
    plot.y_label = "tokens/s";
    const auto sorted = [](svg::Series one) {
        std::ranges::sort(one.points, {}, &svg::Point::x);
        return one;
    };
    for (const auto& [name, both] : series) {
        plot.series.push_back(sorted(both.first));
        if (over == batch)
            plot.series.push_back(sorted(both.second));
    }
    return plot.draw();
}

std::string table_picture(const std::vector<TableLine>& lines) {
    std::map<std::string_view, svg::Series> dots;
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (const TableLine& line : lines) {
        if (!line.ours || unit(line.row.quantity) != "tokens/s")
            continue;
        const double published = line.row.published(*line.ours);
        svg::Series& series = dots[line.how()];
        series.line = false;
        series.points.push_back({published, *line.ours, 0.02});
        least = std::min(least, published);
        most = std::max(most, published);
    }
    if (dots.empty())
        throw rt::Error("no row that was run is of tokens/s: there is no picture of them", EINVAL);
    svg::Plot plot;
    plot.title = "Tokens/s of chips, as published and as modelled";
    plot.x_label = "published tokens/s";
    plot.y_label = "modelled tokens/s";
    for (auto& [how, series] : dots) {
        series.name = fmt::format("{}: {}", how, series.points.size());
        plot.series.push_back(std::move(series));
    }
    plot.series.push_back(times(1.2, least, most, "a fifth more"));
    plot.series.push_back(times(0.8, least, most, "a fifth less"));
    return plot.draw();
}

}  // namespace skald::chip
