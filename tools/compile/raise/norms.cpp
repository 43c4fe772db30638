// SPDX-License-Identifier: MIT
// Norms: x times 1 / sqrt(mean of squares + eps), with or without the mean taken off before, and
// what they and products are multiplied with and added to by column.
#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "raise/recogniser.hpp"

namespace skald::compiler::raising {

namespace {

std::string list(std::span<const double> numbers) {
    std::string text;
    for (const double x : numbers)
        text += fmt::format(" {:a}", x);
    return text;
}

}  // namespace

// The first of the columns that number `at` of the means is over, if they are neighbours and `of`
// is one of them.
std::optional<std::uint32_t> Recogniser::first_of_group(const Reduced& mean, std::uint32_t at,
                                                        const Atom& of, bool squared) {
    const Base& b = bases_[of.base];
    const std::uint32_t group = mean.group;
    if (!b.in_rows() || group > b.width)
        return {};
    std::uint32_t first = 0;
    for (std::uint32_t i = 0; i < group; ++i) {
        const std::size_t element = std::size_t{at} * group + i;
        const Formula f = formula(*mean.of, element);
        if (f.variables().size() != 1 || f.variables()[0].base != of.base)
            return {};
        if (i == 0)
            first = f.variables()[0].index;
        if (f.variables()[0].index != first + i)
            return {};
        const double probe = 3;
        if (squared ? (i == 0 ? !is_square(f) : f(std::span(&probe, 1)) != 9)
                    : f(std::span(&probe, 1)) != 3)
            return {};
    }
    if (of.index < first || of.index - first >= group ||
        first / b.width != (first + group - 1) / b.width)
        return {};
    return first;
}

// Whether they are one of the groups that a row is made of.
bool Recogniser::covers_group(const Reduced& mean, std::uint32_t at, const Atom& of, bool squared) {
    const auto first = first_of_group(mean, at, of, squared);
    return first && bases_[of.base].width % mean.group == 0 && *first % mean.group == 0;
}

// What is normed, where that is a group in the midst of wider rows: rows of their own.
std::optional<Value> Recogniser::as_norm_of_some_columns(const Value& y, const Formula& like,
                                                         std::size_t x, std::size_t m) {
    const Symbols& s = y.symbols();
    const BaseId of = like.variables()[x].base, by = like.variables()[m].base;
    const Reduced mean = *as<Reduced>(by);
    const std::uint32_t width = bases_[of].width, group = mean.group;
    const auto first = first_of_group(mean, like.variables()[m].index, like.variables()[x], true);
    if (!first || as<Centred>(of) != nullptr)
        return {};
    const std::uint32_t column = *first % width;
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t c = 0; c < group; ++c)
        chosen.push_back(column + c);
    const auto how = normalising(like, x, m);
    const auto part = how ? columns(of, chosen) : std::nullopt;
    if (!part)
        return {};
    const BaseId id = add(Normed{*part, false, how->eps, group, {}, {}}, bases_[of].rows, group,
                          fmt::format("norm {} {} {:a} {}", *part, false, how->eps, group));
    auto out = std::make_shared<Symbols>();
    std::set<std::uint32_t> seen;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const Formula f = formula(s, i);
        if (!f.alike(like))
            return {};
        const Atom a = f.variables()[x], over = f.variables()[m];
        const std::uint32_t row = a.index / width, c = a.index % width;
        if (a.base != of || over.base != by || c < column || c - column >= group)
            return {};
        if (seen.insert(over.index).second &&
            first_of_group(mean, over.index, a, true) != row * width + column)
            return {};
        out->term({id, row * group + c - column, how->factor});
        out->end();
    }
    return symbolic(y.shape, std::move(out));
}

std::optional<Value> Recogniser::as_centred(const Value& y) {
    const Symbols& s = y.symbols();
    if (s.size() == 0 || s.terms(0).size() != 2)
        return {};
    const auto* mean = as<Reduced>(s.terms(0)[1].base);
    const Base& x = bases_[s.terms(0)[0].base];
    if (mean == nullptr || mean->kind != graphs::Reduction::kMean || !x.in_rows())
        return {};
    const BaseId of = s.terms(0)[0].base, by = s.terms(0)[1].base;
    std::vector<bool> checked(mean->of->size() / mean->group);
    auto out = std::make_shared<Symbols>();
    out->reserve(s.size());
    const BaseId id = add(Centred{of, mean->group}, x.rows, x.width,
                          fmt::format("centred {} {}", of, mean->group));
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        if (t.size() != 2 || s.constant(i) != 0 || t[0].base != of || t[1].base != by ||
            t[0].factor != 1 || t[1].factor != -1)
            return {};
        mean = as<Reduced>(by);
        const Atom atom{of, t[0].index};
        if (!checked[t[1].index] && !covers_group(*mean, t[1].index, atom, false))
            return {};
        checked[t[1].index] = true;
        out->atom(id, t[0].index);
    }
    return symbolic(y.shape, std::move(out));
}

