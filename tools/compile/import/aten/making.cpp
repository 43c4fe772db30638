// SPDX-License-Identifier: MIT
// Tensors that are made of nothing but a shape.
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

void arange(AtenNode& n) {
    const Id start = n.has("start") ? n.value("start") : n.constant(Int{0});
    const Id step = n.has("step") ? n.value("step") : n.constant(Int{1});
    n.results = {n.make("Range", {start, n.value("end"), step})};
    if (n.has("dtype"))
        n.results = {n.make("Cast", n.results, {{"to", n.type("dtype")}})};
}

// `fill` in a shape that is an argument of that name, or another tensor's.
void filled(AtenNode& n, std::string_view size, Id fill) {
    if (n.has("dtype"))
        fill = n.make("Cast", {fill}, {{"to", n.type("dtype")}});
    n.results = {size.empty() ? n.make("skald.Filled", {n.value("self"), fill}, {{"like", Int{1}}})
                              : n.make("skald.Filled", {n.sizes(size), fill})};
}

Lowering filled_with(std::string_view size, double number) {
    return [=](AtenNode& n) { filled(n, size, n.constant(number)); };
}

void one_hot(AtenNode& n) {
    n.results = {n.make(
        "OneHot", {n.value("self"), n.constant(n.integer("num_classes")), n.constants({0, 1})})};
}

}  // namespace

void add_making(Table& t) {
    for (const char* name : {"arange.default", "arange.start", "arange.start_step"})
        t[name] = arange;
    t["new_ones.default"] = t["ones.default"] = filled_with("size", 1);
    t["new_zeros.default"] = t["zeros.default"] = filled_with("size", 0);
    t["ones_like.default"] = filled_with("", 1);
    t["zeros_like.default"] = filled_with("", 0);
    t["empty_like.default"] = filled_with("", 0);
    t["empty_permuted.default"] = t["empty.memory_format"] = filled_with("size", 0);
    t["full.default"] =
        t["new_full.default"] = [](AtenNode& n) { filled(n, "size", n.value("fill_value")); };
    t["full_like.default"] = [](AtenNode& n) { filled(n, "", n.value("fill_value")); };
    t["scalar_tensor.default"] = [](AtenNode& n) { n.results = {n.value("s")}; };
    t["one_hot.default"] = one_hot;
}

}  // namespace skald::compiler::graphs::aten
