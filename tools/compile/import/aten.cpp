// SPDX-License-Identifier: MIT
#include "import/aten.hpp"

#include <algorithm>
#include <limits>

#include "error.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {

AtenNode::AtenNode(TensorGraph& graph, const JsonObject& node, std::string path, Find find)
    : g_(graph), path_(std::move(path)), find_(std::move(find)) {
    for (const JsonObject& input : node.objects("inputs")) {
        const Json* argument = input.find("arg");
        if (argument == nullptr || !argument->is_object() || argument->size() != 1)
            refuse("an argument is of a form that is not known");
        arguments_.emplace_back(input.maybe_string("name").value_or(""), argument);
    }
    for (const JsonObject& output : node.objects("outputs"))
        outputs_ += output.has("as_tensors") ? output.array("as_tensors").size() : 1;
}

void AtenNode::refuse(std::string_view why) const {
    fail("{}: {}: {}", g_.file, path_, why);
}

const Json* AtenNode::find(std::string_view name) const {
    for (const auto& [own, argument] : arguments_)
        if (own == name && !argument->contains("as_none"))
            return argument;
    return nullptr;
}

bool AtenNode::has(std::string_view name) const {
    return find(name) != nullptr;
}

Id AtenNode::value_of(const Json& argument) {
    if (!argument.is_object() || argument.empty())
        refuse("an argument is empty");
    const auto first = argument.begin();
    const std::string& kind = first.key();
    const Json& v = first.value();
    if (kind == "as_tensor" && v.is_object() && v.contains("name") && v["name"].is_string())
        return find_(v["name"].get<std::string>());
    if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
        if (v.is_object() && v.contains("as_name") && v["as_name"].is_string())
            return find_(v["as_name"].get<std::string>());
        if (v.is_object() && !v.empty())
            return value_of(v);
    }
    if (kind == "as_name" && v.is_string())
        return find_(v.get<std::string>());
    if (kind == "as_int" && v.is_number_integer())
        return constant(v.get<std::int64_t>());
    if (kind == "as_bool" && v.is_boolean())
        return constant(std::int64_t{v.get<bool>()});
    if (kind == "as_float" && v.is_number())
        return constant(v.get<double>());
    if (kind == "as_float" && v.is_string()) {
        const auto text = v.get<std::string>();
        if (text == "-Infinity" || text == "-inf")
            return constant(-std::numeric_limits<double>::infinity());
        if (text == "Infinity" || text == "inf")
            return constant(std::numeric_limits<double>::infinity());
    }
    refuse(fmt::format("an argument of kind {} is not supported here", kind));
}

Id AtenNode::value(std::string_view name) {
    const Json* a = find(name);
    if (a == nullptr)
        refuse(fmt::format("its argument {} is missing", name));
    return value_of(*a);
}

std::vector<Id> AtenNode::values(std::string_view name) {
    const Json* a = find(name);
    if (a == nullptr)
        refuse(fmt::format("its argument {} is missing", name));
    if (!a->is_object() || a->empty())
        refuse(fmt::format("its argument {} is empty", name));
    const auto first = a->begin();
    const std::string& kind = first.key();
    const Json& list = first.value();
    std::vector<Id> ids;
    if (!list.is_array())
        refuse(fmt::format("its argument {} is no list", name));
    for (const Json& v : list)
        if (kind == "as_tensors" && v.is_object() && v.contains("name") && v["name"].is_string())
            ids.push_back(find_(v["name"].get<std::string>()));
        else if (v.is_object() && v.contains("as_none"))
            ids.push_back(kAbsent);
        else if (v.is_object() && v.size() == 1)
            ids.push_back(value_of(v));
        else if (v.is_number_integer())
            ids.push_back(constant(v.get<std::int64_t>()));
        else
            refuse(fmt::format("its argument {} has an element that is not known", name));
    return ids;
}

std::int64_t AtenNode::integer(std::string_view name, std::optional<std::int64_t> otherwise) const {
    const Json* a = find(name);
    if (a == nullptr && otherwise)
        return *otherwise;
    if (a == nullptr || !a->contains("as_int") || !(*a)["as_int"].is_number_integer())
        refuse(fmt::format("its argument {} is no integer", name));
    return (*a)["as_int"].get<std::int64_t>();
}

