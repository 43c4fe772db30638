// SPDX-License-Identifier: MIT
// What is not a language model, or none that the card computes, is refused with file and node.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "expect_error.hpp"
#include "import/import.hpp"
#include "onnx_llama.hpp"
#include "raise/raise.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;

constexpr test::TinyShape kShape{.layers = 1};

onnx::NodeProto& node_of(onnx::GraphProto& g, const std::string& op, int number = 0) {
    for (auto& n : *g.mutable_node())
        if (n.op_type() == op && number-- == 0)
            return n;
    throw std::runtime_error("no node " + op);
}

// A good graph, with something wrong about it.
void expect_refused(const std::function<void(test::GraphWriter&)>& change,
                    std::initializer_list<const char*> words, const test::OnnxOptions& how = {}) {
    const test::TemporaryFolder folder;
    test::GraphWriter g = test::onnx_llama(kShape, test::random_weights(kShape), how);
    change(g);
    g.write(folder / "model.onnx");
    expect_error([&] { raising::raise(graphs::import_graph(folder / "model.onnx")); }, words);
}

TEST(GraphRefusals, AnUnknownOperatorIsNamedWithItsNode) {
    expect_refused([](auto& g) { node_of(g.graph(), "Softmax").set_op_type("Hardmax"); },
                   {"model.onnx", "/Softmax_", "Hardmax", "not supported"});
}

TEST(GraphRefusals, AnUnknownAttributeIsNamed) {
    expect_refused(
        [](auto& g) {
            auto& a = *node_of(g.graph(), "Softmax").add_attribute();
            a.set_name("temperature");
            a.set_type(1);
        },
        {"/Softmax_", "temperature", "not supported"});
}

TEST(GraphRefusals, ACycleIsNamedByANodeOfIt) {
    expect_refused(
        [](auto& g) {
            auto& first = node_of(g.graph(), "Add", 1);
            node_of(g.graph(), "Sqrt").set_input(0, first.output(0));
            first.set_input(0, node_of(g.graph(), "Softmax").output(0));
        },
        {"model.onnx", "cycle"});
}

TEST(GraphRefusals, AnInputThatNobodyMakesIsNamed) {
    expect_refused([](auto& g) { node_of(g.graph(), "Sqrt").set_input(0, "nothing"); },
                   {"/Sqrt_", "nothing", "made by no node"});
}

TEST(GraphRefusals, AValueMadeTwiceIsNamed) {
    expect_refused(
        [](auto& g) {
            node_of(g.graph(), "Sqrt").set_output(0, node_of(g.graph(), "Softmax").output(0));
        },
        {"Softmax_", "made before"});
}

TEST(GraphRefusals, ShapesThatDoNotFitAreNamedWithTheirNode) {
    expect_refused(
        [](auto& g) {
            for (auto& t : *g.graph().mutable_initializer())
                if (t.dims_size() == 2 && t.dims(0) == 32 && t.dims(1) == 40) {
                    t.set_dims(0, 40);
                    t.set_dims(1, 32);
                }
        },
        {"/MatMul_", "[1,4,32]", "[40,32]"});
}

TEST(GraphRefusals, ATensorWithFewerBytesThanItsShapeIsNamed) {
    expect_refused([](auto& g) { g.graph().mutable_initializer(0)->set_dims(0, 1 << 20); },
                   {"tensor", "bytes", "1048576"});
}

TEST(GraphRefusals, ShapesBeyondAllMeasureAreRefused) {
    expect_refused(
        [](auto& g) {
            const std::string many = g.ints({1 << 20, 1 << 20});
            const std::string x = g.node("Expand", {g.number(0), many});
            auto& n = node_of(g.graph(), "Sqrt");
            n.set_input(0, g.node("Add", {n.input(0), g.mean(x, -1)}));
        },
        {"/Expand_", "elements"});
}

TEST(GraphRefusals, IntegersThatOverflowAreRefused) {
    expect_refused(
        [](auto& g) {
            const std::string big = g.integer(INT64_MAX);
            const std::string more = g.node("Mul", {big, g.integer(2)});
            auto& n = node_of(g.graph(), "Range");
            n.set_input(1, g.node("Min", {n.input(1), more}));
        },
        {"/Mul_", "overflows"});
}

TEST(GraphRefusals, AttentionToWhatComesLaterIsRefused) {
    expect_refused([](auto& g) { node_of(g.graph(), "LessOrEqual").set_op_type("GreaterOrEqual"); },
                   {"MatMul_", "not causal"});
}

TEST(GraphRefusals, AMaskThatChangesWithTheLengthIsRefused) {
    // Beyond 200 positions the last sees nothing but itself.
    expect_refused(
        [](auto& g) {
            auto& n = node_of(g.graph(), "LessOrEqual");
            const std::string rows = n.input(1);
            const std::string far =
                g.node("Mul", {g.node("Cast", {g.node("Greater", {rows, g.integer(200)})},
                                      {{"to", std::int64_t{7}}}),
                               rows});
            auto& where = node_of(g.graph(), "Where");
            where.set_input(
                0, g.node("And", {where.input(0), g.node("GreaterOrEqual", {n.input(0), far})}));
        },
        {"neither causal"});
}

TEST(GraphRefusals, AFunctionThatTheCardLacksIsNamedWithItsNode) {
    expect_refused([](auto& g) { node_of(g.graph(), "Sigmoid").set_op_type("Softplus"); },
                   {"MatMul", "no function of the card"});
}

TEST(GraphRefusals, AnInputOfUnknownUseIsNamed) {
    expect_refused([](auto& g) { g.input("inputs_embeds", 1, {-1, -1, 32}); }, {"inputs_embeds"});
}

