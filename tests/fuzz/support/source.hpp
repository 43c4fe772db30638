// SPDX-License-Identifier: MIT
// An input as a stream of choices, taken from the front: what changes late in an input changes late
// in what it means. An input that is over gives zeros. Sink writes what Source reads, for seeds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace skald::fuzz {

class Source {
  public:
    explicit Source(std::span<const std::byte> input) : left_(input) {}

    [[nodiscard]] bool empty() const { return left_.empty(); }

    template <class T>
        requires std::is_trivially_copyable_v<T>
    T take() {
        T value{};
        const auto bytes = this->bytes(sizeof value);
        std::ranges::copy(bytes, std::as_writable_bytes(std::span(&value, 1)).begin());
        return value;
    }
    std::uint8_t byte() { return take<std::uint8_t>(); }
    std::uint32_t below(std::uint32_t limit) {
        return take<std::uint16_t>() % limit;
    }  // limit at most 65536

    template <class Range>
    auto pick(const Range& range) {
        return std::data(range)[byte() % std::size(range)];
    }

    // As many as there are.
    std::span<const std::byte> bytes(std::size_t count) {
        const auto part = left_.first(std::min(count, left_.size()));
        left_ = left_.subspan(part.size());
        return part;
    }
    std::span<const std::byte> rest() { return bytes(left_.size()); }
    // A byte, and so many bytes behind it.
    std::span<const std::byte> counted() { return bytes(byte()); }

  private:
    std::span<const std::byte> left_;
};

class Sink {
  public:
    template <class T>
        requires(std::is_trivially_copyable_v<T> &&
                 !std::is_convertible_v<T, std::span<const std::byte>>)
    Sink& put(const T& value) {
        return put(std::as_bytes(std::span(&value, 1)));
    }
    Sink& put(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Sink& byte(unsigned value) { return put(static_cast<std::uint8_t>(value)); }
    Sink& counted(std::span<const std::byte> bytes) {  // 255 at most
        return byte(static_cast<unsigned>(bytes.size())).put(bytes);
    }
    Sink& half(unsigned value) { return put(static_cast<std::uint16_t>(value)); }

    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}
// What readers of tokenizers are given: a text to encode, counted, then what they read.
inline std::vector<std::byte> with_text(std::string_view text, std::span<const std::byte> read) {
    return Sink().counted(bytes_of(text)).put(read).bytes();
}

}  // namespace skald::fuzz
