// SPDX-License-Identifier: MIT
// The modelled time and energy of a request are its own: the same picoseconds for each micro-op on
// every SIMD path, with any number of threads, however the run is cut into jobs, beside another
// queue, and where nothing is computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "libskald/batch.hpp"
#include "libskald/error.hpp"
#include "local/local_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

using local::ModelSlice;

struct Way {
    std::string simd = "auto";
    unsigned threads = 1;
    bool timing_only = false;
    std::uint32_t batch = 1;
    std::uint32_t chunk = 0;
    std::uint64_t time_budget_ns = 0;
    bool company = false;
    const char* model = kDefaultModel.model;
    std::string chip = "sk1";
};

struct Seen {
    std::vector<ModelSlice> slices;
    local::ModelLog::Sums sums;
    std::uint64_t cycles = 0;
    std::uint64_t bytes = 0;
    std::uint64_t energy_pj = 0;
};

std::vector<rt::GenerateResult> generate(rt::Batch& batch, std::uint32_t tokens) {
    std::vector<std::vector<rt::TokenId>> prompts(batch.size());
    std::vector<rt::SequenceRequest> requests(batch.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
        for (std::size_t p = 0; p < 40 + i; ++p)
            prompts[i].push_back(static_cast<rt::TokenId>(5 + p + i));
        requests[i].prompt = prompts[i];
        requests[i].max_tokens = tokens;  // of all: when the host hears of an end is its affair
    }
    return batch.generate(requests);
}

rt::BatchOptions options_of(const Way& way) {
    rt::BatchOptions options;
    options.positions.assign(way.batch, 128);
    options.chunk = way.chunk;
    options.time_budget_ns = way.time_budget_ns;
    return options;
}

Seen run(const Way& way, const Seen* routed_as = nullptr) {
    local::ModelLog log(true);
    if (routed_as != nullptr)
        log.route_as(routed_as->slices);
    local::LocalOptions card;
    card.memory_bytes = 256ull << 20;
    card.simd = way.simd;
    card.threads = way.threads;
    card.timing_only = way.timing_only;
    card.chip = way.chip;
    card.log = way.company ? nullptr : &log;  // it would hear of both queues
    const auto device = local::open_local_card(rt::linux_os(), card);
    LoadedModel loaded(*device, way.model);
    rt::Batch batch(loaded.model, options_of(way));
    std::thread beside;
    std::atomic<bool> done{false};
    if (way.company)
        beside = std::thread([&] {
            rt::Batch other(loaded.model, options_of({}));
            while (!done) {
                other.rollback(0, 0);
                generate(other, 20);
            }
        });
    log.begin();
    generate(batch, 30);
    done = true;
    if (beside.joinable())
        beside.join();
    const drm_skald_queue_query stats = batch.stats();
    return {log.slices(), log.sums(), stats.cycles, stats.bytes, stats.energy_pj};
}

void expect_equal(const Seen& a, const Seen& b) {
    EXPECT_EQ(a.cycles, b.cycles);
    EXPECT_EQ(a.bytes, b.bytes);
    EXPECT_GT(a.cycles, 0u);
    ASSERT_EQ(a.slices.size(), b.slices.size());
    for (std::size_t i = 0; i < a.slices.size(); ++i)
        ASSERT_TRUE(a.slices[i] == b.slices[i])
            << "micro-op " << i << ", " << a.slices[i].name << ": " << a.slices[i].begin << " to "
            << a.slices[i].end << ", and " << b.slices[i].begin << " to " << b.slices[i].end;
}

TEST(Modelled, TimesAreTheSameOnEveryPathAndWithAnyThreads) {
    const Seen scalar = run({.simd = "scalar"});
    expect_equal(scalar, run({.simd = "avx2"}));
    expect_equal(scalar, run({.threads = 2}));
}

TEST(Modelled, TimesAreTheSameHoweverTheRunIsCutIntoJobs) {
    for (const std::uint32_t batch : {1u, 8u}) {
        const Seen whole = run({.batch = batch});
        const Seen cut = run({.batch = batch, .time_budget_ns = 1});
        expect_equal(whole, cut);
        EXPECT_EQ(whole.energy_pj, cut.energy_pj);
    }
}

