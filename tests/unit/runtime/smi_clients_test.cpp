// SPDX-License-Identifier: MIT
// Who has a card open, by a /proc of our own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "smi/clients.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFdinfo =
    "pos:\t0\nflags:\t02100002\ndrm-driver:\tskald\ndrm-client-id:\t7\ndrm-pdev:\t0000:01:00.0\n"
    "drm-engine-sequencer:\t1500000000 ns\ndrm-total-card:\t4 MiB\ndrm-total-system:\t12 KiB\n"
    "drm-shared-card:\t0\n";

TEST(SmiClients, ReadsAnFdinfoFile) {
    const auto client = smi::parse_fdinfo(kFdinfo);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->pci_address, "0000:01:00.0");
    EXPECT_EQ(client->id, 7u);
    EXPECT_EQ(client->card_bytes, 4u << 20);
    EXPECT_EQ(client->system_bytes, 12u << 10);
    EXPECT_EQ(client->engine_ns, 1500000000u);
}

TEST(SmiClients, LeavesOtherFilesAlone) {
    EXPECT_FALSE(smi::parse_fdinfo(""));
    EXPECT_FALSE(smi::parse_fdinfo("pos:\t0\nflags:\t02\n"));
    EXPECT_FALSE(smi::parse_fdinfo("drm-driver:\ti915\ndrm-client-id:\t7\n"));
}

class ProcFolder {
  public:
    ProcFolder()
        : path_(fs::path(testing::TempDir()) / ("skald-smi-proc-" + std::to_string(getpid()))) {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }
    ~ProcFolder() { fs::remove_all(path_); }
    void add(int pid, const std::string& name, int fd, const std::string& fdinfo) const {
        const fs::path process = path_ / std::to_string(pid);
        fs::create_directories(process / "fdinfo");
        std::ofstream(process / "comm") << name << '\n';
        std::ofstream(process / "fdinfo" / std::to_string(fd)) << fdinfo;
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

TEST(SmiClients, CountsAnOpenFileOnceAndNotItself) {
    const ProcFolder proc;
    proc.add(20, "llm-run", 4, kFdinfo);
    proc.add(20, "llm-run", 5, kFdinfo);  // a duplicate of the same open file
    proc.add(3, "skald-smi", 3, kFdinfo);
    proc.add(9, "bash", 0, "pos:\t0\n");
    fs::create_directories(proc.path() / "self");
    const auto clients = smi::find_clients(proc.path(), 3);
    ASSERT_EQ(clients.size(), 1u);
    EXPECT_EQ(clients[0].pid, 20);
    EXPECT_EQ(clients[0].name, "llm-run");
}

TEST(SmiClients, ANameThatWouldConfuseATerminalIsMadeHarmless) {
    const ProcFolder proc;
    proc.add(20, "a\033[2Jb\tc", 4, kFdinfo);
    EXPECT_EQ(smi::find_clients(proc.path(), 3).at(0).name, "a?[2Jb?c");
}

}  // namespace
}  // namespace skald::test
