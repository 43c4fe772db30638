// SPDX-License-Identifier: MIT
// Machines that differ: several cards, an IOMMU, page tables of five levels. Each suite needs a
// machine of its own, see table.ini.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "context.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

void expect_works(const Device& device) {
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
}

// ---- Several cards ----

class Cards : public testing::Test {
  protected:
    void SetUp() override {
        cards_ = all_cards_sysfs();
        ASSERT_GE(cards_.size(), 3u);
        for (const std::string& card : cards_)
            devices_.push_back(std::make_unique<Device>(device_node(card)));
    }
    std::vector<std::string> cards_;
    std::vector<std::unique_ptr<Device>> devices_;
};

TEST_F(Cards, EachHasANodeOfItsOwnAndWorks) {
    std::set<std::string> nodes;
    for (std::size_t i = 0; i < cards_.size(); ++i) {
        nodes.insert(device_node(cards_[i]));
        expect_works(*devices_[i]);
    }
    EXPECT_EQ(nodes.size(), cards_.size());
}

TEST_F(Cards, RunJobsAtTheSameTime) {
    std::vector<std::unique_ptr<Context>> contexts;
    for (const auto& device : devices_) {
        contexts.push_back(std::make_unique<Context>(*device));
        ASSERT_EQ(contexts.back()->submit(
                      announce_and(Program().wait_semaphore(Context::data_va(9), 1).end())),
                  0);
    }
    // Each has begun while none has ended.
    for (const auto& context : contexts)
        EXPECT_TRUE(wait_word(*context, 0, 1));
    for (std::size_t i = 0; i < contexts.size(); ++i) {
        contexts[i]->data(9) = 1;
        EXPECT_EQ(devices_[i]->wait_completed(contexts[i]->queue(), 1), 0);
    }
}

TEST_F(Cards, AFenceOfOneHoldsBackAJobOfAnother) {
    Context first(*devices_[0]), second(*devices_[1]);
    const std::uint32_t here = devices_[0]->syncobj();
    const drm_skald_sync signal = signal_binary(here);
    ASSERT_EQ(first.submit(announce_and(Program().wait_semaphore(Context::data_va(9), 1).end()), 0,
                           {&signal, 1}),
              0);
    // As a file from one to the other.
    const Fd file = devices_[0]->sync_file(here);
    const std::uint32_t there = devices_[1]->syncobj();
    drm_syncobj_handle import{there, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, file.get(),
                              0};
    ASSERT_EQ(devices_[1]->call(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import), 0);
    const drm_skald_sync wait = wait_binary(there);
    ASSERT_EQ(second.submit(write_word(0, 5), 0, {&wait, 1}), 0);
    ::usleep(100000);
    EXPECT_EQ(second.data(0), 0u);
    first.data(9) = 1;
    EXPECT_EQ(devices_[1]->wait_completed(second.queue(), 1), 0);
    EXPECT_EQ(second.data(0), 5u);
}

TEST_F(Cards, AResetOfOneIsNoneOfTheOthers) {
    Context other(*devices_[1]);
    ASSERT_EQ(other.submit(announce_and(Program().wait_semaphore(Context::data_va(9), 1).end())),
              0);
    ASSERT_TRUE(wait_word(other, 0, 1));
    const std::uint32_t resets = devices_[1]->firmware().resets;
    write_file(cards_[0] + "/reset", "1");
    expect_works(*devices_[0]);
    EXPECT_EQ(devices_[1]->firmware().resets, resets);
    other.data(9) = 1;
    EXPECT_EQ(devices_[1]->wait_completed(other.queue(), 1), 0);
}

TEST_F(Cards, UnbindingOneLeavesTheOthers) {
    Context other(*devices_[1]);
    const std::string slot = fs::path(cards_[0]).filename();
    write_file("/sys/bus/pci/drivers/skald/unbind", slot);
    EXPECT_EQ(device_node(cards_[0]), "");
    std::uint32_t vm = 0;
    EXPECT_EQ(devices_[0]->vm_create(&vm), ENODEV);
    EXPECT_EQ(other.run(write_word(0, 1)), 0);
    EXPECT_EQ(other.data(0), 1u);
    write_file("/sys/bus/pci/drivers/skald/bind", slot);
    for (int i = 0; i < 1000 && device_node(cards_[0]).empty(); ++i)
        ::usleep(10000);
    expect_works(Device(device_node(cards_[0])));
}

TEST_F(Cards, ShareSystemMemoryAndNotTheirOwn) {
    std::uint32_t system = 0, card = 0;
    ASSERT_EQ(devices_[0]->bo_create(kMiB, DRM_SKALD_BO_SYSTEM, &system), 0);
    ASSERT_EQ(devices_[0]->bo_create(kBig, DRM_SKALD_BO_CARD, &card), 0);
    drm_prime_handle out{system, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(devices_[0]->call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &out), 0);
    const Fd shared(out.fd);
    drm_prime_handle in{0, 0, out.fd};
    ASSERT_EQ(devices_[1]->call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);

    // Written by one, read by the other.
    constexpr std::uint64_t kVa = 0x40000000;
    Context first(*devices_[0]), second(*devices_[1]);
    ASSERT_EQ(devices_[0]->map_va(first.vm(), system, kVa, kMiB), 0);
    ASSERT_EQ(devices_[1]->map_va(second.vm(), in.handle, kVa, kMiB), 0);
    first.data(1) = 0xabcdef;
    ASSERT_EQ(first.run(Program().copy(kVa + 8192, Context::data_va(1), 8).end()), 0);
    ASSERT_EQ(second.run(Program().copy(Context::data_va(2), kVa + 8192, 8).end()), 0);
    EXPECT_EQ(second.data(2), 0xabcdefu);

    drm_prime_handle own{card, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(devices_[0]->call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &own), 0);
    const Fd unshared(own.fd);
    drm_prime_handle refused{0, 0, own.fd};
    EXPECT_NE(devices_[1]->call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &refused), 0);
}

// ---- intel_iommu=on iommu.strict=1 ----

TEST(Iommu, TheCardIsBehindItAndWorks) {
    const std::string group = card_sysfs() + "/iommu_group/type";
    ASSERT_TRUE(fs::exists(group)) << "no IOMMU";
    EXPECT_EQ(read_file(group), "DMA\n") << "DMA is strict and translated";
    expect_works(Device());
}

// ---- la57 ----

TEST(FiveLevels, MemoryAboveTheOldEndIsMemory) {
    constexpr std::uint64_t kHint = 1ull << 50;
    constexpr std::size_t kBytes = 64 * 1024;
    void* const hint = std::bit_cast<void*>(kHint);
    void* memory = ::mmap(hint, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_EQ(memory, hint) << "the machine has no fifth level";
    std::memcpy(static_cast<char*>(memory) + 4096, "sixteen letters.", 16);
    const Device device;
    std::uint32_t handle = 0;
    ASSERT_EQ(device.userptr(memory, kBytes, &handle), 0);
    Context context(device);
    ASSERT_EQ(device.map_va(context.vm(), handle, 0x100000, kBytes, DRM_SKALD_BIND_READONLY), 0);
    ASSERT_EQ(context.run(Program().copy(Context::data_va(0), 0x101000, 16).end()), 0);
    EXPECT_EQ(std::memcmp(context.map().bytes().data() + kData, "sixteen letters.", 16), 0);
    ::munmap(memory, kBytes);
    // The card's own addresses have 47 bits, wherever the process is.
    EXPECT_EQ(device.map_va(context.vm(), handle, kHint, kBytes, DRM_SKALD_BIND_READONLY), EINVAL);
}

}  // namespace
}  // namespace skald::test
