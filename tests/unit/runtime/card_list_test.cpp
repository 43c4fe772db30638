// SPDX-License-Identifier: MIT
// What is said of cards in a /sys of our own.
#include "libskald/card_list.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

namespace skald::rt {
namespace {

namespace fs = std::filesystem;

class CardListTest : public testing::Test {
  protected:
    CardListTest()
        : sysfs_(fs::path(testing::TempDir()) / ("skald-sysfs-" + std::to_string(getpid()))) {
        fs::remove_all(sysfs_);
        fs::create_directories(sysfs_ / "bus/pci/devices");
    }
    ~CardListTest() override { fs::remove_all(sysfs_); }

    void load_driver(const std::string& name = "skald") const {
        fs::create_directories(sysfs_ / "bus/pci/drivers" / name);
    }
    // memory: of BAR4; driver: that it is bound to.
    fs::path add_card(const std::string& address, std::uint64_t memory = 64u << 20,
                      const std::string& driver = "", const std::string& ids = "1234 5ca1") const {
        const fs::path device = sysfs_ / "bus/pci/devices" / address;
        fs::create_directories(device);
        std::ofstream(device / "vendor") << "0x" << ids.substr(0, 4) << '\n';
        std::ofstream(device / "device") << "0x" << ids.substr(5) << '\n';
        std::ofstream resource(device / "resource");
        const std::string none = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        resource << "0x00000000fe400000 0x00000000fe40ffff 0x0000000000040200\n"
                 << none << none << none;
        if (memory == 0)
            resource << none;
        else
            resource << std::hex << "0x" << 0x8000000000 << " 0x" << 0x8000000000 + memory - 1
                     << " 0x0000000000140204\n";
        if (!driver.empty())
            fs::create_directory_symlink(sysfs_ / "bus/pci/drivers" / driver, device / "driver");
        return device;
    }
    void add_node(const fs::path& device, const std::string& name) const {
        fs::create_directories(device / "accel" / name);
    }
    [[nodiscard]] std::string text() const { return no_card_text(list_cards(sysfs_)); }

    fs::path sysfs_;
};

TEST_F(CardListTest, HasTheNodesByTheirIndex) {
    load_driver();
    add_node(add_card("0000:01:00.0", 64u << 20, "skald"), "accel10");
    add_node(add_card("0000:02:00.0", 64u << 20, "skald"), "accel9");
    add_card("0000:00:1f.0", 0, "", "8086 2918");
    const CardList list = list_cards(sysfs_);
    ASSERT_EQ(list.nodes.size(), 2u);
    EXPECT_EQ(list.nodes[0].path, "/dev/accel/accel9");
    EXPECT_EQ(list.nodes[0].pci_address, "0000:02:00.0");
    EXPECT_EQ(list.nodes[0].index, 9u);
    EXPECT_EQ(list.nodes[1].index, 10u);
    EXPECT_TRUE(list.strays.empty());
    EXPECT_EQ(list.error, 0);
}

TEST_F(CardListTest, TellsAMachineWithoutACardFromOneWithoutTheDriver) {
    EXPECT_EQ(text(), "no Skald card found: there is none on the PCI bus (lspci -d 1234:5ca1)");
    add_card("0000:01:00.0");
    EXPECT_EQ(text(),
              "the Skald card 0000:01:00.0 cannot be used: the skald driver is not loaded "
              "(modprobe skald)");
}

TEST_F(CardListTest, SaysThatTheDriverCouldNotStartACardAndWhyWhereThatShows) {
    load_driver();
    add_card("0000:01:00.0");
    EXPECT_EQ(text(),
              "the Skald card 0000:01:00.0 cannot be used: the driver could not start it; the "
              "kernel's log says why (dmesg)");
    add_card("0000:01:00.0", 1u << 20);
    EXPECT_EQ(text(),
              "the Skald card 0000:01:00.0 cannot be used: the driver could not start it: it has "
              "1024 KiB of memory, less than the 2048 KiB of a page");
    add_card("0000:01:00.0", 0);
    EXPECT_NE(text().find("its memory has no place on the bus"), std::string::npos) << text();
}

TEST_F(CardListTest, NamesAnotherDriverThatHasTheCard) {
    load_driver();
    load_driver("vfio-pci");
    add_card("0000:01:00.0", 64u << 20, "vfio-pci");
    EXPECT_NE(text().find("it belongs to the driver vfio-pci"), std::string::npos) << text();
}

TEST_F(CardListTest, NamesEveryCardThatCannotBeUsed) {
    load_driver();
    add_card("0000:01:00.0");
    add_card("0000:02:00.0", 1u << 20);
    add_node(add_card("0000:03:00.0", 64u << 20, "skald"), "accel0");
    const CardList list = list_cards(sysfs_);
    EXPECT_EQ(list.nodes.size(), 1u);
    ASSERT_EQ(list.strays.size(), 2u);
    EXPECT_EQ(list.strays[0].pci_address, "0000:01:00.0");
    EXPECT_EQ(list.strays[1].memory_bytes, 1u << 20);
}

TEST_F(CardListTest, TellsASysfsThatIsNotMounted) {
    fs::remove_all(sysfs_ / "bus");
    EXPECT_EQ(text(), "cannot look for cards: " + sysfs_.string() + " is not mounted");
}

TEST_F(CardListTest, TellsThatThereAreNoDescriptorsLeft) {
    add_card("0000:01:00.0");
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    const CardList list = list_cards(sysfs_);
    // Before anything is written: UBSan opens a pipe to look at an object it has not seen yet.
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(list.error, EMFILE);
    EXPECT_EQ(no_card_text(list),
              "cannot look for cards: " + (sysfs_ / "bus").string() +
                  ": Too many open files (EMFILE); this process may have 3 files open "
                  "(ulimit -n)");
}

}  // namespace
}  // namespace skald::rt
