// SPDX-License-Identifier: MIT
// Boot and mailbox by uapi/doc/device.md.
#include "local/card_link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <utility>

#include "libskald/error.hpp"

namespace skald::local {
namespace {

constexpr std::uint32_t kEvents = 1u << 0;  // vector 0

card::Hooks hooks_for(std::function<void(card::LogLevel, const char*)> log) {
    card::Hooks hooks;
    hooks.log = std::move(log);
    return hooks;
}

const char* boot_error_text(std::uint32_t error) {
    switch (error) {
        case SKALD_BOOT_RANGE:
            return "the image lies outside card memory";
        case SKALD_BOOT_MAGIC:
            return "it is no firmware image";
        case SKALD_BOOT_HEADER:
            return "bad header";
        case SKALD_BOOT_SIZE:
            return "file size and header disagree";
        case SKALD_BOOT_ABI:
            return "it was built for another card";
        case SKALD_BOOT_LOAD:
            return "bad load or entry address";
        case SKALD_BOOT_HASH:
            return "the hash does not match";
        case SKALD_BOOT_HOST_ABI:
            return "it speaks another version than this program";
        case SKALD_BOOT_TRAP:
            return "it trapped";
        case SKALD_BOOT_HALT:
            return "it halted";
        default:
            return "unknown reason";
    }
}

const char* mailbox_status_text(std::uint32_t status) {
    switch (status) {
        case SKALD_MBOX_UNKNOWN:
            return "unknown command";
        case SKALD_MBOX_INVALID:
            return "argument out of range";
        case SKALD_MBOX_NOENT:
            return "no such queue or context";
        case SKALD_MBOX_EXISTS:
            return "queue or context exists";
        case SKALD_MBOX_BUSY_CTX:
            return "the context has queues";
        case SKALD_MBOX_NOMEM:
            return "no memory left for the queue's scratch";
        default:
            return "unknown status";
    }
}

}  // namespace

std::uint64_t CardLink::SteadyClock::now_ns() const {
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

CardLink::CardLink(std::uint64_t memory_bytes, const card::CardOptions& options, card::Links* links,
                   std::span<const std::byte> firmware)
    : memory_(memory_bytes),
      card_(memory_.bytes(), card::CardPorts{dma_, interrupts_, clock_, links},
            hooks_for([this](card::LogLevel level, const char* text) { note(level, text); }),
            options) {
    boot(firmware);
}

CardLink::~CardLink() = default;

void CardLink::note(card::LogLevel level, const char* text) {
    if (level != card::LogLevel::kGuestError && level != card::LogLevel::kError)
        return;
    const std::scoped_lock guard(words_lock_);
    words_ = text;
}

std::string CardLink::last_words() {
    const std::scoped_lock guard(words_lock_);
    return words_.empty() ? "" : fmt::format(" (card: {})", words_);
}

std::uint64_t CardLink::read_pair(std::uint32_t low) {
    const std::scoped_lock guard(pair_lock_);
    const std::uint64_t word = card_.reg_read(low);
    return word | std::uint64_t{card_.reg_read(low + 4)} << 32;
}

void CardLink::boot(std::span<const std::byte> firmware) {
    if (firmware.size() > memory_.bytes().size())
        throw rt::Error(
            fmt::format("the firmware image of {} bytes does not fit the card", firmware.size()),
            ENOSPC);
    const CardMemory::Block image = memory_.allocate(firmware.size(), 4096);
    std::copy(firmware.begin(), firmware.end(), image.bytes().begin());
    card_.reg_write(SKALD_REG_BOOT_ADDR_LO, static_cast<std::uint32_t>(image.offset()));
    card_.reg_write(SKALD_REG_BOOT_ADDR_HI, static_cast<std::uint32_t>(image.offset() >> 32));
    card_.reg_write(SKALD_REG_BOOT_SIZE, static_cast<std::uint32_t>(firmware.size()));
    card_.reg_write(SKALD_REG_HOST_ABI, SKALD_FW_ABI);
    card_.reg_write(SKALD_REG_INTR_MASK, SKALD_INTR_MBOX | SKALD_INTR_STATE);
    card_.reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    for (;;) {
        const std::uint32_t state = card_.reg_read(SKALD_REG_STATUS);
        if (state == SKALD_STATE_RUNNING)
            return;
        if (state == SKALD_STATE_BOOT_FAILED || state == SKALD_STATE_DEAD)
            throw rt::Error(boot_failure(), EIO);
        (void)interrupts_.take(kEvents);
        card_.reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_STATE);
    }
}

std::string CardLink::boot_failure() {
    std::string text = fmt::format("the card's firmware does not start: {} (detail {:#x})",
                                   boot_error_text(card_.reg_read(SKALD_REG_BOOT_ERROR)),
                                   card_.reg_read(SKALD_REG_BOOT_DETAIL));
    if (card_.reg_read(SKALD_REG_BOOT_ERROR) == SKALD_BOOT_TRAP)
        text += fmt::format(", pc {:#x}, value {:#x}", card_.reg_read(SKALD_REG_TRAP_PC),
                            card_.reg_read(SKALD_REG_TRAP_VALUE));
    return text + last_words();
}

MailboxWords CardLink::command(skald_mbox_cmd opcode, std::initializer_list<std::uint32_t> words) {
    MailboxWords command{};
    command[SKALD_MBOX_W_OPCODE] = opcode;
    command[SKALD_MBOX_W_TAG] = ++tag_;
    std::copy(words.begin(), words.end(), command.begin() + 2);
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; i++)
        card_.reg_write(SKALD_REG_MBOX_CMD0 + 4 * i, command[i]);
    card_.reg_write(SKALD_REG_MBOX_DOORBELL, 1);
    while ((card_.reg_read(SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY) != 0) {
        if (card_.reg_read(SKALD_REG_STATUS) != SKALD_STATE_RUNNING)
            throw rt::Error(boot_failure(), EIO);
        (void)interrupts_.take(kEvents);
        card_.reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_MBOX | SKALD_INTR_STATE);
    }
    MailboxWords response{};
    for (std::uint32_t i = 0; i < SKALD_MBOX_WORDS; i++)
        response[i] = card_.reg_read(SKALD_REG_MBOX_RSP0 + 4 * i);
    const std::uint32_t status = response[SKALD_MBOX_W_STATUS];
    if (response[SKALD_MBOX_W_TAG] != tag_ || status != SKALD_MBOX_OK)
        throw rt::Error(
            fmt::format("the firmware refused mailbox command {:#x}: {}{}",
                        static_cast<unsigned>(opcode), mailbox_status_text(status), last_words()),
            status == SKALD_MBOX_BUSY_CTX ? EBUSY
            : status == SKALD_MBOX_NOMEM  ? ENOMEM
                                          : EIO);
    return response;
}

void CardLink::ring_doorbell(std::uint32_t queue, std::uint32_t tail) {
    card_.doorbell_write(queue * SKALD_DOORBELL_STRIDE, tail);
}

}  // namespace skald::local
