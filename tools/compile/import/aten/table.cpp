// SPDX-License-Identifier: MIT
#include "import/aten/table.hpp"

namespace skald::compiler::graphs {
namespace aten {

Lowering one(std::string_view op, std::string_view argument) {
    return [=](AtenNode& n) { n.results = {n.make(op, {n.value(argument)})}; };
}

Lowering two(std::string_view op, std::string_view a, std::string_view b) {
    return [=](AtenNode& n) { n.results = {n.make(op, {n.value(a), n.value(b)})}; };
}

std::string short_name(std::string_view target) {
    for (const std::string_view prefix :
         {"torch.ops.aten.", "torch.ops.transformers.", "torch.ops.torchao.", "torch.ops.quant.",
          "torch.ops.quantized_decomposed.", "_operator.", "math.", "torch."})
        if (target.starts_with(prefix))
            target.remove_prefix(prefix.size());
    std::string name(target);
    if (const auto at = name.find("_."); at != std::string::npos && at != 0 && name[at - 1] != '_')
        name.erase(at, 1);
    return name;
}

}  // namespace aten

const std::function<void(AtenNode&)>* lowering_of(std::string_view target) {
    static const aten::Table table = [] {
        aten::Table t;
        aten::add_movement(t);
        aten::add_making(t);
        aten::add_arithmetic(t);
        aten::add_reductions(t);
        aten::add_indexing(t);
        aten::add_products(t);
        aten::add_quantised(t);
        return t;
    }();
    const auto it = table.find(aten::short_name(target));
    return it == table.end() ? nullptr : &it->second;
}

}  // namespace skald::compiler::graphs
