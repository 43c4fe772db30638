// SPDX-License-Identifier: MIT
// A file that has its name only once it is complete: a reader never meets half of it, and a failure
// leaves nothing behind, nor does it touch an older file of that name. A link to a file stays one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace skald::compiler {

class OutputFile {
  public:
    // All members throw CompileError with the name and the system's reason.
    explicit OutputFile(const std::filesystem::path& name);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void put_at(std::uint64_t offset, std::span<const std::byte> bytes);
    void commit();

  private:
    [[noreturn]] void failed(const char* what) const;

    std::filesystem::path path_;
    std::string temporary_;  // empty while the file has no name
    int fd_ = -1;
};

}  // namespace skald::compiler
