// SPDX-License-Identifier: MIT
// QUERY: sizes, contents, errors.
#include <cerrno>
#include <cstring>

#include "context.hpp"

namespace skald::test {
namespace {

TEST(UapiQuery, NullPointerReturnsTheSize) {
    const Device device;
    for (const auto& [type, size] : {std::pair<std::uint32_t, std::size_t>{
                                         DRM_SKALD_QUERY_DEVICE, sizeof(drm_skald_query_device)},
                                     {DRM_SKALD_QUERY_FIRMWARE, sizeof(drm_skald_query_firmware)},
                                     {DRM_SKALD_QUERY_USAGE, sizeof(drm_skald_query_usage)}}) {
        drm_skald_query args{type, 0, 0};
        EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUERY, &args), 0);
        EXPECT_EQ(args.size, size);
    }
}

TEST(UapiQuery, WritesNoMoreThanAskedFor) {
    const Device device;
    unsigned char bytes[sizeof(drm_skald_query_device)];
    std::memset(bytes, 0xaa, sizeof(bytes));
    drm_skald_query args{DRM_SKALD_QUERY_DEVICE, 4, reinterpret_cast<std::uint64_t>(bytes)};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUERY, &args), 0);
    EXPECT_EQ(args.size, 4u);
    EXPECT_EQ(bytes[4], 0xaa);
}

TEST(UapiQuery, ALargerBufferIsFilledAsFarAsKnown) {
    const Device device;
    unsigned char bytes[256];
    drm_skald_query args{DRM_SKALD_QUERY_FIRMWARE, sizeof(bytes),
                         reinterpret_cast<std::uint64_t>(bytes)};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUERY, &args), 0);
    EXPECT_EQ(args.size, sizeof(drm_skald_query_firmware));
}

TEST(UapiQuery, RejectsUnknownType) {
    const Device device;
    drm_skald_query args{99, 0, 0};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUERY, &args), EINVAL);
}

TEST(UapiQuery, RejectsBadPointer) {
    const Device device;
    drm_skald_query args{DRM_SKALD_QUERY_DEVICE, 72, 16};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUERY, &args), EFAULT);
}

TEST(UapiQuery, DeviceIsPlausible) {
    const Device device;
    const drm_skald_query_device info = device.info();
    EXPECT_EQ(info.device_abi >> 16, 1u);
    EXPECT_EQ(info.num_queues, 256u);
    EXPECT_EQ(info.num_contexts, 64u);
    EXPECT_EQ(info.mem_size % kBig, 0u);
    EXPECT_GT(info.mem_size, 0u);
    EXPECT_EQ(info.va_start, 0x1000u);
    EXPECT_EQ(info.va_end, 0x7f0000000000u);
    EXPECT_EQ(info.card_page_size, kBig);
    EXPECT_EQ(info.system_page_size, 4096u);
    EXPECT_EQ(info.ring_jobs, 32u);
    EXPECT_LE(info.engine_simd, 3u);
    EXPECT_GE(info.engine_threads, 1u);
}

TEST(UapiQuery, FirmwareVersionIsTheOneInSysfs) {
    const Device device;
    const drm_skald_query_firmware info = device.firmware();
    char text[32];
    std::snprintf(text, sizeof(text), "%u.%u.%u\n", info.version >> 24, (info.version >> 16) & 0xff,
                  info.version & 0xffff);
    EXPECT_EQ(read_file(card_sysfs() + "/fw_version"), text);
    EXPECT_EQ(info.abi >> 16, 1u);
}

TEST(UapiQuery, UsageCountsWhatThisFileHolds) {
    const Device device;
    const drm_skald_query_usage before = device.settled_usage();
    Context context(device);
    EXPECT_EQ(context.run(write_word(1, 2)), 0);
    const drm_skald_query_usage after = device.usage();
    EXPECT_EQ(after.vms, before.vms + 1);
    EXPECT_EQ(after.queues, before.queues + 1);
    EXPECT_EQ(after.submissions, before.submissions + 1);
    EXPECT_GT(after.micro_ops, before.micro_ops);
    EXPECT_GT(after.interrupts, before.interrupts);
    EXPECT_GE(after.mem_used, before.mem_used + kBig);
    EXPECT_GE(after.clients, 1u);
    EXPECT_EQ(after.pad, 0u);
}

TEST(Uapi, UnknownIoctlIsRefused) {
    const Device device;
    std::uint64_t nothing = 0;
    // Numbers behind the last are not ours: the DRM core says so.
    EXPECT_EQ(device.call(DRM_IOWR(DRM_COMMAND_BASE + 0x3f, std::uint64_t), &nothing), EINVAL);
}

// The core checks an accel node's file as that of a primary node, which has a master; ours has
// none, and what follows it would be the kernel's end.
TEST(Uapi, CallsOfTheCoreThatNeedAMasterAreRefused) {
    const Device device;
    drm_auth auth{};
    EXPECT_EQ(device.call(DRM_IOCTL_GET_MAGIC, &auth), EACCES);
    drm_unique unique{};
    EXPECT_EQ(device.call(DRM_IOCTL_GET_UNIQUE, &unique), EACCES);
    drm_set_version version{};
    EXPECT_EQ(device.call(DRM_IOCTL_SET_VERSION, &version), EACCES);
    EXPECT_EQ(device.call(DRM_IOCTL_DROP_MASTER, nullptr), EACCES);
    drm_client client{};
    EXPECT_EQ(device.call(DRM_IOCTL_GET_CLIENT, &client), EACCES);
}

TEST(Uapi, VersionIsTheHeaders) {
    const Device device;
    char name[16] = {};
    drm_version version{};
    version.name = name;
    version.name_len = sizeof(name) - 1;
    ASSERT_EQ(device.call(DRM_IOCTL_VERSION, &version), 0);
    EXPECT_STREQ(name, "skald");
    EXPECT_EQ(version.version_major, SKALD_DRIVER_MAJOR);
    EXPECT_EQ(version.version_minor, SKALD_DRIVER_MINOR);
}

}  // namespace
}  // namespace skald::test
