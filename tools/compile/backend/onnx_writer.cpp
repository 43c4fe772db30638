// SPDX-License-Identifier: MIT
// Node by node, loops gone round: what each means is said in ONNX's operators, as
// interpret/interpreter.cpp says it in floats. Rows are [batch, sequence, width]; of what is routed
// to experts each has rows of its own, [rows, width].
#include "backend/onnx_writer.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>

#include "backend/onnx_file.hpp"
#include "backend/onnx_values.hpp"
#include "error.hpp"
#include "ir/graph.hpp"

namespace skald::compiler {
namespace {

using Name = OnnxFile::Name;
using Ints = OnnxFile::Ints;
using Names = OnnxValues::Names;
using Type = OnnxFile::Type;

constexpr std::int64_t kWidth = -1;  // the axis

class Writer {
  public:
    Writer(const ir::Graph& graph, OnnxFile& file) : g_(graph), f_(file), values_(graph, file) {}

    void run() {
        f_.input("input_ids", Type::kInt64, {"batch", "sequence"});
        f_.at("positions");
        shape_ = f_.node("Shape", {"input_ids"});
        tokens_ = f_.node("Gather", {shape_, f_.integer(1)});
        positions_ = f_.node("Range", {f_.integer(0), tokens_, f_.integer(1)});
        for (const ir::Block& block : g_.blocks)
            for (round_ = 0; round_ < std::max(block.rounds(), 1u); ++round_)
                for (const ir::Node& node : block.nodes)
                    evaluate(node);
    }

  private:
    void evaluate(const ir::Node& node) {
        f_.at(path_of(node));
        switch (node.op) {
            case ir::Op::kGather:
                return gather(node);
            case ir::Op::kNorm:
                return each(node, [&](const Names& x) { return norm(node, x[0]); });
            case ir::Op::kMatMul:
                return matmul(node);
            case ir::Op::kRope:
                return put(node, rotated(node, in(node, 0)));
            case ir::Op::kKvAppend:
                cache_[node.as<ir::KvAttributes>().cache.offset] = {in(node, 0), in(node, 1)};
                return;
            case ir::Op::kAttention:
                return put(node, attention(node));
            case ir::Op::kGlu:
                return each(node, [&](const Names& x) {
                    return gated(node.as<ir::FunctionAttributes>(), x[0], x[1]);
                });
            case ir::Op::kActivation:
                return each(node, [&](const Names& x) {
                    return activated(node.as<ir::FunctionAttributes>(), x[0]);
                });
            case ir::Op::kAdd:
                return each(node, [&](const Names& x) {
                    return add(x[0], times(x[1], node.as<ir::ScaleAttributes>().scale));
                });
            case ir::Op::kMul:
                return each(node, [&](const Names& x) {
                    return times(mul(x[0], x[1]), node.as<ir::ScaleAttributes>().scale);
                });
            case ir::Op::kRepeat:
                return repeat(node);
            case ir::Op::kRoute:
                return route(node);
            case ir::Op::kGroupedMatMul:
                return grouped(node);
            case ir::Op::kCombine:
                return combine(node);
            case ir::Op::kConv:
                return put(node, convolved(node, in(node, 0)));
            case ir::Op::kSelectRows:
                return put(node, in(node, 0));
            case ir::Op::kLogits:
                f_.output(in(node, 0), "logits", Type::kFloat,
                          {"batch", "sequence", std::int64_t{g_.vocabulary}});
                return;
            case ir::Op::kQuant:
            case ir::Op::kMatMulQ8:
            case ir::Op::kAllGather:
            case ir::Op::kAllReduce:
            case ir::Op::kSend:
            case ir::Op::kRecv:
                fail(
                    "internal error: {} is of a rank's graph, what is written is the whole model's",
                    name_of(node.op));
        }
    }

    // ---- names ----

    std::string path_of(const ir::Node& node) const {
        std::string path;
        for (const ir::ConstantId id : {node.weight, node.bias})
            if (id != ir::kNone && path.empty())
                path = name_of(id);
        if (node.out != ir::kNone)
            path += (path.empty() ? "" : "/") + g_.values[node.out].name;
        return path.empty() ? name_of(node.op) : path;
    }

