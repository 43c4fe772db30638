// SPDX-License-Identifier: MIT
// Tiny checkpoints of real families, in both kinds of source, against what the reference
// implementation computed from them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "compile.hpp"
#include "error.hpp"
#include "interpret/interpreter.hpp"
#include "test_models.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 2e-3;  // of the deviation of a prompt's logits

nlohmann::json json_of(const fs::path& path) {
    std::ifstream file(path);
    return nlohmann::json::parse(file);
}

// The last logits of every prompt; the largest difference in units of their spread.
double difference(Model& model, const nlohmann::json& reference) {
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    const Plan p = plan(model, options);
    double largest = 0;
    for (const auto& prompt : reference["prompts"]) {
        const std::vector<std::uint32_t> ids = prompt["ids"];
        const std::vector<double> expected = prompt["logits"];
        const interpret::Rows logits =
            interpret::Interpreter(p.graph, {.threads = 1}).read(ids, ids.size());
        const auto got = logits[ids.size() - 1];
        if (got.size() != expected.size())
            return INFINITY;
        double mean = 0, variance = 0;
        for (const double x : expected)
            mean += x / static_cast<double>(expected.size());
        for (const double x : expected)
            variance += (x - mean) * (x - mean) / static_cast<double>(expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i)
            largest = std::max(largest, std::abs(got[i] - expected[i]) / std::sqrt(variance));
    }
    return largest;
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder))
        out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

TEST(ReferenceFamilies, ComputeTheReferenceLogitsFromFolders) {
    SKALD_NEED_MODEL(folder, "families");
    std::size_t compared = 0, refused = 0;
    for (const fs::path& path : entries(folder)) {
        SCOPED_TRACE(path.filename().string());
        const std::string name = path.filename().string();
        if (name == "mamba2" || name == "qwen3-next" || name == "granite-hybrid") {
            ++refused;
            try {
                load_model(path);
                ADD_FAILURE() << "was not refused";
            } catch (const CompileError& e) {
                EXPECT_NE(std::string(e.what()).find("SCAN"), std::string::npos) << e.what();
            }
            continue;
        }
        try {
            Model model = load_model(path);
            EXPECT_LT(difference(model, json_of(path / "reference.json")), kTolerance);
            ++compared;
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
    EXPECT_EQ(refused, 3u);
    EXPECT_GT(compared, 0u);
}

// llama.cpp's converter leaves out a number of two of them, which their reference used: Gemma 2's
// query_pre_attn_scalar (48 here, and nothing says that it is not the size of a head) and
// StarCoder 2's window of 24. Given it, they compute the reference.
void add_what_the_converter_leaves_out(const std::string& name, DecoderSpec& spec) {
    for (Layer& layer : spec.layers) {
        auto* a = std::get_if<Attention>(&layer.mixer);
        if (name == "gemma2")
            a->scale = static_cast<float>(1 / std::sqrt(48.0));
        if (name == "starcoder2")
            a->window = 24;
    }
}

TEST(ReferenceFamilies, ComputeTheReferenceLogitsFromGgufFiles) {
    SKALD_NEED_MODEL(folder, "gguf");
    std::size_t compared = 0;
    for (const fs::path& path : entries(folder)) {
        if (path.extension() != ".gguf")
            continue;
        SCOPED_TRACE(path.filename().string());
        const std::string name = path.stem().string();
        const auto reference = json_of(fs::path(path).replace_extension(".json"));
        try {
            Model model = load_model(path);
            const double as_it_is = difference(model, reference);
            add_what_the_converter_leaves_out(name, model.spec);
            EXPECT_LT(difference(model, reference), kTolerance);
            if (name == "gemma2" || name == "starcoder2")
                EXPECT_GT(as_it_is, kTolerance);
            else
                EXPECT_LT(as_it_is, kTolerance);
            ++compared;
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
    EXPECT_GT(compared, 0u);
}

}  // namespace
}  // namespace skald::compiler
