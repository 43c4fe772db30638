// SPDX-License-Identifier: MIT
// Along a dimension: sums, softmax, the largest, orders.
#include <limits>

#include "error.hpp"
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

Lowering reduction(std::string_view op) {
    return [=](AtenNode& n) {
        AtenNode::Attributes a{{"keepdims", Int{n.flag("keepdim", false)}}};
        if (n.has("dim"))
            a.emplace("axes", n.integers("dim"));
        Id x = n.value("self");
        if (n.has("dtype"))
            x = n.make("Cast", {x}, {{"to", n.type("dtype")}});
        n.results = {n.make(op, {x}, std::move(a))};
    };
}

// With the mean behind it, where that is wanted too.
void variance(AtenNode& n) {
    const bool unbiased =
        n.has("correction") ? n.number("correction", 1) != 0 : n.flag("unbiased", true);
    if (unbiased)
        n.refuse("a variance that is not divided by the number of elements is not supported");
    const Ints dims = n.integers("dim");
    const auto over = [&](Id x, bool keep) {
        return n.make("ReduceMean", {x}, {{"axes", dims}, {"keepdims", Int{keep}}});
    };
    const bool keep = n.flag("keepdim", false);
    const Id x = n.value("self");
    const Id centred = n.make("Sub", {x, over(x, true)});
    n.results = {over(n.make("Mul", {centred, centred}), keep)};
    if (n.outputs() > 1)
        n.results.push_back(over(x, keep));
}

void softmax(AtenNode& n) {
    n.results = {n.make("Softmax", {n.value("self")}, {{"axis", n.integer("dim")}})};
}

// The largest along a dimension, and where the first of them is.
void largest(AtenNode& n, std::string_view op, bool max) {
    const Int dim = n.integer("dim"), keep = n.flag("keepdim", false);
    const Id x = n.value("self");
    const Id place =
        n.make_many(2, "TopK", {x, n.constants({1})}, {{"axis", dim}, {"largest", Int{max}}})[1];
    n.results = {n.make(op, {x}, {{"axes", Ints{dim}}, {"keepdims", keep}}),
                 keep != 0 ? place : n.make("Squeeze", {place}, {{"axes", Ints{dim}}})};
}

// Each element less the one before, along a dimension.
void difference(AtenNode& n) {
    const Int dim = n.integer("dim", -1);
    std::vector<Id> parts;
    for (const char* name : {"prepend", "self", "append"})
        if (n.has(name))
            parts.push_back(n.value(name));
    Id x = parts.size() == 1 ? parts.front() : n.make("Concat", std::move(parts), {{"axis", dim}});
    const Int times = n.integer("n", 1);
    if (times < 0 || times > 8)
        n.refuse(fmt::format("differences of order {} are not supported", times));
    const auto part = [&](Int from, Int to) {
        return n.make("Slice", {x, n.constants({from}), n.constants({to}), n.constants({dim})});
    };
    for (Int i = 0; i < times; ++i)
        x = n.make("Sub", {part(1, std::numeric_limits<Int>::max()), part(0, -1)});
    n.results = {x};
}

void topk(AtenNode& n) {
    n.results =
        n.make_many(2, "TopK", {n.value("self"), n.constants({n.integer("k")})},
                    {{"axis", n.integer("dim", -1)}, {"largest", Int{n.flag("largest", true)}}});
}

void sort(AtenNode& n) {
    n.results = n.make_many(
        2, "skald.Sort", {n.value("self")},
        {{"axis", n.integer("dim", -1)}, {"descending", Int{n.flag("descending", false)}}});
}

void histc(AtenNode& n) {
    n.results = {n.make("skald.Histogram", {n.value("self")},
                        {{"bins", n.integer("bins")},
                         {"min", static_cast<Int>(n.number("min", 0))},
                         {"max", static_cast<Int>(n.number("max", 0))}})};
}

}  // namespace

void add_reductions(Table& t) {
    for (const char* name : {"mean.dim", "mean.default"})
        t[name] = reduction("ReduceMean");
    for (const char* name : {"sum.dim_IntList", "sum.default"})
        t[name] = reduction("ReduceSum");
    t["amax.default"] = reduction("ReduceMax");
    t["any.dim"] = t["any.default"] = reduction("skald.ReduceAny");
    t["all.dim"] = t["all.default"] = reduction("skald.ReduceAll");
    for (const char* name : {"softmax.int", "_softmax.default", "_safe_softmax.default"})
        t[name] = softmax;
    for (const char* name : {"var.correction", "var.dim", "var_mean.correction"})
        t[name] = variance;
    t["cumsum.default"] = [](AtenNode& n) {
        n.results = {n.make("CumSum", {n.value("self"), n.constant(n.integer("dim"))})};
        if (n.has("dtype"))
            n.results = {n.make("Cast", n.results, {{"to", n.type("dtype")}})};
    };
    t["max.dim"] = [](AtenNode& n) { largest(n, "ReduceMax", true); };
    t["min.dim"] = [](AtenNode& n) { largest(n, "ReduceMin", false); };
    t["diff.default"] = difference;
    t["topk.default"] = topk;
    t["sort.default"] = t["sort.stable"] = sort;
    t["histc.default"] = histc;
}

}  // namespace skald::compiler::graphs::aten