    std::string name_of(ir::ConstantId id, std::uint32_t expert = ir::kNone) const {
        const ir::Constant& c = g_.constants[id];
        std::string name =
            c.layers.count == 0 ? c.name : fmt::format("layers.{}.{}", c.layers.at(round_), c.name);
        if (expert != ir::kNone)
            name += fmt::format(".{}", expert);
        return name;
    }
    static std::string name_of(ir::Op op) { return ir::name_of(op); }

    // ---- operands ----

    Name in(const ir::Node& node, std::size_t i) { return values_.read(node.in[i]).front(); }
    void put(const ir::Node& node, const Name& name) { values_.write(node.out, {name}); }

    // f of the inputs; of what is routed for each expert.
    template <typename F>
    void each(const ir::Node& node, F f) {
        std::vector<Names> all;
        for (const ir::ValueId id : node.in)
            all.push_back(values_.read(id));
        Names out;
        for (std::size_t i = 0; i < all.front().size(); ++i) {
            Names of;
            for (const Names& names : all)
                of.push_back(names[i]);
            out.push_back(f(of));
        }
        values_.write(node.out, out);
    }

    Expr expression(ir::ConstantId id, std::uint32_t expert = ir::kNone) const {
        const ir::Constant& c = g_.constants[id];
        return expr::stack(
            g_.expressions(c, c.layers.count == 0 ? 0 : round_, expert == ir::kNone ? 0 : expert));
    }

    Name vector(ir::ConstantId id, std::uint32_t expert = ir::kNone) {
        return vector(id, Ints{g_.constants[id].k}, expert);
    }
    Name vector(ir::ConstantId id, const Ints& shape, std::uint32_t expert = ir::kNone) {
        return f_.weights(name_of(id, expert), expression(id, expert), shape);
    }

    // ---- arithmetic ----

    Name add(const Name& a, const Name& b) { return f_.node("Add", {a, b}); }
    Name sub(const Name& a, const Name& b) { return f_.node("Sub", {a, b}); }
    Name mul(const Name& a, const Name& b) { return f_.node("Mul", {a, b}); }
    Name div(const Name& a, const Name& b) { return f_.node("Div", {a, b}); }
    Name times(const Name& a, float x) { return x == 1 ? a : mul(a, f_.number(x)); }

    Name reshaped(const Name& x, const Ints& shape) {
        return f_.node("Reshape", {x, f_.ints(shape)});
    }
    Name transposed(const Name& x, const Ints& order) {
        return f_.node("Transpose", {x}, {{"perm", order}});
    }
    Name joined(const std::vector<Name>& parts, std::int64_t axis) {
        return parts.size() == 1 ? parts[0] : f_.node("Concat", parts, {{"axis", axis}});
    }
    Name columns(const Name& x, std::int64_t begin, std::int64_t end) {
        return f_.node("Slice", {x, f_.ints({begin}), f_.ints({end}), f_.ints({kWidth})});
    }
    Name mean(const Name& x) {
        return f_.node("ReduceMean", {x}, {{"axes", Ints{kWidth}}, {"keepdims", std::int64_t{1}}});
    }
    Name total(const Name& x) {
        return f_.node("ReduceSum", {x, f_.ints({kWidth})}, {{"keepdims", std::int64_t{1}}});
    }
    Name clipped(const Name& x, float least, float most) {
        return f_.node("Clip", {x, f_.number(least), f_.number(most)});
    }

    Name linear(const Name& x, ir::ConstantId weight, ir::ConstantId bias, std::uint32_t expert) {
        const Name w = f_.matrix(name_of(weight, expert), expression(weight, expert));
        const Name y = f_.node("MatMul", {x, transposed(w, {1, 0})});
        return bias == ir::kNone ? y : add(y, vector(bias, expert));
    }

    void matmul(const ir::Node& node) {
        const Name y = linear(in(node, 0), node.weight, node.bias, ir::kNone);
        put(node, node.in.size() > 1 ? add(in(node, 1), y) : y);
    }

    // ---- functions ----

    Name sigmoid(const Name& x) { return f_.node("Sigmoid", {x}); }

