// SPDX-License-Identifier: MIT
// What the user wants of the weights' formats: --weights for all, --tensor for some.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/isa.hpp"

namespace skald::compiler {

struct WeightChoice {
    std::optional<isa::WeightFormat> format;  // nothing: keep what the source has

    static const WeightChoice kKeep, kInt8, kInt4, kTernary, kF16, kF32;
    bool operator==(const WeightChoice&) const = default;
};
inline constexpr WeightChoice WeightChoice::kKeep{};
inline constexpr WeightChoice WeightChoice::kInt8{isa::WeightFormat::I8B32};
inline constexpr WeightChoice WeightChoice::kInt4{isa::WeightFormat::I4B32};
inline constexpr WeightChoice WeightChoice::kTernary{isa::WeightFormat::T2Row};
inline constexpr WeightChoice WeightChoice::kF16{isa::WeightFormat::F16};
inline constexpr WeightChoice WeightChoice::kF32{isa::WeightFormat::F32};

// "keep", "int8", "int4", either with "a" for affine and ":32" or ":128" for the block, "ternary"
// (":128" for blocks instead of rows), and the names of isa::kWeights. nullopt: none of these.
std::optional<WeightChoice> parse_weight_choice(std::string_view text);
std::string weight_choice_names();

struct TensorRule {
    std::string pattern;  // as a shell has it: * ? [...], on the source tensor's whole name
    WeightChoice choice;
};

struct WeightRules {
    WeightChoice weights;             // of all matrices
    std::vector<TensorRule> tensors;  // the last that fits wins

    // `vocabulary`: the embedding or the head, which stay int8 where the others have fewer bits.
    WeightChoice choice(const std::string& tensor, bool vocabulary) const;
};

}  // namespace skald::compiler
