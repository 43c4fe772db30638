// SPDX-License-Identifier: MIT
// Reader of safetensors files: u64 header length, JSON header {name: {dtype, shape, data_offsets}},
// raw data. A sharded checkpoint is several of them and an index of which tensor lies where.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "input/mapped_file.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

class SafeTensors {
  public:
    // A single .safetensors file.
    static SafeTensors open_file(const std::filesystem::path& path);

    // model.safetensors or model.safetensors.index.json with its shards in `folder`.
    static SafeTensors open_folder(const std::filesystem::path& folder);

    // nullptr if there is no such tensor. Throws if there is one of a type that is not supported
    // (then only, so that an unused tensor of an odd type does no harm).
    const Tensor* find(const std::string& name) const;

    std::vector<std::string> names() const;

  private:
    struct Entry {
        Tensor tensor;
        std::string file, unsupported_type;
    };

    void add_file(const std::filesystem::path& path);

    std::vector<MappedFile> files_;
    std::map<std::string, Entry> tensors_;
};

}  // namespace skald::compiler
