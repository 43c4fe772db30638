// SPDX-License-Identifier: MIT
// Writes small models with random weights, as Hugging Face folder or GGUF file, with whatever a
// test wants to be different or wrong about them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

namespace skald::test {

using Json = nlohmann::ordered_json;

struct TinyShape {
    std::uint32_t layers = 2, hidden = 32, ffn = 40, heads = 4, kv_heads = 2, head_dim = 8,
                  vocabulary = 280, context = 64;
    bool tied = true, attention_bias = false, mlp_bias = false;
    float norm_eps = 1e-5f;
    double rope_theta = 10000;
    std::uint32_t window = 0;  // positions attended to; 0: all
};

// The weights by Hugging Face name; matrices row by row, rotary pairs as halves.
struct TinyWeights {
    struct Tensor {
        std::vector<std::uint64_t> shape;
        std::vector<float> data;
    };
    std::map<std::string, Tensor> tensors;
    const std::vector<float>& at(const std::string& name) const { return tensors.at(name).data; }
};

TinyWeights random_weights(const TinyShape& shape, unsigned seed = 1);

enum class Encoding : std::uint8_t { kF32, kF16, kBF16, kQ8_0 };

// ---- Hugging Face ----

struct HfOptions {
    Encoding encoding = Encoding::kF32;
    unsigned shards = 1;
    std::function<void(Json&)> config, generation, tokenizer,
        header;  // change the JSON before it is written
    std::function<void(TinyWeights&)> weights;
};

void write_hugging_face(const std::filesystem::path& folder, const TinyShape& shape,
                        const HfOptions& options = {});

Json byte_level_tokenizer_json();  // 256 bytes, a few merges, <s> and </s>; 262 tokens

// ---- GGUF ----

using GgufValue = std::variant<std::uint32_t, float, bool, std::string, std::vector<std::string>,
                               std::vector<float>, std::vector<std::int32_t>>;

struct GgufTensor {
    std::string name;
    std::vector<std::uint64_t> shape;  // outermost first
    std::uint32_t type = 0;
    std::vector<std::byte> data;
};

struct GgufFile {
    std::map<std::string, GgufValue> values;
    std::vector<GgufTensor> tensors;
    std::uint32_t version = 3;
};

// Rows that 32 does not divide stay f16 under kQ8_0, vectors are always f32.
GgufFile make_gguf(const TinyShape& shape, Encoding encoding = Encoding::kF32, unsigned seed = 1);
// In as many parts as llama.cpp's tool would write: metadata in the first, tensors by turns.
std::vector<GgufFile> split_gguf(const GgufFile& file, std::uint32_t count);
std::vector<std::byte> gguf_bytes(const GgufFile& file);

std::vector<std::byte> encode(const std::vector<float>& data, Encoding encoding);
void write_file(const std::filesystem::path& path, const std::vector<std::byte>& bytes);
std::vector<std::byte> read_file(const std::filesystem::path& path);

}  // namespace skald::test