// Whether an element is the square of another, both being functions of the same.
bool Recogniser::is_squared(const Symbols& squares, std::size_t square, const Symbols& of,
                            std::size_t element) const {
    constexpr double kTolerance = 1e-9;
    const Formula a = formula(squares, square), b = formula(of, element);
    if (a.variables() != b.variables())
        return false;
    for (const double probe : {-1.25, 0.5, 1.75}) {
        std::vector<double> x;
        for (std::size_t v = 0; v < a.variables().size(); ++v)
            x.push_back(probe + 0.375 * static_cast<double>(v));
        const double root = b(x);
        if (std::abs(a(x) - root * root) > kTolerance * std::max(1.0, root * root))
            return false;
    }
    return true;
}

// The norm of what a feed-forward's function gives: x and the mean of squares are functions of more
// than one thing, until x is rows of its own.
std::optional<Value> Recogniser::as_norm_of_functions(const Value& y) {
    const Symbols& s = y.symbols();
    const auto id = first_base(s);
    if (!id || as<Function>(*id) == nullptr || y.rank() < 1)
        return {};
    const Function f = *as<Function>(*id);
    const auto width = static_cast<std::size_t>(y.shape.back());
    for (std::size_t j = 0; j < (f.op == Scalar::kDiv ? 1 : 2); ++j) {
        const Symbols& x = *f.arguments[j];
        const auto inner = first_base(x);
        if (!inner || as<Function>(*inner) == nullptr || x.size() != s.size())
            continue;
        // Only where the other is made of a mean of squares.
        const Formula other = formula(*f.arguments[1 - j], 0);
        const auto* mean =
            other.variables().size() == 1 ? as<Reduced>(other.variables()[0].base) : nullptr;
        if (mean == nullptr || mean->kind != graphs::Reduction::kMean || mean->group != width)
            continue;
        const Reduced squares = *mean;
        const auto rows = rows_of({&x, width});
        if (!rows || !rows->rows.empty() || rows->factor != 1 ||
            as<Activated>(rows->base) == nullptr)
            return {};
        std::vector<Value> arguments(2);
        arguments[j] = atoms(rows->base, y.shape);
        arguments[1 - j] = symbolic(y.shape, std::make_shared<Symbols>(*f.arguments[1 - j]));
        const Value again = function(f.op, arguments);
        const Formula like = formula(again.symbols(), 0);
        if (like.variables().size() != 2)
            return {};
        const std::size_t m = as<Reduced>(like.variables()[0].base) != nullptr ? 0 : 1;
        const auto how = normalising(like, 1 - m, m);
        if (!how)
            return {};
        for (std::size_t i = 0; i < s.size(); ++i) {
            const auto t = s.terms(i);
            const Formula of_mean = formula(*f.arguments[1 - j], i);
            if (t.size() != 1 || t[0] != Term{*id, static_cast<std::uint32_t>(i), 1} ||
                s.constant(i) != 0 || of_mean.variables().size() != 1 || !of_mean.alike(other) ||
                of_mean.variables()[0] !=
                    Atom{other.variables()[0].base, static_cast<std::uint32_t>(i / width)} ||
                !is_squared(*squares.of, i, x, i))
                return {};
        }
        const BaseId normed =
            add(Normed{rows->base, false, how->eps, squares.group, {}, {}}, bases_[rows->base].rows,
                bases_[rows->base].width,
                fmt::format("norm {} {} {:a} {}", rows->base, false, how->eps, squares.group));
        auto out = std::make_shared<Symbols>();
        for (std::uint32_t i = 0; i < s.size(); ++i) {
            out->term({normed, i, how->factor});
            out->end();
        }
        return symbolic(y.shape, std::move(out));
    }
    return {};
}

