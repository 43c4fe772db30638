// SPDX-License-Identifier: MIT
// All registers of the control core, from a firmware that plays what the input chooses
// (support/player.S) with the real engine behind it: any store, any load, and sequences that belong
// together, such as the launch of a job. The host's accesses, behind the script in the input, come
// between.
#include <cstring>
#include <random>

#include "skald/core.h"
#include "skald/ring.h"
#include "support/board.hpp"
#include "support/host_access.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostRecords = 600;
constexpr std::uint32_t kRecordAt = SKALD_SRAM_BASE + 0x20000;  // a completion record
constexpr std::uint32_t kQueues = 3;
constexpr std::uint8_t kRaw = 0xff;

enum Play : std::uint32_t { kHalt, kStore, kLoad, kSpin, kSleep };
enum Action : std::uint8_t {
    kWriteRegister,
    kReadRegister,
    kSetContext,
    kSetQueue,
    kLaunch,
    kEngineCommand,
    kContextCommand,
    kClearQueue,
    kAcknowledge,
    kComplete,
    kClearMemory,
    kReady,
    kWait,
    kDoze,
    kMemory,
    kState,
    kActions,
};

struct Record {
    std::uint32_t what;
    std::uint32_t address;
    std::uint32_t value;
};

class Script {
  public:
    explicit Script(Source& source) : source_(source) {}

    std::vector<Record> read(std::size_t actions) {
        for (std::size_t n = 0; n < actions && records_.size() < kMostRecords && !source_.empty();
             ++n)
            action();
        records_.push_back({kHalt, 0, 0});
        return std::move(records_);
    }

  private:
    void set(std::uint32_t reg, std::uint32_t value) {
        records_.push_back({kStore, SKALD_PERIPH_BASE + reg, value});
    }
    void set64(std::uint32_t reg, std::uint64_t value) {
        set(reg, static_cast<std::uint32_t>(value));
        set(reg + 4, static_cast<std::uint32_t>(value >> 32));
    }

    std::uint32_t word() {
        constexpr std::uint32_t kWords[] = {
            0,      1,       2,       3,       4,           8,         0xff,       0x100,
            0x1000, 0x10001, kRootAt, kDataAt, kProgramsAt, kRecordAt, 0x80000000, 0xffffffff};
        const std::uint8_t choice = source_.byte();
        return choice == kRaw ? source_.take<std::uint32_t>() : kWords[choice % std::size(kWords)];
    }
    std::uint32_t queue() { return source_.byte() % kQueues; }
    // Of the registers; now and then outside of them.
    std::uint32_t reg() {
        return source_.byte() < 0xf0 ? source_.below(0xa0) * 4 : source_.take<std::uint16_t>();
    }

