// SPDX-License-Identifier: MIT
#include "raise/caches.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "raise/masks.hpp"

namespace skald::compiler::raising {
namespace {

using graphs::Id;
using graphs::TensorGraph;

constexpr std::int64_t kPast = 3;

bool same(const Symbols& a, const Symbols& b) {
    if (a.size() != b.size())
        return false;
    // What attention read may have been scaled, and back.
    constexpr double kTolerance = 1e-9;
    const auto alike = [](const graphs::Term& x, const graphs::Term& y) {
        return x.base == y.base && x.index == y.index &&
               std::abs(x.factor - y.factor) <= kTolerance * std::abs(x.factor);
    };
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!std::ranges::equal(a.terms(i), b.terms(i), alike) || a.constant(i) != b.constant(i))
            return false;
    return true;
}

// Keys, values, or both one behind the other.
bool is_cached(const Symbols& out, const Recogniser& r) {
    for (std::size_t i = 0; i < r.cached().size(); ++i) {
        if (same(out, *r.cached()[i]))
            return true;
        if (i % 2 != 0)
            continue;
        Symbols both;
        for (const Symbolic& s : {r.cached()[i], r.cached()[i + 1]})
            for (std::size_t e = 0; e < s->size(); ++e)
                both.copy(*s, e);
        if (same(out, both))
            return true;
    }
    return false;
}

void check_outputs(const TensorGraph& g, const Roles& roles, const std::map<Id, Value>& values,
                   const Recogniser& r) {
    for (const Id id : g.outputs)
        if (id != roles.logits() && values.at(id).is_symbolic() &&
            !is_cached(values.at(id).symbols(), r))
            fail("{}: the output {} is neither logits nor the keys or values that attention read",
                 g.file, g.names[id]);
}

// With `past` positions before them, what comes at the same positions without.
void check_table(const TensorGraph& g, Id id, const Value& whole, const Value& behind) {
    const auto differ = [&] {
        fail("{}: {} is not the same at a position behind a cache as without one", g.file,
             g.names[id]);
    };
    if (whole.rank() != behind.rank())
        differ();
    Value part = whole;
    for (std::int64_t d = 0; d < whole.rank(); ++d) {
        const std::int64_t a = whole.shape[static_cast<std::size_t>(d)];
        const std::int64_t b = behind.shape[static_cast<std::size_t>(d)];
        if (a != b && a != b + kPast)
            differ();
        if (a != b)
            part = graphs::sliced(part, d, kPast, 1, b);
    }
    if (*part.numbers() != *behind.numbers())
        differ();
}

// A value that depends on lengths alone, or nothing.
std::optional<Value> of_lengths(const TensorGraph& g, const Roles& roles, Lengths lengths, Id id) {
    try {
        Value v = graphs::evaluate(g, roles.shapes(lengths), {id}).at(id);
        if (v.known())
            return v;
    } catch (const CompileError&) {
        // Something before it depends on which experts tokens chose.
    }
    return {};
}

// Where the tokens are, of a value at two numbers of them; nothing if it does not depend on that.
std::optional<std::size_t> token_axis(const Value& a, const Value& b, Lengths x, Lengths y) {
    for (std::size_t d = 0; a.rank() == b.rank() && d < a.shape.size(); ++d)
        if (a.shape[d] == x.tokens && b.shape[d] == y.tokens)
            return d;
    return {};
}

// x[p - 1] + x[p + 1] is the same multiple of x[p] everywhere: cosines, sines and constants.
bool is_wave(std::span<const double> x) {
    constexpr double kTolerance = 1e-4;
    std::size_t top = 1;
    double most = 0;
    for (std::size_t p = 1; p + 1 < x.size(); ++p)
        if (std::abs(x[p]) > std::abs(x[top]))
            top = p;
    for (const double v : x)
        most = std::max(most, std::abs(v));
    if (most == 0)
        return true;
    const double c = (x[top - 1] + x[top + 1]) / x[top];
    for (std::size_t p = 1; p + 1 < x.size(); ++p)
        if (!(std::abs(x[p - 1] + x[p + 1] - c * x[p]) <= kTolerance * most))
            return false;
    return true;
}

void check_waves(const TensorGraph& g, Id id, const Value& v, std::size_t axis) {
    const Value last = graphs::axis_last(v, static_cast<std::int64_t>(axis));
    const graphs::Floats all = last.numbers();
    const auto n = static_cast<std::size_t>(last.shape.back());
    for (std::size_t begin = 0; begin + n <= all->size(); begin += n)
        if (!is_wave(std::span(*all).subspan(begin, n)))
            fail(
                "{}: {} multiplies what depends on tokens, differs between positions, and is no "
                "cosine or sine of an angle that grows with them",
                g.file, g.names[id]);
}

}  // namespace

