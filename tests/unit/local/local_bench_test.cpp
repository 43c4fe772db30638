// SPDX-License-Identifier: MIT
// llm-bench --local as a user types it: what is measured comes out under its names. Figures are
// only required to be possible.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "process.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

using nlohmann::json;

Finished bench(const std::vector<std::string>& options) {
    std::vector<std::string> command = {SKALD_LLM_BENCH, "--local", "--memory", "64"};
    command.insert(command.end(), options.begin(), options.end());
    return run(command);
}

Finished bench_model(const std::vector<std::string>& options) {
    std::vector<std::string> all = {"-m", data_file(kDefaultModel.model).string()};
    all.insert(all.end(), options.begin(), options.end());
    return bench(all);
}

// "6,2@70x3"
std::string test_of(const json& record) {
    return record["n_prompt"].dump() + "," + record["n_gen"].dump() + "@" +
           record["n_depth"].dump() + "x" + record["n_parallel"].dump();
}

TEST(LocalBench, EveryTestIsMeasuredAgainstTheLimits) {
    const Finished done = bench_model(
        {"-p", "8", "-n", "4", "-pg", "6,2", "-d", "0,70", "-b", "3", "-r", "2", "-o", "json"});
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.err, "");
    std::vector<std::string> tests;
    for (const json& record : json::parse(done.out)) {
        tests.push_back(test_of(record));
        EXPECT_EQ(record["samples_ns"].size(), 2u);
        for (const char* figure : {"avg_ts", "bytes_per_s", "macs_per_s", "limit_bytes_per_s"})
            EXPECT_GT(record[figure].get<double>(), 0) << figure;
    }
    EXPECT_EQ(tests, (std::vector<std::string>{"8,0@0x3", "0,4@0x3", "6,2@0x3", "8,0@70x3",
                                               "0,4@70x3", "6,2@70x3"}));
}

TEST(LocalBench, ADefaultPromptFitsTheModel) {
    const Finished done = bench_model({"-n", "2", "-r", "1", "--no-warmup"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.out.find(" pp511 |"), std::string::npos) << done.out;
    EXPECT_NE(done.out.find(" tg2 |"), std::string::npos) << done.out;
}

// By micro-op, of a request on the modelled chip.
TEST(LocalBench, AProfileAddsUpToTheModelledTime) {
    const Finished done = bench_model(
        {"-p", "8", "-n", "4", "-d", "20", "-r", "2", "-o", "json", "--profile", "--threads", "1"});
    ASSERT_EQ(done.status, 0) << done.err;
    const json records = json::parse(done.out);
    ASSERT_EQ(records.size(), 2u);
    for (const json& record : records) {
        EXPECT_EQ(record["modelled_chip"], "sk1");
        double ps = 0, joules = 0, shares = 0;
        for (const json& op : record["modelled_ops"]) {
            ps += op["modelled_ps"].get<double>();
            joules += op["modelled_j"].get<double>();
            shares += op["share"].get<double>();
        }
        EXPECT_NEAR(ps * 1e-3 / record["modelled_ns"].get<double>(), 1, 1e-3);
        EXPECT_NEAR(joules / record["modelled_j"].get<double>(), 1, 1e-3);
        EXPECT_NEAR(shares, 1, 1e-9);
    }
}

TEST(LocalBench, ModelledFiguresAreTheSameInEveryRun) {
    const auto modelled = [](const char* threads) {
        const Finished done = bench_model({"-p", "8", "-n", "4", "-r", "1", "-o", "json",
                                           "--profile", "--threads", threads, "--chip", "ideal"});
        EXPECT_EQ(done.status, 0) << done.err;
        json kept = json::array();
        for (const json& record : json::parse(done.out))
            for (const char* name :
                 {"modelled_chip", "modelled_ns", "modelled_ts", "modelled_j", "modelled_ops"})
                kept.push_back(record.at(name));
        return kept;
    };
    EXPECT_EQ(modelled("1"), modelled("2"));
}

TEST(LocalBench, AProfileInCsvHasALineForEachMicroOp) {
    const Finished done = bench_model({"-p", "0", "-n", "2", "-r", "1", "--profile", "-o", "csv"});
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_TRUE(
        done.out.starts_with("model_filename,n_prompt,n_gen,n_depth,n_parallel,n_batch,"
                             "modelled_chip,index,op,count,modelled_ps,share,bound,"))
        << done.out;
    EXPECT_NE(done.out.find("\"matmul\""), std::string::npos) << done.out;
}

TEST(LocalBench, WithoutAChipThereIsNoProfile) {
    const Finished none =
        bench_model({"-p", "0", "-n", "2", "-r", "1", "-o", "json", "--chip", "off"});
    ASSERT_EQ(none.status, 0) << none.err;
    EXPECT_TRUE(json::parse(none.out)[0]["modelled_ns"].is_null());
    const Finished done = bench_model({"--chip", "off", "--profile"});
    EXPECT_EQ(done.status, 2) << done.err;
    EXPECT_NE(done.err.find("--chip off"), std::string::npos) << done.err;
}

TEST(LocalBench, AnEmptyJobIsTheSumOfItsHops) {
    const Finished done = bench({"--latency", "--jobs", "20", "-o", "json"});
    ASSERT_EQ(done.status, 0) << done.err;
    double hops = 0, job = 0;
    for (const json& line : json::parse(done.out)) {
        const std::string what = line["what"];
        if (what == "empty job")
            job = line["avg_ns"];
        if (what.starts_with("empty job"))
            EXPECT_NEAR(line["jobs_per_s"].get<double>() * line["avg_ns"].get<double>(), 1e9, 1);
        else
            hops += line["avg_ns"].get<double>();
    }
    EXPECT_GT(job, 0);
    EXPECT_NEAR(hops / job, 1, 1e-3);
}

TEST(LocalBench, LimitsAreMeasuredAlone) {
    const Finished done = run({SKALD_LLM_BENCH, "--limits", "-r", "1", "-o", "csv"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_TRUE(done.out.starts_with("cpu_info,n_threads,test_time,limit_bytes_per_s,"))
        << done.out;
}

TEST(LocalBench, MistakesGiveOneLine) {
    namespace fs = std::filesystem;
    const std::string cut =
        testing::TempDir() + "skald-bench-cut-" + std::to_string(getpid()) + ".skald";
    fs::copy_file(data_file(kDefaultModel.model), cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, fs::file_size(cut) / 2);
    const auto expect = [](const Finished& done, int status, const std::string& word) {
        EXPECT_EQ(done.status, status) << done.err;
        EXPECT_EQ(done.out, "");
        EXPECT_TRUE(done.err.starts_with("llm-bench: ")) << done.err;
        EXPECT_NE(done.err.find(word), std::string::npos) << done.err;
        EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    };
    expect(bench({"-m", cut}), 1, "bytes long");
    expect(bench({"-m", cut + ".none"}), 1, "cannot open");
    expect(bench_model({"-p", "512"}), 2, "513 positions");
    expect(bench_model({"-d", "512"}), 2, "positions");
    expect(bench_model({"-b", "65"}), 2, "65 sequences");
    expect(bench_model({"--chunk", "4096"}), 2, "--chunk");
    expect(bench({"--latency", "--disk", cut + ".none"}), 1, cut);
    fs::remove(cut);
}

}  // namespace
}  // namespace skald::test
