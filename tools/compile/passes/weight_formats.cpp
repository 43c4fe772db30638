// SPDX-License-Identifier: MIT
#include "passes/weight_formats.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "error.hpp"
#include "input/quantised.hpp"

namespace skald::compiler {
namespace {

using isa::WeightFormat;

isa::WeightFormat format_of(std::uint8_t bits, bool affine, std::uint32_t block) {
    for (const isa::WeightInfo& info : isa::kWeights)
        if (info.integer && info.numbers.empty() && info.bits == bits && info.affine == affine &&
            info.block == block)
            return info.format;
    fail("internal error: there is no format of {} bits with blocks of {}", bits, block);
}

// Whether a row needs only one scale: the groups that have a weight other than zero agree.
bool one_scale_a_row(const Tensor& tensor) {
    const TypeInfo& info = info_of(tensor.type);
    QuantisedRow row;
    for (std::uint64_t r = 0; r < tensor.rows(); ++r) {
        unpack(tensor, r, row);
        const float* first = nullptr;
        for (std::size_t g = 0; g < row.scale.size(); ++g) {
            const auto begin = row.u.begin() + static_cast<std::ptrdiff_t>(g * info.group);
            if (std::all_of(begin, begin + info.group, [&](auto u) { return u == info.zero; }))
                continue;
            if (first && *first != row.scale[g])
                return false;
            first = &row.scale[g];
        }
    }
    return true;
}

// The format that keeps a type's integers; int8 for what has none, or groups the card has not.
WeightFormat natural_format(const Tensor& tensor) {
    const TypeInfo& info = info_of(tensor.type);
    if (info.e2m1)
        return WeightFormat::MX4B32;
    if (info.bits == 0 || info.group < isa::kQuantBlock)
        return WeightFormat::I8B32;
    if (info.bits == 2)
        return one_scale_a_row(tensor) ? WeightFormat::T2Row : WeightFormat::T2B128;
    return format_of(info.bits <= 4 ? 4 : 8, info.affine, isa::kQuantBlock);
}

WeightFormat choose(const WeightRules& rules, const SlotInfo& slot, const Tensor& tensor) {
    const bool vocabulary = slot.slot == Slot::kEmbedding || slot.slot == Slot::kHead;
    const WeightChoice choice = rules.choice(tensor.name, vocabulary);
    return choice.format ? *choice.format : natural_format(tensor);
}

void check_patterns(const Model& model, const WeightRules& rules) {
    for (const TensorRule& rule : rules.tensors) {
        bool fits = false;
        for (const SlotInfo& slot : kSlotTable)
            for (std::uint32_t layer = 0; layer < (slot.per_layer ? model.config.layers : 1);
                 ++layer)
                if (const Weight& w = model.weights.at(slot.slot, layer);
                    slot.n != Dim::kNone && w.present())
                    fits |= ::fnmatch(rule.pattern.c_str(), w.tensor().name.c_str(), 0) == 0;
        if (!fits)
            fail("{}: no matrix has a name like {}; one is {}", model.config.source, rule.pattern,
                 model.weights.at(Slot::kQ).tensor().name);
    }
}

}  // namespace

WeightFormats choose_formats(const Model& model, const WeightRules& rules) {
    check_patterns(model, rules);
    LayerFormats none;
    none.fill(WeightFormat::F32);
    WeightFormats formats(model.config.layers, none);
    for (const SlotInfo& slot : kSlotTable) {
        if (slot.n == Dim::kNone || !model.weights.at(slot.slot).present())
            continue;
        const auto place = static_cast<std::size_t>(slot.slot);
        for (std::uint32_t layer = 0; layer < model.config.layers; ++layer)
            formats[layer][place] =
                layer == 0 || slot.per_layer
                    ? choose(rules, slot, model.weights.at(slot.slot, layer).tensor())
                    : formats[0][place];
    }
    return formats;
}

std::vector<ir::LayerRun> runs_of(const WeightFormats& formats) {
    std::vector<ir::LayerRun> runs;
    for (std::uint32_t layer = 0; layer < formats.size(); ++layer) {
        if (layer == 0 || formats[layer] != formats[layer - 1])
            runs.push_back({layer, 0});
        ++runs.back().count;
    }
    return runs;
}

}  // namespace skald::compiler
