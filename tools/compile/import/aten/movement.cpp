// SPDX-License-Identifier: MIT
// Elements that are moved about: shapes, parts, joins.
#include <limits>
#include <tuple>

#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

void cast_to(AtenNode& n) {
    n.results = {n.has("dtype") ? n.make("Cast", {n.value("self")}, {{"to", n.type("dtype")}})
                                : n.make("Identity", {n.value("self")})};
}

void slice(AtenNode& n) {
    const Int dim = n.integer("dim", 0);
    const Id start = n.make("skald.List", {n.has("start") ? n.value("start") : n.constant(Int{0})});
    const Id end =
        n.make("skald.List",
               {n.has("end") ? n.value("end") : n.constant(std::numeric_limits<Int>::max())});
    n.results = {n.make("Slice", {n.value("self"), start, end, n.constants({dim}),
                                  n.constants({n.integer("step", 1)})})};
}

void select(AtenNode& n) {
    n.results = {
        n.make("Gather", {n.value("self"), n.value("index")}, {{"axis", n.integer("dim")}})};
}

void chunk(AtenNode& n) {
    n.results =
        n.make_many(n.outputs(), "Split", {n.value("self")}, {{"axis", n.integer("dim", 0)}});
}

void split(AtenNode& n) {
    n.results = n.make_many(n.outputs(), "Split", {n.value("self")},
                            {{"axis", n.integer("dim", 0)}, {"size", n.integer("split_size")}});
}

void split_sizes(AtenNode& n) {
    n.results = n.make_many(n.outputs(), "Split", {n.value("self"), n.sizes("split_sizes")},
                            {{"axis", n.integer("dim", 0)}});
}

// Each element of a dimension so many times, neighbours.
void repeat_interleave(AtenNode& n) {
    if (!n.has("dim"))
        n.refuse("elements of all dimensions at once are repeated");
    n.results = {n.make("skald.RepeatInterleave", {n.value("self"), n.value("repeats")},
                        {{"axis", n.integer("dim")}})};
}

void view_as_shape(AtenNode& n, std::string_view size) {
    n.results = {n.make("Reshape", {n.value("self"), n.sizes(size)}, {{"allowzero", Int{1}}})};
}

}  // namespace

