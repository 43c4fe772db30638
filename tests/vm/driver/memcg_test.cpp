// SPDX-License-Identifier: MIT
// What the driver allocates for a client is charged to the client's memory cgroup.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>

#include "client.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

// A cgroup with the memory controller, which a child may enter.
class Memcg : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(kRoot);
        ASSERT_EQ(::mount("none", kRoot, "cgroup2", 0, nullptr), 0);
        write_file(std::string(kRoot) + "/cgroup.subtree_control", "+memory");
        fs::create_directory(group_);
    }
    void TearDown() override {
        ::rmdir(group_.c_str());
        ::umount(kRoot);
    }
    // Bytes that are charged to the group.
    std::uint64_t bytes_of(const std::string& what) const {
        std::istringstream lines(read_file(group_ + "/memory.stat"));
        std::string key;
        for (std::uint64_t value = 0; lines >> key >> value;)
            if (key == what)
                return value;
        return 0;
    }
    std::uint64_t kernel_bytes() const { return bytes_of("kernel"); }
    // For a child: into the group.
    void enter() const { write_file(group_ + "/cgroup.procs", "0"); }
    // Runs body in the group; how much it is charged with, seen while it still has all it made.
    template <typename Body>
    std::uint64_t charged(Body body) {
        int made[2], done[2];
        EXPECT_EQ(::pipe(made), 0);
        EXPECT_EQ(::pipe(done), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            char go = 0;
            int status = 1;
            try {
                enter();
                const Device device;
                status = ::write(made[1], "o", 1) == 1 && ::read(done[0], &go, 1) == 1 &&
                                 body(device) && ::write(made[1], "m", 1) == 1 &&
                                 ::read(done[0], &go, 1) == 1
                             ? 0
                             : 2;
            } catch (...) {
            }
            ::_exit(status);
        }
        ::close(made[1]);
        char word = 0;
        EXPECT_EQ(::read(made[0], &word, 1), 1);
        const std::uint64_t before = kernel_bytes();
        EXPECT_EQ(::write(done[1], "g", 1), 1);
        EXPECT_EQ(::read(made[0], &word, 1), 1);
        const std::uint64_t after = kernel_bytes();
        EXPECT_EQ(::write(done[1], "g", 1), 1);
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
        for (const int fd : {made[0], done[0], done[1]})
            ::close(fd);
        return after > before ? after - before : 0;
    }

  private:
    static constexpr const char* kRoot = "/tmp/cgroup";
    const std::string group_ = std::string(kRoot) + "/client";
};

TEST_F(Memcg, PageTablesAreChargedToWhoBinds) {
    // An inner table is kept with copies of its entries: two pages of the kernel for each GiB here.
    constexpr std::uint64_t kTables = 400;
    EXPECT_GE(charged([](const Device& device) {
                  std::uint32_t vm = 0, handle = 0;
                  bool good = device.vm_create(&vm) == 0 &&
                              device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle) == 0;
                  for (std::uint64_t i = 0; good && i < kTables; ++i)
                      good = device.map_va(vm, handle, (i + 1) << 30, kBig) == 0;
                  return good;
              }),
              kTables * 8192);
}

TEST_F(Memcg, JobsThatWaitAreChargedToWhoSubmitsThem) {
    constexpr unsigned kJobs = DRM_SKALD_QUEUE_JOBS_MAX - 64;
    EXPECT_GE(charged([](const Device& device) {
                  static Context context(device);
                  const std::uint32_t open = device.syncobj();
                  const drm_skald_sync signal = signal_binary(open);
                  Context blocker(device);
                  if (blocker.submit(spin(), 0, {&signal, 1}) != 0)
                      return false;
                  const drm_skald_sync wait = wait_binary(open);
                  for (unsigned i = 0; i < kJobs; ++i)
                      if (context.submit(write_word(0, i), 0, {&wait, 1}) != 0)
                          return false;
                  return true;
              }),
              kJobs * std::uint64_t{256});
}

TEST_F(Memcg, WhatIsMovedOutIsChargedToWhoMadeIt) {
    int made[2];
    ASSERT_EQ(::pipe(made), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            enter();
            Client client(three_quarters(), 1);
            client.fill();
            if (client.touch() == 0 && ::write(made[1], "m", 1) == 1)
                for (;;)
                    ::pause();
        } catch (...) {
        }
        ::_exit(1);
    }
    char word = 0;
    ASSERT_EQ(::read(made[0], &word, 1), 1);
    const std::uint64_t before = bytes_of("shmem");
    Client client(three_quarters(), 2);
    ASSERT_EQ(client.touch(), 0);
    const std::uint64_t out = debugfs_memory("buffers outside");
    EXPECT_GT(out, 0u);
    EXPECT_GE(bytes_of("shmem"), before + out) << "we have made it move, they are charged";
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    for (const int fd : made)
        ::close(fd);
}

}  // namespace
}  // namespace skald::test
