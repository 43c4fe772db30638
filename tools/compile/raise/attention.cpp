// SPDX-License-Identifier: MIT
// Attention: softmax of masked, scaled products of queries and keys, times values. Heads are found
// by looking which columns each element is made of, rotary pairs and their angles by the factors
// of their columns at each position; how a graph turns, repeats and transposes does not matter.
#include <algorithm>
#include <cmath>
#include <optional>

#include "error.hpp"
#include "raise/recogniser.hpp"

namespace skald::compiler::raising {
namespace {

constexpr double kMasked = -1e4;  // what is added where nothing is seen
constexpr double kTolerance = 2e-6;
constexpr double kRough = 0.02;     // what 16 bits may change
constexpr double kRounding = 5e-7;  // of a product of two numbers of 32 bits

bool near(double a, double b) {
    return std::abs(a - b) <= kTolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

}  // namespace

class AttentionPattern {
  public:
    AttentionPattern(Recogniser& r, const Value& probabilities, const Value& values)
        : r_(r), p_(probabilities), v_(values) {}

    std::optional<Value> run() {
        if (!find_scores() || !leave_out_unused() || !check_mask() || !find_heads())
            return {};
        Heads h;
        h.heads = heads_;
        h.kv_heads = kv_heads_;
        h.k_dim = scores_.k;
        h.v_dim = v_dim_;
        if (!find_values(h) || !find_queries_and_keys(h))
            return {};
        note_cached(h.v_dim);
        h.scale = capped_.scale * q_factor_ * k_factor_;
        // Its roots may have been rounded, where half of it went to queries and half to keys.
        if (const double usual = 1 / std::sqrt(static_cast<double>(h.k_dim));
            std::abs(h.scale / usual - 1) < kRounding)
            h.scale = usual;
        h.soft_cap = capped_.cap;
        h.sinks = std::move(sinks_);
        if (const auto it = r_.masks().find(scores_id_); it != r_.masks().end())
            h.masks = it->second;
        return result(std::move(h));
    }

  private:
    bool no(std::string why) {
        r_.nearest_ = std::move(why);
        return false;
    }

    bool find_scores() {
        const Symbols& p = p_.symbols();
        const BaseId id = p.terms(0)[0].base;
        softmax_ = *r_.as<Softmax>(id);
        const auto keys = static_cast<std::size_t>(p_.shape.back());
        const bool with_sink = softmax_.group == keys + 1;
        for (std::size_t i = 0; i < p.size(); ++i) {
            const auto t = p.terms(i);
            const std::size_t own = with_sink ? i / keys * (keys + 1) + i % keys : i;
            if (t.size() != 1 || t[0].base != id || t[0].index != own || t[0].factor != 1 ||
                p.constant(i) != 0)
                return no("probabilities are changed before they weigh values");
        }
        if (with_sink && !take_sinks(keys))
            return false;
        const auto first = r_.first_base(*softmax_.of);
        if (!first || !r_.scores_below(*softmax_.of))
            return no("the softmax is not of products of queries and keys");
        for (std::size_t i = 0; i < softmax_.of->size(); ++i)
            if (!softmax_.of->terms(i).empty()) {
                Symbols one;
                for (const Term& t : softmax_.of->terms(i))
                    one.term(t);
                one.end();
                formula_.emplace(r_.formula(one, 0));
                break;
            }
        if (!formula_ || formula_->variables().size() != 1)
            return no("scores are made of more than one product");
        scores_id_ = formula_->variables()[0].base;
        if (r_.as<Scores>(scores_id_) == nullptr)
            return no("the softmax is not of products of queries and keys");
        scores_ = *r_.as<Scores>(scores_id_);
        const auto how = capped(*formula_);
        if (!how)
            return no("scores are changed in a way that is neither a scale nor a soft cap");
        capped_ = *how;
        heads_ = scores_.heads;
        return scores_.m == softmax_.group || no("the softmax is not over the keys");
    }

