// SPDX-License-Identifier: MIT
// Softmax as it is written out: exponentials, each divided by the sum of its row's. What is taken
// off all elements of a row before, its largest, changes nothing.
#include <algorithm>

#include "raise/recogniser.hpp"

namespace skald::compiler::raising {
namespace {

bool has(std::span<const Term> terms, const Term& t) {
    return std::ranges::find(terms, t) != terms.end();
}

}  // namespace

// Of a quotient, or a product with a reciprocal, what is divided and by what.
std::optional<std::array<Symbolic, 2>> Recogniser::quotient(const Function& f) const {
    if (f.op == Scalar::kDiv)
        return std::array{f.arguments[0], f.arguments[1]};
    if (f.op != Scalar::kMul)
        return {};
    for (std::size_t j = 0; j < 2; ++j) {
        const Symbols& by = *f.arguments[j];
        const auto base = first_base(by);
        const auto* one = base ? as<Function>(*base) : nullptr;
        const bool reciprocal = one != nullptr && one->op == Scalar::kReciprocal;
        const bool divided = one != nullptr && one->op == Scalar::kDiv &&
                             one->arguments[0]->terms(0).empty() &&
                             one->arguments[0]->constant(0) == 1;
        if (!reciprocal && !divided)
            continue;
        auto of = std::make_shared<Symbols>();
        for (std::size_t i = 0; i < by.size(); ++i) {
            const auto t = by.terms(i);
            if (t.size() != 1 || t[0].base != *base || t[0].factor != 1 || by.constant(i) != 0)
                return {};
            of->copy(*one->arguments[reciprocal ? 0 : 1], t[0].index);
        }
        return std::array<Symbolic, 2>{f.arguments[1 - j], std::move(of)};
    }
    return {};
}

// Whether each element of `sums` is the sum of its row of `parts`.
bool Recogniser::are_sums_of_rows(const Symbols& sums, const Symbols& parts,
                                  std::size_t width) const {
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t row = i / width * width;
        const auto t = sums.terms(i);
        if (sums.constant(i) != 0 || t.empty())
            return false;
        if (i != row) {
            if (!std::ranges::equal(t, sums.terms(row)))
                return false;
            continue;
        }
        if (const auto* sum = as<Reduced>(t[0].base)) {
            if (sum->kind != graphs::Reduction::kSum || sum->group != width || t.size() != 1 ||
                t[0].factor != 1)
                return false;
            for (std::size_t c = 0; c < width; ++c)
                if (!std::ranges::equal(sum->of->terms(std::size_t{t[0].index} * width + c),
                                        parts.terms(row + c)))
                    return false;
            continue;
        }
        if (t.size() != width)
            return false;
        for (std::size_t c = 0; c < width; ++c)
            if (!has(t, parts.terms(row + c)[0]))
                return false;
    }
    return true;
}

std::optional<Value> Recogniser::as_softmax(const Value& y) {
    const Symbols& s = y.symbols();
    const auto id = first_base(s);
    const auto* f = id ? as<Function>(*id) : nullptr;
    const auto parts = f != nullptr ? quotient(*f) : std::nullopt;
    const auto width = y.rank() == 0 ? 0 : static_cast<std::size_t>(y.shape.back());
    if (!parts || width == 0)
        return {};
    const Symbols& e = *(*parts)[0];
    const auto powers = first_base(e);
    const auto* exp = powers ? as<Function>(*powers) : nullptr;
    if (exp == nullptr || exp->op != Scalar::kExp || e.size() != s.size())
        return {};
    for (std::size_t i = 0; i < e.size(); ++i)
        if (const auto t = e.terms(i);
            t.size() != 1 || powers != t[0].base || t[0].factor != 1 || e.constant(i) != 0)
            return {};
    if (!are_sums_of_rows(*(*parts)[1], e, width))
        return {};
    const Symbols& x = *exp->arguments[0];
    auto scores = std::make_shared<Symbols>();
    scores->reserve(e.size());
    for (std::size_t row = 0; row + width <= e.size(); row += width) {
        const auto of = [&](std::size_t c) { return x.terms(e.terms(row + c)[0].index); };
        std::vector<Term> common;
        for (const Term& t : of(0)) {
            bool everywhere = as<Reduced>(t.base) != nullptr;
            for (std::size_t c = 1; c < width && everywhere; ++c)
                everywhere = has(of(c), t);
            if (everywhere)
                common.push_back(t);
        }
        for (std::size_t c = 0; c < width; ++c) {
            for (const Term& t : of(c))
                if (!has(common, t))
                    scores->term(t);
            scores->end(x.constant(e.terms(row + c)[0].index));
        }
    }
    return softmax(symbolic(y.shape, std::move(scores)));
}

}  // namespace skald::compiler::raising
