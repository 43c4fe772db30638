// SPDX-License-Identifier: MIT
#include "raise/recogniser.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "error.hpp"
#include "import/layout.hpp"

namespace skald::compiler::raising {

using graphs::Element;
using graphs::Shape;

BaseId Recogniser::add(What what, std::uint32_t rows, std::uint32_t width, const std::string& key) {
    if (!key.empty())
        if (const auto it = keys_.find(key); it != keys_.end())
            return it->second;
    bases_.push_back({std::move(what), path_, rows, width});
    const auto id = static_cast<BaseId>(bases_.size() - 1);
    if (!key.empty())
        keys_.emplace(key, id);
    return id;
}

Value Recogniser::symbolic(const Shape& shape, std::shared_ptr<const Symbols> s, Element element) {
    return {element, shape, std::move(s)};
}

Symbolic Recogniser::symbols_of(const Value& v) {
    if (v.is_symbolic())
        return std::get<Symbolic>(v.data);
    auto s = std::make_shared<Symbols>();
    for (const auto all = v.numbers(); const double x : *all)
        s->end(x);
    return s;
}

Value Recogniser::atoms(BaseId base, const Shape& shape) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 24;
    if (graphs::count(shape) > kMost)
        fail("a tensor of {} has more than {} elements that depend on tokens",
             graphs::to_string(shape), kMost);
    auto s = std::make_shared<Symbols>();
    const auto n = static_cast<std::uint32_t>(graphs::count(shape));
    s->reserve(n);
    for (std::uint32_t i = 0; i < n; ++i)
        s->atom(base, i);
    return symbolic(shape, std::move(s));
}

Value Recogniser::ids(std::int64_t batch) {
    const BaseId id = add(Ids{}, tokens_, 1, "ids");
    Value v = atoms(id, {batch, tokens_});
    v.element = Element::kInt;
    return v;
}

Value Recogniser::past(std::uint32_t input, const Shape& shape) {
    return atoms(add(Past{input}, 0, 0), shape);
}

std::optional<BaseId> Recogniser::first_base(const Symbols& s) const {
    for (std::size_t i = 0; i < s.size(); ++i)
        if (!s.terms(i).empty())
            return s.terms(i).front().base;
    return {};
}

// The scores of attention that elements are made of, which masks are about.
std::optional<BaseId> Recogniser::scores_below(const Symbols& s) const {
    const std::optional<BaseId> id = first_base(s);
    if (!id || as<Scores>(*id) != nullptr)
        return id;
    if (const auto* f = as<Function>(*id))
        for (const Symbolic& a : f->arguments)
            if (first_base(*a))
                return scores_below(*a);
    return {};
}

void Recogniser::note_masks(Scalar op, std::span<const Value> arguments) {
    std::optional<BaseId> scores;
    for (const Value& v : arguments)
        if (v.is_symbolic() && !scores)
            scores = scores_below(v.symbols());
    if (!scores)
        return;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const Value& v = arguments[i];
        if (!v.known() || (!v.origin && !v.causal))
            continue;
        const graphs::Floats numbers = v.numbers();
        if (v.size() == 1 ||
            std::ranges::all_of(*numbers, [&](double x) { return x == numbers->front(); }))
            continue;
        MaskSource source{v.origin, v.causal, MaskSource::Use::kAdded};
        if (op == Scalar::kWhere) {
            if (i != 0)
                continue;
            source.use = arguments[1].is_symbolic() ? MaskSource::Use::kWhereTrue
                                                    : MaskSource::Use::kWhereFalse;
        } else if (op != Scalar::kAdd) {
            continue;
        }
        masks_[*scores].push_back(source);
    }
}