    Name activated(const ir::FunctionAttributes& f, const Name& x) {
        using enum isa::Activation;
        switch (f.activation) {
            case Silu:
                return mul(x, sigmoid(x));
            case GeluTanh: {
                const Name cube = mul(mul(x, x), x);
                const Name inner = times(add(x, times(cube, 0.044715f)),
                                         static_cast<float>(std::sqrt(2 / std::numbers::pi)));
                return mul(times(x, 0.5f), add(f_.node("Tanh", {inner}), f_.number(1)));
            }
            case GeluErf: {
                const Name inner = div(x, f_.number(std::numbers::sqrt2_v<float>));
                return mul(times(x, 0.5f), add(f_.node("Erf", {inner}), f_.number(1)));
            }
            case Relu:
                return f_.node("Relu", {x});
            case Relu2: {
                const Name positive = f_.node("Relu", {x});
                return mul(positive, positive);
            }
            case Sigmoid:
                return sigmoid(x);
            case Tanh:
                return f_.node("Tanh", {x});
            case SoftCap:
                return times(f_.node("Tanh", {div(x, f_.number(f.first))}), f.first);
            case Clamp:
                return clipped(x, f.first, f.second);
            case Scale:
                return times(x, f.first);
            case SwigluClamped:
                break;
        }
        fail("internal error: activation {} needs a gate", static_cast<unsigned>(f.activation));
    }

    Name gated(const ir::FunctionAttributes& f, const Name& gate, const Name& up) {
        if (f.activation != isa::Activation::SwigluClamped)
            return mul(activated(f, gate), up);
        const float alpha = f.first, limit = f.second;
        const Name g = f_.node("Min", {gate, f_.number(limit)});
        const Name u = add(clipped(up, -limit, limit), f_.number(1));
        return mul(u, mul(g, sigmoid(times(g, alpha))));
    }

    // ---- norms ----

    Name norm(const ir::Node& node, const Name& input) {
        const auto& a = node.as<ir::NormAttributes>();
        const ir::Value& v = g_.values[node.out];
        const bool grouped = a.group != 0 && a.group != v.width;
        const std::int64_t width = v.width, group = grouped ? a.group : width;
        const bool routed = v.rows == ir::Rows::kRouted;
        const auto split = [&](std::initializer_list<std::int64_t> columns) {
            Ints shape(routed ? 1 : 2, 0);
            shape.insert(shape.end(), columns);
            return shape;
        };
        Name x = grouped ? reshaped(input, split({width / group, group})) : input;
        if (a.kind == Norm::Kind::kLayer)
            x = sub(x, mean(x));
        const Name deviation = f_.node("Sqrt", {add(mean(mul(x, x)), f_.number(a.eps))});
        Name y = div(x, deviation);
        const auto by_column = [&](ir::ConstantId id) {
            const std::int64_t own = g_.constants[id].k;
            return vector(id, own == group ? Ints{own} : Ints{own / group, group});
        };
        if (node.weight != ir::kNone)
            y = mul(y, by_column(node.weight));
        if (node.bias != ir::kNone)
            y = add(y, by_column(node.bias));
        return grouped ? reshaped(y, split({width})) : y;
    }

    // ---- by position ----

    void gather(const ir::Node& node) {
        const auto& a = node.as<ir::GatherAttributes>();
        const Name table = f_.matrix(name_of(node.weight), expression(node.weight));
        const Name rows = f_.node("Gather", {table, a.by_position ? positions_ : "input_ids"});
        put(node, times(rows, a.scale));
    }

    struct Turns {
        Name cosines, sines;  // [tokens, 1, pairs]
    };

