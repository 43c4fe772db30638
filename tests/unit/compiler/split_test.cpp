// SPDX-License-Identifier: MIT
// What each card of a split has, and what does not divide.
#include "split/split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compile.hpp"
#include "container/container.hpp"
#include "expect_error.hpp"
#include "family_fixtures.hpp"
#include "skald/isa_table.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::Json;

TEST(SplitOption, HasAnyOrderAndNothingElse) {
    const auto is = [](std::string_view text, std::uint32_t tensor, std::uint32_t pipeline) {
        const auto split = parse_split(text);
        return split && split->tensor == tensor && split->pipeline == pipeline;
    };
    EXPECT_TRUE(is("tensor=2,pipeline=3", 2, 3));
    EXPECT_TRUE(is("pipeline=3,tensor=2", 2, 3));
    EXPECT_TRUE(is("tensor=8", 8, 1));
    EXPECT_TRUE(is("tensor=8,sums", 8, 1));
    EXPECT_TRUE(parse_split("sums,tensor=8")->sums);
    EXPECT_FALSE(parse_split("tensor=8")->sums);
    EXPECT_TRUE(is("pipeline=72", 1, 72));
    for (const char* bad :
         {"", "tensor", "tensor=", "tensor=0", "tensor=2,", "tensor=2,tensor=2", "tensor=2x",
          "data=2", "sums", "tensor=2,sums,sums", "tensor=2,sums,", "tensor=-1", "tensor=65536",
          "tensor=256,pipeline=256", "tensor=4294967296"})
        EXPECT_FALSE(parse_split(bad)) << bad;
}

Json llama(std::uint32_t heads, std::uint32_t kv_heads) {
    Json config = test::family_config("llama3");
    config["hidden_size"] = 96;
    config["num_attention_heads"] = heads;
    config["num_key_value_heads"] = kv_heads;
    config["head_dim"] = 16;
    config["intermediate_size"] = 96;
    config["vocab_size"] = 288;
    return config;
}

Plan planned(const Json& config, const Split& split, std::uint32_t rank) {
    Model model = test::random_model(config);
    CompileOptions options;
    options.split = split;
    return Planner(model, options).plan(rank);
}

template <class F>
void expect_refused(const Json& config, const Split& split, F&& says) {
    Model model = test::random_model(config);
    CompileOptions options;
    options.split = split;
    try {
        Planner(model, options).plan(0);
        ADD_FAILURE() << "it was divided";
    } catch (const CompileError& error) {
        EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
}

TEST(Split, WhatDoesNotDivideIsRefusedByName) {
    expect_refused(
        llama(6, 2), {4, 1},
        "layer 0, model.layers.0.self_attn.q_proj.weight: 6 heads do not divide among 4 cards");
    expect_refused(llama(6, 2), {3, 1},
                   "self_attn.k_proj.weight: 2 KV heads do not divide among 3 cards");
    Json config = llama(4, 2);
    config["intermediate_size"] = 98;
    expect_refused(config, {4, 1}, "mlp.gate_proj.weight: 98 rows do not divide among 4 cards");
    config = llama(4, 2);
    config["vocab_size"] = 290;
    expect_refused(config, {4, 1},
                   "lm_head.weight: 290 rows (the vocabulary) do not divide among 4 cards");
    config = llama(4, 2);
    config["hidden_size"] = 98;
    expect_refused(config, {4, 1}, "a hidden size of 98 does not divide among 4 cards");
    expect_refused(llama(4, 2), {1, 4}, "3 layers do not divide among 4 stages");
    config = test::family_config("qwen3-moe");
    config["moe_intermediate_size"] = 26;
    expect_refused(config, {4, 1},
                   "experts.gate_up_proj.weight: 26 rows do not divide among 4 cards");
    // Its norms of q and k are over all heads.
    expect_refused(test::family_config("olmo2"), {2, 1}, "is over the heads of all cards together");
}

TEST(Planner, AStepHasAsManyRowsAsAreAskedForAndTheCardTakes) {
    Model model = test::random_model(llama(6, 2));
    CompileOptions options;
    options.rows = 8192;
    EXPECT_EQ(plan(model, options).graph.max_rows, 8192u);
    options.rows = 65537;
    test::expect_error([&] { (void)plan(model, options); },
                       {"a step of 65537 rows is not possible, the card takes at most 65536"});
}

std::size_t count_of(const Plan& plan, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(
        plan.program.begin(), plan.program.end(),
        [&](const isa::MicroOp& op) { return isa::find_op(op.opcode)->name == name; }));
}

