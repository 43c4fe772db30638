// SPDX-License-Identifier: MIT
// Short convolutions between gates: c times the sum over some positions of weights times b x. The
// products may be columns of one, and each channel is one by itself.
#include <fmt/ranges.h>

#include <algorithm>

#include "error.hpp"
#include "raise/recogniser.hpp"

namespace skald::compiler::raising {
namespace {

// What is the same in all rows: columns of a product.
struct Columns {
    std::optional<BaseId> of{};
    std::vector<std::optional<std::uint32_t>> by_channel{};
};

}  // namespace

class ConvolutionPattern {
  public:
    ConvolutionPattern(Recogniser& r, const View& view)
        : r_(r), v_(view), b_(channels()), c_(channels()), x_(channels()), bias_(view.width) {}

    std::optional<Rows> run() {
        if (!is_gated_sum())
            return {};
        for (std::size_t t = 0; t < v_.rows(); ++t)
            for (std::size_t ch = 0; ch < v_.width; ++ch)
                if (!read(t, ch))
                    return {};
        return result();
    }

  private:
    Columns channels() const { return {{}, std::vector<std::optional<std::uint32_t>>(v_.width)}; }

    bool no(std::string_view why) {
        r_.nearest_ = fmt::format("this looks like a convolution, but {}", why);
        return false;
    }

    // An element that is one atom and nothing else.
    static std::optional<Atom> atom(const Symbols& s, std::size_t i) {
        const auto t = s.terms(i);
        if (t.size() != 1 || t[0].factor != 1 || s.constant(i) != 0)
            return {};
        return Atom{t[0].base, t[0].index};
    }

    const Function* times(BaseId id) const {
        const auto* f = r_.as<Function>(id);
        return f != nullptr && f->op == Scalar::kMul ? f : nullptr;
    }

    std::optional<Atom> product(const Symbols& s, std::size_t i) const {
        const auto a = atom(s, i);
        return a && r_.as<Product>(a->base) != nullptr ? a : std::nullopt;
    }

    // A product times a sum of products of two.
    bool is_gated_sum() const {
        const auto first = atom(*v_.symbols, 0);
        if (!first)
            return false;
        const Function* f = times(first->base);
        for (std::size_t side = 0; f != nullptr && side < 2; ++side) {
            const Symbols& sum = *f->arguments[1 - side];
            if (!product(*f->arguments[side], first->index) || sum.terms(first->index).empty())
                continue;
            const Term& u = sum.terms(first->index)[0];
            if (const Function* inner = times(u.base))
                return product(*inner->arguments[0], u.index) &&
                       product(*inner->arguments[1], u.index);
        }
        return false;
    }

    // Column `ch` of these is that of an atom in row `t`.
    bool note(Columns& columns, std::size_t ch, std::size_t t, const Atom& a) {
        const std::uint32_t width = r_.base(a.base).width;
        auto& own = columns.by_channel[ch];
        if (columns.of.value_or(a.base) != a.base || a.index / width != t ||
            own.value_or(a.index % width) != a.index % width)
            return no("its channels are not columns of products");
        columns.of = a.base;
        own = a.index % width;
        return true;
    }

    bool read(std::size_t t, std::size_t ch) {
        const auto whole = atom(*v_.symbols, t * v_.width + ch);
        if (!whole || times(whole->base) == nullptr)
            return no("it is not gated everywhere");
        const Function* f = times(whole->base);
        const std::size_t side = product(*f->arguments[0], whole->index) ? 0 : 1;
        const auto gate = product(*f->arguments[side], whole->index);
        if (!gate || !note(c_, ch, t, *gate))
            return no("it is not gated by a product everywhere");
        const Symbols& sum = *f->arguments[1 - side];
        if (t != 0 && bias_[ch] != sum.constant(whole->index))
            return no("what is added differs between positions");
        bias_[ch] = sum.constant(whole->index);
        for (const Term& u : sum.terms(whole->index)) {
            const Function* inner = times(u.base);
            const auto b = inner != nullptr ? product(*inner->arguments[0], u.index) : std::nullopt;
            const auto x = inner != nullptr ? product(*inner->arguments[1], u.index) : std::nullopt;
            if (!b || !x)
                return no("it is not over products of two");
            const std::size_t from = b->index / r_.base(b->base).width;
            if (from > t)
                return no("positions see those behind them");
            if (!note(b_, ch, from, *b) || !note(x_, ch, from, *x))
                return false;
            const std::size_t back = t - from;
            if (back >= taps_.size())
                taps_.resize(back + 1, std::vector<std::optional<double>>(v_.width));
            auto& tap = taps_[back][ch];
            if (tap.value_or(u.factor) != u.factor)
                return no("its weights differ between positions");
            tap = u.factor;
        }
        return true;
    }

    std::optional<Rows> result() {
        // It may reach further than there are tokens.
        if (taps_.size() == v_.rows())
            throw TooFewTokens{static_cast<std::int64_t>(2 * v_.rows())};
        std::vector<double> weights;
        for (std::size_t j = taps_.size(); j-- > 0;)
            for (const auto& tap : taps_[j])
                weights.push_back(tap.value_or(0));
        Convolved out;
        for (auto [columns, to] : {std::pair(&b_, &out.b), {&c_, &out.c}, {&x_, &out.x}}) {
            std::vector<std::uint32_t> all;
            for (const auto& column : columns->by_channel)
                all.push_back(column.value_or(0));
            const auto base = columns->of ? r_.columns(*columns->of, all) : std::nullopt;
            if (!base) {
                no("its channels are columns of what cannot be taken apart");
                return {};
            }
            *to = *base;
        }
        out.taps = static_cast<std::uint32_t>(taps_.size());
        out.weights = std::move(weights);
        if (std::ranges::any_of(bias_, [](double x) { return x != 0; }))
            out.bias = bias_;
        const std::string key = fmt::format("convolved {} {} {} {:a} + {:a}", out.b, out.c, out.x,
                                            fmt::join(out.weights, " "), fmt::join(out.bias, " "));
        return Rows{r_.add(std::move(out), static_cast<std::uint32_t>(v_.rows()),
                           static_cast<std::uint32_t>(v_.width), key),
                    1,
                    {}};
    }

    Recogniser& r_;
    const View& v_;
    Columns b_, c_, x_;
    std::vector<double> bias_;
    std::vector<std::vector<std::optional<double>>> taps_;  // this position's first
};

std::optional<Rows> Recogniser::as_convolution(const View& view) {
    return ConvolutionPattern(*this, view).run();
}

}  // namespace skald::compiler::raising
