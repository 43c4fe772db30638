// SPDX-License-Identifier: MIT
#include "chip/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "chip/measured_json.hpp"
#include "chip/point_file.hpp"
#include "chip/processes.hpp"
#include "chip/text_file.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

struct Column {
    std::string_view name;
    std::optional<std::string_view> usual;  // none: it must be said
    void (*apply)(Task& task, const std::string& cell);
};

std::uint32_t whole(std::string_view name, const std::string& cell) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc{} || end != cell.data() + cell.size() || value == 0)
        throw rt::Error(fmt::format("{} is {}, no whole number above 0", name, cell), EINVAL);
    return value;
}

bool yes(std::string_view name, const std::string& cell) {
    if (cell != "yes" && cell != "no")
        throw rt::Error(fmt::format("{} is {}, neither yes nor no", name, cell), EINVAL);
    return cell == "yes";
}

constexpr auto kColumns = std::to_array<Column>({
    {"chip", std::nullopt, [](Task& t, const std::string& c) { t.chip = c; }},
    {"shape", std::nullopt, [](Task& t, const std::string& c) { t.model = c; }},
    {"weights", "int8", [](Task& t, const std::string& c) { t.weights = c; }},
    {"widths", "", [](Task& t, const std::string& c) { t.widths = c; }},
    {"tensor", "1", [](Task& t, const std::string& c) { t.group.tensor = whole("tensor", c); }},
    {"pipeline", "1",
     [](Task& t, const std::string& c) { t.group.pipeline = whole("pipeline", c); }},
    {"sums", "no", [](Task& t, const std::string& c) { t.group.sums = yes("sums", c); }},
    {"batch", "1", [](Task& t, const std::string& c) { t.batch = whole("batch", c); }},
    {"prompt", "512", [](Task& t, const std::string& c) { t.prompt = whole("prompt", c); }},
    {"gen", "128", [](Task& t, const std::string& c) { t.generated = whole("gen", c); }},
});

constexpr std::array<std::string_view, 9> kResults = {"batch_run", "first_token_s", "user_tps",
                                                      "total_tps", "token_j",       "mean_w",
                                                      "bound",     "share",         "why_not"};

std::vector<std::string> header_of(const Grid& grid) {
    std::vector<std::string> header = grid.names;
    header.insert(header.end(), kResults.begin(), kResults.end());
    return header;
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> list_of(const json& values) {
    std::vector<std::string> list;
    if (!values.is_array()) {
        list.push_back(text_of(values));
        return list;
    }
    for (const json& value : values)
        list.push_back(text_of(value));
    if (list.empty())
        throw rt::Error("a list is empty", EINVAL);
    return list;
}

Task task_of(const Grid& grid, const std::vector<std::string>& cells) {
    Task task;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto column = std::ranges::find(kColumns, grid.names[i], &Column::name);
        if (column != kColumns.end()) {
            column->apply(task, cells[i]);
            continue;
        }
        double value = 0;
        const char* end = cells[i].data() + cells[i].size();
        if (const auto [at, error] = std::from_chars(cells[i].data(), end, value);
            error != std::errc{} || at != end)
            throw rt::Error(fmt::format("{} is {}, no number", grid.names[i], cells[i]), EINVAL);
        task.changes.push_back({grid.names[i], value});
    }
    return task;
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

// A word for a shell, whatever is in it.
std::string shell_word(const std::string& text) {
    std::string word = "'";
    for (const char c : text)
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

}  // namespace

std::size_t Grid::points() const {
    std::size_t count = 1;
    for (const auto& list : values)
        count *= list.size();
    return count;
}

std::vector<std::string> Grid::point(std::size_t index) const {
    std::vector<std::string> cells(names.size());
    for (std::size_t i = names.size(); i-- != 0;) {
        cells[i] = values[i][index % values[i].size()];
        index /= values[i].size();
    }
    return cells;
}

Grid parse_grid(std::string_view text, std::string_view name) {
    Grid grid;
    try {
        const json from = json::parse(text);
        for (const auto& [key, value] : from.items())
            if (key != "set" && std::ranges::find(kColumns, key, &Column::name) == kColumns.end())
                throw rt::Error(fmt::format("'{}' is nothing that a grid has", key), EINVAL);
        for (const Column& column : kColumns) {
            const std::string key(column.name);
            if (!from.contains(key) && !column.usual)
                throw rt::Error(fmt::format("'{}' is missing", key), EINVAL);
            grid.names.push_back(key);
            grid.values.push_back(from.contains(key) ? list_of(from[key])
                                                     : std::vector<std::string>{
                                                           std::string(column.usual.value_or(""))});
        }
        if (from.contains("set"))
            for (const auto& [key, value] : from["set"].items()) {
                grid.names.push_back(key);
                grid.values.push_back(list_of(value));
            }
        for (std::size_t i = 0; i < grid.points(); ++i)
            (void)task_of(grid, grid.point(i));
    } catch (const json::exception& error) {
        throw rt::Error(fmt::format("{}: {}", name, error.what()), EINVAL);
    } catch (const rt::Error& error) {
        throw rt::Error(fmt::format("{}: {}", name, error.what()), EINVAL);
    }
    return grid;
}

std::string slurm_script(const SweepOptions& options, std::size_t points, unsigned jobs) {
    constexpr std::size_t kMostTasks = 1000;  // what clusters usually allow
    const std::size_t tasks = std::clamp<std::size_t>((points + jobs - 1) / jobs, 1, kMostTasks);
    return fmt::format(
        "#!/bin/bash\n"
        "# {} points in {} tasks; a task that is run again takes up where it was.\n"
        "#SBATCH --job-name=llm-chip\n"
        "#SBATCH --array=0-{}\n"
        "#SBATCH --cpus-per-task={}\n"
        "exec \"${{LLM_CHIP:-llm-chip}}\" sweep {} -o {} --jobs {} "
        "--part \"$SLURM_ARRAY_TASK_ID/{}\"\n",
        points, tasks, tasks - 1, jobs, shell_word(options.grid), shell_word(options.out), jobs,
        tasks);
}

std::string sweep(const SweepOptions& options, unsigned jobs) {
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
        wanted.size(), jobs, [&](std::size_t i) { return measured_text(task_of(grid, wanted[i])); },
        [&](std::size_t i, const std::string& said) {
            std::vector<std::string> cells = wanted[i];
            add_results(cells, said);
            file.append(cells);
            bar.show(++ended, own, fmt::format("{} points", own));
        });
    return fmt::format("{} points, {} of them run now: {}\n", own, wanted.size(), options.out);
}

}  // namespace skald::chip
