// SPDX-License-Identifier: MIT
// Inputs as files, for readers that want a name.
#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace skald::fuzz {

// A file in memory alone.
class MemoryFile {
  public:
    explicit MemoryFile(std::span<const std::byte> content);
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] std::filesystem::path path() const;

  private:
    int file_;
};

void write_file(const std::filesystem::path& path, std::span<const std::byte> content);

}  // namespace skald::fuzz
