// SPDX-License-Identifier: MIT
// The fixture's small Llama as torch.export writes one: a zip with the graph as JSON and weights as
// they are.
#pragma once

#include <cstdint>
#include <string>

#include "fixture.hpp"

namespace skald::test {

// How matrices of layers are kept: as floats, or integers as torchao's and PyTorch's quantisation
// leave them, all of 8 bits in the file.
enum class Pt2Weights : std::uint8_t {
    kFloats,
    kInt4Blocks,   // torchao.dequantize_affine, of 4 bits in blocks of 32
    kInt8Rows,     // the same, of 8 bits with a scale for each row
    kDecomposed,   // quantized_decomposed.dequantize_per_channel
    kInt8Product,  // _weight_int8pack_mm
    kInt4Product,  // _weight_int4pack_mm, packed for some processor
};

// What stands around the softmax of attention that is taken apart: one operator does it all;
// zeros where a row sees nothing, as of PyTorch's decomposition; the largest score taken from all
// before, as models with sinks have it; exponentials and their sums, as of core ATen.
enum class Pt2Softmax : std::uint8_t { kNone, kGuarded, kLifted, kWritten };

// Angles as cosines and sines, or as complex numbers: computed, or kept in the file.
enum class Pt2Angles : std::uint8_t { kReal, kPolar, kComplexTable };

// What keys and values are read of: this call's, or a buffer of a fixed size into which they are
// put: in place, into a slice that is all of it, or as operators that change nothing have it.
enum class Pt2Cache : std::uint8_t { kNone, kInPlace, kOfASlice, kFunctional };

// How the file is put together.
struct Pt2Form {
    bool old = false;      // as before PyTorch 2.8: weights by torch.save
    bool wrapped = false;  // angles in a graph of their own, under a setting
    // The operator of attention.
    const char* attention = "scaled_dot_product_attention.default";
    // If there is one: masks tell sequences apart by steps of their positions, too.
    Pt2Softmax softmax = Pt2Softmax::kNone;
    Pt2Angles angles = Pt2Angles::kReal;
    Pt2Cache cache = Pt2Cache::kNone;
    bool vmapped = false;  // the mask by a function of two positions under torch.vmap
};

// Bytes of the file. Weights are tied, heads share keys, positions are those of the input's length.
std::string pt2_llama(const TinyShape& shape, const TinyWeights& weights,
                      Pt2Weights how = Pt2Weights::kFloats, const Pt2Form& form = {});

// Weights that those integers hold exactly.
void round_to_integers(TinyWeights& weights, Pt2Weights how);

}  // namespace skald::test
