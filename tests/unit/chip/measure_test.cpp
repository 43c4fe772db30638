// SPDX-License-Identifier: MIT
// What tables, fits and searches take for a request, beside the whole request.
#include "chip/measure.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "chip/run.hpp"
#include "chip/table.hpp"
#include "libskald/error.hpp"
#include "small_model.hpp"

namespace skald::chip {
namespace {

Task small_task() {
    Task task;
    task.chip = "h100-sxm";
    task.model = small_config();
    task.prompt = 100;
    task.generated = 64;
    return task;
}

RunOptions small_run() {
    RunOptions run;
    run.chip = "h100-sxm";
    run.shape = small_config();
    run.prompt = 100;
    run.generated = 64;
    return run;
}

TEST(Measure, ATokenInTheMiddleTakesWhatTokensTakeOnAverage) {
    for (const char* chip : {"sk1", "h100-sxm", "groq-lpu-v1"}) {
        Task task = small_task();
        task.chip = chip;
        RunOptions options = small_run();
        options.chip = chip;
        const Measured measured = measure(task);
        const Outcome whole = run(options);
        EXPECT_DOUBLE_EQ(measured.first_s, whole.first_token_s()) << chip;
        EXPECT_NEAR(measured.token_s / whole.token_s(), 1, 0.005) << chip;
        ASSERT_TRUE(measured.token_j && whole.token_j());
        EXPECT_NEAR(*measured.token_j / *whole.token_j(), 1, 0.005) << chip;
    }
}

TEST(Measure, SharesOfWhatDecidesAddUp) {
    const Measured measured = measure(small_task());
    double sum = 0;
    for (const double share : measured.share)
        sum += share;
    EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(Measure, ATokenInTheMiddleOfAPipelineIsTheMeanAsWell) {
    Task task = small_task();
    task.chip = "sk1";
    task.group = {2, 3};
    RunOptions options = small_run();
    options.chip = "sk1";
    options.group = {2, 3};
    const Measured measured = measure(task);
    const Outcome whole = run(options);
    EXPECT_DOUBLE_EQ(measured.first_s, whole.first_token_s());
    EXPECT_NEAR(measured.token_s / whole.token_s(), 1, 0.005);
    ASSERT_TRUE(measured.token_j && whole.token_j());
    EXPECT_NEAR(*measured.token_j / *whole.token_j(), 1, 0.005);
    EXPECT_NEAR(measured.stage_token_s / whole.stage_s, 1, 0.01);
}

TEST(Measure, ChipsOfAStageShareItsWeights) {
    Task task = small_task();
    task.chip = "sk1";
    task.changes = {{"dram_gbs", 1}};  // nothing else counts
    const Measured one = measure(task);
    task.group = {2, 1, true};
    const Measured two = measure(task);
    EXPECT_LT(two.token_s, 0.6 * one.token_s);
    EXPECT_GT(*two.token_j, *one.token_j / 2);
}

TEST(Measure, StagesWorkOnBatchesOfTheirOwn) {
    Task task = small_task();
    task.chip = "sk1";
    task.changes = {{"dram_gb", 0.04}};
    task.group = {1, 3};
    EXPECT_EQ(measure(task).batches, 1u) << "of a batch that is said there is one";
    task.batch.reset();
    const Measured full = measure(task);
    EXPECT_EQ(full.batches, 3u);
    EXPECT_LT(full.interval_s(), 0.6 * full.token_s);
    EXPECT_GT(full.throughput(64), full.batch * 64 / full.request_s(64));
}

TEST(Measure, BatchesComeOutOfMemory) {
    Task task = small_task();
    task.batch.reset();
    task.changes = {{"dram_gb", 0.02}};
    const std::uint32_t small = measure(task).batch;
    task.changes = {{"dram_gb", 0.04}};
    EXPECT_GT(small, 0u);
    EXPECT_GT(measure(task).batch, small);
}

TEST(Measure, OfAQueueWhatMemoryHasNoRoomForWaits) {
    Task task = small_task();
    task.changes = {{"dram_gb", 0.02}};
    task.batch.reset();
    const std::uint32_t room = measure(task).batch;
    task.queued = true;
    task.batch = 2 * room;
    EXPECT_EQ(measure(task).batch, room);
    task.batch = 2;
    EXPECT_EQ(measure(task).batch, 2u);
    task.queued = false;
    task.batch = 2 * room;
    EXPECT_THROW((void)measure(task), rt::Error);
}

// Four query heads to one of keys and values: as if the cache were four times as wide.
TEST(Measure, QueryHeadsThatReadForThemselvesReadAGroupsCacheOnceEach) {
    Task task = small_task();
    task.model = "llama-3.2-1b";  // 32 heads, 8 of keys and values
    task.prompt = 4000;
    task.batch = 4;
    task.widths = "kv=int8";
    const Measured shared = measure(task);
    task.cache_by_query = true;
    const Measured apart = measure(task);
    EXPECT_GT(apart.token_s, shared.token_s);
    EXPECT_EQ(apart.batch, shared.batch) << "memory holds it once";
    task.cache_by_query = false;
    task.widths = "kv=fp32";
    EXPECT_DOUBLE_EQ(apart.token_s, measure(task).token_s);
}

TEST(Measure, MoreKernelsTakeTheirLaunchesInEachLayer) {
    Task task = small_task();
    task.chip = "h100-sxm";
    task.changes = {{"launch_ns", 5000}};
    task.prompt = 1000;
    task.step = 600;  // two of the prompt
    const Measured plain = measure(task);
    task.more_kernels = 3;
    const Measured more = measure(task);
    const double each = 3 * 3 * 5000e-9;  // three layers
    EXPECT_NEAR(more.token_s - plain.token_s, each, 1e-12);
    EXPECT_NEAR(more.first_s - plain.first_s, 2 * each, 1e-12);
    EXPECT_NEAR(*more.token_j - *plain.token_j, plain.static_w * each, 1e-9);
    EXPECT_NEAR(*more.mean_w * more.token_s, *more.token_j, 1e-9);
    double all = 0;
    for (const double part : more.share)
        all += part;
    EXPECT_NEAR(all, 1, 1e-9);
}

TEST(Measure, AProgramAroundTheChipTakesItsTimeBesideIt) {
    Task task = small_task();
    task.chip = "h100-sxm";
    task.prompt = 1000;
    task.step = 600;  // two of the prompt
    const Measured plain = measure(task);
    const auto with = [&](const char* key, double us) {
        Task asked = task;
        asked.software.set(key, us);
        return measure(asked);
    };
    const double request = 5000e-6;
    Measured more = with("request_us", 5000);
    EXPECT_NEAR(more.first_s, plain.first_s + request, 1e-12);
    EXPECT_NEAR(*more.first_j, *plain.first_j + plain.static_w * request, 1e-9);
    EXPECT_DOUBLE_EQ(more.stage_first_s, plain.stage_first_s) << "the chip has others' meanwhile";
    EXPECT_DOUBLE_EQ(more.token_s, plain.token_s);

    const double token_us = plain.token_s * 1e6 / plain.batch;
    EXPECT_DOUBLE_EQ(with("token_us", token_us / 2).token_s, plain.token_s) << "beside the chip";
    more = with("token_us", token_us * 4);
    EXPECT_NEAR(more.token_s, 4 * plain.token_s, 1e-12);
    EXPECT_EQ(local::ModelLog::bound_name(more.bound()), "host");
    EXPECT_NEAR(more.share[more.bound()], 0.75, 1e-9);
    EXPECT_NEAR(*more.token_j, *plain.token_j + 3 * plain.static_w * plain.token_s / plain.batch,
                1e-9);
    EXPECT_DOUBLE_EQ(more.first_s, plain.first_s);

    const double layer_us = plain.first_s * 1e6 / (2 * 3);  // two steps of three layers
    EXPECT_DOUBLE_EQ(with("prompt_layer_us", layer_us / 2).first_s, plain.first_s);
    more = with("prompt_layer_us", layer_us * 2);
    EXPECT_NEAR(more.first_s, 2 * plain.first_s, 1e-12);
    EXPECT_NEAR(more.stage_first_s, 2 * plain.stage_first_s, 1e-12);
    EXPECT_DOUBLE_EQ(more.token_s, plain.token_s);
}

TEST(Measure, APromptInOneStepIsLaunchedOnce) {
    Task task = small_task();
    task.prompt = 1000;
    const double usual = measure(task).first_s;  // two steps
    task.step = 1024;
    const Measured one = measure(task);
    EXPECT_LT(one.first_s, usual);
    RunOptions asked = small_run();
    asked.prompt = 1000;
    asked.chunk = 1024;
    const Outcome whole = run(asked);
    EXPECT_EQ(whole.chunk, 1024u);
    EXPECT_DOUBLE_EQ(whole.first_token_s(), one.first_s);
    task.step = 100;
    EXPECT_GT(measure(task).first_s, usual);
}

TEST(Measure, NarrowerNumbersTakeLessTime) {
    Task task = small_task();
    task.chip = "sk1";
    const double usual = measure(task).token_s;
    task.widths = "weights=int4";
    EXPECT_LT(measure(task).token_s, usual);
}

TEST(Measure, WeightsThatAreUnpackedTakeMoreTime) {
    Task task = small_task();
    task.chip = "sk1";
    task.widths = "weights=int4";
    const double narrow = measure(task).token_s;
    task.widths = "weights=int4,products=fp16";
    EXPECT_GT(measure(task).token_s, narrow);
}

TEST(Measure, AFigureOfTheProfileThatIsChangedChangesTheTable) {
    Row row;
    row.id = "X";
    row.task = small_task();
    row.least = row.most = 1000;
    const auto before = make_table({row}, {}, 1);
    const auto after = make_table({row}, {{"launch_ns", 20000}}, 1);
    ASSERT_TRUE(before[0].ours && after[0].ours);
    EXPECT_GT(*before[0].ours, 1.5 * *after[0].ours);
    EXPECT_NE(print_table(before, Format::kText), print_table(after, Format::kText));
}

TEST(Table, RunsRowsOfSeveralChips) {
    Row row;
    row.id = "G";
    row.task = small_task();
    row.task.group = {2, 3, true};
    row.least = row.most = 1000;
    const TableLine line = make_table({row}, {}, 1).front();
    ASSERT_TRUE(line.ours) << line.why;
    EXPECT_DOUBLE_EQ(*line.ours, measure(row.task).user_rate());
    EXPECT_TRUE(line.power_in_bounds().value_or(false)) << "of one chip";
}

TEST(Table, SaysWhyARowIsNotRun) {
    Row split, dark;
    split.id = "S";
    split.task = small_task();
    split.task.chip = "tt-grayskull-e150";  // has no links
    split.task.group.tensor = 2;
    dark.id = "D";
    for (Row* row : {&split, &dark})
        row->least = row->most = 1;
    const auto lines = make_table({split, dark}, {}, 2);
    EXPECT_EQ(lines[0].why,
              "chip tt-grayskull-e150 cannot be run with others, its profile lacks link_gbs");
    EXPECT_NE(lines[1].why.find("no profile"), std::string::npos);
    for (const Format format : {Format::kText, Format::kJson, Format::kCsv, Format::kMarkdown})
        EXPECT_NE(print_table(lines, format).find("cannot be run with others"), std::string::npos);
}

TEST(Table, SaysWhatPartOfTheRoofWasPublished) {
    Row rate, time, joules;
    rate.task = time.task = joules.task = small_task();
    time.quantity = Quantity::kFirstToken;
    joules.quantity = Quantity::kEnergy;
    for (Row* row : {&rate, &time, &joules})
        row->least = row->most = 1;
    const TableLine fast = make_table({rate}, {}, 1).front();
    ASSERT_TRUE(fast.ours && fast.roof);
    EXPECT_LT(*fast.ours, *fast.roof) << "launches and what of the bandwidth is not reached";
    rate.least = rate.most = 2 * *fast.roof;
    const auto lines = make_table({rate, time, joules}, {}, 1);
    EXPECT_DOUBLE_EQ(lines[0].of_roof().value_or(0), 2);
    EXPECT_NE(print_table({lines[0]}, Format::kMarkdown).find(" 200 % ! "), std::string::npos);
    EXPECT_DOUBLE_EQ(lines[1].of_roof().value_or(0), *lines[1].roof) << "of a second";
    EXPECT_FALSE(lines[2].of_roof());
}

TEST(Table, NoChangeOfWhatIsReachedMovesTheRoof) {
    Row row;
    row.task = small_task();
    row.least = row.most = 1;
    const double roof = make_table({row}, {}, 1).front().roof.value_or(0);
    EXPECT_GT(roof, 0);
    for (const local::ChipChange& change :
         {local::ChipChange{"launch_ns", 20000}, local::ChipChange{"dram_efficiency", 0.1}})
        EXPECT_DOUBLE_EQ(make_table({row}, {change}, 1).front().roof.value_or(0), roof)
            << change.key;
    EXPECT_LT(make_table({row}, {{"dram_gbs", 1.}}, 1).front().roof.value_or(0), roof);
}

TEST(Table, SumsUpItsErrorsByKindWithAndWithoutClaims) {
    const auto line = [](const char* id, Quantity quantity, double ours, bool claimed) {
        TableLine made;
        made.row.id = id;
        made.row.quantity = quantity;
        made.row.least = made.row.most = 100;
        made.row.claimed = claimed;
        made.ours = ours;
        return made;
    };
    std::vector<TableLine> lines = {
        line("A", Quantity::kDecode, 90, false), line("B", Quantity::kTotal, 70, true),
        line("C", Quantity::kFirstToken, 105, false), line("D", Quantity::kThroughput, 80, false)};
    lines.push_back(line("E", Quantity::kDecode, 1, false));
    lines.back().row.row_class = RowClass::kFit;
    const auto summary = nlohmann::json::parse(print_table(lines, Format::kJson)).at("summary");
    const auto& predicted = summary.at("predicted");
    EXPECT_EQ(predicted["decode"]["all"]["rows"], 2);
    EXPECT_NEAR(predicted["decode"]["all"]["mean"].get<double>(), 0.2, 1e-9);
    EXPECT_NEAR(predicted["decode"]["all"]["worst"].get<double>(), 0.3, 1e-9);
    EXPECT_NEAR(predicted["decode"]["without_claims"]["worst"].get<double>(), 0.1, 1e-9);
    EXPECT_NEAR(predicted["prefill"]["all"]["worst"].get<double>(), 0.05, 1e-9);
    EXPECT_NEAR(predicted["throughput"]["all"]["worst"].get<double>(), 0.2, 1e-9);
    EXPECT_TRUE(predicted["energy"]["all"]["mean"].is_null());
    EXPECT_EQ(summary["fitted"]["rows"], 1);
    const std::string text = print_table(lines, Format::kText);
    EXPECT_NE(text.find("Predicted decode: 2, mean 20.0 %, worst 30.0 %; without claims: 1, mean "
                        "10.0 %, worst 10.0 %."),
              std::string::npos)
        << text;
}

TEST(Table, ErrorsOfARangeAreThoseOfItsNearerEnd) {
    Row row;
    row.least = 10;
    row.most = 20;
    TableLine line;
    line.row = row;
    line.ours = 15;
    EXPECT_DOUBLE_EQ(line.error(), 0);
    line.ours = 22;
    EXPECT_NEAR(line.error(), 0.1, 1e-12);
}

}  // namespace
}  // namespace skald::chip
