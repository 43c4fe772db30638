// SPDX-License-Identifier: MIT
#include "support/host_access.hpp"

#include <cstring>

#include "skald/mbox.h"
#include "skald/ring.h"

namespace skald::fuzz {
namespace {

constexpr std::uint32_t kQueues = 4;
constexpr std::uint32_t kContexts = 2;
constexpr std::uint32_t kRingsAt = 0x180000;  // a page for each queue
constexpr std::uint8_t kRaw = 0xff;
constexpr std::uint8_t kCommands[] = {SKALD_MBOX_PING,
                                      SKALD_MBOX_QUEUE_CREATE,
                                      SKALD_MBOX_QUEUE_DESTROY,
                                      SKALD_MBOX_QUEUE_STATUS,
                                      SKALD_MBOX_CTX_CREATE,
                                      SKALD_MBOX_CTX_DESTROY,
                                      SKALD_MBOX_CTX_INVALIDATE,
                                      SKALD_MBOX_CTX_KILL,
                                      SKALD_MBOX_CTX_FAULT,
                                      SKALD_MBOX_TELEMETRY,
                                      SKALD_MBOX_MEM_CLEAR,
                                      SKALD_MBOX_LOG_LEVEL,
                                      SKALD_MBOX_HALT};

enum Action : std::uint8_t {
    kCommand,   // opcode, argument choices
    kSubmit,    // queue, program, tail
    kDoorbell,  // queue, tail
    kRegister,  // offset, value, bytes
    kReadRegister,
    kMemory,  // where, what: page tables, rings, programs
    kSignal,  // the semaphore that a program waits for
    kPause,
    kReset,
    kDma,     // refused, or not
    kAnswer,  // waits for the mailbox
    kActions,
};

std::uint32_t word(Source& source) {
    constexpr std::uint32_t kWords[] = {
        0, 1, 2, 3, 4, 0xff, 0x100, 0x1000, 0x10000, kRootAt, kDataAt, 0x80000000, 0xffffffff};
    const std::uint8_t choice = source.byte();
    return choice == kRaw ? source.take<std::uint32_t>() : kWords[choice % std::size(kWords)];
}

void post(Board& board, const std::array<std::uint32_t, SKALD_MBOX_WORDS>& words) {
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; ++i)
        board.card().reg_write(SKALD_REG_MBOX_CMD0 + 4 * i, words[i]);
    board.card().reg_write(SKALD_REG_MBOX_DOORBELL, 1);
}

// The arguments as a good driver has them; then so many of them become other words.
void command(Board& board, Source& source) {
    const std::uint32_t opcode = source.pick(kCommands);
    const std::uint32_t queue = source.byte() % kQueues;
    const std::uint32_t context = source.byte() % kContexts;
    const auto page = kHostBase + queue * 4096;
    std::array<std::uint32_t, SKALD_MBOX_WORDS> words{opcode, 0x7a6};
    switch (opcode) {
        case SKALD_MBOX_QUEUE_CREATE:
            words = {opcode,
                     0x7a6,
                     queue,
                     context,
                     kRingsAt + queue * 4096,
                     0,
                     SKALD_RING_LOG2_MAX,
                     static_cast<std::uint32_t>(page),
                     static_cast<std::uint32_t>(page >> 32),
                     1 + queue,
                     queue % SKALD_FW_PRIO_COUNT,
                     4096u << queue,
                     queue,
                     0};
            break;
        case SKALD_MBOX_QUEUE_DESTROY:
        case SKALD_MBOX_QUEUE_STATUS:
            words[2] = queue;
            break;
        case SKALD_MBOX_CTX_CREATE:
            words[2] = context;
            words[3] = kRootAt;
            break;
        case SKALD_MBOX_CTX_DESTROY:
        case SKALD_MBOX_CTX_INVALIDATE:
        case SKALD_MBOX_CTX_KILL:
        case SKALD_MBOX_CTX_FAULT:
            words[2] = context;
            break;
        case SKALD_MBOX_MEM_CLEAR:
            words[2] = kDataAt;
            words[4] = 4096;
            break;
        default:
            break;
    }
    for (unsigned changes = source.byte() / 0x60; changes > 0; --changes)
        words[source.byte() % SKALD_MBOX_WORDS] = word(source);
    post(board, words);
}

void submit(Board& board, Source& source) {
    const std::uint32_t queue = source.byte() % kQueues;
    const std::uint32_t tail = source.byte();
    skald_ring_entry entry{};
    entry.seq = tail;
    entry.program_va = kProgramsAt + source.byte() % kPrograms * 4096;
    entry.args_va = kArgsAt;
    entry.program_ops = 3;
    entry.loop_budget = source.byte() % 2 != 0 ? 1000 : 0;
    if (source.byte() >= 0xc0) {
        const auto bytes = std::as_writable_bytes(std::span(&entry, 1));
        bytes[source.byte() % sizeof entry] = source.take<std::byte>();
    }
    const std::uint32_t slot = (tail - 1) % (1u << SKALD_RING_LOG2_MAX);
    std::memcpy(&board.memory()[kRingsAt + queue * 4096 + slot * sizeof entry], &entry,
                sizeof entry);
    board.card().doorbell_write(queue * SKALD_DOORBELL_STRIDE, tail);
}

void register_write(Board& board, Source& source) {
    const std::uint32_t offset =
        source.byte() % 2 != 0 ? source.below(0x300) & ~3u : source.below(SKALD_REGS_SIZE);
    const unsigned bytes = source.byte() < 0xe0 ? 4 : source.byte();
    board.card().reg_write(offset, word(source), bytes);
}

void register_read(Board& board, Source& source) {
    const std::uint32_t offset =
        source.below(SKALD_REGS_SIZE) & (source.byte() % 2 != 0 ? ~3u : ~0u);
    const unsigned bytes = source.byte() < 0xe0 ? 4 : source.byte();
    (void)board.card().reg_read(offset, bytes);
    (void)board.card().doorbell_read(offset, bytes);
}

void doorbell(Board& board, Source& source) {
    const std::uint32_t queue = source.byte() < 0xe0 ? source.byte() % kQueues : source.byte();
    const unsigned bytes = source.byte() < 0xf0 ? 4 : source.byte();
    board.card().doorbell_write(queue * SKALD_DOORBELL_STRIDE + (bytes == 4 ? 0 : source.byte()),
                                word(source), bytes);
}

// Tables, rings, programs and data lie in this part of it.
void memory_write(Board& board, Source& source) {
    const std::uint64_t at =
        kRootAt + std::uint64_t{source.take<std::uint16_t>()} * 64 % (kBoardMemory - kRootAt - 64);
    const auto content = source.bytes(source.byte() % 64);
    std::ranges::copy(content, board.memory().begin() + static_cast<std::ptrdiff_t>(at));
}

void signal(Board& board, Source& source) {
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(&board.memory()[kDataAt]), source.byte(),
                     __ATOMIC_RELEASE);
}

