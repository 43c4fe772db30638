// SPDX-License-Identifier: MIT
// A whole file in memory: configurations, tokenizers, texts. Weights are mapped, see
// mapped_file.hpp.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::compiler {

class FileBytes {
  public:
    // Throws CompileError if the file cannot be opened or read, or is only a Git LFS pointer.
    explicit FileBytes(const std::filesystem::path& path);

    std::span<const std::byte> bytes() const { return bytes_; }
    std::string_view text() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    const std::string& name() const { return name_; }

  private:
    std::string name_;
    std::vector<std::byte> bytes_;
};

}  // namespace skald::compiler
