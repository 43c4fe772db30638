// SPDX-License-Identifier: MIT
// Buffers: creation, mmap, user memory, PRIME.
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "context.hpp"

namespace skald::test {
namespace {

TEST(UapiBo, CreateRoundsUpToThePageOfItsKind) {
    const Device device;
    for (const auto& [flags, page] : {std::pair{DRM_SKALD_BO_CARD, kBig},
                                      std::pair{DRM_SKALD_BO_SYSTEM, std::uint64_t{4096}}}) {
        drm_skald_bo_create args{1, static_cast<std::uint32_t>(flags), 0};
        ASSERT_EQ(device.call(DRM_IOCTL_SKALD_BO_CREATE, &args), 0);
        EXPECT_EQ(args.size, page);
        EXPECT_NE(args.handle, 0u);
        EXPECT_EQ(device.bo_close(args.handle), 0);
    }
}

TEST(UapiBo, CreateRejectsZeroSize) {
    const Device device;
    std::uint32_t handle;
    EXPECT_EQ(device.bo_create(0, DRM_SKALD_BO_CARD, &handle), EINVAL);
    EXPECT_EQ(device.bo_create(0, DRM_SKALD_BO_SYSTEM, &handle), EINVAL);
}

TEST(UapiBo, CreateRejectsBadFlags) {
    const Device device;
    std::uint32_t handle;
    for (const std::uint32_t flags : {0u, 3u, 4u, 0x80000001u})
        EXPECT_EQ(device.bo_create(4096, flags, &handle), EINVAL) << flags;
}

TEST(UapiBo, CreateRejectsASizeThatWraps) {
    const Device device;
    std::uint32_t handle;
    EXPECT_EQ(device.bo_create(~0ull, DRM_SKALD_BO_CARD, &handle), EINVAL);
    EXPECT_EQ(device.bo_create(~0ull, DRM_SKALD_BO_SYSTEM, &handle), EINVAL);
}

TEST(UapiBo, CardMemoryRunsOutWithEnospcAndComesBack) {
    const Device device;
    const drm_skald_query_device info = device.info();
    std::uint32_t handle;
    EXPECT_EQ(device.bo_create(info.mem_size + 1, DRM_SKALD_BO_CARD, &handle), ENOSPC);
    EXPECT_EQ(device.bo_create(1ull << 50, DRM_SKALD_BO_CARD, &handle), ENOSPC);

    const std::uint64_t used = device.usage().mem_used;
    std::vector<std::uint32_t> handles;
    int error = 0;
    while ((error = device.bo_create(16 * kBig, DRM_SKALD_BO_CARD, &handle)) == 0)
        handles.push_back(handle);
    EXPECT_EQ(error, ENOSPC);
    EXPECT_GE(handles.size(), (info.mem_size - used) / (16 * kBig));
    for (const std::uint32_t h : handles)
        EXPECT_EQ(device.bo_close(h), 0);
    EXPECT_LE(device.usage().mem_used, used);
}

TEST(UapiBo, SystemMemoryBeyondTheMachineIsEnomem) {
    const Device device;
    std::uint32_t handle;
    EXPECT_EQ(device.bo_create(1ull << 46, DRM_SKALD_BO_SYSTEM, &handle), ENOMEM);
}

TEST(UapiBo, NewBuffersAreZeroEvenWhereOldOnesWere) {
    const Device device;
    for (const std::uint32_t kind : {DRM_SKALD_BO_CARD, DRM_SKALD_BO_SYSTEM})
        for (int round = 0; round < 3; ++round) {
            std::uint32_t handle;
            ASSERT_EQ(device.bo_create(kBig, kind, &handle), 0);
            const Mapping map = device.map(handle, kBig);
            ASSERT_TRUE(map);
            for (std::size_t i = 0; i < kBig; i += 4096)
                ASSERT_EQ(map.at<std::uint64_t>(i), 0u) << kind << " " << round << " " << i;
            std::memset(map.bytes().data(), 0x5a, kBig);
            EXPECT_EQ(device.bo_close(handle), 0);
        }
}

TEST(UapiBo, MmapKeepsWhatIsWrittenAndOutlivesTheHandle) {
    const Device device;
    for (const std::uint32_t kind : {DRM_SKALD_BO_CARD, DRM_SKALD_BO_SYSTEM}) {
        std::uint32_t handle;
        ASSERT_EQ(device.bo_create(2 * kBig, kind, &handle), 0);
        const Mapping first = device.map(handle, 2 * kBig);
        const Mapping second = device.map(handle, 2 * kBig);
        ASSERT_TRUE(first && second);
        for (std::size_t i = 0; i < 2 * kBig; i += 4096)
            first.at<std::uint64_t>(i) = i + 1;
        EXPECT_EQ(device.bo_close(handle), 0);
        for (std::size_t i = 0; i < 2 * kBig; i += 4096)
            ASSERT_EQ(second.at<std::uint64_t>(i), i + 1) << kind;
    }
}

TEST(UapiBo, MmapTakesTheBeginningButNothingFromTheMiddle) {
    const Device device;
    for (const std::uint32_t kind : {DRM_SKALD_BO_CARD, DRM_SKALD_BO_SYSTEM}) {
        std::uint32_t handle;
        ASSERT_EQ(device.bo_create(2 * kBig, kind, &handle), 0);
        const Mapping whole = device.map(handle, 2 * kBig);
        const Mapping part = device.map(handle, 8192);
        ASSERT_TRUE(whole && part);
        whole.at<std::uint64_t>(4096) = 42;
        EXPECT_EQ(part.at<std::uint64_t>(4096), 42u);
        drm_skald_bo_mmap_offset args{handle, 0, 0};
        ASSERT_EQ(device.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args), 0);
        EXPECT_EQ(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, device.fd(),
                         static_cast<off_t>(args.offset + kBig)),
                  MAP_FAILED);
        EXPECT_EQ(device.bo_close(handle), 0);
    }
}

