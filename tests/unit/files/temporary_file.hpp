// SPDX-License-Identifier: MIT
// A file that is gone with the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace skald::test {

class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content)
        : path_(testing::TempDir() + "skald-file-XXXXXX") {
        const int fd = ::mkstemp(path_.data());
        EXPECT_EQ(::write(fd, content.data(), content.size()),
                  static_cast<ssize_t>(content.size()));
        ::close(fd);
    }
    ~TemporaryFile() { ::unlink(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    void shorten(std::uint64_t bytes) const {
        EXPECT_EQ(::truncate(path_.c_str(), static_cast<off_t>(bytes)), 0);
    }

  private:
    std::string path_;
};

}  // namespace skald::test
