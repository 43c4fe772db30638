// SPDX-License-Identifier: MIT
#include "chip/grid.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "chip/facts_of_models.hpp"
#include "chip/widths.hpp"
#include "compile/compile.hpp"
#include "libskald/error.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

constexpr std::size_t kMostPoints = 1'000'000;
constexpr std::string_view kSet = "set";

rt::Error wrong(std::string_view what) {
    return rt::Error(std::string(what), EINVAL);
}

std::uint32_t whole(const std::string& cell) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc{} || end != cell.data() + cell.size() || value == 0)
        throw wrong(fmt::format("{} is no whole number above 0", cell));
    return value;
}

bool yes(const std::string& cell) {
    if (cell != "yes" && cell != "no")
        throw wrong(fmt::format("{} is neither yes nor no", cell));
    return cell == "yes";
}

double number(const std::string& cell) {
    double value = 0;
    const char* end = cell.data() + cell.size();
    if (const auto [at, error] = std::from_chars(cell.data(), end, value);
        error != std::errc{} || at != end)
        throw wrong(fmt::format("{} is no number", cell));
    return value;
}

void set_chip(Task& task, const std::string& cell) {
    (void)local::chip_facts(cell);
    task.chip = cell;
}

void set_shape(Task& task, const std::string& cell) {
    if (cell.find_first_of("/.") == std::string::npos)
        (void)model_config(cell);
    else if (std::error_code ignored; !known_model(cell) && !std::filesystem::exists(cell, ignored))
        throw wrong(fmt::format("there is no file {}", cell));
    task.model = cell;
}

void set_weights(Task& task, const std::string& cell) {
    if (!compiler::parse_weight_choice(cell))
        throw wrong(
            fmt::format("{} is unknown; there are {}", cell, compiler::weight_choice_names()));
    task.weights = cell;
}

void set_widths(Task& task, const std::string& cell) {
    // Of any model: which formats there are is not its affair.
    container::ModelInfo any{};
    any.weight_format = static_cast<std::uint32_t>(isa::WeightFormat::I8B32);
    any.kv_heads = 1;
    any.head_dim = 64;
    (void)widths_of(cell, any);
    task.widths = cell;
}

struct Column {
    std::string_view name;
    std::optional<std::string_view> usual;               // none: it must be said
    void (*apply)(Task& task, const std::string& cell);  // throws rt::Error
};

constexpr auto kColumns = std::to_array<Column>({
    {"chip", std::nullopt, set_chip},
    {"shape", std::nullopt, set_shape},
    {"weights", "int8", set_weights},
    {"widths", "", set_widths},
    {"tensor", "1", [](Task& t, const std::string& c) { t.group.tensor = whole(c); }},
    {"pipeline", "1", [](Task& t, const std::string& c) { t.group.pipeline = whole(c); }},
    {"sums", "no", [](Task& t, const std::string& c) { t.group.sums = yes(c); }},
    {"batch", "1", [](Task& t, const std::string& c) { t.batch = whole(c); }},
    {"prompt", "512", [](Task& t, const std::string& c) { t.prompt = whole(c); }},
    {"gen", "128", [](Task& t, const std::string& c) { t.generated = whole(c); }},
});

const Column* find_column(std::string_view name) {
    const auto column = std::ranges::find(kColumns, name, &Column::name);
    return column == kColumns.end() ? nullptr : &*column;
}

std::string known_names() {
    std::vector<std::string_view> names;
    for (const Column& column : kColumns)
        names.push_back(column.name);
    return fmt::format("{} and {}", fmt::join(names, ", "), kSet);
}

// A figure of the chip, whichever chip it is.
void set_figure(Task& task, const std::string& key, const std::string& cell) {
    const local::ChipChange change{key, number(cell)};
    (void)local::chip_facts("sk1", {change});
    task.changes.push_back(change);
}

