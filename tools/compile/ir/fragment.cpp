// SPDX-License-Identifier: MIT
// A decoder's layers as graph, written down the way a paper would: nothing shared, nothing fused.
#include "ir/fragment.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace skald::compiler::ir {

Fragment::Fragment(std::uint32_t hidden, const Share& share) : share_(share) {
    value("x", hidden);
}

ValueId Fragment::value(std::string name, std::uint32_t width, Rows rows) {
    values.push_back({std::move(name), rows, width});
    return static_cast<ValueId>(values.size() - 1);
}

ValueId Fragment::in_place(std::string name, ValueId of) {
    const Value v = values[of];
    values.push_back({std::move(name), v.rows, v.width, of, 0});
    return static_cast<ValueId>(values.size() - 1);
}

ConstantId Fragment::matrix(std::string name, const Matrix& matrix) {
    Piece piece;
    piece.constant.name = std::move(name);
    piece.constant.kind = ConstantKind::kMatrix;
    piece.constant.n = matrix.n();
    piece.constant.k = matrix.k();
    piece.constant.experts =
        matrix.of.size() > 1 ? static_cast<std::uint32_t>(matrix.of.size()) : 0;
    piece.of = matrix.of;
    piece.format = matrix.format;
    constants.push_back(std::move(piece));
    return static_cast<ConstantId>(constants.size() - 1);
}

ConstantId Fragment::vector(std::string name, const std::vector<Expr>& of) {
    Piece piece;
    piece.constant.name = std::move(name);
    piece.constant.kind = ConstantKind::kVector;
    piece.constant.k = static_cast<std::uint32_t>(of.front()->rows() * of.front()->columns());
    piece.constant.experts = of.size() > 1 ? static_cast<std::uint32_t>(of.size()) : 0;
    piece.of = of;
    constants.push_back(std::move(piece));
    return static_cast<ConstantId>(constants.size() - 1);
}

ConstantId Fragment::table(std::uint32_t number) {
    for (ConstantId id = 0; id < constants.size(); ++id)
        if (constants[id].constant.kind == ConstantKind::kRotaryTable &&
            constants[id].constant.table == number)
            return id;
    Piece piece;
    piece.constant.kind = ConstantKind::kRotaryTable;
    piece.constant.table = number;
    constants.push_back(std::move(piece));
    return static_cast<ConstantId>(constants.size() - 1);
}

Node Fragment::norm_node(const std::string& gain, const Norm& norm, ValueId x, ValueId y) {
    const ConstantId weight = norm.gain ? vector(gain, {norm.gain}) : kNone;
    const ConstantId bias = norm.bias ? vector(gain + "_bias", {norm.bias}) : kNone;
    return {Op::kNorm, {x}, y, weight, bias, NormAttributes{norm.kind, norm.eps, norm.group}, {}};
}

ValueId Fragment::norm(const std::string& name, const std::string& gain, const Norm& norm,
                       ValueId x) {
    if (norm.kind == Norm::Kind::kNone)
        return x;
    const ValueId y = value(name, values[x].width, values[x].rows);
    push(norm_node(gain, norm, x, y));
    return y;
}

ValueId Fragment::norm_in_place(const std::string& name, const std::string& gain, const Norm& norm,
                                ValueId x) {
    if (norm.kind == Norm::Kind::kNone)
        return x;
    const ValueId y = in_place(name, x);
    push(norm_node(gain, norm, x, y));
    return y;
}

ValueId Fragment::linear(const std::string& name, const Linear& linear, ValueId x) {
    const ValueId y = value(name, linear.weight.n(), values[x].rows);
    linear_into(name, linear, x, y);
    return y;
}

void Fragment::linear_into(const std::string& name, const Linear& linear, ValueId x, ValueId y) {
    const ConstantId w = matrix(name, linear.weight);
    const ConstantId b = linear.bias.empty() ? kNone : vector(name + "_bias", linear.bias);
    push({Op::kMatMul, {x}, y, w, b, {}, {}});
}