    // A cache of a fixed size has room behind what is in it, which no position sees: as if it were
    // not there.
    bool leave_out_unused() {
        const Symbols& x = *softmax_.of;
        const std::uint32_t m = scores_.m, n = scores_.n;
        if (x.size() != std::size_t{heads_} * n * m || v_.size() % (std::int64_t{heads_} * m) != 0)
            return no("values have another number of heads than keys");
        v_dim_ = static_cast<std::uint32_t>(v_.shape.back());
        values_ = std::get<Symbolic>(v_.data);
        stride_ = m;
        std::uint32_t used = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            if (!x.terms(i).empty() && x.constant(i) > kMasked)
                used = std::max(used, static_cast<std::uint32_t>(i % m) + 1);
        if (used == m || used < n || values_->size() != std::size_t{heads_} * m * v_dim_)
            return true;
        // What lies there is no key of a token.
        for (std::uint32_t h = 0; h < heads_; ++h)
            for (std::uint32_t i = 0; i < scores_.k; ++i)
                for (std::uint32_t s = used; s < m; ++s)
                    for (const Term& t : k().terms(k_at(h, s, i)))
                        if (r_.as<Past>(t.base) == nullptr)
                            return no(fmt::format("no position sees position {}", s));
        auto seen = std::make_shared<Symbols>(), keys = std::make_shared<Symbols>(),
             values = std::make_shared<Symbols>();
        for (std::size_t i = 0; i < x.size(); ++i)
            if (i % m < used)
                seen->copy(x, i);
        for (std::size_t i = 0; i < k().size(); ++i)
            if (i % m < used)
                keys->copy(k(), i);
        for (std::size_t i = 0; i < values_->size(); ++i)
            if (i / v_dim_ % m < used)
                values->copy(*values_, i);
        softmax_ = {std::move(seen), used};
        scores_.b = std::move(keys);
        scores_.m = used;
        values_ = std::move(values);
        return true;
    }

    // One more score at the end of each row, whose share nobody takes: the head's sink.
    bool take_sinks(std::size_t keys) {
        auto scores = std::make_shared<Symbols>();
        const Symbols& all = *softmax_.of;
        std::vector<double> sinks;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (i % (keys + 1) != keys)
                scores->copy(all, i);
            else if (all.terms(i).empty())
                sinks.push_back(all.constant(i));
            else
                return no("the softmax is over more than the keys");
        // The same in all rows of a head.
        const std::size_t rows =
            p_.shape.size() < 2 ? 0 : static_cast<std::size_t>(p_.shape[p_.shape.size() - 2]);
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            if (rows == 0 || sinks[i] != sinks[i / rows * rows])
                return no("sinks differ between positions");
            if (i % rows == 0)
                sinks_.push_back(sinks[i]);
        }
        softmax_.of = std::move(scores);
        softmax_.group = static_cast<std::uint32_t>(keys);
        return true;
    }

    // Each row sees itself and some of those before it; which is looked at again at greater
    // lengths.
    bool check_mask() {
        const Symbols& x = *softmax_.of;
        past_ = scores_.m - scores_.n;
        if (scores_.m < scores_.n || x.size() != std::size_t{heads_} * scores_.n * scores_.m)
            return no("there are fewer keys than queries");
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t row = i / scores_.m % scores_.n, key = i % scores_.m;
            const bool seen = !x.terms(i).empty() && x.constant(i) > kMasked;
            if (seen) {
                Symbols one;
                for (const Term& t : x.terms(i))
                    one.term(t);
                one.end();
                const Formula f = r_.formula(one, 0);
                if (!formula_ || !f.alike(*formula_) ||
                    f.variables()[0] !=
                        Atom{scores_id_, static_cast<std::uint32_t>(i / scores_.m * stride_ + key)})
                    return no("scores are moved or scaled one by one");
                if (x.constant(i) != 0)
                    return no(fmt::format("{} is added to the score of position {} and key {}",
                                          x.constant(i), row, key));
            }
            if (seen && key > row + past_)
                return no(
                    fmt::format("position {} sees position {}: not causal", row + past_, key));
            if (!seen && key == row + past_)
                return no(fmt::format("position {} does not see itself", key));
        }
        return true;
    }

    const Symbols& q() const { return *scores_.a; }
    const Symbols& k() const { return *scores_.b; }
    std::size_t q_at(std::uint32_t h, std::uint32_t t, std::uint32_t i) const {
        return (std::size_t{h} * scores_.n + t) * scores_.k + i;
    }
    std::size_t k_at(std::uint32_t h, std::uint32_t s, std::uint32_t i) const {
        return (std::size_t{h} * scores_.k + i) * scores_.m + s;
    }

