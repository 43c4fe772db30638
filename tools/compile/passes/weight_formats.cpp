// SPDX-License-Identifier: MIT
#include "passes/weight_formats.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <vector>

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

// Of a matrix that is computed: one whose numbers are so few that they are kept.
WeightFormat natural_format(const Expr& e) {
    if (e->numbers() == Numbers::kTernary)
        return WeightFormat::T2Row;
    if (e->numbers() == Numbers::kMxfp4)
        return WeightFormat::MX4B32;
    std::optional<WeightFormat> all;
    bool mixed = false;
    e->each_tensor([&](const Tensor& t) {
        const WeightFormat f = natural_format(t);
        mixed |= all && *all != f;
        all = f;
    });
    return mixed ? WeightFormat::I8B32 : all.value_or(WeightFormat::I8B32);
}

// Every pattern fits a tensor that some matrix is made of.
class Patterns {
  public:
    Patterns(const WeightRules& rules, const std::string& source)
        : rules_(rules), source_(source), fits_(rules.tensors.size()) {}

    void look_at(const Tensor& t) {
        if (one_.empty() && t.name.find('q') != std::string::npos)
            one_ = t.name;
        for (std::size_t i = 0; i < fits_.size(); ++i)
            fits_[i] =
                fits_[i] || ::fnmatch(rules_.tensors[i].pattern.c_str(), t.name.c_str(), 0) == 0;
    }

    void check() const {
        for (std::size_t i = 0; i < fits_.size(); ++i)
            if (!fits_[i])
                fail("{}: no matrix has a name like {}; one is {}", source_,
                     rules_.tensors[i].pattern, one_);
    }

  private:
    const WeightRules& rules_;
    const std::string& source_;
    std::vector<bool> fits_;
    std::string one_;
};

}  // namespace

void choose_formats(DecoderSpec& spec, const WeightRules& rules, const std::string& source) {
    Patterns patterns(rules, source);
    each_matrix(spec, [&](std::string_view, std::optional<std::uint32_t>, Matrix& m) {
        for (const Expr& e : m.of)
            e->each_tensor([&](const Tensor& t) { patterns.look_at(t); });
        if (m.use == Matrix::Use::kFloats) {
            m.format = WeightFormat::F32;
            return;
        }
        // One micro-op reads the matrices of all experts: they have one format.
        for (const Expr& e : m.of) {
            const WeightChoice choice = rules.choice(e->name(), m.use == Matrix::Use::kVocabulary);
            const WeightFormat format = choice.format ? *choice.format : natural_format(e);
            if (&e != &m.of.front() && format != m.format)
                fail("{}: experts of a layer have one format, {} is to be {} and {} {}", source,
                     m.of.front()->name(), isa::weight_info(m.format).name, e->name(),
                     isa::weight_info(format).name);
            m.format = format;
        }
    });
    patterns.check();
}

}  // namespace skald::compiler
