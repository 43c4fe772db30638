// SPDX-License-Identifier: MIT
// What a user reads where no guest comes up: skald-vm with a QEMU that refuses, and `make run` with
// what is no model or where make itself would fail.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace skald::vm {
namespace {

namespace fs = std::filesystem;

class Failure : public testing::Test {
  protected:
    Failure() {
        std::string name = testing::TempDir() + "skald-failure.XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        folder_ = name;
        fs::create_directories(folder_ / "build/qemu/share");
        fs::create_directories(folder_ / "build/guest");
        fs::create_directories(folder_ / "build/bin");
        for (const char* file : {"vmlinuz-stock", "initramfs-stock.img"})
            std::ofstream(folder_ / "build/guest" / file);
        fs::create_symlink(LLM_COMPILE, folder_ / "build/bin/llm-compile");
        fs::create_directories(folder_ / "model");
    }
    ~Failure() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    void qemu_that(const std::string& commands) const {
        const fs::path qemu = folder_ / "build/qemu/qemu-system-x86_64";
        std::ofstream(qemu) << "#!/bin/sh\n" << commands << '\n';
        fs::permissions(qemu, fs::perms::owner_all);
    }
    // Standard output and error of a command that is to fail with this status.
    std::string failing(const std::string& command, int status) const {
        const std::string line = "cd '" + folder_.string() +
                                 "' && TMPDIR=. XDG_CACHE_HOME=\"$PWD\"" +
                                 " SKALD_BUILD=\"$PWD/build\" V=0 " + command + " 2>&1 </dev/null";
        std::FILE* pipe = ::popen(line.c_str(), "r");
        std::string out;
        char buffer[4096];
        while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe))
            out.append(buffer, n);
        EXPECT_EQ(WEXITSTATUS(::pclose(pipe)), status) << out;
        return out;
    }

    fs::path folder_;
};

TEST_F(Failure, QemusOwnLineIsTheMessage) {
    qemu_that("echo \"qemu: -device skald,foo=1: Property 'skald.foo' not found\"; exit 1");
    EXPECT_EQ(failing(SKALD_VM " --build build --card foo=1 -- true", 125),
              "skald-vm: QEMU did not start (exit status 1): qemu: -device skald,foo=1: Property "
              "'skald.foo' not found\n");
}

TEST_F(Failure, LongerComplaintsOfQemuAreShownAndKept) {
    qemu_that("echo one; echo two; exit 1");
    const std::string said = failing(SKALD_VM " --build build -- true", 125);
    EXPECT_NE(said.find("skald-vm: one\nskald-vm: two\n"), std::string::npos) << said;
    EXPECT_NE(said.find("/qemu.log\n"), std::string::npos) << said;
}

TEST_F(Failure, AFolderThatIsNoModelIsNotReadAtAll) {
    EXPECT_EQ(failing(RUN_MODEL " model x 1", 1),
              "skald: MODEL 'model': is a folder without config.json\n");
    EXPECT_FALSE(fs::exists(folder_ / "skald/models"));
}

TEST_F(Failure, WhatCannotBeCompiledIsSaidByTheCompilerAlone) {
    std::ofstream(folder_ / "model/config.json") << "{}";
    const std::string said = failing(RUN_MODEL " model x 1", 1);
    EXPECT_EQ(std::ranges::count(said, '\n'), 2) << said;
    EXPECT_TRUE(said.starts_with("  compiling model\nllm-compile: ")) << said;
}

TEST_F(Failure, MakeRefusesANameThatItWouldTakeApartInOneLine) {
    for (const std::string name : {"two words", "a:b", "it's", "a&b"}) {
        fs::create_directories(folder_ / name);
        fs::copy_file(MAKEFILE, folder_ / name / "Makefile");
        const std::string path = (fs::canonical(folder_) / name).string();
        const std::string said = failing("make --no-print-directory -C \"" + name + "\" run", 2);
        EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
        EXPECT_NE(said.find("skald: cannot be built in '" + path + "'"), std::string::npos) << said;
    }
}

TEST_F(Failure, MakeRefusesACompilerOfSanitizedTestsThatItDoesNotKnow) {
    fs::copy_file(MAKEFILE, folder_ / "Makefile");
    for (const std::string name : {"gcc", "", "clang g++"}) {
        const std::string said =
            failing("make --no-print-directory SANITIZER='" + name + "' test", 2);
        EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
        EXPECT_NE(said.find("skald: SANITIZER is '" + name + "', must be clang or g++"),
                  std::string::npos)
            << said;
    }
}

TEST_F(Failure, MakeRefusesSuchANameOfTheBuildAndOfTheCache) {
    fs::copy_file(MAKEFILE, folder_ / "Makefile");
    for (const std::string variable : {"SKALD_BUILD", "XDG_CACHE_HOME"}) {
        const std::string said =
            failing("env " + variable + "='/two words' make --no-print-directory run", 2);
        EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
        EXPECT_NE(said.find("skald: cannot be built in '/two words"), std::string::npos) << said;
    }
}

}  // namespace
}  // namespace skald::vm
