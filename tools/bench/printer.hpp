// SPDX-License-Identifier: MIT
// Records on their way out, each as soon as it is known.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/options.hpp"
#include "bench/record.hpp"

namespace skald::bench {

// A column of the table for people.
struct Column {
    std::string name;
    std::size_t width;
    bool right;  // numbers
};

class Printer {
  public:
    // Only the columns for people differ from table to table; machines get the objects as they are.
    Printer(std::FILE* out, Format format, std::vector<Column> columns);
    ~Printer();  // closes what was begun, also when no further record comes
    Printer(const Printer&) = delete;
    Printer& operator=(const Printer&) = delete;

    // cells: the values of the columns.
    void print(const nlohmann::ordered_json& record, const std::vector<std::string>& cells);

  private:
    void markdown_line(const std::vector<std::string>& cells);

    std::FILE* out_;
    Format format_;
    std::vector<Column> columns_;
    std::size_t printed_ = 0;
};

// The table of tests: columns that say nothing in this run are left out.
[[nodiscard]] std::vector<Column> test_columns(const Options& options);
[[nodiscard]] std::vector<std::string> test_cells(const Record& record, const Options& options);

}  // namespace skald::bench
