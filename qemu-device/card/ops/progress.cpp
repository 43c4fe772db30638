// SPDX-License-Identifier: MIT
// Progress counter and coalesced interrupts of a queue.
#include "card/ops/progress.hpp"

namespace skald::card {
namespace {

bool due(const Queue& queue, std::uint64_t now) {
    const ProgressState& p = queue.progress;
    const QueueHw& hw = queue.hw;
    if (!p.raised)
        return true;
    if (hw.coalesce_tokens == 0 && hw.coalesce_us == 0)
        return true;
    if (hw.coalesce_tokens != 0 && p.pending >= hw.coalesce_tokens)
        return true;
    return hw.coalesce_us != 0 && now - p.last_raise_ns >= hw.coalesce_us * 1000ull;
}

void raise(Queue& queue, std::uint64_t now, InterruptSink& interrupts) {
    queue.progress.pending = 0;
    queue.progress.raised = true;
    queue.progress.last_raise_ns = now;
    interrupts.raise(queue.hw.vector);
}

}  // namespace

bool advance_progress(Queue& queue, std::uint64_t tokens, HostMemory& host,
                      InterruptSink& interrupts, const Clock& clock) {
    if (tokens == 0)
        return true;
    ProgressState& p = queue.progress;
    p.count += tokens;
    if (!host.store64(queue.hw.page + offsetof(skald_queue_page, progress), p.count))
        return false;
    p.pending += static_cast<std::uint32_t>(tokens);
    const std::uint64_t now = clock.now_ns();
    if (due(queue, now))
        raise(queue, now, interrupts);
    return true;
}

void flush_progress(Queue& queue, bool last, InterruptSink& interrupts, const Clock& clock) {
    if (queue.progress.pending == 0)
        return;
    const std::uint64_t now = clock.now_ns();
    if (last || due(queue, now))
        raise(queue, now, interrupts);
}

}  // namespace skald::card
