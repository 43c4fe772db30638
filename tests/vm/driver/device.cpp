// SPDX-License-Identifier: MIT
// The ioctls, and where the card is in sysfs.
#include "device.hpp"

#include <fcntl.h>
#include <libdrm/drm.h>
#include <linux/pci_regs.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace skald::test {

namespace fs = std::filesystem;

void Fd::reset() {
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

Mapping::~Mapping() {
    if (address_)
        ::munmap(address_, bytes_);
}

std::string read_file(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& text) {
    // Not a stream: the kernel has to see one write, and its errno matters.
    const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), text.data(), text.size()) < 0)
        throw std::runtime_error(path + ": " +
                                 std::error_code(errno, std::generic_category()).message());
}

std::vector<std::string> all_cards_sysfs() {
    std::vector<std::string> cards;
    for (const auto& entry : fs::directory_iterator("/sys/bus/pci/devices"))
        if (read_file(entry.path() / "vendor") == "0x1234\n" &&
            read_file(entry.path() / "device") == "0x5ca1\n")
            cards.push_back(entry.path());
    std::ranges::sort(cards);
    return cards;
}

std::string card_sysfs() {
    const std::vector<std::string> cards = all_cards_sysfs();
    return cards.empty() ? std::string() : cards.front();
}

std::string device_node(const std::string& card) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(card + "/accel", error)) {
        const std::string node = "/dev/accel/" + entry.path().filename().string();
        if (fs::exists(node))
            return node;
    }
    return {};
}

std::string device_node() {
    return device_node(card_sysfs());
}

CommandOff::CommandOff(std::uint16_t bits)
    : config_(::open((card_sysfs() + "/config").c_str(), O_RDWR | O_CLOEXEC)) {
    EXPECT_TRUE(config_);
    EXPECT_EQ(::pread(config_.get(), &command_, sizeof(command_), PCI_COMMAND), 2);
    set(static_cast<std::uint16_t>(command_ & ~bits));
}

CommandOff::~CommandOff() {
    set(command_);
}

void CommandOff::set(std::uint16_t value) const {
    EXPECT_EQ(::pwrite(config_.get(), &value, sizeof(value), PCI_COMMAND), 2);
}

bool wait_for_node() {
    // devtmpfs makes the node when the driver registers; nothing announces it to a plain process.
    for (int i = 0; i < 1000; ++i) {
        if (!device_node().empty())
            return true;
        ::usleep(10000);
    }
    return false;
}

std::int64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

Device::Device() : Device(device_node()) {}

Device::Device(const std::string& node) : fd_(::open(node.c_str(), O_RDWR | O_CLOEXEC)) {
    if (!fd_)
        throw std::runtime_error("cannot open the card's node '" + node + "'");
}

int Device::call(unsigned long request, void* argument) const {
    int result = 0;
    do
        result = ::ioctl(fd_.get(), request, argument);
    while (result < 0 && (errno == EINTR || errno == EAGAIN));
    return result < 0 ? errno : 0;
}

int Device::query(std::uint32_t type, void* out, std::uint32_t size) const {
    drm_skald_query args{type, size, reinterpret_cast<std::uint64_t>(out)};
    return call(DRM_IOCTL_SKALD_QUERY, &args);
}

drm_skald_query_device Device::info() const {
    drm_skald_query_device info{};
    EXPECT_EQ(query(DRM_SKALD_QUERY_DEVICE, &info, sizeof(info)), 0);
    return info;
}

drm_skald_query_usage Device::usage() const {
    drm_skald_query_usage info{};
    EXPECT_EQ(query(DRM_SKALD_QUERY_USAGE, &info, sizeof(info)), 0);
    return info;
}

drm_skald_query_usage Device::settled_usage() const {
    const std::int64_t deadline = monotonic_ns() + 5000000000;
    drm_skald_query_usage info = usage();
    while ((info.vms != 0 || info.queues != 0) && monotonic_ns() < deadline)
        info = usage();
    return info;
}

drm_skald_query_firmware Device::firmware() const {
    drm_skald_query_firmware info{};
    EXPECT_EQ(query(DRM_SKALD_QUERY_FIRMWARE, &info, sizeof(info)), 0);
    return info;
}

int Device::bo_create(std::uint64_t size, std::uint32_t flags, std::uint32_t* handle) const {
    drm_skald_bo_create args{size, flags, 0};
    const int error = call(DRM_IOCTL_SKALD_BO_CREATE, &args);
    *handle = args.handle;
    return error;
}

int Device::bo_close(std::uint32_t handle) const {
    drm_gem_close args{handle, 0};
    return call(DRM_IOCTL_GEM_CLOSE, &args);
}

int Device::userptr(const void* address, std::uint64_t size, std::uint32_t* handle) const {
    drm_skald_bo_userptr args{reinterpret_cast<std::uint64_t>(address), size,
                              DRM_SKALD_USERPTR_READONLY, 0};
    const int error = call(DRM_IOCTL_SKALD_BO_USERPTR, &args);
    *handle = args.handle;
    return error;
}

Mapping Device::map(std::uint32_t handle, std::size_t size) const {
    drm_skald_bo_mmap_offset args{handle, 0, 0};
    if (call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args) != 0)
        return {};
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(),
                                 static_cast<off_t>(args.offset));
    if (address == MAP_FAILED)
        return {};
    return {address, size};
}

int Device::vm_create(std::uint32_t* id) const {
    drm_skald_vm_create args{};
    const int error = call(DRM_IOCTL_SKALD_VM_CREATE, &args);
    *id = args.vm_id;
    return error;
}

