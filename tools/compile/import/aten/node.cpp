// SPDX-License-Identifier: MIT
#include "import/aten/node.hpp"

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

const Json& AtenNode::argument(std::size_t place) const {
    if (place >= arguments_.size())
        refuse(fmt::format("its argument {} is missing", place));
    return *arguments_[place].second;
}

Id AtenNode::value(std::size_t place) {
    return value_of(argument(place));
}

std::int64_t AtenNode::integer(std::size_t place) const {
    const Json& a = argument(place);
    if (!a.contains("as_int") || !a["as_int"].is_number_integer())
        refuse(fmt::format("its argument {} is no integer", place));
    return a["as_int"].get<std::int64_t>();
}

std::vector<Id> AtenNode::tensors() {
    std::vector<Id> ids;
    const auto add = [&](const Json& v) {
        if (v.is_object() && v.contains("name") && v["name"].is_string())
            ids.push_back(find_(v["name"].get<std::string>()));
    };
    for (const auto& [name, argument] : arguments_) {
        if (argument->contains("as_tensor"))
            add((*argument)["as_tensor"]);
        if (argument->contains("as_tensors") && (*argument)["as_tensors"].is_array())
            for (const Json& v : (*argument)["as_tensors"])
                add(v);
        if (argument->contains("as_optional_tensors") &&
            (*argument)["as_optional_tensors"].is_array())
            for (const Json& v : (*argument)["as_optional_tensors"])
                if (v.is_object() && v.contains("as_tensor"))
                    add(v["as_tensor"]);
    }
    return ids;
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

bool is_complex_type(std::int64_t number) {
    return number >= 9 && number <= 11;
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
        case 9:
            return DType::kF16;
        case 7:
        case 10:
            return DType::kF32;
        case 8:
        case 11:
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

bool AtenNode::is_complex_type(std::string_view name) const {
    const Json* a = find(name);
    return a != nullptr && a->contains("as_scalar_type") &&
           (*a)["as_scalar_type"].is_number_integer() &&
           graphs::is_complex_type((*a)["as_scalar_type"].get<std::int64_t>());
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

}  // namespace skald::compiler::graphs
