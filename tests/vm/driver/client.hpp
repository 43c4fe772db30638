// SPDX-License-Identifier: MIT
// A client with many buffers in card memory, for tests that want more of it than there is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "context.hpp"

namespace skald::test {

// What a client's buffer i holds at a byte when it was filled.
std::uint64_t pattern(std::uint64_t seed, std::uint64_t buffer, std::uint64_t at);

// A file of its own with an address space in which its buffers are mapped one behind the other.
class Client {
  public:
    static constexpr std::uint64_t kEach = 4 * kBig;     // bytes of a buffer
    static constexpr std::uint32_t kBlock = 256 * 1024;  // of these every word is filled
    static constexpr std::uint64_t va(std::uint64_t buffer) {
        return (1ull << 32) + buffer * kEach;
    }

    // As many as go into so many bytes. Throws what goes wrong.
    Client(std::uint64_t bytes, std::uint64_t seed);

    // Writes every word of the first block of each, and one of each page behind it.
    void fill() const;
    // Where it is not what fill() wrote, or nothing.
    std::optional<std::string> wrong() const;
    // A job that needs nothing but that all of it is there: 0 or an errno.
    int touch() { return context_.run(write_word(0, 1)); }

    std::uint64_t size() const { return handles_.size(); }
    // All that the file has, the context's buffer included.
    std::uint64_t bytes() const { return size() * kEach + kBig; }
    // Of these so many are out.
    std::uint64_t evicted() const { return fdinfo("skald-evicted-card"); }
    // A number of its fdinfo, in bytes.
    std::uint64_t fdinfo(const std::string& key) const;

    const Device& device() const { return device_; }
    Context& context() { return context_; }
    const Context& context() const { return context_; }
    const Mapping& map(std::uint64_t buffer) const { return maps_[buffer]; }
    std::uint32_t handle(std::uint64_t buffer) const { return handles_[buffer]; }

  private:
    Device device_;
    Context context_;
    std::uint64_t seed_;
    std::vector<std::uint32_t> handles_;
    std::vector<Mapping> maps_;
};

// Bytes of the card's memory, and three quarters of them in whole buffers of a client.
std::uint64_t card_bytes();
std::uint64_t three_quarters();

// A number of the driver's file `memory` in debugfs.
std::uint64_t debugfs_memory(const std::string& key);

}  // namespace skald::test
