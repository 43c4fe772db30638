// SPDX-License-Identifier: MIT
// The order in which a completion becomes visible.
#include "card/device/completion_writer.hpp"

namespace skald::card {

void CompletionWriter::post(const QueueHw& queue, const skald_completion& record,
                            const skald_stamps& stamps) {
    const std::uint64_t slot = (record.seq - 1) % SKALD_COMPLETION_SLOTS;
    const DmaAddr at = queue.page + SKALD_COMPLETION_OFFSET + slot * sizeof(skald_completion);
    const auto fields = std::as_bytes(std::span(&record, 1)).first(offsetof(skald_completion, seq));
    const DmaAddr beside = queue.page + SKALD_STAMPS_OFFSET + slot * sizeof(skald_stamps);
    if (!host_.write(beside, std::as_bytes(std::span(&stamps, 1))) || !host_.write(at, fields) ||
        !host_.store64(at + fields.size(), record.seq)) {
        // Nobody can be told: the queue page itself is out of reach.
        log_.guest_error("completion %llu lost: host memory at 0x%llx refused the write",
                         static_cast<unsigned long long>(record.seq),
                         static_cast<unsigned long long>(at.value));
        return;
    }
    interrupts_.raise(queue.vector);
}

}  // namespace skald::card