void check_tables(const TensorGraph& g, const Roles& roles, const std::set<std::uint32_t>& tables) {
    constexpr std::int64_t kLongest = std::int64_t{1} << 17, kMostNumbers = std::int64_t{1} << 24;
    if (roles.fixed_tokens())
        return;
    const Lengths few{0, 5}, some{0, 300};
    for (const Id id : tables) {
        const auto a = of_lengths(g, roles, few, id), b = of_lengths(g, roles, some, id);
        const auto axis = a && b ? token_axis(*a, *b, few, some) : std::nullopt;
        if (!axis)
            continue;
        check_waves(g, id, *b, *axis);
        std::set<std::int64_t> totals{some.tokens};
        for (const std::int64_t named : lengths_before(g, {id}))
            if (named + 3 <= kLongest && a->size() / few.tokens * (named + 3) <= kMostNumbers)
                totals.insert(named + 3);
        for (const std::int64_t total : totals) {
            const auto whole = of_lengths(g, roles, {0, total}, id);
            if (whole && total >= few.tokens &&
                *graphs::sliced(*whole, static_cast<std::int64_t>(*axis), 0, 1, few.tokens)
                        .numbers() != *a->numbers())
                fail(
                    "{}: {} is not the same at a position among {} tokens as among {}: angles "
                    "that change with the length of the whole are not supported",
                    g.file, g.names[id], total, few.tokens);
        }
    }
}

void check_cache(const TensorGraph& g, const Roles& roles, const std::set<std::uint32_t>& tables,
                 std::int64_t tokens) {
    Recogniser r(static_cast<std::uint32_t>(tokens));
    graphs::Evaluation how;
    how.algebra = &r;
    how.before = [&](const graphs::Node& node) { r.at(node.path); };
    const Lengths behind{kPast, tokens}, whole{0, kPast + tokens};
    check_outputs(g, roles, graphs::evaluate(g, roles.symbols(behind, r), g.outputs, how), r);
    for (const Id id : tables) {
        const auto a = of_lengths(g, roles, whole, id), b = of_lengths(g, roles, behind, id);
        if (a && b)
            check_table(g, id, *a, *b);
    }
}

std::optional<std::int64_t> positions_there_are(const TensorGraph& g, const Roles& roles) {
    std::optional<std::int64_t> least;
    const auto at_most = [&](Id table) {
        const auto it = g.constants.find(table);
        if (it == g.constants.end() || it->second.rank() != 2)
            return;
        const std::int64_t rows = it->second.shape[0];
        least = std::min(least.value_or(rows), rows);
    };
    if (roles.fixed_tokens())
        return least;
    std::vector<const graphs::Node*> lookups;
    for (const graphs::Node& n : g.nodes) {
        if (n.op->name == "Gather")
            if (const auto it = g.constants.find(n.inputs[0]);
                it != g.constants.end() && it->second.is_weight() && it->second.rank() == 2)
                lookups.push_back(&n);
        // Where operators look up by themselves.
        if (n.op->name == "com.microsoft.GroupQueryAttention" && n.inputs.size() > 7 &&
            n.inputs[7] != graphs::kAbsent)
            at_most(n.inputs[7]);
        if (n.op->name == "com.microsoft.EmbedLayerNormalization")
            at_most(n.inputs[3]);
        if (n.op->name == "com.microsoft.RotaryEmbedding")
            at_most(n.inputs[2]);
        if (n.op->name == "RotaryEmbedding" && n.inputs.size() > 3)
            at_most(n.inputs[1]);
    }
    constexpr std::int64_t kShort = 5, kLong = 7;
    for (const graphs::Node* n : lookups) {
        const auto x = of_lengths(g, roles, {0, kShort}, n->inputs[1]);
        const auto y = of_lengths(g, roles, {0, kLong}, n->inputs[1]);
        if (x && y && x->size() == kShort && y->size() == kLong)
            at_most(n->inputs[0]);
    }
    return least;
}

}  // namespace skald::compiler::raising
