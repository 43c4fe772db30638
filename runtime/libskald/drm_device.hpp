// SPDX-License-Identifier: MIT
// A card behind the skald kernel driver.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libskald/device.hpp"
#include "libskald/error.hpp"
#include "libskald/user_ring.hpp"

namespace skald::rt {

class DrmDevice final : public Device {
  public:
    // Opens a node; Error says what is wrong with it.
    explicit DrmDevice(Os& os, const std::string& path);
    ~DrmDevice() override;

    [[nodiscard]] const std::string& name() const override { return path_; }
    [[nodiscard]] Os& os() const override { return os_; }
    [[nodiscard]] const drm_skald_query_device& info() const override { return info_; }
    [[nodiscard]] drm_skald_query_firmware firmware() override;
    [[nodiscard]] drm_skald_query_usage usage() override;
    [[nodiscard]] drm_skald_query_clock clock() override;
    [[nodiscard]] std::optional<drm_skald_query_model> model() override;

    [[nodiscard]] NewBuffer create_buffer(BufferKind kind, std::uint64_t bytes) override;
    [[nodiscard]] NewBuffer wrap_memory(std::span<const std::byte> memory) override;
    void release_buffer(BufferId id) noexcept override;
    [[nodiscard]] std::span<std::byte> map_buffer(BufferId id, std::uint64_t bytes) override;
    void unmap_buffer(std::span<std::byte> mapping) noexcept override;

    [[nodiscard]] VmId create_vm() override;
    void destroy_vm(VmId id) noexcept override;
    void bind(VmId id, std::span<const drm_skald_bind_op> ops,
              std::span<const SyncPoint> syncs) override;
    [[nodiscard]] drm_skald_vm_query query_vm(VmId id) override;

    [[nodiscard]] QueueId create_queue(const QueueConfig& config) override;
    void destroy_queue(QueueId id) noexcept override;
    void submit(QueueId id, std::span<const drm_skald_job> jobs,
                std::span<const SyncPoint> syncs) override;
    [[nodiscard]] Progress wait_progress(QueueId id, Progress seen,
                                         std::int64_t deadline_ns) override;
    [[nodiscard]] drm_skald_queue_query query_queue(QueueId id) override;
    [[nodiscard]] std::vector<drm_skald_job_stamps> queue_stamps(QueueId id,
                                                                 std::uint64_t first) override;

    [[nodiscard]] SyncobjId create_syncobj() override;
    void destroy_syncobj(SyncobjId id) noexcept override;
    [[nodiscard]] bool wait_syncobj(SyncobjId id, std::uint64_t point,
                                    std::int64_t deadline_ns) override;

  private:
    // An open file that closes itself when a constructor throws.
    class File {
      public:
        File(Os& os, int fd) : os_(os), fd_(fd) {}
        ~File() { os_.close(fd_); }
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        [[nodiscard]] int fd() const { return fd_; }

      private:
        Os& os_;
        int fd_;
    };

    [[nodiscard]] int open_node() const;
    void check_driver();
    // The ring of a queue, or nullptr if its jobs go by SUBMIT.
    [[nodiscard]] UserRing* user_ring(QueueId id);
    void submit_to_ring(QueueId id, UserRing& ring, std::span<const drm_skald_job> jobs);
    template <class T>
    T query(std::uint32_t type, const char* what);
    void call(unsigned long request, void* argument, const char* what);
    // errno of a call in words.
    [[nodiscard]] Error failed(int code, std::string_view what) const;

    Os& os_;
    std::string path_;
    File file_;
    drm_skald_query_device info_{};
    int driver_minor_ = 0;
    std::mutex rings_lock_;  // protects the map, not the rings
    std::map<QueueId, std::unique_ptr<UserRing>> rings_;
};

// The card with this index (N of accelN), or the first one. Error when there is none, saying what
// to look at.
inline constexpr int kFirstCard = -1;
[[nodiscard]] std::unique_ptr<Device> open_card(Os& os, int index = kFirstCard);

}  // namespace skald::rt
