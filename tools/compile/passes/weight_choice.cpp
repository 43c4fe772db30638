// SPDX-License-Identifier: MIT
#include "passes/weight_choice.hpp"

#include <fnmatch.h>

namespace skald::compiler {

std::optional<WeightChoice> parse_weight_choice(std::string_view text) {
    if (text == "keep")
        return WeightChoice::kKeep;
    for (const isa::WeightInfo& info : isa::kWeights)
        if (text == info.name)
            return WeightChoice{info.format};
    const std::size_t colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    const std::string_view block = colon == text.npos ? "" : text.substr(colon + 1);
    if (colon != text.npos && block != "32" && block != "128")
        return std::nullopt;
    if (kind == "ternary") {
        if (block == "32")
            return std::nullopt;
        return block.empty() ? WeightChoice::kTernary : WeightChoice{isa::WeightFormat::T2B128};
    }
    for (const isa::WeightInfo& info : isa::kWeights) {
        if (!info.integer || !info.numbers.empty() || info.bits < 4)
            continue;
        const std::string name = "int" + std::to_string(info.bits) + (info.affine ? "a" : "");
        if (kind == name && info.block == (block == "128" ? 128u : 32u))
            return WeightChoice{info.format};
    }
    return std::nullopt;
}

std::string weight_choice_names() {
    std::string names =
        "keep, int8, int4 (each with a for affine, :32 or :128), ternary, ternary:128";
    for (const isa::WeightInfo& info : isa::kWeights)
        names += ", " + std::string(info.name);
    return names;
}

WeightChoice WeightRules::choice(const std::string& tensor, bool vocabulary) const {
    for (auto rule = tensors.rbegin(); rule != tensors.rend(); ++rule)
        if (::fnmatch(rule->pattern.c_str(), tensor.c_str(), 0) == 0)
            return rule->choice;
    if (vocabulary && weights.format && isa::weight_info(*weights.format).bits < 8)
        return WeightChoice::kInt8;
    return weights;
}

}  // namespace skald::compiler
