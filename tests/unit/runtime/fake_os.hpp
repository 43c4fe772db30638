// SPDX-License-Identifier: MIT
// A kernel for unit tests: answers the skald ioctls from tables, counts what is alive, fails on
// demand.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "drm/skald_accel.h"
#include "libskald/os.hpp"

namespace skald::test {

class FakeOs final : public rt::Os {
  public:
    FakeOs();

    int open(const char* path, int flags) override;
    int close(int fd) override;
    int ioctl(int fd, unsigned long request, void* argument) override;
    int mmap(std::size_t bytes, int protection, int flags, int fd, std::uint64_t offset,
             void** address) override;
    int munmap(void* address, std::size_t bytes) override;
    int eventfd() override;
    int drain_event(int fd) override;
    int signal_event(int fd) override;
    int poll(std::span<pollfd> fds, std::int64_t deadline_ns) override;
    std::int64_t now_ns() override { return now; }
    int syncobj_create(int fd, std::uint32_t* handle) override;
    int syncobj_destroy(int fd, std::uint32_t handle) override;
    int syncobj_wait(int fd, std::uint32_t handle, std::uint64_t point,
                     std::int64_t deadline_ns) override;
    rt::CardList cards() override {
        return {nodes, strays, driver_loaded, unreadable, unreadable.empty() ? 0 : EMFILE};
    }

    // What the machine looks like.
    std::vector<rt::CardNode> nodes = {{"/dev/accel/accel0", "0000:01:00.0", 0}};
    std::vector<rt::StrayCard> strays;
    bool driver_loaded = true;
    std::string unreadable;  // not empty: too many open files to look at that
    std::string driver = "skald";
    int driver_major = SKALD_DRIVER_MAJOR, driver_minor = SKALD_DRIVER_MINOR;
    drm_skald_query_device device{};
    drm_skald_query_usage usage{};
    std::optional<drm_skald_query_model> model;  // none: it models no chip
    std::int64_t now = 0;

    // errno by ioctl request (or by "open", "mmap" ...) that the next such call fails with, once.
    std::map<unsigned long, int> fail_ioctl;
    std::map<std::string, int> fail_call;

    // What happened.
    std::set<int> files;
    std::set<std::uint32_t> buffers, vms, queues, syncobjs;
    std::map<void*, std::unique_ptr<std::byte[]>> mappings;
    std::vector<drm_skald_bind_op> binds;
    std::vector<drm_skald_job> jobs;
    std::vector<drm_skald_sync> syncs;  // of the last bind or submission
    drm_skald_queue_create last_queue{};
    drm_skald_wait_progress last_wait{};
    unsigned waits = 0;
    // Pages of the last user-mode queue, while they are mapped.
    std::byte *doorbell = nullptr, *ring = nullptr;

    // Answers.
    std::uint64_t progress = 0, completed = 0;
    std::uint32_t last_status = 1;  // of QUEUE_QUERY: DONE
    bool complete_at_once = true;   // jobs end as they are submitted, or waited for if user space
                                    // has rung
    int wait_result = 0;            // of WAIT_PROGRESS, when there is nothing new
    drm_skald_vm_query fault{};

    [[nodiscard]] bool nothing_left() const {
        return files.empty() && buffers.empty() && vms.empty() && queues.empty() &&
               syncobjs.empty() && mappings.empty();
    }

  private:
    int answer(unsigned long request, void* argument);
    int query(drm_skald_query& args);
    [[nodiscard]] int failure(const char* call);

    int last_fd_ = 10;
    std::uint32_t last_handle_ = 0;
};

}  // namespace skald::test
