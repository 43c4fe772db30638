// SPDX-License-Identifier: MIT
// The Llama decoder as a graph, written down the way a paper would: nothing shared, nothing fused.
#include <fmt/format.h>

#include "ir/graph.hpp"

namespace skald::compiler::ir {
namespace {

class Builder {
  public:
    Builder(const ModelConfig& config, std::uint32_t context) : config_(config) {
        graph_.heads = config.heads;
        graph_.kv_heads = config.kv_heads;
        graph_.head_dim = config.head_dim;
        graph_.layers = config.layers;
        graph_.vocabulary = config.vocabulary;
        graph_.hidden = config.hidden;
        graph_.ffn = config.ffn;
        graph_.norm_eps = config.norm_eps;
        graph_.context = context;
    }

    Graph run(std::span<const LayerRun> runs) {
        begin("embed");
        ValueId x = value("x", config_.hidden);
        push({Op::kGather, {}, x, matrix("embedding", Slot::kEmbedding)});
        table_ = graph_.add_constant(
            {"rotary", ConstantKind::kRotaryTable, {}, {}, graph_.context, config_.head_dim});
        for (const LayerRun& run : runs) {
            begin(name_of(run), run);
            const ValueId after = feed_forward(attention(x));
            graph_.blocks.back().carried_in = x;
            graph_.blocks.back().carried_out = after;
            x = after;
        }
        begin("head");
        head(x);
        return std::move(graph_);
    }

  private:
    ValueId value(const char* name, std::uint32_t width, Rows rows = Rows::kBatch) {
        return graph_.add_value({name, rows, width});
    }
    ValueId in_place(const char* name, ValueId of) {
        const Value& v = graph_.values[of];
        return graph_.add_value({name, v.rows, v.width, of, 0});
    }
    void begin(std::string block, LayerRun layers = {}) {
        graph_.blocks.push_back({std::move(block), layers, {}});
    }
    void push(Node node) { graph_.blocks.back().nodes.push_back(std::move(node)); }
    LayerRun layers_of(const SlotInfo& info) const {
        return info.per_layer ? graph_.blocks.back().layers : LayerRun{};
    }

    ConstantId matrix(const char* name, Slot slot) {
        const SlotInfo& info = info_of(slot);
        return graph_.add_constant({name,
                                    ConstantKind::kMatrix,
                                    {slot},
                                    layers_of(info),
                                    size_of(info.n, config_),
                                    size_of(info.k, config_)});
    }
    ConstantId vector(const char* name, Slot slot) {
        const SlotInfo& info = info_of(slot);
        return graph_.add_constant(
            {name, ConstantKind::kVector, {slot}, layers_of(info), 1, size_of(info.k, config_)});
    }
    ConstantId bias(const char* name, Slot slot) {
        return needs(slot, config_) ? vector(name, slot) : kNone;
    }

    ValueId norm(const char* name, const char* gain, Slot slot, ValueId x) {
        const ValueId y = value(name, config_.hidden, graph_.values[x].rows);
        push({Op::kRmsNorm, {x}, y, vector(gain, slot)});
        return y;
    }
    ValueId linear(const char* name, ValueId x, Slot slot, Slot bias_slot) {
        const ConstantId w = matrix(name, slot);
        const ConstantId b = bias(fmt::format("{}_bias", name).c_str(), bias_slot);
        const ValueId y = value(name, graph_.constants[w].n);
        push({Op::kMatMul, {x}, y, w, b});
        return y;
    }
    ValueId rope(const char* name, ValueId x) {
        const ValueId y = in_place(name, x);
        push({Op::kRope, {x}, y, table_});
        return y;
    }
    ValueId residual(const char* name, ValueId x, ValueId y) {
        const ValueId sum = in_place(name, x);
        push({Op::kAdd, {x, y}, sum});
        return sum;
    }

    ValueId attention(ValueId x) {
        const ValueId h = norm("attention_in", "attention_gain", Slot::kAttentionNorm, x);
        const ValueId q = linear("q", h, Slot::kQ, Slot::kQBias);
        const ValueId k = linear("k", h, Slot::kK, Slot::kKBias);
        const ValueId v = linear("v", h, Slot::kV, Slot::kVBias);
        const ValueId rq = rope("q_rotated", q);
        const ValueId rk = rope("k_rotated", k);
        push({Op::kKvAppend, {rk, v}});
        const ValueId y = value("attention_out", graph_.heads * graph_.head_dim);
        push({Op::kAttention, {rq}, y});
        return residual("x_attention", x, linear("o", y, Slot::kO, Slot::kOBias));
    }

    ValueId feed_forward(ValueId x) {
        const ValueId h = norm("ffn_in", "ffn_gain", Slot::kFfnNorm, x);
        const ValueId gate = linear("gate", h, Slot::kGate, Slot::kGateBias);
        const ValueId up = linear("up", h, Slot::kUp, Slot::kUpBias);
        const ValueId y = value("ffn_mid", config_.ffn);
        push({Op::kGlu, {gate, up}, y});
        return residual("x_ffn", x, linear("down", y, Slot::kDown, Slot::kDownBias));
    }

    void head(ValueId x) {
        const ValueId s = value("selected", config_.hidden, Rows::kSelected);
        push({Op::kSelectRows, {x}, s});
        const ValueId h = norm("head_in", "head_gain", Slot::kOutputNorm, s);
        const ValueId logits = value("logits", config_.vocabulary, Rows::kSelected);
        const Slot slot = config_.tied_embeddings ? Slot::kEmbedding : Slot::kHead;
        push({Op::kMatMul, {h}, logits, matrix("head", slot)});
        push({Op::kLogits, {logits}});
    }

    const ModelConfig& config_;
    Graph graph_;
    ConstantId table_ = kNone;
};

}  // namespace

Graph build(const ModelConfig& config, std::uint32_t context, std::span<const LayerRun> runs) {
    return Builder(config, context).run(runs);
}

}  // namespace skald::compiler::ir
