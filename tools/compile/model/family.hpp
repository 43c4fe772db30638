// SPDX-License-Identifier: MIT
// Families of models. Each is a file of families/: which checkpoints are of it, where its keys and
// tensors are called otherwise than usual, and what its layers are, put together from pieces.hpp.
// The list of families here is the one that front ends, --list and tests go by.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "model/source.hpp"
#include "model/spec.hpp"

namespace skald::compiler {

struct Family {
    std::string_view name{};
    std::vector<std::string_view> model_types{};    // config.json: model_type
    std::vector<std::string_view> architectures{};  // GGUF: general.architecture
    Pairs hf_pairs = Pairs::kHalves, gguf_pairs = Pairs::kHalves;
    std::string_view examples{};  // published models, for --list
    std::vector<TensorName> names{};
    std::vector<Alias> aliases{};
    void (*describe)(Source&, DecoderSpec&) = nullptr;
    // Instead: what the card would have to have, for the message that refuses it.
    std::string_view needs{};
};

std::span<const Family> families();

// nullptr: there is none.
const Family* family_of_model_type(std::string_view model_type);
const Family* family_of_architecture(std::string_view architecture);
const Family& family_of_name(std::string_view name);  // which is in the list

// Throws CompileError where the family cannot be compiled, or the source is not quite of it.
DecoderSpec describe(const Family& family, Source& source);

}  // namespace skald::compiler
