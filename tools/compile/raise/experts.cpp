// SPDX-License-Identifier: MIT
// Experts: for each token a sum of what some experts put out, each times a weight that the softmax
// or the sigmoid of a router's scores gives. Which expert a token went to was chosen when the graph
// was evaluated, so that every expert has one; that the sums follow that choice is what is looked
// at here.
#include <algorithm>
#include <array>
#include <cmath>

#include "error.hpp"
#include "raise/recogniser.hpp"
#include "skald/isa.hpp"

namespace skald::compiler::raising {

class ExpertsPattern {
  public:
    ExpertsPattern(Recogniser& r, const View& view) : r_(r), v_(view), s_(*view.symbols) {}

    std::optional<Rows> run() {
        if (!looks_like_experts())
            return {};
        for (std::size_t t = 0; t < v_.rows(); ++t)
            if (!read_row(t))
                return {};
        if (experts_.size() != count_) {
            no("not every expert has a token");
            return {};
        }
        if (!read_choice())
            return {};
        return result();
    }

  private:
    // A term of an element: the product of an expert, and the formula of its weight.
    struct Slot {
        Atom output;
        std::size_t at = 0;  // among the formula's variables
        Formula formula;
    };

    bool no(std::string_view why) {
        r_.nearest_ = fmt::format("this looks like experts, but {}", why);
        return false;
    }

    bool is_output(BaseId id) const {
        const auto* p = r_.as<Product>(id);
        return p != nullptr && r_.as<Activated>(p->of) != nullptr;
    }

    // A router's product, of which the sigmoid is a weight.
    bool is_score(BaseId id) const { return r_.as<Product>(id) != nullptr && !is_output(id); }

    // Terms of an element that are not multiplied with nothing.
    std::vector<std::size_t> terms(std::size_t element) const {
        std::vector<std::size_t> out;
        for (std::size_t k = 0; k < s_.terms(element).size(); ++k) {
            const Term& t = s_.terms(element)[k];
            const auto* f = r_.as<Function>(t.base);
            const bool none = f != nullptr && f->op == Scalar::kMul &&
                              std::ranges::any_of(f->arguments, [&](const Symbolic& a) {
                                  return a->terms(t.index).empty() && a->constant(t.index) == 0;
                              });
            if (!none)
                out.push_back(k);
        }
        return out;
    }

    bool looks_like_experts() const {
        for (const std::size_t k : terms(0)) {
            const Symbols one = term(0, k);
            const Formula formula = r_.formula(one, 0);
            const auto& variables = formula.variables();
            return std::ranges::any_of(variables,
                                       [&](const Atom& a) { return is_output(a.base); }) &&
                   std::ranges::any_of(variables, [&](const Atom& a) {
                       return r_.as<Softmax>(a.base) != nullptr || is_score(a.base);
                   });
        }
        return false;
    }

    Symbols term(std::size_t element, std::size_t k) const {
        Symbols one;
        one.term(s_.terms(element)[k]);
        one.end();
        return one;
    }

    std::optional<Slot> slot(std::size_t element, std::size_t k) {
        Slot s{{}, 0, r_.formula(term(element, k), 0)};
        const auto& variables = s.formula.variables();
        std::size_t outputs = 0;
        for (std::size_t i = 0; i < variables.size(); ++i)
            if (is_output(variables[i].base)) {
                s.output = variables[i];
                s.at = i;
                ++outputs;
            } else if (r_.as<Softmax>(variables[i].base) == nullptr &&
                       !is_score(variables[i].base)) {
                no("their weights are neither of a softmax nor of scores");
                return {};
            }
        if (outputs != 1) {
            no("what they put out is mixed otherwise");
            return {};
        }
        return s;
    }

