// SPDX-License-Identifier: MIT
// Models whose layers have different formats, as those of llama.cpp's mixes do: every layer keeps
// what it has, and computes what it computes among layers that are alike.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "compile.hpp"
#include "compiled.hpp"
#include "container/container.hpp"
#include "decoder.hpp"
#include "fixture.hpp"
#include "input/half.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kBlock = 32;  // weights that share a scale in Q4_0 and Q8_0

const std::vector<std::uint32_t> kText{256, 't', 'h', 'e', 258, 12, 200, 0, 261, 'x', 77, 256, 31};

test::TinyShape shape_of(std::uint32_t layers) {
    test::TinyShape shape;
    shape.layers = layers;
    shape.ffn = 64;  // whole blocks in every row
    return shape;
}

// Numbers from -8 to 7 with a scale, as blocks of either type.
std::vector<std::byte> blocks(DType type, std::size_t count, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> out;
    const auto put = [&](int byte) { out.push_back(static_cast<std::byte>(byte & 0xFF)); };
    for (std::size_t b = 0; b < count / kBlock; ++b) {
        const std::uint16_t scale =
            f32_to_f16(0.01f + 0.0001f * static_cast<float>(random() % 500));
        put(scale);
        put(scale >> 8);
        int q[kBlock];
        for (int& x : q)
            x = static_cast<int>(random() % 16) - 8;
        if (type == DType::kQ8_0)
            for (const int x : q)
                put(x);
        else
            for (std::size_t i = 0; i < kBlock / 2; ++i)
                put((q[i] + 8) | (q[i + kBlock / 2] + 8) << 4);
    }
    return out;
}

// Which type a matrix of a layer has.
using TypeOf = DType (*)(std::uint32_t layer, const std::string& name);

test::GgufFile quantised(const test::TinyShape& shape, TypeOf type_of) {
    test::GgufFile file = test::make_gguf(shape);
    std::uint32_t seed = 0;
    for (test::GgufTensor& t : file.tensors) {
        ++seed;
        unsigned layer = 0;
        if (t.shape.size() != 2 || std::sscanf(t.name.c_str(), "blk.%u.", &layer) != 1)
            continue;
        const DType type = type_of(layer, t.name);
        t.type = info_of(type).gguf;
        t.data = blocks(type, t.shape[0] * t.shape[1], seed);
    }
    return file;
}

// Layers 0, 1 and 4 have attn_v and ffn_down in eight bits: runs of 2, 2 and 1.
DType mixed(std::uint32_t layer, const std::string& name) {
    const bool special = name.find("attn_v") != name.npos || name.find("ffn_down") != name.npos;
    return special && (layer < 2 || layer == 4) ? DType::kQ8_0 : DType::kQ4_0;
}

class LayerFormats : public ::testing::Test {
  protected:
    CompileReport compiled(const test::GgufFile& file, const std::string& name,
                           CompileOptions options = {}) {
        test::write_file(temporary_ / (name + ".gguf"), test::gguf_bytes(file));
        return test::compile_source(temporary_ / (name + ".gguf"), options, temporary_ / name);
    }
    static std::string format_of(const CompileReport& report, const std::string& name) {
        for (const TensorReport& t : report.tensors)
            if (t.name == name)
                return t.format;
        return "not there";
    }
    std::vector<float> logits(const std::string& name, std::uint32_t chunk = 64) {
        std::vector<float> out;
        test::Decoder(temporary_ / name).nll(kText, {.chunk = chunk}, &out);
        return out;
    }
    std::size_t count(const std::string& name, isa::Opcode opcode) const {
        const rt::Container container(temporary_ / name);
        return static_cast<std::size_t>(std::count_if(
            container.program().begin(), container.program().end(), [&](const isa::MicroOp& op) {
                return op.opcode == static_cast<std::uint8_t>(opcode);
            }));
    }
    test::TemporaryFolder temporary_;
};

TEST_F(LayerFormats, AreThoseOfTheSourceInEveryLayer) {
    const CompileReport report = compiled(quantised(shape_of(5), mixed), "mixed");
    for (const char* layer : {"0", "1", "4"}) {
        EXPECT_EQ(format_of(report, fmt::format("layers.{}.q|k", layer)), "i4b32");
        EXPECT_EQ(format_of(report, fmt::format("layers.{}.v", layer)), "i8b32");
        EXPECT_EQ(format_of(report, fmt::format("layers.{}.down", layer)), "i8b32");
    }
    for (const char* layer : {"2", "3"}) {
        EXPECT_EQ(format_of(report, fmt::format("layers.{}.q|k|v", layer)), "i4b32");
        EXPECT_EQ(format_of(report, fmt::format("layers.{}.down", layer)), "i4b32");
    }
    for (const TensorReport& t : report.tensors)
        if (t.name.starts_with("layers.")) {
            EXPECT_EQ(t.error.relative(), 0) << t.name;
        }
    // What is not in rows of 16 or tiles of 64 is padded: here the 16 rows of v fill theirs.
    for (const TensorReport& t : report.tensors)
        if (t.name == "layers.0.down" || t.name == "layers.2.down") {
            EXPECT_EQ(t.bits_per_weight(), t.format == "i8b32" ? 8.5 : 4.5) << t.name;
        }
    EXPECT_EQ(count("mixed", isa::Opcode::Attention), 3u);
    EXPECT_EQ(count("mixed", isa::Opcode::Loop), 2u);  // the run of one layer is none
}

