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
        if (info.integer && info.bits == bits && info.affine == affine && info.block == block)
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
    if (info.bits == 0 || info.group < isa::kQuantBlock)
        return WeightFormat::I8B32;
    if (info.bits == 2)
        return one_scale_a_row(tensor) ? WeightFormat::T2Row : WeightFormat::T2B128;
    return format_of(info.bits <= 4 ? 4 : 8, info.affine, isa::kQuantBlock);
}

struct Chosen {
    WeightFormat format;
    bool by_rule;  // not by the source's type
};

WeightFormat choose(const Model& model, const WeightRules& rules, const SlotInfo& slot) {
    const bool vocabulary = slot.slot == Slot::kEmbedding || slot.slot == Slot::kHead;
    const auto tensor_of = [&](std::uint32_t layer) -> const Tensor& {
        return model.weights.at(slot.slot, layer).tensor();
    };
    const auto chosen = [&](const Tensor& tensor) {
        const auto choice = rules.choice(tensor.name, vocabulary);
        return Chosen{choice.format ? *choice.format : natural_format(tensor),
                      choice.format.has_value()};
    };
    Chosen all = chosen(tensor_of(0));
    for (std::uint32_t layer = 1; layer < (slot.per_layer ? model.config.layers : 1); ++layer) {
        const Tensor& tensor = tensor_of(layer);
        const Chosen one = chosen(tensor);
        if (one.by_rule != all.by_rule || (one.by_rule && one.format != all.format))
            fail(
                "{}: tensor {} would be {}, in the layers before it {}; a weight has one format "
                "in all layers",
                model.config.source, tensor.name, isa::weight_info(one.format).name,
                isa::weight_info(all.format).name);
        all.format = join(all.format, one.format);
    }
    return all.format;
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
            fail("{}: no matrix has a name like {}", model.config.source, rule.pattern);
    }
}

}  // namespace

WeightFormat join(WeightFormat a, WeightFormat b) {
    if (a == b)
        return a;
    const isa::WeightInfo &x = isa::weight_info(a), &y = isa::weight_info(b);
    if (!x.integer || !y.integer)
        return WeightFormat::F32;
    if (x.bits == 2 && y.bits == 2)
        return WeightFormat::T2B128;
    const std::uint8_t bits = std::max(x.bits, y.bits);
    const auto block = [](const isa::WeightInfo& info) { return info.block ? info.block : 128; };
    return format_of(bits, x.affine || y.affine, std::min(block(x), block(y)));
}

WeightFormats choose_formats(const Model& model, const WeightRules& rules) {
    check_patterns(model, rules);
    WeightFormats formats;
    formats.fill(WeightFormat::F32);
    for (const SlotInfo& slot : kSlotTable)
        if (slot.n != Dim::kNone && model.weights.at(slot.slot).present())
            formats[static_cast<std::size_t>(slot.slot)] = choose(model, rules, slot);
    return formats;
}

}  // namespace skald::compiler
