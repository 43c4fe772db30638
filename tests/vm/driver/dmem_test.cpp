// SPDX-License-Identifier: MIT
// Card memory by cgroup, where the kernel has the dmem controller and TTM reclaims from it.
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

// A cgroup with that controller, and a child in it that has a client on the card.
class Dmem : public testing::Test {
  protected:
    void SetUp() override {
        Device().settled_usage();
        fs::create_directories(kRoot);
        ASSERT_EQ(::mount("none", kRoot, "cgroup2", 0, nullptr), 0);
        write_file(std::string(kRoot) + "/cgroup.subtree_control", "+dmem");
        fs::create_directory(group_);
    }
    void TearDown() override {
        end_child();
        ::rmdir(group_.c_str());
        ::umount(kRoot);
    }

    // Bytes of the one region there is that are charged to the group.
    std::uint64_t current() const {
        std::istringstream words(read_file(group_ + "/dmem.current"));
        std::string region;
        std::uint64_t bytes = 0;
        words >> region >> bytes;
        return bytes;
    }
    void limit(std::uint64_t bytes) const {
        std::istringstream words(read_file(group_ + "/dmem.current"));
        std::string region;
        words >> region;
        write_file(group_ + "/dmem.max", region + " " + std::to_string(bytes));
    }
    // Has a child in the group make a client; whether all of it came to the card, and what of it
    // is outside.
    struct Made {
        int error = -1;
        std::uint64_t bytes = 0, evicted = 0;
    };
    Made start_child(std::uint64_t bytes) {
        int made[2];
        EXPECT_EQ(::pipe(made), 0);
        child_ = ::fork();
        if (child_ == 0) {
            try {
                write_file(group_ + "/cgroup.procs", "0");
                Client client(bytes, 1);
                client.fill();
                const Made done{client.touch(), client.bytes(), client.evicted()};
                if (::write(made[1], &done, sizeof done) == sizeof done)
                    for (;;)
                        ::pause();
            } catch (...) {
            }
            ::_exit(1);
        }
        ::close(made[1]);
        Made done;
        EXPECT_EQ(::read(made[0], &done, sizeof done), static_cast<ssize_t>(sizeof done));
        ::close(made[0]);
        return done;
    }
    void end_child() {
        if (child_ <= 0)
            return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = 0;
    }

  private:
    static constexpr const char* kRoot = "/tmp/cgroup";
    const std::string group_ = std::string(kRoot) + "/client";
    pid_t child_ = 0;
};

TEST_F(Dmem, BuffersOnTheCardAreChargedToWhoMadeThemUntilTheyAreGone) {
    const Made made = start_child(card_bytes() / 2);
    ASSERT_EQ(made.error, 0);
    EXPECT_EQ(made.evicted, 0u);
    EXPECT_EQ(current(), made.bytes);
    end_child();
    Device().settled_usage();
    EXPECT_EQ(current(), 0u);
}

TEST_F(Dmem, WhoWantsMoreThanItsGroupMayHaveIsRefusedAndNobodyElse) {
    limit(card_bytes() / 4);
    const Made made = start_child(card_bytes() / 2);
    EXPECT_EQ(made.error, ENOMEM);
    EXPECT_GT(made.evicted, 0u);
    EXPECT_LE(current(), card_bytes() / 4);
    Client other(card_bytes() / 2, 2);
    other.fill();
    EXPECT_EQ(other.touch(), 0);
    EXPECT_EQ(other.evicted(), 0u);
    EXPECT_EQ(other.wrong(), std::nullopt);
}

}  // namespace
}  // namespace skald::test
