// SPDX-License-Identifier: MIT
// Elements at places that are values themselves.
#include "import/aten/indexing.hpp"

#include <algorithm>

#include "error.hpp"
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

// Places along one dimension; the others are taken whole.
void index(AtenNode& n) {
    const std::vector<Id> ids = n.values("indices");
    const auto is_given = [](Id id) { return id != kAbsent; };
    const auto given = std::ranges::count_if(ids, is_given);
    const auto first = std::ranges::find_if(ids, is_given);
    // Several that follow each other from the first dimension on.
    if (given > 1 && first == ids.begin() &&
        std::all_of(ids.begin(), ids.begin() + given, is_given)) {
        n.results = {n.make("skald.GatherMany", [&] {
            std::vector<Id> in{n.value("self")};
            in.insert(in.end(), ids.begin(), ids.begin() + given);
            return in;
        }())};
        return;
    }
    if (given != 1)
        n.refuse(fmt::format("places along {} dimensions at once are not supported", given));
    const auto axis = std::ranges::find_if(ids, [](Id id) { return id != kAbsent; }) - ids.begin();
    n.results = {n.make("Gather", {n.value("self"), ids[static_cast<std::size_t>(axis)]},
                        {{"axis", Int{axis}}})};
}

// `parts` at places along a dimension; two at one place: the last.
Id put(AtenNode& n, Id into, Int dim, Id places, Id parts) {
    return n.make("skald.PutRows", {into, places, parts}, {{"axis", dim}});
}

void index_put(AtenNode& n) {
    const std::vector<Id> ids = n.values("indices");
    const auto is_given = [](Id id) { return id != kAbsent; };
    const auto at = std::ranges::find_if(ids, is_given);
    if (std::ranges::count_if(ids, is_given) != 1)
        n.refuse("elements are put at places of several dimensions at once");
    const Int dim = at - ids.begin();
    if (!n.flag("accumulate", false)) {
        n.results = {put(n, n.value("self"), dim, *at, n.value("values"))};
        return;
    }
    if (dim != 0)
        n.refuse("elements are added at places of another than the first dimension");
    n.results = {n.make("skald.AddRows", {n.value("self"), *at, n.value("values")})};
}

void index_copy(AtenNode& n) {
    n.results = {put(n, n.value("self"), n.integer("dim"), n.value("index"), n.value("source"))};
}

// A slice of a tensor replaced by another.
Id with_slice(AtenNode& n, Id part) {
    const Id self = n.value("self");
    const Int dim = n.integer("dim", 0);
    const Id size = n.make("skald.Dimension", {self}, {{"dim", dim}});
    const auto place = [&](const char* name, Id otherwise) {
        if (!n.has(name))
            return otherwise;
        // From the end, and no further than it.
        const Id x = n.value(name);
        const Id behind = n.make("Less", {x, n.constant(Int{0})});
        const Id from_front = n.make(
            "Where", {behind, n.make("Add", {n.make("Min", {x, n.constant(Int{0})}), size}), x});
        return n.make("Min", {n.make("Max", {from_front, n.constant(Int{0})}), size});
    };
    const Id places = n.make("Range", {place("start", n.constant(Int{0})), place("end", size),
                                       n.constant(n.integer("step", 1))});
    return put(n, self, dim, places, part);
}

Id with_selected(AtenNode& n, Id part) {
    const Int dim = n.integer("dim");
    return put(n, n.value("self"), dim, n.make("skald.List", {n.value("index")}),
               n.make("Unsqueeze", {part}, {{"axes", Ints{dim}}}));
}

void index_add(AtenNode& n) {
    if (n.integer("dim") != 0)
        n.refuse("elements are added at places of another than the first dimension");
    n.results = {n.make("skald.AddRows", {n.value("self"), n.value("index"), n.value("source")})};
}

}  // namespace

void add_indexing(Table& t) {
    t["nonzero.default"] = [](AtenNode& n) {
        n.results = {n.make("Transpose", {n.make("NonZero", {n.value("self")})})};
    };
    t["embedding.default"] = [](AtenNode& n) {
        n.results = {n.make("Gather", {n.value("weight"), n.value("indices")}, {{"axis", Int{0}}})};
    };
    t["index_select.default"] = [](AtenNode& n) {
        n.results = {
            n.make("Gather", {n.value("self"), n.value("index")}, {{"axis", n.integer("dim")}})};
    };
    t["gather.default"] = [](AtenNode& n) {
        n.results = {n.make("GatherElements", {n.value("self"), n.value("index")},
                            {{"axis", n.integer("dim")}})};
    };
    t["scatter.src"] = [](AtenNode& n) {
        n.results = {n.make("ScatterElements", {n.value("self"), n.value("index"), n.value("src")},
                            {{"axis", n.integer("dim")}})};
    };
    t["scatter.value"] = [](AtenNode& n) {
        const Id places = n.value("index");
        const Id filled = n.make("skald.Filled", {places, n.value("value")}, {{"like", Int{1}}});
        n.results = {n.make("ScatterElements", {n.value("self"), places, filled},
                            {{"axis", n.integer("dim")}})};
    };
    t["index.Tensor"] = index;
    t["index_put.default"] = index_put;
    t["index_add.default"] = index_add;
    t["index_copy.default"] = index_copy;
    t["slice_scatter.default"] = [](AtenNode& n) { n.results = {with_slice(n, n.value("src"))}; };
    t["select_scatter.default"] = [](AtenNode& n) {
        n.results = {with_selected(n, n.value("src"))};
    };
}

}  // namespace skald::compiler::graphs::aten

namespace skald::compiler::graphs {

bool is_view(std::string_view target) {
    const std::string name = aten::short_name(target);
    return name == "slice.Tensor" || name == "select.int" || name == "alias.default" ||
           name == "detach.default";
}

Id put_back(AtenNode& view, std::string_view target, Id changed) {
    const std::string name = aten::short_name(target);
    if (name == "slice.Tensor")
        return aten::with_slice(view, changed);
    return name == "select.int" ? aten::with_selected(view, changed) : changed;
}

}  // namespace skald::compiler::graphs
