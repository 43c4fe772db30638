// SPDX-License-Identifier: MIT
// Firmware of a few stores, for what the real one would never do. It is written from front to back;
// a store that the card refuses (an access fault) is counted in kRefused and stepped over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skald::card::test {

// An image that the boot ROM takes: header and hash around the words of a program.
[[nodiscard]] std::vector<std::byte> image_of(const std::vector<std::uint32_t>& words);

class SmallFirmware {
  public:
    // Registers of the core; the others are scratch.
    static constexpr std::uint32_t kRefused = 9;
    static constexpr std::uint32_t kTime = 12;  // MTIME's low word, and the high one

    // Trap handler, then READY.
    SmallFirmware();

    // A peripheral register becomes `value`. 64-bit values are the low word, then the high one.
    void store(std::uint32_t offset, std::uint32_t value);
    void store64(std::uint32_t low_offset, std::uint64_t value);
    // HEARTBEAT shows how many stores were refused, `mark` added: the test waits for it.
    void report(std::uint32_t mark);
    // Sleeps until the timer fires, `us` after now.
    void sleep_us(std::uint32_t us);
    // Until ENG_STATE says so, or says something else.
    void wait_for_engine(std::uint32_t state);
    void wait_while_engine(std::uint32_t state);
    // Some time passes.
    void spin(std::uint32_t rounds);

    void create_context(std::uint32_t id, std::uint64_t root);
    void create_queue(std::uint32_t id, std::uint32_t context, std::uint64_t page);
    // A job on the queue, its arguments at kArgs.
    void launch(std::uint32_t queue, std::uint64_t program, std::uint32_t ops);

    // Ends in WFI.
    [[nodiscard]] std::vector<std::byte> image() const;

  private:
    void emit(std::uint32_t word) { words_.push_back(word); }
    void load_immediate(std::uint32_t reg, std::uint32_t value);
    void store_register(std::uint32_t offset, std::uint32_t reg);

    std::vector<std::uint32_t> words_;
};

}  // namespace skald::card::test
