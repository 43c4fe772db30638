// SPDX-License-Identifier: MIT
// What a test must read and multiply, counted by hand for a container made here.
#include "bench/traffic.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "skald/isa.hpp"

namespace skald::bench {
namespace {

using container::TensorEntry;

constexpr std::uint64_t kMatrix = 1000, kEmbedding = 500, kHead = 700;  // bytes
constexpr std::uint32_t kHidden = 64, kVocabulary = 128;
constexpr std::uint64_t kPosition = 10;  // bytes of a position

TensorEntry tensor(const char* name, std::uint64_t bytes, std::uint32_t format, std::uint32_t n) {
    TensorEntry entry{};
    std::strcpy(entry.name, name);
    entry.bytes = bytes;
    entry.format = format;
    entry.n = n;
    entry.k = kHidden;
    return entry;
}

container::ModelInfo info() {
    container::ModelInfo info{};
    info.hidden = kHidden;
    info.vocabulary = kVocabulary;
    info.block_bytes = kPosition * isa::kKvPositions;
    return info;
}

const TensorEntry kLayer = tensor("blk.0.qkv", kMatrix, 1, 192);
const TensorEntry kGain = tensor("blk.0.gain", 256, 0, 1);
const TensorEntry kSeparate = tensor("token_embd.weight", kEmbedding, 1, kVocabulary);
const TensorEntry kOutput = tensor("output.weight", kHead, 1, kVocabulary);

TEST(BenchTraffic, AnAnswerReadsLayersHeadAndWhatIsThere) {
    const Traffic traffic(info(), std::vector{kLayer, kGain, kSeparate, kOutput});
    const Work work = traffic.of({0, 3, 100, 1}, 512);
    EXPECT_EQ(work.bytes, 3 * (kMatrix + kHead) + (101 + 102 + 103) * kPosition);
    EXPECT_EQ(work.macs, 3u * (192 + kVocabulary) * kHidden);
}

TEST(BenchTraffic, APromptReadsLayersOnceAStepAndTheHeadOnce) {
    const Traffic traffic(info(), std::vector{kLayer, kGain, kSeparate, kOutput});
    const Work work = traffic.of({300, 0, 0, 1}, 128);
    EXPECT_EQ(work.bytes, 3 * kMatrix + kHead + (128 + 256 + 300) * kPosition);
    EXPECT_EQ(work.macs, (300u * 192 + kVocabulary) * kHidden);
}

TEST(BenchTraffic, ABatchSharesWeightsAndNothingElse) {
    const Traffic traffic(info(), std::vector{kLayer, kGain, kSeparate, kOutput});
    const Work work = traffic.of({0, 1, 9, 8}, 512);
    EXPECT_EQ(work.bytes, kMatrix + kHead + 8 * 10 * kPosition);
    EXPECT_EQ(work.macs, 8u * (192 + kVocabulary) * kHidden);
    // Two prompts of 96 tokens in steps of 128 rows: the second begins in the first step, both
    // choose their token in the last.
    const Work prompts = traffic.of({96, 0, 0, 2}, 128);
    EXPECT_EQ(prompts.bytes, 2 * kMatrix + kHead + (96 + 32 + 96) * kPosition);
    EXPECT_EQ(prompts.macs, (192u * 192 + 2 * kVocabulary) * kHidden);
}

TEST(BenchTraffic, ATiedEmbeddingIsTheHead) {
    const Traffic traffic(info(), std::vector{kLayer, kSeparate});
    EXPECT_EQ(traffic.of({0, 1, 0, 1}, 512).bytes, kMatrix + kEmbedding + kPosition);
}

}  // namespace
}  // namespace skald::bench
