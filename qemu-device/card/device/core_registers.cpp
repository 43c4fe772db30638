// SPDX-License-Identifier: MIT
// Access rules of the peripheral registers.
#include "card/device/core_registers.hpp"

namespace skald::card {
namespace {

constexpr bool kRead = true, kWrite = true, kNo = false;

struct Range {
    std::uint32_t first;  // byte offset, as in core.h
    std::uint32_t count;  // of words
    bool readable;
    bool writable;
};

constexpr Range kRanges[] = {
    {SKALD_CORE_IRQ_PENDING, 1, kRead, kNo},
    {SKALD_CORE_IRQ_ENABLE, 1, kRead, kWrite},
    {SKALD_CORE_IRQ_CLEAR, 1, kNo, kWrite},
    {SKALD_CORE_MTIME_LO, 2, kRead, kNo},
    {SKALD_CORE_MTIMECMP_LO, 2, kRead, kWrite},
    {SKALD_CORE_HOST_ABI, 1, kRead, kNo},
    {SKALD_CORE_FW_ABI, 3, kRead, kWrite},  // FW_VERSION, HEARTBEAT
    {SKALD_CORE_READY, 4, kNo, kWrite},     // REFUSE, HALT, HOST_INTR
    {SKALD_CORE_MEM_SIZE_LO, 2, kRead, kNo},
    {SKALD_CORE_WIN_BASE_LO, 2, kRead, kWrite},
    {SKALD_CORE_TRAP, 1, kNo, kWrite},
    {SKALD_CORE_CLEAR_OFFSET_LO, 3, kRead, kWrite},
    {SKALD_CORE_CLEAR_CMD, 1, kNo, kWrite},
    {SKALD_CORE_MBOX_CMD0, SKALD_MBOX_WORDS, kRead, kNo},
    {SKALD_CORE_MBOX_RSP0, SKALD_MBOX_WORDS, kRead, kWrite},
    {SKALD_CORE_MBOX_POST, 1, kNo, kWrite},
    {SKALD_CORE_CTX_ID, 3, kRead, kWrite},
    {SKALD_CORE_CTX_CMD, 1, kNo, kWrite},
    {SKALD_CORE_QH_ID, 8, kRead, kWrite},
    {SKALD_CORE_QH_CMD, 1, kNo, kWrite},
    {SKALD_CORE_QH_STATUS, 1, kRead, kNo},
    {SKALD_CORE_ENG_QUEUE, 12, kRead, kWrite},
    {SKALD_CORE_ENG_CMD, 1, kNo, kWrite},
    {SKALD_CORE_ENG_STATE, 1, kRead, kNo},
    {SKALD_CORE_RES_STATUS, 3, kRead, kNo},
    {SKALD_CORE_RES_ADDR_LO, 10, kRead, kNo},
    {SKALD_CORE_CPL_QUEUE, 2, kRead, kWrite},
    {SKALD_CORE_CPL_POST, 1, kNo, kWrite},
    {SKALD_CORE_DB_PENDING0, SKALD_MAX_QUEUES / 32, kRead, kWrite},
    {SKALD_CORE_DB_TAIL0, SKALD_MAX_QUEUES, kRead, kNo},
};

const Range* find(std::uint32_t offset) {
    for (const Range& range : kRanges) {
        if (offset >= range.first && offset < range.first + 4 * range.count) {
            return &range;
        }
    }
    return nullptr;
}

}  // namespace

void CoreRegisters::reset(std::uint64_t memory_size) {
    values_.fill(0);
    set64(SKALD_CORE_MTIMECMP_LO, ~0ull);
    set64(SKALD_CORE_MEM_SIZE_LO, memory_size);
}

std::uint64_t CoreRegisters::get64(std::uint32_t low_offset) const {
    return get(low_offset) | std::uint64_t{get(low_offset + 4)} << 32;
}

void CoreRegisters::set64(std::uint32_t low_offset, std::uint64_t value) {
    set(low_offset, static_cast<std::uint32_t>(value));
    set(low_offset + 4, static_cast<std::uint32_t>(value >> 32));
}

bool CoreRegisters::readable(std::uint32_t offset) {
    const Range* range = find(offset);
    return range != nullptr && range->readable;
}

bool CoreRegisters::writable(std::uint32_t offset) {
    const Range* range = find(offset);
    return range != nullptr && range->writable;
}

}  // namespace skald::card
