// SPDX-License-Identifier: MIT
// The system calls themselves: libc, libdrm, libudev.
#include <fcntl.h>
#include <libudev.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include "libskald/os.hpp"

namespace skald::rt {
namespace {

template <auto Unref>
struct Release {
    template <class T>
    void operator()(T* object) const {
        Unref(object);
    }
};
using Udev = std::unique_ptr<udev, Release<udev_unref>>;
using UdevEnumerate = std::unique_ptr<udev_enumerate, Release<udev_enumerate_unref>>;
using UdevDevice = std::unique_ptr<udev_device, Release<udev_device_unref>>;

std::string_view text_or_empty(const char* text) {
    return text == nullptr ? "" : text;
}

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

    std::vector<CardNode> cards() override {
        std::vector<CardNode> found;
        const Udev context(udev_new());
        if (!context)
            return found;
        const UdevEnumerate list(udev_enumerate_new(context.get()));
        if (!list || udev_enumerate_add_match_subsystem(list.get(), "accel") < 0 ||
            udev_enumerate_scan_devices(list.get()) < 0)
            return found;
        for (udev_list_entry* entry = udev_enumerate_get_list_entry(list.get()); entry != nullptr;
             entry = udev_list_entry_get_next(entry)) {
            const char* path = udev_list_entry_get_name(entry);
            const UdevDevice device(
                udev_device_new_from_syspath(context.get(), path == nullptr ? "" : path));
            if (device)
                add_card(device.get(), found);
        }
        std::sort(found.begin(), found.end(),
                  [](const CardNode& a, const CardNode& b) { return a.index < b.index; });
        return found;
    }

  private:
    static void add_card(udev_device* device, std::vector<CardNode>& found) {
        udev_device* parent = udev_device_get_parent_with_subsystem_devtype(device, "pci", nullptr);
        if (parent == nullptr || text_or_empty(udev_device_get_driver(parent)) != "skald")
            return;
        CardNode node;
        node.path = text_or_empty(udev_device_get_devnode(device));
        node.pci_address = text_or_empty(udev_device_get_sysname(parent));
        const std::string_view number = text_or_empty(udev_device_get_sysnum(device));
        const auto parsed =
            std::from_chars(number.data(), number.data() + number.size(), node.index);
        if (!node.path.empty() && parsed.ec == std::errc())
            found.push_back(std::move(node));
    }
};

}  // namespace

Os& linux_os() {
    static LinuxOs os;
    return os;
}

}  // namespace skald::rt
