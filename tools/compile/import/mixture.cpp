// SPDX-License-Identifier: MIT
// com.microsoft's experts as one operator, dense and quantised: for each token the sum of what some
// experts put out, each times a weight that the router gives. Put together from what the others are
// made of, and so recognised like them.
#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/blocks.hpp"
#include "import/indexing.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/products.hpp"
#include "import/reductions.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

constexpr std::int64_t kMostExperts = 4096;

// One product of every expert.
struct Side {
    std::vector<Expr> matrices;  // [outputs, inputs]
    const Value* bias = nullptr;

    std::int64_t outputs() const { return static_cast<std::int64_t>(matrices.front()->rows()); }
    std::int64_t inputs() const { return static_cast<std::int64_t>(matrices.front()->columns()); }
};

enum class Activation : std::uint8_t { kRelu, kGelu, kSilu, kSwiglu, kIdentity };

Activation activation_of(const Call& c) {
    const std::string name = c.text("activation_type", "relu");
    if (name == "relu")
        return Activation::kRelu;
    if (name == "gelu")
        return Activation::kGelu;
    if (name == "silu")
        return Activation::kSilu;
    if (name == "swiglu")
        return Activation::kSwiglu;
    if (name == "identity")
        return Activation::kIdentity;
    fail("experts with the activation {} are not supported", name);
}

class Mixture {
  public:
    explicit Mixture(const Call& c)
        : c_(c), x_(c.in(0)), router_(c.in(1)), activation_(activation_of(c)) {
        for (std::size_t i = 0; i < c.inputs(); ++i)
            if (c.has(i) && c.in(i).is_symbolic())
                algebra_ = &c.algebra();
        if (x_.rank() < 2 || router_.rank() < 2)
            fail("rows of {} and scores of {}", to_string(x_.shape), to_string(router_.shape));
        width_ = x_.shape.back();
        count_ = router_.shape.back();
        chosen_ = c.integer("k", 1);
        if (width_ <= 0 || count_ <= 0 || count_ > kMostExperts || chosen_ < 1 || chosen_ > count_)
            fail("{} of {} experts of rows of {}", chosen_, count_, width_);
        tokens_ = x_.size() / width_;
        if (router_.size() != tokens_ * count_)
            fail("{} tokens have scores of {}", tokens_, to_string(router_.shape));
        if (c.integer("use_sparse_mixer", 0) != 0)
            fail("a sparse mixer (use_sparse_mixer) is not supported");
    }

    std::int64_t count() const { return count_; }
    std::int64_t width() const { return width_; }

    // `third` may be null, `weights` too: what experts are weighed by, if not by what chooses them.
    Value run(const Side& first, const Side& second, const Side* third, const Value* weights) {
        if (x_.is_unknown() || router_.is_unknown())
            return Value::unknown(Element::kFloat, x_.shape);
        const bool fused = activation_ == Activation::kSwiglu && third == nullptr;
        check(first, width_);
        const std::int64_t inner = fused ? first.outputs() / 2 : first.outputs();
        if (inner == 0 || (fused && first.outputs() % 2 != 0))
            fail("gates and what they gate are {} columns", first.outputs());
        check(second, inner);
        if (second.outputs() != width_)
            fail("experts put out {} columns of {}", second.outputs(), width_);
        if (third != nullptr) {
            check(*third, width_);
            if (third->outputs() != inner)
                fail("gates of {} columns are for {}", inner, third->outputs());
        }
        const Value rows = reshaped(x_, {tokens_, width_});
        route(weights);
        std::vector<Value> outputs;
        std::vector<std::int64_t> at(places_->size());
        std::int64_t n = 0;
        for (std::int64_t e = 0; e < count_; ++e) {
            std::vector<std::int64_t> own;
            for (std::size_t i = 0; i < places_->size(); ++i)
                if ((*places_)[i] == e) {
                    own.push_back(static_cast<std::int64_t>(i) / chosen_);
                    at[i] = n++;
                }
            if (own.empty())
                continue;
            const auto many = static_cast<std::int64_t>(own.size());
            const Value in = gathered(algebra_, rows, Value::ints({many}, std::move(own)), 0);
            const Value mid = fused ? split(first, in, e, inner)
                              : third != nullptr
                                  ? gated(product(first, in, e), product(*third, in, e))
                                  : function(product(first, in, e));
            outputs.push_back(product(second, mid, e));
        }
        std::vector<const Value*> all;
        for (const Value& v : outputs)
            all.push_back(&v);
        return reshaped(sum(concatenated(all, 0), at), x_.shape);
    }

