// SPDX-License-Identifier: MIT
// The operations of a card as ioctls of the skald driver.
#include "libskald/drm_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

std::uint64_t user_pointer(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address);
}

template <class T>
drm_skald_array array_of(std::span<const T> items) {
    return {sizeof(T), static_cast<std::uint32_t>(items.size()), user_pointer(items.data())};
}

std::vector<drm_skald_sync> to_uapi(std::span<const SyncPoint> points) {
    std::vector<drm_skald_sync> syncs;
    syncs.reserve(points.size());
    for (const SyncPoint& point : points) {
        std::uint32_t flags =
            point.point == 0 ? DRM_SKALD_SYNC_SYNCOBJ : DRM_SKALD_SYNC_TIMELINE_SYNCOBJ;
        if (point.signal)
            flags |= DRM_SKALD_SYNC_SIGNAL;
        syncs.push_back({flags, static_cast<std::uint32_t>(point.syncobj), point.point});
    }
    return syncs;
}

// The driver's minor version that brought DRM_SKALD_QUEUE_USER_MODE.
constexpr int kUserModeMinor = 5;

// What people can do about it.
const char* advice_on_open(int error) {
    switch (error) {
        case EACCES:
            return ": its users are the group that it belongs to (ls -l), mostly render";
        case EMFILE:
            return ": this process may have no more (ulimit -n)";
        case ENOENT:
            return ": the driver has the card, but /dev does not show it";
        default:
            return "";
    }
}

// The driver has no other reason for this one.
constexpr const char* kGone =
    "the card is gone: it was unplugged, or its driver was unbound (ENODEV)";

}  // namespace

DrmDevice::DrmDevice(Os& os, const std::string& path)
    : os_(os), path_(path), file_(os, open_node()) {
    check_driver();
    info_ = query<drm_skald_query_device>(DRM_SKALD_QUERY_DEVICE, "cannot query the card");
}

DrmDevice::~DrmDevice() = default;

int DrmDevice::open_node() const {
    const int fd = os_.open(path_.c_str(), O_RDWR);
    if (fd < 0) {
        const Error error = system_error(-fd, fmt::format("cannot open {}", path_));
        throw Error(std::string(error.what()) + advice_on_open(-fd), -fd);
    }
    return fd;
}

// The node must be ours, and speak a version whose structures we know.
void DrmDevice::check_driver() {
    std::array<char, 32> driver{};
    drm_version version{};
    version.name = driver.data();
    version.name_len = driver.size() - 1;
    call(DRM_IOCTL_VERSION, &version, "cannot ask for the driver version");
    if (std::string_view(driver.data()) != "skald")
        throw Error(
            fmt::format("{} belongs to the driver '{}', not to skald", path_, driver.data()),
            ENODEV);
    if (version.version_major != SKALD_DRIVER_MAJOR)
        throw Error(fmt::format("{}: the driver speaks version {}.{}, this program {}.{}", path_,
                                version.version_major, version.version_minor, SKALD_DRIVER_MAJOR,
                                SKALD_DRIVER_MINOR),
                    EPROTO);
    driver_minor_ = version.version_minor;
}

Error DrmDevice::failed(int code, std::string_view what) const {
    return code == ENODEV ? Error(fmt::format("{}: {}", path_, kGone), code)
                          : system_error(code, fmt::format("{}: {}", path_, what));
}

void DrmDevice::call(unsigned long request, void* argument, const char* what) {
    const int result = os_.ioctl(file_.fd(), request, argument);
    if (result < 0)
        throw failed(-result, what);
}

template <class T>
T DrmDevice::query(std::uint32_t type, const char* what) {
    T answer{};
    drm_skald_query args{type, sizeof answer, user_pointer(&answer)};
    call(DRM_IOCTL_SKALD_QUERY, &args, what);
    return answer;
}

drm_skald_query_firmware DrmDevice::firmware() {
    return query<drm_skald_query_firmware>(DRM_SKALD_QUERY_FIRMWARE, "cannot query the firmware");
}

drm_skald_query_usage DrmDevice::usage() {
    return query<drm_skald_query_usage>(DRM_SKALD_QUERY_USAGE, "cannot query the usage counters");
}

drm_skald_query_clock DrmDevice::clock() {
    return query<drm_skald_query_clock>(DRM_SKALD_QUERY_CLOCK, "cannot read the card's clock");
}

// EINVAL: a driver of before 1.4.
std::optional<drm_skald_query_model> DrmDevice::model() {
    try {
        return query<drm_skald_query_model>(DRM_SKALD_QUERY_MODEL, "cannot query the chip");
    } catch (const Error& error) {
        if (error.code() == EOPNOTSUPP || error.code() == EINVAL)
            return std::nullopt;
        throw;
    }
}