ValueId Fragment::own_of_new(const std::string& name, std::uint32_t width, Rows rows) {
    if (!split())
        return value(name, width, rows);
    return own(name, value(name + "_whole", width * share_.tensor, rows));
}

ValueId Fragment::own(const std::string& name, ValueId whole) {
    if (!split())
        return whole;
    const Value v = values[whole];
    const std::uint32_t width = v.width / share_.tensor;
    values.push_back({name, v.rows, width, whole, width * share_.part});
    return static_cast<ValueId>(values.size() - 1);
}

ValueId Fragment::whole_of(ValueId own) const {
    ValueId whole = own;
    while (values[whole].width == values[own].width)
        whole = values[whole].parent;
    return whole;
}

ValueId Fragment::gather(ValueId own) {
    if (!split())
        return own;
    const ValueId all = in_place(values[own].name + "_gathered", whole_of(own));
    push({Op::kAllGather, {own}, all, kNone, kNone, exchange(), {}});
    return all;
}

ValueId Fragment::all_reduce(ValueId x, const Share& share) {
    const ValueId sum = in_place(values[x].name + "_sum", x);
    push({Op::kAllReduce,
          {x},
          sum,
          kNone,
          kNone,
          ExchangeAttributes{share.tensor, share.part, share.first_of_stage()},
          {}});
    return sum;
}

bool Fragment::exchanges_quantised(const Linear& linear, std::uint32_t own_width) const {
    const isa::WeightInfo& info = isa::weight_info(linear.weight.format);
    return split() && info.integer && info.group == isa::QuantGroup::Block32 &&
           own_width % isa::kQuantBlock == 0;
}

void Fragment::linear_of_quantised(const std::string& name, const Linear& linear, ValueId own,
                                   ValueId y) {
    const std::string x = values[own].name;
    const std::uint32_t width = values[own].width;
    const ValueId q = own_of_new(x + "_q", width / sizeof(float));
    const ValueId d = own_of_new(x + "_scales", width / isa::kQuantBlock);
    const ValueId sums = value(x + "_sums", width / isa::kQuantBlock);
    push({Op::kQuant, {own}, q, kNone, kNone, {}, {d, sums}});
    const ValueId all_q = in_place(x + "_q_gathered", whole_of(q));
    const ValueId all_d = in_place(x + "_scales_gathered", whole_of(d));
    push({Op::kAllGather, {q, d}, all_q, kNone, kNone, exchange(), {all_d}});
    const ConstantId w = matrix(name, linear.weight);
    const ConstantId b = linear.bias.empty() ? kNone : vector(name + "_bias", linear.bias);
    push({Op::kMatMulQ8, {all_q, all_d}, y, w, b, {}, {}});
}

ValueId Fragment::add(const std::string& name, ValueId a, ValueId b, float scale) {
    const ValueId sum = in_place(name, a);
    push({Op::kAdd, {a, b}, sum, kNone, kNone, ScaleAttributes{scale}, {}});
    return sum;
}

ValueId Fragment::activation(const std::string& name, FunctionAttributes function, ValueId x) {
    const ValueId y = in_place(name, x);
    push({Op::kActivation, {x}, y, kNone, kNone, function, {}});
    return y;
}

bool Fragment::alike(const Fragment& other) const {
    const auto same = [](const Piece& a, const Piece& b) {
        return a.constant.name == b.constant.name && a.constant.kind == b.constant.kind &&
               a.constant.n == b.constant.n && a.constant.k == b.constant.k &&
               a.constant.experts == b.constant.experts && a.constant.table == b.constant.table &&
               a.format == b.format;
    };
    return values == other.values && nodes == other.nodes && result == other.result &&
           std::equal(constants.begin(), constants.end(), other.constants.begin(),
                      other.constants.end(), same);
}

namespace {

FunctionAttributes attributes_of(const Function& f) {
    return {f.activation, f.parameters[0], f.parameters[1]};
}

class LayerWriter {
  public:
    LayerWriter(const DecoderSpec& spec, const Layer& layer, std::uint32_t context)
        : spec_(spec),
          layer_(layer),
          context_(context),
          f_(spec.hidden, spec.share.sums ? Share{} : spec.share) {}