// A name that is there twice is a slip of the pen; json would take the last.
json parse_once_named(std::string_view text) {
    std::vector<std::set<std::string>> open;
    return json::parse(text, [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start)
            open.emplace_back();
        if (event == json::parse_event_t::object_end)
            open.pop_back();
        if (event == json::parse_event_t::key && !open.back().insert(parsed).second)
            throw wrong(fmt::format("'{}' is there twice", parsed.get<std::string>()));
        return true;
    });
}

std::string cell_of(const json& value) {
    if (value.is_string())
        return value;
    if (value.is_number())
        return value.dump();
    throw wrong(fmt::format("{} is neither text nor a number", value.dump()));
}

template <class F>
void at(const std::string& place, F&& f) {
    try {
        f();
    } catch (const rt::Error& error) {
        throw wrong(fmt::format("{}: {}", place, error.what()));
    }
}

class Reader {
  public:
    [[nodiscard]] Grid read(std::string_view text) {
        const json from = parse_once_named(text);
        if (!from.is_object())
            throw wrong("a grid is an object: {\"chip\": ..., \"shape\": ...}");
        for (const auto& [key, value] : from.items())
            if (key != kSet && find_column(key) == nullptr)
                throw wrong(
                    fmt::format("'{}' is nothing that a grid has, only {}", key, known_names()));
        for (const Column& column : kColumns)
            add_column(from, column);
        if (from.contains(kSet))
            add_figures(from[std::string(kSet)]);
        return grid_;
    }

  private:
    void add_column(const json& from, const Column& column) {
        const std::string key(column.name);
        if (!from.contains(key) && !column.usual)
            throw wrong(fmt::format("'{}' is missing", key));
        const json values = from.contains(key) ? from[key] : json(column.usual.value_or(""));
        add(key, key, values, [&](const std::string& cell) {
            Task any;
            column.apply(any, cell);
        });
    }

    void add_figures(const json& figures) {
        if (!figures.is_object())
            throw wrong("set: it is an object of figures: {\"dram_gbs\": [500, 1000]}");
        for (const auto& [key, values] : figures.items())
            add(key, fmt::format("{}.{}", kSet, key), values, [&](const std::string& cell) {
                Task any;
                set_figure(any, key, cell);
            });
    }

    // A list, or one value; `check` throws for a cell that cannot be.
    template <class Check>
    void add(const std::string& name, const std::string& place, const json& values, Check check) {
        std::vector<std::string> cells;
        const auto take = [&](const std::string& where, const json& value) {
            at(where, [&] {
                const std::string cell = cell_of(value);
                if (std::ranges::find(cells, cell) != cells.end())
                    throw wrong(fmt::format("{} is there already", cell));
                check(cell);
                cells.push_back(cell);
            });
        };
        if (values.is_array())
            for (std::size_t i = 0; i < values.size(); ++i)
                take(fmt::format("{}[{}]", place, i), values[i]);
        else
            take(place, values);
        if (cells.empty())
            throw wrong(fmt::format("{}: the list is empty", place));
        points_ *= cells.size();
        if (points_ > kMostPoints)
            throw wrong(fmt::format("{}: more than {} points are too many", place, kMostPoints));
        grid_.names.push_back(name);
        grid_.values.push_back(std::move(cells));
    }

    Grid grid_;
    std::size_t points_ = 1;
};

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

Task Grid::task(const std::vector<std::string>& cells) const {
    Task task;
    for (std::size_t i = 0; i < cells.size(); ++i)
        if (const Column* column = find_column(names[i]))
            column->apply(task, cells[i]);
        else
            set_figure(task, names[i], cells[i]);
    return task;
}

Grid parse_grid(std::string_view text, std::string_view file) {
    try {
        return Reader().read(text);
    } catch (const json::exception& error) {
        // "[json.exception.parse_error.101] parse error at line 2, column 1: ..."
        const std::string_view what = error.what();
        throw wrong(fmt::format("{}: {}", file, what.substr(what.find("] ") + 2)));
    } catch (const rt::Error& error) {
        throw wrong(fmt::format("{}: {}", file, error.what()));
    }
}

}  // namespace skald::chip
