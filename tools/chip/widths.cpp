// SPDX-License-Identifier: MIT
#include "chip/widths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::chip {
namespace {

using isa::MacKind;

struct Format {
    std::string_view name;
    double bits;  // of a number, with its share of scales
    MacKind products;
};
constexpr auto kFormats = std::to_array<Format>({
    {"fp32", 32, MacKind::F32},
    {"bf16", 16, MacKind::F16},
    {"fp16", 16, MacKind::F16},
    {"fp8", 8, MacKind::Int8},
    {"int8", 8, MacKind::Int8},
    {"bfp8", 8.5, MacKind::Int8},      // an exponent of 8 bits for 16
    {"fp4", 4.5, MacKind::Narrow},     // NVFP4: a scale of 8 bits for 16
    {"mxfp4", 4.25, MacKind::Narrow},  // one for 32
    {"int4-g32", 5, MacKind::Narrow},  // scale and zero of 16 bits each for 32
    {"int4", 4, MacKind::Narrow},
    {"ternary", 1.6, MacKind::Narrow},  // five in eight bits
});

const Format& format_of(std::string_view name) {
    for (const Format& format : kFormats)
        if (format.name == name)
            return format;
    throw rt::Error(fmt::format("--widths: there is no format '{}', only {}", name, width_names()),
                    EINVAL);
}

// What the program moves for each number.
double weight_bits(const container::ModelInfo& model) {
    constexpr std::uint32_t kLong = 4096;
    const auto format = static_cast<isa::WeightFormat>(model.weight_format);
    return 8.0 * static_cast<double>(isa::matrix_bytes(format, isa::kTileRows, kLong)) /
           (isa::kTileRows * kLong);
}

MacKind kind_of(const isa::WeightInfo& format) {
    if (format.integer)
        return format.bits == 8 ? MacKind::Int8 : MacKind::Narrow;
    return format.bits == 16 ? MacKind::F16 : MacKind::F32;
}

double kv_bits(const container::ModelInfo& model) {
    const auto format = static_cast<isa::KvFormat>(model.kv_format);
    return 8.0 * static_cast<double>(isa::kv_layer_bytes(format, model.kv_heads, model.head_dim)) /
           (2.0 * isa::kKvPositions * model.kv_heads * model.head_dim);
}

constexpr double kActivationBits = 32;

// What was declared, and what of it is of products and weights.
struct Declared {
    local::NumberWidths widths;
    MacKind weights;
    std::optional<MacKind> products;
};

void declare(std::string_view role, const Format& format, const container::ModelInfo& model,
             Declared& to) {
    if (role == "weights") {
        to.widths.weights = format.bits / weight_bits(model);
        to.weights = format.products;
    } else if (role == "kv") {
        to.widths.kv = format.bits / kv_bits(model);
    } else if (role == "activations") {
        to.widths.activations = format.bits / kActivationBits;
    } else if (role == "products") {
        to.products = format.products;
    } else {
        throw rt::Error(fmt::format("--widths: there is no role '{}', only weights, kv, "
                                    "activations and products",
                                    role),
                        EINVAL);
    }
}

}  // namespace

std::string width_names() {
    std::string names;
    for (const Format& format : kFormats)
        names += (names.empty() ? "" : ", ") + std::string(format.name);
    return names;
}

local::NumberWidths widths_of(std::string_view declared, const container::ModelInfo& model) {
    const MacKind own =
        kind_of(isa::weight_info(static_cast<isa::WeightFormat>(model.weight_format)));
    Declared all{{}, own, std::nullopt};
    while (!declared.empty()) {
        const std::string_view one = declared.substr(0, declared.find(','));
        const std::size_t equals = one.find('=');
        if (equals == std::string_view::npos)
            throw rt::Error(fmt::format("--widths: '{}' is not ROLE=FORMAT", one), EINVAL);
        declare(one.substr(0, equals), format_of(one.substr(equals + 1)), model, all);
        declared.remove_prefix(std::min(one.size() + 1, declared.size()));
    }
    const MacKind products = all.products.value_or(all.weights);
    if (products != own)
        all.widths.products = products;
    all.widths.unpacked = products != all.weights;
    return all.widths;
}

}  // namespace skald::chip