    bool read_row(std::size_t t) {
        const std::size_t first = t * v_.width;
        const std::vector<std::size_t> own_terms = terms(first);
        const std::size_t n = own_terms.size();
        if (t == 0)
            chosen_ = n;
        if (n != chosen_)
            return no("tokens have different numbers of them");
        std::vector<std::vector<std::size_t>> columns;
        for (std::size_t c = 0; c < v_.width; ++c) {
            columns.push_back(terms(first + c));
            if (columns.back().size() != n || s_.constant(first + c) != 0)
                return no("columns are sums of different experts");
        }
        for (std::size_t k = 0; k < n; ++k) {
            const auto own = slot(first, own_terms[k]);
            if (!own || !read_slot(*own, t))
                return false;
            const std::uint32_t width = r_.base(own->output.base).width;
            if (width != v_.width || own->output.index % width != 0)
                return no("not all of what they put out is taken");
            for (std::size_t c = 1; c < v_.width; ++c) {
                const auto other = slot(first + c, columns[c][k]);
                if (!other)
                    return false;
                if (!other->formula.alike(own->formula) || other->output.base != own->output.base ||
                    other->output.index != own->output.index + c)
                    return no("columns are sums of different experts");
                for (std::size_t i = 0; i < own->formula.variables().size(); ++i)
                    if (i != own->at &&
                        other->formula.variables()[i] != own->formula.variables()[i])
                        return no("columns have different weights");
            }
        }
        return true;
    }

    // Which expert it is, and that its weight is what a router gives.
    bool read_slot(const Slot& s, std::size_t t) {
        const auto& variables = s.formula.variables();
        std::vector<double> x = scores(s, std::vector<double>(variables.size(), 0.25));
        const double base = s.formula(x);
        std::optional<std::size_t> own;
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (i == s.at)
                continue;
            std::vector<double> more(variables.size(), 0.25);
            more[i] = 0.5;
            if (s.formula(scores(s, more)) > base) {
                if (own)
                    return no("a weight grows with two scores");
                own = i;
            }
        }
        if (!own)
            return no("a weight grows with no score");
        if (!read_weight(s, *own))
            return false;
        const Atom& score = variables[*own];
        if (scores_of_ && *scores_of_ != score.base)
            return no("their weights are of several softmaxes or routers");
        scores_of_ = score.base;
        Atom logit = score;
        if (const auto* softmax = r_.as<Softmax>(score.base)) {
            // Over all experts, or over those chosen.
            const auto of = softmax->of->terms(score.index);
            if (of.size() != 1 || of[0].factor != 1 || r_.as<Product>(of[0].base) == nullptr ||
                softmax->of->constant(score.index) != 0)
                return no("the softmax is not of a router's product");
            logit = {of[0].base, of[0].index};
            over_chosen_ = softmax->group != r_.base(logit.base).width;
            if (over_chosen_ && softmax->group != chosen_)
                return no("the softmax is neither over all nor over those chosen");
        } else {
            sigmoid_ = true;
        }
        router_ = logit.base;
        count_ = r_.base(router_).width;
        if (logit.index / count_ != t)
            return no("a weight is another token's");
        return read_expert(logit.index % count_, s.output, t);
    }

    // Variables so that their scores, where they are a router's product, are these; 1 for what is
    // put out.
    std::vector<double> scores(const Slot& s, std::vector<double> x) const {
        for (std::size_t i = 0; i < x.size(); ++i)
            if (i == s.at)
                x[i] = 1;
            else if (is_score(s.formula.variables()[i].base))
                x[i] = std::log(x[i] / (1 - x[i]));
        return x;
    }