int Device::vm_destroy(std::uint32_t id) const {
    drm_skald_vm_destroy args{id, 0};
    return call(DRM_IOCTL_SKALD_VM_DESTROY, &args);
}

drm_skald_vm_query Device::vm_query(std::uint32_t id) const {
    drm_skald_vm_query args{};
    args.vm_id = id;
    EXPECT_EQ(call(DRM_IOCTL_SKALD_VM_QUERY, &args), 0);
    return args;
}

int Device::bind(std::uint32_t vm, std::span<const drm_skald_bind_op> ops, std::uint32_t flags,
                 std::span<const drm_skald_sync> syncs) const {
    drm_skald_vm_bind args{vm, flags, array_of(ops), array_of(syncs)};
    return call(DRM_IOCTL_SKALD_VM_BIND, &args);
}

int Device::map_va(std::uint32_t vm, std::uint32_t handle, std::uint64_t va, std::uint64_t range,
                   std::uint32_t flags, std::uint64_t offset) const {
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP | flags, handle, offset, va, range};
    return bind(vm, {&op, 1});
}

int Device::unmap_va(std::uint32_t vm, std::uint64_t va, std::uint64_t range) const {
    const drm_skald_bind_op op{DRM_SKALD_BIND_UNMAP, 0, 0, va, range};
    return bind(vm, {&op, 1});
}

int Device::queue_create(std::uint32_t vm, std::uint32_t* id, int eventfd,
                         std::uint32_t priority) const {
    drm_skald_queue_create args{};
    args.vm_id = vm;
    args.priority = priority;
    args.scratch_size = 64 * 1024;
    args.eventfd = eventfd;
    const int error = call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args);
    *id = args.queue_id;
    return error;
}

int Device::queue_destroy(std::uint32_t id) const {
    drm_skald_queue_destroy args{id, 0};
    return call(DRM_IOCTL_SKALD_QUEUE_DESTROY, &args);
}

drm_skald_queue_query Device::queue_query(std::uint32_t id) const {
    drm_skald_queue_query args{};
    args.queue_id = id;
    EXPECT_EQ(call(DRM_IOCTL_SKALD_QUEUE_QUERY, &args), 0);
    return args;
}

int Device::submit(std::uint32_t queue, std::span<const drm_skald_job> jobs,
                   std::span<const drm_skald_sync> syncs) const {
    drm_skald_submit args{queue, 0, array_of(jobs), array_of(syncs)};
    return call(DRM_IOCTL_SKALD_SUBMIT, &args);
}

int Device::wait_progress(drm_skald_wait_progress& wait, std::int64_t timeout_ms) const {
    wait.timeout_ns = monotonic_ns() + timeout_ms * 1000000;
    return call(DRM_IOCTL_SKALD_WAIT_PROGRESS, &wait);
}

int Device::wait_completed(std::uint32_t queue, std::uint64_t jobs, std::int64_t timeout_ms) const {
    const std::int64_t deadline = monotonic_ns() + timeout_ms * 1000000;
    drm_skald_wait_progress wait{};
    wait.queue_id = queue;
    while (wait.completed < jobs) {
        wait.seen = wait.progress;
        wait.seen_completed = wait.completed;
        wait.timeout_ns = deadline;
        if (const int error = call(DRM_IOCTL_SKALD_WAIT_PROGRESS, &wait))
            return error;
    }
    return 0;
}

std::uint32_t Device::syncobj(bool signaled) const {
    drm_syncobj_create args{};
    args.flags = signaled ? DRM_SYNCOBJ_CREATE_SIGNALED : 0;
    EXPECT_EQ(call(DRM_IOCTL_SYNCOBJ_CREATE, &args), 0);
    return args.handle;
}

int Device::syncobj_wait(std::uint32_t handle, std::int64_t timeout_ms, std::uint64_t point) const {
    if (point == 0) {
        drm_syncobj_wait args{};
        args.handles = reinterpret_cast<std::uint64_t>(&handle);
        args.count_handles = 1;
        args.timeout_nsec = monotonic_ns() + timeout_ms * 1000000;
        return call(DRM_IOCTL_SYNCOBJ_WAIT, &args);
    }
    drm_syncobj_timeline_wait args{};
    args.handles = reinterpret_cast<std::uint64_t>(&handle);
    args.points = reinterpret_cast<std::uint64_t>(&point);
    args.count_handles = 1;
    args.timeout_nsec = monotonic_ns() + timeout_ms * 1000000;
    return call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

Fd Device::sync_file(std::uint32_t handle) const {
    drm_syncobj_handle args{};
    args.handle = handle;
    args.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    args.fd = -1;
    EXPECT_EQ(call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args), 0);
    return Fd(args.fd);
}

std::uint64_t Device::syncobj_signalled_ns(std::uint32_t handle) const {
    const Fd file = sync_file(handle);
    sync_fence_info fence{};
    sync_file_info info{};
    info.num_fences = 1;
    info.sync_fence_info = reinterpret_cast<std::uint64_t>(&fence);
    EXPECT_EQ(::ioctl(file.get(), SYNC_IOC_FILE_INFO, &info), 0);
    return fence.timestamp_ns;
}

int Device::syncobj_error(std::uint32_t handle) const {
    const Fd file = sync_file(handle);
    sync_file_info info{};
    EXPECT_EQ(::ioctl(file.get(), SYNC_IOC_FILE_INFO, &info), 0);
    return info.status < 0 ? -info.status : 0;
}

}  // namespace skald::test
