// SPDX-License-Identifier: MIT
// Ring entries out, completion records in: skald/ring.h.
#include "local/local_queue.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "libskald/error.hpp"
#include "skald/fault.h"
#include "skald/mbox.h"

namespace skald::local {
namespace {

constexpr std::uint32_t kRingLog2 = SKALD_RING_LOG2_MAX;
constexpr std::uint64_t kRingEntries = 1u << kRingLog2;
constexpr std::uint64_t kDefaultBudgetNs = 1'000'000'000;
constexpr std::uint32_t kDefaultCoalesceTokens = 16;
constexpr std::uint32_t kDefaultCoalesceUs = 60'000;

std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}

std::uint32_t firmware_priority(std::uint32_t priority) {
    switch (priority) {
        case DRM_SKALD_PRIORITY_HIGH:
            return SKALD_FW_PRIO_HIGH;
        case DRM_SKALD_PRIORITY_LOW:
            return SKALD_FW_PRIO_LOW;
        default:
            return SKALD_FW_PRIO_NORMAL;
    }
}

std::uint64_t load_acquire(std::byte* at) {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at)).load(std::memory_order_acquire);
}

}  // namespace

LocalQueue::LocalQueue(rt::Os& os, CardLink& card, std::shared_ptr<LocalVm> vm, std::uint32_t id,
                       const rt::QueueConfig& config)
    : os_(os),
      card_(card),
      vm_(std::move(vm)),
      id_(id),
      vector_(1 + id % (SKALD_NUM_VECTORS - 1)),
      eventfd_(config.eventfd),
      ring_(card.memory().allocate(kRingEntries * sizeof(skald_ring_entry), 4096)),
      page_(make_host_buffer(card.dma(), SKALD_QUEUE_PAGE_SIZE)),
      keep_stamps_(config.keep_stamps) {
    const bool defaults = config.coalesce_tokens == 0 && config.coalesce_us == 0;
    const std::uint64_t page = page_->dma.address();
    stats_.queue_id = id;
    card_.command(SKALD_MBOX_QUEUE_CREATE,
                  {id, vm_->context(), low(ring_.offset()), high(ring_.offset()), kRingLog2,
                   low(page), high(page), vector_, firmware_priority(config.priority),
                   config.scratch_bytes, defaults ? kDefaultCoalesceTokens : config.coalesce_tokens,
                   defaults ? kDefaultCoalesceUs : config.coalesce_us});
}

LocalQueue::~LocalQueue() {
    try {
        card_.command(SKALD_MBOX_QUEUE_DESTROY, {id_});
    } catch (const std::exception&) {
        // The firmware is dead: nothing runs any more.
    }
}

void LocalQueue::add(Job job) {
    job.pushed_ns = keep_stamps_ ? os_.now_ns() : 0;
    waiting_.push_back(std::move(job));
    stats_.submitted++;
}

void LocalQueue::pump(const std::function<bool(const rt::SyncPoint&)>& ready) {
    const std::uint64_t before = tail_;
    while (!waiting_.empty() && tail_ - stats_.completed < kRingEntries) {
        Job& next = waiting_.front();
        while (!next.waits.empty() && ready(next.waits.back()))
            next.waits.pop_back();
        if (!next.waits.empty())
            break;
        write_entry(next);
        in_card_.push_back({std::move(next.signals), next.submit_ns, next.pushed_ns,
                            keep_stamps_ ? os_.now_ns() : 0});
        waiting_.pop_front();
    }
    if (tail_ != before)
        card_.ring_doorbell(id_, low(tail_));
}

void LocalQueue::write_entry(const Job& job) {
    skald_ring_entry entry{};
    entry.seq = tail_ + 1;
    entry.program_va = job.job.program_va;
    entry.args_va = job.job.args_va;
    entry.profile_va = job.job.profile_va;
    if ((job.job.flags & DRM_SKALD_JOB_PROFILE_MODEL) != 0)
        entry.profile_va |= SKALD_PROFILE_MODEL;
    entry.time_budget = job.job.time_budget_ns == 0 ? kDefaultBudgetNs : job.job.time_budget_ns;
    entry.loop_budget = job.job.loop_budget;
    entry.program_ops = job.job.program_ops;
    std::memcpy(ring_.bytes().data() + tail_ % kRingEntries * sizeof entry, &entry, sizeof entry);
    tail_++;  // the card's lock, taken by the doorbell, puts the entry before it
}

bool LocalQueue::collect(std::vector<rt::SyncPoint>& signals, std::int64_t interrupt_ns) {
    const rt::Progress before = progress();
    std::byte* page = page_->host.data();
    while (stats_.completed < tail_) {
        std::byte* slot = page + SKALD_COMPLETION_OFFSET +
                          stats_.completed % SKALD_COMPLETION_SLOTS * sizeof(skald_completion);
        if (load_acquire(slot + offsetof(skald_completion, seq)) != stats_.completed + 1)
            break;
        skald_completion done;
        std::memcpy(&done, slot, sizeof done);
        if (keep_stamps_)
            note_stamps(interrupt_ns);
        account(done, signals);
    }
    stats_.progress = load_acquire(page + offsetof(skald_queue_page, progress));
    return progress() != before;
}

// Of the job after the last that was accounted for.
void LocalQueue::note_stamps(std::int64_t interrupt_ns) {
    skald_stamps card;
    std::memcpy(&card,
                page_->host.data() + SKALD_STAMPS_OFFSET +
                    stats_.completed % SKALD_COMPLETION_SLOTS * sizeof card,
                sizeof card);
    const InCard& job = in_card_.front();
    stamps_.push_back({stats_.completed + 1, job.submit_ns, job.doorbell_ns, interrupt_ns,
                       os_.now_ns(), card.doorbell, card.launched, card.began, card.ended,
                       card.written, job.pushed_ns});
    if (stamps_.size() > DRM_SKALD_STAMPS_KEPT)
        stamps_.pop_front();
}

std::vector<drm_skald_job_stamps> LocalQueue::stamps(std::uint64_t first) const {
    if (!keep_stamps_)
        throw rt::Error("the queue keeps no stamps", EOPNOTSUPP);
    std::vector<drm_skald_job_stamps> wanted;
    for (const drm_skald_job_stamps& job : stamps_)
        if (job.seq >= first)
            wanted.push_back(job);
    return wanted;
}

void LocalQueue::account(const skald_completion& done, std::vector<rt::SyncPoint>& signals) {
    stats_.completed++;
    stats_.last_status = done.status;
    stats_.micro_ops += done.micro_ops;
    stats_.cycles += done.cycles;
    stats_.bytes += done.bytes;
    stats_.energy_pj += done.energy_pj;
    const std::vector<rt::SyncPoint>& announced = in_card_.front().signals;
    signals.insert(signals.end(), announced.begin(), announced.end());
    in_card_.pop_front();
    if (done.status == SKALD_JOB_FAULT && vm_->fault.banned == 0) {
        vm_->fault.reason = done.reason;
        vm_->fault.queue_id = id_;
        vm_->fault.seq = done.seq;
        vm_->fault.address = done.address;
        vm_->fault.op_index = done.op_index;
        vm_->fault.banned = 1;
    }
}

}  // namespace skald::local
