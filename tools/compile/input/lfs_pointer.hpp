// SPDX-License-Identifier: MIT
// Where a repository was cloned without Git LFS, a large file is a text of three lines about it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "error.hpp"

namespace skald::compiler {

inline void refuse_lfs_pointer(const std::string& file, std::span<const std::byte> bytes) {
    constexpr std::size_t kLongest = 1024;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() <= kLongest && text.starts_with("version https://git-lfs.github.com/spec/"))
        fail("{}: is a Git LFS pointer, not the file itself: fetch that with git lfs pull", file);
}

}  // namespace skald::compiler