TEST(UapiBo, MmapRefusesCopyOnWriteAndSizesBeyondTheEnd) {
    const Device device;
    for (const std::uint32_t kind : {DRM_SKALD_BO_CARD, DRM_SKALD_BO_SYSTEM}) {
        std::uint32_t handle;
        ASSERT_EQ(device.bo_create(kBig, kind, &handle), 0);
        drm_skald_bo_mmap_offset args{handle, 0, 0};
        ASSERT_EQ(device.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args), 0);
        const auto offset = static_cast<off_t>(args.offset);
        EXPECT_EQ(::mmap(nullptr, kBig, PROT_READ | PROT_WRITE, MAP_PRIVATE, device.fd(), offset),
                  MAP_FAILED);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(::mmap(nullptr, 2 * kBig, PROT_READ, MAP_SHARED, device.fd(), offset),
                  MAP_FAILED);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(device.bo_close(handle), 0);
    }
}

TEST(UapiBo, MmapOfAnotherFilesBufferIsRefused) {
    const Device device;
    const Device other;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    drm_skald_bo_mmap_offset args{handle, 0, 0};
    ASSERT_EQ(device.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args), 0);
    EXPECT_EQ(
        ::mmap(nullptr, kBig, PROT_READ, MAP_SHARED, other.fd(), static_cast<off_t>(args.offset)),
        MAP_FAILED);
    EXPECT_EQ(errno, EACCES);
}

TEST(UapiBo, MmapOffsetRejectsFlagsAndBadHandles) {
    const Device device;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(4096, DRM_SKALD_BO_SYSTEM, &handle), 0);
    drm_skald_bo_mmap_offset flags{handle, 1, 0};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &flags), EINVAL);
    drm_skald_bo_mmap_offset bad{handle + 100, 0, 0};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &bad), ENOENT);
}

class UapiUserptr : public testing::Test {
  protected:
    void SetUp() override {
        memory_ =
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(memory_, MAP_FAILED);
    }
    void TearDown() override { ::munmap(memory_, kBytes); }
    char* at(std::size_t offset) const { return static_cast<char*>(memory_) + offset; }

    static constexpr std::size_t kBytes = 64 * 1024;
    void* memory_ = nullptr;
    Device device_;
    std::uint32_t handle_ = 0;
};

TEST_F(UapiUserptr, RejectsBadArguments) {
    EXPECT_EQ(device_.userptr(at(1), 4096, &handle_), EINVAL);
    EXPECT_EQ(device_.userptr(at(0), 0, &handle_), EINVAL);
    EXPECT_EQ(device_.userptr(at(0), 4095, &handle_), EINVAL);
    EXPECT_EQ(device_.userptr(at(0), -4096ull, &handle_), EINVAL);
}

TEST_F(UapiUserptr, RejectsFlags) {
    drm_skald_bo_userptr args{reinterpret_cast<std::uint64_t>(memory_), 4096, 0, 0};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_BO_USERPTR, &args), EOPNOTSUPP);
    args.flags = 3;
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_BO_USERPTR, &args), EINVAL);
}