Value Recogniser::pointwise(Scalar op, std::span<const Value> given) {
    note_masks(op, given);
    if (op == Scalar::kMul)
        for (const Value& v : given)
            if (v.known() && v.origin && v.size() > 1)
                tables_.insert(*v.origin);
    std::vector<Value> a(given.begin(), given.end());
    Shape shape;
    for (const Value& v : a)
        if (v.is_symbolic())
            shape = v.shape;
    // Factors may stay one number, all else is as many.
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i].shape != shape && op != Scalar::kMul && op != Scalar::kDiv) {
            a[i] = graphs::stretched(a[i], shape);
            a[i].fixed = given[i].fixed;
        }
    switch (op) {
        case Scalar::kIdentity:
            return a[0];
        case Scalar::kNeg:
            return scaled(a[0], Value::floats({}, {-1}), false);
        case Scalar::kAdd:
            return added(a[0], a[1], 1);
        case Scalar::kSub:
            return added(a[0], a[1], -1);
        case Scalar::kMul:
            if (a[1].known())
                return scaled(a[0], a[1], false);
            if (a[0].known())
                return scaled(a[1], a[0], false);
            break;
        case Scalar::kDiv:
            if (a[1].known())
                return scaled(a[0], a[1], true);
            break;
        case Scalar::kWhere:
            return chosen(a[0], a[1], a[2]);
        case Scalar::kPow:
            // A square is a product, whatever it is called.
            if (a[1].known() &&
                std::ranges::all_of(*a[1].numbers(), [](double x) { return x == 1; }))
                return a[0];
            break;
        default:
            break;
    }
    // Every position sees itself, so no softmax is one of nothing.
    if (op == Scalar::kIsNaN)
        return Value::bools(
            shape, std::vector<std::int64_t>(static_cast<std::size_t>(graphs::count(shape)), 0));
    if (graphs::is_comparison(op))
        fail("what depends on tokens is compared ({})", graphs::name_of(op));
    for (Value& v : a)
        v = graphs::stretched(v, shape);
    Value y = function(op, a);
    if (op == Scalar::kMul || op == Scalar::kDiv) {
        if (auto softmax = as_softmax(y))
            return *std::move(softmax);
        if (auto norm = as_norm(y))
            return *std::move(norm);
    }
    if (op == Scalar::kMin || op == Scalar::kMax)
        if (auto clipped = as_clipped(y))
            return *std::move(clipped);
    return y;
}

// Rows, each element kept within limits.
std::optional<Value> Recogniser::as_clipped(const Value& y) {
    const auto u = uniform(y.symbols());
    const auto limit = u ? clip_of(u->formula) : std::nullopt;
    if (!limit)
        return {};
    std::map<BaseId, BaseId> clipped;
    auto s = std::make_shared<Symbols>();
    for (std::size_t i = 0; i < y.symbols().size(); ++i) {
        const Term& t = u->variables[0]->terms(i)[0];
        const auto [it, is_new] = clipped.try_emplace(t.base);
        if (is_new) {
            if (!bases_[t.base].in_rows())
                return {};
            it->second = add(Clipped{t.base, *limit}, bases_[t.base].rows, bases_[t.base].width,
                             fmt::format("clipped {} {:a}", t.base, *limit));
        }
        s->atom(it->second, t.index);
    }
    return symbolic(y.shape, std::move(s));
}

Value Recogniser::function(Scalar op, std::span<const Value> arguments) {
    Function f{op, {}};
    for (const Value& v : arguments)
        f.arguments.push_back(symbols_of(v));
    return atoms(add(std::move(f), 0, 0), arguments[0].shape);
}

Value Recogniser::scaled(const Value& x, const Value& factor, bool divide) {
    if (!divide && factor.size() != 1)
        if (auto gained = with_gain(x, factor))
            return *std::move(gained);
    const graphs::Floats by = factor.numbers();
    const Symbols& from = x.symbols();
    auto s = std::make_shared<Symbols>();
    s->reserve(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
        const double f = by->size() == 1 ? by->front() : (*by)[i];
        for (Term t : from.terms(i)) {
            t.factor = divide ? t.factor / f : t.factor * f;
            s->term(t);
        }
        s->end(divide ? from.constant(i) / f : from.constant(i) * f);
    }
    Value y = symbolic(x.shape, std::move(s), x.element);
    // Scaled, a stream stays one: what reads it need not know.
    if (const auto first = first_base(y.symbols());
        first && (as<Lookup>(*first) != nullptr || as<Sum>(*first) != nullptr) && y.rank() >= 2)
        if (const auto rows = rows_of({&y.symbols(), static_cast<std::size_t>(y.shape.back())});
            rows && rows->rows.empty() && rows->factor != 1)
            return atoms(sum({{rows->base, rows->factor}}), y.shape);
    return y;
}

