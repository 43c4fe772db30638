// SPDX-License-Identifier: MIT
// What leaves llm-bench, in each format.
#include "bench/printer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace skald::bench {
namespace {

Record sample_record() {
    Record record;
    record.model_filename = "a \"b\"\xff.skald";
    record.model_type = "llama 15M i8b32";
    record.model_size = 1u << 20;
    record.model_n_params = 15'000'000;
    record.backend = "local";
    record.engine_threads = 2;
    record.test = {0, 100, 0, 1};
    record.samples_ns = {1e9, 3e9};
    record.work = {4'000'000'000, 1'000'000'000'000};
    record.limits = {4e9, 1e12, 8e12};
    return record;
}

std::string printed(Format format, unsigned records) {
    char* data = nullptr;
    std::size_t bytes = 0;
    std::FILE* out = open_memstream(&data, &bytes);
    {
        Options options;
        options.card.local = true;
        Printer printer(out, format, test_columns(options));
        for (unsigned i = 0; i < records; ++i)
            printer.print(to_json(sample_record()), test_cells(sample_record(), options));
    }
    std::fclose(out);
    const std::unique_ptr<char, void (*)(void*)> owner(data, std::free);
    return {data, bytes};
}

TEST(BenchPrinter, JsonHasTheNamesOfLlamaBench) {
    const auto all = nlohmann::json::parse(printed(Format::kJson, 2));
    ASSERT_EQ(all.size(), 2u);
    const auto& record = all[0];
    for (const char* name :
         {"build_commit",   "cpu_info",  "backends",   "model_filename", "model_type", "model_size",
          "model_n_params", "n_batch",   "n_ubatch",   "n_threads",      "type_k",     "type_v",
          "n_prompt",       "n_gen",     "n_depth",    "test_time",      "avg_ns",     "stddev_ns",
          "avg_ts",         "stddev_ts", "samples_ns", "samples_ts"})
        EXPECT_TRUE(record.contains(name)) << name;
    EXPECT_EQ(record["n_gen"], 100);
    EXPECT_EQ(record["avg_ns"], 2'000'000'000);
    // Whole numbers, as llama-bench has them: 1000000000.0 would be none to a strict reader.
    EXPECT_TRUE(record["samples_ns"][0].is_number_unsigned());
    EXPECT_NEAR(record["avg_ts"].get<double>(), (100 + 100.0 / 3) / 2, 1e-9);
    EXPECT_EQ(record["bytes_per_s"], 2e9);
    EXPECT_EQ(record["limit_bytes_per_s"], 4e9);
    EXPECT_EQ(record["limit_tile_macs_per_s"], 8e12);
}

TEST(BenchPrinter, JsonOfNothingIsStillJson) {
    EXPECT_EQ(nlohmann::json::parse(printed(Format::kJson, 0)), nlohmann::json::array());
}

TEST(BenchPrinter, JsonLinesAreOneObjectEach) {
    const std::string text = printed(Format::kJsonLines, 2);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_EQ(nlohmann::json::parse(text.substr(0, text.find('\n')))["n_gen"], 100);
}

TEST(BenchPrinter, CsvQuotesAndHasOneHeader) {
    const std::string text = printed(Format::kCsv, 2);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
    EXPECT_EQ(text.rfind("build_commit,cpu_info,", 0), 0u);
    EXPECT_NE(text.find("\"a \"\"b\"\"\xff.skald\""), std::string::npos);
}

TEST(BenchPrinter, TheTableSaysRatesAndPartsOfTheLimits) {
    const std::string text = printed(Format::kMarkdown, 1);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
    for (const char* cell :
         {"| llama 15M i8b32 ", "tg100 |", "66.67 ± 47.14 |", " 2.00 |", " 1.000 |", " 50 % |"})
        EXPECT_NE(text.find(cell), std::string::npos) << cell << " is missing in\n" << text;
}

}  // namespace
}  // namespace skald::bench