TEST_F(UapiUserptr, MemoryThatIsNotThereIsEfault) {
    ASSERT_EQ(::munmap(at(8192), 4096), 0);
    EXPECT_EQ(device_.userptr(at(0), 16384, &handle_), EFAULT);
    ASSERT_EQ(::mprotect(at(0), 4096, PROT_NONE), 0);
    EXPECT_EQ(device_.userptr(at(0), 4096, &handle_), EFAULT);
    EXPECT_EQ(device_.userptr(reinterpret_cast<void*>(~0xfffull << 8), 4096, &handle_), EFAULT);
}

TEST_F(UapiUserptr, CountsAgainstTheMemlockLimit) {
    // In a child without CAP_IPC_LOCK: another user.
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const rlimit limit{32 * 1024, 32 * 1024};
        std::uint32_t first = 0, second = 0;
        int status = 0;
        if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || ::setgid(1000) != 0 || ::setuid(1000) != 0)
            status = 1;
        else if (device_.userptr(at(0), 48 * 1024, &first) != ENOMEM)
            status = 2;
        else if (device_.userptr(at(0), 24 * 1024, &first) != 0)
            status = 3;
        else if (device_.userptr(at(0), 12 * 1024, &second) != ENOMEM)
            status = 4;
        else if (device_.bo_close(first) != 0 || device_.userptr(at(0), 32 * 1024, &second) != 0)
            status = 5;
        ::_exit(status);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

TEST_F(UapiUserptr, CannotBeMappedOrExported) {
    ASSERT_EQ(device_.userptr(memory_, kBytes, &handle_), 0);
    drm_skald_bo_mmap_offset args{handle_, 0, 0};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args), EOPNOTSUPP);
    drm_prime_handle prime{handle_, 0, -1};
    EXPECT_EQ(device_.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), EOPNOTSUPP);
}

TEST_F(UapiUserptr, TheCardReadsItButCannotWriteIt) {
    std::memcpy(at(4096), "sixteen letters.", 16);
    ASSERT_EQ(device_.userptr(memory_, kBytes, &handle_), 0);
    Context context(device_);
    EXPECT_EQ(device_.map_va(context.vm(), handle_, 0x100000, kBytes), EACCES);
    ASSERT_EQ(device_.map_va(context.vm(), handle_, 0x100000, kBytes, DRM_SKALD_BIND_READONLY), 0);
    ASSERT_EQ(context.run(Program().copy(Context::data_va(0), 0x101000, 16).end()), 0);
    EXPECT_EQ(std::memcmp(context.map().bytes().data() + kData, "sixteen letters.", 16), 0);

    ASSERT_EQ(context.run(Program().copy(0x101000, Context::data_va(0), 16).end()), 0);
    const drm_skald_vm_query fault = device_.vm_query(context.vm());
    EXPECT_EQ(fault.reason, 4u);  // READONLY
    EXPECT_EQ(fault.address, 0x101000u);
}

TEST_F(UapiUserptr, StaysPinnedWhenTheProcessUnmapsIt) {
    std::memcpy(at(0), "still here 12345", 16);
    ASSERT_EQ(device_.userptr(memory_, kBytes, &handle_), 0);
    Context context(device_);
    ASSERT_EQ(device_.map_va(context.vm(), handle_, 0x100000, kBytes, DRM_SKALD_BIND_READONLY), 0);
    ASSERT_EQ(::munmap(at(0), 4096), 0);
    ASSERT_EQ(device_.bo_close(handle_), 0);
    ASSERT_EQ(context.run(Program().copy(Context::data_va(0), 0x100000, 16).end()), 0);
    EXPECT_EQ(std::memcmp(context.map().bytes().data() + kData, "still here 12345", 16), 0);
}

