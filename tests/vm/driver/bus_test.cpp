// SPDX-License-Identifier: MIT
// What bus and platform do to the card: errors of the link, DMA that is bounced, sleep. Each suite
// needs a machine of its own, see table.ini.
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/klog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "context.hpp"
#include "user_queue.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

std::string kernel_log() {
    constexpr int kReadAll = 3, kBufferSize = 10;
    std::string text(static_cast<std::size_t>(::klogctl(kBufferSize, nullptr, 0)), '\0');
    const int bytes = ::klogctl(kReadAll, text.data(), static_cast<int>(text.size()));
    text.resize(static_cast<std::size_t>(bytes > 0 ? bytes : 0));
    return text;
}

void expect_works(const Device& device) {
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
}

// ---- swiotlb=force ----

TEST(Bounced, TheCardIsRefusedWithASentence) {
    EXPECT_TRUE(fs::exists("/sys/module/skald"));
    EXPECT_FALSE(fs::exists(card_sysfs() + "/driver"));
    EXPECT_NE(kernel_log().find("DMA is bounced or not coherent, which this card cannot work with"),
              std::string::npos);
}

// ---- pcie_ports=native ----

// As the kernel's aer_inject module wants it.
struct AerError {
    std::uint8_t bus, device, function;
    std::uint32_t uncorrectable, correctable, header[4], domain;
};

