// SPDX-License-Identifier: MIT
// Reader of safetensors files: u64 header length, JSON header {name: {dtype, shape, data_offsets}},
// raw data. A sharded checkpoint is several of them and an index of which tensor lies where.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "input/mapped_file.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

class SafeTensors {
  public:
    // A single .safetensors file.
    static SafeTensors open_file(const std::filesystem::path& path);

    // STEM.safetensors, or STEM.safetensors.index.json and the shards it names, in `folder`. Other
    // stems than Hugging Face's: "consolidated" (Mistral's own), "adapter_model" (LoRA).
    static SafeTensors open_folder(const std::filesystem::path& folder,
                                   std::string_view stem = "model");

    // nullptr if there is no such tensor. Throws if there is one of a type that is not supported
    // (then only, so that an unused tensor of an odd type does no harm). Types of bytes and
    // integers are found like others, see TypeInfo::weights.
    const Tensor* find(const std::string& name) const;

    std::vector<std::string> names() const;

    // Throws if something in a file could not be read so far.
    void check() const;
    void forget() const;

  private:
    struct Entry {
        Tensor tensor;
        std::string file, unsupported_type;
    };

    void add_file(const std::filesystem::path& path);
    void read_tensors(const MappedFile& file);
    void add_shards(const std::filesystem::path& index);

    std::vector<MappedFile> files_;
    std::map<std::string, Entry> tensors_;
};

}  // namespace skald::compiler
