// SPDX-License-Identifier: MIT
// The driver's part in process. One lock; a thread of its own takes the queue vectors, so the
// firmware is never kept waiting by a caller who holds the lock for a mailbox command.
#include "local/local_device.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "card/model/chips.hpp"
#include "libskald/error.hpp"
#include "local/changed_chip.hpp"
#include "skald/page_table.h"

namespace skald::local {
namespace {

constexpr std::uint32_t kQueueVectors = (1u << SKALD_NUM_VECTORS) - 2;  // all but vector 0

// The lowest id below `limit` that no key of the map has.
template <class Id, class Map>
std::uint32_t free_id(const Map& used, std::uint32_t limit, const char* what) {
    for (std::uint32_t id = 0; id < limit; id++)
        if (used.find(Id{id}) == used.end())
            return id;
    throw rt::Error(fmt::format("the card has no {} left (of {})", what, limit), EUSERS);
}

std::shared_ptr<const card::model::Chip> chip_of(const LocalOptions& options) {
    if (options.chip == card::model::kNoChip)
        return nullptr;
    const NumberWidths& widths = options.widths;
    auto chip = std::make_shared<card::model::Chip>(
        changed_chip(options.chip, options.changes),
        card::model::Widths{widths.weights, widths.kv, widths.activations, widths.products,
                            widths.unpacked});
    if (options.log != nullptr)
        chip->observer = options.log->observer();
    return chip;
}

card::CardOptions card_options(const LocalOptions& options) {
    card::CardOptions card;
    if (!card::parse_simd(options.simd, card.simd))
        throw rt::Error(fmt::format("no such SIMD path: {}", options.simd), EINVAL);
    card.threads = options.threads;
    try {
        card.chip = chip_of(options);
        card.timing_only = options.timing_only;
        if (card.timing_only && card.chip == nullptr)
            throw rt::Error("a run of which only times are wanted needs a chip to model", EINVAL);
    } catch (const card::model::ProfileError& error) {
        throw rt::Error(error.what(), EINVAL);
    }
    return card;
}

template <class Map, class Id>
auto& find(Map& map, Id id, const char* what) {
    const auto at = map.find(id);
    if (at == map.end())
        throw rt::Error(fmt::format("no such {}: {}", what, static_cast<std::uint32_t>(id)),
                        ENOENT);
    return at->second;
}

}  // namespace

std::unique_ptr<rt::Device> open_local_card(rt::Os& os, const LocalOptions& options) {
    return std::make_unique<LocalDevice>(os, options, find_firmware());
}

LocalDevice::LocalDevice(rt::Os& os, const LocalOptions& options,
                         std::span<const std::byte> firmware)
    : os_(os),
      chip_(options.chip),
      timing_only_(options.timing_only),
      linked_(options.links != nullptr),
      card_(options.memory_bytes, card_options(options), options.links, firmware) {
    fill_info();
    delivery_ = std::thread([this] { deliver(); });
}

LocalDevice::~LocalDevice() {
    {
        const std::scoped_lock guard(lock_);
        queues_.clear();
    }
    card_.interrupts().stop();
    delivery_.join();
}

void LocalDevice::fill_info() {
    const std::uint32_t engine = card_.read(SKALD_REG_ENGINE_INFO);
    info_.device_abi = card_.read(SKALD_REG_DEVICE_ABI);
    info_.caps = card_.read(SKALD_REG_CAPS);
    info_.num_queues = SKALD_MAX_QUEUES;
    info_.num_contexts = SKALD_MAX_CONTEXTS;
    info_.mem_size = card_.memory().bytes().size();
    info_.va_start = SKALD_VA_START;
    info_.va_end = SKALD_VA_END;
    info_.scratch_max = SKALD_SCRATCH_MAX;
    info_.engine_simd = SKALD_ENGINE_INFO_SIMD(engine);
    info_.engine_threads = SKALD_ENGINE_INFO_THREADS(engine);
    info_.ring_jobs = 1u << SKALD_RING_LOG2_MAX;
    info_.card_page_size = SKALD_BIG_PAGE_SIZE;
    info_.system_page_size = SKALD_PAGE_SIZE;
}

drm_skald_query_firmware LocalDevice::firmware() {
    drm_skald_query_firmware answer{};
    answer.version = card_.read(SKALD_REG_FW_VERSION);
    answer.abi = card_.read(SKALD_REG_FW_ABI);
    answer.heartbeat = card_.read(SKALD_REG_HEARTBEAT);
    return answer;
}

drm_skald_query_usage LocalDevice::usage() {
    drm_skald_query_usage answer{};
    answer.interrupts = card_.interrupts().count();
    answer.micro_ops = card_.read_pair(SKALD_REG_RETIRED_LO);
    const std::scoped_lock guard(lock_);
    answer.mem_used = card_.memory().used();
    answer.submissions = submissions_;
    answer.clients = 1;
    answer.vms = static_cast<std::uint32_t>(vms_.size());
    answer.queues = static_cast<std::uint32_t>(queues_.size());
    return answer;
}

std::optional<drm_skald_query_model> LocalDevice::model() {
    if ((info_.caps & SKALD_CAP_MODEL) == 0)
        return std::nullopt;
    const std::scoped_lock guard(lock_);  // one sample at a time
    card_.write(SKALD_REG_MODEL_SAMPLE, 0);
    drm_skald_query_model answer{};
    for (std::uint32_t i = 0; i + 1 < sizeof answer.name; ++i)
        answer.name[i] =
            static_cast<char>(card_.read(SKALD_REG_MODEL_NAME0 + i / 4 * 4) >> i % 4 * 8);
    answer.flags = card_.read(SKALD_REG_MODEL_FLAGS) & SKALD_MODEL_ENERGY;
    answer.idle_mw = card_.read(SKALD_REG_MODEL_IDLE_MW);
    answer.rated_mw = card_.read(SKALD_REG_MODEL_RATED_MW);
    answer.time_ns = card_.read_pair(SKALD_REG_MODEL_TIME_LO);
    answer.memory_ns = card_.read_pair(SKALD_REG_MODEL_MEMORY_LO);
    answer.vector_ns = card_.read_pair(SKALD_REG_MODEL_VECTOR_LO);
    answer.matrix_ns = card_.read_pair(SKALD_REG_MODEL_MATRIX_LO);
    answer.attention_ns = card_.read_pair(SKALD_REG_MODEL_ATTENTION_LO);
    answer.selection_ns = card_.read_pair(SKALD_REG_MODEL_SELECTION_LO);
    answer.dram_ns = card_.read_pair(SKALD_REG_MODEL_DRAM_LO);
    answer.dram_bytes = card_.read_pair(SKALD_REG_MODEL_BYTES_LO);
    answer.energy_pj = card_.read_pair(SKALD_REG_MODEL_ENERGY_LO);
    answer.jobs = card_.read_pair(SKALD_REG_MODEL_JOBS_LO);
    answer.preemptions = card_.read_pair(SKALD_REG_MODEL_PREEMPTIONS_LO);
    answer.apart_ns = card_.read_pair(SKALD_REG_MODEL_APART_NS_LO);
    answer.apart_pj = card_.read_pair(SKALD_REG_MODEL_APART_PJ_LO);
    return answer;
}

drm_skald_query_clock LocalDevice::clock() {
    drm_skald_query_clock answer{};
    answer.before_ns = os_.now_ns();
    answer.card_ns = card_.read_pair(SKALD_REG_CLOCK_LO);
    answer.after_ns = os_.now_ns();
    return answer;
}

rt::NewBuffer LocalDevice::create_buffer(rt::BufferKind kind, std::uint64_t bytes) {
    if (bytes == 0)
        throw rt::Error("a buffer cannot have 0 bytes", EINVAL);
    const std::scoped_lock guard(lock_);
    BufferRef buffer;
    if (kind == rt::BufferKind::kCard) {
        buffer = std::make_shared<LocalBuffer>();
        buffer->card = card_.memory().allocate(bytes, SKALD_BIG_PAGE_SIZE);
        buffer->bytes = buffer->card.bytes().size();
    } else {
        buffer = make_host_buffer(card_.dma(), bytes);
    }
    const rt::BufferId id{new_handle()};
    buffers_.emplace(id, buffer);
    return {id, buffer->bytes};
}

rt::NewBuffer LocalDevice::wrap_memory(std::span<const std::byte> memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    if (memory.empty() || (address | memory.size()) % SKALD_PAGE_SIZE != 0)
        throw rt::Error("memory for the card must be whole pages", EINVAL);
    const std::scoped_lock guard(lock_);
    auto buffer = std::make_shared<LocalBuffer>();
    buffer->bytes = memory.size();
    buffer->read_only = true;
    // The card gets no way to write it: neither a writable range nor a writable page.
    buffer->host = {const_cast<std::byte*>(memory.data()), memory.size()};
    buffer->dma = DmaMap::Range(card_.dma(), buffer->host, false);
    const rt::BufferId id{new_handle()};
    buffers_.emplace(id, std::move(buffer));
    return {id, memory.size()};
}

void LocalDevice::release_buffer(rt::BufferId id) noexcept {
    const std::scoped_lock guard(lock_);
    buffers_.erase(id);
}

std::span<std::byte> LocalDevice::map_buffer(rt::BufferId id, std::uint64_t bytes) {
    const std::scoped_lock guard(lock_);
    const BufferRef& buffer = find(buffers_, id, "buffer");
    if (buffer->read_only)
        throw rt::Error("memory of the caller's own is not mapped again", EOPNOTSUPP);
    if (bytes > buffer->bytes)
        throw rt::Error("a mapping cannot be larger than its buffer", EINVAL);
    return buffer->memory().first(bytes);
}

void LocalDevice::unmap_buffer(std::span<std::byte>) noexcept {}

rt::VmId LocalDevice::create_vm() {
    const std::scoped_lock guard(lock_);
    const std::uint32_t context = free_id<rt::VmId>(vms_, SKALD_MAX_CONTEXTS, "address space");
    auto vm = std::make_shared<LocalVm>(card_.memory(), context);
    card_.command(SKALD_MBOX_CTX_CREATE, {context, static_cast<std::uint32_t>(vm->root()),
                                          static_cast<std::uint32_t>(vm->root() >> 32)});
    vms_.emplace(rt::VmId{context}, std::move(vm));
    return rt::VmId{context};
}

void LocalDevice::destroy_vm(rt::VmId id) noexcept {
    const std::scoped_lock guard(lock_);
    try {
        card_.command(SKALD_MBOX_CTX_DESTROY, {static_cast<std::uint32_t>(id)});
    } catch (const std::exception&) {
        return;  // unknown, or it has queues; with a dead firmware the memory stays reserved
    }
    vms_.erase(id);
}

void LocalDevice::check_bind(const drm_skald_bind_op& op) const {
    const std::uint32_t type = op.flags & DRM_SKALD_BIND_TYPE_MASK;
    std::uint64_t page = SKALD_PAGE_SIZE;
    if ((op.flags & ~(DRM_SKALD_BIND_TYPE_MASK | DRM_SKALD_BIND_READONLY)) != 0)
        throw rt::Error("unknown bind flags", EINVAL);
    if (type == DRM_SKALD_BIND_MAP) {
        const BufferRef& buffer = find(buffers_, rt::BufferId{op.handle}, "buffer");
        if (buffer->in_card())
            page = SKALD_BIG_PAGE_SIZE;
        if (op.offset > buffer->bytes || op.range > buffer->bytes - op.offset)
            throw rt::Error("a binding reaches beyond its buffer", EINVAL);
        if (buffer->read_only && (op.flags & DRM_SKALD_BIND_READONLY) == 0)
            throw rt::Error("a read-only buffer cannot be bound writable", EACCES);
    } else if (type != DRM_SKALD_BIND_UNMAP || op.handle != 0 || op.offset != 0) {
        throw rt::Error("unknown bind operation", EINVAL);
    }
    const bool aligned = ((op.va | op.range | op.offset) & (page - 1)) == 0;
    if (!aligned || op.range == 0 || op.va < SKALD_VA_START || op.va >= SKALD_VA_END ||
        op.range > SKALD_VA_END - op.va)
        throw rt::Error(
            fmt::format("the address range {:#x}..{:#x} cannot be bound", op.va, op.va + op.range),
            EINVAL);
}

void LocalDevice::bind(rt::VmId id, std::span<const drm_skald_bind_op> ops,
                       std::span<const rt::SyncPoint> syncs) {
    std::unique_lock guard(lock_);
    const std::shared_ptr<LocalVm> vm = find(vms_, id, "address space");
    for (const drm_skald_bind_op& op : ops)
        check_bind(op);
    const std::vector<rt::SyncPoint> points = resolve(syncs);
    announce(points);
    // Waiting here makes it synchronous, which the asynchronous contract allows.
    changed_.wait(guard, [&] {
        return std::all_of(points.begin(), points.end(),
                           [&](const rt::SyncPoint& p) { return p.signal || signalled(p); });
    });
    apply_binds(*vm, ops);
    for (const rt::SyncPoint& point : points)
        if (point.signal)
            signal(point);
    pump_all();
}

void LocalDevice::apply_binds(LocalVm& vm, std::span<const drm_skald_bind_op> ops) {
    std::vector<BufferRef> released;
    for (const drm_skald_bind_op& op : ops) {
        vm.unmap(op.va, op.range, released);
        if ((op.flags & DRM_SKALD_BIND_TYPE_MASK) == DRM_SKALD_BIND_MAP)
            vm.map(op, find(buffers_, rt::BufferId{op.handle}, "buffer"));
    }
    if (!released.empty())
        card_.command(SKALD_MBOX_CTX_INVALIDATE, {vm.context()});
}

drm_skald_vm_query LocalDevice::query_vm(rt::VmId id) {
    const std::scoped_lock guard(lock_);
    drm_skald_vm_query answer = find(vms_, id, "address space")->fault;
    answer.vm_id = static_cast<std::uint32_t>(id);
    return answer;
}

rt::QueueId LocalDevice::create_queue(const rt::QueueConfig& config) {
    const std::scoped_lock guard(lock_);
    const std::shared_ptr<LocalVm> vm = find(vms_, config.vm, "address space");
    if (vm->fault.banned != 0)
        throw rt::Error("the address space is banned after a fault", ENOTRECOVERABLE);
    if (config.user_mode)
        throw rt::Error("a card in process has no user-mode queues", EOPNOTSUPP);
    if (config.scratch_bytes % SKALD_PAGE_SIZE != 0 || config.scratch_bytes > SKALD_SCRATCH_MAX ||
        config.priority > DRM_SKALD_PRIORITY_HIGH)
        throw rt::Error("bad queue parameters", EINVAL);
    const std::uint32_t id = free_id<rt::QueueId>(queues_, SKALD_MAX_QUEUES, "queue");
    queues_.emplace(rt::QueueId{id}, std::make_unique<LocalQueue>(os_, card_, vm, id, config));
    return rt::QueueId{id};
}

void LocalDevice::destroy_queue(rt::QueueId id) noexcept {
    const std::scoped_lock guard(lock_);
    queues_.erase(id);
    changed_.notify_all();
}

void LocalDevice::submit(rt::QueueId id, std::span<const drm_skald_job> jobs,
                         std::span<const rt::SyncPoint> syncs) {
    const std::int64_t now_ns = os_.now_ns();
    const std::scoped_lock guard(lock_);
    LocalQueue& queue = *find(queues_, id, "queue");
    if (jobs.empty() || jobs.size() > 64)
        throw rt::Error("a submission has 1 to 64 jobs", EINVAL);
    if (queue.vm().fault.banned != 0)
        throw rt::Error("the address space is banned after a fault", ENOTRECOVERABLE);
    const std::vector<rt::SyncPoint> points = resolve(syncs);
    announce(points);
    for (std::size_t i = 0; i < jobs.size(); i++) {
        LocalQueue::Job job;
        job.job = jobs[i];
        job.submit_ns = now_ns;
        for (const rt::SyncPoint& point : points) {
            if (point.signal && i + 1 == jobs.size())
                job.signals.push_back(point);
            else if (!point.signal && i == 0)
                job.waits.push_back(point);
        }
        queue.add(std::move(job));
        submissions_++;
    }
    queue.pump([this](const rt::SyncPoint& point) { return signalled(point); });
}

rt::Progress LocalDevice::wait_progress(rt::QueueId id, rt::Progress seen,
                                        std::int64_t deadline_ns) {
    std::unique_lock guard(lock_);
    const auto done = [&] {
        const LocalQueue& queue = *find(queues_, id, "queue");
        return queue.progress() != seen || queue.vm().fault.banned != 0;
    };
    if (deadline_ns == rt::kNoDeadline)
        changed_.wait(guard, done);
    else
        changed_.wait_until(
            guard, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns)),
            done);
    const LocalQueue& queue = *find(queues_, id, "queue");
    if (queue.progress() == seen && queue.vm().fault.banned != 0)
        throw rt::Error("the address space is banned after a fault", ENOTRECOVERABLE);
    return queue.progress();
}

