// SPDX-License-Identifier: MIT
// What torch.save wrote of a dictionary of tensors: a zip file with a pickle, and the numbers
// beside it. Of the pickle only what makes dictionaries and tensors is carried out, and nothing is
// called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "input/tensor.hpp"

namespace skald::compiler::graphs {

struct StoredTensor {
    DType type = DType::kF32;
    std::vector<std::uint64_t> shape, strides;
    std::uint64_t offset = 0;         // of its first element, in elements
    std::span<const std::byte> data;  // of what it is a part of
    bool complex = false;             // each element is two numbers of that type
};

// `name` is what messages call it. Throws CompileError if it is damaged, or is no dictionary. What
// of it is no tensor is left out.
std::map<std::string, StoredTensor> read_state_dict(const std::string& name,
                                                    std::span<const std::byte> bytes);

}  // namespace skald::compiler::graphs