TEST(UapiPrime, SystemBuffersTravelBetweenFiles) {
    const Device device;
    const Device other;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(8192, DRM_SKALD_BO_SYSTEM, &handle), 0);
    drm_prime_handle prime{handle, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(device.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    drm_prime_handle import{0, 0, prime.fd};
    ASSERT_EQ(other.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);

    const Mapping ours = device.map(handle, 8192);
    const Mapping theirs = other.map(import.handle, 8192);
    ASSERT_TRUE(ours && theirs);
    ours.at<std::uint64_t>(4096) = 77;
    EXPECT_EQ(theirs.at<std::uint64_t>(4096), 77u);
}

TEST(UapiPrime, CardBuffersTravelBetweenFilesOfTheCard) {
    const Device device;
    std::uint64_t used = device.usage().mem_used;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    used += kBig;
    drm_prime_handle prime{handle, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(device.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    const Device other;
    drm_prime_handle import{0, 0, prime.fd};
    ASSERT_EQ(other.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
    EXPECT_EQ(device.usage().mem_used, used) << "one buffer, not two";

    const Mapping ours = device.map(handle, kBig);
    const Mapping theirs = other.map(import.handle, kBig);
    ASSERT_TRUE(ours && theirs);
    ours.at<std::uint64_t>(4096) = 77;
    EXPECT_EQ(theirs.at<std::uint64_t>(4096), 77u);

    // The other's jobs reach it, also when whoever made it is gone.
    ASSERT_EQ(device.bo_close(handle), 0);
    Context context(other);
    ASSERT_EQ(other.map_va(context.vm(), import.handle, 0x40000000, kBig), 0);
    ASSERT_EQ(context.run(Program().load(1, 0x40001000).store(Context::data_va(0), 1).end()), 0);
    EXPECT_EQ(context.data(0), 77u);
}

TEST(UapiPrime, ACardBufferIsMappedThroughItsDmabufAndSurvivesAReset) {
    const Device device;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    drm_prime_handle prime{handle, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(device.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    const Mapping map(::mmap(nullptr, kBig, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf.get(), 0),
                      kBig);
    ASSERT_NE(map.bytes().data(), MAP_FAILED);
    device.map(handle, kBig).at<std::uint64_t>(8192) = 99;
    EXPECT_EQ(map.at<std::uint64_t>(8192), 99u);
    // It takes the mapping away, and the fault brings it back.
    write_file(card_sysfs() + "/reset", "1");
    EXPECT_EQ(map.at<std::uint64_t>(8192), 99u);
}

// What the card reads from a foreign buffer and writes to it, by what a process sees in it.
void expect_reached(const Device& device, int dmabuf, std::size_t bytes) {
    const Mapping map(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0), bytes);
    ASSERT_NE(map.bytes().data(), MAP_FAILED);
    drm_prime_handle import{0, 0, dmabuf};
    ASSERT_EQ(device.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
    constexpr std::uint64_t kVa = 0x40000000;
    Context context(device);
    ASSERT_EQ(device.map_va(context.vm(), import.handle, kVa, bytes), 0);
    for (std::size_t page = 0; page < bytes; page += 4096)
        map.at<std::uint64_t>(page) = page + 1;
    for (const std::size_t page : {std::size_t{0}, bytes / 2, bytes - 4096}) {
        ASSERT_EQ(context.run(Program()
                                  .copy(Context::data_va(0), kVa + page, 8)
                                  .set(2, page + 2)
                                  .store(Context::data_va(1), 2)
                                  .copy(kVa + page + 8, Context::data_va(1), 8)
                                  .end()),
                  0);
        EXPECT_EQ(context.data(0), page + 1);
        EXPECT_EQ(map.at<std::uint64_t>(page + 8), page + 2);
    }
    // Unmapped and closed, it is nobody's but its owner's.
    ASSERT_EQ(device.bo_close(import.handle), 0);
    ASSERT_EQ(device.unmap_va(context.vm(), kVa, bytes), 0);
    EXPECT_EQ(map.at<std::uint64_t>(8), 2u);
}

TEST(UapiPrime, ImportsMemoryFilesThroughUdmabuf) {
    constexpr std::size_t kBytes = 64 * 4096;
    const Device device;
    const Fd memory(::memfd_create("skald", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(memory.get(), kBytes), 0);
    ASSERT_EQ(::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    const Fd udmabuf(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(udmabuf);
    udmabuf_create create{static_cast<__u32>(memory.get()), UDMABUF_FLAGS_CLOEXEC, 0, kBytes};
    const Fd dmabuf(::ioctl(udmabuf.get(), UDMABUF_CREATE, &create));
    ASSERT_TRUE(dmabuf);
    expect_reached(device, dmabuf.get(), kBytes);
}

TEST(UapiPrime, ImportsBuffersOfADmaHeap) {
    constexpr std::size_t kBytes = 3 * kMiB;
    const Device device;
    const Fd heap(::open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(heap);
    dma_heap_allocation_data allocation{kBytes, 0, O_RDWR | O_CLOEXEC, 0};
    ASSERT_EQ(::ioctl(heap.get(), DMA_HEAP_IOCTL_ALLOC, &allocation), 0);
    const Fd dmabuf(static_cast<int>(allocation.fd));
    expect_reached(device, dmabuf.get(), kBytes);
}

TEST(UapiPrime, ADmabufThatIsNoneIsRefused) {
    const Device device;
    const Fd memory(::memfd_create("skald", MFD_CLOEXEC));
    drm_prime_handle import{0, 0, memory.get()};
    EXPECT_EQ(device.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), EINVAL);
}

}  // namespace
}  // namespace skald::test