void add_movement(Table& t) {
    for (const char* name : {"view.default", "_unsafe_view.default", "view_copy.default"})
        t[name] = [](AtenNode& n) { view_as_shape(n, "size"); };
    t["reshape.default"] = [](AtenNode& n) { view_as_shape(n, "shape"); };
    t["unsqueeze.default"] = [](AtenNode& n) {
        n.results = {n.make("Unsqueeze", {n.value("self")}, {{"axes", Ints{n.integer("dim")}}})};
    };
    t["squeeze.dim"] = [](AtenNode& n) {
        n.results = {n.make("Squeeze", {n.value("self")},
                            {{"axes", Ints{n.integer("dim")}}, {"lenient", Int{1}}})};
    };
    t["squeeze.dims"] = [](AtenNode& n) {
        n.results = {n.make("Squeeze", {n.value("self")},
                            {{"axes", n.integers("dim")}, {"lenient", Int{1}}})};
    };
    t["squeeze.default"] = one("Squeeze");
    for (const auto& [name, a, b] :
         {std::tuple("transpose.int", "dim0", "dim1"), {"swapaxes.default", "axis0", "axis1"}})
        t[name] = [a, b](AtenNode& n) {
            n.results = {n.make("Transpose", {n.value("self")},
                                {{"swap", Ints{n.integer(a), n.integer(b)}}})};
        };
    t["mT.default"] = [](AtenNode& n) {
        n.results = {n.make("Transpose", {n.value("self")}, {{"swap", Ints{-2, -1}}})};
    };
    for (const char* name : {"t.default", "numpy_T.default"})
        t[name] = one("Transpose");
    t["permute.default"] = [](AtenNode& n) {
        n.results = {n.make("Transpose", {n.value("self")}, {{"perm", n.integers("dims")}})};
    };
    for (const char* name : {"expand.default", "broadcast_to.default", "expand_copy.default"})
        t[name] = [](AtenNode& n) {
            n.results = {n.make("Expand", {n.value("self"), n.sizes("size")})};
        };
    t["repeat.default"] = [](AtenNode& n) {
        n.results = {n.make("Tile", {n.value("self"), n.sizes("repeats")})};
    };
    for (const char* name : {"expand_as.default", "view_as.default", "reshape_as.default"})
        t[name] = [op = std::string_view(name).starts_with("expand") ? "Expand"
                                                                     : "Reshape"](AtenNode& n) {
            n.results = {n.make(op, {n.value("self"), n.make("Shape", {n.value("other")})})};
        };
    t["flatten.using_ints"] = [](AtenNode& n) {
        n.results = {
            n.make("skald.Flatten", {n.value("self")},
                   {{"start", n.integer("start_dim", 0)}, {"end", n.integer("end_dim", -1)}})};
    };
    t["unflatten.int"] = [](AtenNode& n) {
        n.results = {n.make("skald.Unflatten", {n.value("self"), n.sizes("sizes")},
                            {{"axis", n.integer("dim")}})};
    };
    t["stack.default"] = [](AtenNode& n) {
        const Int dim = n.integer("dim", 0);
        std::vector<Id> parts;
        for (const Id id : n.values("tensors"))
            parts.push_back(n.make("Unsqueeze", {id}, {{"axes", Ints{dim}}}));
        n.results = {n.make("Concat", std::move(parts), {{"axis", dim}})};
    };
    t["unbind.int"] = [](AtenNode& n) {
        const Int dim = n.integer("dim", 0);
        for (std::size_t i = 0; i < n.outputs(); ++i)
            n.results.push_back(n.make("Gather", {n.value("self"), n.constant(static_cast<Int>(i))},
                                       {{"axis", dim}}));
    };
    t["narrow.default"] = [](AtenNode& n) {
        const Id start = n.value("start");
        n.results = {
            n.make("Slice", {n.value("self"), n.make("skald.List", {start}),
                             n.make("skald.List", {n.make("Add", {start, n.value("length")})}),
                             n.constants({n.integer("dim")})})};
    };
    t["repeat_interleave.self_int"] = repeat_interleave;
    t["cat.default"] = [](AtenNode& n) {
        n.results = {n.make("Concat", n.values("tensors"),
                            {{"axis", n.integer("dim", 0)}, {"lenient", Int{1}}})};
    };
    t["slice.Tensor"] = slice;
    t["select.int"] = select;
    t["chunk.default"] = t["unsafe_chunk.default"] = chunk;
    t["split.Tensor"] = t["unsafe_split.Tensor"] = split;
    for (const char* name :
         {"split_with_sizes.default", "split.sizes", "split_with_sizes_copy.default"})
        t[name] = split_sizes;
    t["sym_size.int"] = [](AtenNode& n) {
        n.results = {n.make("skald.Dimension", {n.value("self")}, {{"dim", n.integer("dim")}})};
    };
    t["tril.default"] = [](AtenNode& n) {
        n.results = {n.make("Trilu", {n.value("self"), n.constant(n.integer("diagonal", 0))},
                            {{"upper", Int{0}}})};
    };
    t["triu.default"] = [](AtenNode& n) {
        n.results = {n.make("Trilu", {n.value("self"), n.constant(n.integer("diagonal", 0))},
                            {{"upper", Int{1}}})};
    };
    for (const char* name :
         {"alias.default", "detach.default", "contiguous.default", "clone.default",
          "lift_fresh_copy.default", "lift_fresh.default", "to.device", "_to_copy.default",
          "to.dtype", "to.dtype_layout", "_to_copy"})
        t[name] = cast_to;
    t["dropout.default"] = [](AtenNode& n) {
        if (n.flag("train", false) && n.number("p", 0) != 0)
            n.refuse("it is exported for training; model.eval() comes before the export");
        n.results = {n.make("Identity", {n.value("input")})};
    };
    // All of a tensor replaced by another.
    t["copy.default"] = [](AtenNode& n) {
        const Id self = n.value("self");
        n.results = {n.make("Expand",
                            {n.make("CastLike", {n.value("src"), self}), n.make("Shape", {self})})};
    };
    // A number that a tensor of one element holds.
    for (const char* name : {"item.default", "_local_scalar_dense.default"})
        t[name] = [](AtenNode& n) {
            n.results = {n.make("Reshape", {n.value("self"), n.constants({})})};
        };
    t["type_as.default"] = two("CastLike");
}

}  // namespace skald::compiler::graphs::aten
