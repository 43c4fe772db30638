// SPDX-License-Identifier: MIT
// Coming and going of the driver: unbind and bind, rmmod and modprobe, hot unplug, with and without
// open files; firmware that is missing, wrong or broken. Leaves the driver loaded and bound.
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <thread>
#include <vector>

#include "context.hpp"
#include "skald/fw_image.h"
#include "tiny_firmware.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

const char* const kDriver = "/sys/bus/pci/drivers/skald";
const char* const kImage = "/lib/firmware/skald/skald_fw.bin";

int command(const std::string& line) {
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string slot() {
    return fs::path(card_sysfs()).filename();
}
void unbind() {
    write_file(std::string(kDriver) + "/unbind", slot());
}
void bind() {
    write_file(std::string(kDriver) + "/bind", slot());
}
bool is_bound() {
    return fs::exists(card_sysfs() + "/driver");
}

// What the kernel logs from now on.
class KernelLog {
  public:
    KernelLog() : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
        EXPECT_TRUE(fd_);
        ::lseek(fd_.get(), 0, SEEK_END);
    }
    // The driver's lines of error level or worse; what the PCI core and the firmware loader say
    // about it is not among them.
    std::vector<std::string> errors() {
        std::vector<std::string> lines;
        char record[8192];
        ssize_t bytes = 0;
        while ((bytes = ::read(fd_.get(), record, sizeof(record) - 1)) > 0) {
            record[bytes] = 0;
            const std::string text = std::strchr(record, ';') + 1;
            const std::string line = text.substr(0, text.find('\n'));
            if ((std::atoi(record) & 7) <= 3 && line.starts_with("skald") &&
                line.find("[drm]") != std::string::npos)
                lines.push_back(line);
        }
        return lines;
    }

  private:
    Fd fd_;
};

void expect_works() {
    ASSERT_TRUE(wait_for_node());
    const Device device;
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
}

// A call in a process of its own, as it may hang in the kernel where the driver is wrong: who hangs
// there can neither be killed nor end.
class Call {
  public:
    explicit Call(const std::function<int()>& call) : pid_(::fork()) {
        EXPECT_GE(pid_, 0);
        if (pid_ == 0)
            ::_exit(call());
    }
    // What it returned. Without it nothing can be taken back, so that the program ends, too.
    int result(const char* what) const {
        constexpr int kSeconds = 60;
        int status = 0;
        for (int i = 0; i < kSeconds * 100; ++i) {
            if (::waitpid(pid_, &status, WNOHANG) == pid_)
                return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            ::usleep(10000);
        }
        ADD_FAILURE() << what << " does not end";
        std::fflush(stdout);
        ::_exit(1);
    }

  private:
    pid_t pid_;
};

// A test of the driver where it waits for itself would not get to its end.
int unbind_if_it_ends() {
    return Call([] {
               unbind();
               return 0;
           })
        .result("the unbind");
}

class Module : public testing::Test {
  protected:
    void TearDown() override {
        // Whatever a test did, the next one begins with a working card.
        if (!fs::exists("/sys/module/skald")) {
            ASSERT_EQ(command("modprobe skald"), 0);
        }
        if (!is_bound())
            bind();
        expect_works();
    }
};

TEST_F(Module, UnbindAndBind) {
    for (int i = 0; i < 5; ++i) {
        unbind();
        EXPECT_FALSE(is_bound());
        EXPECT_EQ(device_node(), "");
        bind();
        expect_works();
    }
}

TEST_F(Module, TwentyTimesRmmodAndModprobe) {
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(command("rmmod skald"), 0) << i;
        ASSERT_FALSE(fs::exists("/sys/module/skald"));
        ASSERT_EQ(command("modprobe skald"), 0) << i;
        expect_works();
    }
}

TEST_F(Module, RmmodIsRefusedWhileAFileIsOpen) {
    const Device device;
    EXPECT_NE(command("rmmod skald 2>/dev/null"), 0);
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 1)), 0);
}

TEST_F(Module, RmmodAfterUnbindAndTheOtherWayRound) {
    unbind();
    EXPECT_EQ(command("rmmod skald"), 0);
    EXPECT_EQ(command("modprobe skald"), 0);
    expect_works();
    EXPECT_EQ(command("rmmod skald"), 0);
    EXPECT_EQ(command("modprobe skald"), 0);
}

