// SPDX-License-Identifier: MIT
#include "split/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "error.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {
namespace {

// A layer as one card of its stage has it.
class Divider {
  public:
    Divider(const Share& share, const std::string& source) : share_(share), source_(source) {}

    void layer(Layer& layer, std::uint32_t number) {
        where_ = fmt::format("layer {}", number);
        std::visit([&](auto& m) { mixer(m); }, layer.mixer);
        std::visit([&](auto& f) { ffn(f); }, layer.ffn);
    }

    void head(Linear& head) {
        where_ = "the head";
        evenly(head, "rows (the vocabulary)");
    }

    // By columns, which are gathered: for times alone, since a format may quantise a row as a
    // whole. Slices that are no whole blocks are not worth it.
    void embedding(Matrix& matrix) const {
        const std::uint64_t own = matrix.k() / share_.tensor;
        if (share_.sums && own % isa::kQuantBlock == 0)
            take_columns(matrix, own);
    }

  private:
    void take_columns(Matrix& matrix, std::uint64_t own) const {
        for (Expr& e : matrix.of)
            e = expr::transpose(expr::share(expr::transpose(e), own * share_.part, own));
    }

    std::uint32_t evenly(std::uint32_t count, const std::string& name, const char* what) const {
        if (count % share_.tensor != 0)
            fail("{}: {}, {}: {} {} do not divide among {} cards", source_, where_, name, count,
                 what, share_.tensor);
        return count / share_.tensor;
    }

    static void take(Linear& linear, std::uint64_t first, std::uint64_t count) {
        for (Expr& e : linear.weight.of)
            e = expr::share(e, first, count);
        for (Expr& e : linear.bias)
            e = expr::share(e, first, count);
    }

    void evenly(Linear& linear, const char* what) const {
        const std::uint32_t own = evenly(linear.weight.n(), linear.weight.of.front()->name(), what);
        take(linear, std::uint64_t{own} * share_.part, own);
    }

    // Of a product whose input is divided: its outputs, or for times alone its inputs.
    void product(Linear& linear, const Norm& before) const {
        if (!share_.sums)
            return evenly(linear, "rows");
        const std::string name = linear.weight.of.front()->name();
        if (before.kind != Norm::Kind::kNone)
            fail("{}: {}: sums cannot be taken of {}, whose input is normed as a whole", source_,
                 where_, name);
        take_columns(linear.weight, evenly(linear.weight.k(), name, "columns"));
    }

    // Gain and bias of a norm over some of the columns that it was over.
    void norm(Norm& norm, std::uint64_t all, std::uint64_t first, std::uint64_t count,
              const std::string& name) const {
        if (norm.kind == Norm::Kind::kNone)
            return;
        if (norm.group == 0 || count % norm.group != 0)
            fail("{}: {}: the norm behind {} is over the heads of all cards together", source_,
                 where_, name);
        for (Expr* e : {&norm.gain, &norm.bias})
            if (*e && (*e)->rows() * (*e)->columns() == all && all != norm.group)
                *e = expr::share(*e, first, count);
    }

    void mixer(Attention& a) const {
        const std::string q = a.q.weight.of.front()->name();
        const std::uint32_t heads = evenly(a.heads, q, "heads");
        const std::uint32_t all_kv = a.kv_heads;
        // Where there are more cards than KV heads some have the same one.
        if (all_kv % share_.tensor != 0 && share_.tensor % all_kv != 0)
            fail("{}: {}, {}: {} KV heads do not divide among {} cards", source_, where_,
                 a.k.weight.of.front()->name(), all_kv, share_.tensor);
        const std::uint32_t kv_heads = std::max(1u, all_kv / share_.tensor);
        const std::uint32_t first = heads * share_.part;
        const std::uint32_t first_kv = first / (a.heads / all_kv);
        norm(a.q_norm, std::uint64_t{a.heads} * a.k_dim, std::uint64_t{first} * a.k_dim,
             std::uint64_t{heads} * a.k_dim, q);
        norm(a.k_norm, std::uint64_t{all_kv} * a.k_dim, std::uint64_t{first_kv} * a.k_dim,
             std::uint64_t{kv_heads} * a.k_dim, a.k.weight.of.front()->name());
        take(a.q, std::uint64_t{first} * a.k_dim, std::uint64_t{heads} * a.k_dim);
        take(a.k, std::uint64_t{first_kv} * a.k_dim, std::uint64_t{kv_heads} * a.k_dim);
        take(a.v, std::uint64_t{first_kv} * a.v_dim, std::uint64_t{kv_heads} * a.v_dim);
        if (a.sinks)
            a.sinks = expr::share(a.sinks, first, heads);
        product(a.o, a.out_norm);
        a.heads = heads;
        a.kv_heads = kv_heads;
    }

