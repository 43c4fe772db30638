// SPDX-License-Identifier: MIT
// Bytes reach card memory unchanged, whatever their number and alignment, and nothing beside them
// changes.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "job_fixture.hpp"
#include "libskald/downloader.hpp"
#include "libskald/uploader.hpp"

namespace skald::test {
namespace {

struct Case {
    std::uint64_t skip;  // of the source, from a page boundary
    std::uint64_t bytes;
    std::uint64_t at;  // in the destination
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.bytes << " bytes from " << c.skip << " to " << c.at;
}

class Upload : public JobTest, public testing::WithParamInterface<Case> {};

TEST_P(Upload, ArrivesExactly) {
    const Case& c = GetParam();
    const std::uint64_t room = (c.skip + c.bytes + 8191) / 4096 * 4096;
    const std::unique_ptr<std::byte, decltype(&std::free)> memory(
        static_cast<std::byte*>(std::aligned_alloc(4096, room)), std::free);
    std::mt19937_64 random(c.bytes);
    for (std::uint64_t i = 0; i < room; i += 8) {
        const std::uint64_t word = random();
        std::memcpy(memory.get() + i, &word, 8);
    }
    rt::AddressSpace space(*device);
    rt::Buffer card = rt::Buffer::card(*device, c.at + c.bytes + 64);
    const rt::Binding binding(space, card);
    std::ranges::fill(card.map(), std::byte{0xee});
    const std::span<const std::byte> source(memory.get() + c.skip, c.bytes);
    rt::Uploader uploader(space);
    uploader.copy(binding.va() + c.at, source);
    const auto got = card.map();
    EXPECT_TRUE(std::ranges::equal(got.subspan(c.at, c.bytes), source));
    EXPECT_TRUE(std::ranges::all_of(got.first(c.at), [](auto b) { return b == std::byte{0xee}; }));
    EXPECT_TRUE(std::ranges::all_of(got.subspan(c.at + c.bytes),
                                    [](auto b) { return b == std::byte{0xee}; }));
}

constexpr std::uint64_t kWindow = rt::Uploader::kWindowBytes;
INSTANTIATE_TEST_SUITE_P(Sizes, Upload,
                         testing::Values(Case{0, 0, 0}, Case{0, 1, 0}, Case{0, 4095, 1},
                                         Case{0, 4096, 0}, Case{0, 4097, 64}, Case{1, 10000, 3},
                                         Case{0, kWindow, 0}, Case{0, 2 * kWindow + 4097, 4096},
                                         Case{64, kWindow + 1, 0}));

// Bytes at an offset of a file that is gone with the test.
class SourceFile {
  public:
    SourceFile(std::span<const std::byte> bytes, std::uint64_t offset)
        : path_(testing::TempDir() + "skald-upload-XXXXXX") {
        const int fd = mkstemp(path_.data());
        const auto size = static_cast<ssize_t>(bytes.size());
        EXPECT_EQ(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)), size);
        close(fd);
        mapped_.emplace(path_);
    }
    ~SourceFile() { unlink(path_.c_str()); }
    SourceFile(const SourceFile&) = delete;
    SourceFile& operator=(const SourceFile&) = delete;
    [[nodiscard]] const rt::MappedFile& mapped() const { return *mapped_; }
    void shorten(std::uint64_t bytes) const {
        EXPECT_EQ(truncate(path_.c_str(), static_cast<off_t>(bytes)), 0);
    }

  private:
    std::string path_;
    std::optional<rt::MappedFile> mapped_;
};

class UploadOfAFile : public JobTest {
  protected:
    static constexpr std::uint64_t kBytes = 2 * rt::Uploader::kFileWindowBytes + 4099;
    static constexpr std::uint64_t kOffset = 4096;

