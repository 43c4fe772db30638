// SPDX-License-Identifier: MIT
#include "tiny_spec.hpp"

#include <cmath>

#include "model/rope.hpp"

namespace skald::test {

using namespace compiler;

TinyDecoder::TinyDecoder(const TinyShape& shape, unsigned seed)
    : weights(random_weights(shape, seed)), shape_(shape) {
    spec.hidden = shape.hidden;
    spec.vocabulary = shape.vocabulary;
    spec.context = spec.longest = shape.context;
    spec.rotary = {{rope_frequencies(shape.rope_theta, shape.head_dim), {}, 0, 1}};
    spec.embedding.of = {tensor("model.embed_tokens.weight")};
    for (std::uint32_t l = 0; l < shape.layers; ++l)
        spec.layers.push_back(layer("model.layers." + std::to_string(l) + "."));
    spec.output_norm = norm("model.norm.weight");
    spec.head.weight.of = {shape.tied ? spec.embedding.of.front() : tensor("lm_head.weight")};
}

Expr TinyDecoder::tensor(const std::string& name) {
    const TinyWeights::Tensor& t = weights.tensors.at(name);
    Tensor& made = tensors_.emplace_back();
    made.name = name;
    made.shape = t.shape;
    made.data = std::as_bytes(std::span(t.data));
    return expr::tensor(made);
}

Linear TinyDecoder::linear(const std::string& name) {
    Linear linear;
    linear.weight.of = {tensor(name + ".weight")};
    if (weights.tensors.contains(name + ".bias"))
        linear.bias = {tensor(name + ".bias")};
    return linear;
}

Norm TinyDecoder::norm(const std::string& name) {
    return {Norm::Kind::kRms, shape_.norm_eps, 0, tensor(name), nullptr};
}

Layer TinyDecoder::layer(const std::string& prefix) {
    Layer layer;
    layer.mixer_in = norm(prefix + "input_layernorm.weight");
    layer.ffn_in = norm(prefix + "post_attention_layernorm.weight");
    Attention a;
    a.heads = shape_.heads;
    a.kv_heads = shape_.kv_heads;
    a.k_dim = a.v_dim = shape_.head_dim;
    a.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape_.head_dim)));
    a.window = shape_.window;
    a.rotary = 0;
    a.q = linear(prefix + "self_attn.q_proj");
    a.k = linear(prefix + "self_attn.k_proj");
    a.v = linear(prefix + "self_attn.v_proj");
    a.o = linear(prefix + "self_attn.o_proj");
    layer.mixer = std::move(a);
    FeedForward f;
    f.gate = linear(prefix + "mlp.gate_proj");
    f.up = linear(prefix + "mlp.up_proj");
    f.down = linear(prefix + "mlp.down_proj");
    layer.ffn = std::move(f);
    return layer;
}

}  // namespace skald::test