// The same integers and scales, once each layer in its own type and once all as Q8_0.
TEST_F(LayerFormats, ComputeTheSameAsTheSameIntegersInOneFormat) {
    compiled(quantised(shape_of(5), mixed), "mixed");
    compiled(quantised(shape_of(5), [](std::uint32_t, const std::string&) { return DType::kQ8_0; }),
             "alike");
    EXPECT_EQ(count("alike", isa::Opcode::Attention), 1u);
    EXPECT_EQ(logits("mixed"), logits("alike"));
    EXPECT_EQ(logits("mixed", 3), logits("alike"));
    const std::vector<std::vector<std::uint32_t>> prompts{{256, 'a'}, {'b', 'c', 'd'}, kText};
    const auto text = [&](const char* name) {
        return test::Decoder(temporary_ / name).generate(prompts, 12, {.chunk = 5, .budget = 3});
    };
    EXPECT_EQ(text("mixed"), text("alike"));
}

TEST_F(LayerFormats, GoTogetherWithAWindowAndAnInt8Cache) {
    CompileOptions options;
    options.kv = isa::KvFormat::I8;
    const auto windowed = [](test::GgufFile file) {
        file.values["llama.attention.sliding_window"] = std::uint32_t{4};
        return file;
    };
    compiled(windowed(quantised(shape_of(5), mixed)), "mixed", options);
    compiled(windowed(quantised(shape_of(5),
                                [](std::uint32_t, const std::string&) { return DType::kQ8_0; })),
             "alike", options);
    EXPECT_EQ(logits("mixed"), logits("alike"));
    const rt::Container container(temporary_ / "mixed");
    for (const isa::MicroOp& op : container.program())
        if (op.opcode == static_cast<std::uint8_t>(isa::Opcode::Attention)) {
            EXPECT_EQ(op.imm >> 32, 4u);
        }
}

// Every layer unlike its neighbours, by rules: no loop at all, and a float model to compare with.
TEST_F(LayerFormats, FollowRulesByTensor) {
    test::write_hugging_face(temporary_ / "hf", shape_of(4));
    Model model = load_model(temporary_ / "hf");
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    compile(model, options, temporary_ / "float");
    options.tensors = {{"model.layers.0.*", WeightChoice::kF16},
                       {"model.layers.1.*", WeightChoice::kInt8},
                       {"model.layers.*.mlp.down_proj.weight", *parse_weight_choice("int8a:128")},
                       {"model.layers.3.*", WeightChoice::kF16}};
    const CompileReport report = compile(model, options, temporary_ / "ruled");
    EXPECT_EQ(format_of(report, "layers.0.q|k|v"), "f16");
    EXPECT_EQ(format_of(report, "layers.0.down"), "i8b128a");
    EXPECT_EQ(format_of(report, "layers.1.gate|up"), "i8b32");
    EXPECT_EQ(format_of(report, "layers.2.o"), "f32");
    EXPECT_EQ(format_of(report, "layers.3.down"), "f16");
    EXPECT_EQ(format_of(report, "embedding"), "f32");
    EXPECT_EQ(count("ruled", isa::Opcode::Loop), 0u);
    const auto expected = logits("float"), got = logits("ruled");
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(double{got[i]} - expected[i], 2);
        size += std::pow(double{expected[i]}, 2);
    }
    EXPECT_LT(std::sqrt(difference / size), 0.06);
    EXPECT_GT(std::sqrt(difference / size), 1e-4);
}

// A mix as llama.cpp's Q4_K_M has it: Q6_K in some layers makes int8 of those and of no others.
TEST_F(LayerFormats, KeepQ4KWhereSomeLayersHaveQ6K) {
    test::TinyShape shape = shape_of(3);
    shape.hidden = shape.ffn = 256;
    test::GgufFile file = test::make_gguf(shape);
    std::mt19937 random(1);
    for (test::GgufTensor& t : file.tensors) {
        if (t.name.find("ffn_down") == t.name.npos)
            continue;
        const TypeInfo& type =
            info_of(t.name.find("blk.1.") != t.name.npos ? DType::kQ6_K : DType::kQ4_K);
        t.type = type.gguf;
        t.data.resize(t.shape[0] * t.shape[1] / type.block * type.block_bytes);
        for (std::byte& b : t.data)
            b = static_cast<std::byte>(random());
        // The scales of the whole block: 2^-12 or so.
        const std::uint16_t scale = 0x0C00;
        for (std::size_t at = 0; at < t.data.size(); at += type.block_bytes)
            for (const std::size_t half : type.type == DType::kQ6_K
                                              ? std::vector<std::size_t>{208}
                                              : std::vector<std::size_t>{0, 2})
                std::memcpy(t.data.data() + at + half, &scale, sizeof scale);
    }
    const CompileReport report = compiled(file, "k");
    EXPECT_EQ(format_of(report, "layers.0.down"), "i4b32a");
    EXPECT_EQ(format_of(report, "layers.1.down"), "i8b32");
    EXPECT_EQ(format_of(report, "layers.2.down"), "i4b32a");
    for (const TensorReport& t : report.tensors) {
        if (t.format == "i4b32a") {
            EXPECT_EQ(t.bits_per_weight(), 5) << t.name;
            EXPECT_LT(t.error.relative(), 1e-3) << t.name;  // f16 of a product of two scales
        }
        if (t.name == "layers.1.down") {
            EXPECT_EQ(t.bits_per_weight(), 8.5);
        }
    }
}

}  // namespace
}  // namespace skald::compiler
