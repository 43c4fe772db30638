// SPDX-License-Identifier: MIT
// The card library in process behind the runtime's Device: the same firmware, contexts, queues and
// faults as in a VM, with this class in the driver's place. No kernel, no bus.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "libskald/device.hpp"
#include "local/card_link.hpp"
#include "local/local_card.hpp"
#include "local/local_queue.hpp"
#include "local/local_vm.hpp"

namespace skald::local {

class LocalDevice final : public rt::Device {
  public:
    LocalDevice(rt::Os& os, const LocalOptions& options, std::span<const std::byte> firmware);
    ~LocalDevice() override;

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] rt::Os& os() const override { return os_; }
    [[nodiscard]] const drm_skald_query_device& info() const override { return info_; }
    [[nodiscard]] drm_skald_query_firmware firmware() override;
    [[nodiscard]] drm_skald_query_usage usage() override;
    [[nodiscard]] drm_skald_query_clock clock() override;
    [[nodiscard]] std::optional<drm_skald_query_model> model() override;
    [[nodiscard]] std::string modelled_chip() const override { return chip_; }
    [[nodiscard]] bool timing_only() const override { return timing_only_; }
    [[nodiscard]] bool linked() const override { return linked_; }

    [[nodiscard]] rt::NewBuffer create_buffer(rt::BufferKind kind, std::uint64_t bytes) override;
    [[nodiscard]] rt::NewBuffer wrap_memory(std::span<const std::byte> memory) override;
    void release_buffer(rt::BufferId id) noexcept override;
    [[nodiscard]] std::span<std::byte> map_buffer(rt::BufferId id, std::uint64_t bytes) override;
    void unmap_buffer(std::span<std::byte> mapping) noexcept override;

    [[nodiscard]] rt::VmId create_vm() override;
    void destroy_vm(rt::VmId id) noexcept override;
    void bind(rt::VmId id, std::span<const drm_skald_bind_op> ops,
              std::span<const rt::SyncPoint> syncs) override;
    [[nodiscard]] drm_skald_vm_query query_vm(rt::VmId id) override;

    [[nodiscard]] rt::QueueId create_queue(const rt::QueueConfig& config) override;
    void destroy_queue(rt::QueueId id) noexcept override;
    void submit(rt::QueueId id, std::span<const drm_skald_job> jobs,
                std::span<const rt::SyncPoint> syncs) override;
    [[nodiscard]] rt::Progress wait_progress(rt::QueueId id, rt::Progress seen,
                                             std::int64_t deadline_ns) override;
    [[nodiscard]] drm_skald_queue_query query_queue(rt::QueueId id) override;
    [[nodiscard]] std::vector<drm_skald_job_stamps> queue_stamps(rt::QueueId id,
                                                                 std::uint64_t first) override;

    [[nodiscard]] rt::SyncobjId create_syncobj() override;
    void destroy_syncobj(rt::SyncobjId id) noexcept override;
    [[nodiscard]] bool wait_syncobj(rt::SyncobjId id, std::uint64_t point,
                                    std::int64_t deadline_ns) override;

  private:
    // Highest points. Each use of a binary syncobj is a point of its own: the one after the last.
    struct LocalSyncobj {
        std::uint64_t submitted = 0;
        std::uint64_t signalled = 0;
    };

    void fill_info();
    [[nodiscard]] std::uint32_t new_handle() { return ++last_handle_; }
    void check_bind(const drm_skald_bind_op& op) const;
    void apply_binds(LocalVm& vm, std::span<const drm_skald_bind_op> ops);
    void signal(const rt::SyncPoint& point);
    [[nodiscard]] bool signalled(const rt::SyncPoint& point) const;
    // Points as given, checked, with numbers for binary ones. Throws Error.
    [[nodiscard]] std::vector<rt::SyncPoint> resolve(std::span<const rt::SyncPoint> syncs) const;
    // From here on others may wait for them.
    void announce(std::span<const rt::SyncPoint> syncs);
    void pump_all();
    void deliver();  // thread: queue vectors to waiters
    void collect(std::uint32_t vectors, std::int64_t interrupt_ns);

    rt::Os& os_;
    std::string name_ = "local card";
    std::string chip_;
    bool timing_only_;
    bool linked_;
    drm_skald_query_device info_{};
    CardLink card_;

    mutable std::mutex lock_;          // everything below
    std::condition_variable changed_;  // progress, completions, syncobjs
    std::uint32_t last_handle_ = 0;
    std::map<rt::BufferId, BufferRef> buffers_;
    std::map<rt::VmId, std::shared_ptr<LocalVm>> vms_;
    std::map<rt::QueueId, std::unique_ptr<LocalQueue>> queues_;
    std::map<rt::SyncobjId, LocalSyncobj> syncobjs_;
    std::uint64_t submissions_ = 0;

    std::thread delivery_;  // last: uses all of the above
};

}  // namespace skald::local
