// SPDX-License-Identifier: MIT
#include "chip/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "chip/csv.hpp"
#include "chip/grid.hpp"
#include "chip/measured_json.hpp"
#include "chip/point_file.hpp"
#include "chip/processes.hpp"
#include "chip/text_file.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 9> kResults = {"batch_run", "first_token_s", "user_tps",
                                                      "total_tps", "token_j",       "mean_w",
                                                      "bound",     "share",         "why_not"};

std::vector<std::string> header_of(const Grid& grid) {
    std::vector<std::string> header = grid.names;
    header.insert(header.end(), kResults.begin(), kResults.end());
    return header;
}

std::string number(const std::optional<double>& value) {
    return value ? fmt::format("{:.9g}", *value) : "";
}

void add_results(std::vector<std::string>& cells, const std::string& said) {
    const json from = json::parse(said);
    if (from.contains("why")) {
        cells.resize(cells.size() + kResults.size() - 1);
        cells.push_back(from["why"]);
        return;
    }
    const Measured m = measured_from(from.at("measured"));
    for (const std::string& cell :
         {std::to_string(m.batch), number(m.first_s), number(m.user_rate()), number(m.total_rate()),
          number(m.token_j), number(m.mean_w), std::string(local::ModelLog::bound_name(m.bound())),
          number(m.share[m.bound()]), std::string()})
        cells.push_back(cell);
}

// What a cell of the CSV is to a reader of JSON.
json value_of(std::string_view column, const std::string& cell) {
    constexpr auto kTexts =
        std::to_array<std::string_view>({"chip", "shape", "weights", "widths", "sums"});
    if (std::ranges::find(kTexts, column) != kTexts.end())
        return cell;
    double number = 0;
    const char* end = cell.data() + cell.size();
    const auto [at, error] = std::from_chars(cell.data(), end, number);
    if (cell.empty())
        return nullptr;
    return error == std::errc{} && at == end ? json::parse(cell) : json(cell);
}

// The own points of a sweep, of all that the file has.
std::string points_text(const SweepOptions& options, const Grid& grid, Format format) {
    std::map<std::string, std::string> lines;  // by the cells of the point
    std::istringstream text(read_text(options.out));
    for (std::string line; std::getline(text, line);) {
        std::vector<std::string> cells = csv_cells(line);
        cells.resize(grid.names.size());
        lines[csv_line(cells)] = line;
    }
    const std::vector<std::string> header = header_of(grid);
    std::string csv = csv_line(header);
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (std::size_t i = options.part; i < grid.points(); i += options.parts) {
        const std::string& line = lines.at(csv_line(grid.point(i)));
        csv += line + "\n";
        const std::vector<std::string> cells = csv_cells(line);
        nlohmann::ordered_json point;
        for (std::size_t c = 0; c < header.size(); ++c)
            point[header[c]] = value_of(header[c], cells.at(c));
        all.push_back(std::move(point));
    }
    return format == Format::kCsv ? csv
                                  : all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

// A word for a shell, whatever is in it.
std::string shell_word(const std::string& text) {
    std::string word = "'";
    for (const char c : text)
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

// As the nodes of a cluster find it where they have the file systems of this machine; else
// LLM_CHIP says where it is.
std::string this_program() {
    std::error_code failed;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
    return failed ? "llm-chip" : path.string();
}

}  // namespace

std::string slurm_script(const SweepOptions& options, std::size_t points, unsigned jobs) {
    constexpr std::size_t kMostTasks = 1000;  // what clusters usually allow
    const std::size_t tasks = std::clamp<std::size_t>((points + jobs - 1) / jobs, 1, kMostTasks);
    return fmt::format(
        "#!/bin/bash\n"
        "# {} points in {} tasks; a task that is run again takes up where it was.\n"
        "#SBATCH --job-name=llm-chip\n"
        "#SBATCH --array=0-{}\n"
        "#SBATCH --cpus-per-task={}\n"
        "program={}\n"
        "exec \"${{LLM_CHIP:-$program}}\" sweep {} -o {} --jobs {} "
        "--part \"$SLURM_ARRAY_TASK_ID/{}\"\n",
        points, tasks, tasks - 1, jobs, shell_word(this_program()), shell_word(options.grid),
        shell_word(options.out), jobs, tasks);
}

std::string sweep(const SweepOptions& options, unsigned jobs, Format format) {
    const Grid grid = parse_grid(read_text(options.grid), options.grid);
    if (!options.slurm.empty()) {
        write_text(options.slurm, slurm_script(options, grid.points(), jobs));
        return fmt::format("{} points: sbatch {}\n", grid.points(), options.slurm);
    }
    PointFile file(options.out, header_of(grid), grid.names.size());
    std::vector<std::vector<std::string>> wanted;
    std::size_t own = 0;
    for (std::size_t i = options.part; i < grid.points(); i += options.parts) {
        ++own;
        if (std::vector<std::string> point = grid.point(i); !file.has(point))
            wanted.push_back(std::move(point));
    }
    compiler::ProgressBar bar;
    std::uint64_t ended = own - wanted.size();
    in_processes(
        wanted.size(), jobs, [&](std::size_t i) { return measured_text(grid.task(wanted[i])); },
        [&](std::size_t i, const std::string& said) {
            std::vector<std::string> cells = wanted[i];
            add_results(cells, said);
            file.append(cells);
            bar.show(++ended, own, fmt::format("{} points", own));
        });
    if (format == Format::kText)
        return fmt::format("{} points, {} of them run now: {}\n", own, wanted.size(), options.out);
    return points_text(options, grid, format);
}

}  // namespace skald::chip
