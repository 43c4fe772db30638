// SPDX-License-Identifier: MIT
#include "chip/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chip/measured_json.hpp"
#include "chip/processes.hpp"
#include "chip/runnable.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

constexpr std::string_view kBatch = "batch";
constexpr std::size_t kMostPoints = 1'000'000;

Task task_of(const SearchOptions& options, const std::vector<double>& values) {
    const RunOptions& base = options.base;
    Task task;
    task.chip = base.chip;
    task.changes = base.changes;
    task.group = base.group;
    task.model = base.shape;
    task.weights = base.weights;
    task.widths = base.widths;
    task.batch = base.batch;
    task.prompt = base.prompt;
    task.generated = base.generated;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (options.keys[i].key == kBatch)
            task.batch = static_cast<std::uint32_t>(std::lround(values[i]));
        else
            task.changes.push_back({options.keys[i].key, values[i]});
    return task;
}

std::vector<SearchPoint> grid(const std::vector<KeyRange>& keys) {
    std::vector<SearchPoint> points(1);
    for (const KeyRange& key : keys) {
        std::vector<SearchPoint> more;
        const std::vector<double> values = values_of(key);
        if (points.size() * values.size() > kMostPoints)
            throw rt::Error(
                fmt::format("a search of more than {} points is too large", kMostPoints), E2BIG);
        for (const SearchPoint& point : points)
            for (const double value : values) {
                more.push_back(point);
                more.back().values.push_back(value);
            }
        points = std::move(more);
    }
    return points;
}

// What cannot be run at any point is refused before the first.
void check(const SearchOptions& options) {
    for (const KeyRange& key : options.keys)
        for (const double end : {key.from, key.to})
            if (key.key != kBatch)
                (void)local::chip_facts(options.base.chip, {{key.key, end}});
    (void)runnable_chip(options.base.chip, task_of(options, {}).changes, options.base.group);
}

void take(SearchPoint& point, const std::string& said) {
    const json from = json::parse(said);
    if (from.contains("why"))
        point.why = from["why"];
    else
        point.measured = measured_from(from.at("measured"));
}

std::string say(const std::optional<double>& value) {
    return value ? fmt::format("{:.4g}", *value) : "-";
}

constexpr std::string_view kOutcomes[] = {"user_tps", "total_tps", "first_token_s", "token_j",
                                          "mean_w"};

std::string_view bound_of(const SearchPoint& point) {
    return point.measured ? local::ModelLog::bound_name(point.measured->bound()) : "-";
}

std::string text_of(const SearchResult& result) {
    const SearchOptions& options = result.options;
    const auto least = result.least();
    std::string out;
    for (const Target& target : options.targets) {
        std::size_t met = 0;
        std::optional<double> best;
        for (const SearchPoint& point : result.points) {
            met += result.meets(point, target) ? 1 : 0;
            if (const auto value = result.outcome(point, target.quantity);
                value && (!best || (target.at_least ? *value > *best : *value < *best)))
                best = value;
        }
        out += fmt::format("{} {} {:g}: met at {} of {} points, {} at best\n", target.quantity,
                           target.at_least ? ">=" : "<=", target.value, met, result.points.size(),
                           say(best));
    }
    if (least.empty())
        return out + "No point meets all of them.\n";
    out +=
        fmt::format("{} points meet all of them and take no more than they must:\n", least.size());
    for (const KeyRange& key : options.keys)
        out += fmt::format("{:>16} ", key.key);
    for (const std::string_view outcome : kOutcomes)
        out += fmt::format("{:>14}", outcome);
    out += "  bound by\n";
    for (const std::size_t i : least) {
        const SearchPoint& point = result.points[i];
        for (const double value : point.values)
            out += fmt::format("{:>16.5g} ", value);
        for (const std::string_view outcome : kOutcomes)
            out += fmt::format("{:>14}", say(result.outcome(point, std::string(outcome))));
        out += fmt::format("  {}\n", bound_of(point));
    }
    return out;
}

