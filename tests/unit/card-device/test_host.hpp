// SPDX-License-Identifier: MIT
// The machine around a card in these tests: card memory, a few pages of host memory, interrupt
// counters, a clock.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "card/device/card.hpp"
#include "skald/regs.h"

namespace skald::card::test {

inline constexpr std::size_t kMemoryBytes = 8u << 20;
inline constexpr std::uint64_t kHostBase = 0x4'0000'0000;  // DMA address of the host pages
inline constexpr std::size_t kHostBytes = 64 * 4096;

// Generous: under sanitizers on a loaded machine everything takes its time. No test waits this long
// to pass.
inline constexpr std::chrono::seconds kPatience{60};

class TestHost final : public HostMemory, public InterruptSink, public Clock {
  public:
    bool read(DmaAddr from, std::span<std::byte> to) override;
    bool write(DmaAddr to, std::span<const std::byte> from) override;
    bool load64(DmaAddr from, std::uint64_t& value) override;
    bool store64(DmaAddr to, std::uint64_t value) override;
    void raise(unsigned vector) override;
    [[nodiscard]] std::uint64_t now_ns() const override;

    [[nodiscard]] std::span<std::byte> memory() { return {memory_.get(), kMemoryBytes}; }
    [[nodiscard]] CardPorts ports() { return {*this, *this, *this}; }
    [[nodiscard]] Hooks hooks();

    // Waits on interrupts and resets, without polling the card: `done` is looked at after each of
    // them.
    [[nodiscard]] bool wait(const std::function<bool()>& done);
    [[nodiscard]] std::uint64_t interrupts(unsigned vector) const;
    // One aligned 64-bit word of host memory, with acquire.
    [[nodiscard]] std::uint64_t host_word(std::uint64_t dma);
    void copy_from_host(std::uint64_t dma, void* to, std::size_t bytes);
    void clear_host(std::uint64_t dma, std::size_t bytes);
    // From here on the clock stands, but for `ns` that each reading moves it on: what lies between
    // two readings takes that long, however fast or loaded this machine is.
    void step_clock(std::uint64_t ns);
    void pass(std::uint64_t ns) { stepped_ += ns; }
    void refuse_dma(bool refuse) { refuse_ = refuse; }
    // Hooks::discard, while it is set. Called by the card while a MEM_CLEAR is under way.
    std::function<bool(std::span<std::byte>)> discard;

    [[nodiscard]] std::vector<std::string> guest_errors() const;
    [[nodiscard]] int live_threads() const { return threads_; }

  private:
    // Zero pages that cost nothing until they are touched.
    class Pages {
      public:
        explicit Pages(std::size_t bytes);
        ~Pages();
        Pages(const Pages&) = delete;
        Pages& operator=(const Pages&) = delete;
        [[nodiscard]] std::byte* get() const { return data_; }

      private:
        std::byte* data_;
        std::size_t bytes_;
    };
    [[nodiscard]] std::byte* at(DmaAddr address, std::size_t bytes);

    Pages memory_{kMemoryBytes};
    Pages host_{kHostBytes};
    mutable std::mutex lock_;
    std::condition_variable changed_;
    std::array<std::uint64_t, SKALD_NUM_VECTORS> raised_{};
    std::vector<std::string> guest_errors_;
    std::atomic<std::uint64_t> step_{0};
    mutable std::atomic<std::uint64_t> stepped_{0};
    std::atomic<bool> refuse_{false};
    std::atomic<int> threads_{0};
};

}  // namespace skald::card::test
