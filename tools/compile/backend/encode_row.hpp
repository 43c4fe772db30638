// SPDX-License-Identifier: MIT
// One row of a source matrix as the numbers of a weight format: the source's own integers where
// they fit, else quantised anew. Where the numbers then lie is the writers' affair (tile.cpp,
// gguf_writer.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "input/quantised.hpp"
#include "input/tensor.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// Squared error and energy of stored weights against the source, summed over some rows.
struct TileError {
    double squared_error = 0, squared_weight = 0, largest_error = 0;

    TileError& operator+=(const TileError& other);
    double relative() const;  // root of squared_error / squared_weight; 0 if all weights are 0
};

struct EncodedRow {
    std::vector<std::uint8_t> u;         // by weight (integer formats)
    std::vector<std::uint16_t> scale;    // by block: f16, or the exponent
    std::vector<std::uint16_t> minimum;  // likewise, f16 (affine formats)
    float row_scale = 0;                 // of formats with one a row
    std::vector<float> floats;           // of float formats: as f32, rounded to the format
};

class RowEncoder {
  public:
    // `energy`: mean square of what each column is multiplied with, for the search of scales (of
    // four bits and more); empty: not known. Must outlive the encoder.
    explicit RowEncoder(isa::WeightFormat format, std::span<const float> energy = {})
        : info_(isa::weight_info(format)), energy_(energy) {}

    // Throws CompileError naming tensor and row if a weight is not finite or too large for the
    // format. The result is good until the next call.
    const EncodedRow& encode(const Tensor& tensor, std::uint64_t row);
    // A row that has been computed; `name` and `row` are for messages.
    const EncodedRow& encode(std::span<const float> weights, std::string_view name,
                             std::uint64_t row);

    // The row last encoded, as the weights that the card computes with.
    void decode(std::span<float> out) const;

    // Of all rows so far, against the source as row_to_f32 reads it.
    const TileError& error() const { return error_; }

  private:
    bool fits(const TypeInfo& source) const;
    bool copy(const Tensor& tensor, std::uint64_t row);
    bool copy_exponents(const Tensor& tensor, std::uint64_t row);
    void quantise(std::string_view name, std::uint64_t row);
    void round_floats(std::string_view name, std::uint64_t row);
    void add_errors();
    void add_error(std::size_t begin, std::size_t end, float scale, float minimum);
    float scale_of(std::size_t block) const;
    float minimum_of(std::size_t block) const;

    const isa::WeightInfo& info_;
    std::span<const float> energy_;
    EncodedRow out_;
    QuantisedRow source_;
    std::vector<float> weights_;
    TileError error_;
};

}  // namespace skald::compiler
