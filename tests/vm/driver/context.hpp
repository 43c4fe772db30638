// SPDX-License-Identifier: MIT
// An address space with a queue and one card buffer for programs, arguments and data: where most
// tests begin.
#pragma once

#include <cstdint>

#include "device.hpp"
#include "program.hpp"

namespace skald::test {

inline constexpr std::uint64_t kMiB = 1u << 20;
inline constexpr std::uint64_t kBig = 2 * kMiB;    // page of card buffers
inline constexpr std::uint64_t kBase = 64 * kMiB;  // address of the buffer
// What is where in it. Each program slot has its own argument block.
inline constexpr std::uint64_t kProgramBytes = 64 * 1024;
inline constexpr std::uint64_t kArgs = kMiB;
inline constexpr std::uint64_t kData = kMiB + 64 * 1024;
inline constexpr std::uint64_t kDataVa = kBase + kData;
// An address at which nothing is ever mapped.
inline constexpr std::uint64_t kNowhere = 0x123456789000;

class Context {
  public:
    // Throws what goes wrong: a test that cannot begin has failed.
    explicit Context(const Device& device, int eventfd = -1);

    // Writes the program to a slot and gives the job that runs it.
    drm_skald_job load(const Program& program, unsigned slot = 0) const;
    // Submits it and waits until it has ended.
    int run(const Program& program);
    int submit(const Program& program, unsigned slot = 0,
               std::span<const drm_skald_sync> syncs = {}) const;

    volatile std::uint64_t& data(std::size_t word) const {
        return map_.at<std::uint64_t>(kData + 8 * word);
    }
    static std::uint64_t data_va(std::size_t word) { return kDataVa + 8 * word; }
    const Mapping& map() const { return map_; }
    const Device& device() const { return device_; }
    std::uint32_t vm() const { return vm_; }
    std::uint32_t queue() const { return queue_; }
    std::uint32_t buffer() const { return buffer_; }
    drm_skald_queue_query query() const { return device_.queue_query(queue_); }

  private:
    const Device& device_;
    std::uint32_t vm_ = 0;
    std::uint32_t queue_ = 0;
    std::uint32_t buffer_ = 0;
    Mapping map_;
};

// Programs that more than one test wants.
Program spin();        // for ever, with progress
Program hang();        // for ever, without
Program bad_opcode();  // faults OPCODE at micro-op 1
Program write_word(std::size_t word, std::uint64_t value);

// Puts out `count` tokens, one by one, into a ring in the context's data (words 0x400..). Sets the
// tables up.
Program tokens(const Context& context, std::uint32_t count);

// Waits until the queue's job is running: word 0 of the data becomes 1.
Program announce_and(const Program& rest);
bool wait_word(const Context& context, std::size_t word, std::uint64_t value);

}  // namespace skald::test
