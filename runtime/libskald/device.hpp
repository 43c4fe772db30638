// SPDX-License-Identifier: MIT
// A card as the runtime sees it: the operations of uapi/drm/skald_accel.h as methods that throw
// Error. DrmDevice makes them ioctls, LocalDevice (tools/local) carries them out in process. Ids
// are raw here; Buffer, AddressSpace, Queue and Syncobj own them.
//
// Error::code() is the errno that header gives for the call. All lengths and addresses are bytes,
// all times CLOCK_MONOTONIC nanoseconds; a deadline that has passed means: just look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "drm/skald_accel.h"
#include "libskald/os.hpp"

namespace skald::rt {

enum class BufferId : std::uint32_t {};
enum class VmId : std::uint32_t {};
enum class QueueId : std::uint32_t {};
enum class SyncobjId : std::uint32_t {};

enum class BufferKind { kCard, kSystem };

struct NewBuffer {
    BufferId id;
    std::uint64_t bytes;  // rounded up to the page size of the kind
};

// Scratch is a multiple of 4 KiB, at most info().scratch_max. Progress wakes after so many tokens,
// or so many microseconds after the last wake-up; both 0: the driver's default.
struct QueueConfig {
    VmId vm{};
    std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL;
    std::uint32_t scratch_bytes = 0;
    std::uint32_t coalesce_tokens = 0;
    std::uint32_t coalesce_us = 0;
    int eventfd = -1;  // must live as long as the queue
    bool keep_stamps = false;
    bool user_mode = false;  // see QueueOptions; EOPNOTSUPP where there is none
};

// A point of a syncobj; point 0 stands for a binary one.
struct SyncPoint {
    SyncobjId syncobj{};
    std::uint64_t point = 0;
    bool signal = false;  // else: wait for it first
};

// What a queue has done since it was created.
struct Progress {
    std::uint64_t tokens = 0;
    std::uint64_t completed = 0;  // jobs ended
    bool operator==(const Progress&) const = default;
};

class Device {
  public:
    virtual ~Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    [[nodiscard]] virtual const std::string& name() const = 0;  // for messages
    [[nodiscard]] virtual Os& os() const = 0;
    [[nodiscard]] virtual const drm_skald_query_device& info() const = 0;
    [[nodiscard]] virtual drm_skald_query_firmware firmware() = 0;
    [[nodiscard]] virtual drm_skald_query_usage usage() = 0;
    [[nodiscard]] virtual drm_skald_query_clock clock() = 0;
    // The chip whose time and energy the card counts; none: it models none, or does not tell.
    [[nodiscard]] virtual std::optional<drm_skald_query_model> model() = 0;
    // That chip's name as who chose it said it, where it was chosen here; else empty.
    [[nodiscard]] virtual std::string modelled_chip() const { return {}; }
    // It computes nothing and reads no weights: models need not bring them.
    [[nodiscard]] virtual bool timing_only() const { return false; }
    // It exchanges data with other cards: models that are split among some may run on it.
    [[nodiscard]] virtual bool linked() const { return false; }

    // Zeroed. ENOSPC: out of card memory.
    [[nodiscard]] virtual NewBuffer create_buffer(BufferKind kind, std::uint64_t bytes) = 0;
    // Read-only for the card; page aligned, whole pages; must live until the buffer and its
    // bindings are gone.
    [[nodiscard]] virtual NewBuffer wrap_memory(std::span<const std::byte> memory) = 0;
    virtual void release_buffer(BufferId id) noexcept = 0;
    // bytes: all of it, as NewBuffer says.
    [[nodiscard]] virtual std::span<std::byte> map_buffer(BufferId id, std::uint64_t bytes) = 0;
    virtual void unmap_buffer(std::span<std::byte> mapping) noexcept = 0;

    [[nodiscard]] virtual VmId create_vm() = 0;
    virtual void destroy_vm(VmId id) noexcept = 0;
    // All of `ops` or none, in their order. With syncs the bind is asynchronous.
    virtual void bind(VmId id, std::span<const drm_skald_bind_op> ops,
                      std::span<const SyncPoint> syncs) = 0;
    [[nodiscard]] virtual drm_skald_vm_query query_vm(VmId id) = 0;

    [[nodiscard]] virtual QueueId create_queue(const QueueConfig& config) = 0;
    virtual void destroy_queue(QueueId id) noexcept = 0;  // kills its jobs
    // Waits go before the first job, signals behind the last. ENOTRECOVERABLE: banned by a fault.
    virtual void submit(QueueId id, std::span<const drm_skald_job> jobs,
                        std::span<const SyncPoint> syncs) = 0;
    // Returns at once what differs from `seen`, else when something does or the deadline
    // (CLOCK_MONOTONIC) has come. Throws Error with ENOTRECOVERABLE when nothing more will come.
    [[nodiscard]] virtual Progress wait_progress(QueueId id, Progress seen,
                                                 std::int64_t deadline_ns) = 0;
    [[nodiscard]] virtual drm_skald_queue_query query_queue(QueueId id) = 0;
    // Of the ended jobs from number `first` on, as far as they are still known (the last
    // DRM_SKALD_STAMPS_KEPT), oldest first. The queue was made with keep_stamps.
    [[nodiscard]] virtual std::vector<drm_skald_job_stamps> queue_stamps(QueueId id,
                                                                         std::uint64_t first) = 0;

    [[nodiscard]] virtual SyncobjId create_syncobj() = 0;
    virtual void destroy_syncobj(SyncobjId id) noexcept = 0;
    // False after the deadline.
    [[nodiscard]] virtual bool wait_syncobj(SyncobjId id, std::uint64_t point,
                                            std::int64_t deadline_ns) = 0;

  protected:
    Device() = default;
};

// "scalar", "avx2", "avx512", "amx" of drm_skald_query_device::engine_simd.
[[nodiscard]] std::string simd_name(std::uint32_t simd);
// "1.2.3" of the version word of a firmware.
[[nodiscard]] std::string firmware_version_text(std::uint32_t version);

}  // namespace skald::rt
