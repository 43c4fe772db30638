// SPDX-License-Identifier: MIT
#include "chip/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chip/least_squares.hpp"
#include "chip/processes.hpp"
#include "chip/software.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

FitPlan parse_plan(const json& from) {
    FitPlan plan;
    plan.name = from.at("name");
    plan.chip = from.value("chip", "");
    plan.software = from.value("software", "");
    if (plan.chip.empty() == plan.software.empty())
        throw rt::Error("a fit is of a chip or of software", EINVAL);
    plan.rows = from.at("rows").get<std::vector<std::string>>();
    plan.why = from.at("why");
    for (const json& key : from.at("keys"))
        plan.keys.push_back({key.at("key"), key.at("start"), key.at("least"), key.at("most")});
    for (const FitKey& key : plan.keys)
        if (!(key.least > 0 && key.least <= key.start && key.start <= key.most))
            throw rt::Error(fmt::format("{}: 0 < least <= start <= most is not so", key.key),
                            EINVAL);
    return plan;
}

bool has_keys_of(const Row& row, const FitPlan& plan) {
    return plan.software.empty() ? row.task.chip == plan.chip
                                 : row.task.software.name == plan.software;
}

const Row& row_of(const FitPlan& plan, const std::vector<Row>& rows, const std::string& id) {
    const auto row = std::ranges::find(rows, id, &Row::id);
    if (row == rows.end())
        throw rt::Error(fmt::format("fit {}: there is no row {}", plan.name, id), EINVAL);
    if (row->row_class != RowClass::kFit)
        throw rt::Error(
            fmt::format("fit {}: row {} is {}, not for fits", plan.name, id, name(row->row_class)),
            EINVAL);
    if (!has_keys_of(*row, plan))
        throw rt::Error(
            fmt::format("fit {}: row {} is of {}", plan.name, id,
                        plan.software.empty() ? row->task.chip : row->task.software.name),
            EINVAL);
    return *row;
}

std::vector<Row> rows_of(const FitPlan& plan, const std::vector<Row>& rows) {
    std::vector<Row> own;
    for (const std::string& id : plan.rows)
        own.push_back(row_of(plan, rows, id));
    if (own.size() <= plan.keys.size())
        throw rt::Error(fmt::format("fit {}: {} keys and {} rows; more rows than keys are wanted",
                                    plan.name, plan.keys.size(), own.size()),
                        EINVAL);
    return own;
}

// Keys as powers of e, so that a step is a part of them.
std::vector<double> values_at(const FitPlan& plan, const Vector& x) {
    std::vector<double> values;
    for (std::size_t i = 0; i < x.size(); ++i)
        values.push_back(std::clamp(std::exp(x[i]), plan.keys[i].least, plan.keys[i].most));
    return values;
}

Row changed(Row row, const FitPlan& plan, const std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        if (plan.software.empty())
            row.task.changes.push_back({plan.keys[i].key, values[i]});
        else
            row.task.software.set(plan.keys[i].key, values[i]);
    return row;
}

double ours(const Row& row) {
    const auto value = quantity_of(measure(row.task), row);
    if (!value)
        throw rt::Error(fmt::format("row {}: its energies are not known", row.id), EINVAL);
    return *value;
}

// ln(ours / published) of every row at every point.
class Rig {
  public:
    Rig(const FitPlan& plan, const std::vector<Row>& rows, unsigned jobs)
        : plan_(plan), rows_(rows), jobs_(jobs) {}

    std::vector<Vector> operator()(const std::vector<Vector>& points) {
        std::vector<Vector> all(points.size(), Vector(rows_.size()));
        in_processes(
            points.size() * rows_.size(), jobs_,
            [&](std::size_t i) {
                const Row& row = rows_[i % rows_.size()];
                const double value =
                    ours(changed(row, plan_, values_at(plan_, points[i / rows_.size()])));
                return fmt::format("{:.17g}", std::log(value / row.published(value)));
            },
            [&](std::size_t i, const std::string& said) {
                all[i / rows_.size()][i % rows_.size()] = std::stod(said);
            });
        bar_.show(std::min<std::uint64_t>(++rounds_, kUsual), kUsual, "the fit");
        return all;
    }

  private:
    static constexpr std::uint64_t kUsual = 16;

    const FitPlan& plan_;
    const std::vector<Row>& rows_;
    unsigned jobs_;
    compiler::ProgressBar bar_;
    std::uint64_t rounds_ = 0;
};

