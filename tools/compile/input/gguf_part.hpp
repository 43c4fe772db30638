// SPDX-License-Identifier: MIT
// One GGUF file, version 2 or 3, as it is: magic, counts, typed key-value metadata, tensor
// descriptions, aligned data. Checked against its own end; what it means is Gguf's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "input/mapped_file.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

// Numbers keep 64 bits whichever width the file has.
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
                               std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
    Tensor tensor;
    std::optional<std::uint32_t> unsupported_type;  // then the tensor has no data
};

struct GgufPart {
    explicit GgufPart(const std::filesystem::path& path);

    MappedFile file;
    std::map<std::string, GgufValue> values;
    std::map<std::string, GgufTensor> tensors;
};

// "iq2_xxs", or "number 99".
std::string gguf_type_name(std::uint32_t type);

}  // namespace skald::compiler