TEST(Modelled, TimesAreTheSameBesideAnotherQueue) {
    const Seen alone = run({});
    const Seen beside = run({.company = true});
    EXPECT_EQ(alone.cycles, beside.cycles);
    EXPECT_EQ(alone.bytes, beside.bytes);
    EXPECT_EQ(alone.energy_pj, beside.energy_pj);
}

class TimingOnly : public testing::TestWithParam<const char*> {};

TEST_P(TimingOnly, GivesThePicosecondsOfARunWithData) {
    if (!std::filesystem::exists(data_file(GetParam())))
        GTEST_SKIP() << GetParam()
                     << " was not built: its source was not found (SKALD_TEST_MODELS)";
    for (const std::uint32_t batch : {1u, 8u})
        for (const std::uint32_t chunk : {0u, batch + 6}) {
            SCOPED_TRACE(testing::Message() << "batch " << batch << ", chunk " << chunk);
            const Seen with = run({.batch = batch, .chunk = chunk, .model = GetParam()});
            const Seen without = run(
                {.timing_only = true, .batch = batch, .chunk = chunk, .model = GetParam()}, &with);
            expect_equal(with, without);
            EXPECT_EQ(with.energy_pj, without.energy_pj);
        }
}

INSTANTIATE_TEST_SUITE_P(Models, TimingOnly,
                         testing::Values("default.skald", "default-kv8.skald", "default-f32.skald",
                                         "default-window.skald", "family-gemma3.skald",
                                         "family-qwen3-moe.skald", "family-gpt-oss.skald",
                                         "stories-q8_0.skald"),
                         [](const auto& instance) {
                             std::string name(instance.param);
                             name = name.substr(0, name.find('.'));
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

// Where no run with data has said how experts are chosen they are drawn, always alike.
TEST(Modelled, ExpertsAreDrawnTheSameEveryTime) {
    const Way way{.timing_only = true, .batch = 8, .model = "family-qwen3-moe.skald"};
    const Seen once = run(way);
    expect_equal(once, run(way));
    std::size_t products = 0;
    for (const ModelSlice& slice : once.slices)
        products += slice.experts ? 1 : 0;
    EXPECT_GT(products, 0u);
}

TEST(Modelled, MicroOpsAddUpToTheRun) {
    const Seen seen = run({.batch = 8});
    std::uint64_t moved = 0;
    for (const std::uint64_t part : seen.sums.moved)
        moved += part;
    EXPECT_EQ(moved, seen.sums.time);
    EXPECT_EQ(seen.sums.time / 1000, seen.cycles);
    EXPECT_EQ(seen.sums.dram_bytes, seen.bytes);
    for (const ModelSlice& slice : seen.slices) {
        EXPECT_LE(slice.issued, slice.begin);
        EXPECT_LE(slice.begin, slice.end);
    }
}

TEST(Modelled, AnotherChipGivesOtherTimesAndTheSameTokens) {
    const Seen sk1 = run({});
    const Seen h100 = run({.chip = "h100-sxm"});
    EXPECT_NE(sk1.cycles, h100.cycles);
    EXPECT_EQ(sk1.slices.size(), h100.slices.size());
    EXPECT_EQ(run({.chip = "off"}).cycles, 0u);
    EXPECT_THROW((void)run({.chip = "sk9"}), rt::Error);
    EXPECT_THROW((void)run({.timing_only = true, .chip = "off"}), rt::Error);
}

TEST(Modelled, TracesHaveASliceForEachMicroOpWithWork) {
    const Seen seen = run({});
    const std::string trace = local::perfetto_trace(seen.slices, "a \"chip\"");
    std::size_t slices = 0;
    for (std::size_t at = trace.find("\"ph\":\"X\""); at != std::string::npos;
         at = trace.find("\"ph\":\"X\"", at + 1))
        ++slices;
    EXPECT_EQ(slices, seen.slices.size());
    EXPECT_GT(slices, 30u * 10);
    EXPECT_EQ(trace.find("a \"chip\""), std::string::npos);
}

}  // namespace
}  // namespace skald::test