// Others may want the processor, and a rest takes milliseconds then.
void pause(unsigned rests) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    for (; rests > 0 && std::chrono::steady_clock::now() < until; --rests)
        Board::rest();
}

void wait_for_answer(Board& board) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while ((board.card().reg_read(SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY) != 0 &&
           std::chrono::steady_clock::now() < until)
        Board::rest();
}

}  // namespace

void access(Board& board, Source& source) {
    switch (source.byte() % kActions) {
        case kCommand:
            return command(board, source);
        case kSubmit:
            return submit(board, source);
        case kDoorbell:
            return doorbell(board, source);
        case kRegister:
            return register_write(board, source);
        case kReadRegister:
            return register_read(board, source);
        case kMemory:
            return memory_write(board, source);
        case kSignal:
            return signal(board, source);
        case kPause:
            return pause(source.byte());
        case kReset:
            if (source.byte() % 2 != 0)
                board.card().begin_reset();
            return;
        case kDma:
            return board.refuse_dma(source.byte() % 8 == 0);
        default:
            return wait_for_answer(board);
    }
}

std::vector<std::byte> orderly_driver() {
    Sink out;
    const auto command = [&](std::uint8_t opcode, unsigned queue) {
        for (unsigned i = 0; i < std::size(kCommands); ++i)
            if (kCommands[i] == opcode)
                out.byte(kCommand).byte(i).byte(queue).byte(0).byte(0).byte(kAnswer);
    };
    command(SKALD_MBOX_CTX_CREATE, 0);
    for (unsigned queue = 0; queue < kQueues; ++queue)
        command(SKALD_MBOX_QUEUE_CREATE, queue);
    for (unsigned program = 0; program < kPrograms - 1; ++program)
        out.byte(kSubmit)
            .byte(program % kQueues)
            .byte(1 + program / kQueues)
            .byte(program)
            .byte(1)
            .byte(0);
    command(SKALD_MBOX_TELEMETRY, 0);
    command(SKALD_MBOX_CTX_INVALIDATE, 0);
    out.byte(kSignal).byte(1).byte(kPause).byte(50);
    for (const std::uint8_t opcode : kCommands)
        command(opcode, 0);
    return out.bytes();
}

}  // namespace skald::fuzz