std::optional<Value> Recogniser::as_norm(const Value& y) {
    const Symbols& s = y.symbols();
    const Formula first = formula(s, 0);
    if (first.variables().size() != 2)
        return as_norm_of_functions(y);
    const std::size_t m = as<Reduced>(first.variables()[0].base) != nullptr ? 0 : 1, x = 1 - m;
    const BaseId by = first.variables()[m].base, of = first.variables()[x].base;
    if (as<Reduced>(by) == nullptr || as<Reduced>(by)->kind != graphs::Reduction::kMean ||
        !bases_[of].in_rows())
        return {};
    const auto how = normalising(first, x, m);
    if (!how)
        return {};
    const Reduced mean = *as<Reduced>(by);
    if (bases_[of].width % mean.group != 0)
        return as_norm_of_some_columns(y, first, x, m);
    std::vector<std::optional<std::uint32_t>> group_of(mean.of->size() / mean.group);
    const auto* centred = as<Centred>(of);
    const BaseId from = centred != nullptr ? centred->of : of;
    if (centred != nullptr && centred->group != mean.group)
        return {};
    const Base& b = bases_[of];
    const BaseId id =
        add(Normed{from, centred != nullptr, how->eps, mean.group, {}, {}}, b.rows, b.width,
            fmt::format("norm {} {} {:a} {}", from, centred != nullptr, how->eps, mean.group));
    auto out = std::make_shared<Symbols>();
    out->reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
        const Formula f = formula(s, i);
        if (!f.alike(first))
            return {};
        const Atom a = f.variables()[x], over = f.variables()[m];
        if (a.base != of || over.base != by)
            return {};
        auto& group = group_of[over.index];
        if (!group) {
            if (!covers_group(mean, over.index, a, true))
                return {};
            group = a.index / mean.group;
        } else if (*group != a.index / mean.group) {
            return {};
        }
        out->term({id, a.index, how->factor});
        out->end();
    }
    return symbolic(y.shape, std::move(out));
}

Value Recogniser::norm(const Value& x, bool centred, double eps) {
    const Symbols& s = x.symbols();
    const auto group = static_cast<std::uint32_t>(x.shape.back());
    const auto first = first_base(s);
    if (first && (as<Function>(*first) != nullptr ||
                  (bases_[*first].in_rows() && bases_[*first].width % group != 0)))
        if (const auto rows = rows_of({&s, group});
            rows && rows->rows.empty() && rows->factor == 1 && bases_[rows->base].width == group)
            return norm(atoms(rows->base, x.shape), centred, eps);
    if (!first || !bases_[*first].in_rows() || bases_[*first].width % group != 0)
        fail("what is normed is not understood");
    const Base b = bases_[*first];
    const BaseId id = add(Normed{*first, centred, eps, group, {}, {}}, b.rows, b.width,
                          fmt::format("norm {} {} {:a} {}", *first, centred, eps, group));
    auto out = std::make_shared<Symbols>();
    out->reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        if (t.size() != 1 || t[0].base != *first || t[0].factor != 1 || s.constant(i) != 0 ||
            t[0].index % group != i % group ||
            t[0].index / group != s.terms(i - i % group)[0].index / group)
            fail("what is normed is not rows of one thing");
        out->atom(id, t[0].index);
    }
    return symbolic(x.shape, std::move(out));
}

namespace {

// By column of a base what `numbers` are, if they are the same in all rows.
std::optional<std::vector<double>> by_column(const Symbols& s, const Value& numbers, BaseId base,
                                             std::uint32_t width, double otherwise) {
    const graphs::Floats all = numbers.numbers();
    std::vector<double> out(width, otherwise);
    std::vector<bool> seen(width);
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        if (t.size() != 1 || t[0].base != base || t[0].factor != 1 || s.constant(i) != 0)
            return {};
        const double x = all->size() == 1 ? all->front() : (*all)[i];
        const std::uint32_t c = t[0].index % width;
        if (seen[c] && out[c] != x)
            return {};
        seen[c] = true;
        out[c] = x;
    }
    return out;
}

Symbolic renamed(const Symbols& s, BaseId base) {
    auto out = std::make_shared<Symbols>();
    out->reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i)
        out->atom(base, s.terms(i)[0].index);
    return out;
}

}  // namespace