TEST_F(Module, AnOpenFileSurvivesAnUnbindWithEnodev) {
    Device device;
    auto context = std::make_unique<Context>(device);
    std::uint32_t system;
    ASSERT_EQ(device.bo_create(8192, DRM_SKALD_BO_SYSTEM, &system), 0);
    ASSERT_EQ(device.map_va(context->vm(), system, 0x100000, 8192), 0);
    ASSERT_EQ(context->submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(*context, 0, 1));
    int waited = -1;
    std::thread waiter([&] { waited = device.wait_completed(context->queue(), 5, 60000); });
    unbind();
    waiter.join();
    EXPECT_EQ(waited, ENODEV);

    std::uint32_t id = 0;
    EXPECT_EQ(device.bo_create(4096, DRM_SKALD_BO_SYSTEM, &id), ENODEV);
    EXPECT_EQ(device.vm_create(&id), ENODEV);
    EXPECT_EQ(device.queue_create(context->vm(), &id), ENODEV);
    EXPECT_EQ(device.queue_destroy(context->queue()), ENODEV);
    EXPECT_EQ(device.vm_destroy(context->vm()), ENODEV);
    EXPECT_EQ(device.unmap_va(context->vm(), kBase, kBig), ENODEV);
    const drm_skald_job job{kBase, kBase + kArgs, 0, 0, 0, 1, 0};
    EXPECT_EQ(device.submit(context->queue(), {&job, 1}), ENODEV);
    drm_skald_query_device info{};
    EXPECT_EQ(device.query(DRM_SKALD_QUERY_DEVICE, &info, sizeof(info)), ENODEV);
    drm_skald_wait_progress wait{};
    wait.queue_id = context->queue();
    EXPECT_EQ(device.wait_progress(wait, 0), ENODEV);

    // A new life beside the old one.
    bind();
    expect_works();
    EXPECT_EQ(device.vm_create(&id), ENODEV);
    context.reset();
    device.close();
}

TEST_F(Module, FilesMayBeClosedWhileTheDriverIsUnbound) {
    for (int round = 0; round < 10; ++round) {
        std::vector<std::unique_ptr<Device>> devices;
        std::vector<std::unique_ptr<Context>> contexts;
        for (int i = 0; i < 8; ++i) {
            devices.push_back(std::make_unique<Device>());
            contexts.push_back(std::make_unique<Context>(*devices.back()));
            std::uint32_t system;
            ASSERT_EQ(devices.back()->bo_create(kBig, DRM_SKALD_BO_SYSTEM, &system), 0);
            ASSERT_EQ(devices.back()->map_va(contexts.back()->vm(), system, 0x100000, kBig), 0);
        }
        std::thread closer([&] {
            contexts.clear();
            devices.clear();
        });
        unbind();
        closer.join();
        bind();
        expect_works();
    }
}

TEST_F(Module, CardMemoryThatIsGoneIsSigbus) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const Device device;
        const Context context(device);
        context.data(0) = 1;
        unbind();
        context.data(0) = 2;
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) << status;
}

TEST_F(Module, SystemMemorySurvivesAnUnbind) {
    const Device device;
    std::uint32_t system;
    ASSERT_EQ(device.bo_create(8192, DRM_SKALD_BO_SYSTEM, &system), 0);
    const Mapping map = device.map(system, 8192);
    map.at<std::uint64_t>(4096) = 5;
    unbind();
    EXPECT_EQ(map.at<std::uint64_t>(4096), 5u);
    map.at<std::uint64_t>(0) = 6;
}

TEST_F(Module, UnplugInMidJobAndRescan) {
    const std::string card = card_sysfs();
    Device device;
    auto context = std::make_unique<Context>(device);
    ASSERT_EQ(context->submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(*context, 0, 1));
    write_file(card + "/remove", "1");
    EXPECT_FALSE(fs::exists(card));
    std::uint32_t id;
    EXPECT_EQ(device.vm_create(&id), ENODEV);
    context.reset();
    device.close();
    write_file("/sys/bus/pci/rescan", "1");
    EXPECT_TRUE(is_bound());
    expect_works();
}