drm_skald_queue_query LocalDevice::query_queue(rt::QueueId id) {
    const std::scoped_lock guard(lock_);
    return find(queues_, id, "queue")->stats();
}

std::vector<drm_skald_job_stamps> LocalDevice::queue_stamps(rt::QueueId id, std::uint64_t first) {
    const std::scoped_lock guard(lock_);
    return find(queues_, id, "queue")->stamps(first);
}

rt::SyncobjId LocalDevice::create_syncobj() {
    const std::scoped_lock guard(lock_);
    const rt::SyncobjId id{new_handle()};
    syncobjs_.emplace(id, LocalSyncobj{});
    return id;
}

void LocalDevice::destroy_syncobj(rt::SyncobjId id) noexcept {
    const std::scoped_lock guard(lock_);
    syncobjs_.erase(id);
}

std::vector<rt::SyncPoint> LocalDevice::resolve(std::span<const rt::SyncPoint> syncs) const {
    std::vector<rt::SyncPoint> points(syncs.begin(), syncs.end());
    for (rt::SyncPoint& point : points) {
        const LocalSyncobj& syncobj = find(syncobjs_, point.syncobj, "syncobj");
        if (point.point == 0)
            point.point = syncobj.submitted + (point.signal || syncobj.submitted == 0 ? 1 : 0);
        if (!point.signal && point.point > syncobj.submitted)
            throw rt::Error("a job cannot wait for what was not submitted", EINVAL);
    }
    return points;
}

