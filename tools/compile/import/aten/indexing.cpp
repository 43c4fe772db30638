// SPDX-License-Identifier: MIT
// Elements at places that are values themselves.
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

void index_put(AtenNode& n) {
    const std::vector<Id> ids = n.values("indices");
    if (ids.size() != 1 || ids[0] == kAbsent)
        n.refuse("elements are put at places of more than the first dimension");
    n.results = {n.make(n.flag("accumulate", false) ? "skald.AddRows" : "skald.PutRows",
                        {n.value("self"), ids[0], n.value("values")})};
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
}

}  // namespace skald::compiler::graphs::aten
