// SPDX-License-Identifier: MIT
// The card in process with its three ports, booted: registers, mailbox and doorbells as a driver
// has them. What the mailbox commands are for is LocalDevice's business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "card/device/card.hpp"
#include "local/card_memory.hpp"
#include "local/dma_map.hpp"
#include "local/interrupts.hpp"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::local {

using MailboxWords = std::array<std::uint32_t, SKALD_MBOX_WORDS>;

class CardLink {
  public:
    // Boots `firmware` (an image file's content). Throws Error with the boot error in words.
    // links: null, or outlives it.
    CardLink(std::uint64_t memory_bytes, const card::CardOptions& options, card::Links* links,
             std::span<const std::byte> firmware);
    ~CardLink();

    [[nodiscard]] CardMemory& memory() { return memory_; }
    [[nodiscard]] DmaMap& dma() { return dma_; }
    [[nodiscard]] Interrupts& interrupts() { return interrupts_; }

    [[nodiscard]] std::uint32_t read(std::uint32_t offset) { return card_.reg_read(offset); }
    void write(std::uint32_t offset, std::uint32_t value) { card_.reg_write(offset, value); }
    // A pair of registers; no other pair is read meanwhile.
    [[nodiscard]] std::uint64_t read_pair(std::uint32_t low);

    // Sends a command (opcode, then words 2...) and sleeps until it is answered. Throws Error when
    // the firmware refuses it or is dead. One caller at a time.
    MailboxWords command(skald_mbox_cmd opcode, std::initializer_list<std::uint32_t> words);

    void ring_doorbell(std::uint32_t queue, std::uint32_t tail);

  private:
    class SteadyClock final : public card::Clock {
      public:
        [[nodiscard]] std::uint64_t now_ns() const override;
    };

    void boot(std::span<const std::byte> firmware);
    [[nodiscard]] std::string boot_failure();
    void note(card::LogLevel level, const char* text);
    [[nodiscard]] std::string last_words();

    CardMemory memory_;
    DmaMap dma_;
    Interrupts interrupts_;
    SteadyClock clock_;
    std::mutex pair_lock_;
    std::mutex words_lock_;
    std::string words_;  // the card's last complaint
    card::Card card_;
    std::uint32_t tag_ = 0;
};

// The image that belongs to this build: SKALD_FIRMWARE in the environment, else beside the program
// (../firmware/), else where Linux keeps firmware. Throws Error listing where it looked.
[[nodiscard]] std::vector<std::byte> find_firmware();
[[nodiscard]] std::vector<std::byte> read_firmware(const std::string& path);

}  // namespace skald::local