    Fragment run() {
        const ValueId x = 0;
        const ValueId h = f_.norm("attention_in", "attention_gain", layer_.mixer_in, x);
        // The second norm reads x as well: before anything is added to it.
        ValueId ffn_in = h;
        if (layer_.parallel)
            ffn_in = layer_.ffn_in.kind == Norm::Kind::kNone
                         ? h
                         : f_.norm("ffn_in", "ffn_gain", layer_.ffn_in, x);
        gathers_ = normed(layer_.mixer_out);
        const ValueId mixed = std::visit([&](const auto& m) { return mixer(m, h); }, layer_.mixer);
        const ValueId after =
            residual("x_attention", "attention_out_gain", x, {mixed}, layer_.mixer_out);
        if (!layer_.parallel)
            ffn_in = f_.norm("ffn_in", "ffn_gain", layer_.ffn_in, after);
        gathers_ = normed(layer_.ffn_out);
        const auto addends = std::visit([&](const auto& n) { return ffn(n, ffn_in); }, layer_.ffn);
        f_.result = residual("x_ffn", "ffn_out_gain", after, addends, layer_.ffn_out);
        return std::move(f_);
    }

  private:
    static bool normed(const Norm& norm) { return norm.kind != Norm::Kind::kNone; }

    // Of a model that is split the addends are this card's columns. So is what they are added to,
    // unless they are normed as a whole before.
    ValueId residual(const std::string& name, const std::string& gain, ValueId x,
                     std::vector<ValueId> addends, const Norm& norm) {
        const bool sums = spec_.share.sums && spec_.share.tensor > 1;
        if (sums || normed(norm) || layer_.residual != 1) {
            ValueId sum = addends.front();
            for (std::size_t i = 1; i < addends.size(); ++i)
                sum = f_.add("sum", sum, addends[i]);
            if (sums)
                sum = f_.all_reduce(sum, spec_.share);
            else if (normed(norm))
                sum = f_.gather(sum);
            addends = {f_.norm_in_place(name + "_normed", gain, norm, sum)};
        }
        const bool own = f_.split() && !normed(norm);
        if (own)
            x = f_.own(name + "_own", x);
        for (const ValueId addend : addends)
            x = f_.add(name, x, addend, layer_.residual);
        return own ? f_.gather(x) : x;
    }

    // Where a product's result, or a sum of some, is put that residual() takes up.
    ValueId addend(const std::string& name, std::uint32_t width, Rows rows = Rows::kBatch) {
        return gathers_ ? f_.own_of_new(name, width, rows) : f_.value(name, width, rows);
    }

    // What each card makes some columns of before `linear` reads them all.
    ValueId before(const std::string& name, std::uint32_t width, const Linear& linear,
                   const Norm& norm) {
        return !normed(norm) && f_.exchanges_quantised(linear, width) ? f_.value(name, width)
                                                                      : f_.own_of_new(name, width);
    }
    // The product with what before() gave and somebody filled in.
    ValueId product(const std::string& name, const Linear& linear, ValueId own, const Norm& norm,
                    const std::string& normed_name, const std::string& gain) {
        const ValueId y = addend(name, linear.weight.n());
        if (!normed(norm) && f_.exchanges_quantised(linear, f_.values[own].width))
            f_.linear_of_quantised(name, linear, own, y);
        else
            f_.linear_into(name, linear, f_.norm_in_place(normed_name, gain, norm, f_.gather(own)),
                           y);
        return y;
    }

    ValueId rope(const std::string& name, ValueId x, std::uint32_t table, std::uint32_t head_dim) {
        const ConstantId angles = f_.table(table);
        const ValueId y = f_.in_place(name, x);
        f_.push({Op::kRope,
                 {x},
                 y,
                 angles,
                 kNone,
                 RopeAttributes{head_dim, spec_.rotary[table].dims()},
                 {}});
        return y;
    }