  private:
    Value apply(Scalar op, const Value& a, const Value& b) const {
        return elementwise(algebra_, op, std::array{a, b});
    }
    Value number(double x) const { return Value::floats({}, {x}); }

    void check(const Side& s, std::int64_t inputs) const {
        if (static_cast<std::int64_t>(s.matrices.size()) != count_ || s.inputs() != inputs)
            fail("{} matrices of {} x {} are for {} experts that read {} columns",
                 s.matrices.size(), s.outputs(), s.inputs(), count_, inputs);
        if (s.bias != nullptr && (!s.bias->known() || s.bias->size() != count_ * s.outputs()))
            fail("biases of {} are for {} experts of {} columns", to_string(s.bias->shape), count_,
                 s.outputs());
    }

    // Which experts each token goes to, and their weights [tokens, chosen].
    void route(const Value* weights) {
        const Value scores = reshaped(router_, {tokens_, count_});
        const Value places = places_of_largest(algebra_, scores, chosen_);
        places_ = places.integers();
        std::vector<std::int64_t> from;
        for (std::size_t i = 0; i < places_->size(); ++i)
            from.push_back(static_cast<std::int64_t>(i) / chosen_ * count_ + (*places_)[i]);
        const Shape shape{tokens_, chosen_};
        const bool normalise = c_.integer("normalize_routing_weights", 0) != 0;
        if (weights != nullptr) {
            if (weights->size() != scores.size())
                fail("{} weights of {} scores", to_string(weights->shape), to_string(scores.shape));
            weights_ = moved(reshaped(*weights, scores.shape), shape, from);
            if (!normalise || chosen_ == 1)
                return;
            Value all = sliced(weights_, 1, 0, 1, 1);
            for (std::int64_t i = 1; i < chosen_; ++i)
                all = apply(Scalar::kAdd, all, sliced(weights_, 1, i, 1, 1));
            weights_ = apply(Scalar::kDiv, weights_, all);
        } else if (normalise) {
            // The share of a softmax among those chosen is the softmax of their scores.
            weights_ = softmaxed(algebra_, moved(scores, shape, from));
        } else {
            weights_ = moved(softmaxed(algebra_, scores), shape, from);
        }
    }

    Value product(const Side& s, const Value& x, std::int64_t e) const {
        return product(s.matrices[static_cast<std::size_t>(e)], biases(s, e), x);
    }
    Value product(const Expr& matrix, const std::optional<Value>& bias, const Value& x) const {
        const Shape shape{static_cast<std::int64_t>(matrix->columns()),
                          static_cast<std::int64_t>(matrix->rows())};
        const Value y = multiplied(algebra_, x, Value::weights(shape, {expr::transpose(matrix)}));
        return bias ? apply(Scalar::kAdd, y, *bias) : y;
    }
    static std::optional<Value> biases(const Side& s, std::int64_t e, std::int64_t first = 0,
                                       std::int64_t step = 1, std::int64_t n = -1) {
        if (s.bias == nullptr)
            return {};
        const std::int64_t outputs = s.outputs();
        n = n < 0 ? outputs : n;
        std::vector<double> part;
        const Floats all = s.bias->numbers();
        for (std::int64_t i = 0; i < n; ++i)
            part.push_back((*all)[static_cast<std::size_t>(e * outputs + first + i * step)]);
        Value v = Value::floats({n}, std::move(part));
        v.fixed = true;
        return v;
    }

    Value function(const Value& x) const {
        switch (activation_) {
            case Activation::kRelu:
                return elementwise(algebra_, Scalar::kRelu, std::array{x});
            case Activation::kGelu:
                return elementwise(algebra_, Scalar::kGeluTanh, std::array{x});
            case Activation::kIdentity:
                return x;
            default:
                return elementwise(algebra_, Scalar::kSilu, std::array{x});
        }
    }