Value Recogniser::added(const Value& a, const Value& b, double sign) {
    if (a.is_symbolic() != b.is_symbolic() && sign == 1) {
        const Value &x = a.is_symbolic() ? a : b, &c = a.is_symbolic() ? b : a;
        if (auto biased = with_bias(x, c))
            return *std::move(biased);
    }
    if (auto stream = as_sum(a, b, sign))
        return *std::move(stream);
    const Symbolic x = symbols_of(a), y = symbols_of(b);
    auto s = std::make_shared<Symbols>();
    s->reserve(x->size(), 2);
    for (std::size_t i = 0; i < x->size(); ++i) {
        for (const Term& t : x->terms(i)) {
            Term sum = t;
            for (const Term& u : y->terms(i))
                if (u.base == t.base && u.index == t.index)
                    sum.factor += sign * u.factor;
            s->term(sum);
        }
        for (const Term& u : y->terms(i)) {
            const auto same = [&](const Term& t) { return t.base == u.base && t.index == u.index; };
            if (std::ranges::none_of(x->terms(i), same))
                s->term({u.base, u.index, sign * u.factor});
        }
        s->end(x->constant(i) + sign * y->constant(i));
    }
    Value out = symbolic(a.shape, std::move(s), a.element);
    if (auto centred = as_centred(out))
        return *std::move(centred);
    return out;
}

Value Recogniser::chosen(const Value& condition, const Value& a, const Value& b) {
    if (!condition.known())
        fail("what depends on tokens decides");
    const graphs::Ints which = condition.integers();
    const Symbolic x = symbols_of(a), y = symbols_of(b);
    auto s = std::make_shared<Symbols>();
    s->reserve(x->size());
    for (std::size_t i = 0; i < x->size(); ++i)
        s->copy((*which)[i] != 0 ? *x : *y, i);
    return symbolic(a.shape, std::move(s), a.element);
}

Value Recogniser::product(const Value& a, const Value& b) {
    if (!a.is_symbolic() || !b.is_symbolic())
        fail("what depends on tokens is multiplied with numbers that depend on lengths");
    if (const auto first = first_base(a.symbols()); first && as<Softmax>(*first) != nullptr) {
        if (auto attention = as_attention(a, b))
            return *std::move(attention);
        fail("this looks like attention, but {}", nearest_);
    }
    const std::size_t rank = a.shape.size();
    Scores s{std::get<Symbolic>(a.data), std::get<Symbolic>(b.data), 0, 0, 0, 0};
    s.n = static_cast<std::uint32_t>(a.shape[rank - 2]);
    s.k = static_cast<std::uint32_t>(a.shape[rank - 1]);
    s.m = static_cast<std::uint32_t>(b.shape[rank - 1]);
    Shape shape(a.shape.begin(), a.shape.end() - 2);
    s.heads = static_cast<std::uint32_t>(graphs::count(shape));
    shape.insert(shape.end(), {a.shape[rank - 2], b.shape[rank - 1]});
    return atoms(add(std::move(s), 0, 0), shape);
}

Value Recogniser::linear(const Value& x, const Expr& weight) {
    const auto in = rows_of({&x.symbols(), static_cast<std::size_t>(x.shape.back())});
    if (!in)
        fail("what is multiplied with {} is not understood: {}", weight->name(), nearest_);
    Shape shape = x.shape;
    shape.back() = static_cast<std::int64_t>(weight->rows());
    std::string rows;
    for (const std::uint32_t r : in->rows)
        rows += fmt::format(" {}", r);
    const auto n = static_cast<std::uint32_t>(graphs::count(shape) / shape.back());
    const BaseId id =
        add(Product{in->base, in->factor, weight, {}, in->rows}, n,
            static_cast<std::uint32_t>(weight->rows()),
            fmt::format("product {} {:a} [{}] {}", in->base, in->factor, rows, weight->key()));
    return atoms(id, shape);
}