    ValueId clip(const std::string& name, float limit, ValueId x) {
        if (limit == 0)
            return x;
        return f_.activation(name, {isa::Activation::Clamp, -limit, limit}, x);
    }

    // The keys of latent attention: each head has its own columns behind those that all share.
    ValueId latent_keys(const Attention& a, ValueId h, ValueId latent) {
        ValueId shared = f_.linear("k_shared", a.shared_rotary, h);
        const std::uint32_t dims = f_.values[shared].width;
        const ValueId own = f_.linear("k", a.k, latent);
        if (a.rotary)
            shared = rope("k_shared_rotated", shared, *a.rotary, dims);
        const ValueId k = f_.in_place("k_whole", own);
        f_.push({Op::kRepeat,
                 {shared, own},
                 k,
                 kNone,
                 kNone,
                 RepeatAttributes{a.kv_heads, a.k_dim},
                 {}});
        return k;
    }

    ValueId mixer(const Attention& a, ValueId h) {
        ValueId q_in = h;
        if (a.q_low.present())
            q_in =
                f_.norm("q_low_normed", "q_low_gain", a.q_low_norm, f_.linear("q_low", a.q_low, h));
        ValueId kv_in = h;
        if (a.latent.present())
            kv_in = f_.norm("latent_normed", "latent_gain", a.latent_norm,
                            f_.linear("latent", a.latent, h));
        ValueId q = f_.linear("q", a.q, q_in);
        ValueId k = a.latent.present() ? latent_keys(a, h, kv_in) : f_.linear("k", a.k, kv_in);
        ValueId v = f_.linear("v", a.v, kv_in);
        const auto norms = [&] {
            q = f_.norm_in_place("q_normed", "q_gain", a.q_norm, q);
            k = f_.norm_in_place("k_normed", "k_gain", a.k_norm, k);
        };
        if (!a.norm_after_rotary)
            norms();
        q = clip("q_clipped", a.clip, q);
        k = clip("k_clipped", a.clip, k);
        v = clip("v_clipped", a.clip, v);
        if (a.rotary) {
            q = rope("q_rotated", q, *a.rotary, a.k_dim);
            if (!a.latent.present())
                k = rope("k_rotated", k, *a.rotary, a.k_dim);
        }
        if (a.norm_after_rotary)
            norms();
        f_.push({Op::kKvAppend,
                 {k, v},
                 kNone,
                 kNone,
                 kNone,
                 KvAttributes{a.kv_heads, a.k_dim, a.v_dim, {}},
                 {}});
        const ValueId y = before("attention_out", a.heads * a.v_dim, a.o, a.out_norm);
        AttentionAttributes attributes{a.heads,
                                       a.kv_heads,
                                       a.k_dim,
                                       a.v_dim,
                                       a.scale,
                                       a.window < context_ ? a.window : 0,
                                       a.soft_cap != 0,
                                       a.sinks != nullptr,
                                       {}};
        f_.push({Op::kAttention, {q}, y, attention_parameters(a), kNone, attributes, {}});
        return product("o", a.o, y, a.out_norm, "attention_normed", "attention_inner_gain");
    }

    // isa::AttentionParams, then the sinks.
    ConstantId attention_parameters(const Attention& a) {
        if (a.soft_cap == 0 && !a.sinks)
            return kNone;
        std::vector<float> head(sizeof(isa::AttentionParams) / sizeof(float));
        head[offsetof(isa::AttentionParams, soft_cap) / sizeof(float)] = a.soft_cap;
        std::vector<Expr> parts{expr::list(head)};
        if (a.sinks)
            parts.push_back(a.sinks);
        return f_.vector("attention_parameters", {expr::stack(parts)});
    }

