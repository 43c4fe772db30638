// SPDX-License-Identifier: MIT
// A model that is only a shape: weights from a counter-based generator (input/random_row.hpp), so
// that it takes no memory whatever its size, and the same seed gives the same model everywhere.
#include <cmath>
#include <map>

#include "error.hpp"
#include "model/config_file.hpp"
#include "model/model.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581 stands for a space
constexpr std::uint32_t kSpecials = 3, kBytes = 256;

// The order in which seeds were dealt out before there were families; others go by their name.
constexpr std::string_view kDealt[] = {
    "model.embed_tokens.weight",
    "input_layernorm.weight",
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "self_attn.q_proj.bias",
    "self_attn.k_proj.bias",
    "self_attn.v_proj.bias",
    "self_attn.o_proj.bias",
    "post_attention_layernorm.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
    "mlp.gate_proj.bias",
    "mlp.up_proj.bias",
    "mlp.down_proj.bias",
    "model.norm.weight",
    "lm_head.weight",
};

std::uint64_t hash_of(std::string_view text) {  // FNV-1a
    std::uint64_t h = 0xcbf29ce484222325;
    for (const char c : text)
        h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return h;
}

// The layer in "model.layers.7.mlp...", else 0; and what stands behind it.
std::pair<std::uint64_t, std::string_view> layer_of(std::string_view name) {
    constexpr std::string_view kLayers = "model.layers.";
    if (!name.starts_with(kLayers))
        return {0, name};
    const std::string_view rest = name.substr(kLayers.size());
    const std::size_t dot = rest.find('.');
    std::uint64_t layer = 0;
    for (const char digit : rest.substr(0, dot))
        layer = layer * 10 + static_cast<std::uint64_t>(digit - '0');
    return {layer, dot == rest.npos ? rest : rest.substr(dot + 1)};
}

std::uint64_t seed_of(std::string_view name, std::uint64_t seed) {
    const auto [layer, part] = layer_of(name);
    for (std::uint64_t i = 0; i < std::size(kDealt); ++i)
        if (part == kDealt[i])
            return (seed << 32 | layer) * std::size(kDealt) + i;
    return hash_of(name) ^ seed * 0x9e3779b97f4a7c15;
}

// Made when they are asked for.
class RandomTensors : public InputFiles {
  public:
    explicit RandomTensors(std::uint64_t seed) : seed_(seed), ones_(isa::kMaxK, 1.0f) {}

    const Tensor* make(const std::string& name, std::span<const std::uint64_t> shape) {
        const auto [it, added] = tensors_.try_emplace(name);
        Tensor& t = it->second;
        if (!added)
            return &t;
        order_.push_back(&t);
        t.name = name;
        t.shape.assign(shape.begin(), shape.end());
        const std::uint64_t k = shape.back();
        if (k > ones_.size())
            fail("tensor {} has rows of {}, the card allows {}", name, k, ones_.size());
        if (shape.size() == 1 && name.ends_with(".weight")) {  // the gain of a norm
            t.type = DType::kF32;
            t.data = std::as_bytes(std::span(ones_).first(k));
            return &t;
        }
        t.type = DType::kRandom;
        t.seed = seed_of(name, seed_);
        // A matrix keeps the size of what it multiplies.
        t.deviation = shape.size() == 1 ? 0.02f : 1 / std::sqrt(static_cast<float>(k));
        return &t;
    }

    const std::vector<const Tensor*>& order() const { return order_; }
    void check() const override {}
    void forget() const override {}

  private:
    std::uint64_t seed_;
    std::vector<float> ones_;
    std::map<std::string, Tensor> tensors_;
    std::vector<const Tensor*> order_;
};

// "a" .. "z", "aa" ..: a word for every number.
std::string word(std::uint32_t number) {
    std::string text;
    for (++number; number > 0; number = (number - 1) / 26)
        text.insert(text.begin(), static_cast<char>('a' + (number - 1) % 26));
    return text;
}

// As GGUF's "llama" tokenizers: <unk> <s> </s>, the 256 bytes, then words, early ones preferred.
rt::TokenizerSpec make_tokenizer(std::uint32_t vocabulary) {
    rt::TokenizerSpec spec;
    spec.algorithm = tk::Algorithm::kMergeScores;
    spec.flags = tk::kByteFallback;
    spec.pieces = {{"<unk>", tk::PieceKind::kUnknown, 0},
                   {"<s>", tk::PieceKind::kControl, 0},
                   {"</s>", tk::PieceKind::kControl, 0}};
    for (std::uint32_t b = 0; b < kBytes; ++b)
        spec.pieces.push_back({fmt::format("<0x{:02X}>", b), tk::PieceKind::kByte, 0});
    for (std::uint32_t i = 0; spec.pieces.size() < vocabulary; ++i) {
        // The mark alone, then each word with and without it.
        const std::string text =
            i == 0 ? std::string(kMark) : (i % 2 ? std::string(kMark) : "") + word((i - 1) / 2);
        spec.pieces.push_back({text, tk::PieceKind::kNormal, -static_cast<float>(i)});
    }
    spec.normalize = {{tk::StepKind::kPrepend, 0, std::string(kMark), ""},
                      {tk::StepKind::kReplace, 0, " ", std::string(kMark)}};
    spec.decode = {{tk::StepKind::kReplace, 0, std::string(kMark), " "},
                   {tk::StepKind::kByteTokens, 0, "", ""},
                   {tk::StepKind::kStrip, 1, " ", ""}};
    spec.unknown_id = 0;
    spec.bos_id = 1;
    spec.prefix_ids = {1};
    spec.eos_ids = {2};
    for (const rt::TokenId id : {0u, 1u, 2u})
        spec.added.push_back({id, tk::kSpecial});
    return spec;
}

Model load_random(const ConfigFile& file, const std::string& path, const std::string& name,
                  std::uint64_t seed) {
    auto all = std::make_shared<RandomTensors>(seed);
    Source source(path, file.config(),
                  [&](const std::string& tensor, std::span<const std::uint64_t> shape) {
                      return all->make(tensor, shape);
                  });
    Model m;
    m.config.source = path;
    m.config.architecture = file.model_type();
    m.config.name = name;
    m.spec = describe(file.family(), source);
    if (m.spec.vocabulary < kSpecials + kBytes)
        fail("{}: vocab_size is {}, the tokenizer of a random model needs {}", m.config.source,
             m.spec.vocabulary, kSpecials + kBytes);
    m.config.bos_id = 1;
    m.config.eos_ids = {2};
    check(m.config, m.spec.vocabulary);
    m.tokenizer = make_tokenizer(m.spec.vocabulary);
    m.random_tensors = all->order();
    m.files = all;
    return m;
}

}  // namespace

Model load_random(const std::filesystem::path& path, std::uint64_t seed) {
    return load_random(ConfigFile(path), path.string(), path.stem().string(), seed);
}

Model load_random(const std::string& name, std::string_view config, std::uint64_t seed) {
    return load_random(ConfigFile(name, config), name, name, seed);
}

}  // namespace skald::compiler