    void action() {
        switch (source_.byte() % kActions) {
            case kWriteRegister: {
                const std::uint32_t at = reg();
                return set(at, word());
            }
            case kReadRegister:
                records_.push_back({kLoad, SKALD_PERIPH_BASE + reg(), 0});
                return;
            case kSetContext:
                set(SKALD_CORE_CTX_ID, source_.byte() % 2);
                set64(SKALD_CORE_CTX_ROOT_LO, source_.byte() < 0xe0 ? kRootAt : word());
                return set(SKALD_CORE_CTX_CMD, SKALD_CORE_CTX_SET);
            case kSetQueue:
                return set_queue();
            case kLaunch:
                return launch();
            case kEngineCommand:
                set(SKALD_CORE_ENG_QUEUE, queue());
                return set(SKALD_CORE_ENG_CMD, 2 + source_.byte() % 3);
            case kContextCommand:
                set(SKALD_CORE_CTX_ID, source_.byte() % 2);
                return set(SKALD_CORE_CTX_CMD, 2 + source_.byte() % 2);
            case kClearQueue:
                set(SKALD_CORE_QH_ID, queue());
                return set(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
            case kAcknowledge:
                return set(SKALD_CORE_IRQ_CLEAR, SKALD_CORE_IRQ_ENGINE | SKALD_CORE_IRQ_TLB);
            case kComplete:
                return complete();
            case kClearMemory:
                set64(SKALD_CORE_CLEAR_OFFSET_LO, source_.byte() < 0xe0 ? kDataAt : word());
                set(SKALD_CORE_CLEAR_BYTES, source_.byte() < 0xe0 ? 4096 : word());
                return set(SKALD_CORE_CLEAR_CMD, 1);
            case kReady:
                return set(SKALD_CORE_READY, 1);
            case kWait:
                records_.push_back({kSpin, 0, source_.byte() * 8u});
                return;
            case kDoze:
                records_.push_back({kSleep, 0, 0});
                return;
            case kMemory:
                return memory();
            default:
                records_.push_back({kLoad, SKALD_PERIPH_BASE + SKALD_CORE_ENG_STATE, 0});
        }
    }

    void set_queue() {
        const std::uint32_t id = queue();
        set(SKALD_CORE_QH_ID, id);
        set(SKALD_CORE_QH_CTX, source_.byte() < 0xe0 ? 0 : word());
        set64(SKALD_CORE_QH_PAGE_LO, kHostBase + (source_.byte() < 0xe0 ? id * 4096 : word()));
        set(SKALD_CORE_QH_VECTOR, source_.byte() < 0xe0 ? 1 : word());
        set(SKALD_CORE_QH_SCRATCH, source_.byte() < 0xc0 ? 4096 : word());
        set(SKALD_CORE_QH_CMD, SKALD_CORE_QH_SET);
    }

    void launch() {
        set(SKALD_CORE_ENG_QUEUE, queue());
        set64(SKALD_CORE_ENG_PROGRAM_LO, kProgramsAt + source_.byte() % kPrograms * 4096);
        set(SKALD_CORE_ENG_OPS, source_.byte() < 0xe0 ? 3 : word());
        set64(SKALD_CORE_ENG_ARGS_LO, source_.byte() < 0xe0 ? kArgsAt : word());
        set64(SKALD_CORE_ENG_PROFILE_LO, source_.byte() < 0xc0 ? 0 : word());
        set64(SKALD_CORE_ENG_TIME_LO, 0);
        set64(SKALD_CORE_ENG_LOOPS_LO, 1ull << 32);
        set(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_LAUNCH);
    }

    // A record in SRAM with a sequence number, then its way to the host.
    void complete() {
        records_.push_back({kStore, kRecordAt + offsetof(skald_completion, seq), word()});
        set(SKALD_CORE_CPL_QUEUE, source_.byte() < 0xe0 ? queue() : word());
        set(SKALD_CORE_CPL_RECORD,
            source_.byte() < 0xc0 ? kRecordAt : SKALD_SRAM_BASE + SKALD_SRAM_SIZE - source_.byte());
        set(SKALD_CORE_CPL_POST, 1);
    }

    // SRAM behind the script, the shared window, card memory, or anywhere.
    void memory() {
        const std::uint32_t places[] = {kRecordAt,
                                        SKALD_SHARED_BASE,
                                        SKALD_WINDOW_BASE,
                                        SKALD_SHARED_BASE + SKALD_SHARED_SIZE,
                                        SKALD_SRAM_BASE + SKALD_SRAM_SIZE,
                                        SKALD_WINDOW_BASE + kBoardMemory,
                                        SKALD_WINDOW_BASE + kRootAt,
                                        0};
        const std::uint32_t at = source_.pick(places) + source_.byte() * 4u - 0x80;
        const std::uint32_t what = source_.byte() % 2 != 0 ? kStore : kLoad;
        records_.push_back({what, at, word()});
    }

    Source& source_;
    std::vector<Record> records_;
};

}  // namespace

void run(std::span<const std::byte> input) {
    static const std::vector<std::byte> player = built_file(SKALD_PLAYER);
    Source source(input);
    const std::size_t actions = source.byte();
    const std::vector<Record> records = Script(source).read(actions);
    std::vector<std::byte> payload = player;
    const auto script = std::as_bytes(std::span(records));
    payload.insert(payload.end(), script.begin(), script.end());
    Board board;
    board.boot(firmware_image(payload, SKALD_SRAM_BASE));
    while (!source.empty())
        access(board, source);
    // Loops of the script are bounded; a job that runs on ends with the card.
    (void)board.leaves(20ms, SKALD_STATE_BOOTING, SKALD_STATE_RUNNING, SKALD_STATE_IDLE);
    board.card().begin_reset();
    promise(board.leaves(10s, SKALD_STATE_RESETTING), "a reset ends");
}

// A firmware that does everything in order, and some that do what comes.
std::vector<Bytes> seeds() {
    Sink orderly;
    orderly.byte(40).byte(kReady).byte(kSetContext).byte(0).byte(0);
    for (unsigned queue = 0; queue < kQueues; ++queue)
        orderly.byte(kSetQueue).byte(queue).byte(0).byte(0).byte(0).byte(0);
    for (unsigned program = 0; program < kPrograms; ++program) {
        orderly.byte(kLaunch).byte(program % kQueues).byte(program).byte(0).byte(0).byte(0);
        orderly.byte(kWait)
            .byte(40)
            .byte(kEngineCommand)
            .byte(program % kQueues)
            .byte(program % 3)
            .byte(kDoze);
        orderly.byte(kAcknowledge).byte(kComplete).byte(1).byte(0).byte(program % kQueues).byte(0);
    }
    std::vector<Bytes> all = {orderly.bytes()};
    std::mt19937 random(3);
    for (unsigned n = 0; n < 8; ++n) {
        Sink any;
        any.byte(200);
        for (unsigned i = 0; i < 400; ++i)
            any.byte(random() % 0xe0);
        all.push_back(any.bytes());
    }
    return all;
}

}  // namespace skald::fuzz