    ValueId mixer(const ShortConvolution& c, ValueId h) {
        const ValueId b = f_.linear("conv_b", c.b, h);
        const ValueId gate = f_.linear("conv_c", c.c, h);
        const ValueId x = f_.linear("conv_x", c.x, h);
        const ValueId bx = f_.in_place("conv_in", x);
        f_.push({Op::kMul, {x, b}, bx, kNone, kNone, ScaleAttributes{}, {}});
        const ConstantId w = f_.vector("conv", {c.weights});
        const ConstantId bias = c.bias ? f_.vector("conv_bias", {c.bias}) : kNone;
        const ValueId y = before("conv_out", c.width, c.out, {});
        f_.push({Op::kConv, {bx}, y, w, bias, ConvAttributes{c.taps, {}}, {}});
        const ValueId gated = f_.in_place("conv_gated", y);
        f_.push({Op::kMul, {y, gate}, gated, kNone, kNone, ScaleAttributes{}, {}});
        return product("conv_back", c.out, gated, {}, "", "");
    }

    std::vector<ValueId> ffn(const FeedForward& n, ValueId h) { return {feed_forward("", n, h)}; }

    ValueId feed_forward(const std::string& prefix, const FeedForward& n, ValueId h) {
        ValueId mid;
        if (n.gate.present()) {
            const ValueId gate = f_.linear(prefix + "gate", n.gate, h);
            const ValueId up = f_.linear(prefix + "up", n.up, h);
            mid = before(prefix + "ffn_mid", n.up.weight.n(), n.down, n.mid_norm);
            glu(n, gate, up, mid);
        } else {
            const ValueId up = before(prefix + "up", n.up.weight.n(), n.down, n.mid_norm);
            f_.linear_into(prefix + "up", n.up, h, up);
            mid = f_.activation(prefix + "ffn_mid", attributes_of(n.function), up);
        }
        return product(prefix + "down", n.down, mid, n.mid_norm, prefix + "ffn_mid_normed",
                       prefix + "ffn_inner_gain");
    }

    void glu(const FeedForward& n, ValueId gate, ValueId up, ValueId mid) {
        f_.push({Op::kGlu, {gate, up}, mid, kNone, kNone, attributes_of(n.function), {}});
    }

    ValueId grouped(const std::string& name, const Linear& linear, std::vector<ValueId> in) {
        const ValueId y = f_.value(name, linear.weight.n(), Rows::kRouted);
        grouped_into(name, linear, std::move(in), y);
        return y;
    }

    void grouped_into(const std::string& name, const Linear& linear, std::vector<ValueId> in,
                      ValueId y) {
        const ConstantId w = f_.matrix(name, linear.weight);
        const ConstantId b = linear.bias.empty() ? kNone : f_.vector(name + "_bias", linear.bias);
        for (const ConstantId c : {w, b})  // a single one is one of experts as well
            if (c != kNone)
                f_.constants[c].constant.experts =
                    static_cast<std::uint32_t>(f_.constants[c].of.size());
        f_.push({Op::kGroupedMatMul, std::move(in), y, w, b, {}, {}});
    }

    std::vector<ValueId> ffn(const Experts& e, ValueId h) {
        const ValueId logits = f_.linear("router", e.router, h);
        const ValueId slots = f_.value("slots", e.chosen);
        const ValueId offsets = f_.value("offsets", e.count + 1, Rows::kOne);
        const ValueId list = f_.value("list", 1, Rows::kRouted);
        const ValueId weights = f_.value("weights", 1, Rows::kRouted);
        const ConstantId bias =
            e.choice_bias ? f_.vector("router_choice_bias", {e.choice_bias}) : kNone;
        f_.push({Op::kRoute,
                 {logits},
                 slots,
                 kNone,
                 bias,
                 RouteAttributes{e.count, e.chosen, e.groups, e.groups_kept, e.score, e.renormalise,
                                 e.group_sum2, e.mask_out, e.scale, e.eps},
                 {offsets, list, weights}});
        ValueId mid;
        if (e.expert.gate.present()) {
            const ValueId gate = grouped("expert_gate", e.expert.gate, {h, offsets, list});
            const ValueId up = grouped("expert_up", e.expert.up, {h, offsets, list});
            mid = f_.own_of_new("expert_ffn_mid", f_.values[up].width, Rows::kRouted);
            glu(e.expert, gate, up, mid);
        } else {
            const ValueId up = f_.own_of_new("expert_up", e.expert.up.weight.n(), Rows::kRouted);
            grouped_into("expert_up", e.expert.up, {h, offsets, list}, up);
            mid = f_.activation("expert_ffn_mid", attributes_of(e.expert.function), up);
        }
        const ValueId down = grouped("expert_down", e.expert.down, {f_.gather(mid), offsets});
        const ValueId y = addend("experts", e.expert.down.weight.n());
        f_.push({Op::kCombine, {down, weights, slots}, y, kNone, kNone, {}, {}});
        std::vector<ValueId> addends{y};
        if (e.shared) {
            ValueId shared = feed_forward("shared_", *e.shared, h);
            if (e.shared_gate.present()) {
                const ValueId gate =
                    f_.activation("shared_factor_sigmoid", {isa::Activation::Sigmoid, 0, 0},
                                  f_.linear("shared_factor", e.shared_gate, h));
                const ValueId scaled = f_.in_place("shared_scaled", shared);
                f_.push({Op::kMul, {shared, gate}, scaled, kNone, kNone, ScaleAttributes{}, {}});
                shared = scaled;
            }
            addends.push_back(shared);
        }
        return addends;
    }