    // Heads of queries that read the same keys are neighbours.
    bool find_heads() {
        const auto shared = [&](std::uint32_t h) {
            for (std::uint32_t i = 0; i < scores_.k; ++i)
                if (!std::ranges::equal(k().terms(k_at(h, scores_.m - 1, i)),
                                        k().terms(k_at(h - 1, scores_.m - 1, i))))
                    return false;
            return true;
        };
        kv_heads_ = 1;
        for (std::uint32_t h = 1; h < heads_; ++h)
            if (!shared(h))
                ++kv_heads_;
        if (heads_ % kv_heads_ != 0)
            return no("heads share keys unevenly");
        each_ = heads_ / kv_heads_;
        for (std::uint32_t h = 0; h < heads_; ++h)
            for (std::uint32_t s = 0; s < scores_.m; ++s)
                for (std::uint32_t i = 0; i < scores_.k; ++i) {
                    const auto a = k().terms(k_at(h, s, i));
                    const auto b = k().terms(k_at(h / each_ * each_, s, i));
                    if (!std::ranges::equal(a, b))
                        return no("heads share keys in an order that is not theirs");
                }
        return true;
    }

    void note_cached(std::uint32_t v_dim) {
        auto keys = std::make_shared<Symbols>(), values = std::make_shared<Symbols>();
        for (std::uint32_t g = 0; g < kv_heads_; ++g)
            for (std::uint32_t s = 0; s < scores_.m; ++s) {
                for (std::uint32_t i = 0; i < scores_.k; ++i) {
                    for (const Term& t : k().terms(k_at(g * each_, s, i)))
                        keys->term({t.base, t.index, t.factor / past_factor_});
                    keys->end();
                }
                for (std::uint32_t i = 0; i < v_dim; ++i)
                    values->copy(*values_, (std::size_t{g * each_} * scores_.m + s) * v_dim + i);
            }
        r_.cached_.push_back(std::move(keys));
        r_.cached_.push_back(std::move(values));
    }

    bool find_values(Heads& h) {
        const Symbols& v = *values_;
        const std::uint32_t dim = h.v_dim, m = scores_.m;
        if (v.size() != std::size_t{heads_} * m * dim)
            return no("values have another number of heads than keys");
        // The rows of this step, head after head.
        auto rows = std::make_shared<Symbols>();
        for (std::uint32_t t = past_; t < m; ++t)
            for (std::uint32_t g = 0; g < kv_heads_; ++g)
                for (std::uint32_t i = 0; i < dim; ++i)
                    rows->copy(v, (std::size_t{g * each_} * m + t) * dim + i);
        for (std::uint32_t head = 0; head < heads_; ++head)
            for (std::size_t i = 0; i < std::size_t{m} * dim; ++i)
                if (!std::ranges::equal(v.terms(head * std::size_t{m} * dim + i),
                                        v.terms(head / each_ * each_ * std::size_t{m} * dim + i)))
                    return no("heads share values in an order that is not that of keys");
        for (std::uint32_t g = 0; g < kv_heads_; ++g)
            for (std::uint32_t s = 0; s < past_; ++s)
                for (std::uint32_t i = 0; i < dim; ++i)
                    if (!is_past(v, (std::size_t{g * each_} * m + s) * dim + i, g, s, i, dim, 1))
                        return false;
        const auto found = r_.rows_of({rows.get(), std::size_t{kv_heads_} * dim});
        if (!found || !found->rows.empty() || found->factor != 1)
            return no("values: " + r_.nearest_);
        h.v = found->base;
        return true;
    }

    // Element (head, position, i) of a cache that came in as [1, heads, past, dim].
    bool is_past(const Symbols& s, std::size_t at, std::uint32_t g, std::uint32_t position,
                 std::uint32_t i, std::uint32_t dim, double scale) {
        const auto t = s.terms(at);
        // Keys and values may lie in one, one behind the other.
        const std::uint32_t whole = kv_heads_ * past_ * dim;
        if (t.size() != 1 || r_.as<Past>(t[0].base) == nullptr || t[0].factor != scale ||
            s.constant(at) != 0 || t[0].index % whole != (g * past_ + position) * dim + i)
            return no("what is read of the cache is changed, or not all of it");
        return true;
    }

