// SPDX-License-Identifier: MIT
// The system calls themselves: libc, libdrm.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "libskald/os.hpp"

namespace skald::rt {
namespace {

int result(int returned) {
    return returned < 0 ? -errno : returned;
}

class LinuxOs final : public Os {
  public:
    int open(const char* path, int flags) override {
        int fd;
        do
            fd = ::open(path, flags | O_CLOEXEC);
        while (fd < 0 && errno == EINTR);
        return result(fd);
    }
    int close(int fd) override { return result(::close(fd)); }
    int ioctl(int fd, unsigned long request, void* argument) override {
        return result(drmIoctl(fd, request, argument));
    }
    int mmap(std::size_t bytes, int protection, int flags, int fd, std::uint64_t offset,
             void** address) override {
        void* mapped = ::mmap(nullptr, bytes, protection, flags, fd, static_cast<off_t>(offset));
        if (mapped == MAP_FAILED)
            return -errno;
        *address = mapped;
        return 0;
    }
    int munmap(void* address, std::size_t bytes) override {
        return result(::munmap(address, bytes));
    }

    int eventfd() override { return result(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
    int drain_event(int fd) override {
        std::uint64_t count;
        const ssize_t n = ::read(fd, &count, sizeof count);
        return n < 0 && errno != EAGAIN ? -errno : 0;
    }
    int signal_event(int fd) override {
        const std::uint64_t one = 1;
        const ssize_t n = ::write(fd, &one, sizeof one);
        return n < 0 && errno != EAGAIN ? -errno : 0;  // EAGAIN: the counter is full, so signalled
    }
    int poll(std::span<pollfd> fds, std::int64_t deadline_ns) override {
        timespec timeout{};
        const bool forever = deadline_ns == kNoDeadline;
        if (!forever) {
            const std::int64_t left = std::max<std::int64_t>(0, deadline_ns - now_ns());
            timeout.tv_sec = left / 1'000'000'000;
            timeout.tv_nsec = left % 1'000'000'000;
        }
        return result(::ppoll(fds.data(), fds.size(), forever ? nullptr : &timeout, nullptr));
    }
    std::int64_t now_ns() override {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1'000'000'000 + now.tv_nsec;
    }

    int syncobj_create(int fd, std::uint32_t* handle) override {
        return result(drmSyncobjCreate(fd, 0, handle));
    }
    int syncobj_destroy(int fd, std::uint32_t handle) override {
        return result(drmSyncobjDestroy(fd, handle));
    }
    int syncobj_wait(int fd, std::uint32_t handle, std::uint64_t point,
                     std::int64_t deadline_ns) override {
        const unsigned flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        // Both return -errno themselves.
        if (point == 0)
            return drmSyncobjWait(fd, &handle, 1, deadline_ns, flags, nullptr);
        return drmSyncobjTimelineWait(fd, &handle, &point, 1, deadline_ns, flags, nullptr);
    }

    CardList cards() override { return list_cards("/sys"); }
};

}  // namespace

Os& linux_os() {
    static LinuxOs os;
    return os;
}

}  // namespace skald::rt
