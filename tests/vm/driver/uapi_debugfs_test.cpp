// SPDX-License-Identifier: MIT
// debugfs: no contract, but what it offers works.
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "context.hpp"

namespace skald::test {
namespace {

std::string debugfs(const std::string& name) {
    const auto card = std::filesystem::path(card_sysfs()).filename().string();
    return "/sys/kernel/debug/accel/" + card + "/" + name;
}

// 0 or an errno.
int set_log_level(const std::string& text) {
    std::ofstream file(debugfs("firmware_log_level"));
    errno = 0;
    file << text << std::flush;
    return file ? 0 : errno;
}

std::size_t debug_lines() {
    const std::string log = read_file(debugfs("firmware_log"));
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = log.find("] D ", at)) != std::string::npos; ++at)
        ++lines;
    return lines;
}

TEST(UapiDebugfs, ModelSaysWhichChipAndWhatItHasDone) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.run(Program().end()), 0);
    const std::string model = read_file(debugfs("model"));
    EXPECT_EQ(model.rfind("chip: sk1\n", 0), 0u) << model;
    EXPECT_NE(model.find("\napart ns: "), std::string::npos) << model;
    EXPECT_EQ(model.find("\njobs: 0\n"), std::string::npos) << model;
}

TEST(UapiDebugfs, LevelOfTheFirmwareLogCanBeSet) {
    const Device device;  // its address space is a line of a debug log
    const std::size_t before = debug_lines();
    std::uint32_t vm = 0;
    ASSERT_EQ(set_log_level("3"), 0);
    ASSERT_EQ(device.vm_create(&vm), 0);
    EXPECT_EQ(set_log_level("2"), 0);
    const std::size_t told = debug_lines();
    EXPECT_GT(told, before);
    EXPECT_EQ(device.vm_destroy(vm), 0);
    EXPECT_EQ(debug_lines(), told);
}

TEST(UapiDebugfs, LevelsThatAreNoneAreRefused) {
    const Device device;
    EXPECT_EQ(set_log_level("4"), EINVAL);
    EXPECT_EQ(set_log_level("much"), EINVAL);
}

}  // namespace
}  // namespace skald::test