    // Angles in doubles: at far positions floats would not do.
    const Turns& turns(std::uint32_t number) {
        if (const auto it = turns_.find(number); it != turns_.end())
            return it->second;
        const RotaryTable& t = g_.tables[number];
        f_.at(fmt::format("rotary_{}", number));
        const auto to = [](Type type) {
            return OnnxFile::Attributes{{"to", static_cast<std::int64_t>(type)}};
        };
        const Ints shape{static_cast<std::int64_t>(t.frequencies.size())};
        Name frequencies = f_.doubles(shape, t.frequencies);
        if (!t.long_frequencies.empty()) {
            const Name far = f_.node("Greater", {tokens_, f_.integer(t.short_limit)});
            frequencies =
                f_.node("Where", {far, f_.doubles(shape, t.long_frequencies), frequencies});
        }
        const Name at = f_.node("Cast", {positions_}, to(Type::kDouble));
        const Name angles = mul(f_.node("Unsqueeze", {at, f_.ints({1, 2})}), frequencies);
        const auto wave = [&](const Name& x) {
            const Name scaled = t.amplitude == 1 ? x : mul(x, f_.doubles({}, {t.amplitude}));
            return f_.node("Cast", {scaled}, to(Type::kFloat));
        };
        // Not every runtime has a cosine of doubles; a sine they have.
        const Name quarter = f_.doubles({}, {std::numbers::pi / 2});
        const Turns made{wave(f_.node("Sin", {add(angles, quarter)})),
                         wave(f_.node("Sin", {angles}))};
        return turns_.emplace(number, made).first->second;
    }

    Name rotated(const ir::Node& node, const Name& x) {
        const auto& a = node.as<ir::RopeAttributes>();
        const Turns t = turns(g_.constants[node.weight].table);
        f_.at(path_of(node));
        const std::int64_t width = g_.values[node.out].width, half = a.dims / 2;
        const Name heads = reshaped(x, {0, 0, width / a.head_dim, a.head_dim});
        const Name first = columns(heads, 0, half), second = columns(heads, half, a.dims);
        std::vector<Name> parts{sub(mul(first, t.cosines), mul(second, t.sines)),
                                add(mul(second, t.cosines), mul(first, t.sines))};
        if (a.dims < a.head_dim)
            parts.push_back(columns(heads, a.dims, a.head_dim));
        return reshaped(joined(parts, kWidth), {0, 0, width});
    }

    // 0 where a position is seen: [tokens, tokens].
    const Name& mask(std::uint32_t window) {
        if (const auto it = masks_.find(window); it != masks_.end())
            return it->second;
        f_.at(window == 0 ? "mask" : fmt::format("mask_{}", window));
        const Name rows = f_.node("Unsqueeze", {positions_, f_.ints({1})});
        Name seen = f_.node("LessOrEqual", {positions_, rows});
        if (window != 0)
            seen = f_.node("And",
                           {seen, f_.node("Greater", {positions_, sub(rows, f_.integer(window))})});
        const Name hidden = f_.number(-std::numeric_limits<float>::infinity());
        return masks_.emplace(window, f_.node("Where", {seen, f_.number(0), hidden})).first->second;
    }

    // Heads that share keys are a dimension of their own: [batch, kv_heads, each, tokens, dim].
    Name attention(const ir::Node& node) {
        const auto& a = node.as<ir::AttentionAttributes>();
        const auto kept = cache_.extract(a.cache.offset);
        if (kept.empty())
            fail("internal error: attention reads a cache that nothing was appended to");
        const auto& [keys, values] = kept.mapped();
        const Name hidden = mask(a.window);
        f_.at(path_of(node));
        const std::int64_t kv = a.kv_heads, each = a.heads / a.kv_heads;
        const auto heads = [&](const Name& x, std::int64_t sharing, std::int64_t dim,
                               const Ints& order) {
            return transposed(reshaped(x, {0, 0, kv, sharing, dim}), order);
        };
        const Name q = heads(in(node, 0), each, a.k_dim, {0, 2, 3, 1, 4});
        const Name k = heads(keys, 1, a.k_dim, {0, 2, 3, 4, 1});
        const Name v = heads(values, 1, a.v_dim, {0, 2, 3, 1, 4});
        Name scores = times(f_.node("MatMul", {q, k}), a.scale);
        const std::vector<float> parameters =
            node.weight == ir::kNone ? std::vector<float>() : expression(node.weight)->values();
        if (a.soft_cap) {
            const float cap =
                parameters.at(offsetof(isa::AttentionParams, soft_cap) / sizeof(float));
            scores = times(f_.node("Tanh", {div(scores, f_.number(cap))}), cap);
        }
        scores = add(scores, hidden);
        const std::int64_t last = -1;
        if (!a.sinks) {
            scores = f_.node("Softmax", {scores}, {{"axis", last}});
        } else {
            const auto head = parameters.begin() + sizeof(isa::AttentionParams) / sizeof(float);
            const Name sinks = f_.floats({kv, each, 1, 1}, {head, parameters.end()});
            const Name shape =
                joined({f_.node("Gather", {shape_, f_.ints({0})}), f_.ints({kv, each}),
                        f_.node("Gather", {shape_, f_.ints({1})}), f_.ints({1})},
                       0);
            // One more score, whose share nobody takes.
            const Name all = joined({scores, f_.node("Expand", {sinks, shape})}, last);
            scores = columns(f_.node("Softmax", {all}, {{"axis", last}}), 0, -1);
        }
        const Name y = f_.node("MatMul", {scores, v});
        return reshaped(transposed(y, {0, 3, 1, 2, 4}), {0, 0, std::int64_t{a.heads} * a.v_dim});
    }

