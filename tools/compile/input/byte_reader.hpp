// SPDX-License-Identifier: MIT
// Little-endian reading with bounds: every error says which file, at which byte, and what was being
// read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "error.hpp"

namespace skald::compiler {

static_assert(std::endian::native == std::endian::little, "input files are little-endian");

class ByteReader {
  public:
    ByteReader(std::string file, std::span<const std::byte> bytes)
        : file_(std::move(file)), bytes_(bytes) {}

    template <typename T>
    T get(std::string_view what) {
        T value;
        std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
        return value;
    }

    std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
        if (count > left())
            fail("{}: byte {}: {} needs {} bytes, the file has {} left", file_, at_, what, count,
                 left());
        const auto part = bytes_.subspan(at_, count);
        at_ += count;
        return part;
    }

    [[noreturn]] void reject(std::string_view what) const {
        fail("{}: byte {}: {}", file_, at_, what);
    }

    std::uint64_t at() const { return at_; }
    std::uint64_t left() const { return bytes_.size() - at_; }
    const std::string& file() const { return file_; }

  private:
    std::string file_;
    std::span<const std::byte> bytes_;
    std::uint64_t at_ = 0;
};

}  // namespace skald::compiler