NewBuffer DrmDevice::create_buffer(BufferKind kind, std::uint64_t bytes) {
    drm_skald_bo_create args{};
    args.size = bytes;
    args.flags = kind == BufferKind::kCard ? DRM_SKALD_BO_CARD : DRM_SKALD_BO_SYSTEM;
    const int result = os_.ioctl(file_.fd(), DRM_IOCTL_SKALD_BO_CREATE, &args);
    if (result < 0)
        throw failed(-result, fmt::format("cannot allocate {} bytes of {} memory", bytes,
                                          kind == BufferKind::kCard ? "card" : "system"));
    return {BufferId{args.handle}, args.size};
}

NewBuffer DrmDevice::wrap_memory(std::span<const std::byte> memory) {
    drm_skald_bo_userptr args{};
    args.addr = user_pointer(memory.data());
    args.size = memory.size();
    args.flags = DRM_SKALD_USERPTR_READONLY;
    call(DRM_IOCTL_SKALD_BO_USERPTR, &args, "cannot give the card access to a memory range");
    return {BufferId{args.handle}, args.size};
}

void DrmDevice::release_buffer(BufferId id) noexcept {
    drm_gem_close args{static_cast<std::uint32_t>(id), 0};
    os_.ioctl(file_.fd(), DRM_IOCTL_GEM_CLOSE, &args);
}

std::span<std::byte> DrmDevice::map_buffer(BufferId id, std::uint64_t bytes) {
    drm_skald_bo_mmap_offset args{};
    args.handle = static_cast<std::uint32_t>(id);
    call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args, "cannot map a buffer");
    void* address = nullptr;
    const int result =
        os_.mmap(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.fd(), args.offset, &address);
    if (result < 0)
        throw failed(-result, fmt::format("cannot map a buffer of {} bytes", bytes));
    return {static_cast<std::byte*>(address), bytes};
}

void DrmDevice::unmap_buffer(std::span<std::byte> mapping) noexcept {
    os_.munmap(mapping.data(), mapping.size());
}

VmId DrmDevice::create_vm() {
    drm_skald_vm_create args{};
    call(DRM_IOCTL_SKALD_VM_CREATE, &args, "cannot create an address space");
    return VmId{args.vm_id};
}

void DrmDevice::destroy_vm(VmId id) noexcept {
    drm_skald_vm_destroy args{static_cast<std::uint32_t>(id), 0};
    os_.ioctl(file_.fd(), DRM_IOCTL_SKALD_VM_DESTROY, &args);
}

void DrmDevice::bind(VmId id, std::span<const drm_skald_bind_op> ops,
                     std::span<const SyncPoint> syncs) {
    const std::vector<drm_skald_sync> points = to_uapi(syncs);
    drm_skald_vm_bind args{};
    args.vm_id = static_cast<std::uint32_t>(id);
    args.flags = points.empty() ? 0 : DRM_SKALD_VM_BIND_ASYNC;
    args.ops = array_of(ops);
    if (!points.empty())
        args.syncs = array_of(std::span<const drm_skald_sync>(points));
    call(DRM_IOCTL_SKALD_VM_BIND, &args, "cannot change an address space");
}

drm_skald_vm_query DrmDevice::query_vm(VmId id) {
    drm_skald_vm_query args{};
    args.vm_id = static_cast<std::uint32_t>(id);
    call(DRM_IOCTL_SKALD_VM_QUERY, &args, "cannot query an address space");
    return args;
}

QueueId DrmDevice::create_queue(const QueueConfig& config) {
    drm_skald_queue_create args{};
    args.vm_id = static_cast<std::uint32_t>(config.vm);
    args.priority = config.priority;
    args.scratch_size = config.scratch_bytes;
    args.coalesce_tokens = config.coalesce_tokens;
    args.coalesce_us = config.coalesce_us;
    args.eventfd = config.eventfd;
    args.flags = (config.keep_stamps ? DRM_SKALD_QUEUE_KEEP_STAMPS : 0) |
                 (config.user_mode ? DRM_SKALD_QUEUE_USER_MODE : 0);
    if (config.user_mode && driver_minor_ < kUserModeMinor)
        throw Error(
            fmt::format("{}: the driver, 1.{}, has no user-mode queues", path_, driver_minor_),
            EOPNOTSUPP);
    call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args, "cannot create a queue");
    const QueueId id{args.queue_id};
    if (config.user_mode) {
        try {
            auto ring =
                std::make_unique<UserRing>(os_, file_.fd(), args.mmap_offset, info_.ring_jobs);
            const std::scoped_lock guard(rings_lock_);
            rings_.emplace(id, std::move(ring));
        } catch (...) {
            destroy_queue(id);
            throw;
        }
    }
    return id;
}

UserRing* DrmDevice::user_ring(QueueId id) {
    const std::scoped_lock guard(rings_lock_);
    const auto found = rings_.find(id);
    return found == rings_.end() ? nullptr : found->second.get();
}