    bool find_queries_and_keys(Heads& h) {
        const std::uint32_t dim = scores_.k;
        // [row][head][dim]
        Symbols queries, keys;
        for (std::uint32_t t = 0; t < scores_.n; ++t)
            for (std::uint32_t head = 0; head < heads_; ++head)
                for (std::uint32_t i = 0; i < dim; ++i)
                    queries.copy(q(), q_at(head, t, i));
        for (std::uint32_t t = past_; t < scores_.m; ++t)
            for (std::uint32_t g = 0; g < kv_heads_; ++g)
                for (std::uint32_t i = 0; i < dim; ++i)
                    keys.copy(k(), k_at(g * each_, t, i));
        // Part of the scale may be multiplied with keys, those of the cache and new ones alike:
        // whether they are is seen where the cache goes out.
        if (past_ != 0)
            if (const auto t = k().terms(k_at(0, 0, 0)); t.size() == 1 && t[0].factor != 0)
                past_factor_ = t[0].factor;
        for (std::uint32_t g = 0; g < kv_heads_; ++g)
            for (std::uint32_t s = 0; s < past_; ++s)
                for (std::uint32_t i = 0; i < dim; ++i)
                    if (!is_past(k(), k_at(g * each_, s, i), g, s, i, dim, past_factor_))
                        return false;
        // At positions behind a cache angles are looked at elsewhere.
        if (past_ != 0)
            return true;
        const auto a = turned(queries, heads_, dim, "queries");
        const auto b = keys_of(keys);
        if (!a || !b)
            return false;
        if (a->frequencies.size() != b->frequencies.size())
            return no("queries are turned and keys are not, or otherwise");
        for (std::size_t i = 0; i < a->frequencies.size(); ++i)
            if (!near(a->frequencies[i], b->frequencies[i]))
                return no("queries and keys are turned by different angles");
        if (a->order != b->order)
            return no("queries and keys are turned in different pairs");
        h.q = a->base;
        h.k = b->base;
        h.shared = b->shared;
        h.frequencies = a->frequencies;
        h.amplitude = std::sqrt(a->amplitude * b->amplitude);
        q_factor_ = a->factor;
        k_factor_ = b->factor;
        return true;
    }

    struct Resolved {
        BaseId base = 0;
        std::vector<std::uint32_t> order;  // of a head's dimensions
        std::vector<double> frequencies;
        double amplitude = 1, factor = 1;
        std::optional<BaseId> shared;  // what is turned, the same in all heads
    };

    // Of latent attention the columns that are turned are another product's, one for all heads.
    std::optional<Resolved> keys_of(const Symbols& keys) {
        const std::uint32_t dim = scores_.k;
        std::vector<std::uint32_t> own, shared;
        const auto base = [&](std::size_t i) {
            return keys.terms(i).empty() ? std::optional<BaseId>() : keys.terms(i)[0].base;
        };
        for (std::uint32_t i = 0; i < dim; ++i) {
            bool same = kv_heads_ > 1;
            for (std::uint32_t g = 1; g < kv_heads_; ++g)
                same = same && std::ranges::equal(keys.terms(g * dim + i), keys.terms(i));
            (same ? shared : own).push_back(i);
        }
        if (shared.empty() || own.empty() || base(shared[0]) == base(own[0]))
            return turned(keys, kv_heads_, dim, "keys");
        Symbols turning, plain;
        for (std::uint32_t t = 0; t < scores_.n; ++t)
            for (std::uint32_t g = 0; g < kv_heads_; ++g) {
                const std::size_t first = (std::size_t{t} * kv_heads_ + g) * dim;
                for (const std::uint32_t i : own)
                    plain.copy(keys, first + i);
                for (const std::uint32_t i : shared)
                    if (g == 0)
                        turning.copy(keys, first + i);
                    else if (!std::ranges::equal(keys.terms(first + i),
                                                 keys.terms(first - g * dim + i))) {
                        no("keys: heads share what is turned at some positions only");
                        return {};
                    }
            }
        const auto a = turned(turning, 1, static_cast<std::uint32_t>(shared.size()), "shared keys");
        auto b = turned(plain, kv_heads_, static_cast<std::uint32_t>(own.size()), "keys");
        if (!a || !b)
            return {};
        if (!b->frequencies.empty() || 2 * a->frequencies.size() != shared.size()) {
            no("keys: what heads share is not what is turned");
            return {};
        }
        Resolved out = *b;
        out.order.clear();
        for (const std::uint32_t i : a->order)
            out.order.push_back(shared[i]);
        for (const std::uint32_t i : b->order)
            out.order.push_back(own[i]);
        out.frequencies = a->frequencies;
        out.amplitude = a->factor * a->amplitude / b->factor;
        out.shared = a->base;
        return out;
    }

