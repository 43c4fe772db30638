// SPDX-License-Identifier: MIT
// Files that fail while they are read. A file that becomes shorter under its mapping is to the
// kernel what a medium with an error is: a page that cannot be had.
#include "files/mapped_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "temporary_file.hpp"

namespace skald::rt {
namespace {

using test::TemporaryFile;

constexpr std::size_t kPage = 4096, kBytes = 64 * kPage + 100;

std::size_t count(std::span<const std::byte> bytes, char c) {
    return static_cast<std::size_t>(std::ranges::count(bytes, static_cast<std::byte>(c)));
}

std::string error_of(const auto& f) {
    try {
        f();
    } catch (const FileError& error) {
        return error.what();
    }
    return "";
}

TEST(MappedFile, GivesTheBytesOfTheFileBothWays) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    const MappedFile mapped(file.path());
    EXPECT_EQ(mapped.bytes().size(), kBytes);
    EXPECT_EQ(count(mapped.bytes(), 'x'), kBytes);
    std::vector<std::byte> read(kPage);
    mapped.read_at(kBytes - kPage, read);
    EXPECT_EQ(count(read, 'x'), kPage);
    EXPECT_NO_THROW(mapped.check());
    EXPECT_FALSE(mapped.is_disk());
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
    const TemporaryFile file("");
    const MappedFile mapped(file.path());
    EXPECT_TRUE(mapped.bytes().empty());
    EXPECT_NO_THROW(mapped.check());
}

TEST(MappedFile, WhatItCannotReadIsZerosAndTheCheckSaysSo) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    const MappedFile mapped(file.path());
    file.shorten(10 * kPage);
    EXPECT_EQ(count(mapped.bytes().first(10 * kPage), 'x'), 10 * kPage);
    EXPECT_NO_THROW(mapped.check());  // nobody missed anything yet
    EXPECT_EQ(count(mapped.bytes(), 'x'), 10 * kPage);
    EXPECT_EQ(count(mapped.bytes(), 0), kBytes - 10 * kPage);
    EXPECT_EQ(
        error_of([&] { mapped.check(); }),
        "cannot read " + file.path() + ": Input/output error: the file became shorter meanwhile");
}

TEST(MappedFile, ReadingWhatIsNoLongerThereIsAnError) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    const MappedFile mapped(file.path());
    file.shorten(kPage);
    std::vector<std::byte> read(2);
    EXPECT_EQ(
        error_of([&] { mapped.read_at(kPage - 1, read); }),
        "cannot read " + file.path() + ": Input/output error: the file became shorter meanwhile");
}

TEST(MappedFile, AnErrorOfTheMediumIsToldAsItIs) {
    // Address 0 cannot be read there, and the kernel says so with EIO.
    const MappedFile memory("/proc/self/mem");
    std::array<std::byte, 1> read{};
    try {
        memory.read_at(0, read);
        ADD_FAILURE() << "it was read";
    } catch (const FileError& error) {
        EXPECT_EQ(error.code(), EIO);
        EXPECT_STREQ(error.what(), "cannot read /proc/self/mem: Input/output error");
    }
}

TEST(MappedFile, OneThatFailsSaysNothingOfAnother) {
    const TemporaryFile good(std::string(kBytes, 'g')), bad(std::string(kBytes, 'b'));
    const MappedFile first(good.path()), second(bad.path());
    bad.shorten(0);
    EXPECT_EQ(count(second.bytes(), 'b'), 0u);
    EXPECT_EQ(count(first.bytes(), 'g'), kBytes);
    EXPECT_THROW(second.check(), FileError);
    EXPECT_NO_THROW(first.check());
}

TEST(MappedFile, OneAfterAnotherThatFailedIsGood) {
    for (int round = 0; round < 3; ++round) {
        const TemporaryFile file(std::string(kBytes, 'x'));
        const MappedFile mapped(file.path());
        EXPECT_NO_THROW(mapped.check());
        EXPECT_EQ(count(mapped.bytes(), 'x'), kBytes);
        file.shorten(0);
        EXPECT_EQ(count(mapped.bytes(), 'x'), 0u);
        EXPECT_THROW(mapped.check(), FileError);
    }
}

TEST(MappedFile, FailsFromEveryThreadAndForAllOfThem) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    const MappedFile mapped(file.path());
    file.shorten(kPage);
    std::vector<std::jthread> threads;
    std::array<std::size_t, 8> found{};
    for (std::size_t& mine : found)
        threads.emplace_back([&] { mine = count(mapped.bytes().subspan(kPage), 'x'); });
    threads.clear();
    EXPECT_EQ(std::accumulate(found.begin(), found.end(), std::size_t{0}), 0u);
    EXPECT_THROW(mapped.check(), FileError);
}

TEST(MappedFile, MovesWithItsMapping) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    MappedFile first(file.path());
    const auto* const bytes = first.bytes().data();
    MappedFile second(std::move(first));
    EXPECT_EQ(second.bytes().data(), bytes);
    file.shorten(0);
    EXPECT_EQ(count(second.bytes(), 'x'), 0u);
    MappedFile third(file.path());
    third = std::move(second);
    EXPECT_THROW(third.check(), FileError);
}

TEST(MappedFile, WhatIsNoFileIsRefusedAtOnce) {
    EXPECT_EQ(error_of([] { MappedFile("/nowhere/at/all"); }),
              "/nowhere/at/all: cannot open: No such file or directory");
    EXPECT_EQ(error_of([] { MappedFile("/tmp"); }), "/tmp: is not a regular file");
    const std::string pipe = testing::TempDir() + "skald-pipe-" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(error_of([&] { const MappedFile named(pipe); }), pipe + ": is not a regular file");
    ::unlink(pipe.c_str());
}

TEST(Checked, GivesTheErrorOfTheFileInPlaceOfWhatWasMadeOfZeros) {
    const TemporaryFile file(std::string(kBytes, 'x'));
    const MappedFile mapped(file.path());
    EXPECT_EQ(checked(mapped, [] { return 7; }), 7);
    EXPECT_THROW(checked(mapped, [] { throw std::logic_error("bad content"); }), std::logic_error);
    file.shorten(0);
    EXPECT_EQ(count(mapped.bytes(), 'x'), 0u);
    EXPECT_THROW(checked(mapped, [] { throw std::logic_error("bad content"); }), FileError);
    EXPECT_THROW(checked(mapped, [] { return 7; }), FileError);
}

class OtherBusErrors : public testing::Test {
  protected:
    // A process of its own, in which nothing was mapped before.
    OtherBusErrors() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    static void touch_what_is_not_there() {
        const TemporaryFile file(std::string(kPage, 'x'));
        const MappedFile ours(file.path());
        const int fd = ::open(file.path().c_str(), O_RDONLY);
        void* const other = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
        file.shorten(0);
        [[maybe_unused]] const char c = *static_cast<const volatile char*>(other);
    }
};

TEST_F(OtherBusErrors, EndTheProgramAsEver) {
    EXPECT_DEATH(touch_what_is_not_there(), "");
    EXPECT_DEATH(
        {
            const MappedFile ours("/proc/self/exe");
            ::kill(::getpid(), SIGBUS);
        },
        "");
}

TEST_F(OtherBusErrors, GoToWhoHandledThemBefore) {
    EXPECT_EXIT(
        {
            ::signal(SIGBUS, [](int) { ::_exit(7); });
            touch_what_is_not_there();
        },
        testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace skald::rt
