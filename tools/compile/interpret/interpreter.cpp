// SPDX-License-Identifier: MIT
// Goes over the nodes of the blocks as often as their loops do. What a node does is in the files
// beside this one; what is only a line or two is here.
#include "interpret/interpreter.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "error.hpp"
#include "interpret/attention.hpp"
#include "interpret/constants.hpp"
#include "interpret/experts.hpp"
#include "interpret/functions.hpp"
#include "interpret/linear.hpp"
#include "interpret/norm.hpp"
#include "interpret/sequences.hpp"
#include "interpret/values.hpp"
#include "ir/layer_ends.hpp"

namespace skald::compiler::interpret {
namespace {

Rows copy_of(Columns from) {
    Rows to(from.count(), from.width());
    for (std::size_t t = 0; t < to.count(); ++t)
        std::ranges::copy(from[t], to[t].begin());
    return to;
}

// Sets or adds to every number.
void put(const Rows& from, bool onto, Columns to) {
    for (std::size_t t = 0; t < to.count(); ++t)
        for (std::size_t i = 0; i < to.width(); ++i)
            to[t][i] = onto ? to[t][i] + from[t][i] : from[t][i];
}

class Run {
  public:
    Run(const ir::Graph& graph, const Options& options, const Observers& observers,
        std::span<const std::uint32_t> ids, std::size_t length)
        : g_(graph),
          options_(options),
          observers_(observers),
          constants_(graph, options),
          ids_(ids),
          sequences_(sequences_of(ids.size(), length)),
          values_(graph, ids.size()) {}

    Rows run() {
        nodes(g_.embedding());
        if (!g_.runs().empty())
            show(ir::kNone, g_.runs().front().carried_in);
        for (const ir::Block& block : g_.runs())
            layers(block);
        nodes(g_.head());
        return std::move(logits_);
    }

  private:
    void show(std::uint32_t layer, ir::ValueId carried) {
        if (observers_.layer)
            observers_.layer(layer, copy_of(values_.at(carried)));
    }

    void nodes(const ir::Block& block) {
        round_ = 0;
        for (std::size_t n = 0; n < block.nodes.size() && !done_; ++n)
            node(block, n);
    }

    void layers(const ir::Block& block) {
        const std::vector<std::size_t> ends = ir::layer_ends(g_, block);
        for (round_ = 0; round_ < block.rounds(); ++round_)
            for (std::size_t n = 0; n < block.nodes.size(); ++n) {
                node(block, n);
                if (const auto end = std::find(ends.begin(), ends.end(), n); end != ends.end())
                    show(block.layers.first + round_ * block.period +
                             static_cast<std::uint32_t>(end - ends.begin()),
                         block.carried_out);
            }
    }

    void node(const ir::Block& block, std::size_t index) {
        evaluate(block.nodes[index]);
        values_.release(block, index);
    }

    void evaluate(const ir::Node& node) {
        switch (node.op) {
            case ir::Op::kGather:
                return gather(node);
            case ir::Op::kNorm:
                return normalise(node.as<ir::NormAttributes>(), in(node, 0), vector(node.weight),
                                 vector(node.bias), out(node));
            case ir::Op::kMatMul:
                return matmul(node);
            case ir::Op::kRope:
                return rotate(node.as<ir::RopeAttributes>(),
                              g_.tables[g_.constants[node.weight].table], out(node), sequences_);
            case ir::Op::kKvAppend:
                return kv_append(node);
            case ir::Op::kAttention:
                return attention(node);
            case ir::Op::kGlu:
                return each(node, [&](float gate, float up) {
                    return gated(node.as<ir::FunctionAttributes>(), gate, up);
                });
            case ir::Op::kActivation:
                return activation(node);
            case ir::Op::kAdd: {
                const float scale = node.as<ir::ScaleAttributes>().scale;
                return each(node, [&](float a, float b) { return a + b * scale; });
            }
            case ir::Op::kMul: {
                const float scale = node.as<ir::ScaleAttributes>().scale;
                return each(node, [&](float a, float b) { return a * b * scale; });
            }
            case ir::Op::kRepeat:
                return repeat(node);
            case ir::Op::kRoute:
                return route(node.as<ir::RouteAttributes>(), in(node, 0), vector(node.bias),
                             {out(node), values_.at(node.more[0]), values_.at(node.more[1]),
                              values_.at(node.more[2])});
            case ir::Op::kGroupedMatMul:
                return grouped(node);
            case ir::Op::kCombine:
                return combine(in(node, 0), in(node, 1), in(node, 2), node.in.size() > 3,
                               out(node));
            case ir::Op::kConv:
                return conv(node);
            case ir::Op::kSelectRows:
                return put(copy_of(in(node, 0)), false, out(node));
            case ir::Op::kLogits:
                logits_ = copy_of(in(node, 0));
                return;
            case ir::Op::kQuant:
            case ir::Op::kMatMulQ8:
            case ir::Op::kAllGather:
            case ir::Op::kAllReduce:
            case ir::Op::kSend:
            case ir::Op::kRecv:
                fail("internal error: {} is of a part of a model, which is not interpreted",
                     ir::name_of(node.op));
        }
    }

    // ---- operands ----

    Columns in(const ir::Node& node, std::size_t index) { return values_.at(node.in[index]); }
    Columns out(const ir::Node& node) { return values_.at(node.out); }

    std::vector<float> vector(ir::ConstantId id, std::uint32_t expert = ir::kNone) const {
        return id == ir::kNone ? std::vector<float>() : constants_.vector(id, round_, expert);
    }

    // ---- products ----