    UploadOfAFile() {
        std::mt19937_64 random(3);
        for (std::size_t i = 0; i + 8 <= kBytes; i += 8) {
            const std::uint64_t word = random();
            std::memcpy(in_file_.data() + i, &word, 8);
        }
    }
    // What arrives, with nothing beside it changed.
    void expect_arrives(const rt::FileRange& file, const std::vector<std::byte>& expected) {
        rt::AddressSpace space(*device);
        rt::Buffer card = rt::Buffer::card(*device, kBytes + 100);
        const rt::Binding binding(space, card);
        rt::Uploader uploader(space);
        for (int round = 0; round < 2; ++round) {
            std::ranges::fill(card.map(), std::byte{0xee});
            uploader.copy(binding.va() + 3, in_memory_, file);
            EXPECT_TRUE(std::ranges::equal(card.map().subspan(3, kBytes), expected));
            EXPECT_EQ(card.map()[2], std::byte{0xee});
            EXPECT_EQ(card.map()[3 + kBytes], std::byte{0xee});
        }
    }

    // Different, to tell where the bytes came from.
    std::vector<std::byte> in_file_ = std::vector<std::byte>(kBytes);
    std::vector<std::byte> in_memory_ = std::vector<std::byte>(kBytes, std::byte{0x33});
};

TEST_F(UploadOfAFile, TakesTheBytesOfTheFile) {
    const SourceFile file(in_file_, kOffset);
    expect_arrives({&file.mapped(), kOffset}, in_file_);
}

TEST_F(UploadOfAFile, TakesThoseMappedWhereThatIsWanted) {
    const SourceFile file(in_file_, kOffset);
    expect_arrives({&file.mapped(), kOffset, false}, in_memory_);
}

TEST_F(UploadOfAFile, SaysThatItCannotBeReadAndLeavesTheCardToTheNext) {
    for (const bool by_reads : {true, false}) {
        const SourceFile file(in_file_, kOffset);
        const auto source = file.mapped().bytes().subspan(kOffset);
        rt::AddressSpace space(*device);
        rt::Buffer card = rt::Buffer::card(*device, kBytes);
        const rt::Binding binding(space, card);
        file.shorten(kOffset + kBytes / 2);
        try {
            rt::Uploader(space).copy(binding.va(), source, {&file.mapped(), kOffset, by_reads});
            ADD_FAILURE() << "half a file was taken, by reads: " << by_reads;
        } catch (const rt::Error& error) {
            EXPECT_EQ(error.code(), EIO);
            EXPECT_EQ(std::string(error.what()),
                      "cannot read " + file.mapped().name() +
                          ": Input/output error: the file became shorter meanwhile");
        }
        rt::Uploader(space).copy(binding.va(), in_memory_);
        EXPECT_TRUE(std::ranges::equal(card.map().first(kBytes), in_memory_));
    }
}

TEST_F(JobTest, AnUploaderCanBeUsedAgain) {
    rt::AddressSpace space(*device);
    rt::Buffer card = rt::Buffer::card(*device, 1);
    const rt::Binding binding(space, card);
    rt::Uploader uploader(space);
    for (unsigned round = 1; round < 4; round++) {
        const std::vector<std::byte> bytes(100, std::byte(round));
        uploader.copy(binding.va() + round * 100, bytes);
    }
    for (unsigned round = 1; round < 4; round++)
        EXPECT_EQ(card.map()[round * 100 + 99], std::byte(round));
}

TEST_F(JobTest, WhatWentUpComesDownAgain) {
    constexpr std::uint64_t kBytes = 2 * rt::Downloader::kWindowBytes + 4097;
    std::vector<std::byte> bytes(kBytes);
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i + 8 <= kBytes; i += 8) {
        const std::uint64_t word = random();
        std::memcpy(bytes.data() + i, &word, 8);
    }
    rt::AddressSpace space(*device);
    rt::Buffer card = rt::Buffer::card(*device, kBytes + 100);
    const rt::Binding binding(space, card);
    rt::Uploader(space).copy(binding.va() + 3, bytes);
    rt::Downloader downloader(space);
    for (const std::uint64_t count : {kBytes, std::uint64_t{1}, std::uint64_t{0}}) {
        std::vector<std::byte> got(count);
        downloader.copy(got, binding.va() + 3);
        EXPECT_TRUE(std::ranges::equal(got, std::span(bytes).first(count))) << count;
    }
}

}  // namespace
}  // namespace skald::test
