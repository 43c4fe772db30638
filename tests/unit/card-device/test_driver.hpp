// SPDX-License-Identifier: MIT
// A driver in a few lines: boots the firmware, sends mailbox commands, submits jobs, waits for
// completions. Knows the card only through registers, doorbells, memory and interrupts.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "card/device/card.hpp"
#include "skald/mbox.h"
#include "skald/ring.h"
#include "test_host.hpp"

namespace skald::card::test {

using Words = std::array<std::uint32_t, SKALD_MBOX_WORDS>;

// The image the build made.
[[nodiscard]] std::vector<std::byte> firmware_image();

struct QueueConfig {
    std::uint32_t id = 0;
    std::uint32_t context = 0;
    std::uint32_t priority = SKALD_FW_PRIO_NORMAL;
    std::uint32_t vector = 1;
    std::uint32_t log2 = 5;
    std::uint32_t scratch = 65536;
};

class TestDriver {
  public:
    TestDriver(TestHost& host, Card& card) : host_(host), card_(card) {}

    // Writes an image into card memory and boots it; the final STATUS.
    std::uint32_t boot(const std::vector<std::byte>& image, std::uint32_t host_abi = SKALD_FW_ABI);
    std::uint32_t boot() { return boot(firmware_image()); }
    // As above, without waiting.
    void start_boot(const std::vector<std::byte>& image, std::uint32_t host_abi = SKALD_FW_ABI);
    void reset();

    [[nodiscard]] std::uint32_t reg(std::uint32_t offset) { return card_.reg_read(offset); }
    [[nodiscard]] std::uint32_t status() { return reg(SKALD_REG_STATUS); }

    // One mailbox command, waiting for the answer. post() and answer() are the halves.
    Words command(std::initializer_list<std::uint32_t> words_without_tag);
    void post(std::initializer_list<std::uint32_t> words_without_tag);
    [[nodiscard]] bool answered();
    Words answer();

    // Status words.
    std::uint32_t create_context(std::uint32_t id);
    std::uint32_t create_queue(const QueueConfig& config);

    // Fills the next entry (and lets the caller spoil it), rings.
    std::uint64_t submit(std::uint32_t queue, std::uint64_t program, std::uint32_t ops = 1);
    std::uint64_t submit(std::uint32_t queue, skald_ring_entry entry, bool ring = true);
    void ring(std::uint32_t queue, std::uint32_t tail);
    [[nodiscard]] std::optional<skald_completion> poll(std::uint32_t queue, std::uint64_t seq);
    // Waits; fails the test if there is none.
    skald_completion completion(std::uint32_t queue, std::uint64_t seq);
    // Of a job whose completion is there, while its slot is not used again.
    skald_stamps stamps(std::uint32_t queue, std::uint64_t seq);

    [[nodiscard]] static std::uint64_t page_of(std::uint32_t queue) {
        return kHostBase + (queue % 60) * 4096ull;
    }
    [[nodiscard]] static std::uint64_t ring_of(std::uint32_t queue) {
        return 0x400000 + queue * 4096ull;
    }
    [[nodiscard]] std::string log_text();

  private:
    TestHost& host_;
    Card& card_;
    std::array<std::uint64_t, SKALD_MAX_QUEUES> tails_{};
    std::array<std::uint32_t, SKALD_MAX_QUEUES> log2_{};
    std::uint32_t tag_ = 1;
};

}  // namespace skald::card::test
