// SPDX-License-Identifier: MIT
#include "fake_os.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace skald::test {
namespace {

template <class T>
std::vector<T> elements(const drm_skald_array& array) {
    const auto* first = reinterpret_cast<const T*>(static_cast<std::uintptr_t>(array.array));
    return {first, first + array.count};
}

// Where user-mode queues are mapped.
constexpr std::uint64_t kUserQueues = 1ull << 50;

int erase(std::set<std::uint32_t>& set, std::uint32_t id) {
    return set.erase(id) == 1 ? 0 : -ENOENT;
}

}  // namespace

FakeOs::FakeOs() {
    device.num_queues = 256;
    device.num_contexts = 64;
    device.mem_size = 256u << 20;
    device.va_start = 0x1000;
    device.va_end = 0x7f0000000000;
    device.card_page_size = 2u << 20;
    device.system_page_size = 4096;
    device.ring_jobs = 32;
}

int FakeOs::failure(const char* call) {
    const auto at = fail_call.find(call);
    if (at == fail_call.end())
        return 0;
    const int code = -at->second;
    fail_call.erase(at);
    return code;
}

int FakeOs::open(const char*, int) {
    if (const int code = failure("open"))
        return code;
    files.insert(++last_fd_);
    return last_fd_;
}

int FakeOs::close(int fd) {
    return files.erase(fd) == 1 ? 0 : -EBADF;
}

int FakeOs::ioctl(int fd, unsigned long request, void* argument) {
    if (!files.contains(fd))
        return -EBADF;
    if (const auto at = fail_ioctl.find(request); at != fail_ioctl.end()) {
        const int code = -at->second;
        fail_ioctl.erase(at);
        return code;
    }
    return answer(request, argument);
}

int FakeOs::query(drm_skald_query& args) {
    const auto give = [&](const void* from, std::uint32_t size) {
        if (args.size != size)
            return -EINVAL;
        std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(args.pointer)), from, size);
        return 0;
    };
    const drm_skald_query_firmware firmware{0x01020003, 0x10000, 7, 0};
    switch (args.type) {
        case DRM_SKALD_QUERY_DEVICE:
            return give(&device, sizeof device);
        case DRM_SKALD_QUERY_FIRMWARE:
            return give(&firmware, sizeof firmware);
        case DRM_SKALD_QUERY_USAGE:
            return give(&usage, sizeof usage);
        case DRM_SKALD_QUERY_MODEL:
            return model ? give(&*model, sizeof *model) : -EOPNOTSUPP;
        default:
            return -EINVAL;
    }
}