    const DecoderSpec& spec_;
    const Layer& layer_;
    std::uint32_t context_;
    Fragment f_;
    bool gathers_ = false;  // what is added to the residual is put together before
};

}  // namespace

Fragment embedding_fragment(const DecoderSpec& spec) {
    Fragment f(spec.hidden, spec.share);
    if (!spec.share.first_stage()) {
        f.push({Op::kRecv,
                {},
                0,
                kNone,
                kNone,
                PeerAttributes{spec.share.rank() - spec.share.tensor},
                {}});
        return f;
    }
    // Of a divided one this card's columns.
    const bool divided = spec.embedding.k() != spec.hidden;
    ValueId x = divided ? f.own("x_own", 0) : 0;
    f.push({Op::kGather,
            {},
            x,
            f.matrix("embedding", spec.embedding),
            kNone,
            GatherAttributes{spec.embedding_scale, false},
            {}});
    if (divided)
        x = f.gather(x);
    if (spec.positions.present()) {
        const ValueId p = f.value("position", spec.hidden);
        f.push({Op::kGather,
                {},
                p,
                f.matrix("positions", spec.positions),
                kNone,
                GatherAttributes{1, true},
                {}});
        x = f.add("x_positions", x, p);
    }
    f.result = f.norm_in_place("x_normed", "embedding_gain", spec.embedding_norm, x);
    return f;
}

Fragment layer_fragment(const DecoderSpec& spec, const Layer& layer, std::uint32_t context) {
    return LayerWriter(spec, layer, context).run();
}

Fragment head_fragment(const DecoderSpec& spec) {
    Fragment f(spec.hidden, spec.share);
    if (!spec.share.last_stage()) {
        f.push({Op::kSend,
                {0},
                kNone,
                kNone,
                kNone,
                PeerAttributes{spec.share.rank() + spec.share.tensor},
                {}});
        return f;
    }
    const ValueId s = f.value("selected", spec.hidden, Rows::kSelected);
    f.push({Op::kSelectRows, {0}, s, kNone, kNone, {}, {}});
    const ValueId h = f.norm("head_in", "head_gain", spec.output_norm, s);
    ValueId logits = f.own_of_new("logits", spec.head.weight.n(), Rows::kSelected);
    f.linear_into("head", spec.head, h, logits);
    logits = f.gather(logits);
    if (spec.logit_scale != 1)
        logits =
            f.activation("logits_scaled", {isa::Activation::Scale, spec.logit_scale, 0}, logits);
    if (spec.logit_cap != 0)
        logits =
            f.activation("logits_capped", {isa::Activation::SoftCap, spec.logit_cap, 0}, logits);
    f.push({Op::kLogits, {logits}, kNone, kNone, kNone, {}, {}});
    return f;
}

}  // namespace skald::compiler::ir