namespace {

// What experts put out where some of the weights are none.
bool has_zeros(const Function& f) {
    const auto has_one = [](const Symbolic& a) {
        for (std::size_t i = 0; i < a->size(); ++i)
            if (a->terms(i).empty() && a->constant(i) == 0)
                return true;
        return false;
    };
    return f.op == Scalar::kMul && std::ranges::any_of(f.arguments, has_one);
}

}  // namespace

Value Recogniser::reduce(graphs::Reduction kind, const Value& x) {
    const auto n = static_cast<std::size_t>(x.shape.back());
    Shape shape = x.shape;
    shape.back() = 1;
    if (kind == graphs::Reduction::kSum) {
        // A sum of squares is so many of their means: norms know those.
        const auto of_squares = [&] {
            const Formula f = formula(x.symbols(), 0);
            return f.variables().size() == 1 && is_square(f);
        };
        if (n > 1 && x.symbols().size() != 0 && of_squares()) {
            const BaseId mean = add(Reduced{graphs::Reduction::kMean, std::get<Symbolic>(x.data),
                                            static_cast<std::uint32_t>(n)},
                                    0, 0);
            auto out = std::make_shared<Symbols>();
            for (std::uint32_t i = 0; i < x.symbols().size() / n; ++i) {
                out->term({mean, i, static_cast<double>(n)});
                out->end();
            }
            return symbolic(shape, std::move(out));
        }
        // A sum of few is a sum of terms.
        constexpr std::size_t kFew = 64, kExperts = 512;
        const auto first = first_base(x.symbols());
        const bool weighed = n <= kExperts && first && as<Function>(*first) != nullptr &&
                             has_zeros(*as<Function>(*first));
        if ((n <= kFew || weighed) && first && as<Scores>(*first) == nullptr) {
            Value sum = graphs::sliced(x, x.rank() - 1, 0, 1, 1);
            for (std::size_t i = 1; i < n; ++i)
                sum = added(sum,
                            graphs::sliced(x, x.rank() - 1, static_cast<std::int64_t>(i), 1, 1), 1);
            return sum;
        }
    }
    return atoms(
        add(Reduced{kind, std::get<Symbolic>(x.data), static_cast<std::uint32_t>(n)}, 0, 0), shape);
}

Value Recogniser::softmax(const Value& x) {
    return atoms(
        add(Softmax{std::get<Symbolic>(x.data), static_cast<std::uint32_t>(x.shape.back())}, 0, 0),
        x.shape);
}

Value Recogniser::lookup(const Expr& table, const Value& ids) {
    const auto first = first_base(ids.symbols());
    if (!first || as<Ids>(*first) == nullptr)
        fail("a table is looked up by what is computed from tokens");
    for (std::size_t i = 0; i < ids.symbols().size(); ++i) {
        const auto terms = ids.symbols().terms(i);
        if (terms.size() != 1 || terms[0].index != i || terms[0].factor != 1 ||
            ids.symbols().constant(i) != 0)
            fail("ids of tokens are changed before they are looked up");
    }
    const auto width = static_cast<std::uint32_t>(table->columns());
    const BaseId id = add(Lookup{table}, tokens_, width, "lookup " + table->key());
    Shape shape = ids.shape;
    shape.push_back(width);
    return atoms(id, shape);
}

Value Recogniser::places_of_largest(const Value& x, std::int64_t k) {
    const std::int64_t experts = x.shape.back(), rows = x.size() / experts;
    if (rows * k < experts)
        throw TooFewTokens{(experts + k - 1) / k};
    Shape shape = x.shape;
    shape.back() = k;
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < rows * k; ++i)
        places.push_back(i % experts);
    choices_.push_back({std::get<Symbolic>(x.data), static_cast<std::uint32_t>(experts),
                        static_cast<std::uint32_t>(k), places});
    return Value::ints(shape, std::move(places));
}

}  // namespace skald::compiler::raising
