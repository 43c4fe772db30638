// SPDX-License-Identifier: MIT
// config.json and generation_config.json of a Hugging Face folder: two bytes of length, the first
// file, then the second, beside good weights and a good tokenizer. The first alone also becomes a
// model of random weights.
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

constexpr test::TinyShape kSmall{.layers = 1,
                                 .hidden = 8,
                                 .ffn = 8,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_dim = 4,
                                 .vocabulary = 262,
                                 .context = 8};
constexpr std::uint32_t kMostRandom = 4096;  // tokens and layers: larger models only take longer

const std::filesystem::path& folder() {
    static const test::TemporaryFolder temporary;
    static const std::filesystem::path path = [] {
        test::write_hugging_face(temporary / "model", kSmall);
        return temporary / "model";
    }();
    return path;
}

Bytes files(std::span<const std::byte> config, std::string_view generation) {
    return Sink()
        .half(static_cast<unsigned>(config.size()))
        .put(config)
        .put(bytes_of(generation))
        .bytes();
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    write_file(folder() / "config.json", source.bytes(source.take<std::uint16_t>()));
    write_file(folder() / "generation_config.json", source.rest());
    may_refuse([&] { compile_and_read(compiler::load_model(folder())); });
    may_refuse([&] {
        const auto config = folder() / "config.json";
        const compiler::ModelConfig c = compiler::read_config(config, false);
        if (c.vocabulary <= kMostRandom && c.layers <= kMostRandom)
            compile_and_read(compiler::load_random(config, 1));
    });
}

std::vector<Bytes> seeds() {
    const test::TemporaryFolder temporary;
    test::HfOptions scaled;
    scaled.config = [](test::Json& j) {
        j["rope_scaling"] = {{"rope_type", "llama3"},
                             {"factor", 8.0},
                             {"low_freq_factor", 1.0},
                             {"high_freq_factor", 4.0},
                             {"original_max_position_embeddings", 8}};
        j["eos_token_id"] = {1, 2};
        j["sliding_window"] = nullptr;
    };
    test::write_hugging_face(temporary / "plain", kSmall);
    test::write_hugging_face(temporary / "scaled", kSmall, scaled);
    return {
        files(test::read_file(temporary / "plain" / "config.json"), "{}"),
        files(
            test::read_file(temporary / "scaled" / "config.json"),
            R"({"eos_token_id":[1],"temperature":0.5,"top_p":0.9,"top_k":40,"repetition_penalty":1.1})")};
}

}  // namespace skald::fuzz
