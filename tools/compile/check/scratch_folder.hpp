// SPDX-License-Identifier: MIT
// A folder that is there as long as this object.
#pragma once

#include <filesystem>

namespace skald::compiler::checking {

class ScratchFolder {
  public:
    // Where the system keeps such things ($TMPDIR). Throws CompileError.
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace skald::compiler::checking
