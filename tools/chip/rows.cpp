// SPDX-License-Identifier: MIT
#include "chip/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "chip/facts_of_models.hpp"
#include "chip/text_file.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kClasses = {"fit", "hold-out", "speculative"};
constexpr std::array<std::string_view, 6> kQuantities = {"decode", "first_token", "request",
                                                         "total",  "throughput",  "energy"};
constexpr std::array<std::string_view, 6> kUnits = {"tokens/s", "s",        "s",
                                                    "tokens/s", "tokens/s", "J/token"};

template <class Names>
std::size_t index_of(const Names& names, const json& row, const char* key) {
    const std::string text = row.at(key);
    const auto at = std::ranges::find(names, text);
    if (at == names.end())
        throw rt::Error(fmt::format("{} '{}' is unknown", key, text), EINVAL);
    return static_cast<std::size_t>(at - names.begin());
}

std::string text_or_nothing(const json& row, const char* key) {
    return row.contains(key) && !row[key].is_null() ? row[key].get<std::string>() : std::string();
}

std::uint32_t number_or_0(const json& row, const char* key) {
    return row.at(key).is_null() ? 0 : row[key].get<std::uint32_t>();
}

Row parse_row(const json& from) {
    Row row;
    row.row_class = static_cast<RowClass>(index_of(kClasses, from, "class"));
    row.quantity = static_cast<Quantity>(index_of(kQuantities, from, "quantity"));
    row.system = from.at("system");
    row.source = from.at("source");
    row.note = text_or_nothing(from, "note");
    row.claimed = from.value("claimed", false);
    const json& published = from.at("published");
    row.least = published.is_array() ? published.at(0).get<double>() : published.get<double>();
    row.most = published.is_array() ? published.at(1).get<double>() : row.least;
    if (!(row.least > 0 && row.most >= row.least))
        throw rt::Error("published is no positive number or range", EINVAL);
    Task& task = row.task;
    task.chip = text_or_nothing(from, "chip");
    // What is published adds up after o and down (Megatron's two sums a layer), as far as is known.
    const std::uint32_t tensor = from.at("tensor");
    task.group = {tensor, from.at("pipeline"), tensor > 1};
    if (tensor == 0 || task.group.pipeline == 0)
        throw rt::Error("a group has a chip at least", EINVAL);
    task.model = from.at("model");
    task.weights = from.at("weights");
    task.widths = from.at("widths");
    if (from.at("batch").is_string()) {
        if (from["batch"] != "memory")
            throw rt::Error("batch is a number or \"memory\"", EINVAL);
        task.batch.reset();
    } else {
        task.batch = number_or_0(from, "batch");
    }
    task.queued = row.quantity == Quantity::kThroughput || row.quantity == Quantity::kEnergy;
    task.step = from.value("step", 0u);
    const std::string reader = from.value("cache_read_by", "group");
    if (reader != "group" && reader != "query")
        throw rt::Error("cache_read_by is \"group\" or \"query\"", EINVAL);
    task.cache_by_query = reader == "query";
    task.more_kernels = from.value("more_kernels", 0u);
    if (const std::string software = text_or_nothing(from, "software"); !software.empty())
        task.software = software_named(software);
    row.replicas = from.value("replicas", 1u);
    if (row.replicas == 0)
        throw rt::Error("there is a group at least", EINVAL);
    task.prompt = number_or_0(from, "in");
    task.generated = number_or_0(from, "out");
    return row;
}

}  // namespace

std::optional<std::string> Row::lacks() const {
    if (task.chip.empty())
        return "no profile, or too little said of the system";
    if (task.prompt == 0 || task.generated == 0 || task.batch == 0u)
        return "lengths or batch not published";
    return std::nullopt;
}

double Row::published(double ours) const {
    return std::clamp(ours, least, most);
}

std::string_view name(RowClass row_class) {
    return kClasses[static_cast<std::size_t>(row_class)];
}

std::string_view name(Quantity quantity) {
    return kQuantities[static_cast<std::size_t>(quantity)];
}

std::string_view unit(Quantity quantity) {
    return kUnits[static_cast<std::size_t>(quantity)];
}

bool is_time(Quantity quantity) {
    return quantity == Quantity::kFirstToken || quantity == Quantity::kRequest;
}

std::optional<double> quantity_of(const Measured& measured, const Row& row) {
    switch (row.quantity) {
        case Quantity::kDecode:
            return measured.user_rate();
        case Quantity::kFirstToken:
            return measured.first_s;
        case Quantity::kRequest:
            return measured.request_s(row.task.generated);
        case Quantity::kTotal:
            return measured.total_rate() * row.replicas;
        case Quantity::kThroughput:
            return measured.throughput(row.task.generated) * row.replicas;
        case Quantity::kEnergy:
            break;
    }
    return measured.throughput_j(row.task.generated);
}

std::vector<Row> parse_rows(std::string_view text, std::string_view name) {
    std::vector<Row> rows;
    std::string where = "rows";
    try {
        for (const json& from : json::parse(text)) {
            where = fmt::format("row {}", rows.size() + 1);
            const std::string id = from.at("id");
            where = "row " + id;
            rows.push_back(parse_row(from));
            rows.back().id = id;
        }
    } catch (const json::exception& error) {
        throw rt::Error(fmt::format("{}: {}: {}", name, where, error.what()), EINVAL);
    } catch (const rt::Error& error) {
        throw rt::Error(fmt::format("{}: {}: {}", name, where, error.what()), EINVAL);
    }
    return rows;
}

std::vector<Row> load_rows(const std::string& file) {
    return file.empty() ? parse_rows(builtin_rows(), "rows.json")
                        : parse_rows(read_text(file), file);
}

}  // namespace skald::chip
