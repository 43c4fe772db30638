// SPDX-License-Identifier: MIT
// The fixture's small Llama as ONNX graphs, in the ways that exporters write one.
#pragma once

#include <cstdint>
#include <functional>

#include "fixture.hpp"
#include "graph_writer.hpp"

namespace skald::test {

struct OnnxOptions {
    int opset = 17;
    // As torch.onnx writes a forward pass, or with com.microsoft's operators as ONNX Runtime's
    // tools do.
    enum class Operators : std::uint8_t {
        kPlain,
        kGroupQuery,  // GroupQueryAttention that turns by itself, norms with the sum before them
        kMultiHead,   // MultiHeadAttention behind RotaryEmbedding, a mask that is added
        kOnnx23,      // Attention, RotaryEmbedding and RMSNormalization of opset 23
    } operators = Operators::kPlain;
    bool cache = false;            // past_key_values, attention_mask, position_ids
    bool sinks = false;            // of GroupQueryAttention
    bool integer_weights = false;  // MatMulNBits, 4 bits in blocks of 32
    std::int64_t tokens = -1;      // of the input; -1: any
    // Others than the model's, for tests of what they become: of a layer the feed-forward, of a
    // matrix [n, k] the product with it, the rows of the embedding at ids.
    std::function<std::string(GraphWriter&, std::uint32_t layer, const std::string& x)>
        feed_forward{};
    std::function<std::string(GraphWriter&, const std::string& x, const TinyWeights::Tensor&)>
        product{};
    std::function<std::string(GraphWriter&, const std::string& ids, const TinyWeights::Tensor&)>
        embedding{};
};

GraphWriter onnx_llama(const TinyShape& shape, const TinyWeights& weights,
                       const OnnxOptions& options = {});

// Weights that 4 bits in blocks of 32 with f16 scales hold exactly.
void round_to_four_bits(TinyWeights& weights);

}  // namespace skald::test
