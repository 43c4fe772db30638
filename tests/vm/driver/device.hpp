// SPDX-License-Identifier: MIT
// The driver as a test sees it: one file descriptor and the ioctls, each returning 0 or an errno.
// No library between a test and the kernel but this.
#pragma once

#include <drm/skald_accel.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace skald::test {

// Closes on destruction; -1 is nothing.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    void reset();
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

// /dev/accel/accelN of the first card, or "" if no driver is bound.
std::string device_node();
// Its directory /sys/bus/pci/devices/DDDD:BB:DD.F; there with and without a driver.
std::string card_sysfs();
// The same of all cards, and of one of them by its directory.
std::vector<std::string> all_cards_sysfs();
std::string device_node(const std::string& card);
void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);
// Waits until the device node is there; false after some seconds.
bool wait_for_node();

// Bits of the card's PCI command register off for as long as it lives: without PCI_COMMAND_MEMORY
// the card has as good as fallen off the bus, without PCI_COMMAND_MASTER all it sends is lost.
class CommandOff {
  public:
    explicit CommandOff(std::uint16_t bits);
    ~CommandOff();
    CommandOff(const CommandOff&) = delete;
    CommandOff& operator=(const CommandOff&) = delete;

  private:
    void set(std::uint16_t value) const;
    Fd config_;
    std::uint16_t command_ = 0;
};

struct Mapping {
    Mapping() = default;
    Mapping(void* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), bytes_(other.bytes_) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Mapping();
    std::span<std::uint8_t> bytes() const { return {static_cast<std::uint8_t*>(address_), bytes_}; }
    template <typename T>
    volatile T& at(std::size_t offset) const {
        return *reinterpret_cast<volatile T*>(static_cast<std::uint8_t*>(address_) + offset);
    }
    explicit operator bool() const { return address_ != nullptr; }

  private:
    void* address_ = nullptr;
    std::size_t bytes_ = 0;
};

class Device {
  public:
    // Opens the card's node; the test fails if there is none.
    Device();
    explicit Device(const std::string& node);

    int fd() const { return fd_.get(); }
    void close() { fd_.reset(); }

    // 0 or the errno. Restarts what a signal interrupted.
    int call(unsigned long request, void* argument) const;

    int query(std::uint32_t type, void* out, std::uint32_t size) const;
    drm_skald_query_device info() const;
    drm_skald_query_usage usage() const;
    // Once what earlier tests left to the kernel's background work is gone: no queue, no space.
    drm_skald_query_usage settled_usage() const;
    drm_skald_query_firmware firmware() const;

    int bo_create(std::uint64_t size, std::uint32_t flags, std::uint32_t* handle) const;
    int bo_close(std::uint32_t handle) const;
    int userptr(const void* address, std::uint64_t size, std::uint32_t* handle) const;
    Mapping map(std::uint32_t handle, std::size_t size) const;

    int vm_create(std::uint32_t* id) const;
    int vm_destroy(std::uint32_t id) const;
    drm_skald_vm_query vm_query(std::uint32_t id) const;
    int bind(std::uint32_t vm, std::span<const drm_skald_bind_op> ops, std::uint32_t flags = 0,
             std::span<const drm_skald_sync> syncs = {}) const;
    int map_va(std::uint32_t vm, std::uint32_t handle, std::uint64_t va, std::uint64_t range,
               std::uint32_t flags = 0, std::uint64_t offset = 0) const;
    int unmap_va(std::uint32_t vm, std::uint64_t va, std::uint64_t range) const;

    int queue_create(std::uint32_t vm, std::uint32_t* id, int eventfd = -1,
                     std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL) const;
    int queue_destroy(std::uint32_t id) const;
    drm_skald_queue_query queue_query(std::uint32_t id) const;
    int submit(std::uint32_t queue, std::span<const drm_skald_job> jobs,
               std::span<const drm_skald_sync> syncs = {}) const;
    // timeout_ms from now.
    int wait_progress(drm_skald_wait_progress& wait, std::int64_t timeout_ms) const;
    // Until the queue has ended so many jobs.
    int wait_completed(std::uint32_t queue, std::uint64_t jobs,
                       std::int64_t timeout_ms = 20000) const;

    std::uint32_t syncobj(bool signaled = false) const;
    int syncobj_wait(std::uint32_t handle, std::int64_t timeout_ms, std::uint64_t point = 0) const;
    // The syncobj's fence as a file of its own.
    Fd sync_file(std::uint32_t handle) const;
    // What the fence of a signalled syncobj ended with: 0 or an errno.
    int syncobj_error(std::uint32_t handle) const;
    // When it signalled, CLOCK_MONOTONIC.
    std::uint64_t syncobj_signalled_ns(std::uint32_t handle) const;

  private:
    Fd fd_;
};

inline drm_skald_sync signal_binary(std::uint32_t handle) {
    return {DRM_SKALD_SYNC_SYNCOBJ | DRM_SKALD_SYNC_SIGNAL, handle, 0};
}
inline drm_skald_sync wait_binary(std::uint32_t handle) {
    return {DRM_SKALD_SYNC_SYNCOBJ, handle, 0};
}
inline drm_skald_sync signal_point(std::uint32_t handle, std::uint64_t point) {
    return {DRM_SKALD_SYNC_TIMELINE_SYNCOBJ | DRM_SKALD_SYNC_SIGNAL, handle, point};
}
inline drm_skald_sync wait_point(std::uint32_t handle, std::uint64_t point) {
    return {DRM_SKALD_SYNC_TIMELINE_SYNCOBJ, handle, point};
}
template <typename T>
drm_skald_array array_of(std::span<const T> items) {
    return {sizeof(T), static_cast<std::uint32_t>(items.size()),
            reinterpret_cast<std::uint64_t>(items.data())};
}
std::int64_t monotonic_ns();

}  // namespace skald::test
