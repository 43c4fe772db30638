// SPDX-License-Identifier: MIT
#include "chip/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chip/measured_json.hpp"
#include "chip/pictures.hpp"
#include "chip/processes.hpp"
#include "chip/roof.hpp"
#include "chip/text_file.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

void take_roof(TableLine& line, const std::string& said) {
    const json from = json::parse(said);
    if (from.contains("measured"))
        line.roof = quantity_of(measured_from(from["measured"]), line.row);
}

void take(TableLine& line, const std::string& said) {
    const json from = json::parse(said);
    if (from.contains("why")) {
        line.why = from["why"];
        return;
    }
    line.measured = measured_from(from.at("measured"));
    line.ours = quantity_of(*line.measured, line.row);
    if (!line.ours)
        line.why = "its energies are not known";
}

TableLine begun(const Row& row) {
    TableLine line;
    line.row = row;
    if (const auto lacks = row.lacks()) {
        line.why = *lacks;
        return line;
    }
    const local::ChipFacts chip = local::chip_facts(row.task.chip);
    line.idle_w = chip.figure("idle_w").value;
    line.rated_w = chip.figure("rated_w").value;
    return line;
}

// Four digits, and no exponents.
std::string figure_text(double value) {
    return value >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string published_text(const Row& row) {
    return row.least == row.most
               ? figure_text(row.least)
               : fmt::format("{}-{}", figure_text(row.least), figure_text(row.most));
}

std::string error_text(const TableLine& line) {
    return fmt::format("{:+.1f} %", line.error() * 100);
}

std::string bound_text(const TableLine& line) {
    if (!line.measured)
        return "-";
    const std::size_t bound = line.measured->bound();
    return fmt::format("{} {:.0f} %", local::ModelLog::bound_name(bound),
                       line.measured->share[bound] * 100);
}

std::string power_text(const TableLine& line) {
    if (!line.measured || !line.measured->mean_w)
        return "-";
    const auto good = line.power_in_bounds();
    return fmt::format("{:.0f}{}", *line.measured->mean_w, good && !*good ? " !" : "");
}

std::string roof_text(const TableLine& line) {
    const auto part = line.of_roof();
    if (!part)
        return "-";
    const double percent = *part * 100;
    return fmt::format(
        "{} %{}", percent >= 1 ? fmt::format("{:.0f}", percent) : fmt::format("{:.2g}", percent),
        percent > 100 ? " !" : "");
}

// Of the rows of a class that were run.
struct Errors {
    std::size_t rows = 0;
    double sum = 0, worst = 0;

    void add(double error) {
        ++rows;
        sum += std::abs(error);
        worst = std::max(worst, std::abs(error));
    }
    [[nodiscard]] json to_json() const {
        return {{"rows", rows},
                {"mean", rows == 0 ? json() : json(sum / static_cast<double>(rows))},
                {"worst", rows == 0 ? json() : json(worst)}};
    }
    [[nodiscard]] std::string text(std::string_view what) const {
        if (rows == 0)
            return fmt::format("{}: none", what);
        return fmt::format("{}: {}, mean {:.1f} %, worst {:.1f} %", what, rows,
                           sum / static_cast<double>(rows) * 100, worst * 100);
    }
};

// What is predicted, by what it is of.
enum class Kind { kDecode, kPrefill, kThroughput, kEnergy };
constexpr std::array<std::string_view, 4> kKinds = {"decode", "prefill", "throughput", "energy"};

Kind kind_of(Quantity quantity) {
    switch (quantity) {
        case Quantity::kDecode:
        case Quantity::kTotal:
            return Kind::kDecode;
        case Quantity::kFirstToken:
            return Kind::kPrefill;
        case Quantity::kEnergy:
            return Kind::kEnergy;
        case Quantity::kRequest:
        case Quantity::kThroughput:
            break;
    }
    return Kind::kThroughput;
}

struct Summary {
    explicit Summary(const std::vector<TableLine>& lines) {
        for (const TableLine& line : lines) {
            if (!line.ours) {
                ++not_run;
            } else if (line.row.row_class == RowClass::kSpeculative) {
                ++speculative;
            } else if (line.row.row_class == RowClass::kFit) {
                fitted.add(line.error());
            } else {
                const auto kind = static_cast<std::size_t>(kind_of(line.row.quantity));
                predicted[kind].add(line.error());
                if (!line.row.claimed)
                    measured[kind].add(line.error());
            }
        }
    }
    [[nodiscard]] std::string text() const {
        std::string out = fitted.text("Fitted rows") + ".\n";
        for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
            out += predicted[kind].text(fmt::format("Predicted {}", kKinds[kind]));
            if (measured[kind].rows != predicted[kind].rows)
                out += "; " + measured[kind].text("without claims");
            out += ".\n";
        }
        return out + fmt::format("Speculative: {}. Not run: {}.\n", speculative, not_run);
    }
    [[nodiscard]] json to_json() const {
        json out = {
            {"fitted", fitted.to_json()}, {"speculative", speculative}, {"not_run", not_run}};
        for (std::size_t kind = 0; kind < kKinds.size(); ++kind)
            out["predicted"][std::string(kKinds[kind])] = {
                {"all", predicted[kind].to_json()}, {"without_claims", measured[kind].to_json()}};
        return out;
    }

    Errors fitted;
    std::array<Errors, kKinds.size()> predicted;
    std::array<Errors, kKinds.size()> measured;  // of these, what is no claim
    std::size_t speculative = 0, not_run = 0;
};

