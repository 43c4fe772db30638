// SPDX-License-Identifier: MIT
// Integers with scales as torchao and PyTorch's own quantisation leave them.
#include "import/aten/table.hpp"

namespace skald::compiler::graphs::aten {
namespace {

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

}  // namespace

void add_quantised(Table& t) {
    t["dequantize_affine.default"] = dequantize_affine;
    t["dequantize_per_channel.default"] = dequantize_per_channel;
    for (const char* name : {"default", "tensor", "tensor2"})
        t[std::string("dequantize_per_tensor.") + name] = dequantize_per_tensor;
    t["dequantize_per_channel_group.default"] = dequantize_per_channel_group;
    t["_weight_int8pack_mm.default"] = int8_product;
    t["_weight_int4pack_mm.default"] = t["_weight_int4pack_mm_for_cpu.default"] = int4_product;
}

}  // namespace skald::compiler::graphs::aten