json json_of(const SearchResult& result) {
    json all = json::array();
    const auto least = result.least();
    for (std::size_t i = 0; i < result.points.size(); ++i) {
        const SearchPoint& point = result.points[i];
        json line;
        for (std::size_t k = 0; k < point.values.size(); ++k)
            line[result.options.keys[k].key] = point.values[k];
        for (const std::string_view outcome : kOutcomes)
            line[std::string(outcome)] = or_null(result.outcome(point, std::string(outcome)));
        line["bound"] =
            point.measured ? json(local::ModelLog::bound_name(point.measured->bound())) : json();
        line["meets"] = result.meets_all(point);
        line["least"] = std::ranges::find(least, i) != least.end();
        line["why_not"] = point.why.empty() ? json() : json(point.why);
        all.push_back(line);
    }
    return all;
}

}  // namespace

std::vector<double> values_of(const KeyRange& range) {
    std::vector<double> values;
    for (std::uint32_t i = 0; i < range.steps; ++i)
        values.push_back(range.steps == 1
                             ? range.from
                             : range.from * std::pow(range.to / range.from,
                                                     static_cast<double>(i) / (range.steps - 1)));
    return values;
}

bool dear_when_high(std::string_view key) {
    return !(key.starts_with("pj_") || key.ends_with("_ns") || key.ends_with("_w"));
}

std::optional<double> SearchResult::outcome(const SearchPoint& point,
                                            const std::string& quantity) const {
    if (!point.measured)
        return std::nullopt;
    const Measured& m = *point.measured;
    if (quantity == "user_tps")
        return m.user_rate();
    if (quantity == "total_tps")
        return m.total_rate();
    if (quantity == "first_token_s")
        return m.first_s;
    if (quantity == "token_s")
        return m.token_s;
    return quantity == "token_j" ? m.token_j : m.mean_w;
}

bool SearchResult::meets(const SearchPoint& point, const Target& target) const {
    const auto value = outcome(point, target.quantity);
    return value && (target.at_least ? *value >= target.value : *value <= target.value);
}

bool SearchResult::meets_all(const SearchPoint& point) const {
    return std::ranges::all_of(options.targets,
                               [&](const Target& target) { return meets(point, target); });
}

std::vector<std::size_t> SearchResult::least() const {
    std::vector<std::size_t> good;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (meets_all(points[i]))
            good.push_back(i);
    const auto undercuts = [&](const SearchPoint& a, const SearchPoint& b) {
        bool less = false;
        for (std::size_t k = 0; k < options.keys.size(); ++k) {
            const double sign = dear_when_high(options.keys[k].key) ? 1 : -1;
            if (sign * a.values[k] > sign * b.values[k])
                return false;
            less = less || a.values[k] != b.values[k];
        }
        return less;
    };
    std::vector<std::size_t> least;
    for (const std::size_t i : good)
        if (std::ranges::none_of(good,
                                 [&](std::size_t j) { return undercuts(points[j], points[i]); }))
            least.push_back(i);
    return least;
}

SearchResult search(const SearchOptions& options, unsigned jobs) {
    check(options);
    SearchResult result{options, grid(options.keys)};
    compiler::ProgressBar bar;
    std::uint64_t ended = 0;
    const std::size_t count = result.points.size();
    in_processes(
        count, jobs,
        [&](std::size_t i) { return measured_text(task_of(options, result.points[i].values)); },
        [&](std::size_t i, const std::string& said) {
            take(result.points[i], said);
            bar.show(++ended, count, fmt::format("{} points", count));
        });
    return result;
}

std::string print_search(const SearchResult& result, Format format) {
    if (format == Format::kText)
        return text_of(result);
    const json all = json_of(result);
    return format == Format::kJson ? all.dump(1, ' ', false, json::error_handler_t::replace) + "\n"
                                   : csv_of(all);
}

}  // namespace skald::chip
