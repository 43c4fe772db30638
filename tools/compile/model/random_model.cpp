// SPDX-License-Identifier: MIT
// A model that is only a shape: weights from a counter-based generator (input/random_row.hpp), so
// that it takes no memory whatever its size, and the same seed gives the same model everywhere.
#include <cmath>
#include <map>

#include "error.hpp"
#include "model/model.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581 stands for a space
constexpr std::uint32_t kSpecials = 3, kBytes = 256;

struct RandomTensors {
    std::vector<float> ones;
    std::map<std::string, Tensor> tensors;
};

Tensor make_tensor(RandomTensors& all, const SlotInfo& slot, std::uint32_t layer,
                   const ModelConfig& config, std::uint64_t seed) {
    Tensor t;
    t.name = source_name(SourceKind::kGguf, slot.slot, layer);
    const std::uint32_t k = size_of(slot.k, config);
    t.shape = {k};
    const bool gain = slot.slot == Slot::kAttentionNorm || slot.slot == Slot::kFfnNorm ||
                      slot.slot == Slot::kOutputNorm;
    if (gain) {
        t.type = DType::kF32;
        t.data = std::as_bytes(std::span(all.ones).first(k));
        return t;
    }
    t.type = DType::kRandom;
    t.seed = (seed << 32 | layer) * kSlots + static_cast<std::uint64_t>(slot.slot);
    t.deviation = 0.02f;
    if (slot.n != Dim::kNone) {
        t.shape.insert(t.shape.begin(), size_of(slot.n, config));
        t.deviation = 1 / std::sqrt(static_cast<float>(k));  // keeps the size of what it multiplies
    }
    return t;
}

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

}  // namespace

Model load_random(const std::filesystem::path& path, std::uint64_t seed) {
    ModelConfig config = read_config(path, false);
    if (config.vocabulary < kSpecials + kBytes)
        fail("{}: vocab_size is {}, the tokenizer of a random model needs {}", config.source,
             config.vocabulary, kSpecials + kBytes);
    config.bos_id = 1;
    config.eos_ids = {2};
    auto all = std::make_shared<RandomTensors>();
    all->ones.assign(config.hidden, 1.0f);
    for (const SlotInfo& slot : kSlotTable)
        for (std::uint32_t layer = 0;
             needs(slot.slot, config) && layer < (slot.per_layer ? config.layers : 1); ++layer) {
            Tensor t = make_tensor(*all, slot, layer, config, seed);
            all->tensors.emplace(t.name, std::move(t));
        }
    Weights weights(SourceKind::kGguf, config,
                    [&](const std::string& name) {
                        const auto it = all->tensors.find(name);
                        return it != all->tensors.end() ? &it->second : nullptr;
                    },
                    {});
    rt::TokenizerSpec tokenizer = make_tokenizer(config.vocabulary);
    return {std::move(config), SourceKind::kGguf, std::move(weights), std::move(tokenizer), all};
}

}  // namespace skald::compiler
