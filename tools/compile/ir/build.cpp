// SPDX-License-Identifier: MIT
// Puts the fragments of a decoder's layers together. Fragments that are alike become one block, a
// loop; so does a pattern of fragments that repeats.
#include <fmt/format.h>

#include <algorithm>

#include "ir/fragment.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::ir {
namespace {

constexpr std::size_t kLongestPeriod = 16;  // layers

struct Run {
    std::size_t first, rounds, period;
};

// How often the pattern of `period` layers from `first` on stands there.
std::size_t repeats(std::span<const std::size_t> kinds, std::size_t first, std::size_t period) {
    std::size_t end = first + period;
    while (end < kinds.size() && kinds[end] == kinds[end - period])
        ++end;
    return (end - first) / period;
}

// From the front, whatever saves most layers of code; of equals the shorter period.
std::vector<Run> runs_of(std::span<const std::size_t> kinds) {
    std::vector<Run> runs;
    for (std::size_t at = 0; at < kinds.size();) {
        Run best{at, 1, 1};
        for (std::size_t period = 1; period <= kLongestPeriod && at + 2 * period <= kinds.size();
             ++period) {
            const std::size_t rounds = repeats(kinds, at, period);
            if ((rounds - 1) * period > (best.rounds - 1) * best.period)
                best = {at, rounds, period};
        }
        runs.push_back(best);
        at += best.rounds * best.period;
    }
    return runs;
}

class Builder {
  public:
    Builder(const DecoderSpec& spec, const BuildOptions& options) : spec_(spec) {
        graph_.share = spec.share;
        graph_.layers = static_cast<std::uint32_t>(spec.layers.size());
        graph_.vocabulary = spec.vocabulary;
        graph_.hidden = spec.hidden;
        graph_.context = options.context;
        graph_.kv_format = options.kv_format;
        graph_.tables = spec.rotary;
        for (const Layer& layer : spec.layers) {
            cache_.push_back(graph_.block_bytes);
            graph_.block_bytes +=
                std::visit([&](const auto& m) { return bytes_of(m); }, layer.mixer);
            if (const auto* experts = std::get_if<Experts>(&layer.ffn))
                graph_.chosen = std::max(graph_.chosen, experts->chosen);
        }
        cache_.push_back(graph_.block_bytes);
    }

    Graph run() {
        x_ = graph_.add_value({"x", Rows::kBatch, spec_.hidden});
        begin("embed", {});
        x_ = append({embedding_fragment(spec_)}, {}, x_);
        std::vector<Fragment> layers;
        for (const Layer& layer : spec_.layers)
            layers.push_back(layer_fragment(spec_, layer, graph_.context));
        for (const Run& run : runs_of(kinds_of(layers)))
            loop(layers, run);
        begin("head", {});
        append({head_fragment(spec_)}, {}, x_);
        return std::move(graph_);
    }

  private:
    std::uint64_t bytes_of(const Attention& a) const {
        return isa::kv_layer_bytes(graph_.kv_format, a.kv_heads, isa::HeadDims{a.k_dim, a.v_dim});
    }
    static std::uint64_t bytes_of(const ShortConvolution& c) {
        return isa::conv_layer_bytes(c.width);
    }

    // By layer, the first layer it is like.
    static std::vector<std::size_t> kinds_of(const std::vector<Fragment>& layers) {
        std::vector<std::size_t> kinds;
        for (std::size_t l = 0; l < layers.size(); ++l) {
            std::size_t kind = l;
            for (std::size_t earlier = 0; earlier < l && kind == l; ++earlier)
                if (kinds[earlier] == earlier && layers[l].alike(layers[earlier]))
                    kind = earlier;
            kinds.push_back(kind);
        }
        return kinds;
    }

    void begin(std::string name, LayerRun layers, std::uint32_t period = 1) {
        Block block;
        block.name = std::move(name);
        block.layers = layers;
        block.period = period;
        graph_.blocks.push_back(std::move(block));
    }

    void loop(const std::vector<Fragment>& layers, const Run& run) {
        const LayerRun all{static_cast<std::uint32_t>(run.first),
                           static_cast<std::uint32_t>(run.rounds * run.period)};
        begin(name_of(all), all, static_cast<std::uint32_t>(run.period));
        const ValueId before = x_;
        for (std::size_t p = 0; p < run.period; ++p) {
            std::vector<Fragment> rounds;
            for (std::size_t r = 0; r < run.rounds; ++r)
                rounds.push_back(layers[run.first + r * run.period + p]);
            LayerRun of{all.first + static_cast<std::uint32_t>(p),
                        static_cast<std::uint32_t>(run.rounds)};
            if (run.rounds > 1)
                of.step = static_cast<std::uint32_t>(run.period);
            x_ = append(rounds, of, x_);
        }
        graph_.blocks.back().carried_in = before;
        graph_.blocks.back().carried_out = x_;
    }