double AtenNode::number(std::string_view name, double otherwise) const {
    const Json* a = find(name);
    if (a == nullptr)
        return otherwise;
    for (const char* kind : {"as_float", "as_int"})
        if (a->contains(kind) && (*a)[kind].is_number())
            return (*a)[kind].get<double>();
    refuse(fmt::format("its argument {} is no number", name));
}

bool AtenNode::flag(std::string_view name, bool otherwise) const {
    const Json* a = find(name);
    if (a == nullptr)
        return otherwise;
    if (!a->contains("as_bool") || !(*a)["as_bool"].is_boolean())
        refuse(fmt::format("its argument {} is neither true nor false", name));
    return (*a)["as_bool"].get<bool>();
}

std::string AtenNode::text(std::string_view name, std::string_view otherwise) const {
    const Json* a = find(name);
    if (a == nullptr)
        return std::string(otherwise);
    if (!a->contains("as_string") || !(*a)["as_string"].is_string())
        refuse(fmt::format("its argument {} is no text", name));
    return (*a)["as_string"].get<std::string>();
}

std::vector<std::int64_t> AtenNode::integers(std::string_view name) const {
    const Json* a = find(name);
    if (a == nullptr)
        return {};
    if (a->contains("as_int") && (*a)["as_int"].is_number_integer())
        return {(*a)["as_int"].get<std::int64_t>()};
    std::vector<std::int64_t> out;
    if (!a->contains("as_ints") || !(*a)["as_ints"].is_array())
        refuse(fmt::format("its argument {} is no list of integers", name));
    for (const Json& v : (*a)["as_ints"]) {
        if (!v.is_number_integer())
            refuse(fmt::format("its argument {} is no list of integers", name));
        out.push_back(v.get<std::int64_t>());
    }
    return out;
}

DType torch_type(std::int64_t number, const std::string& where) {
    switch (number) {
        case 1:
            return DType::kU8;
        case 2:
            return DType::kI8;
        case 3:
            return DType::kI16;
        case 4:
            return DType::kI32;
        case 5:
            return DType::kI64;
        case 6:
            return DType::kF16;
        case 7:
            return DType::kF32;
        case 8:
            return DType::kF64;
        case 12:
            return DType::kBool;
        case 13:
            return DType::kBF16;
        default:
            fail("{}: a tensor of type number {} is not supported", where, number);
    }
}

std::int64_t AtenNode::type(std::string_view name) const {
    const Json* a = find(name);
    if (a == nullptr || !a->contains("as_scalar_type") ||
        !(*a)["as_scalar_type"].is_number_integer())
        refuse(fmt::format("its argument {} is no type", name));
    switch (torch_type((*a)["as_scalar_type"].get<std::int64_t>(), path_)) {
        case DType::kU8:
            return 2;
        case DType::kI8:
            return 3;
        case DType::kI16:
            return 5;
        case DType::kI32:
            return 6;
        case DType::kI64:
            return 7;
        case DType::kBool:
            return 9;
        default:
            return 1;
    }
}

Id AtenNode::sizes(std::string_view name) {
    const Json* a = find(name);
    if (a == nullptr)
        refuse(fmt::format("its argument {} is missing", name));
    if (a->contains("as_ints"))
        return constants(integers(name));
    return make("skald.List", values(name));
}

Id AtenNode::constant(std::int64_t number) {
    const Id id = g_.add_value(std::to_string(number));
    g_.constants.emplace(id, Value::ints({}, {number}));
    return id;
}

Id AtenNode::constant(double number) {
    const Id id = g_.add_value(fmt::format("{}", number));
    g_.constants.emplace(id, Value::floats({}, {number}));
    return id;
}

Id AtenNode::constants(std::vector<std::int64_t> numbers) {
    const Id id = g_.add_value("list");
    const auto n = static_cast<std::int64_t>(numbers.size());
    g_.constants.emplace(id, Value::ints({n}, std::move(numbers)));
    return id;
}

