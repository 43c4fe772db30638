// SPDX-License-Identifier: MIT
// Elements as rows of one thing: columns of a product, a sum of what streams through the layers, a
// function of two products.
#include <fmt/ranges.h>
#include <algorithm>
#include <array>
#include <numeric>

#include "error.hpp"
#include "raise/recogniser.hpp"
#include "skald/isa.hpp"

namespace skald::compiler::raising {

namespace {

bool is_identity(std::span<const std::uint32_t> columns, std::uint32_t width) {
    if (columns.size() != width)
        return false;
    for (std::uint32_t c = 0; c < width; ++c)
        if (columns[c] != c)
            return false;
    return true;
}

RowMap row_map(std::span<const std::uint32_t> columns) {
    const std::uint64_t n = columns.size();
    bool run = true;
    for (std::uint64_t i = 1; i < n && run; ++i)
        run = columns[i] == columns[0] + i;
    if (run)
        return {n, columns[0], 1, {0}};
    return {n, 0, 0, {columns.begin(), columns.end()}};
}

template <typename T>
std::vector<T> picked(const std::vector<T>& all, std::span<const std::uint32_t> columns) {
    std::vector<T> out;
    if (!all.empty())
        for (const std::uint32_t c : columns)
            out.push_back(all[c]);
    return out;
}

std::string text_of(std::span<const std::uint32_t> columns) {
    std::string text;
    for (const std::uint32_t c : columns)
        text += fmt::format(" {}", c);
    return text;
}

}  // namespace

BaseId Recogniser::sum(const std::vector<Sum::Leaf>& leaves) {
    std::vector<Sum::Leaf> flat;
    for (const Sum::Leaf& l : leaves) {
        if (const auto* inner = as<Sum>(l.base))
            for (const Sum::Leaf& i : inner->leaves)
                flat.push_back({i.base, i.factor * l.factor});
        else
            flat.push_back(l);
    }
    std::ranges::sort(flat, {}, &Sum::Leaf::base);
    if (flat.size() == 1 && flat[0].factor == 1)
        return flat[0].base;
    std::string key = "sum";
    for (const Sum::Leaf& l : flat)
        key += fmt::format(" {}*{:a}", l.base, l.factor);
    const Base& first = bases_[flat.front().base];
    return add(Sum{std::move(flat)}, first.rows, first.width, key);
}

std::optional<Recogniser::Uniform> Recogniser::uniform(const Symbols& s) const {
    if (s.size() == 0)
        return {};
    Uniform u{formula(s, 0), {}};
    for (std::size_t v = 0; v < u.formula.variables().size(); ++v)
        u.variables.push_back(std::make_shared<Symbols>());
    for (std::size_t i = 0; i < s.size(); ++i) {
        const Formula f = formula(s, i);
        if (!f.alike(u.formula))
            return {};
        for (std::size_t v = 0; v < u.variables.size(); ++v)
            u.variables[v]->atom(f.variables()[v].base, f.variables()[v].index);
    }
    return u;
}

std::optional<BaseId> Recogniser::columns(BaseId of, std::span<const std::uint32_t> columns) {
    const Base b = bases_[of];
    if (is_identity(columns, b.width))
        return of;
    const auto width = static_cast<std::uint32_t>(columns.size());
    const std::string key = fmt::format("columns {} {}", of, text_of(columns));
    if (const auto* p = std::get_if<Product>(&b.what)) {
        Product q = *p;
        q.weight = expr::rows(p->weight, row_map(columns));
        q.bias = picked(p->bias, columns);
        return add(std::move(q), b.rows, width, key);
    }
    if (const auto* c = std::get_if<Clipped>(&b.what)) {
        const auto source = this->columns(c->of, columns);
        if (!source)
            return {};
        return add(Clipped{*source, c->limit}, b.rows, width, key);
    }
    if (const auto* n = std::get_if<Normed>(&b.what)) {
        if (width % n->group != 0)
            return {};
        for (std::uint32_t c = 0; c < width; ++c)
            if (columns[c] / n->group != columns[c - c % n->group] / n->group)
                return {};
        const auto source = this->columns(n->of, columns);
        if (!source)
            return {};
        Normed m = *n;
        m.of = *source;
        m.gain = picked(n->gain, columns);
        m.bias = picked(n->bias, columns);
        return add(std::move(m), b.rows, width, key);
    }
    return {};
}

std::optional<Rows> Recogniser::derived(BaseId of, std::span<const std::uint32_t> columns,
                                        std::span<const double> factors,
                                        std::span<const double> constants) {
    const auto base = this->columns(of, columns);
    if (!base) {
        nearest_ = fmt::format("some of the columns of {} are taken, or in another order",
                               bases_[of].path);
        return {};
    }
    const bool plain = std::ranges::all_of(constants, [](double x) { return x == 0; });
    const bool same = std::ranges::all_of(factors, [&](double x) { return x == factors[0]; });
    if (plain && same)
        return Rows{*base, factors[0], {}};
    Base b = bases_[*base];
    const std::string key = fmt::format("affine {} {:a} {:a}", *base, fmt::join(factors, " "),
                                        fmt::join(constants, " "));
    if (auto* p = std::get_if<Product>(&b.what); p != nullptr && same) {
        p->bias.resize(b.width);
        for (std::size_t c = 0; c < p->bias.size(); ++c)
            p->bias[c] += constants[c] / factors[0];
        return Rows{add(std::move(b.what), b.rows, b.width, key), factors[0], {}};
    }
    if (auto* n = std::get_if<Normed>(&b.what)) {
        if (n->gain.empty())
            n->gain.assign(b.width, 1);
        if (n->bias.empty() && !plain)
            n->bias.assign(b.width, 0);
        for (std::size_t c = 0; c < b.width; ++c)
            n->gain[c] *= factors[c];
        for (std::size_t c = 0; c < n->bias.size(); ++c)
            n->bias[c] = n->bias[c] * factors[c] + constants[c];
        return Rows{add(std::move(b.what), b.rows, b.width, key), 1, {}};
    }
    nearest_ = fmt::format("numbers are added to {}, or its columns scaled one by one", b.path);
    return {};
}

// One atom each.
std::optional<Rows> Recogniser::single(const View& v) {
    const Symbols& s = *v.symbols;
    const BaseId of = s.terms(0)[0].base;
    const std::uint32_t width = bases_[of].width;
    std::vector<std::uint32_t> columns(v.width), rows(v.rows());
    std::vector<double> factors(v.width), constants(v.width);
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        const std::size_t r = i / v.width, c = i % v.width;
        if (t.size() != 1 || t[0].base != of) {
            nearest_ = fmt::format("it is partly {}, partly something else", bases_[of].path);
            return {};
        }
        if (c == 0)
            rows[r] = t[0].index / width;
        if (r == 0) {
            columns[c] = t[0].index % width;
            factors[c] = t[0].factor;
            constants[c] = s.constant(i);
        }
        if (t[0].index != rows[r] * width + columns[c] || t[0].factor != factors[c] ||
            s.constant(i) != constants[c]) {
            nearest_ = fmt::format("its rows are not those of {}, or differ from each other",
                                   bases_[of].path);
            return {};
        }
    }
    auto out = derived(of, columns, factors, constants);
    if (out && !is_identity(rows, bases_[of].rows))
        out->rows = std::move(rows);
    return out;
}

