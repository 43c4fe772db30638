// SPDX-License-Identifier: MIT
// A tensor as it lies in an input file: name, type, shape, bytes. Shapes are outermost first, a
// matrix is [N,K] with rows of K.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::compiler {

enum class DType : std::uint8_t {
    kF32,
    kF16,
    kBF16,
    kQ4_0,
    kQ4_1,
    kQ5_0,
    kQ5_1,
    kQ8_0,
    kQ4_K,
    kQ5_K,
    kQ6_K,
    kTQ1_0,
    kTQ2_0,
    kQ2_K,
    kQ3_K,
    kIQ4_NL,
    kIQ4_XS,
    kMXFP4,
    kF64,
    kF8_E4M3,
    kF8_E5M2,
    kU8,
    kI8,
    kI16,
    kI32,
    kI64,
    kBool,
    kRandom,  // not in any file: every row is computed from Tensor::seed (input/random_row.hpp)
};

// How the weights of a type lie in its blocks, and what a quantised one is made of:
//   weight = scale of its group * (integer - zero), affine: scale * integer + minimum
struct TypeInfo {
    DType type;
    std::string_view name;
    std::uint32_t gguf;         // its number in GGUF files, kNoNumber: has none
    std::uint32_t block;        // weights of a block; a row is whole blocks
    std::uint32_t block_bytes;  // 0: takes none
    std::uint8_t bits = 0;      // of the integers; 0: floats
    std::uint8_t zero = 0;
    bool affine = false;
    std::uint32_t group = 0;  // weights that share a scale; divides block
    bool e2m1 = false;        // integers are E2M1's halves, scales powers of two: no others occur
    bool weights = true;      // false: bytes or integers, which mean nothing by themselves
};
inline constexpr std::uint32_t kNoNumber = 0xffffffff;

constexpr TypeInfo raw_type(DType type, std::string_view name, std::uint32_t gguf,
                            std::uint32_t bytes) {
    return {type, name, gguf, 1, bytes, 0, 0, false, 0, false, false};
}

inline constexpr auto kTypes = std::to_array<TypeInfo>({
    {DType::kF32, "f32", 0, 1, 4},
    {DType::kF16, "f16", 1, 1, 2},
    {DType::kBF16, "bf16", 30, 1, 2},
    {DType::kQ4_0, "q4_0", 2, 32, 18, 4, 8, false, 32},
    {DType::kQ4_1, "q4_1", 3, 32, 20, 4, 0, true, 32},
    {DType::kQ5_0, "q5_0", 6, 32, 22, 5, 16, false, 32},
    {DType::kQ5_1, "q5_1", 7, 32, 24, 5, 0, true, 32},
    {DType::kQ8_0, "q8_0", 8, 32, 34, 8, 128, false, 32},
    {DType::kQ4_K, "q4_k", 12, 256, 144, 4, 0, true, 32},
    {DType::kQ5_K, "q5_k", 13, 256, 176, 5, 0, true, 32},
    {DType::kQ6_K, "q6_k", 14, 256, 210, 6, 32, false, 16},
    {DType::kTQ1_0, "tq1_0", 34, 256, 54, 2, 1, false, 256},
    {DType::kTQ2_0, "tq2_0", 35, 256, 66, 2, 1, false, 256},
    {DType::kQ2_K, "q2_k", 10, 256, 84, 2, 0, true, 16},
    {DType::kQ3_K, "q3_k", 11, 256, 110, 3, 4, false, 16},
    {DType::kIQ4_NL, "iq4_nl", 20, 32, 18, 8, 128, false, 32},  // a table of 8-bit integers
    {DType::kIQ4_XS, "iq4_xs", 23, 256, 136, 8, 128, false, 32},
    {DType::kMXFP4, "mxfp4", 39, 32, 17, 5, 12, false, 32, true},
    {DType::kF64, "f64", 28, 1, 8},
    {DType::kF8_E4M3, "f8_e4m3", kNoNumber, 1, 1},
    {DType::kF8_E5M2, "f8_e5m2", kNoNumber, 1, 1},
    raw_type(DType::kU8, "u8", kNoNumber, 1),
    raw_type(DType::kI8, "i8", 24, 1),
    raw_type(DType::kI16, "i16", 25, 2),
    raw_type(DType::kI32, "i32", 26, 4),
    raw_type(DType::kI64, "i64", 27, 8),
    raw_type(DType::kBool, "bool", kNoNumber, 1),
    {DType::kRandom, "random", kNoNumber, 1, 0},
});

constexpr const TypeInfo& info_of(DType type) {
    return kTypes[static_cast<std::size_t>(type)];
}
static_assert([] {
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (static_cast<std::size_t>(kTypes[i].type) != i)
            return false;
    return true;
}());
constexpr std::string_view name_of(DType type) {
    return info_of(type).name;
}

// Bytes of a row of `k` weights; nullopt if the type cannot hold that length.
std::optional<std::uint64_t> row_bytes(DType type, std::uint64_t k);

// Bytes of a whole tensor; nullopt if the type cannot hold the shape or the size overflows.
std::optional<std::uint64_t> tensor_bytes(DType type, std::span<const std::uint64_t> shape);

struct Tensor {
    std::string name;
    DType type = DType::kF32;
    std::vector<std::uint64_t> shape;
    std::span<const std::byte> data;
    std::uint64_t seed = 0;       // kRandom
    float deviation = 0;          // kRandom: of the weights around 0
    std::uint64_t first_row = 0;  // kRandom: of the tensor this is a part of

    std::uint64_t row_length() const { return shape.empty() ? 1 : shape.back(); }
    std::uint64_t rows() const;
    std::span<const std::byte> row(std::uint64_t index) const;

    // Part `index` along the first dimension, of this name: expert e of [experts,n,k] is a matrix
    // [n,k]. rows() counts over all but the last dimension, so row r of it is row e * n + r here.
    Tensor part(std::uint64_t index) const;
};

// "[512,64]"
std::string to_string(std::span<const std::uint64_t> shape);

// One row as f32 (quantised ones as TypeInfo says, each operation rounded once). out.size() is the
// row length. Throws CompileError, naming the tensor, if its type is not one of weights.
void row_to_f32(const Tensor& tensor, std::uint64_t row, std::span<float> out);

}  // namespace skald::compiler
