// SPDX-License-Identifier: MIT
// QEMU's command line as skald-vm composes it.
#include "vm/host/machine.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

namespace skald::vm {
namespace {

namespace fs = std::filesystem;

class Machine : public testing::Test {
  protected:
    Machine() {
        std::string name = testing::TempDir() + "skald-machine.XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        options_.build = name;
        fs::create_directories(options_.build / "qemu/share");
        fs::create_directories(options_.build / "guest");
        for (const char* file :
             {"qemu/qemu-system-x86_64", "guest/vmlinuz-stock", "guest/initramfs-stock.img"})
            std::ofstream(options_.build / file);
    }
    ~Machine() override {
        std::error_code ignored;
        fs::remove_all(options_.build, ignored);
    }

    std::vector<std::string> arguments(bool kvm = false) const {
        return qemu_arguments(options_, MachineSockets{10, 11, 12, 13, 14}, kvm);
    }
    // The values given to an option, one after the other.
    std::vector<std::string> values(const std::string& option, bool kvm = false) const {
        const auto all = arguments(kvm);
        std::vector<std::string> found;
        for (std::size_t i = 0; i + 1 < all.size(); ++i)
            if (all[i] == option)
                found.push_back(all[i + 1]);
        return found;
    }
    bool has(const std::string& option, const std::string& value) const {
        const auto found = values(option);
        return std::ranges::find(found, value) != found.end();
    }

    Options options_;
};

TEST_F(Machine, ACardSitsBehindARootPortWithTwiceItsMemoryReserved) {
    options_.cards = 2;
    options_.card = {{"memory-size", "64M"}, {"threads", "2"}};
    EXPECT_TRUE(
        has("-device", "pcie-root-port,id=port1,chassis=2,slot=2,pref64-reserve=134217728"));
    EXPECT_TRUE(has("-device", "skald,id=card1,bus=port1,memory-size=67108864,threads=2"));
}

TEST_F(Machine, NoCardsMeansNoPorts) {
    options_.cards = 0;
    for (const std::string& device : values("-device"))
        EXPECT_EQ(device.find("pcie-root-port"), std::string::npos) << device;
}

TEST_F(Machine, CardMemoryIsAPowerOfTwo) {
    for (const char* bad : {"3G", "0", "512K", "lots"}) {
        options_.card = {{"memory-size", bad}};
        EXPECT_THROW(arguments(), UsageError) << bad;
    }
}

TEST_F(Machine, TranslatedGuestsGoWithoutStringInstructions) {
    EXPECT_EQ(values("-cpu"), std::vector<std::string>{"max,-erms,-fsrm,-la57"});
    EXPECT_EQ(values("-cpu", true), std::vector<std::string>{"host"});
}

TEST_F(Machine, DisksAreReadOnlyAndCommasInPathsAreKept) {
    options_.disks = {"/data/a,b.skald"};
    options_.shares = {"/data/c,d"};
    EXPECT_TRUE(
        has("-blockdev", "driver=file,node-name=disk0,read-only=on,filename=/data/a,,b.skald"));
    EXPECT_TRUE(
        has("-fsdev", "local,id=share0,path=/data/c,,d,security_model=none,multidevs=remap"));
}

TEST_F(Machine, EveryStreamHasItsPort) {
    for (const char* port : {"skald.control", "skald.stdin", "skald.stdout", "skald.stderr"})
        EXPECT_TRUE(has("-device", std::string("virtserialport,chardev=") + port + ",name=" + port))
            << port;
    EXPECT_TRUE(has("-chardev", "socket,id=skald.control,fd=11"));
}

TEST_F(Machine, TimeThatCountsInstructionsTakesOneThreadAndNoKvm) {
    EXPECT_EQ(values("-accel"), std::vector<std::string>{"tcg,thread=multi"});
    EXPECT_EQ(values("-accel", true), std::vector<std::string>{"kvm"});
    options_.qemu = {"-icount", "shift=2"};
    for (const bool kvm : {false, true})
        EXPECT_EQ(values("-accel", kvm), std::vector<std::string>{"tcg"});
}

TEST_F(Machine, EveryDebugKernelLooksForLeaks) {
    for (const std::string kernel : {"stock", "debug", "debug-7.3"}) {
        options_.kernel = kernel;
        std::ofstream(options_.build / ("guest/vmlinuz-" + kernel));
        std::ofstream(options_.build / ("guest/initramfs-" + kernel + ".img"));
        const auto line = values("-append");
        ASSERT_EQ(line.size(), 1U);
        EXPECT_EQ(line[0].find("kmemleak=on") != std::string::npos, kernel != "stock") << kernel;
    }
}

TEST_F(Machine, AMissingFileIsNamed) {
    options_.kernel = "debug";
    try {
        arguments();
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_NE(std::string(error.what()).find("vmlinuz-debug"), std::string::npos);
    }
}

}  // namespace
}  // namespace skald::vm