int FakeOs::answer(unsigned long request, void* argument) {
    switch (request) {
        case DRM_IOCTL_VERSION: {
            auto& args = *static_cast<drm_version*>(argument);
            args.version_major = driver_major;
            args.version_minor = driver_minor;
            std::memcpy(args.name, driver.c_str(), driver.size() + 1);
            return 0;
        }
        case DRM_IOCTL_SKALD_QUERY:
            return query(*static_cast<drm_skald_query*>(argument));
        case DRM_IOCTL_SKALD_BO_CREATE: {
            auto& args = *static_cast<drm_skald_bo_create*>(argument);
            const std::uint64_t page = args.flags == DRM_SKALD_BO_CARD ? 2u << 20 : 4096;
            if (args.size == 0 ||
                (args.flags != DRM_SKALD_BO_CARD && args.flags != DRM_SKALD_BO_SYSTEM))
                return -EINVAL;
            args.size = (args.size + page - 1) / page * page;
            buffers.insert(args.handle = ++last_handle_);
            return 0;
        }
        case DRM_IOCTL_SKALD_BO_USERPTR: {
            auto& args = *static_cast<drm_skald_bo_userptr*>(argument);
            if (args.flags != DRM_SKALD_USERPTR_READONLY || (args.addr | args.size) % 4096 != 0)
                return -EINVAL;
            buffers.insert(args.handle = ++last_handle_);
            return 0;
        }
        case DRM_IOCTL_SKALD_BO_MMAP_OFFSET: {
            auto& args = *static_cast<drm_skald_bo_mmap_offset*>(argument);
            if (!buffers.contains(args.handle))
                return -ENOENT;
            args.offset = std::uint64_t{args.handle} << 32;
            return 0;
        }
        case DRM_IOCTL_GEM_CLOSE:
            return erase(buffers, static_cast<drm_gem_close*>(argument)->handle);
        case DRM_IOCTL_SKALD_VM_CREATE:
            vms.insert(static_cast<drm_skald_vm_create*>(argument)->vm_id = ++last_handle_);
            return 0;
        case DRM_IOCTL_SKALD_VM_DESTROY:
            return queues.empty() ? erase(vms, static_cast<drm_skald_vm_destroy*>(argument)->vm_id)
                                  : -EBUSY;
        case DRM_IOCTL_SKALD_VM_BIND: {
            const auto& args = *static_cast<drm_skald_vm_bind*>(argument);
            if (!vms.contains(args.vm_id))
                return -ENOENT;
            if ((args.flags == DRM_SKALD_VM_BIND_ASYNC) != (args.syncs.count != 0))
                return -EINVAL;
            for (const auto& op : elements<drm_skald_bind_op>(args.ops))
                binds.push_back(op);
            syncs = elements<drm_skald_sync>(args.syncs);
            return 0;
        }
        case DRM_IOCTL_SKALD_VM_QUERY: {
            auto& args = *static_cast<drm_skald_vm_query*>(argument);
            const std::uint32_t id = args.vm_id;
            args = fault;
            args.vm_id = id;
            return vms.contains(id) ? 0 : -ENOENT;
        }
        case DRM_IOCTL_SKALD_QUEUE_CREATE: {
            auto& args = *static_cast<drm_skald_queue_create*>(argument);
            last_queue = args;
            if (!vms.contains(args.vm_id))
                return -ENOENT;
            queues.insert(args.queue_id = ++last_handle_);
            if ((args.flags & DRM_SKALD_QUEUE_USER_MODE) != 0)
                args.mmap_offset = kUserQueues;
            return 0;
        }
        case DRM_IOCTL_SKALD_QUEUE_DESTROY:
            return erase(queues, static_cast<drm_skald_queue_destroy*>(argument)->queue_id);
        case DRM_IOCTL_SKALD_QUEUE_QUERY: {
            auto& args = *static_cast<drm_skald_queue_query*>(argument);
            args.submitted = jobs.size();
            args.completed = completed;
            args.progress = progress;
            args.last_status = last_status;
            return queues.contains(args.queue_id) ? 0 : -ENOENT;
        }
        case DRM_IOCTL_SKALD_SUBMIT: {
            const auto& args = *static_cast<drm_skald_submit*>(argument);
            if (!queues.contains(args.queue_id))
                return -ENOENT;
            for (const auto& job : elements<drm_skald_job>(args.jobs))
                jobs.push_back(job);
            syncs = elements<drm_skald_sync>(args.syncs);
            if (complete_at_once)
                completed = jobs.size();
            return 0;
        }
        case DRM_IOCTL_SKALD_WAIT_PROGRESS: {
            auto& args = *static_cast<drm_skald_wait_progress*>(argument);
            last_wait = args;
            ++waits;
            if (complete_at_once && doorbell != nullptr)
                std::memcpy(&completed, doorbell, sizeof(std::uint32_t));
            const bool news = args.seen != progress || args.seen_completed != completed;
            args.progress = progress;
            args.completed = completed;
            return news ? 0 : wait_result;
        }
        default:
            return -ENOTTY;
    }
}

int FakeOs::mmap(std::size_t bytes, int, int, int fd, std::uint64_t offset, void** address) {
    if (const int code = failure("mmap"))
        return code;
    const bool of_queue = offset >= kUserQueues && bytes == 4096 && !queues.empty();
    if (!files.contains(fd) ||
        (!of_queue && !buffers.contains(static_cast<std::uint32_t>(offset >> 32))))
        return -EINVAL;
    auto memory = std::make_unique<std::byte[]>(bytes);
    *address = memory.get();
    if (of_queue)
        (offset == kUserQueues + DRM_SKALD_QUEUE_MMAP_RING ? ring : doorbell) = memory.get();
    mappings[*address] = std::move(memory);
    return 0;
}

int FakeOs::munmap(void* address, std::size_t) {
    if (address == doorbell)
        doorbell = nullptr;
    if (address == ring)
        ring = nullptr;
    return mappings.erase(address) == 1 ? 0 : -EINVAL;
}

int FakeOs::eventfd() {
    if (const int code = failure("eventfd"))
        return code;
    files.insert(++last_fd_);
    return last_fd_;
}

int FakeOs::drain_event(int fd) {
    return files.contains(fd) ? 0 : -EBADF;
}
int FakeOs::signal_event(int fd) {
    return files.contains(fd) ? 0 : -EBADF;
}
int FakeOs::poll(std::span<pollfd>, std::int64_t) {
    if (const int code = failure("poll"))
        return code;
    return 1;
}

int FakeOs::syncobj_create(int fd, std::uint32_t* handle) {
    if (const int code = failure("syncobj_create"))
        return code;
    syncobjs.insert(*handle = ++last_handle_);
    return files.contains(fd) ? 0 : -EBADF;
}
int FakeOs::syncobj_destroy(int, std::uint32_t handle) {
    return erase(syncobjs, handle);
}
int FakeOs::syncobj_wait(int, std::uint32_t handle, std::uint64_t, std::int64_t) {
    if (const int code = failure("syncobj_wait"))
        return code;
    return syncobjs.contains(handle) ? 0 : -ENOENT;
}

}  // namespace skald::test
