// SPDX-License-Identifier: MIT
// A whole card in process, with guarded memory and a small host around it, for targets that act as
// its firmware or as its driver.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "card/device/card.hpp"
#include "skald/isa.hpp"
#include "support/card_memory.hpp"

namespace skald::fuzz {

inline constexpr std::uint64_t kHostBase = 0x4'0000'0000;  // DMA address of the host's pages
inline constexpr std::size_t kHostBytes = 64 * 4096;

// What lies in card memory when a card begins. Virtual addresses of context roots at kRootAt equal
// offsets, from 2 MiB on; host pages are at kHostVa.
inline constexpr std::uint32_t kImageAt = 0x10000;
inline constexpr std::uint32_t kRootAt = 0x100000;
inline constexpr std::uint32_t kProgramsAt = 0x200000;  // one every 4 KiB
inline constexpr std::uint32_t kPrograms = 6;
inline constexpr std::uint32_t kArgsAt = 0x280000;
inline constexpr std::uint32_t kDataAt = 0x300000;
inline constexpr std::uint32_t kHostVa = 0x400000;
inline constexpr std::size_t kBoardMemory = 4u << 20;

class Board final : private card::HostMemory, private card::InterruptSink, private card::Clock {
  public:
    Board();

    [[nodiscard]] card::Card& card() { return *card_; }
    [[nodiscard]] std::span<std::byte> memory() const { return memory_; }
    void refuse_dma(bool refuse) { refuse_ = refuse; }

    // Puts an image into card memory and says BOOT.
    void boot(std::span<const std::byte> image);
    [[nodiscard]] std::uint32_t status() { return card_->reg_read(SKALD_REG_STATUS); }
    // Waits for a status other than these, and for no longer than that.
    template <class... States>
    bool leaves(std::chrono::microseconds limit, States... states) {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            const std::uint32_t now = status();
            if (((now != states) && ...))
                return true;
            if (std::chrono::steady_clock::now() > until)
                return false;
            rest();
        }
    }
    static void rest();

  private:
    bool read(card::DmaAddr from, std::span<std::byte> to) override;
    bool write(card::DmaAddr to, std::span<const std::byte> from) override;
    bool load64(card::DmaAddr from, std::uint64_t& value) override;
    bool store64(card::DmaAddr to, std::uint64_t value) override;
    void raise(unsigned vector) override;
    [[nodiscard]] std::uint64_t now_ns() const override;

    [[nodiscard]] std::byte* at(card::DmaAddr address, std::size_t bytes);
    void put_tables();
    void put_programs();

    std::span<std::byte> memory_;
    std::unique_ptr<std::byte[]> host_;
    std::atomic<bool> refuse_{false};
    std::unique_ptr<card::Card> card_;
};

// An image with this payload, its header right but for what is turned over in it before it is
// hashed.
std::vector<std::byte> firmware_image(std::span<const std::byte> payload, std::uint32_t entry,
                                      std::span<const std::byte> header_bits = {});

// A file that the build made.
std::vector<std::byte> built_file(const char* path);

}  // namespace skald::fuzz
