// SPDX-License-Identifier: MIT
// What the driver has to have ready, and what the card reaches before the driver has it and after
// it has gone: no memory. The machine is made to be at the moment that counts, whatever else it
// does.
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "context.hpp"
#include "skald/core.h"
#include "skald/regs.h"
#include "skald/ring.h"
#include "tiny_firmware.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 4096;
constexpr int kPatience = 60000;  // ms

const char* const kDriver = "/sys/bus/pci/drivers/skald";

bool eventually(auto done) {
    for (int i = 0; i < kPatience; ++i) {
        if (done())
            return true;
        ::usleep(1000);
    }
    return false;
}

class ModuleLifetime : public testing::Test {
  protected:
    void TearDown() override {
        if (!is_bound())
            bind();
        expect_works();
    }
    static std::string slot() { return fs::path(card_sysfs()).filename(); }
    static void unbind() { write_file(std::string(kDriver) + "/unbind", slot()); }
    static void bind() { write_file(std::string(kDriver) + "/bind", slot()); }
    static bool is_bound() { return fs::exists(card_sysfs() + "/driver"); }
    static void expect_works() {
        ASSERT_TRUE(wait_for_node());
        const Device device;
        Context context(device);
        EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
        EXPECT_EQ(context.data(0), 0x600du);
    }
};

// ---- Meanwhile

// Fences wait for all of them, and memory that runs out may wait for fences: each has a thread of
// its own that is there before memory is asked for.
TEST_F(ModuleLifetime, WorkThatFencesWaitForNeedsNoMemoryToGoOn) {
    std::vector<std::string> rescuers;
    for (const auto& process : fs::directory_iterator("/proc"))
        if (fs::exists(process.path() / "comm"))
            rescuers.push_back(read_file(process.path() / "comm"));
    for (const char* name : {"submit", "bind", "recovery", "cleanup"})
        EXPECT_NE(std::ranges::count(rescuers, std::string("kworker/R-skald-") + name + "\n"), 0)
            << name;
}

// ---- Before: a card that somebody left running

// A page that stays where it is, and where that is.
class PinnedPage {
  public:
    PinnedPage()
        : map_(::mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0),
               kPage) {
        clear();
    }
    void clear() const { std::memset(map_.bytes().data(), 0, kPage); }
    bool is_clear() const {
        for (std::size_t at = 0; at < kPage; at += 8)
            if (map_.at<std::uint64_t>(at) != 0)
                return false;
        return true;
    }
    std::uint64_t physical() const {
        constexpr std::uint64_t kPresent = 1ull << 63, kFrame = (1ull << 55) - 1;
        const Fd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
        std::uint64_t entry = 0;
        const auto at = reinterpret_cast<std::uintptr_t>(map_.bytes().data()) / kPage * 8;
        EXPECT_EQ(::pread(file.get(), &entry, sizeof(entry), static_cast<off_t>(at)), 8);
        EXPECT_TRUE((entry & kPresent) != 0 && (entry & kFrame) != 0);
        return (entry & kFrame) * kPage;
    }

  private:
    Mapping map_;
};

// The card without a driver, as a boot loader or another kernel may use it.
class BareCard {
  public:
    BareCard()
        : config_(::open((card_sysfs() + "/config").c_str(), O_RDWR | O_CLOEXEC)),
          regs_(map(SKALD_BAR_REGS, SKALD_REGS_SIZE)),
          memory_(map(SKALD_BAR_MEMORY, kImageRoom)) {
        command(PCI_COMMAND_MEMORY, 0);
    }
    void command(std::uint16_t on, std::uint16_t off) const {
        std::uint16_t value = 0;
        EXPECT_EQ(::pread(config_.get(), &value, sizeof(value), PCI_COMMAND), 2);
        value = static_cast<std::uint16_t>((value | on) & ~off);
        EXPECT_EQ(::pwrite(config_.get(), &value, sizeof(value), PCI_COMMAND), 2);
    }
    std::uint32_t reg(std::uint32_t offset) const { return regs_.at<std::uint32_t>(offset); }
    bool boot(const std::vector<std::uint8_t>& image) const {
        regs_.at<std::uint32_t>(SKALD_REG_CTRL) = SKALD_CTRL_RESET;
        if (!eventually([&] { return reg(SKALD_REG_STATUS) == SKALD_STATE_IDLE; }))
            return false;
        std::memcpy(memory_.bytes().data(), image.data(), image.size());
        regs_.at<std::uint32_t>(SKALD_REG_BOOT_ADDR_LO) = 0;
        regs_.at<std::uint32_t>(SKALD_REG_BOOT_ADDR_HI) = 0;
        regs_.at<std::uint32_t>(SKALD_REG_BOOT_SIZE) = static_cast<std::uint32_t>(image.size());
        regs_.at<std::uint32_t>(SKALD_REG_HOST_ABI) = SKALD_FW_ABI;
        regs_.at<std::uint32_t>(SKALD_REG_CTRL) = SKALD_CTRL_BOOT;
        return eventually([&] { return reg(SKALD_REG_STATUS) == SKALD_STATE_RUNNING; });
    }
    // The firmware has been through its loop since.
    bool goes_on() const {
        const std::uint32_t before = reg(SKALD_REG_HEARTBEAT);
        return eventually([&] { return reg(SKALD_REG_HEARTBEAT) - before > 10; });
    }