    // False where it is not wanted.
    bool show_product(const ir::Node& node, std::uint32_t expert, const Rows& x) {
        if (observers_.product)
            observers_.product({node.weight, round_, expert, node.in[0], x});
        return options_.logits || g_.values[node.out].rows != ir::Rows::kSelected;
    }

    Rows product(const ir::Node& node, std::uint32_t expert, const Rows& x) const {
        return linear(constants_.matrix(node.weight, round_, expert), vector(node.bias, expert), x,
                      options_.threads);
    }

    void matmul(const ir::Node& node) {
        const Columns from = in(node, 0);
        const Rows part = from.whole() ? Rows(0, 0) : copy_of(from);
        const Rows& x = from.whole() ? from.rows() : part;
        if (show_product(node, ir::kNone, x))
            put(product(node, ir::kNone, x), node.in.size() > 1, out(node));
        else
            done_ = true;
    }

    void grouped(const ir::Node& node) {
        const Columns from = in(node, 0), offsets = in(node, 1), to = out(node);
        for (std::uint32_t e = 0; e + 1 < offsets.width(); ++e) {
            const std::uint32_t begin = index_in(offsets[0][e]);
            Rows x(index_in(offsets[0][e + 1]) - begin, from.width());
            if (x.count() == 0)
                continue;
            for (std::uint32_t i = 0; i < x.count(); ++i) {
                const std::uint32_t row =
                    node.in.size() > 2 ? index_in(in(node, 2)[begin + i][0]) : begin + i;
                std::ranges::copy(from[row], x[i].begin());
            }
            show_product(node, e, x);
            const Rows y = product(node, e, x);
            for (std::uint32_t i = 0; i < y.count(); ++i)
                std::ranges::copy(y[i], to[begin + i].begin());
        }
    }

    // ---- by position ----

    std::size_t position_of(std::size_t row) const {
        return row % sequences_.front().length();  // all but the last are as long
    }

    void gather(const ir::Node& node) {
        const auto& a = node.as<ir::GatherAttributes>();
        const MatrixRows table = constants_.matrix(node.weight, round_, ir::kNone);
        const Columns to = out(node);
        Rows row(1, to.width());
        for (std::size_t t = 0; t < to.count(); ++t) {
            table.read(a.by_position ? position_of(t) : ids_[t], row);
            for (std::size_t i = 0; i < to.width(); ++i)
                to[t][i] = row[0][i] * a.scale;
        }
    }

    // Attention reads what was appended at its place in the cache.
    void kv_append(const ir::Node& node) {
        cache_.insert_or_assign(node.as<ir::KvAttributes>().cache.offset,
                                std::pair(copy_of(in(node, 0)), copy_of(in(node, 1))));
    }

    void attention(const ir::Node& node) {
        const auto& a = node.as<ir::AttentionAttributes>();
        const auto kept = cache_.extract(a.cache.offset);
        if (kept.empty())
            fail("internal error: attention reads a cache that nothing was appended to");
        const auto& [k, v] = kept.mapped();
        attend(a, vector(node.weight), in(node, 0), k, v, sequences_, options_.threads, out(node));
    }

    void conv(const ir::Node& node) {
        const std::size_t taps = node.as<ir::ConvAttributes>().taps;
        const Rows x = copy_of(in(node, 0));
        const std::vector<float> w = vector(node.weight), bias = vector(node.bias);
        const Columns y = out(node);
        for (std::size_t t = 0; t < x.count(); ++t)
            for (std::size_t c = 0; c < x.width(); ++c) {
                float sum = bias.empty() ? 0 : bias[c];
                for (std::size_t j = 0; j < taps; ++j)
                    if (const std::size_t back = taps - 1 - j; back <= position_of(t))
                        sum += w[j * x.width() + c] * x[t - back][c];
                y[t][c] = sum;
            }
    }

    // ---- number by number ----

    // b of one column is the same for the whole row. The output may lie on an input.
    template <typename F>
    void each(const ir::Node& node, F f) {
        const Columns a = in(node, 0), b = in(node, 1), y = out(node);
        for (std::size_t t = 0; t < y.count(); ++t)
            for (std::size_t i = 0; i < y.width(); ++i)
                y[t][i] = f(a[t][i], b[t][b.width() == 1 ? 0 : i]);
    }

    void activation(const ir::Node& node) {
        const auto& function = node.as<ir::FunctionAttributes>();
        const Columns x = in(node, 0), y = out(node);
        for (std::size_t t = 0; t < y.count(); ++t)
            std::ranges::transform(x[t], y[t].begin(),
                                   [&](float v) { return activate(function, v); });
    }

    void repeat(const ir::Node& node) {
        const auto& a = node.as<ir::RepeatAttributes>();
        const Columns x = in(node, 0), y = out(node);
        for (std::size_t t = 0; t < y.count(); ++t)
            for (std::uint32_t copy = 0; copy < a.copies; ++copy)
                std::ranges::copy(x[t], y[t].subspan(std::size_t{copy} * a.step).begin());
    }

    const ir::Graph& g_;
    const Options& options_;
    const Observers& observers_;
    Constants constants_;
    std::span<const std::uint32_t> ids_;
    std::vector<Sequence> sequences_;
    Values values_;
    std::map<std::uint64_t, std::pair<Rows, Rows>> cache_;  // by place, keys and values
    std::uint32_t round_ = 0;
    bool done_ = false;
    Rows logits_{0, 0};
};

}  // namespace

Interpreter::Interpreter(const ir::Graph& graph, Options options, Observers observers)
    : graph_(graph), options_(std::move(options)), observers_(std::move(observers)) {}

Rows Interpreter::read(std::span<const std::uint32_t> ids, std::size_t length) const {
    return Run(graph_, options_, observers_, ids, length).run();
}

}  // namespace skald::compiler::interpret
