// SPDX-License-Identifier: MIT
// Front end for GGUF files of architecture llama (which Mistral and SmolLM use as well).
#include <algorithm>

#include "error.hpp"
#include "input/gguf.hpp"
#include "model/model.hpp"
#include "model/rope.hpp"
#include "tokenizers/gguf_tokenizer.hpp"

namespace skald::compiler {
namespace {

constexpr std::string_view kArchitecture = "llama";

class ConfigReader {
  public:
    explicit ConfigReader(const Gguf& gguf) : gguf_(gguf) {}

    ModelConfig read() {
        const std::string& architecture = gguf_.string("general.architecture");
        if (architecture != kArchitecture)
            fail("{}: architecture {} is not supported; llama is", gguf_.file(), architecture);
        if (gguf_.maybe_uint(key("expert_count")).value_or(0) > 0)
            fail("{}: mixture-of-experts models are not supported", gguf_.file());
        ModelConfig c;
        c.source = gguf_.file();
        c.architecture = architecture;
        const std::string* name = gguf_.maybe_string("general.name");
        c.name = name ? *name : gguf_.name();
        c.layers = u32("block_count");
        c.hidden = u32("embedding_length");
        c.ffn = u32("feed_forward_length");
        c.heads = u32("attention.head_count");
        c.kv_heads = u32_or("attention.head_count_kv", c.heads);
        c.context = u32("context_length");
        c.sliding_window = u32_or("attention.sliding_window", 0);
        c.norm_eps = static_cast<float>(gguf_.number(key("attention.layer_norm_rms_epsilon")));
        if (c.heads == 0)
            gguf_.reject(key("attention.head_count"), "must not be 0");
        c.head_dim = u32_or("attention.key_length", c.hidden / c.heads);
        if (u32_or("attention.value_length", c.head_dim) != c.head_dim)
            gguf_.reject(key("attention.value_length"),
                         "differs from the key length, which is not supported");
        c.vocabulary = vocabulary();
        c.tied_embeddings = !has(Slot::kHead);
        c.attention_bias = has(Slot::kQBias);
        c.mlp_bias = has(Slot::kGateBias);
        check(c);
        c.rope_frequencies = rope(c.head_dim);
        return c;
    }

  private:
    static std::string key(std::string_view name) {
        return fmt::format("{}.{}", kArchitecture, name);
    }

    std::uint32_t narrow(std::string_view name, std::uint64_t value) const {
        if (value > 0xffffffffu)
            gguf_.reject(key(name), "is too large");
        return static_cast<std::uint32_t>(value);
    }
    std::uint32_t u32(std::string_view name) const { return narrow(name, gguf_.uint(key(name))); }
    std::uint32_t u32_or(std::string_view name, std::uint32_t otherwise) const {
        return narrow(name, gguf_.maybe_uint(key(name)).value_or(otherwise));
    }

    bool has(Slot slot) const {
        return gguf_.find(source_name(SourceKind::kGguf, slot, 0)) != nullptr;
    }

    // The rows of the embedding: vocab_size is optional, and the token list may be shorter.
    std::uint32_t vocabulary() const {
        const Tensor* embedding = gguf_.find(source_name(SourceKind::kGguf, Slot::kEmbedding, 0));
        if (!embedding || embedding->shape.size() != 2)
            fail("{}: tensor token_embd.weight is missing or not a matrix", gguf_.file());
        return narrow("vocab_size", embedding->shape[0]);
    }

    std::vector<double> rope(std::uint32_t head_dim) const {
        if (u32_or("rope.dimension_count", head_dim) != head_dim)
            gguf_.reject(key("rope.dimension_count"),
                         "differs from the head size: partial rotary embeddings are not supported");
        const double theta = gguf_.maybe_float(key("rope.freq_base")).value_or(10000.0);
        if (!(theta > 0))
            gguf_.reject(key("rope.freq_base"), "must be positive");
        std::vector<double> f = rope_frequencies(theta, head_dim);
        const std::string* type = gguf_.maybe_string(key("rope.scaling.type"));
        if (type && *type != "none" && *type != "linear")
            fail("{}: rotary scaling of type {} is not supported; linear and llama3 factors are",
                 gguf_.file(), *type);
        if (type && *type == "linear") {
            const double factor = gguf_.number(key("rope.scaling.factor"));
            if (!(factor > 0))
                gguf_.reject(key("rope.scaling.factor"), "must be positive");
            scale_linear(f, factor);
        }
        if (const Tensor* factors = gguf_.find("rope_freqs.weight"))
            apply_factors(*factors, f);
        return f;
    }

    void apply_factors(const Tensor& tensor, std::vector<double>& f) const {
        const std::vector<std::uint64_t> expected{f.size()};
        if (tensor.shape != expected)
            fail("{}: tensor {} has shape {}, expected {}", gguf_.file(), tensor.name,
                 to_string(tensor.shape), to_string(expected));
        std::vector<float> factors(f.size());
        row_to_f32(tensor, 0, factors);
        if (std::any_of(factors.begin(), factors.end(), [](float x) { return !(x > 0); }))
            fail("{}: tensor {} has a factor that is not positive", gguf_.file(), tensor.name);
        scale_by_factors(f, factors);
    }

    const Gguf& gguf_;
};

}  // namespace

Model load_gguf(const std::filesystem::path& file) {
    auto gguf = std::make_shared<const Gguf>(file);
    ModelConfig config = ConfigReader(*gguf).read();
    rt::TokenizerSpec tokenizer = load_gguf_tokenizer(*gguf);
    config.eos_ids = tokenizer.eos_ids;
    if (tokenizer.bos_id != tokenizer::kNoToken)
        config.bos_id = tokenizer.bos_id;
    check(config);
    Weights weights(
        SourceKind::kGguf, config, [&](const std::string& name) { return gguf->find(name); },
        gguf->tensor_names());
    return {std::move(config), SourceKind::kGguf, std::move(weights), std::move(tokenizer), gguf};
}

}  // namespace skald::compiler