    bool read_weight(const Slot& s, std::size_t own) {
        const std::size_t n = s.formula.variables().size();
        std::vector<double> x(n);
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i)
            if (i != s.at)
                sum += x[i] = 0.8 * static_cast<double>(i + 1) / static_cast<double>(n);
        std::vector<double> given = scores(s, x);
        const double w = s.formula(given);
        given[s.at] = -3;
        const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); };
        if (!near(s.formula(given), -3 * w))
            return no("what they put out is not weighed");
        const bool renormalise = n - 1 == chosen_ && chosen_ > 1;
        if (n != 2 && !renormalise)
            return no("a weight is made of some of the scores");
        const double scale = w / (renormalise ? x[own] / sum : x[own]);
        // The same at other scores.
        sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            x[i] *= x[i];
            sum += i == s.at ? 0 : x[i];
        }
        const double again = s.formula(scores(s, x));
        if (!near(again, scale * (renormalise ? x[own] / sum : x[own])))
            return no("a weight is neither a score nor its share of those chosen");
        if (scale_ && (!near(scale, *scale_) || renormalise != renormalise_))
            return no("weights are made in different ways");
        scale_ = near(scale, 1) ? 1 : scale;
        renormalise_ = renormalise;
        return true;
    }

    bool read_expert(std::uint32_t expert, const Atom& output, std::size_t t) {
        const Product& down = *r_.as<Product>(output.base);
        const Activated& mid = *r_.as<Activated>(down.of);
        const auto* gate = r_.as<Product>(mid.gate);
        const auto* up = mid.up ? r_.as<Product>(*mid.up) : gate;
        if (gate == nullptr || up == nullptr)
            return no("what they compute with is no product");
        if (!down.source_rows.empty() || gate->source_rows != up->source_rows || gate->of != up->of)
            return no("both sides of a gate do not read the same");
        if (gate->factor != 1 || up->factor != 1)
            return no("what they read is scaled");
        const std::uint32_t row = output.index / r_.base(output.base).width;
        if ((gate->source_rows.empty() ? row : gate->source_rows.at(row)) != t)
            return no("a token has what was computed for another");
        if (of_ && *of_ != gate->of)
            return no("they do not all read the same");
        of_ = gate->of;
        if (function_ &&
            (function_->function != mid.function || function_->parameters != mid.parameters ||
             function_->up.has_value() != mid.up.has_value()))
            return no("they have different functions");
        function_ = mid;
        const Of found{
            gate->weight, up->weight, expr::times(down.weight, static_cast<float>(down.factor)),
            gate->bias,   up->bias,   down.bias};
        const auto [it, is_new] = experts_.emplace(expert, found);
        return is_new || it->second.down->key() == found.down->key() || no("an expert is two");
    }

    // ---- which experts are chosen ----

    // The function of its own score by which an expert is chosen; nothing: it cannot be.
    struct Chooser {
        bool masked = false;
        double constant = 0;  // of what is masked
        double added = 0;
    };

    // Element i of what the largest of were asked for, as a score and what is added to it.
    std::optional<Chooser> chooser(const Symbols& of, std::size_t i) {
        Chooser c;
        if (of.terms(i).empty())
            return Chooser{true, of.constant(i), 0};
        const Formula f = r_.formula(of, i);
        if (f.variables().size() != 1)
            return {};
        const Atom& a = f.variables()[0];
        const bool softmax = scores_of_ == a.base && !sigmoid_;
        if ((!softmax && a.base != router_) || a.index != i)
            return {};
        const auto at = [&](double score) {
            const double x = softmax || !sigmoid_ ? score : std::log(score / (1 - score));
            return f(std::span(&x, 1));
        };
        // Sigmoids are in the order of what they are of.
        const std::array<double, 2> two{-1.5, 0.75};
        if (sigmoid_ && f(std::span(two).first(1)) == two[0] && f(std::span(two).last(1)) == two[1])
            return c;
        c.added = at(0.25) - 0.25;
        for (const double score : {0.125, 0.5, 0.9})
            if (std::abs(at(score) - score - c.added) > 1e-9)
                return {};
        if (std::abs(c.added) < 1e-12)
            c.added = 0;
        return c;
    }

    bool read_choice() {
        const auto is_ours = [&](const Recogniser::Choice& c) {
            if (c.width != count_ || c.k != chosen_ || c.of->size() != v_.rows() * count_)
                return false;
            for (std::size_t i = 0; i < c.of->size(); ++i)
                if (const auto terms = c.of->terms(i); !terms.empty()) {
                    const Formula f = r_.formula(*c.of, i);
                    return f.variables().size() == 1 && (f.variables()[0].base == router_ ||
                                                         f.variables()[0].base == scores_of_);
                }
            return false;
        };
        std::size_t n = r_.choices_.size();
        while (n > 0 && !is_ours(r_.choices_[n - 1]))
            --n;
        if (n == 0)
            return no("they are not those of the largest scores");
        const Recogniser::Choice& choice = r_.choices_[n - 1];
        std::vector<std::optional<double>> added(count_);
        std::vector<bool> kept(choice.of->size());
        bool masked = false;
        for (std::size_t i = 0; i < kept.size(); ++i) {
            const auto c = chooser(*choice.of, i);
            if (!c)
                return no("they are chosen by something else than a score and a bias");
            kept[i] = !c->masked;
            if (c->masked) {
                if (c->constant != 0 && c->constant > -1e30)
                    return no(fmt::format("those left out have the score {}", c->constant));
                mask_out_ = c->constant != 0;
                masked = true;
                continue;
            }
            auto& own = added[i % count_];
            if (own && std::abs(*own - c->added) > 1e-9)
                return no("what is added to a score differs between tokens");
            own = own.value_or(c->added);
        }
        for (const auto& a : added)
            choice_bias_.push_back(a.value_or(0));
        if (std::ranges::all_of(choice_bias_, [](double x) { return x == 0; }))
            choice_bias_.clear();
        if (!masked)
            return true;
        if (!std::ranges::all_of(added, [](const auto& a) { return a.has_value(); }))
            return no("an expert is chosen by no token");
        return read_groups(n - 1, kept);
    }

    // The best groups first: by their largest score, or the sum of their two largest.
    bool read_groups(std::size_t last, const std::vector<bool>& kept) {
        for (std::size_t n = last; n-- > 0;) {
            const Recogniser::Choice& g = r_.choices_[n];
            if (g.of->size() != v_.rows() * g.width || g.width >= count_ || count_ % g.width != 0)
                continue;
            groups_ = g.width;
            groups_kept_ = g.k;
            const std::uint32_t each = count_ / groups_;
            for (std::size_t t = 0; t < v_.rows(); ++t) {
                std::vector<bool> expected(count_);
                for (std::uint32_t i = 0; i < g.k; ++i)
                    for (std::uint32_t e = 0; e < each; ++e)
                        expected[static_cast<std::size_t>(g.places[t * g.k + i]) * each + e] = true;
                for (std::uint32_t e = 0; e < count_; ++e)
                    if (kept[t * count_ + e] != expected[e])
                        return no("those left out are not those of other groups");
                for (std::uint32_t group = 0; group < groups_; ++group)
                    if (!read_group(*g.of, t, group, each))
                        return false;
            }
            return true;
        }
        return no("some are left out, and not by groups");
    }

    bool read_group(const Symbols& of, std::size_t t, std::uint32_t group, std::uint32_t each) {
        const std::size_t i = t * groups_ + group;
        const auto terms = of.terms(i);
        const std::size_t first = t * count_ + std::size_t{group} * each;
        if (terms.size() == 1 && terms[0].factor == 1)
            if (const auto* most = r_.as<Reduced>(terms[0].base);
                most != nullptr && most->kind == graphs::Reduction::kMax && most->group == each &&
                of.constant(i) == 0) {
                for (std::uint32_t e = 0; e < each; ++e) {
                    const auto c = moved_chooser(*most->of, terms[0].index * each + e, first + e);
                    if (!c)
                        return no("groups are not chosen by their largest score");
                }
                return true;
            }
        const Formula f = r_.formula(of, i);
        const std::size_t n = f.variables().size();
        if (n != 1 && n != 2)
            return no("groups are chosen neither by their largest score nor by two");
        group_sum2_ = n == 2;
        // Those that were the largest of the group.
        const std::size_t row = t * groups_ + group;
        const auto are_largest = [&](const Recogniser::Choice& c) {
            if (c.width != each || c.k != n || c.of->size() != v_.rows() * count_)
                return false;
            for (std::size_t v = 0; v < n; ++v)
                if (f.variables()[v].index !=
                    first + static_cast<std::size_t>(c.places[row * n + v]))
                    return false;
            for (std::uint32_t e = 0; e < each; ++e)
                if (!moved_chooser(*c.of, first + e, first + e))
                    return false;
            return true;
        };
        if (std::ranges::none_of(r_.choices_, are_largest))
            return no("groups are not chosen by their largest scores");
        std::array<double, 2> at{0.25, 0.25};
        double expected = 0;
        for (std::size_t v = 0; v < n; ++v) {
            const Atom& a = f.variables()[v];
            expected += 0.25 + (choice_bias_.empty() ? 0 : choice_bias_[a.index % count_]);
            if (sigmoid_)
                at[v] = std::log(0.25 / 0.75);
        }
        if (std::abs(f(std::span(at).first(n)) - expected) > 1e-9)
            return no("groups are not chosen by the sum of two scores");
        return true;
    }

    // Like chooser(), of an element that is number `own` of the scores.
    std::optional<Chooser> moved_chooser(const Symbols& of, std::size_t i, std::size_t own) {
        Symbols one;
        for (std::size_t k = 0; k < own; ++k)
            one.end();
        one.copy(of, i);
        const auto c = chooser(one, own);
        const double bias = choice_bias_.empty() ? 0 : choice_bias_[own % count_];
        if (!c || c->masked || std::abs(c->added - bias) > 1e-9)
            return {};
        return c;
    }

    std::optional<Rows> result() {
        if (!of_ || !scale_ || !function_) {
            no("no token has any");
            return {};
        }
        Mixture m;
        m.router = router_;
        m.of = *of_;
        m.count = count_;
        m.chosen = static_cast<std::uint32_t>(chosen_);
        m.score = static_cast<std::uint8_t>(sigmoid_       ? isa::Score::Sigmoid
                                            : over_chosen_ ? isa::Score::SoftmaxChosen
                                                           : isa::Score::Softmax);
        m.renormalise = renormalise_;
        m.scale = *scale_;
        m.function = function_->function;
        m.parameters = function_->parameters;
        m.choice_bias = choice_bias_;
        m.groups = groups_;
        m.groups_kept = groups_kept_;
        m.group_sum2 = group_sum2_;
        m.mask_out = mask_out_;
        std::string key = fmt::format("experts {} {} {} {} {:a} {} {} {}", router_, *of_, m.score,
                                      renormalise_, *scale_, m.function, groups_, groups_kept_);
        for (const auto& [expert, of] : experts_) {
            if (function_->up)
                m.gates.push_back(of.gate);
            m.ups.push_back(of.up);
            m.downs.push_back(of.down);
            m.gate_biases.push_back(of.gate_bias);
            m.up_biases.push_back(of.up_bias);
            m.down_biases.push_back(of.down_bias);
            key += " " + of.down->key();
        }
        for (const auto* biases : {&m.gate_biases, &m.up_biases, &m.down_biases})
            if (std::ranges::any_of(*biases, [](const auto& b) { return b.empty(); }) &&
                std::ranges::any_of(*biases, [](const auto& b) { return !b.empty(); })) {
                no("some have biases, and some have none");
                return {};
            }
        const BaseId id = r_.add(std::move(m), static_cast<std::uint32_t>(v_.rows()),
                                 static_cast<std::uint32_t>(v_.width), key);
        return Rows{id, 1, {}};
    }

    struct Of {
        Expr gate, up, down;
        std::vector<double> gate_bias, up_bias, down_bias;
    };

    Recogniser& r_;
    const View& v_;
    const Symbols& s_;
    std::size_t chosen_ = 0;
    std::uint32_t count_ = 0;
    BaseId router_ = 0;
    std::optional<BaseId> scores_of_, of_;
    std::optional<Activated> function_;
    std::optional<double> scale_;
    bool renormalise_ = false, over_chosen_ = false, sigmoid_ = false;
    std::map<std::uint32_t, Of> experts_;
    std::vector<double> choice_bias_;
    std::uint32_t groups_ = 0, groups_kept_ = 0;
    bool group_sum2_ = false, mask_out_ = false;
};

std::optional<Rows> Recogniser::as_experts(const View& view) {
    return ExpertsPattern(*this, view).run();
}

}  // namespace skald::compiler::raising
