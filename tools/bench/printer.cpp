// SPDX-License-Identifier: MIT
// Markdown, JSON, lines of JSON, CSV.
#include "bench/printer.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "bench/samples.hpp"

namespace skald::bench {
namespace {

std::string csv_cell(const nlohmann::ordered_json& value) {
    if (value.is_null())
        return "\"\"";
    std::string text = "\"";
    for (const char c : value.is_string() ? value.get<std::string>() : value.dump())
        text += c == '"' ? "\"\"" : std::string(1, c);
    return text + '"';
}

std::string csv_line(const nlohmann::ordered_json& record, bool names) {
    std::string line;
    for (const auto& [key, value] : record.items()) {
        if (value.is_structured())
            continue;  // samples do not fit into a cell
        line += (line.empty() ? "" : ",") + (names ? key : csv_cell(value));
    }
    return line + '\n';
}

// Names of files are bytes, JSON is UTF-8.
std::string json_text(const nlohmann::ordered_json& record, int indent) {
    return record.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// A percentage of a limit; "-" where it was not measured.
std::string part_of(double value, double limit) {
    return limit == 0 ? "-" : fmt::format("{:.0f} %", 100 * value / limit);
}

std::string size_text(std::uint64_t bytes) {
    const auto n = static_cast<double>(bytes);
    return bytes >= 1u << 30 ? fmt::format("{:.2f} GiB", n / (1u << 30))
                             : fmt::format("{:.2f} MiB", n / (1u << 20));
}

std::string count_text(std::uint64_t count) {
    const auto n = static_cast<double>(count);
    return count >= 1'000'000'000 ? fmt::format("{:.2f} B", n * 1e-9)
                                  : fmt::format("{:.2f} M", n * 1e-6);
}

}  // namespace

Printer::Printer(std::FILE* out, Format format, std::vector<Column> columns)
    : out_(out), format_(format), columns_(std::move(columns)) {
    if (format_ == Format::kJson)
        fmt::print(out_, "[");
}

Printer::~Printer() {
    if (format_ == Format::kJson)
        std::fputs(printed_ == 0 ? "]\n" : "\n]\n", out_);
    std::fflush(out_);
}

void Printer::print(const nlohmann::ordered_json& record, const std::vector<std::string>& cells) {
    switch (format_) {
        case Format::kMarkdown:
            markdown_line(cells);
            break;
        case Format::kJson:
            fmt::print(out_, "{}\n{}", printed_ == 0 ? "" : ",", json_text(record, 2));
            break;
        case Format::kJsonLines:
            fmt::print(out_, "{}\n", json_text(record, -1));
            break;
        case Format::kCsv:
            if (printed_ == 0)
                fmt::print(out_, "{}", csv_line(record, true));
            fmt::print(out_, "{}", csv_line(record, false));
            break;
    }
    ++printed_;
    // Now rather than at the end: the next test may take an hour.
    if (std::fflush(out_) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot write the results");
}

void Printer::markdown_line(const std::vector<std::string>& cells) {
    const auto line = [&](auto&& cell) {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Column& column = columns_[i];
            if (column.right)
                fmt::print(out_, "| {:>{}} ", cell(i), column.width);
            else
                fmt::print(out_, "| {:<{}} ", cell(i), column.width);
        }
        fmt::print(out_, "|\n");
    };
    if (printed_ == 0) {
        line([&](std::size_t i) { return columns_[i].name; });
        line([&](std::size_t i) {
            return std::string(columns_[i].width - (columns_[i].right ? 1 : 0), '-') +
                   (columns_[i].right ? ":" : "");
        });
    }
    line([&](std::size_t i) { return cells.at(i); });
}

std::vector<Column> test_columns(const Options& options) {
    std::vector<Column> columns{
        {"model", 24, false},  {"size", 10, true},   {"params", 9, true},
        {"backend", 7, false}, {"threads", 7, true}, {"test", 18, true},
        {"t/s", 20, true},     {"GB/s", 7, true},    {"TOPS", 6, true},
    };
    if (options.card.local) {
        columns.push_back({"of read", 7, true});
        columns.push_back({"of int8", 7, true});
    }
    return columns;
}

std::vector<std::string> test_cells(const Record& record, const Options& options) {
    const std::vector<double> rates = record.samples_ts();
    std::vector<std::string> cells{
        record.model_type,
        size_text(record.model_size),
        count_text(record.model_n_params),
        record.backend,
        std::to_string(record.engine_threads),
        record.test.name(),
        fmt::format("{:.2f} ± {:.2f}", mean(rates), deviation(rates)),
        fmt::format("{:.2f}", record.bytes_per_s() * 1e-9),
        fmt::format("{:.3f}", 2 * record.macs_per_s() * 1e-12),
    };
    if (options.card.local) {
        cells.push_back(part_of(record.bytes_per_s(), record.limits.bytes_per_s));
        cells.push_back(part_of(record.macs_per_s(), record.limits.macs_per_s));
    }
    return cells;
}

}  // namespace skald::bench