double said(const FitPlan& plan, std::size_t key) {
    const std::string& name = plan.keys[key].key;
    return plan.software.empty() ? local::chip_facts(plan.chip).figure(name).value.value_or(0)
                                 : software_named(plan.software).figure(name);
}

json to_json(const FitResult& result) {
    const FitPlan& plan = result.plan;
    json out = {{"name", plan.name},
                {"chip", plan.chip.empty() ? json() : json(plan.chip)},
                {"software", plan.software.empty() ? json() : json(plan.software)},
                {"why", plan.why},
                {"rounds", result.rounds},
                {"agrees", agrees(result)}};
    for (std::size_t i = 0; i < result.values.size(); ++i)
        out["keys"].push_back({{"key", plan.keys[i].key},
                               {"value", result.values[i]},
                               {"start", plan.keys[i].start},
                               {"profile", said(plan, i)}});
    const json lines = json::parse(print_table(result.lines, Format::kJson)).at("rows");
    for (std::size_t i = 0; i < result.lines.size(); ++i) {
        json line = lines[i];
        line["how"] = i < result.fitted ? json("fitted") : line["how"];
        if (i < result.fitted)
            line["sensitivity"] = result.sensitivities[i];
        out["rows"].push_back(line);
    }
    return out;
}

}  // namespace

std::vector<FitPlan> parse_fits(std::string_view text, std::string_view name) {
    std::vector<FitPlan> plans;
    try {
        for (const json& from : json::parse(text))
            plans.push_back(parse_plan(from));
    } catch (const json::exception& error) {
        throw rt::Error(fmt::format("{}: fit {}: {}", name, plans.size() + 1, error.what()),
                        EINVAL);
    } catch (const rt::Error& error) {
        throw rt::Error(fmt::format("{}: fit {}: {}", name, plans.size() + 1, error.what()),
                        EINVAL);
    }
    return plans;
}

FitResult fit(const FitPlan& plan, const std::vector<Row>& rows, unsigned jobs) {
    FitResult result;
    result.plan = plan;
    const std::vector<Row> own = rows_of(plan, rows);
    Vector start;
    std::vector<Bounds> bounds;
    for (const FitKey& key : plan.keys) {
        start.push_back(std::log(key.start));
        bounds.push_back({std::log(key.least), std::log(key.most)});
    }
    Rig rig(plan, own, jobs);
    const Solution solution = least_squares(
        [&](const std::vector<Vector>& points) { return rig(points); }, start, bounds);
    result.values = values_at(plan, solution.x);
    result.sensitivities = solution.jacobian;
    result.rounds = solution.rounds;
    result.fitted = own.size();
    std::vector<Row> all;
    for (const Row& row : own)
        all.push_back(changed(row, plan, result.values));
    for (const Row& row : rows)
        if (has_keys_of(row, plan) && std::ranges::find(own, row.id, &Row::id) == own.end())
            all.push_back(changed(row, plan, result.values));
    result.lines = make_table(all, {}, jobs);
    return result;
}

bool agrees(const FitResult& result) {
    constexpr double kNear = 0.01;
    for (std::size_t i = 0; i < result.values.size(); ++i)
        if (std::abs(said(result.plan, i) / result.values[i] - 1) > kNear)
            return false;
    return true;
}

std::string print_fit(const FitResult& result, Format format) {
    if (format == Format::kJson)
        return to_json(result).dump(1, ' ', false, json::error_handler_t::replace) + "\n";
    if (format == Format::kCsv)
        return print_table(result.lines, Format::kCsv);
    std::string out = fmt::format("fit {}: {}\n", result.plan.name, result.plan.why);
    for (std::size_t i = 0; i < result.values.size(); ++i)
        out += fmt::format("{:<18} {:.4g} (from {:g}; said is {:.4g})\n", result.plan.keys[i].key,
                           result.values[i], result.plan.keys[i].start, said(result.plan, i));
    out += fmt::format(
        "\nSensitivities: by how many % a row changes where a key is 1 % more\n{:<14}", "row");
    for (const FitKey& key : result.plan.keys)
        out += fmt::format(" {:>18}", key.key);
    out += "\n";
    for (std::size_t i = 0; i < result.fitted; ++i) {
        out += fmt::format("{:<14}", result.lines[i].row.id);
        for (const double s : result.sensitivities[i])
            out += fmt::format(" {:>18.3f}", s);
        out += "\n";
    }
    return out + "\n" + print_table(result.lines, Format::kText) +
           (agrees(result) ? "Its file says the same, within 1 %.\n"
                           : "Its file says something else.\n");
}

}  // namespace skald::chip
