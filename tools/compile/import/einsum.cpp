// SPDX-License-Identifier: MIT
// Einsum, of one or two arguments: what both have and the result has is a batch, what both have and
// it has not is added up, and so a product of matrices does it.
#include <algorithm>
#include <array>

#include "error.hpp"
#include "import/arithmetic.hpp"
#include "import/layout.hpp"
#include "import/operators.hpp"
#include "import/products.hpp"

namespace skald::compiler::graphs {
namespace {

using Values = std::vector<Value>;

struct Equation {
    std::vector<std::string> in;
    std::string out;
};

// "bij,bjk->bik". Without an arrow the result has the letters that occur once, in their order.
Equation equation_of(const Call& c) {
    std::string text = c.text("equation", "");
    std::erase(text, ' ');
    if (text.find('.') != std::string::npos)
        fail("the equation {} has dimensions without letters, which is not supported", text);
    const std::size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    Equation e;
    for (std::size_t begin = 0; begin <= left.size();) {
        const std::size_t end = std::min(left.find(',', begin), left.size());
        e.in.push_back(left.substr(begin, end - begin));
        begin = end + 1;
    }
    if (arrow != std::string::npos) {
        e.out = text.substr(arrow + 2);
    } else {
        for (char l = 'A'; l <= 'z'; ++l)
            if (std::ranges::count(left, l) == 1)
                e.out.push_back(l);
    }
    std::string all = e.out;
    for (const std::string& in : e.in)
        all += in;
    if (!std::ranges::all_of(all,
                             [](char l) { return std::isalpha(static_cast<unsigned char>(l)); }))
        fail("the equation {} is not understood", text);
    const auto repeats = [](std::string letters) {
        std::ranges::sort(letters);
        return std::ranges::adjacent_find(letters) != letters.end();
    };
    if (repeats(e.out) || std::ranges::any_of(e.in, repeats))
        fail("the equation {} has a letter twice in one place, which is not supported", text);
    for (const char l : e.out)
        if (left.find(l) == std::string::npos)
            fail("the equation {} has {} on the right alone", text, l);
    return e;
}

bool has(const std::string& letters, char l) {
    return letters.find(l) != std::string::npos;
}

Value by_letters(const Value& v, const std::string& from, const std::string& to) {
    std::vector<std::int64_t> order;
    for (const char l : to)
        order.push_back(static_cast<std::int64_t>(from.find(l)));
    Value out = transposed(v, order);
    out.fixed = v.fixed;
    return out;
}

// Sums over letters that occur nowhere else are not: what they need is a ReduceSum.
std::string kept(const std::string& own, const std::string& others, const std::string& equation) {
    for (const char l : own)
        if (!has(others, l))
            fail("{} in {} is added up alone, which is not supported", l, equation);
    return own;
}

std::int64_t size_of(const Value& v, const std::string& letters, const std::string& of) {
    std::int64_t n = 1;
    for (const char l : of)
        n *= v.shape[letters.find(l)];
    return n;
}

Values einsum(const Call& c) {
    const Equation e = equation_of(c);
    const std::string text = c.text("equation", "");
    if (e.in.size() != c.inputs())
        fail("the equation {} is of {} arguments, there are {}", text, e.in.size(), c.inputs());
    for (std::size_t i = 0; i < e.in.size(); ++i)
        if (static_cast<std::int64_t>(e.in[i].size()) != c.in(i).rank())
            fail("the equation {} does not fit {}", text, to_string(c.in(i).shape));
    if (e.in.size() == 1)
        return {by_letters(c.in(0), kept(e.in[0], e.out, text), e.out)};
    const Value &a = c.in(0), &b = c.in(1);
    const std::string &x = kept(e.in[0], e.in[1] + e.out, text),
                      &y = kept(e.in[1], e.in[0] + e.out, text);
    std::string batch, rows, columns, sum;
    for (const char l : x)
        (has(y, l) ? (has(e.out, l) ? batch : sum) : rows).push_back(l);
    for (const char l : y)
        if (!has(x, l))
            columns.push_back(l);
    for (const char l : batch + sum)
        if (a.shape[x.find(l)] != b.shape[y.find(l)])
            fail("{} in {} is {} and {}", l, text, a.shape[x.find(l)], b.shape[y.find(l)]);
    Shape of_batch;
    for (const char l : batch)
        of_batch.push_back(a.shape[x.find(l)]);
    const std::int64_t n = size_of(a, x, rows), k = size_of(a, x, sum), m = size_of(b, y, columns);
    Shape left = of_batch, right = of_batch, out = of_batch;
    left.insert(left.end(), {n, k});
    right.insert(right.end(), {k, m});
    Value of_a = reshaped(by_letters(a, x, batch + rows + sum), left);
    Value of_b = reshaped(by_letters(b, y, batch + sum + columns), right);
    of_b.fixed = b.fixed;
    for (const char l : rows)
        out.push_back(a.shape[x.find(l)]);
    for (const char l : columns)
        out.push_back(b.shape[y.find(l)]);
    const bool symbolic = a.is_symbolic() || b.is_symbolic();
    // A matrix on the left: the other way round it is one of weights.
    if (of_a.is_weight() && of_b.is_symbolic() && batch.empty()) {
        constexpr std::array<std::int64_t, 2> kSwapped{1, 0};
        const Value turned =
            multiplied(&c.algebra(), transposed(of_b, kSwapped), transposed(of_a, kSwapped));
        return {
            by_letters(reshaped(transposed(turned, kSwapped), out), batch + rows + columns, e.out)};
    }
    const Value product = multiplied(symbolic ? &c.algebra() : nullptr, of_a, of_b);
    return {by_letters(reshaped(product, out), batch + rows + columns, e.out)};
}

}  // namespace

void add_einsum(std::vector<Operator>& t) {
    t.push_back({"Einsum", 1, 2, einsum, {"equation"}});
}

}  // namespace skald::compiler::graphs
