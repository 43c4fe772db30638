// SPDX-License-Identifier: MIT
// A file for QEMU's log (-D), gone with the test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "process.hpp"

namespace skald::qtest {

class LogFile {
  public:
    LogFile() : path_(testing::TempDir() + "skald-qtest-XXXXXX"), fd_(mkstemp(path_.data())) {}
    ~LogFile() { unlink(path_.c_str()); }
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    // What is in it so far, a megabyte at most.
    [[nodiscard]] std::string text() const {
        std::string content(1 << 20, '\0');
        const ssize_t got = pread(fd_.get(), content.data(), content.size(), 0);
        content.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return content;
    }

  private:
    std::string path_;
    Fd fd_;
};

}  // namespace skald::qtest