    // One dimension of a head: the column it keeps, and the one it is mixed with.
    struct Dimension {
        std::uint32_t column = 0;
        std::optional<std::uint32_t> partner;
        double factor = 1;  // of its own column where nothing is turned
    };

    std::optional<Resolved> turned(const Symbols& s, std::uint32_t heads, std::uint32_t dim,
                                   const char* what) {
        const auto fault = [&](std::string_view why) {
            r_.nearest_ = fmt::format("{}: {}", what, why);
            return std::nullopt;
        };
        if (s.terms(0).empty())
            return fault("they do not depend on tokens");
        const BaseId of = s.terms(0)[0].base;
        const std::uint32_t width = r_.base(of).width, rows = r_.base(of).rows;
        if (width == 0)
            return fault(
                fmt::format("{} is no matrix with a row for each token", r_.base(of).path));
        const auto element = [&](std::uint32_t t, std::uint32_t h, std::uint32_t i) {
            return (std::size_t{t} * heads + h) * dim + i;
        };
        if (rows != s.size() / (std::size_t{heads} * dim))
            return fault("they are not those of all tokens");
        // The factor of a column in an element.
        const auto factor = [&](std::uint32_t t, std::uint32_t h, std::uint32_t i,
                                std::uint32_t column) {
            for (const Term& term : s.terms(element(t, h, i)))
                if (term.index == t * width + column)
                    return term.factor;
            return 0.0;
        };
        std::vector<Dimension> dims;
        for (std::uint32_t h = 0; h < heads; ++h)
            for (std::uint32_t i = 0; i < dim; ++i) {
                const auto terms = s.terms(element(0, h, i));
                if (terms.empty() || terms.size() > 2)
                    return fault("they are neither plain nor turned in pairs");
                for (std::uint32_t t = 0; t < rows; ++t) {
                    const auto here = s.terms(element(t, h, i));
                    if (here.size() != terms.size() || s.constant(element(t, h, i)) != 0)
                        return fault("they are made differently at different positions");
                    for (std::size_t n = 0; n < here.size(); ++n)
                        if (here[n].base != of || here[n].index != terms[n].index + t * width)
                            return fault("they are made of several things");
                }
                // At position 0 nothing is turned.
                std::size_t own = 0;
                if (terms.size() == 2 && std::abs(terms[1].factor) > std::abs(terms[0].factor))
                    own = 1;
                Dimension d{terms[own].index % width, {}, terms[own].factor};
                if (terms.size() == 2) {
                    d.partner = terms[1 - own].index % width;
                    if (past_ == 0 && terms[1 - own].factor != 0)
                        return fault("they are turned at position 0");
                }
                if (d.factor == 0)
                    return fault("a column has the factor 0");
                dims.push_back(d);
            }
        return resolve(of, heads, dim, dims, rows, factor, fault);
    }

