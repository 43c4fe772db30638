// SPDX-License-Identifier: MIT
#include "passes/kv_choice.hpp"

#include <array>

#include "skald/isa_table.hpp"

namespace skald::compiler {
namespace {

struct Name {
    isa::KvFormat format;
    std::string_view text;
};
constexpr auto kNames = std::to_array<Name>({
    {isa::KvFormat::F16, "f16"},
    {isa::KvFormat::I8, "int8"},
    {isa::KvFormat::F32, "f32"},
});
static_assert(kNames.size() == isa::kKvFormats.size());

}  // namespace

std::optional<isa::KvFormat> parse_kv_choice(std::string_view text) {
    for (const Name& name : kNames)
        if (text == name.text)
            return name.format;
    return std::nullopt;
}

std::string_view kv_choice_name(isa::KvFormat format) {
    for (const Name& name : kNames)
        if (format == name.format)
            return name.text;
    return "?";
}

std::vector<std::string> kv_choice_names() {
    std::vector<std::string> names;
    for (const Name& name : kNames)
        names.emplace_back(name.text);
    return names;
}

isa::KvFormat default_kv(const WeightChoice& weights) {
    return weights == WeightChoice::kF32 ? isa::KvFormat::F32 : isa::KvFormat::F16;
}

}  // namespace skald::compiler
