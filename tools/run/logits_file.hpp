// SPDX-License-Identifier: MIT
// Logits as raw 32-bit floats in a file, row by row.
#pragma once

#include <span>
#include <string>

namespace skald::run {

class LogitsFile {
  public:
    // Created or emptied. Throws rt::Error.
    explicit LogitsFile(const std::string& path);
    ~LogitsFile();
    LogitsFile(const LogitsFile&) = delete;
    LogitsFile& operator=(const LogitsFile&) = delete;

    void append(std::span<const float> logits);

  private:
    std::string path_;
    int fd_;
};

}  // namespace skald::run
