// SPDX-License-Identifier: MIT
// A file mapped for reading: models are larger than what a compiler should hold in memory. What is
// small is better read, see file_bytes.hpp.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "files/mapped_file.hpp"

namespace skald::compiler {

class MappedFile {
  public:
    // Throws CompileError if the file cannot be opened or mapped, or is only a Git LFS pointer. An
    // empty file maps to no bytes.
    explicit MappedFile(const std::filesystem::path& path);

    // Zeros where the file cannot be read: what is made of them counts after check().
    std::span<const std::byte> bytes() const { return file_.bytes(); }
    const std::string& name() const { return file_.name(); }
    // Throws CompileError if something could not be read so far.
    void check() const;
    // Its pages need not stay in this process. They are still there for whoever reads on.
    void forget() const;

  private:
    rt::MappedFile file_;
};

}  // namespace skald::compiler
