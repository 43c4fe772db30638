// SPDX-License-Identifier: MIT
#include "model/packing.hpp"

#include "error.hpp"
#include "input/packed.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {
namespace {

constexpr std::string_view kConfig = "quantization_config";

void check_shape(const Tensor& t, std::span<const std::uint64_t> shape) {
    if (!std::equal(shape.begin(), shape.end(), t.shape.begin(), t.shape.end()))
        fail("tensor {} has shape {}, expected {}", t.name, to_string(t.shape), to_string(shape));
}

}  // namespace

Packing::Packing(const JsonObject& config) {
    const auto q = config.maybe_object(kConfig);
    if (!q)
        return;
    const std::string method = q->maybe_string("quant_method").value_or("of no name");
    q->skip({"modules_to_not_convert", "quantization_mode", "activation_scheme", "rms_norm_eps",
             "use_rms_norm"});
    if (method == "fp8") {
        method_ = Method::kFp8;
        q->maybe_string("fmt");
        if (const auto size = q->maybe_uints("weight_block_size")) {
            if (size->size() != 2 || (*size)[0] == 0 || (*size)[1] == 0)
                q->reject("weight_block_size", "must be two sizes");
            block_ = {(*size)[0], (*size)[1]};
        }
    } else if (method == "bitnet") {
        method_ = Method::kBitNet;
        inverse_ = q->maybe_string("linear_class").value_or("bitlinear") != "autobitlinear";
    } else if (method == "mxfp4") {
        method_ = Method::kMxfp4;
    } else {
        fail("{}: weights quantised by {} ({}) are not supported; fp8, mxfp4 and bitnet are",
             config.file(), method, config.path_of(kConfig));
    }
}

Expr Packing::unpack(const Tensor& t, const Tensor& scales, std::uint64_t n,
                     std::uint64_t k) const {
    if (method_ == Method::kFp8) {
        const std::array<std::uint64_t, 2> whole{n, k};
        const std::array<std::uint64_t, 2> blocks{isa::ceil_div(n, block_[0]),
                                                  isa::ceil_div(k, block_[1])};
        check_shape(t, whole);
        check_shape(scales, blocks);
        return expr::decoded(fmt::format("fp8 blocks of {} x {}", block_[0], block_[1]),
                             {&t, &scales}, n, k,
                             [k, block = block_](std::span<const Tensor* const> from,
                                                 std::uint64_t first, std::span<float> out) {
                                 std::vector<float> scale(from[1]->row_length());
                                 for (std::size_t at = 0; at < out.size(); at += k, ++first) {
                                     row_to_f32(*from[1], first / block[0], scale);
                                     row_to_f32(*from[0], first, out.subspan(at, k));
                                     scale_blocks(out.subspan(at, k), scale, block[1]);
                                 }
                             });
    }
    const std::array<std::uint64_t, 2> bytes{isa::ceil_div(n, 4), k};
    check_shape(t, bytes);
    if (scales.rows() * scales.row_length() != 1)
        fail("tensor {} has shape {}, expected one number", scales.name, to_string(scales.shape));
    float factor = 0;
    row_to_f32(scales, 0, {&factor, 1});
    if (inverse_)
        factor = 1 / factor;
    return expr::decoded(
        inverse_ ? "ternary bytes / scale" : "ternary bytes * scale", {&t, &scales}, n, k,
        [k, factor](std::span<const Tensor* const> from, std::uint64_t first,
                    std::span<float> out) {
            for (std::size_t at = 0; at < out.size(); at += k, ++first) {
                const TernaryPlace place = ternary_place(first, from[0]->rows());
                ternary_to_f32(from[0]->row(place.packed_row), place.quarter, factor,
                               out.subspan(at, k));
            }
        },
        Numbers::kTernary);
}

}  // namespace skald::compiler
