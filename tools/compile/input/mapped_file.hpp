// SPDX-License-Identifier: MIT
// A file mapped for reading: models are larger than what a compiler should hold in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace skald::compiler {

class MappedFile {
  public:
    // Throws CompileError if the file cannot be opened or mapped, or is only a Git LFS pointer. An
    // empty file maps to no bytes.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;

    std::span<const std::byte> bytes() const { return {data_, size_}; }
    const std::string& name() const { return name_; }

  private:
    std::string name_;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace skald::compiler
