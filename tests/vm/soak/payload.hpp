// SPDX-License-Identifier: MIT
// A job whose results are known: what a worker submits again and again.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "context.hpp"

namespace skald::test {

using Random = std::mt19937_64;

inline constexpr std::size_t kHostWords = 4096;              // of the worker's own memory
inline constexpr std::uint64_t kHostVa = kBase + 16 * kMiB;  // where the card sees it
inline constexpr std::uint64_t kUnwritten = 0x5ca1ab1e5ca1ab1e;
inline constexpr std::size_t kGate = 8;   // word that some jobs wait for
inline constexpr std::size_t kSlots = 3;  // jobs of one submission
inline constexpr std::size_t kFirstWord = 0x100, kSlotWords = 0x1000;  // a job's own data

class Payload {
  public:
    // For job `slot` of a submission: writes its inputs into the context's buffer.
    Payload(const Context& context, std::span<const std::uint64_t> host, unsigned slot,
            Random& random);

    const Program& program() const { return program_; }
    bool gated() const { return gated_; }
    // What the first word is that is not what it must be; nothing if all are right.
    std::optional<std::uint64_t> wrong(const Context& context) const;

  private:
    void words(std::size_t at, Random& random);
    void copy_of_card_memory(const Context& context, std::size_t at, Random& random);
    void copy_of_host_memory(std::span<const std::uint64_t> host, std::size_t at, Random& random);
    void loop(std::size_t at, Random& random);

    Program program_;
    bool gated_ = false;
    std::vector<std::pair<std::size_t, std::uint64_t>> expected_;  // word, value
};

}  // namespace skald::test