TEST(Split, CardsOfAStageExchangeFourTimesALayerAndOnceForTheHead) {
    // The layers are a loop; o's and down's inputs are gathered with their scales.
    const Plan plan = planned(llama(6, 3), {3, 1}, 1);
    EXPECT_EQ(count_of(plan, "all_gather"), 5u);
    EXPECT_EQ(count_of(plan, "quant"), 2u);
    EXPECT_EQ(count_of(plan, "send") + count_of(plan, "recv"), 0u);
    for (const isa::MicroOp& op : plan.program)
        if (isa::find_op(op.opcode)->name == "all_gather") {
            EXPECT_EQ(op.dim[1], 3u | 1u << 16);
        }
}

TEST(Split, SumsAreTwoALayerAndForTimesAlone) {
    Split split{3, 1};
    split.sums = true;
    const Plan plan = planned(llama(6, 3), split, 1);
    EXPECT_EQ(count_of(plan, "all_reduce"), 2u);
    EXPECT_EQ(count_of(plan, "all_gather"), 2u) << "the embedding's and the head's";
}

TEST(Split, OfTheEmbeddingCardsThatAddUpHaveColumns) {
    Split split{3, 1};
    const std::uint64_t whole = planned(llama(6, 3), split, 1).layout.bytes;
    split.sums = true;
    EXPECT_LT(planned(llama(6, 3), split, 1).layout.bytes, whole);
}

TEST(Split, StagesInTheMiddleHaveTheLayersThatAreLeftOver) {
    Json config = llama(4, 2);
    config["num_hidden_layers"] = 8;
    std::vector<std::uint32_t> layers;
    for (std::uint32_t rank = 0; rank < 5; ++rank)
        layers.push_back(planned(config, {1, 5}, rank).graph.layers);
    EXPECT_EQ(layers, (std::vector<std::uint32_t>{1, 2, 2, 2, 1}));
}

TEST(Split, StagesPassTheResidualOnAndTokensBack) {
    const auto exchanges = [](std::uint32_t rank) {
        const Plan plan = planned(llama(6, 3), {1, 3}, rank);
        return std::pair(count_of(plan, "send"), count_of(plan, "recv"));
    };
    EXPECT_EQ(exchanges(0), std::pair(2ul, 1ul));  // residual and tokens on; tokens from the last
    EXPECT_EQ(exchanges(1), std::pair(1ul, 2ul));  // residual on; both from before
    EXPECT_EQ(exchanges(2), std::pair(1ul, 1ul));  // tokens to the first
}

TEST(Split, OneCardsProgramIsWhatItWas) {
    Model model = test::random_model(llama(6, 3));
    const Plan whole = plan(model, {});
    EXPECT_EQ(count_of(whole, "all_gather") + count_of(whole, "quant"), 0u);
    EXPECT_EQ(whole.graph.share.ranks(), 1u);
}

TEST(Split, FilesSayWhoseTheyAreAndNeedTheirVersion) {
    const test::TemporaryFolder folder;
    Model model = test::random_model(llama(6, 3));
    CompileOptions options;
    options.split = {3, 2};
    options.threads = 1;
    compile(model, options, folder / "m.skald");
    for (std::uint32_t rank = 0; rank < 6; ++rank) {
        const rt::Container file(folder / ("m.rank" + std::to_string(rank) + ".skald"),
                                 rt::Container::Verify::kWeights);
        EXPECT_EQ(file.model().tensor, 3u);
        EXPECT_EQ(file.model().pipeline, 2u);
        EXPECT_EQ(file.model().rank, rank);
        EXPECT_EQ(file.model().layers, rank < 3 ? 1u : 2u);
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "m.skald"));
}

}  // namespace
}  // namespace skald::compiler