TEST_F(Module, ACardThatFellOffTheBusIsDeadAndWorksWhenItIsBoundAgain) {
    Device device;
    auto context = std::make_unique<Context>(device);
    const std::uint32_t fence = device.syncobj();
    const drm_skald_sync out = signal_binary(fence);
    ASSERT_EQ(context->submit(announce_and(spin()), 0, {&out, 1}), 0);
    ASSERT_TRUE(wait_word(*context, 0, 1));
    KernelLog log;
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        write_file(card_sysfs() + "/reset", "1");
    }
    // The watchdog may have found out first, and said the same.
    const std::vector<std::string> errors = log.errors();
    ASSERT_GE(errors.size(), 2u);
    const std::string &why = errors[errors.size() - 2], &what = errors.back();
    EXPECT_NE(why.find("card does not answer, its ID reads"), std::string::npos) << why;
    EXPECT_NE(what.find("the card is dead until it is reset or bound again"), std::string::npos)
        << what;
    // What was under way has ended, what is new is refused, what needs no card still works.
    EXPECT_EQ(device.syncobj_wait(fence, 0), 0);
    EXPECT_EQ(device.syncobj_error(fence), EIO);
    std::uint32_t id = 0;
    EXPECT_EQ(device.vm_create(&id), EIO);
    const drm_skald_job job{kBase, kBase + kArgs, 0, 0, 0, 1, 0};
    EXPECT_EQ(device.submit(context->queue(), {&job, 1}), ENOTRECOVERABLE);
    drm_skald_query_firmware firmware{};
    EXPECT_EQ(device.query(DRM_SKALD_QUERY_FIRMWARE, &firmware, sizeof(firmware)), 0);
    context.reset();
    device.close();
    unbind();
    bind();
    expect_works();
}

TEST_F(Module, AnUnbindDoesNotWaitForACallThatWaitsForAResetOfALostCard) {
    Device device;
    auto context = std::make_unique<Context>(device);
    int destroyed = -1;
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        const Call call([&] { return device.queue_destroy(context->queue()); });
        ::usleep(20000);  // let it be inside; it may be late as well
        EXPECT_EQ(unbind_if_it_ends(), 0);
        destroyed = call.result("QUEUE_DESTROY");
    }
    EXPECT_TRUE(destroyed == 0 || destroyed == ENODEV) << destroyed;
    context.reset();
    device.close();
    bind();
    expect_works();
}

TEST_F(Module, ClosingTheFileOfALostCardEndsAndAResetBringsItBack) {
    const Call call([] {
        Device device;
        auto context = std::make_unique<Context>(device);
        const CommandOff off(PCI_COMMAND_MEMORY);
        context.reset();  // its mapping holds the file
        device.close();
        return testing::Test::HasFailure() ? 1 : 0;
    });
    EXPECT_EQ(call.result("close()"), 0);
    write_file(card_sysfs() + "/reset", "1");
    expect_works();
}

TEST_F(Module, AResetThatSucceedsRevivesADeadCard) {
    Device device;
    auto old = std::make_unique<Context>(device);
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        write_file(card_sysfs() + "/reset", "1");
    }
    std::uint32_t id = 0;
    ASSERT_EQ(device.vm_create(&id), EIO);
    write_file(card_sysfs() + "/reset", "1");
    // In the same file: nothing has to be opened or bound again. Only what was on the card is lost.
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
    EXPECT_EQ(old->submit(write_word(0, 1)), ENOTRECOVERABLE);
    EXPECT_NE(device.firmware().heartbeat, 0u);
    old.reset();
}

// ---- Firmware ----

class Firmware : public Module {
  protected:
    void SetUp() override {
        const std::string bytes = read_file(kImage);
        image_.assign(bytes.begin(), bytes.end());
        ASSERT_GE(image_.size(), sizeof(skald_fw_header));
    }
    void TearDown() override {
        install(image_);
        Module::TearDown();
    }
    static void install(const std::vector<std::uint8_t>& image) {
        std::ofstream out(kImage, std::ios::binary | std::ios::trunc);
        out.write(reinterpret_cast<const char*>(image.data()),
                  static_cast<std::streamsize>(image.size()));
    }
    // Binding with this image fails with one line that matches.
    void expect_refused(const std::vector<std::uint8_t>& image, const std::string& line) {
        if (is_bound())
            unbind();
        install(image);
        KernelLog log;
        EXPECT_THROW(bind(), std::runtime_error);
        EXPECT_FALSE(is_bound());
        const std::vector<std::string> errors = log.errors();
        ASSERT_GE(errors.size(), 1u);
        EXPECT_TRUE(std::regex_search(errors.front(), std::regex(line))) << errors.front();
        EXPECT_EQ(errors.size(), 1u) << errors.back();
        // And after the file was mended it works.
        install(image_);
        bind();
        expect_works();
    }
    std::vector<std::uint8_t> with(std::size_t offset, std::uint32_t value) const {
        std::vector<std::uint8_t> image = image_;
        std::memcpy(image.data() + offset, &value, sizeof(value));
        return image;
    }
    std::vector<std::uint8_t> image_;
};

TEST_F(Firmware, MissingFileIsNamed) {
    unbind();
    fs::remove(kImage);
    KernelLog log;
    EXPECT_THROW(bind(), std::runtime_error);
    const std::vector<std::string> errors = log.errors();
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_NE(errors.back().find("cannot load firmware skald/skald_fw.bin"), std::string::npos)
        << errors.back();
}