std::vector<Id> AtenNode::make_many(std::size_t n, std::string_view op, std::vector<Id> inputs,
                                    Attributes attributes) {
    const Operator* known = operator_named(op);
    if (known == nullptr)
        fail("internal error: there is no operator {}", op);
    std::vector<Id> outputs;
    for (std::size_t i = 0; i < n; ++i)
        outputs.push_back(g_.add_value(path_));
    g_.nodes.push_back({known, path_, std::move(inputs), outputs, std::move(attributes)});
    return outputs;
}

Id AtenNode::make(std::string_view op, std::vector<Id> inputs, Attributes attributes) {
    return make_many(1, op, std::move(inputs), std::move(attributes)).front();
}

bool is_assertion(std::string_view target) {
    return target.find("_assert") != std::string_view::npos ||
           target.find("sym_constrain") != std::string_view::npos;
}

namespace {

using Lowering = std::function<void(AtenNode&)>;
using Table = std::map<std::string, Lowering, std::less<>>;
using Int = std::int64_t;
using Ints = std::vector<std::int64_t>;

Lowering one(std::string_view op, std::string_view argument = "self") {
    return [=](AtenNode& n) { n.results = {n.make(op, {n.value(argument)})}; };
}

Lowering two(std::string_view op, std::string_view a = "self", std::string_view b = "other") {
    return [=](AtenNode& n) { n.results = {n.make(op, {n.value(a), n.value(b)})}; };
}

// Sums have a factor of the second.
Lowering scaled(std::string_view op) {
    return [=](AtenNode& n) {
        Id other = n.value("other");
        if (n.has("alpha"))
            other = n.make("Mul", {other, n.value("alpha")});
        n.results = {n.make(op, {n.value("self"), other})};
    };
}

void cast_to(AtenNode& n) {
    n.results = {n.has("dtype") ? n.make("Cast", {n.value("self")}, {{"to", n.type("dtype")}})
                                : n.make("Identity", {n.value("self")})};
}

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

void layer_norm(AtenNode& n, std::string_view op, std::string_view input) {
    const auto rank = static_cast<Int>(n.integers("normalized_shape").size());
    std::vector<Id> in{n.value(input)};
    for (const char* name : {"weight", "bias"})
        if (n.has(name)) {
            in.resize(std::string_view(name) == "bias" ? 2 : 1, kAbsent);
            in.push_back(n.value(name));
        }
    n.results = n.make_many(n.outputs(), op, std::move(in),
                            {{"axis", -rank}, {"epsilon", n.number("eps", 1e-5)}});
}

void addmm(AtenNode& n) {
    n.results = {n.make("Gemm", {n.value("mat1"), n.value("mat2"), n.value("self")},
                        {{"alpha", n.number("alpha", 1)}, {"beta", n.number("beta", 1)}})};
}

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

// Of its outputs only the first is of use: what others there are is for training.
void attention(AtenNode& n, const char* mask) {
    AtenNode::Attributes a{{"is_causal", Int{n.flag("is_causal", false)}}};
    if (n.has("scale"))
        a.emplace("scale", n.number("scale", 0));
    if (n.number("dropout_p", 0) != 0)
        n.refuse("it is exported for training; model.eval() comes before the export");
    std::vector<Id> in{n.value("query"), n.value("key"), n.value("value")};
    if (*mask != '\0' && n.has(mask))
        in.push_back(n.value(mask));
    n.results = {n.make("Attention", std::move(in), std::move(a))};
    while (n.results.size() < n.outputs())
        n.results.push_back(n.make("skald.Nothing", {}));
}

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

void masked_fill(AtenNode& n) {
    n.results = {n.make("Where", {n.value("mask"), n.value("value"), n.value("self")})};
}

void where(AtenNode& n) {
    n.results = {n.make("Where", {n.value("condition"), n.value("self"), n.value("other")})};
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

void divide(AtenNode& n) {
    const std::string mode = n.text("rounding_mode", "none");
    if (mode != "none" && mode != "floor")
        n.refuse(fmt::format("division with rounding_mode {} is not supported", mode));
    n.results = {n.make(mode == "floor" ? "skald.FloorDivide" : "skald.TrueDivide",
                        {n.value("self"), n.value("other")})};
}

void clamp(AtenNode& n) {
    n.results = {n.make("Clip", {n.value("self"), n.has("min") ? n.value("min") : kAbsent,
                                 n.has("max") ? n.value("max") : kAbsent})};
}

void histc(AtenNode& n) {
    n.results = {n.make("skald.Histogram", {n.value("self")},
                        {{"bins", n.integer("bins")},
                         {"min", static_cast<Int>(n.number("min", 0))},
                         {"max", static_cast<Int>(n.number("max", 0))}})};
}

void one_hot(AtenNode& n) {
    n.results = {n.make(
        "OneHot", {n.value("self"), n.constant(n.integer("num_classes")), n.constants({0, 1})})};
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

void add_shapes(Table& t) {
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
    t["expand.default"] = [](AtenNode& n) {
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
        n.results = {n.make("Concat", n.values("tensors"), {{"axis", n.integer("dim", 0)}})};
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
         {"alias.default", "detach.default", "detach_.default", "contiguous.default",
          "clone.default", "lift_fresh_copy.default", "lift_fresh.default", "to.device",
          "_to_copy.default", "to.dtype", "to.dtype_layout", "_to_copy"})
        t[name] = cast_to;
    t["dropout.default"] = [](AtenNode& n) {
        if (n.flag("train", false) && n.number("p", 0) != 0)
            n.refuse("it is exported for training; model.eval() comes before the export");
        n.results = {n.make("Identity", {n.value("input")})};
    };
    t["type_as.default"] = two("CastLike");
}

void add_makers(Table& t) {
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

void add_arithmetic_of(Table& t) {
    for (const char* kind : {"Tensor", "Scalar"}) {
        const std::string k = kind;
        t["add." + k] = scaled("Add");
        t["sub." + k] = scaled("Sub");
        t["mul." + k] = two("Mul");
        t["div." + k] = two("skald.TrueDivide");
        t["div." + k + "_mode"] = divide;
        t["le." + k] = two("LessOrEqual");
        t["lt." + k] = two("Less");
        t["ge." + k] = two("GreaterOrEqual");
        t["gt." + k] = two("Greater");
        t["eq." + k] = two("Equal");
        t["bitwise_and." + k] = t["__and__." + k] = two("And");
        t["bitwise_or." + k] = t["__or__." + k] = two("Or");
        t["remainder." + k] = two("Mod");
        t["ne." + k] = [](AtenNode& n) {
            n.results = {n.make("Not", {n.make("Equal", {n.value("self"), n.value("other")})})};
        };
        t["rsub." + k] = two("Sub", "other", "self");
    }
    t["floor_divide.default"] = t["floor_divide.Scalar"] = two("skald.FloorDivide");
    for (const char* name : {"pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar"})
        t[name] = two("Pow", "self", "exponent");
    t["logical_and.default"] = two("And");
    t["logical_or.default"] = two("Or");
    t["logical_not.default"] = t["bitwise_not.default"] = one("Not");
    t["minimum.default"] = two("Min");
    t["maximum.default"] = two("Max");
    const std::pair<const char*, const char*> ones[] = {{"neg", "Neg"},
                                                        {"abs", "Abs"},
                                                        {"sqrt", "Sqrt"},
                                                        {"rsqrt", "skald.Rsqrt"},
                                                        {"reciprocal", "Reciprocal"},
                                                        {"exp", "Exp"},
                                                        {"log", "Log"},
                                                        {"sin", "Sin"},
                                                        {"cos", "Cos"},
                                                        {"tanh", "Tanh"},
                                                        {"sigmoid", "Sigmoid"},
                                                        {"erf", "Erf"},
                                                        {"relu", "Relu"},
                                                        {"silu", "skald.Silu"},
                                                        {"softplus", "Softplus"},
                                                        {"floor", "Floor"},
                                                        {"ceil", "Ceil"},
                                                        {"round", "Round"}};
    for (const auto& [name, op] : ones)
        t[std::string(name) + ".default"] = one(op);
    t["addcmul.default"] = [](AtenNode& n) {
        Id product = n.make("Mul", {n.value("tensor1"), n.value("tensor2")});
        if (n.has("value"))
            product = n.make("Mul", {product, n.value("value")});
        n.results = {n.make("Add", {n.value("self"), product})};
    };
    t["square.default"] = [](AtenNode& n) {
        const Id x = n.value("self");
        n.results = {n.make("Mul", {x, x})};
    };
    t["gelu.default"] = [](AtenNode& n) {
        n.results = {
            n.make("Gelu", {n.value("self")}, {{"approximate", n.text("approximate", "none")}})};
    };
    t["clamp.default"] = t["clamp_min.default"] = t["clamp_max.default"] = clamp;
    for (const char* kind : {"self", "ScalarOther", "ScalarSelf", "Scalar"})
        t[std::string("where.") + kind] = where;
    t["isnan.default"] = one("IsNaN");
    t["logical_xor.default"] = two("Xor");
    t["masked_fill.Scalar"] = t["masked_fill.Tensor"] = masked_fill;
    t["neg"] = one("Neg", "a");
    t["not_"] = t["sym_not"] = one("Not", "a");
    for (const auto& [name, op] : {std::pair("le", "LessOrEqual"),
                                   {"lt", "Less"},
                                   {"ge", "GreaterOrEqual"},
                                   {"gt", "Greater"},
                                   {"eq", "Equal"},
                                   {"and_", "And"},
                                   {"or_", "Or"},
                                   {"sym_max", "Max"},
                                   {"sym_min", "Min"},
                                   {"pow", "Pow"},
                                   {"truediv", "skald.TrueDivide"}})
        t[name] = two(op, "a", "b");
    t["ne"] = [](AtenNode& n) {
        n.results = {n.make("Not", {n.make("Equal", {n.value("a"), n.value("b")})})};
    };
    t["_sym_sqrt"] = t["sqrt"] = one("Sqrt", "a");
    t["sym_float"] = [](AtenNode& n) {
        n.results = {n.make("Cast", {n.value("a")}, {{"to", Int{1}}})};
    };
    t["mul"] = two("Mul", "a", "b");
    t["add"] = two("Add", "a", "b");
    t["sub"] = two("Sub", "a", "b");
    t["floordiv"] = two("skald.FloorDivide", "a", "b");
    t["mod"] = two("Mod", "a", "b");
}

void add_others(Table& t) {
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
    for (const char* name : {"matmul.default", "mm.default", "bmm.default"})
        t[name] = std::string_view(name) == "matmul.default" ? two("MatMul")
                                                             : two("MatMul", "self", "mat2");
    t["linear.default"] = [](AtenNode& n) {
        std::vector<Id> in{n.value("input"), n.value("weight")};
        if (n.has("bias"))
            in.push_back(n.value("bias"));
        n.results = {n.make("skald.Linear", std::move(in))};
    };
    for (const char* name : {"scaled_dot_product_attention.default",
                             "_scaled_dot_product_flash_attention_for_cpu.default",
                             "_scaled_dot_product_attention_math.default"})
        t[name] = [](AtenNode& n) { attention(n, "attn_mask"); };
    t["_scaled_dot_product_efficient_attention.default"] =
        t["_scaled_dot_product_fused_attention_overrideable.default"] =
            [](AtenNode& n) { attention(n, "attn_bias"); };
    t["_scaled_dot_product_flash_attention.default"] = [](AtenNode& n) { attention(n, ""); };
    t["einsum.default"] = [](AtenNode& n) {
        n.results = {n.make("Einsum", n.values("tensors"), {{"equation", n.text("equation", "")}})};
    };
    t["baddbmm.default"] = [](AtenNode& n) {
        const auto scaled = [&](Id x, const char* by) {
            return n.has(by) ? n.make("Mul", {x, n.value(by)}) : x;
        };
        const Id product = n.make("MatMul", {n.value("batch1"), n.value("batch2")});
        n.results = {n.make("Add", {scaled(n.value("self"), "beta"), scaled(product, "alpha")})};
    };
    t["mv.default"] = two("MatMul", "self", "vec");
    t["outer.default"] = [](AtenNode& n) {
        n.results = {n.make(
            "Mul", {n.make("Unsqueeze", {n.value("self")}, {{"axes", Ints{1}}}), n.value("vec2")})};
    };
    t["addmm.default"] = addmm;
    t["grouped_mm_fallback.default"] = [](AtenNode& n) {
        n.results = {
            n.make("skald.GroupedMatMul", {n.value("input"), n.value("weight"), n.value("offs")})};
    };
    t["_grouped_mm.default"] = [](AtenNode& n) {
        n.results = {
            n.make("skald.GroupedMatMul", {n.value("self"), n.value("mat2"), n.value("offs")})};
    };
    t["layer_norm.default"] = t["native_layer_norm.default"] = [](AtenNode& n) {
        layer_norm(n, "skald.LayerNorm", "input");
    };
    t["rms_norm.default"] = [](AtenNode& n) { layer_norm(n, "skald.RmsNorm", "input"); };
}

// Integers with scales as torchao and PyTorch's own quantisation leave them.
std::vector<Id> with_zeros(AtenNode& n, const char* x, const char* scale, const char* zero) {
    std::vector<Id> in{n.value(x), n.value(scale)};
    if (n.has(zero))
        in.push_back(n.value(zero));
    return in;
}

void dequantize_affine(AtenNode& n) {
    if (const std::string domain = n.text("zero_point_domain", "INT");
        domain != "INT" && domain != "NONE")
        n.refuse("zeros that are no integers are not supported");
    n.results = {n.make("skald.DequantizeAffine", with_zeros(n, "input", "scale", "zero_point"),
                        {{"block_size", n.integers("block_size")}})};
}

void dequantize_per_channel(AtenNode& n) {
    n.results = {n.make("DequantizeLinear", with_zeros(n, "input", "scales", "zero_points"),
                        {{"axis", n.integer("axis")}})};
}

void dequantize_per_tensor(AtenNode& n) {
    n.results = {n.make("DequantizeLinear", with_zeros(n, "input", "scale", "zero_point"), {})};
}

void dequantize_per_channel_group(AtenNode& n) {
    n.results = {n.make("skald.DequantizeAffine", with_zeros(n, "w_int8", "scales", "zero_points"),
                        {{"block_size", Ints{1, n.integer("group_size")}}})};
}

void int8_product(AtenNode& n) {
    const Id w =
        n.make("DequantizeLinear", {n.value("mat2"), n.value("scales")}, {{"axis", Int{0}}});
    n.results = {n.make("skald.Linear", {n.value("self"), w})};
}

void int4_product(AtenNode& n) {
    n.refuse(
        "_weight_int4pack_mm has weights packed for one kind of processor; export the model before "
        "they are, with "
        "dequantize_affine");
}

void add_quantised_of(Table& t) {
    t["dequantize_affine.default"] = dequantize_affine;
    t["dequantize_per_channel.default"] = dequantize_per_channel;
    for (const char* name : {"default", "tensor", "tensor2"})
        t[std::string("dequantize_per_tensor.") + name] = dequantize_per_tensor;
    t["dequantize_per_channel_group.default"] = dequantize_per_channel_group;
    t["_weight_int8pack_mm.default"] = int8_product;
    t["_weight_int4pack_mm.default"] = t["_weight_int4pack_mm_for_cpu.default"] = int4_product;
}

}  // namespace

const std::function<void(AtenNode&)>* lowering_of(std::string_view target) {
    static const Table table = [] {
        Table t;
        add_shapes(t);
        add_makers(t);
        add_arithmetic_of(t);
        add_others(t);
        add_quantised_of(t);
        return t;
    }();
    for (const std::string_view prefix :
         {"torch.ops.aten.", "torch.ops.transformers.", "torch.ops.torchao.", "torch.ops.quant.",
          "torch.ops.quantized_decomposed.", "_operator.", "math.", "torch."})
        if (target.starts_with(prefix))
            target.remove_prefix(prefix.size());
    // add_.Tensor is add.Tensor.
    std::string name(target);
    if (const auto at = name.find("_."); at != std::string::npos && at != 0 && name[at - 1] != '_')
        name.erase(at, 1);
    auto it = table.find(std::string(target));
    if (it == table.end())
        it = table.find(name);
    return it == table.end() ? nullptr : &it->second;
}

}  // namespace skald::compiler::graphs