    void mixer(ShortConvolution& c) const {
        for (Linear* linear : {&c.b, &c.c, &c.x})
            evenly(*linear, "rows");
        const std::uint32_t own = c.width / share_.tensor, first = own * share_.part;
        c.weights = expr::transpose(expr::share(expr::transpose(c.weights), first, own));
        if (c.bias)
            c.bias = expr::share(c.bias, first, own);
        product(c.out, {});
        c.width = own;
    }

    void ffn(FeedForward& f) const {
        if (f.gate.present())
            evenly(f.gate, "rows");
        evenly(f.up, "rows");
        product(f.down, f.mid_norm);
    }

    void ffn(Experts& e) const {
        ffn(e.expert);
        if (e.shared)
            ffn(*e.shared);
    }

    const Share& share_;
    const std::string& source_;
    std::string where_;
};

// Where they do not divide the stages in the middle have one more: the first has the embedding, the
// last the head.
std::uint64_t first_layer(std::uint64_t layers, std::uint64_t stages, std::uint64_t stage) {
    const std::uint64_t more = layers % stages;
    const std::uint64_t from = (stages - more + 1) / 2;  // the first of those
    return layers / stages * stage + std::clamp<std::uint64_t>(stage, from, from + more) - from;
}

}  // namespace

std::optional<Split> parse_split(std::string_view text) {
    Split split;
    bool seen[2] = {};
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (part == "sums" && !split.sums && (!text.empty() || comma == std::string_view::npos)) {
            split.sums = true;
            continue;
        }
        const std::size_t equal = part.find('=');
        if (equal == std::string_view::npos || (text.empty() && comma != std::string_view::npos))
            return std::nullopt;
        const bool tensor = part.substr(0, equal) == "tensor";
        if ((!tensor && part.substr(0, equal) != "pipeline") || std::exchange(seen[tensor], true))
            return std::nullopt;
        std::uint32_t& value = tensor ? split.tensor : split.pipeline;
        const std::string_view digits = part.substr(equal + 1);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size() || value == 0)
            return std::nullopt;
    }
    if (!(seen[0] || seen[1]) || std::uint64_t{split.tensor} * split.pipeline > isa::kMaxRanks)
        return std::nullopt;
    return split;
}

DecoderSpec share_of(const DecoderSpec& whole, const Share& share, const std::string& source) {
    DecoderSpec spec = whole;
    spec.share = share;
    const std::uint64_t layers = whole.layers.size();
    if (share.pipeline > layers)
        fail("{}: {} layers do not divide among {} stages", source, layers, share.pipeline);
    if (share.tensor > 1 && whole.hidden % share.tensor != 0)
        fail("{}: a hidden size of {} does not divide among {} cards", source, whole.hidden,
             share.tensor);
    const std::uint64_t begin = first_layer(layers, share.pipeline, share.stage);
    const std::uint64_t end = first_layer(layers, share.pipeline, share.stage + 1);
    spec.layers.assign(whole.layers.begin() + static_cast<std::ptrdiff_t>(begin),
                       whole.layers.begin() + static_cast<std::ptrdiff_t>(end));
    if (share.tensor == 1)
        return spec;
    Divider divider(share, source);
    for (std::size_t i = 0; i < spec.layers.size(); ++i)
        divider.layer(spec.layers[i], static_cast<std::uint32_t>(begin + i));
    divider.head(spec.head);
    divider.embedding(spec.embedding);
    return spec;
}

}  // namespace skald::compiler