std::string text_table(const std::vector<TableLine>& lines) {
    std::string out = fmt::format(
        "{:<14} {:<44} {:>11} {:>9} {:>9} {:<8} {:>9} {:>8}  {:<11} {:<14} {}\n", "row", "system",
        "published", "ours", "unit", "", "error", "of roof", "how", "bound by", "W");
    for (const TableLine& line : lines) {
        const auto head = fmt::format("{:<14} {:<44} {:>11}", line.row.id,
                                      line.row.system.substr(0, 44), published_text(line.row));
        if (line.ours)
            out += fmt::format("{} {:>9} {:>9} {:<8} {:>9} {:>8}  {:<11} {:<14} {}\n", head,
                               figure_text(*line.ours), unit(line.row.quantity),
                               name(line.row.quantity).substr(0, 8), error_text(line),
                               roof_text(line), line.how(), bound_text(line), power_text(line));
        else
            out += fmt::format("{} {}\n", head, line.why);
    }
    return out + Summary(lines).text();
}

std::string markdown_table(const std::vector<TableLine>& lines) {
    std::string out =
        "| row | chip | published | ours | error | of roof | how | bound by | W |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | --- | --- | ---: |\n";
    for (const TableLine& line : lines) {
        const std::string head = fmt::format("| {} | {} | {} {}", line.row.id,
                                             line.row.task.chip.empty() ? "-" : line.row.task.chip,
                                             published_text(line.row), unit(line.row.quantity));
        if (line.ours)
            out += fmt::format("{} | {} | {} | {} | {} | {} | {} |\n", head,
                               figure_text(*line.ours), error_text(line), roof_text(line),
                               line.how(), bound_text(line), power_text(line));
        else
            out += fmt::format("{} | - | | | {} | | |\n", head, line.why.substr(0, 50));
    }
    return out + "\n" + Summary(lines).text();
}

json to_json(const TableLine& line) {
    const Row& row = line.row;
    json out = {
        {"id", row.id},
        {"class", name(row.row_class)},
        {"system", row.system},
        {"chip", row.task.chip.empty() ? json() : json(row.task.chip)},
        {"tensor", row.task.group.tensor},
        {"pipeline", row.task.group.pipeline},
        {"replicas", row.replicas},
        {"model", row.task.model},
        {"weights", row.task.weights},
        {"widths", row.task.widths},
        {"software", row.task.software.name.empty() ? json() : json(row.task.software.name)},
        {"n_prompt", row.task.prompt},
        {"n_gen", row.task.generated},
        {"quantity", name(row.quantity)},
        {"unit", unit(row.quantity)},
        {"published_least", row.least},
        {"published_most", row.most},
        {"ours", or_null(line.ours)},
        {"error", line.ours ? json(line.error()) : json()},
        {"roof", or_null(line.roof)},
        {"of_roof", or_null(line.of_roof())},
        {"claimed", row.claimed},
        {"how", line.ours ? json(line.how()) : json()},
        {"why_not", line.why.empty() ? json() : json(line.why)},
        {"source", row.source},
        {"note", row.note}};
    out["batch"] = line.measured ? json(line.measured->batch)
                                 : (row.task.batch ? json(*row.task.batch) : json("memory"));
    out["bound"] =
        line.measured ? json(local::ModelLog::bound_name(line.measured->bound())) : json();
    out["bound_share"] =
        line.measured ? json(line.measured->share[line.measured->bound()]) : json();
    out["mean_w"] = line.measured ? or_null(line.measured->mean_w) : json();
    out["idle_w"] = or_null(line.idle_w);
    out["rated_w"] = or_null(line.rated_w);
    const auto bounds = line.power_in_bounds();
    out["power_in_bounds"] = bounds ? json(*bounds) : json();
    return out;
}

}  // namespace

