// SPDX-License-Identifier: MIT
// MEM_CLEAR. A step a turn, so that doorbells and ended jobs get their turns in between.
#include "firmware/hw.hpp"
#include "firmware/mbox/commands.hpp"

namespace skald::fw {

Answer Commands::mem_clear(const Words& in, Words&) {
    const u64 offset = join(in[SKALD_MC_OFFSET_LO], in[SKALD_MC_OFFSET_HI]);
    const u64 bytes = join(in[SKALD_MC_BYTES_LO], in[SKALD_MC_BYTES_HI]);
    const u64 memory = hw::memory_bytes();
    if (offset % SKALD_CLEAR_UNIT != 0 || offset >= memory) {
        return Answer::invalid(SKALD_MC_OFFSET_LO);
    }
    if (bytes % SKALD_CLEAR_UNIT != 0 || bytes == 0 || bytes > memory - offset) {
        return Answer::invalid(SKALD_MC_BYTES_LO);
    }
    clear_at_ = offset;
    clear_left_ = bytes;
    return Answer::not_yet();
}

Answer Commands::finish_mem_clear(const Words&, bool) {
    const u32 step = clear_left_ < hw::kClearMost ? low(clear_left_) : hw::kClearMost;
    hw::clear_memory(clear_at_, step);
    clear_at_ += step;
    clear_left_ -= step;
    return clear_left_ == 0 ? Answer::ok() : Answer::not_yet();
}

}  // namespace skald::fw