// Functions of rows.
std::optional<Rows> Recogniser::activated(const View& v) {
    const auto u = uniform(*v.symbols);
    if (!u) {
        nearest_ = fmt::format("elements are not all the same function of others ({})",
                               bases_[v.symbols->terms(0)[0].base].path);
        return {};
    }
    std::array<std::optional<double>, 2> limits;
    for (std::size_t i = 0; i < std::min(u->variables.size(), limits.size()); ++i)
        if (const auto* c = as<Clipped>(u->variables[i]->terms(0)[0].base))
            limits[i] = c->limit;
    const auto how = activation_of(u->formula, limits);
    if (!how) {
        nearest_ =
            fmt::format("no function of the card is {}", bases_[v.symbols->terms(0)[0].base].path);
        return {};
    }
    std::vector<Rows> of;
    for (const auto& s : u->variables) {
        const auto rows = rows_of({s.get(), v.width});
        if (!rows || rows->factor != 1)
            return {};
        of.push_back(*rows);
        // The function has the limits in it.
        if (const auto* c = as<Clipped>(rows->base))
            of.back().base = c->of;
    }
    if (of.size() == 2 && of[0].rows != of[1].rows)
        return {};
    Activated a{how->function, of[how->swapped ? 1 : 0].base, {}, how->parameters};
    if (of.size() == 2)
        a.up = of[how->swapped ? 0 : 1].base;
    const Base gate = bases_[a.gate];
    const std::string key =
        fmt::format("activated {} {} {} {:a} {:a}", a.function, a.gate,
                    a.up ? std::to_string(*a.up) : "-", a.parameters[0], a.parameters[1]);
    const BaseId id = add(a, gate.rows, gate.width, key);
    return Rows{id, how->factor, of[0].rows};
}