void DrmDevice::destroy_queue(QueueId id) noexcept {
    {
        const std::scoped_lock guard(rings_lock_);
        rings_.erase(id);
    }
    drm_skald_queue_destroy args{static_cast<std::uint32_t>(id), 0};
    os_.ioctl(file_.fd(), DRM_IOCTL_SKALD_QUEUE_DESTROY, &args);
}

void DrmDevice::submit(QueueId id, std::span<const drm_skald_job> jobs,
                       std::span<const SyncPoint> syncs) {
    if (UserRing* const ring = user_ring(id)) {
        if (!syncs.empty())
            throw Error(path_ + ": a user-mode queue waits for and signals no fences", EINVAL);
        submit_to_ring(id, *ring, jobs);
        return;
    }
    const std::vector<drm_skald_sync> points = to_uapi(syncs);
    drm_skald_submit args{};
    args.queue_id = static_cast<std::uint32_t>(id);
    args.jobs = array_of(jobs);
    if (!points.empty())
        args.syncs = array_of(std::span<const drm_skald_sync>(points));
    call(DRM_IOCTL_SKALD_SUBMIT, &args, "cannot submit a job");
}

void DrmDevice::submit_to_ring(QueueId id, UserRing& ring, std::span<const drm_skald_job> jobs) {
    for (const drm_skald_job& job : jobs) {
        if (!ring.has_room()) {
            ring.ring();
            Progress seen = wait_progress(id, {UINT64_MAX, UINT64_MAX}, 0);
            for (ring.set_ended(seen.completed); !ring.has_room(); ring.set_ended(seen.completed))
                seen = wait_progress(id, seen, kNoDeadline);
        }
        ring.write(job);
    }
    ring.ring();
}

Progress DrmDevice::wait_progress(QueueId id, Progress seen, std::int64_t deadline_ns) {
    drm_skald_wait_progress args{};
    args.queue_id = static_cast<std::uint32_t>(id);
    args.seen = seen.tokens;
    args.seen_completed = seen.completed;
    args.timeout_ns = deadline_ns;
    const int result = os_.ioctl(file_.fd(), DRM_IOCTL_SKALD_WAIT_PROGRESS, &args);
    if (result < 0 && result != -ETIME)
        throw failed(-result, "cannot wait for a queue");
    return {args.progress, args.completed};
}

drm_skald_queue_query DrmDevice::query_queue(QueueId id) {
    drm_skald_queue_query args{};
    args.queue_id = static_cast<std::uint32_t>(id);
    call(DRM_IOCTL_SKALD_QUEUE_QUERY, &args, "cannot query a queue");
    return args;
}

std::vector<drm_skald_job_stamps> DrmDevice::queue_stamps(QueueId id, std::uint64_t first) {
    std::vector<drm_skald_job_stamps> stamps(DRM_SKALD_STAMPS_KEPT);
    drm_skald_queue_stamps args{};
    args.queue_id = static_cast<std::uint32_t>(id);
    args.first = first;
    args.stamps = array_of(std::span<const drm_skald_job_stamps>(stamps));
    call(DRM_IOCTL_SKALD_QUEUE_STAMPS, &args, "cannot query the stamps of a queue");
    stamps.resize(args.stamps.count);
    return stamps;
}

SyncobjId DrmDevice::create_syncobj() {
    std::uint32_t handle = 0;
    const int result = os_.syncobj_create(file_.fd(), &handle);
    if (result < 0)
        throw failed(-result, "cannot create a syncobj");
    return SyncobjId{handle};
}

void DrmDevice::destroy_syncobj(SyncobjId id) noexcept {
    os_.syncobj_destroy(file_.fd(), static_cast<std::uint32_t>(id));
}

bool DrmDevice::wait_syncobj(SyncobjId id, std::uint64_t point, std::int64_t deadline_ns) {
    const int result =
        os_.syncobj_wait(file_.fd(), static_cast<std::uint32_t>(id), point, deadline_ns);
    if (result == -ETIME)
        return false;
    if (result < 0)
        throw failed(-result, "cannot wait for a syncobj");
    return true;
}

std::unique_ptr<Device> open_card(Os& os, int index) {
    const CardList list = os.cards();
    const std::vector<CardNode>& cards = list.nodes;
    if (cards.empty())
        throw Error(no_card_text(list), list.error != 0 ? list.error : ENODEV);
    if (index == kFirstCard)
        return std::make_unique<DrmDevice>(os, cards.front().path);
    std::string known;
    for (const CardNode& card : cards) {
        if (card.index == static_cast<unsigned>(index))
            return std::make_unique<DrmDevice>(os, card.path);
        known += fmt::format("{}{}", known.empty() ? "" : ", ", card.index);
    }
    throw Error(fmt::format("no Skald card has the index {}; there is: {}", index, known), ENODEV);
}

}  // namespace skald::rt
