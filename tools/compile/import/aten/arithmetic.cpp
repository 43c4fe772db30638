// SPDX-License-Identifier: MIT
// Functions of single elements, and of numbers that depend on lengths.
#include <utility>

#include "error.hpp"
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

// Sums have a factor of the second.
Lowering scaled(std::string_view op) {
    return [=](AtenNode& n) {
        Id other = n.value("other");
        if (n.has("alpha"))
            other = n.make("Mul", {other, n.value("alpha")});
        n.results = {n.make(op, {n.value("self"), other})};
    };
}

void masked_fill(AtenNode& n) {
    n.results = {n.make("Where", {n.value("mask"), n.value("value"), n.value("self")})};
}

void where(AtenNode& n) {
    n.results = {n.make("Where", {n.value("condition"), n.value("self"), n.value("other")})};
}

void divide(AtenNode& n) {
    const std::string mode = n.text("rounding_mode", "none");
    const Id a = n.value("self"), b = n.value("other");
    if (mode == "none")
        n.results = {n.make("skald.TrueDivide", {a, b})};
    else if (mode == "floor")
        n.results = {n.make("skald.FloorDivide", {a, b})};
    else if (mode == "trunc")  // without what is left, of the sign of the dividend
        n.results = {n.make("skald.FloorDivide",
                            {n.make("Sub", {a, n.make("Mod", {a, b}, {{"fmod", Int{1}}})}), b})};
    else
        n.refuse(fmt::format("division with rounding_mode {} is not supported", mode));
}

void clamp(AtenNode& n) {
    n.results = {n.make("Clip", {n.value("self"), n.has("min") ? n.value("min") : kAbsent,
                                 n.has("max") ? n.value("max") : kAbsent})};
}

}  // namespace

void add_arithmetic(Table& t) {
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

}  // namespace skald::compiler::graphs::aten
