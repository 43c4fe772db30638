// SPDX-License-Identifier: MIT
// The byte stream of a snapshot: named sections, each with a version and its length, and a checksum
// over all of it. A reader takes nothing on trust: what is not as it should be is an Error whose
// text is a sentence for the user.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace skald::card::snapshot {

class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// What a section has been read and checked for: puts it in place, and cannot fail. It refers to the
// stream.
using Apply = std::function<void()>;

// Values without padding or pointers: their bytes are the format. Little-endian, as the card.
template <class T>
concept Plain = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T> &&
                !std::is_pointer_v<T> && !std::is_same_v<T, bool>;

class Writer {
  public:
    Writer();

    // Ends the section before. At most 15 characters.
    void section(std::string_view name, std::uint32_t version);
    template <Plain T>
    void put(const T& value) {
        put_bytes(std::as_bytes(std::span(&value, 1)));
    }
    void put(bool value) { put(static_cast<std::uint8_t>(value)); }
    void put_bytes(std::span<const std::byte> bytes) {
        data_.insert(data_.end(), bytes.begin(), bytes.end());
    }
    [[nodiscard]] std::vector<std::byte> finish();

  private:
    void end_section();
    void set64(std::size_t at, std::uint64_t value) {
        std::memcpy(data_.data() + at, &value, sizeof(value));
    }

    std::vector<std::byte> data_;
    std::size_t length_at_ = 0;  // of the section being written; 0: none
};

class Reader {
  public:
    // The stream outlives the reader.
    explicit Reader(std::span<const std::byte> stream);

    // The next section must be this one, and the one before read to its end.
    void section(std::string_view name, std::uint32_t version);
    template <Plain T>
    [[nodiscard]] T get() {
        T value;
        std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
        return value;
    }
    // 0 or 1.
    [[nodiscard]] bool get_bool();
    // Valid as long as the stream is.
    [[nodiscard]] std::span<const std::byte> get_bytes(std::uint64_t bytes) { return take(bytes); }
    void finish();

    // "the snapshot's section 'engine' says what no card does: ..."
    [[noreturn]] void refuse(std::string_view why) const;

  private:
    std::span<const std::byte> take(std::uint64_t bytes);
    void end_section();

    std::span<const std::byte> left_;     // behind the section being read
    std::span<const std::byte> section_;  // of it what is not read yet
    std::string name_;
};

}  // namespace skald::card::snapshot
