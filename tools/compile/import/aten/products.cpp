// SPDX-License-Identifier: MIT
// Products, and what stands for much: attention, norms.
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

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

// Over positions.
void convolution(AtenNode& n) {
    if (n.flag("transposed", false))
        n.refuse("a convolution the other way round is not supported");
    if (n.integers("padding").size() != 1)
        n.refuse("a convolution over more than positions is not supported");
    const Int pad = n.integers("padding").front();
    std::vector<Id> in{n.value("input"), n.value("weight")};
    if (n.has("bias"))
        in.push_back(n.value("bias"));
    n.results = {n.make("Conv", std::move(in),
                        {{"group", n.integer("groups", 1)},
                         {"pads", Ints{pad, pad}},
                         {"strides", n.integers("stride")},
                         {"dilations", n.integers("dilation")}})};
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

}  // namespace

void add_products(Table& t) {
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
    t["conv1d.default"] = t["convolution.default"] = convolution;
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

}  // namespace skald::compiler::graphs::aten
