// SPDX-License-Identifier: MIT
// Shapes: the times of the model with its weights, and nothing else.
#include <gtest/gtest.h>

#include "chip/run.hpp"
#include "chip/timed_model.hpp"
#include "compile/compile.hpp"
#include "libskald/error.hpp"
#include "libskald/model.hpp"
#include "local/local_card.hpp"
#include "small_model.hpp"

namespace skald::chip {
namespace {

std::string compiled(bool shape) {
    const std::string file = scratch_file(shape ? "shape.skald" : "whole.skald");
    compiler::Model model = compiler::load_random(std::filesystem::path(small_config()), 1);
    compiler::CompileOptions options;
    options.weights = compiler::WeightChoice::kInt8;
    options.context = 64;
    options.shape = shape;
    compiler::compile(model, options, file);
    return file;
}

RunOptions request() {
    RunOptions run;
    run.prompt = 40;
    run.generated = 24;
    return run;
}

TEST(Shapes, TakeTheTimesOfTheModelWithItsWeights) {
    RunOptions planned = request(), shape = request(), whole = request(), with_data = request();
    planned.shape = small_config();
    shape.model = compiled(true);
    whole.model = with_data.model = compiled(false);
    with_data.with_data = true;
    const Outcome expected = run(with_data);
    for (const RunOptions& way : {planned, shape, whole}) {
        const Outcome outcome = run(way);
        EXPECT_EQ(outcome.first.time, expected.first.time);
        EXPECT_EQ(outcome.whole.time, expected.whole.time);
        EXPECT_EQ(outcome.whole.energy, expected.whole.energy);
        EXPECT_EQ(outcome.weight_bytes, expected.weight_bytes);
    }
}

TEST(Shapes, AreRefusedByACardThatComputes) {
    const TimedModel shape(compiled(true));
    ASSERT_TRUE(shape.is_shape());
    local::LocalOptions options;
    options.memory_bytes = 64ull << 20;
    options.threads = 1;
    const auto device = local::open_local_card(rt::linux_os(), options);
    try {
        const rt::Model model(*device, shape.image());
        ADD_FAILURE() << "it was loaded";
    } catch (const rt::Error& error) {
        EXPECT_NE(std::string(error.what()).find("is a shape without weights"), std::string::npos)
            << error.what();
    }
}

TEST(Shapes, OfPublishedModelsHaveTheirSizes) {
    struct Known {
        const char* name;
        double parameters;
    };
    for (const Known& known : {Known{"llama-2-7b", 6.74e9}, Known{"llama-2-70b", 68.98e9},
                               Known{"llama-3.1-8b", 8.03e9}, Known{"llama-3.1-70b", 70.55e9},
                               Known{"llama-3.1-405b", 405.85e9}, Known{"llama-3.2-1b", 1.236e9},
                               Known{"llama-3.2-3b", 3.213e9}, Known{"gemma-7b", 8.54e9}}) {
        ShapeRequest request;
        request.config = known.name;
        const TimedModel model(request);
        EXPECT_NEAR(static_cast<double>(model.info().parameters) / known.parameters, 1, 0.001)
            << known.name << " has " << model.info().parameters;
    }
}

TEST(Shapes, UnknownNamesAreRefusedWithThoseThatThereAre) {
    ShapeRequest request;
    request.config = "llama-9-7b";
    try {
        const TimedModel model(request);
        ADD_FAILURE() << "it was planned";
    } catch (const rt::Error& error) {
        EXPECT_NE(std::string(error.what()).find("llama-3.1-405b"), std::string::npos);
    }
}

}  // namespace
}  // namespace skald::chip
