// SPDX-License-Identifier: MIT
#include "model/weights.hpp"

#include <algorithm>
#include <unordered_set>

#include "error.hpp"

namespace skald::compiler {

std::uint32_t size_of(Dim dim, const ModelConfig& c) {
    switch (dim) {
        case Dim::kNone:
            return 1;
        case Dim::kVocabulary:
            return c.vocabulary;
        case Dim::kHidden:
            return c.hidden;
        case Dim::kFfn:
            return c.ffn;
        case Dim::kQueries:
            return c.heads * c.head_dim;
        case Dim::kKeys:
            return c.kv_heads * c.head_dim;
    }
    return 0;
}

bool needs(Slot slot, const ModelConfig& c) {
    switch (slot) {
        case Slot::kQBias:
        case Slot::kKBias:
        case Slot::kVBias:
        case Slot::kOBias:
            return c.attention_bias;
        case Slot::kGateBias:
        case Slot::kUpBias:
        case Slot::kDownBias:
            return c.mlp_bias;
        case Slot::kHead:
            return !c.tied_embeddings;
        default:
            return true;
    }
}

std::string source_name(SourceKind kind, Slot slot, std::uint32_t layer) {
    const SlotInfo& info = info_of(slot);
    return fmt::format(fmt::runtime(kind == SourceKind::kGguf ? info.gguf : info.hugging_face),
                       layer);
}

std::uint64_t Weight::source_row(std::uint64_t r) const {
    if (head_dim_ == 0)
        return r;
    // Here element s * half + j of a head, there element 2 j + s.
    const std::uint64_t half = head_dim_ / 2;
    const std::uint64_t head = r / head_dim_, in_head = r % head_dim_;
    return head * head_dim_ + 2 * (in_head % half) + in_head / half;
}

std::vector<float> Weight::vector() const {
    std::vector<float> source(tensor_->row_length());
    row_to_f32(*tensor_, 0, source);
    std::vector<float> out(source.size());
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = source[source_row(i)];
    return out;
}

namespace {

// What a checkpoint may hold beyond the table: rotary frequencies, which come from the
// configuration (rope_freqs.weight is read with it), and the head of a model whose embedding serves
// as one.
bool may_be_left(std::string_view name) {
    return name.ends_with("rotary_emb.inv_freq") || name == "rope_freqs.weight" ||
           name.ends_with(".attn_rot_embd.weight") || name == info_of(Slot::kHead).hugging_face;
}

// A tensor nobody asked for means that the configuration is of another model: what would come out
// is wrong text.
void check_rest(const ModelConfig& c, const std::vector<std::string>& names,
                const std::unordered_set<std::string>& used) {
    const auto rest = std::ranges::find_if(
        names, [&](const std::string& name) { return !used.contains(name) && !may_be_left(name); });
    const auto with = [](bool bias) { return bias ? "with" : "without"; };
    if (rest != names.end())
        fail("{}: tensor {} is no part of a model of {} layers {} attention and {} MLP biases",
             c.source, *rest, c.layers, with(c.attention_bias), with(c.mlp_bias));
}

}  // namespace

Weights::Weights(SourceKind kind, const ModelConfig& config, const Find& find,
                 const std::vector<std::string>& names) {
    std::unordered_set<std::string> used;
    for (const SlotInfo& info : kSlotTable) {
        if (!needs(info.slot, config))
            continue;
        std::vector<std::uint64_t> shape{size_of(info.k, config)};
        if (info.n != Dim::kNone)
            shape.insert(shape.begin(), size_of(info.n, config));
        const std::uint32_t interleaved =
            info.rotary && kind == SourceKind::kGguf ? config.head_dim : 0;
        for (std::uint32_t layer = 0; layer < (info.per_layer ? config.layers : 1); ++layer) {
            const std::string name = source_name(kind, info.slot, layer);
            const Tensor* tensor = find(name);
            if (!tensor)
                fail("{}: tensor {} is missing (expected shape {})", config.source, name,
                     to_string(shape));
            if (tensor->shape != shape)
                fail("{}: tensor {} has shape {}, expected {}", config.source, name,
                     to_string(tensor->shape), to_string(shape));
            weights_[static_cast<std::size_t>(info.slot)].emplace_back(tensor, interleaved);
            used.insert(name);
        }
    }
    check_rest(config, names, used);
}

const Weight& Weights::at(Slot slot, std::uint32_t layer) const {
    static const Weight kAbsent;
    const auto& list = weights_[static_cast<std::size_t>(slot)];
    return layer < list.size() ? list[layer] : kAbsent;
}

}  // namespace skald::compiler
