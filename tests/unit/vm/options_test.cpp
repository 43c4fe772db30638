// SPDX-License-Identifier: MIT
// The command line of skald-vm: what it takes, what it refuses, and that it says what and why.
#include "vm/host/options.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace skald::vm {
namespace {

namespace fs = std::filesystem;

Options parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "skald-vm");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), "/build");
}

std::string refusal(std::vector<const char*> arguments) {
    try {
        parse(std::move(arguments));
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string name = testing::TempDir() + "skald-vm-test.XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    fs::path operator/(const char* name) const { return path_ / name; }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

TEST(Options, DefaultsAreOneCardOneCpuTheStockKernelAndAShell) {
    const Options options = parse({});
    EXPECT_EQ(options.cards, 1u);
    EXPECT_EQ(options.smp, 1u);
    EXPECT_EQ(options.kernel, "stock");
    EXPECT_EQ(options.timeout_s, 0u);
    EXPECT_TRUE(options.driver);
    EXPECT_EQ(options.build, "/build");
    EXPECT_TRUE(options.command.empty());
}

TEST(Options, TheCommandKeepsItsOwnOptions) {
    const std::vector<std::string> ls = {"ls", "--smp", "-t"};
    EXPECT_EQ(parse({"--smp", "2", "--", "ls", "--smp", "-t"}).command, ls);
    EXPECT_EQ(parse({"--smp", "2", "ls", "--smp", "-t"}).command, ls);
    EXPECT_EQ(parse({"--smp", "2", "ls", "--smp", "-t"}).smp, 2u);
}

TEST(Options, OnlyTheFirstDoubleDashIsOurs) {
    EXPECT_EQ(parse({"--", "a", "--", "b"}).command, (std::vector<std::string>{"a", "--", "b"}));
}

TEST(Options, AnUnknownOptionIsNamed) {
    EXPECT_NE(refusal({"--smpp", "2", "--", "ls"}).find("--smpp"), std::string::npos);
}

TEST(Options, ValuesOutOfRangeAreRefused) {
    EXPECT_NE(refusal({"--cards", "9"}), "");
    EXPECT_NE(refusal({"--cards", "-1"}), "");
    EXPECT_NE(refusal({"--smp", "0"}), "");
    EXPECT_NE(refusal({"--memory", "16"}), "");
    EXPECT_NE(refusal({"--kernel", "fast"}), "");
    EXPECT_NE(refusal({"--timeout", "soon"}), "");
}

TEST(Options, HelpIsNoError) {
    try {
        parse({"--help"});
        FAIL() << "no help";
    } catch (const HelpRequest& help) {
        for (const char* word : {"--share", "--disk", "--kernel", "Exit status", "COMMAND"})
            EXPECT_NE(help.text.find(word), std::string::npos) << word;
    }
}

TEST(Options, SharesMustBeDirectoriesTheGuestHasNoneOf) {
    const TemporaryDirectory dir;
    EXPECT_EQ(parse({"--share", dir.path().c_str()}).shares, std::vector<fs::path>{dir.path()});
    EXPECT_EQ(parse({"--share", (dir.path().string() + "/").c_str()}).shares,
              std::vector<fs::path>{dir.path()});
    EXPECT_NE(refusal({"--share", (dir / "none").c_str()}).find("none"), std::string::npos);
    EXPECT_NE(refusal({"--share", "/"}), "");
    EXPECT_NE(refusal({"--share", "/usr"}), "");
}

TEST(Options, DisksMustBeThereAndNotEmpty) {
    const TemporaryDirectory dir;
    std::ofstream(dir / "empty");
    std::ofstream(dir / "full") << "x";
    EXPECT_EQ(parse({"--disk", (dir / "full").c_str()}).disks.size(), 1u);
    EXPECT_NE(refusal({"--disk", (dir / "empty").c_str()}).find("empty"), std::string::npos);
    EXPECT_NE(refusal({"--disk", (dir / "none").c_str()}).find("none"), std::string::npos);
    EXPECT_NE(refusal({"--disk", dir.path().c_str()}), "");
}

TEST(Options, CardPropertiesAreCollected) {
    const Options options = parse({"--card", "simd=avx2,threads=2", "--card", "memory-size=64M"});
    EXPECT_EQ(options.card,
              (std::vector<Property>{{"simd", "avx2"}, {"threads", "2"}, {"memory-size", "64M"}}));
    for (const char* bad : {"simd", "=2", "simd=", "a=1,,b=2", ""})
        EXPECT_NE(refusal({"--card", bad}), "") << bad;
}

TEST(Options, VariablesNeedAName) {
    EXPECT_EQ(parse({"--env", "A=b c"}).variables, std::vector<std::string>{"A=b c"});
    EXPECT_EQ(parse({"--env", "A="}).variables, std::vector<std::string>{"A="});
    EXPECT_NE(refusal({"--env", "A"}), "");
    EXPECT_NE(refusal({"--env", "=b"}), "");
}

TEST(ParseSize, TakesUnitsAndRefusesTheRest) {
    EXPECT_EQ(parse_size("0"), 0u);
    EXPECT_EQ(parse_size("512"), 512u);
    EXPECT_EQ(parse_size("64k"), 64u << 10);
    EXPECT_EQ(parse_size("3M"), 3u << 20);
    EXPECT_EQ(parse_size("16G"), 16ull << 30);
    EXPECT_EQ(parse_size("2T"), 2ull << 40);
    for (const char* bad :
         {"", "M", "1.5G", "-1", "1X", "1GB", "99999999999999999999", "18446744073709551615K"})
        EXPECT_THROW(parse_size(bad), UsageError) << bad;
}

}  // namespace
}  // namespace skald::vm