    Name convolved(const ir::Node& node, const Name& x) {
        const std::int64_t taps = node.as<ir::ConvAttributes>().taps;
        const std::int64_t width = g_.values[node.out].width;
        // [taps, width] to [width, 1, taps]
        const std::vector<float> from = expression(node.weight)->values();
        std::vector<float> weights(from.size());
        for (std::int64_t t = 0; t < taps; ++t)
            for (std::int64_t c = 0; c < width; ++c)
                weights[static_cast<std::size_t>(c * taps + t)] =
                    from[static_cast<std::size_t>(t * width + c)];
        std::vector<Name> inputs{transposed(x, {0, 2, 1}), f_.floats({width, 1, taps}, weights)};
        if (node.bias != ir::kNone)
            inputs.push_back(vector(node.bias));
        const Name y = f_.node("Conv", inputs, {{"group", width}, {"pads", Ints{taps - 1, 0}}});
        return transposed(y, {0, 2, 1});
    }

    void repeat(const ir::Node& node) {
        const auto& a = node.as<ir::RepeatAttributes>();
        const Name x = in(node, 0);
        for (std::uint32_t copy = 0; copy < a.copies; ++copy)
            values_.write(node.out, copy * a.step, g_.values[node.in[0]].width, {x});
    }

    // ---- experts ----

    struct Routing {
        Name chosen, weights;  // [rows, chosen]
        // Of each expert which rows chose it, and by which of their choices; made when somebody
        // asks.
        struct List {
            Name rows, places;
        };
        std::vector<List> lists;
    };

    Name flat(const Name& x, std::int64_t width) { return reshaped(x, {-1, width}); }

    void route(const ir::Node& node) {
        const auto& a = node.as<ir::RouteAttributes>();
        const Name logits = flat(in(node, 0), a.experts);
        const std::int64_t last = -1;
        const auto softmax = [&](const Name& x) {
            return f_.node("Softmax", {x}, {{"axis", last}});
        };
        Name scores = logits;
        if (a.score == isa::Score::Softmax)
            scores = softmax(logits);
        if (a.score == isa::Score::Sigmoid)
            scores = sigmoid(logits);
        Name choices = node.bias == ir::kNone ? scores : add(scores, vector(node.bias));
        if (a.groups != 0)
            choices = of_the_best_groups(a, choices);
        Routing r;
        r.chosen = largest(choices, a.chosen)[1];
        r.weights = f_.node("GatherElements", {scores, r.chosen}, {{"axis", std::int64_t{1}}});
        if (a.score == isa::Score::SoftmaxChosen)
            r.weights = softmax(r.weights);
        if (a.renormalise) {
            Name sum = total(r.weights);
            if (a.eps != 0)
                sum = add(sum, f_.number(a.eps));
            r.weights = div(r.weights, sum);
        }
        r.weights = times(r.weights, a.scale);
        for (std::uint32_t e = 0; e < a.experts; ++e) {
            const Name here = f_.node("Equal", {r.chosen, f_.integer(e)});
            const Name places = f_.node("NonZero", {here});  // [2, rows]
            r.lists.push_back(
                {f_.node("Gather", {places, f_.integer(0)}), transposed(places, {1, 0})});
        }
        routings_[node.out] = routings_[node.more[0]] = std::move(r);
    }

    // Values and places.
    std::vector<Name> largest(const Name& x, std::int64_t count) {
        return f_.node_of_many("TopK", {x, f_.ints({count})}, 2, {{"axis", std::int64_t{-1}}});
    }