    Value gated(const Value& gate, const Value& up) const {
        if (activation_ != Activation::kSwiglu)
            return apply(Scalar::kMul, function(gate), up);
        const double limit = c_.number("swiglu_limit", std::numeric_limits<double>::infinity());
        const double alpha = c_.number("activation_alpha", 1.0);
        const double beta = c_.number("activation_beta", 0.0);
        Value g = gate, u = up;
        if (limit > 0 && limit < std::numeric_limits<float>::max()) {
            g = apply(Scalar::kMin, g, number(limit));
            u = apply(Scalar::kMax, apply(Scalar::kMin, u, number(limit)), number(-limit));
        }
        const Value turned = alpha == 1 ? g : apply(Scalar::kMul, g, number(alpha));
        const Value share = elementwise(algebra_, Scalar::kSigmoid, std::array{turned});
        if (beta != 0)
            u = apply(Scalar::kAdd, u, number(beta));
        return apply(Scalar::kMul, apply(Scalar::kMul, g, share), u);
    }

    // Gates and what they gate in one matrix: in turn, or one half behind the other.
    Value split(const Side& s, const Value& x, std::int64_t e, std::int64_t inner) const {
        const std::int64_t how = c_.integer("swiglu_fusion", 0);
        if (how != 1 && how != 2)
            fail("swiglu_fusion {} with gates in the first matrix is not supported", how);
        const auto part = [&](std::int64_t i) {
            const std::int64_t first = how == 1 ? i : i * inner, step = how == 1 ? 2 : 1;
            const Expr rows = expr::rows(s.matrices[static_cast<std::size_t>(e)],
                                         RowMap{static_cast<std::uint64_t>(inner),
                                                static_cast<std::uint64_t>(first),
                                                static_cast<std::uint64_t>(step),
                                                {0}});
            return product(rows, biases(s, e, first, step, inner), x);
        };
        return gated(part(0), part(1));
    }

    // Of each token the rows `at`, each times its weight.
    Value sum(const Value& outputs, const std::vector<std::int64_t>& at) const {
        Value y;
        for (std::int64_t slot = 0; slot < chosen_; ++slot) {
            std::vector<std::int64_t> rows;
            for (std::int64_t t = 0; t < tokens_; ++t)
                rows.push_back(at[static_cast<std::size_t>(t * chosen_ + slot)]);
            const Value own =
                gathered(algebra_, outputs, Value::ints({tokens_}, std::move(rows)), 0);
            const Value part = apply(Scalar::kMul, own, sliced(weights_, 1, slot, 1, 1));
            y = slot == 0 ? part : apply(Scalar::kAdd, y, part);
        }
        return y;
    }

    const Call& c_;
    const Value &x_, &router_;
    Activation activation_;
    Algebra* algebra_ = nullptr;
    std::int64_t width_ = 0, count_ = 0, chosen_ = 0, tokens_ = 0;
    Ints places_;
    Value weights_;
};

const Value* optional(const Call& c, std::size_t i) {
    return c.has(i) ? &c.in(i) : nullptr;
}

// [experts, outputs, inputs]; before ONNX Runtime 1.23 [experts, inputs, outputs].
Side dense(const Call& c, std::size_t i, std::int64_t inputs) {
    const Value& w = c.in(i);
    if (!w.is_weight() || w.rank() != 3 ||
        static_cast<std::int64_t>(w.matrices().size()) != w.shape[0])
        fail("input {}, of {}, is no matrix for each expert", i, to_string(w.shape));
    Side s{{}, optional(c, i + 1)};
    const bool swapped = w.shape[2] != inputs && w.shape[1] == inputs;
    for (const Expr& e : w.matrices())
        s.matrices.push_back(swapped ? expr::transpose(e) : e);
    return s;
}