    // One fragment for each round; their nodes, being alike, are written once. `x`: what stands
    // for value 0. Returns what the result is.
    ValueId append(const std::vector<Fragment>& rounds, LayerRun layers, ValueId x) {
        const Fragment& f = rounds.front();
        std::vector<ValueId> values{x};
        for (std::size_t v = 1; v < f.values.size(); ++v) {
            Value value = f.values[v];
            if (value.parent != kNone)
                value.parent = values[value.parent];
            values.push_back(graph_.add_value(std::move(value)));
        }
        std::vector<ConstantId> constants;
        for (std::size_t c = 0; c < f.constants.size(); ++c)
            constants.push_back(constant(rounds, c, layers));
        for (Node node : f.nodes) {
            for (ValueId& in : node.in)
                in = values[in];
            for (ValueId& out : node.more)
                out = values[out];
            for (ValueId* out : {&node.out})
                if (*out != kNone)
                    *out = values[*out];
            for (ConstantId* c : {&node.weight, &node.bias})
                if (*c != kNone)
                    *c = constants[*c];
            place_cache(node, layers);
            graph_.blocks.back().nodes.push_back(std::move(node));
        }
        return values[f.result];
    }

    void place_cache(Node& node, LayerRun layers) const {
        CachePlace place;
        if (layers.count != 0) {
            const std::uint32_t next = layers.count > 1 ? layers.at(1) : layers.first + 1;
            place.offset = cache_[layers.first];
            place.stride = cache_[next] - place.offset;
        }
        if (auto* kv = std::get_if<KvAttributes>(&node.attributes))
            kv->cache = place;
        if (auto* attention = std::get_if<AttentionAttributes>(&node.attributes))
            attention->cache = place;
        if (auto* conv = std::get_if<ConvAttributes>(&node.attributes))
            conv->cache = place;
    }

    ConstantId constant(const std::vector<Fragment>& rounds, std::size_t index, LayerRun layers) {
        const Fragment::Piece& piece = rounds.front().constants[index];
        if (piece.constant.kind == ConstantKind::kRotaryTable)
            return table(piece.constant.table);
        Parameter parameter{piece.constant.name, {}, piece.format};
        for (const Fragment& f : rounds)
            parameter.of.push_back(f.constants[index].of);
        Constant c = piece.constant;
        c.layers = layers;
        c.parts = {intern(std::move(parameter))};
        return graph_.add_constant(std::move(c));
    }

    ConstantId table(std::uint32_t number) {
        for (ConstantId id = 0; id < graph_.constants.size(); ++id)
            if (graph_.constants[id].kind == ConstantKind::kRotaryTable &&
                graph_.constants[id].table == number)
                return id;
        const RotaryTable& t = spec_.rotary[number];
        Constant c;
        c.name = number == 0 ? "rotary" : fmt::format("rotary_{}", number);
        c.kind = ConstantKind::kRotaryTable;
        c.table = number;
        c.n = graph_.context * (t.long_frequencies.empty() ? 1 : 2);
        c.k = t.dims();
        return graph_.add_constant(std::move(c));
    }

    // The same numbers are the same parameter, whatever their role.
    ParameterId intern(Parameter parameter) {
        const auto same = [&](const Parameter& p) {
            const auto equal = [](const Expr& a, const Expr& b) { return a->key() == b->key(); };
            return p.format == parameter.format &&
                   std::equal(p.of.begin(), p.of.end(), parameter.of.begin(), parameter.of.end(),
                              [&](const auto& a, const auto& b) {
                                  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
                              });
        };
        const auto it = std::find_if(graph_.parameters.begin(), graph_.parameters.end(), same);
        if (it != graph_.parameters.end())
            return static_cast<ParameterId>(it - graph_.parameters.begin());
        graph_.parameters.push_back(std::move(parameter));
        return static_cast<ParameterId>(graph_.parameters.size() - 1);
    }

    const DecoderSpec& spec_;
    Graph graph_;
    std::vector<std::uint64_t> cache_;  // by layer, where its part of a block begins
    ValueId x_ = kNone;
};

}  // namespace

Graph build(const DecoderSpec& spec, const BuildOptions& options) {
    return Builder(spec, options).run();
}

}  // namespace skald::compiler::ir