  private:
    static constexpr std::size_t kImageRoom = 1 << 16;
    static Mapping map(int bar, std::size_t bytes) {
        const Fd file(
            ::open((card_sysfs() + "/resource" + std::to_string(bar)).c_str(), O_RDWR | O_CLOEXEC));
        void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
        EXPECT_NE(at, MAP_FAILED);
        return {at == MAP_FAILED ? nullptr : at, bytes};
    }

    Fd config_;
    Mapping regs_, memory_;
};

// Writes a completion to the page again and again, whether it arrives or not.
std::vector<std::uint8_t> writer_to(std::uint64_t page) {
    constexpr std::uint32_t kRecord = SKALD_SRAM_BASE + 0x2000;
    TinyFirmware firmware;
    firmware.store(SKALD_CORE_QH_ID, 0)
        .store(SKALD_CORE_QH_CTX, 0)
        .store(SKALD_CORE_QH_PAGE_LO, static_cast<std::uint32_t>(page))
        .store(SKALD_CORE_QH_PAGE_HI, static_cast<std::uint32_t>(page >> 32))
        .store(SKALD_CORE_QH_VECTOR, 1)
        .store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_SET)
        .store_at(kRecord + offsetof(skald_completion, seq), 1)
        .store(SKALD_CORE_CPL_QUEUE, 0)
        .store(SKALD_CORE_CPL_RECORD, kRecord)
        .ready()
        .mark()
        .store(SKALD_CORE_CPL_POST, 1)
        .beat()
        .spin(100)  // QEMU has a line in its log for each that does not arrive
        .jump_back();
    return firmware.image();
}

TEST_F(ModuleLifetime, ACardThatWasLeftRunningReachesNoMemoryOnceItIsBound) {
    for (int round = 0; round < 3; ++round) {
        unbind();
        const PinnedPage page;
        {
            const BareCard card;
            ASSERT_TRUE(card.boot(writer_to(page.physical())));
            card.command(PCI_COMMAND_MASTER, 0);
            ASSERT_TRUE(eventually([&] { return !page.is_clear(); })) << "it does not write at all";
            card.command(0, PCI_COMMAND_MASTER);
            ASSERT_TRUE(card.goes_on());
            page.clear();
            ASSERT_TRUE(card.goes_on());
            ASSERT_TRUE(page.is_clear());
        }
        // The driver makes it a master again. It must have stopped by then.
        bind();
        EXPECT_TRUE(page.is_clear());
        expect_works();
    }
}

// ---- After: memory that a file gives back while the driver goes

// Memory no two pages of which follow each other, so that its mapping has as many pieces.
Mapping scattered(std::size_t bytes) {
    void* const at =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    EXPECT_EQ(::madvise(at, bytes, MADV_NOHUGEPAGE), 0);
    Mapping memory(at, bytes);
    for (const std::size_t first : {std::size_t{0}, kPage})
        for (std::size_t page = first; page < bytes; page += 2 * kPage)
            memory.at<std::uint8_t>(page) = 1;
    return memory;
}

long buffers() {
    const std::string text = read_file("/sys/kernel/debug/accel/" +
                                       fs::path(card_sysfs()).filename().string() + "/objects");
    const std::size_t at = text.find("buffers: ");
    return at == std::string::npos ? -1 : std::stol(text.substr(at + 9));
}

// The processors' time goes to this while it lives, but for that of threads as important.
class Hog {
  public:
    Hog()
        : thread_([this] {
              const std::int64_t deadline = monotonic_ns() + 10'000'000'000;
              while (!stop_ && monotonic_ns() < deadline) {
              }
          }) {}
    ~Hog() {
        stop_ = true;
        thread_.join();
    }
    Hog(const Hog&) = delete;
    Hog& operator=(const Hog&) = delete;

  private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// The kernel with DMA checks tells of memory that is still mapped when the driver has gone. Whoever
// gives it back is held up in the middle, until the driver has gone or ten seconds are over.
TEST_F(ModuleLifetime, AnUnbindWaitsForMemoryThatIsBeingGivenBack) {
    constexpr std::size_t kBytes = 64u << 20;
    const sched_param none{};
    const Mapping memory = scattered(kBytes);
    Device device;
    std::uint32_t vm = 0, handle = 0;
    ASSERT_EQ(device.vm_create(&vm), 0);
    ASSERT_EQ(device.userptr(memory.bytes().data(), kBytes, &handle), 0);
    ASSERT_EQ(device.map_va(vm, handle, kBase, kBytes, DRM_SKALD_BIND_READONLY), 0);
    ASSERT_EQ(device.unmap_va(vm, kBase, kBytes), 0);
    const long before = buffers();
    ASSERT_GT(before, 0);
    std::atomic<int> closed{-1};
    std::atomic<pid_t> id{0};
    std::thread closer([&] {
        id = ::gettid();
        closed = device.bo_close(handle);
    });
    while (closed < 0 && buffers() == before) {
    }
    // It is no buffer any more, and its pages go back one by one, or have gone: without DMA checks
    // that takes no time.
    const auto let_it_run = [&](int policy) {
        EXPECT_TRUE(::sched_setscheduler(id, policy, &none) == 0 || errno == ESRCH);
    };
    let_it_run(SCHED_IDLE);
    {
        const Hog hog;
        unbind();
    }
    let_it_run(SCHED_OTHER);
    closer.join();
    EXPECT_EQ(closed, 0);
    device.close();
    bind();
    expect_works();
}

}  // namespace
}  // namespace skald::test