std::string_view TableLine::how() const {
    switch (row.row_class) {
        case RowClass::kFit:
            return "fitted";
        case RowClass::kHoldOut:
            return row.claimed ? "of a claim" : "predicted";
        case RowClass::kSpeculative:
            break;
    }
    return "speculative";
}

std::optional<double> TableLine::of_roof() const {
    if (!roof || row.quantity == Quantity::kEnergy)
        return std::nullopt;
    return is_time(row.quantity) ? *roof / row.most : row.least / *roof;
}

std::optional<bool> TableLine::power_in_bounds() const {
    if (!measured || !measured->mean_w || !idle_w || !rated_w)
        return std::nullopt;
    return *measured->mean_w >= *idle_w && *measured->mean_w <= *rated_w;
}

std::vector<Row> chosen_rows(std::vector<Row> rows, const TableOptions& options) {
    std::erase_if(rows, [&](const Row& row) {
        const bool named = std::ranges::any_of(
            options.only, [&](const std::string& begin) { return row.id.starts_with(begin); });
        return (!options.only.empty() && !named) ||
               (!options.chip.empty() && row.task.chip != options.chip);
    });
    if (rows.empty())
        throw rt::Error("there is no such row", EINVAL);
    return rows;
}

std::vector<TableLine> make_table(const std::vector<Row>& rows, const local::ChipChanges& changes,
                                  unsigned jobs) {
    std::vector<TableLine> lines;
    std::vector<std::size_t> run;
    for (const Row& row : rows) {
        lines.push_back(begun(row));
        if (lines.back().why.empty())
            run.push_back(lines.size() - 1);
    }
    compiler::ProgressBar bar;
    std::uint64_t ended = 0;
    // Each as its chip does it, and as its roof would.
    in_processes(
        2 * run.size(), jobs,
        [&](std::size_t i) {
            Task task = lines[run[i / 2]].row.task;
            task.changes.insert(task.changes.end(), changes.begin(), changes.end());
            return measured_text(i % 2 == 0 ? task : at_its_roof(task));
        },
        [&](std::size_t i, const std::string& said) {
            (i % 2 == 0 ? take : take_roof)(lines[run[i / 2]], said);
            bar.show(++ended, 2 * run.size(), fmt::format("{} rows", run.size()));
        });
    return lines;
}

std::string print_table(const std::vector<TableLine>& lines, Format format) {
    switch (format) {
        case Format::kJson: {
            json all = {{"rows", json::array()}, {"summary", Summary(lines).to_json()}};
            for (const TableLine& line : lines)
                all["rows"].push_back(to_json(line));
            return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
        }
        case Format::kCsv: {
            json all = json::array();
            for (const TableLine& line : lines)
                all.push_back(to_json(line));
            return csv_of(all);
        }
        case Format::kMarkdown:
            return markdown_table(lines);
        case Format::kText:
            break;
    }
    return text_table(lines);
}

std::string table(const Options& options) {
    const std::vector<Row> rows = chosen_rows(load_rows(options.table.rows), options.table);
    const auto lines = make_table(rows, options.table.changes, job_count(options.jobs));
    if (!options.table.picture.empty())
        write_text(options.table.picture, table_picture(lines));
    return print_table(lines, options.format);
}

}  // namespace skald::chip
