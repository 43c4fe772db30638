// SPDX-License-Identifier: MIT
// config.json and generation_config.json of a Hugging Face folder: two bytes of length, the first
// file, then the second, beside good weights and a good tokenizer. The first alone also becomes a
// model of random weights.
#include "fixture.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/small_model.hpp"
#include "support/source.hpp"
#include "temporary_folder.hpp"

namespace skald::fuzz {
namespace {

// Whether a random model of it is worth its time: larger ones only take longer.
bool is_small(const test::Json& json) {
    constexpr std::uint64_t kMost = 4096, kMostLayers = 64;  // and experts
    for (const auto& [key, value] : json.items()) {
        const bool many = key.find("layer") != key.npos || key.find("expert") != key.npos;
        if (value.is_structured() ? !is_small(value)
                                  : value.is_number_unsigned() &&
                                        value.get<std::uint64_t>() > (many ? kMostLayers : kMost))
            return false;
    }
    return true;
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
    const auto config = source.bytes(source.take<std::uint16_t>());
    write_file(small_model() / "config.json", config);
    write_file(small_model() / "generation_config.json", source.rest());
    may_refuse([&] { compile_and_read(compiler::load_model(small_model())); });
    const auto* text = reinterpret_cast<const char*>(config.data());
    const test::Json json = test::Json::parse(text, text + config.size(), nullptr, false);
    if (!json.is_structured() || is_small(json))
        may_refuse(
            [&] { compile_and_read(compiler::load_random(small_model() / "config.json", 1)); });
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
