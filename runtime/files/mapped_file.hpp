// SPDX-License-Identifier: MIT
// A file or a disk, open and mapped for reading, whose errors are sentences: "cannot read FILE:
// Input/output error" instead of a SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "files/guarded_mapping.hpp"

namespace skald::rt {

class FileError : public std::runtime_error {
  public:
    FileError(const std::string& sentence, int code) : std::runtime_error(sentence), code_(code) {}
    [[nodiscard]] int code() const { return code_; }  // an errno value

  private:
    int code_;
};

class MappedFile {
  public:
    // Throws FileError if it cannot be opened or mapped, or is neither a regular file nor a disk.
    explicit MappedFile(std::string name);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_disk() const { return disk_; }
    // All of it; of a part that cannot be read zeros. What was made of it counts after check().
    [[nodiscard]] std::span<const std::byte> bytes() const { return mapping_.bytes(); }
    // Copies; throws FileError where the file does not give all of it.
    void read_at(std::uint64_t offset, std::span<std::byte> to) const;
    // Throws FileError if something in bytes() could not be read so far.
    void check() const;

  private:
    [[noreturn]] void unreadable(int code) const;

    std::string name_;
    int fd_ = -1;
    bool disk_ = false;
    GuardedMapping mapping_;
};

// What f() gives, unless the file could not be read: then that is thrown, whatever f() made of the
// zeros. File: anything with check().
template <class File, class F>
auto checked(const File& file, F f) {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            file.check();
        } else {
            auto result = f();
            file.check();
            return result;
        }
    } catch (...) {
        file.check();
        throw;
    }
}

}  // namespace skald::rt