TEST_F(Firmware, BadMagicIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, magic), 0x12345678), "MAGIC, found 0x12345678");
}

TEST_F(Firmware, BadHeaderSizeIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, header_size), 64), "HEADER, header size 0x40");
}

TEST_F(Firmware, ReservedFieldsMustBeZero) {
    expect_refused(with(offsetof(skald_fw_header, reserved) + 8, 1), "HEADER, ");
}

TEST_F(Firmware, ImageForAnotherCardIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, device_abi), 0x20000),
                   "ABI, image is for device ABI 0x20000");
    expect_refused(with(offsetof(skald_fw_header, device_abi), 0x10063),
                   "ABI, image is for device ABI 0x10063");
}

TEST_F(Firmware, SizeThatDisagreesIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, payload_size), 16),
                   "SIZE, payload size in the header 0x10");
    std::vector<std::uint8_t> truncated(image_.begin(), image_.end() - 1);
    expect_refused(truncated, "SIZE, payload size in the header");
    std::vector<std::uint8_t> longer = image_;
    longer.push_back(0);
    expect_refused(longer, "SIZE, payload size in the header");
}

TEST_F(Firmware, BadLoadAddressIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, load_addr), 0x20000000),
                   "LOAD, bad address 0x20000000");
    expect_refused(with(offsetof(skald_fw_header, entry), 0x1), "LOAD, bad address 0x1");
}

TEST_F(Firmware, CorruptPayloadIsNamed) {
    std::vector<std::uint8_t> image = image_;
    image[image.size() / 2] ^= 1;
    expect_refused(image, "HASH, computed hash begins with 0x");
}

TEST_F(Firmware, CorruptVersionOrNameIsNamed) {
    expect_refused(with(offsetof(skald_fw_header, fw_version), 0x01020304), "HASH, ");
    expect_refused(with(offsetof(skald_fw_header, fw_abi), 0x00070000), "HASH, ");
    expect_refused(with(offsetof(skald_fw_header, name), 0x20202020), "HASH, ");
    expect_refused(with(offsetof(skald_fw_header, sha256), 0), "HASH, ");
}

TEST_F(Firmware, TooLittleForAHeaderIsNamed) {
    expect_refused(std::vector<std::uint8_t>(image_.begin(), image_.begin() + 100),
                   "firmware failed to boot: ");
    expect_refused({}, "cannot load firmware skald/skald_fw.bin");
}

TEST_F(Firmware, TooLargeIsNamed) {
    std::vector<std::uint8_t> image = image_;
    image.resize(3 * kMiB);
    expect_refused(image, "firmware skald/skald_fw.bin is too large: 3145728 bytes");
}

TEST_F(Firmware, OneThatTrapsAtBootIsRefusedAHundredTimes) {
    skald_fw_header header{};
    std::memcpy(&header, image_.data(), sizeof(header));
    std::vector<std::uint8_t> image = image_;
    // No instruction is all zeros.
    const std::size_t entry = sizeof(header) + header.entry - header.load_addr;
    std::memset(image.data() + entry, 0, 4);
    unbind();
    install(with_hash(image));
    for (int i = 0; i < 100; ++i) {
        KernelLog log;
        EXPECT_THROW(bind(), std::runtime_error);
        const std::vector<std::string> errors = log.errors();
        ASSERT_EQ(errors.size(), 1u);
        ASSERT_NE(errors[0].find("firmware died: TRAP, mcause 0x2 at pc"), std::string::npos)
            << errors[0];
    }
}

// It would be reset for ever, and the call would never end.
TEST_F(Firmware, OneThatDiesOfEveryCommandIsGivenUp) {
    unbind();
    install(TinyFirmware().ready().await_command().trap().image());
    KernelLog log;
    bind();
    Device device;
    std::uint32_t vm = 0;
    EXPECT_EQ(Call([&] { return device.vm_create(&vm); }).result("VM_CREATE"), EIO);
    const std::vector<std::string> errors = log.errors();
    ASSERT_FALSE(errors.empty());
    EXPECT_NE(errors.back().find("the card is dead until it is reset or bound again"),
              std::string::npos)
        << errors.back();
    EXPECT_LE(errors.size(), 20u);
    // By hand it is tried again.
    write_file(card_sysfs() + "/reset", "1");
    EXPECT_EQ(Call([&] { return device.vm_create(&vm); }).result("VM_CREATE"), EIO);
    EXPECT_LE(log.errors().size(), 20u);
    device.close();
    unbind();
    install(image_);
    bind();
    expect_works();
}

}  // namespace
}  // namespace skald::test