    Name of_the_best_groups(const ir::RouteAttributes& a, const Name& choices) {
        const std::int64_t groups = a.groups, size = a.experts / a.groups;
        const Name members = reshaped(choices, {-1, groups, size});
        const Name of_groups =
            reshaped(total(largest(members, a.group_sum2 ? 2 : 1)[0]), {-1, groups});
        const Name best = largest(of_groups, a.groups_kept)[1];
        // [rows, kept, 1] and [groups]: whether it is one of them.
        const Name every = f_.node("Range", {f_.integer(0), f_.integer(groups), f_.integer(1)});
        const Name same = f_.node("Equal", {f_.node("Unsqueeze", {best, f_.ints({2})}), every});
        const Name counts =
            f_.node("ReduceSum", {f_.node("Cast", {same}, {{"to", std::int64_t{1}}}), f_.ints({1})},
                    {{"keepdims", std::int64_t{0}}});
        const Name kept = f_.node("Greater", {counts, f_.number(0)});
        const float out = a.mask_out ? -std::numeric_limits<float>::infinity() : 0;
        const Name masked =
            f_.node("Where", {f_.node("Unsqueeze", {kept, f_.ints({2})}), members, f_.number(out)});
        return flat(masked, a.experts);
    }

    void grouped(const ir::Node& node) {
        const Routing& r = routings_.at(node.in[1]);
        const bool from_list = node.in.size() > 2;
        Names x = values_.read(node.in[0]);
        if (from_list)
            x = Names(r.lists.size(), flat(x.front(), g_.values[node.in[0]].width));
        Names out;
        for (std::uint32_t e = 0; e < r.lists.size(); ++e) {
            const Name rows = from_list ? f_.node("Gather", {x[e], r.lists[e].rows}) : x[e];
            out.push_back(linear(rows, node.weight, node.bias, e));
        }
        values_.write(node.out, out);
    }

    // In each expert's turn, to the rows that chose it.
    void combine(const ir::Node& node) {
        const Routing& r = routings_.at(node.in[2]);
        const Names parts = values_.read(node.in[0]);
        const std::int64_t width = g_.values[node.out].width;
        Name y;
        if (node.in.size() > 3) {
            y = flat(in(node, 3), width);
        } else {
            const Name rows = f_.node("Gather", {f_.node("Shape", {r.chosen}), f_.ints({0})});
            y = f_.node("Expand", {f_.number(0), joined({rows, f_.ints({width})}, 0)});
        }
        for (std::size_t e = 0; e < parts.size(); ++e) {
            const Routing::List& list = r.lists[e];
            const Name weight =
                f_.node("Unsqueeze", {f_.node("GatherND", {r.weights, list.places}), f_.ints({1})});
            const Name sum = add(f_.node("Gather", {y, list.rows}), mul(parts[e], weight));
            y = f_.node("ScatterND", {y, f_.node("Unsqueeze", {list.rows, f_.ints({1})}), sum});
        }
        put(node, f_.node("Reshape", {y, joined({shape_, f_.ints({width})}, 0)}));
    }

    const ir::Graph& g_;
    OnnxFile& f_;
    OnnxValues values_;
    std::map<std::uint64_t, std::pair<Name, Name>> cache_;  // by place, keys and values
    std::map<std::uint32_t, Turns> turns_;                  // by table
    std::map<std::uint32_t, Name> masks_;                   // by window
    std::map<ir::ValueId, Routing> routings_;
    Name shape_, tokens_, positions_;
    std::uint32_t round_ = 0;
};

std::uint64_t bytes_of(const ir::Graph& graph) {
    std::uint64_t numbers = 0;
    for (const ir::Parameter& p : graph.parameters)
        for (const auto& round : p.of)
            for (const Expr& e : round)
                numbers += e->rows() * e->columns();
    return numbers * sizeof(float);
}

}  // namespace

void write_onnx(const Model& model, const std::filesystem::path& path, std::uint64_t inside) {
    const ir::Graph graph = ir::build(model.spec, {model.spec.longest, isa::KvFormat::F16});
    OnnxFile file(path, bytes_of(graph) > inside);
    Writer(graph, file).run();
    model.check();
    file.write();
}

}  // namespace skald::compiler