// Rows of a product, each times the sigmoid of one number.
std::optional<Rows> Recogniser::gated(const View& v) {
    const auto u = uniform(*v.symbols);
    if (!u || u->formula.variables().size() != 2)
        return {};
    const auto how = activation_of(u->formula);
    if (!how || how->factor != 1 ||
        how->function != static_cast<std::uint8_t>(isa::Activation::Sigmoid))
        return {};
    const Symbols& gates = *u->variables[how->swapped ? 1 : 0];
    const auto of = rows_of({u->variables[how->swapped ? 0 : 1].get(), v.width});
    if (!of || !of->rows.empty() || of->factor != 1 || as<Product>(of->base) == nullptr)
        return {};
    const BaseId gate = gates.terms(0)[0].base;
    if (as<Product>(gate) == nullptr || bases_[gate].width != 1)
        return {};
    for (std::size_t i = 0; i < gates.size(); ++i) {
        const auto t = gates.terms(i);
        if (t.size() != 1 || t[0].base != gate || t[0].index != i / v.width || t[0].factor != 1)
            return {};
    }
    const BaseId id =
        add(Gated{of->base, gate}, static_cast<std::uint32_t>(v.rows()),
            static_cast<std::uint32_t>(v.width), fmt::format("gated {} {}", of->base, gate));
    return Rows{id, 1, {}};
}

// A sum of rows.
std::optional<Rows> Recogniser::several(const View& v) {
    const Symbols& s = *v.symbols;
    const std::size_t n = s.terms(0).size();
    std::vector<std::shared_ptr<Symbols>> parts;
    for (std::size_t k = 0; k < n; ++k)
        parts.push_back(std::make_shared<Symbols>());
    for (std::size_t i = 0; i < s.size(); ++i) {
        const auto t = s.terms(i);
        if (t.size() != n) {
            nearest_ = "elements are sums of more or fewer things than others";
            return {};
        }
        for (std::size_t k = 0; k < n; ++k) {
            parts[k]->term(t[k]);
            parts[k]->end(k + 1 == n ? s.constant(i) : 0);
        }
    }
    std::vector<Sum::Leaf> leaves;
    for (const auto& part : parts) {
        const auto rows = rows_of({part.get(), v.width});
        if (!rows || !rows->rows.empty())
            return {};
        leaves.push_back({rows->base, rows->factor});
    }
    return Rows{sum(leaves), 1, {}};
}

std::optional<Rows> Recogniser::rows_of(const View& v) {
    const Symbols& s = *v.symbols;
    if (s.size() == 0 || v.width == 0 || s.terms(0).empty()) {
        nearest_ = "it does not depend on tokens everywhere";
        return {};
    }
    if (s.terms(0).size() == 1) {
        const BaseId of = s.terms(0)[0].base;
        if (bases_[of].in_rows())
            return single(v);
        if (as<Function>(of) != nullptr) {
            if (auto experts = as_experts(v))
                return experts;
            if (auto convolution = as_convolution(v))
                return convolution;
            return activated(v);
        }
        nearest_ = fmt::format("{} is no matrix with a row for each token", bases_[of].path);
        return {};
    }
    if (auto experts = as_experts(v))
        return experts;
    // A function of one atom, written as a sum.
    const Formula f = formula(s, 0);
    if (f.variables().size() == 1)
        return activated(v);
    return several(v);
}

// What streams through the layers: the sum of what was looked up and what layers made.
std::optional<Value> Recogniser::as_sum(const Value& a, const Value& b, double sign) {
    if (sign != 1 || a.rank() < 2 || a.shape.back() < 2)
        return {};
    const auto width = static_cast<std::size_t>(a.shape.back());
    const auto streams = [&](BaseId id) {
        return as<Lookup>(id) != nullptr || as<Sum>(id) != nullptr || as<Product>(id) != nullptr ||
               as<Normed>(id) != nullptr || as<Mixture>(id) != nullptr ||
               as<Gated>(id) != nullptr || as<Positions>(id) != nullptr;
    };
    std::vector<Sum::Leaf> leaves;
    for (const Value* v : {&a, &b}) {
        if (v->known()) {
            const auto& lookup = v->lookup;
            if (!lookup)
                return {};
            const auto& rows = lookup->rows;
            const Expr& table = lookup->table;
            for (std::size_t t = 0; t < rows.size(); ++t)
                if (rows[t] != rows[0] + static_cast<std::int64_t>(t) || rows.size() != tokens_)
                    return {};
            leaves.push_back({add(Positions{table, rows[0]}, tokens_,
                                  static_cast<std::uint32_t>(table->columns()),
                                  fmt::format("positions {} {}", rows[0], table->key())),
                              1});
            continue;
        }
        const Symbols& s = v->symbols();
        if (s.size() != std::size_t{tokens_} * width || s.terms(0).empty())
            return {};
        const BaseId first = s.terms(0)[0].base;
        std::optional<Rows> rows;
        if (s.terms(0).size() == 1 && streams(first))
            rows = single({&s, width});
        else
            rows = as_experts({&s, width});
        if (!rows && as<Function>(first) != nullptr)
            rows = gated({&s, width});
        if (!rows || !rows->rows.empty())
            return {};
        leaves.push_back({rows->base, rows->factor});
    }
    if (leaves[0].base == leaves[1].base)
        return {};
    return atoms(sum(leaves), a.shape);
}

}  // namespace skald::compiler::raising
