// SPDX-License-Identifier: MIT
// A guest that does anything to the card, as a seed says: registers, doorbells, MSI-X table, card
// memory, configuration space, commands and jobs in any order. Whatever it did, QEMU lives, and a
// reset makes a card of it again. Two seeds here; `make fuzz` goes on with others for
// SKALD_FUZZ_SECONDS (tests/fuzz).
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <random>

#include "board.hpp"
#include "rig.hpp"

namespace skald::qtest {
namespace {

constexpr unsigned kAccesses = 1500;  // of one seed
constexpr unsigned kSeeds = 2;
constexpr std::uint64_t kTables = 0x100000;  // of the rig: page tables, then its ring
constexpr std::uint64_t kTablesBytes = 0x12000;
constexpr std::uint32_t kQueues = 12;

class Driver {
  public:
    explicit Driver(std::uint64_t seed) : random_(seed) {}

    void run() {
        if (below(4) != 0) {
            board_.boot();
            rig_.emplace(board_);
        }
        for (unsigned n = 0; n < kAccesses; ++n)
            (this->*kActions[below(kActions.size())])();
        check_revival();
    }

  private:
    using Action = void (Driver::*)();
    static const std::array<Action, 12> kActions;

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    unsigned width() { return 1u << below(4); }
    std::uint64_t value() {
        static constexpr std::uint64_t kUsual[] = {0,    1,    2,     3,          9,
                                                   0xff, 4096, kData, kQueuePage, 0xffffffff};
        return below(4) != 0 ? kUsual[below(std::size(kUsual))] : random_();
    }

    void read_register() { (void)board_.machine.read(kRegs + below(SKALD_REGS_SIZE), width()); }
    void write_register() {
        // Not CTRL: resets come by themselves, and a boot needs an image.
        const std::uint64_t offset = below(2) != 0 ? 4 * below(0xc0) : below(SKALD_REGS_SIZE);
        const unsigned bytes = below(4) != 0 ? 4 : width();
        if (offset != SKALD_REG_CTRL)
            board_.machine.write(kRegs + offset, bytes, value());
    }
    void control() {
        if (below(8) == 0)
            board_.set_reg(SKALD_REG_CTRL, static_cast<std::uint32_t>(below(4)));
    }
    void doorbell() {
        const std::uint64_t queue = below(4) != 0 ? below(kQueues) : below(SKALD_MAX_QUEUES);
        const std::uint64_t at = kDoorbells + queue * SKALD_DOORBELL_STRIDE;
        board_.machine.write(at + (below(8) == 0 ? below(64) : 0), below(8) == 0 ? width() : 4,
                             value());
    }
    void message() {
        const unsigned vector = static_cast<unsigned>(below(SKALD_NUM_VECTORS));
        board_.set_vector(vector, message_address(vector), static_cast<std::uint32_t>(value()),
                          below(2) != 0);
    }
    void memory() {
        const std::uint64_t at =
            below(2) != 0 ? kTables + below(kTablesBytes) : below(kCardMemory - 8);
        board_.machine.write(kMemory + (at & ~7ull), 8, value());
    }
    void command() {
        static constexpr std::uint32_t kCommands[] = {
            SKALD_MBOX_PING,           SKALD_MBOX_QUEUE_CREATE, SKALD_MBOX_QUEUE_DESTROY,
            SKALD_MBOX_QUEUE_STATUS,   SKALD_MBOX_CTX_CREATE,   SKALD_MBOX_CTX_DESTROY,
            SKALD_MBOX_CTX_INVALIDATE, SKALD_MBOX_CTX_KILL,     SKALD_MBOX_CTX_FAULT,
            SKALD_MBOX_TELEMETRY,      SKALD_MBOX_MEM_CLEAR,    SKALD_MBOX_LOG_LEVEL};
        static constexpr std::uint32_t kHalt = SKALD_MBOX_HALT;  // ends most of what could happen
        const std::uint32_t opcode = kCommands[below(std::size(kCommands))];
        board_.set_reg(SKALD_REG_MBOX_CMD0, below(16) != 0 ? opcode : kHalt);
        for (unsigned word = 1; word < SKALD_MBOX_WORDS; ++word)
            board_.set_reg(SKALD_REG_MBOX_CMD0 + 4 * word,
                           static_cast<std::uint32_t>(below(3) != 0 ? 0 : value()));
        board_.set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    }
    void job() {
        if (!rig_)
            return;
        const isa::MicroOp once[] = {
            copy(kHostVa + kGuestData, kData, static_cast<std::uint32_t>(1 + below(1u << 20))),
            end()};
        switch (below(4)) {
            case 0:
                rig_->submit(count_for_ever(kHostVa + kCounter));
                break;
            case 1:
                rig_->submit(wait_for_ever());
                break;
            default:
                rig_->submit(once);
        }
    }
    void configuration() {
        if (below(4) == 0)
            board_.card.write32(static_cast<unsigned>(4 * below(64)),
                                static_cast<std::uint32_t>(value()));
        else
            board_.enumerate();
    }
    void switch_off() {
        static constexpr std::uint16_t kStates[] = {0, PCI_COMMAND_MEMORY, PCI_COMMAND_MASTER,
                                                    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER};
        board_.card.write16(PCI_COMMAND, kStates[below(std::size(kStates))]);
    }
    void reset() {
        if (below(8) == 0)
            board_.function_level_reset();
    }
    void time() { board_.machine.advance(std::chrono::microseconds(1 + below(5000))); }

    // Full power, decoding, no reset under way; then firmware that answers.
    void check_revival() {
        const unsigned power = board_.card.capability(PCI_CAP_ID_PM);
        board_.card.write16(power + PCI_PM_CTRL, 0);
        board_.function_level_reset();
        board_.enumerate();
        board_.wait_status(SKALD_STATE_IDLE);
        board_.boot();
        EXPECT_EQ(board_.ping(7)[SKALD_MBOX_W_TAG], 7u);
        EXPECT_TRUE(board_.machine.qmp("query-status").contains("status"));
    }

    std::mt19937_64 random_;
    Board board_;
    std::optional<Rig> rig_;
};

const std::array<Driver::Action, 12> Driver::kActions = {
    &Driver::read_register, &Driver::write_register, &Driver::control, &Driver::doorbell,
    &Driver::message,       &Driver::memory,         &Driver::command, &Driver::job,
    &Driver::configuration, &Driver::switch_off,     &Driver::reset,   &Driver::time};

TEST(RandomDriver, LeavesQemuAliveAndTheCardToBeRevived) {
    const char* seconds = std::getenv("SKALD_FUZZ_SECONDS");
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 0);
    unsigned seed = 0;
    while (seed < kSeeds || std::chrono::steady_clock::now() < until) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        try {
            Driver(seed).run();
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
        if (HasFatalFailure() || HasNonfatalFailure())
            break;
        ++seed;
    }
    std::printf("%u accesses from %u seeds\n", seed * kAccesses, seed);
}

}  // namespace
}  // namespace skald::qtest