// Of the port above the card; the link is reset for it, if it is fatal.
void inject(std::uint32_t uncorrectable) {
    const std::string port = fs::canonical(card_sysfs()).parent_path().filename();
    unsigned domain = 0, bus = 0, device = 0, function = 0;
    ASSERT_EQ(std::sscanf(port.c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function), 4);
    const AerError error{static_cast<std::uint8_t>(bus),
                         static_cast<std::uint8_t>(device),
                         static_cast<std::uint8_t>(function),
                         uncorrectable,
                         0,
                         {},
                         domain};
    ASSERT_EQ(std::system("modprobe aer_inject"), 0);
    const Fd file(::open("/dev/aer_inject", O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(file);
    ASSERT_EQ(::write(file.get(), &error, sizeof(error)), static_cast<ssize_t>(sizeof(error)));
}

TEST(Aer, AFatalErrorOfTheLinkLosesContextsAndNothingElse) {
    constexpr std::uint32_t kDataLinkProtocolError = 1u << 4;
    const Device device;
    for (int round = 0; round < 3; ++round) {
        const std::uint32_t resets = device.firmware().resets;
        auto lost = std::make_unique<Context>(device);
        const std::uint32_t fence = device.syncobj();
        const drm_skald_sync sync = signal_binary(fence);
        ASSERT_EQ(lost->submit(announce_and(spin()), 0, {&sync, 1}), 0);
        ASSERT_TRUE(wait_word(*lost, 0, 1));
        ASSERT_NO_FATAL_FAILURE(inject(kDataLinkProtocolError));
        EXPECT_EQ(device.syncobj_wait(fence, 60000), 0);
        EXPECT_EQ(device.syncobj_error(fence), EIO);
        for (const std::int64_t deadline = monotonic_ns() + 60000000000;
             device.firmware().resets == resets && monotonic_ns() < deadline;)
            ::usleep(10000);
        EXPECT_EQ(device.firmware().resets, resets + 1);
        EXPECT_EQ(device.queue_destroy(lost->queue()), 0);
        // In the same file.
        expect_works(device);
        ASSERT_FALSE(HasFailure()) << round;
    }
}

// ---- sleep ----

void sleep_and_wake() {
    // It would count the seconds in a loop, which takes many more where the machine is busy.
    write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
    write_file("/sys/power/pm_test", "devices");
    write_file("/sys/power/state", "freeze");
    write_file("/sys/power/pm_test", "none");
}

// Of the bridge to the old bus, what lies where: its power management, of all things, is nowhere
// when QEMU's firmware has brought the machine back, and without it nothing sleeps again or goes
// off.
class PowerBlock {
  public:
    PowerBlock() : config_(::open("/sys/bus/pci/devices/0000:00:1f.0/config", O_RDWR | O_CLOEXEC)) {
        EXPECT_EQ(::pread(config_.get(), &saved_, sizeof(saved_), kAt), 8);
    }
    ~PowerBlock() { EXPECT_EQ(::pwrite(config_.get(), &saved_, sizeof(saved_), kAt), 8); }
    PowerBlock(const PowerBlock&) = delete;
    PowerBlock& operator=(const PowerBlock&) = delete;

  private:
    static constexpr off_t kAt = 0x40;  // address, and whether it is there
    Fd config_;
    std::uint64_t saved_ = 0;
};

// As a closed lid does it: memory alone has power, and the machine's firmware brings it back. Its
// clock wakes it after so many seconds, more than it takes to get to sleep: nothing else would.
void sleep_to_ram(unsigned seconds) {
    constexpr int kTries = 3;
    const std::string alarm = "/sys/class/rtc/rtc0/wakealarm";
    const PowerBlock block;
    write_file("/sys/power/mem_sleep", "deep");
    for (int i = 0; i < kTries; ++i) {
        write_file(alarm, "0");
        write_file(alarm, "+" + std::to_string(seconds));
        const Fd state(::open("/sys/power/state", O_WRONLY | O_CLOEXEC));
        ASSERT_TRUE(state);
        if (::write(state.get(), "mem", 3) == 3)
            return;
        ASSERT_EQ(errno, EBUSY);  // it rang on the way
    }
    FAIL() << "the machine never slept";
}

void expect_kept_over(const std::function<void()>& sleep) {
    const Device device;
    Context context(device);
    std::uint32_t system = 0;
    ASSERT_EQ(device.bo_create(4096, DRM_SKALD_BO_SYSTEM, &system), 0);
    const Mapping map = device.map(system, 4096);
    map.at<std::uint64_t>(0) = 0x5ca1d;
    const std::uint32_t resets = device.firmware().resets;
    for (std::uint64_t round = 1; round <= 3; ++round) {
        ASSERT_EQ(context.run(write_word(round, round)), 0);
        ASSERT_NO_FATAL_FAILURE(sleep());
    }
    ASSERT_EQ(context.run(write_word(4, 4)), 0);
    for (std::uint64_t word = 1; word <= 4; ++word)
        EXPECT_EQ(context.data(word), word);
    EXPECT_EQ(map.at<std::uint64_t>(0), 0x5ca1du);
    EXPECT_EQ(context.query().completed, 4u);
    EXPECT_EQ(device.firmware().resets, resets);
    expect_works(device);
}

TEST(Suspend, BuffersContextsAndQueuesAreKept) {
    expect_kept_over(sleep_and_wake);
}

TEST(SuspendToRam, BuffersContextsAndQueuesAreKept) {
    expect_kept_over([] { sleep_to_ram(15); });
}

TEST(SuspendToRam, AJobThatDoesNotEndLosesItsContextAlone) {
    const Device device;
    Context spinning(device), idle(device);
    const std::uint32_t fence = device.syncobj();
    const drm_skald_sync sync = signal_binary(fence);
    ASSERT_EQ(idle.run(write_word(1, 1)), 0);
    ASSERT_EQ(spinning.submit(announce_and(spin()), 0, {&sync, 1}), 0);
    ASSERT_TRUE(wait_word(spinning, 0, 1));
    ASSERT_NO_FATAL_FAILURE(sleep_to_ram(40));  // the driver waits for the job, for a while
    EXPECT_EQ(device.syncobj_wait(fence, 60000), 0);
    EXPECT_EQ(device.syncobj_error(fence), EIO);
    EXPECT_EQ(spinning.submit(write_word(0, 1)), ENOTRECOVERABLE);
    EXPECT_EQ(idle.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(idle.data(0), 0x600du);
    EXPECT_EQ(idle.data(1), 1u);
}

TEST(Suspend, AJobThatIsAboutToEndMay) {
    const Device device;
    Context context(device);
    const std::uint32_t fence = device.syncobj();
    const drm_skald_sync sync = signal_binary(fence);
    isa::MicroOp loop;
    loop.opcode = static_cast<std::uint8_t>(isa::Opcode::Loop);
    loop.rd = 5;
    Program counting;
    counting.set(5, 100000);
    loop.dim[0] = counting.size();
    counting.raw(loop).set(6, 42).store(Context::data_va(1), 6).end();
    ASSERT_EQ(context.submit(counting, 0, {&sync, 1}), 0);
    sleep_and_wake();
    EXPECT_EQ(device.syncobj_wait(fence, 60000), 0);
    EXPECT_EQ(device.syncobj_error(fence), 0);
    EXPECT_EQ(context.data(1), 42u);
    EXPECT_EQ(context.run(write_word(0, 1)), 0);
}

TEST(Suspend, AJobThatDoesNotEndLosesItsContextAlone) {
    const Device device;
    Context spinning(device), idle(device);
    const std::uint32_t fence = device.syncobj();
    const drm_skald_sync sync = signal_binary(fence);
    ASSERT_EQ(spinning.submit(announce_and(spin()), 0, {&sync, 1}), 0);
    ASSERT_TRUE(wait_word(spinning, 0, 1));
    sleep_and_wake();
    EXPECT_EQ(device.syncobj_wait(fence, 20000), 0);
    EXPECT_EQ(device.syncobj_error(fence), EIO);
    EXPECT_EQ(spinning.submit(write_word(0, 1)), ENOTRECOVERABLE);
    EXPECT_EQ(idle.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(idle.data(0), 0x600du);
}

TEST(Suspend, AUserModeQueueIsLostWithItsSpaceAndNobodyElse) {
    const Device device;
    const Context context(device);
    Context other(device);
    const UserQueue idle(context);
    UserQueue running(context);
    ASSERT_EQ(running.run(context.load(write_word(1, 1))), 0);
    running.submit(context.load(announce_and(spin())));
    ASSERT_TRUE(wait_word(context, 0, 1));
    sleep_and_wake();
    // Its mappings stay, and nobody hears what is written there.
    for (const UserQueue* queue : {&idle, static_cast<const UserQueue*>(&running)}) {
        queue->ring(3);
        EXPECT_EQ(queue->doorbell().at<std::uint32_t>(0), 3u);
        EXPECT_EQ(queue->wait(3, 1000), ENOTRECOVERABLE);
    }
    EXPECT_EQ(other.run(write_word(0, 7)), 0);
    EXPECT_EQ(other.data(0), 7u);
    EXPECT_EQ(running.destroy(), 0);
    const Context fresh(device);
    UserQueue again(fresh);
    EXPECT_EQ(again.run(fresh.load(write_word(0, 3))), 0);
    EXPECT_EQ(fresh.data(0), 3u);
}

TEST(Suspend, ADeadCardIsWholeOrDeadAfterwards) {
    const Device device;
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        write_file(card_sysfs() + "/reset", "1");
    }
    std::uint32_t vm = 0;
    ASSERT_EQ(device.vm_create(&vm), EIO);
    sleep_and_wake();
    // Without bus mastering it would take a job and never say that it has ended.
    if (const int error = device.vm_create(&vm))
        EXPECT_EQ(error, EIO);
    else
        expect_works(device);
}

}  // namespace
}  // namespace skald::test
