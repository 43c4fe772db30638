// SPDX-License-Identifier: MIT
// Direct reads of a disk, to compare a job's way with: the shortest way through a driver that every
// kernel has.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace skald::bench {

class Disk {
  public:
    static constexpr std::size_t kBytes = 4096;

    // Throws rt::Error.
    explicit Disk(const std::string& path);
    ~Disk();
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    // Reads the first kBytes past the page cache; nanoseconds.
    [[nodiscard]] double read_one();

  private:
    struct Free {
        void operator()(void* memory) const;
    };

    std::string path_;
    int fd_;
    std::unique_ptr<void, Free> buffer_;
};

}  // namespace skald::bench