    template <typename Factor, typename Fault>
    std::optional<Resolved> resolve(BaseId of, std::uint32_t heads, std::uint32_t dim,
                                    const std::vector<Dimension>& dims, std::uint32_t rows,
                                    const Factor& factor, const Fault& fault) {
        Resolved out;
        std::vector<std::uint32_t> firsts, seconds, rest;
        for (std::uint32_t i = 0; i < dim; ++i) {
            const auto partner = dims[i].partner;
            if (!partner) {
                rest.push_back(i);
                continue;
            }
            std::uint32_t j = 0;
            while (j < dim && dims[j].column != *partner)
                ++j;
            if (j == dim || dims[j].partner != dims[i].column || j == i)
                return fault("what is turned are no pairs");
            // first' = cos first - sin second
            const double mixed = rows > 1 ? factor(1, 0, i, *partner) / dims[j].factor : 0;
            if (mixed < 0 || (mixed == 0 && i < j)) {
                firsts.push_back(i);
                seconds.push_back(j);
            }
        }
        if (2 * firsts.size() + rest.size() != dim)
            return fault("what is turned are no pairs");
        // Angles of position 1; those of all positions and heads must follow.
        for (std::size_t p = 0; p < firsts.size(); ++p) {
            const Dimension &a = dims[firsts[p]], &b = dims[seconds[p]];
            out.frequencies.push_back(std::atan2(-factor(1, 0, firsts[p], b.column) / b.factor,
                                                 factor(1, 0, firsts[p], a.column) / a.factor));
        }
        out.order = firsts;
        out.order.insert(out.order.end(), seconds.begin(), seconds.end());
        out.order.insert(out.order.end(), rest.begin(), rest.end());
        std::vector<std::uint32_t> columns;
        const double turned_factor = firsts.empty() ? dims[0].factor : dims[firsts[0]].factor;
        const double plain_factor = rest.empty() ? turned_factor : dims[rest[0]].factor;
        for (std::uint32_t h = 0; h < heads; ++h)
            for (const std::uint32_t i : out.order)
                columns.push_back(dims[h * dim + i].column);
        for (std::uint32_t h = 0; h < heads; ++h) {
            for (std::size_t p = 0; p < firsts.size(); ++p) {
                const std::uint32_t i = firsts[p], j = seconds[p];
                const Dimension &a = dims[h * dim + i], &b = dims[h * dim + j];
                if (a.partner != b.column || b.partner != a.column)
                    return fault("heads are turned in different pairs");
                if (!near(a.factor, turned_factor) || !near(b.factor, turned_factor))
                    return fault("columns are scaled one by one");
                for (std::uint32_t t = 0; t < rows; ++t) {
                    const double angle = t * out.frequencies[p];
                    const double c = std::cos(angle) * a.factor, s = std::sin(angle) * a.factor;
                    const double error = std::max({std::abs(factor(t, h, i, a.column) - c),
                                                   std::abs(factor(t, h, i, b.column) + s),
                                                   std::abs(factor(t, h, j, b.column) - c),
                                                   std::abs(factor(t, h, j, a.column) - s)});
                    if (error > kRough * std::abs(a.factor))
                        return fault("the angles of pairs do not grow with the position");
                    if (error > kTolerance * std::max(1.0, std::abs(a.factor)))
                        return fault(
                            "the angles of pairs grow with the position only roughly, as if they "
                            "were rounded to 16 bits");
                }
            }
            for (const std::uint32_t i : rest)
                for (std::uint32_t t = 0; t < rows; ++t)
                    if (!near(factor(t, h, i, dims[h * dim + i].column), plain_factor))
                        return fault("columns are scaled one by one");
        }
        const auto base = r_.columns(of, columns);
        if (!base)
            return fault(fmt::format("they are columns of {}, which cannot be taken apart",
                                     r_.base(of).path));
        out.base = *base;
        out.factor = plain_factor;
        out.amplitude = turned_factor / plain_factor;
        return out;
    }

    Value result(Heads h) {
        const std::uint32_t n = scores_.n, dim = h.v_dim, width = heads_ * dim;
        const BaseId id = r_.add(std::move(h), n, width);
        auto s = std::make_shared<Symbols>();
        s->reserve(std::size_t{n} * width);
        for (std::uint32_t head = 0; head < heads_; ++head)
            for (std::uint32_t t = 0; t < n; ++t)
                for (std::uint32_t i = 0; i < dim; ++i)
                    s->atom(id, t * width + head * dim + i);
        graphs::Shape shape(p_.shape.begin(), p_.shape.end() - 1);
        shape.push_back(dim);
        return Recogniser::symbolic(shape, std::move(s));
    }

    Recogniser& r_;
    const Value &p_, &v_;
    Softmax softmax_;
    Scores scores_;
    Symbolic values_;
    std::uint32_t v_dim_ = 0, stride_ = 0;  // of keys, with those that are not used
    BaseId scores_id_ = 0;
    std::optional<Formula> formula_;
    Capped capped_;
    std::vector<double> sinks_;
    std::uint32_t heads_ = 0, kv_heads_ = 0, each_ = 1, past_ = 0;
    double q_factor_ = 1, k_factor_ = 1, past_factor_ = 1;  // of all keys of the cache
};

std::optional<Value> Recogniser::as_attention(const Value& probabilities, const Value& values) {
    return AttentionPattern(*this, probabilities, values).run();
}

}  // namespace skald::compiler::raising