std::optional<Value> Recogniser::with_gain(const Value& x, const Value& factor) {
    const auto first = first_base(x.symbols());
    if (!first || as<Normed>(*first) == nullptr || bases_[*first].rows < 2)
        return {};
    const Base b = bases_[*first];
    const auto factors = by_column(x.symbols(), factor, *first, b.width, 1);
    if (!factors)
        return {};
    Normed n = std::get<Normed>(b.what);
    if (n.gain.empty())
        n.gain.assign(b.width, 1);
    for (std::size_t c = 0; c < n.gain.size(); ++c)
        n.gain[c] *= (*factors)[c];
    for (std::size_t c = 0; c < n.bias.size(); ++c)
        n.bias[c] *= (*factors)[c];
    const std::string key = fmt::format("gained {} {}", *first, list(n.gain));
    const BaseId id = add(std::move(n), b.rows, b.width, key);
    return symbolic(x.shape, renamed(x.symbols(), id));
}

// What is added to a stream belongs to the product that was added last.
std::optional<Value> Recogniser::with_bias_of_a_product(const Value& x, BaseId of,
                                                        std::vector<double> bias) {
    std::vector<Sum::Leaf> leaves = as<Sum>(of)->leaves;
    Sum::Leaf& last = leaves.back();
    const Base b = bases_[last.base];
    const auto* product = std::get_if<Product>(&b.what);
    if (product == nullptr || last.factor == 0)
        return {};
    Product biased = *product;
    biased.bias.resize(b.width);
    for (std::size_t c = 0; c < bias.size(); ++c)
        biased.bias[c] += bias[c] / last.factor;
    const std::string key = fmt::format("biased {} {}", last.base, list(biased.bias));
    last.base = add(std::move(biased), b.rows, b.width, key);
    return symbolic(x.shape, renamed(x.symbols(), sum(leaves)));
}

// Products of several experts in one tensor.
std::optional<Value> Recogniser::with_biases_of_several(const Value& x, const Value& addend) {
    const Symbols& s = x.symbols();
    const graphs::Floats all = addend.numbers();
    std::map<BaseId, std::vector<std::optional<double>>> biases;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        if (t.size() != 1 || t[0].factor != 1 || s.constant(i) != 0 ||
            as<Product>(t[0].base) == nullptr)
            return {};
        const std::uint32_t width = bases_[t[0].base].width;
        auto& own = biases[t[0].base];
        own.resize(width);
        auto& bias = own[t[0].index % width];
        const double number = all->size() == 1 ? all->front() : (*all)[i];
        if (bias.value_or(number) != number || (bases_[t[0].base].rows < 2 && !addend.fixed))
            return {};
        bias = number;
    }
    std::map<BaseId, BaseId> biased;
    for (const auto& [id, bias] : biases) {
        const Base b = bases_[id];
        Product product = std::get<Product>(b.what);
        product.bias.resize(b.width);
        for (std::size_t c = 0; c < bias.size(); ++c)
            product.bias[c] += bias[c].value_or(0);
        const std::string key = fmt::format("biased {} {}", id, list(product.bias));
        biased[id] = add(std::move(product), b.rows, b.width, key);
    }
    auto out = std::make_shared<Symbols>();
    out->reserve(s.size());
    for (std::size_t i = 0; i < s.size(); ++i)
        out->atom(biased.at(s.terms(i)[0].base), s.terms(i)[0].index);
    return symbolic(x.shape, std::move(out));
}

std::optional<Value> Recogniser::with_bias(const Value& x, const Value& addend) {
    const auto first = first_base(x.symbols());
    // A number for each row and one for each column are not told apart where there is one row,
    // unless it is the file's.
    if (!first || (bases_[*first].rows < 2 && !addend.fixed) ||
        (as<Normed>(*first) == nullptr && as<Product>(*first) == nullptr &&
         as<Sum>(*first) == nullptr))
        return {};
    const Base b = bases_[*first];
    auto bias = by_column(x.symbols(), addend, *first, b.width, 0);
    if (!bias)
        return with_biases_of_several(x, addend);
    if (as<Sum>(*first) != nullptr)
        return with_bias_of_a_product(x, *first, *std::move(bias));
    What what = b.what;
    auto& own = std::holds_alternative<Normed>(what) ? std::get<Normed>(what).bias
                                                     : std::get<Product>(what).bias;
    for (std::size_t c = 0; c < own.size(); ++c)
        (*bias)[c] += own[c];
    own = *std::move(bias);
    const std::string key = fmt::format("biased {} {}", *first, list(own));
    const BaseId id = add(std::move(what), b.rows, b.width, key);
    return symbolic(x.shape, renamed(x.symbols(), id));
}

}  // namespace skald::compiler::raising
