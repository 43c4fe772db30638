// SPDX-License-Identifier: MIT
// Writer of the log ring in shared SRAM (struct skald_fw_log): bytes first, then the head.
#pragma once

#include "firmware/types.hpp"
#include "skald/regs.h"

namespace skald::fw {

class LogRing {
  public:
    static constexpr u32 kBytes = 16384;
    static_assert((kBytes & (kBytes - 1)) == 0);
    static_assert(sizeof(skald_fw_log) + kBytes <= SKALD_SHARED_SIZE);

    // shared: start of the shared SRAM. The first line sets the header up.
    void append(u8* shared, const char* text, u32 bytes) {
        auto* header = reinterpret_cast<volatile skald_fw_log*>(shared);
        auto* data = reinterpret_cast<volatile u8*>(shared + sizeof(skald_fw_log));
        for (u32 i = 0; i < bytes; ++i) {
            data[(head_ + i) % kBytes] = static_cast<u8>(text[i]);
        }
        head_ += bytes;
        header->head = head_;
        header->size = kBytes;
        header->magic = SKALD_FW_LOG_MAGIC;
    }

  private:
    u32 head_ = 0;
};

}  // namespace skald::fw
