// SPDX-License-Identifier: MIT
// Writes a random model as a GGUF file of architecture llama, with the same weights as in its
// compiled form, so that other engines can run what the card runs.
#pragma once

#include <filesystem>
#include <optional>

#include "calibrate/calibration.hpp"
#include "model/model.hpp"

namespace skald::compiler {

// The type that holds a format's numbers exactly: q8_0 for i8b32, q4_0 for i4b32, q4_1 for i4b32a,
// f16, f32, and, but for the row's scale, which it has as f16, tq2_0 for t2row; f32 for formats
// GGUF has no counterpart of.
DType gguf_counterpart(isa::WeightFormat format);

// Matrices in the counterpart of their format, or all in `type` (q8_0, q4_0, tq2_0, f16); those
// whose rows are not whole blocks of it have the same numbers as f32. Vectors in f32. `model` must
// be from load_random, whose names and order of rows are GGUF's. `calibration`, which may be null,
// has its part in the search for scales, as in the compiled form. Throws CompileError.
void write_gguf(const Model& model, std::optional<DType> type, unsigned threads,
                const std::filesystem::path& out, const Calibration* calibration = nullptr);

}  // namespace skald::compiler