Values dense_experts(const Call& c) {
    Mixture m(c);
    const Side first = dense(c, 2, m.width());
    std::optional<Side> third;
    if (c.has(6))
        third = dense(c, 6, m.width());
    const bool fused = c.text("activation_type", "relu") == "swiglu" && !third;
    const Side second = dense(c, 4, first.outputs() / (fused ? 2 : 1));
    return {m.run(first, second, third ? &*third : nullptr, nullptr)};
}

// [experts, outputs, inputs * bits / 8], scales [experts, outputs] or by blocks.
Side quantised(const Call& c, std::size_t i, std::size_t zeros, std::int64_t experts) {
    const Value &w = c.in(i), &scales = c.in(i + 1);
    const std::int64_t bits = c.integer("expert_weight_bits", 4);
    const std::int64_t block = c.integer("block_size", -1);
    if (bits != 4 && bits != 8)
        fail("experts with weights of {} bits are not supported", bits);
    if (!w.known() || w.element == Element::kFloat || w.rank() != 3 || w.shape[0] != experts ||
        w.size() == 0)
        fail("input {}, of {}, is no matrix of integers for each expert", i, to_string(w.shape));
    if (!scales.known() || scales.element != Element::kFloat)
        fail("input {} is no constant scales", i + 1);
    Blocks b;
    b.bits = bits;
    b.rows = w.shape[1];
    b.columns = w.shape[2] * 8 / bits;
    b.block = block > 0 ? block : b.columns;
    if (b.block < 16 || b.block % 2 != 0 || b.columns % b.block != 0)
        fail("rows of {} weights in blocks of {} are not supported", b.columns, b.block);
    b.in_order();
    if (scales.size() != experts * b.rows * b.per_row())
        fail("scales of {} are for blocks of {} in {} matrices of {} x {}", to_string(scales.shape),
             b.block, experts, b.rows, b.columns);
    b.integers = w;
    b.scales = scales;
    b.middle = bits == 8 ? 128 : 8;
    b.name = c.node().path;
    const bool packed = bits == 4;
    const std::int64_t zeros_each = b.rows * (packed ? (b.per_row() + 1) / 2 : b.per_row());
    if (c.has(zeros)) {
        b.zeros = c.in(zeros);
        b.packed_zeros = packed;
        if (b.zeros->size() != experts * zeros_each)
            fail("zeros of {}, {} were expected", to_string(b.zeros->shape), experts * zeros_each);
    }
    Side s{{}, optional(c, i + 2)};
    for (std::int64_t e = 0; e < experts; ++e) {
        b.first = e * b.rows * w.shape[2];
        b.first_scale = e * b.rows * b.per_row();
        b.first_zero = e * zeros_each;
        s.matrices.push_back(weights_of(b));
    }
    return s;
}

Values quantised_experts(const Call& c) {
    if (const std::string kind = c.text("quant_type", "int"); kind != "int")
        fail("experts quantised as {} are not supported", kind);
    for (std::size_t i = 15; i < c.inputs(); ++i)
        if (c.has(i))
            fail("input {}, a scale of floats of 4 or 8 bits, is not supported", i);
    Mixture m(c);
    if (c.in(0).is_unknown() || c.in(1).is_unknown())
        return {Value::unknown(Element::kFloat, c.in(0).shape)};
    const Side first = quantised(c, 2, 11, m.count()), second = quantised(c, 5, 12, m.count());
    std::optional<Side> third;
    if (c.has(8))
        third = quantised(c, 8, 13, m.count());
    return {m.run(first, second, third ? &*third : nullptr, optional(c, 14))};
}

}  // namespace

void add_mixtures(std::vector<Operator>& t) {
    t.push_back(
        {"com.microsoft.MoE",
         5,
         8,
         dense_experts,
         {"activation_alpha", "activation_beta", "activation_type", "k",
          "normalize_routing_weights", "swiglu_fusion", "swiglu_limit", "use_sparse_mixer"}});
    t.push_back({"com.microsoft.QMoE",
                 7,
                 22,
                 quantised_experts,
                 {"activation_alpha", "activation_beta", "activation_type", "block_size",
                  "expert_weight_bits", "k", "normalize_routing_weights", "quant_type",
                  "swiglu_fusion", "swiglu_limit", "use_sparse_mixer"}});
}

}  // namespace skald::compiler::graphs