TEST(GraphRefusals, OpsetsBeyondThoseKnownAreRefused) {
    expect_refused([](auto& g) { g.model().mutable_opset_import(0)->set_version(42); },
                   {"opset 42", "23"});
}

TEST(GraphRefusals, DataOutsideOfTheFolderAreRefused) {
    for (const char* place : {"../secret", "/etc/passwd"})
        expect_refused(
            [&](auto& g) {
                auto& t = *g.graph().mutable_initializer(0);
                t.clear_raw_data();
                t.set_data_location(1);
                auto& entry = *t.add_external_data();
                entry.set_key("location");
                entry.set_value(place);
            },
            {place, "no file beside"});
}

TEST(GraphRefusals, AnglesThatForgetTheCacheAreRefused) {
    expect_refused(
        [](auto& g) {
            // Positions from 0 on, whatever is in the cache.
            const std::string tokens =
                g.node("Gather", {g.node("Shape", {"input_ids"}), g.integer(1)});
            const std::string own =
                g.unsqueeze(g.node("Range", {g.integer(0), tokens, g.integer(1)}), 0);
            for (auto& n : *g.graph().mutable_node())
                for (int i = 0; i < n.input_size(); ++i)
                    if (n.input(i) == "position_ids")
                        n.set_input(i, own);
        },
        {"behind a cache"}, {.cache = true});
}

TEST(GraphRefusals, AnglesThatChangeWithTheLengthOfTheWholeAreRefused) {
    // As of models that stretch them beyond some length.
    expect_refused(
        [](auto& g) {
            auto& cos = node_of(g.graph(), "Cos");
            const std::string angles = cos.input(0);
            const std::string tokens =
                g.node("Gather", {g.node("Shape", {"input_ids"}), g.integer(1)});
            const std::string stretched =
                g.node("Where", {g.node("Greater", {tokens, g.integer(512)}),
                                 g.node("Mul", {angles, g.number(0.5f)}), angles});
            node_of(g.graph(), "Sin").set_input(0, stretched);
            node_of(g.graph(), "Cos").set_input(0, stretched);
        },
        {"among 515 tokens", "not supported"});
}

TEST(GraphRefusals, AnglesThatAreNoMultipleOfThePositionAreRefused) {
    expect_refused(
        [](auto& g) {
            // From position 100 on they stand still.
            const std::string angles = node_of(g.graph(), "Cos").input(0);
            const std::string least = g.node("Min", {angles, g.number(100)});
            node_of(g.graph(), "Sin").set_input(0, least);
            node_of(g.graph(), "Cos").set_input(0, least);
        },
        {"no cosine or sine"});
}

TEST(GraphRefusals, LoopsAreNamed) {
    expect_refused([](auto& g) { node_of(g.graph(), "Sqrt").set_op_type("Loop"); },
                   {"/Sqrt_", "the operator Loop is not supported"});
    expect_refused([](auto& g) { node_of(g.graph(), "Sqrt").set_op_type("Scan"); },
                   {"/Sqrt_", "the operator Scan is not supported"});
}

// The first square root in a branch of an If.
void put_into_an_if(test::GraphWriter& g, const std::string& condition) {
    auto& root = node_of(g.graph(), "Sqrt");
    const onnx::NodeProto taken = root;
    root.set_op_type("If");
    root.set_input(0, condition);
    for (const char* name : {"then_branch", "else_branch"}) {
        auto& a = *root.add_attribute();
        a.set_name(name);
        a.set_type(5);
        auto& node = *a.mutable_g()->add_node();
        node = taken;
        node.set_output(0, "inside");
        if (name == std::string("else_branch"))
            node.set_op_type("Hardmax");
        a.mutable_g()->add_output()->set_name("inside");
    }
}

TEST(GraphRefusals, ABranchThatIsComputedIsNamed) {
    expect_refused(
        [](auto& g) {
            const std::string tokens =
                g.node("Gather", {g.node("Shape", {"input_ids"}), g.integer(1)});
            put_into_an_if(g, g.node("Greater", {tokens, g.integer(5)}));
        },
        {"/Sqrt_", "the condition of an If is computed"});
}

TEST(GraphRefusals, AnIfOnAConstantIsTheBranchThatItTakes) {
    const test::TemporaryFolder folder;
    test::GraphWriter g = test::onnx_llama(kShape, test::random_weights(kShape));
    auto& condition = *g.graph().add_initializer();
    condition.set_name("yes");
    condition.set_data_type(9);
    condition.set_raw_data(std::string(1, '\1'));
    put_into_an_if(g, "yes");
    g.write(folder / "model.onnx");
    EXPECT_EQ(raising::raise(graphs::import_graph(folder / "model.onnx")).spec.layers.size(), 1u);
    g.graph()
        .mutable_initializer(g.graph().initializer_size() - 1)
        ->set_raw_data(std::string(1, '\0'));
    g.write(folder / "other.onnx");
    expect_error([&] { graphs::import_graph(folder / "other.onnx"); }, {"/Sqrt_", "Hardmax"});
}

TEST(GraphRefusals, OfTwoDecodersInOneThatWithACacheIsTaken) {
    const test::TemporaryFolder folder;
    test::GraphWriter g = test::onnx_llama(kShape, test::random_weights(kShape), {.cache = true});
    g.input("use_cache_branch", 9, {1});
    put_into_an_if(g, "use_cache_branch");
    g.write(folder / "model.onnx");
    EXPECT_EQ(raising::raise(graphs::import_graph(folder / "model.onnx")).spec.layers.size(), 1u);
}

TEST(GraphRefusals, AFileThatIsNoProtobufIsRefused) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "model.onnx") << "<html>not found</html>";
    expect_error([&] { graphs::import_graph(folder / "model.onnx"); }, {"model.onnx", "ONNX"});
}

}  // namespace
}  // namespace skald::compiler
