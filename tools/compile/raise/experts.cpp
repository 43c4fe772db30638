// SPDX-License-Identifier: MIT
// Experts: for each token a sum of what some experts put out, each times a weight that a router's
// softmax gives. Which expert a token went to was chosen when the graph was evaluated, so that
// every expert has one; that the sums follow that choice is what is looked at here.
#include <algorithm>
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
        if (downs_.size() != count_) {
            no("not every expert has a token");
            return {};
        }
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

    bool looks_like_experts() const {
        const Symbols one = term(0, 0);
        const Formula formula = r_.formula(one, 0);
        const auto& variables = formula.variables();
        return std::ranges::any_of(variables, [&](const Atom& a) { return is_output(a.base); }) &&
               std::ranges::any_of(
                   variables, [&](const Atom& a) { return r_.as<Softmax>(a.base) != nullptr; });
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
            } else if (r_.as<Softmax>(variables[i].base) == nullptr) {
                no("their weights are not of a softmax");
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
        const std::size_t n = s_.terms(first).size();
        if (t == 0)
            chosen_ = n;
        if (n != chosen_)
            return no("tokens have different numbers of them");
        for (std::size_t k = 0; k < n; ++k) {
            const auto own = slot(first, k);
            if (!own || !read_slot(*own, t))
                return false;
            const std::uint32_t width = r_.base(own->output.base).width;
            if (width != v_.width || own->output.index % width != 0)
                return no("not all of what they put out is taken");
            for (std::size_t c = 1; c < v_.width; ++c) {
                if (s_.terms(first + c).size() != n || s_.constant(first + c) != 0)
                    return no("columns are sums of different experts");
                const auto other = slot(first + c, k);
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
        std::vector<double> x(variables.size(), 0.25);
        x[s.at] = 1;
        const double base = s.formula(x);
        std::optional<std::size_t> own;
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (i == s.at)
                continue;
            x[i] = 0.5;
            if (s.formula(x) > base) {
                if (own)
                    return no("a weight grows with two scores");
                own = i;
            }
            x[i] = 0.25;
        }
        if (!own)
            return no("a weight grows with no score");
        if (!read_weight(s, *own))
            return false;
        const Atom& score = variables[*own];
        const Softmax& softmax = *r_.as<Softmax>(score.base);
        if (softmax_ && *softmax_ != score.base)
            return no("their weights are of several softmaxes");
        softmax_ = score.base;
        // Over all experts, or over those chosen.
        const auto logit = softmax.of->terms(score.index);
        if (logit.size() != 1 || logit[0].factor != 1 || r_.as<Product>(logit[0].base) == nullptr)
            return no("the softmax is not of a router's product");
        router_ = logit[0].base;
        count_ = r_.base(router_).width;
        over_chosen_ = softmax.group != count_;
        if (over_chosen_ && softmax.group != chosen_)
            return no("the softmax is neither over all nor over those chosen");
        if (logit[0].index / count_ != t)
            return no("a weight is another token's");
        return read_expert(logit[0].index % count_, s.output, t);
    }

    bool read_weight(const Slot& s, std::size_t own) {
        // Of scores 0.1, 0.2 ...
        std::vector<double> x(s.formula.variables().size());
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            if (i != s.at)
                sum += x[i] = 0.1 * static_cast<double>(i + 1);
        x[s.at] = 1;
        const double w = s.formula(x);
        x[s.at] = -3;
        const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); };
        if (!near(s.formula(x), -3 * w))
            return no("what they put out is not weighed");
        const bool renormalise = x.size() - 1 == chosen_ && chosen_ > 1;
        if (x.size() != 2 && !renormalise)
            return no("a weight is made of some of the scores");
        const double scale = w / (renormalise ? x[own] / sum : x[own]);
        // The same at other scores.
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] *= x[i];
        sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            sum += i == s.at ? 0 : x[i];
        const double again = s.formula(x) / x[s.at];
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
        if (!mid.up)
            return no("they have no gate");
        const Product &gate = *r_.as<Product>(mid.gate), &up = *r_.as<Product>(*mid.up);
        if (!down.bias.empty() || !gate.bias.empty() || !up.bias.empty())
            return no("their products have biases, which is not supported");
        if (!down.source_rows.empty() || gate.source_rows != up.source_rows || gate.of != up.of)
            return no("both sides of a gate do not read the same");
        if (gate.factor != 1 || up.factor != 1)
            return no("what they read is scaled");
        const std::uint32_t row = output.index / r_.base(output.base).width;
        if ((gate.source_rows.empty() ? row : gate.source_rows.at(row)) != t)
            return no("a token has what was computed for another");
        if (of_ && *of_ != gate.of)
            return no("they do not all read the same");
        of_ = gate.of;
        if (function_ && *function_ != mid.function)
            return no("they have different functions");
        function_ = mid.function;
        const Of found{gate.weight, up.weight,
                       expr::times(down.weight, static_cast<float>(down.factor))};
        const auto [it, is_new] = downs_.emplace(expert, found);
        return is_new || it->second.down->key() == found.down->key() || no("an expert is two");
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
        m.score = static_cast<std::uint8_t>(over_chosen_ ? isa::Score::SoftmaxChosen
                                                         : isa::Score::Softmax);
        m.renormalise = renormalise_;
        m.scale = *scale_;
        m.function = *function_;
        std::string key = fmt::format("experts {} {} {} {} {:a} {}", router_, *of_, m.score,
                                      renormalise_, *scale_, m.function);
        for (const auto& [expert, of] : downs_) {
            m.gates.push_back(of.gate);
            m.ups.push_back(of.up);
            m.downs.push_back(of.down);
            key += " " + of.down->key();
        }
        const BaseId id = r_.add(std::move(m), static_cast<std::uint32_t>(v_.rows()),
                                 static_cast<std::uint32_t>(v_.width), key);
        return Rows{id, 1, {}};
    }

    struct Of {
        Expr gate, up, down;
    };

    Recogniser& r_;
    const View& v_;
    const Symbols& s_;
    std::size_t chosen_ = 0;
    std::uint32_t count_ = 0;
    BaseId router_ = 0;
    std::optional<BaseId> softmax_, of_;
    std::optional<std::uint8_t> function_;
    std::optional<double> scale_;
    bool renormalise_ = false, over_chosen_ = false;
    std::map<std::uint32_t, Of> downs_;
};

std::optional<Rows> Recogniser::as_experts(const View& view) {
    return ExpertsPattern(*this, view).run();
}

}  // namespace skald::compiler::raising