void LocalDevice::announce(std::span<const rt::SyncPoint> syncs) {
    for (const rt::SyncPoint& point : syncs)
        if (LocalSyncobj& syncobj = syncobjs_.at(point.syncobj); point.signal)
            syncobj.submitted = std::max(syncobj.submitted, point.point);
}

bool LocalDevice::signalled(const rt::SyncPoint& point) const {
    const auto at = syncobjs_.find(point.syncobj);
    // A syncobj that was destroyed meanwhile will never be signalled: whoever waits must not hang.
    return at == syncobjs_.end() || at->second.signalled >= point.point;
}

void LocalDevice::signal(const rt::SyncPoint& point) {
    const auto at = syncobjs_.find(point.syncobj);
    if (at != syncobjs_.end())
        at->second.signalled = std::max(at->second.signalled, point.point);
    changed_.notify_all();
}

bool LocalDevice::wait_syncobj(rt::SyncobjId id, std::uint64_t point, std::int64_t deadline_ns) {
    std::unique_lock guard(lock_);
    rt::SyncPoint wanted{id, point, false};
    if (point == 0)
        wanted.point = std::max<std::uint64_t>(1, find(syncobjs_, id, "syncobj").submitted);
    (void)find(syncobjs_, id, "syncobj");
    const auto done = [&] { return signalled(wanted); };
    if (deadline_ns != rt::kNoDeadline)
        return changed_.wait_until(
            guard, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns)),
            done);
    changed_.wait(guard, done);
    return true;
}

void LocalDevice::pump_all() {
    for (auto& [id, queue] : queues_)
        queue->pump([this](const rt::SyncPoint& point) { return signalled(point); });
}

void LocalDevice::deliver() {
    while (const std::uint32_t vectors = card_.interrupts().take(kQueueVectors)) {
        const std::int64_t now_ns = os_.now_ns();
        const std::scoped_lock guard(lock_);
        collect(vectors, now_ns);
    }
}

void LocalDevice::collect(std::uint32_t vectors, std::int64_t interrupt_ns) {
    std::vector<rt::SyncPoint> signals;
    for (auto& [id, queue] : queues_) {
        if ((vectors >> queue->vector() & 1) == 0 || !queue->collect(signals, interrupt_ns))
            continue;
        if (queue->eventfd() >= 0)
            os_.signal_event(queue->eventfd());
    }
    for (const rt::SyncPoint& point : signals)
        signal(point);
    pump_all();
    changed_.notify_all();
}

}  // namespace skald::local
