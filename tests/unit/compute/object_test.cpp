// SPDX-License-Identifier: MIT
// What the compiler made of the kernels: no fused multiply-add where the source has none, no
// foreign instruction set where it could reach another path, nobody who touches MXCSR unasked.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace skald::card {
namespace {

std::string output_of(const std::string& command) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string text;
    char buffer[4096];
    while (pipe != nullptr) {
        const std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe.get());
        if (n == 0)
            break;
        text.append(buffer, n);
    }
    return text;
}

// Calls f(member, function, line) for each instruction of the archive.
template <class F>
void each_instruction(F&& f) {
    std::istringstream lines(
        output_of(std::string(SKALD_OBJDUMP) + " -d -C --no-show-raw-insn " + SKALD_CARD_LIBRARY));
    std::string member;
    std::string function;
    std::size_t seen = 0;
    for (std::string line; std::getline(lines, line);) {
        if (const auto at = line.find(":     file format"); at != std::string::npos)
            member = line.substr(0, at);
        else if (line.size() > 18 && line[16] == ' ' && line[17] == '<')
            function = line.substr(18);
        else if (line.find(":\t") != std::string::npos)
            f(member, function, line), ++seen;
    }
    ASSERT_GT(seen, 10000u) << "objdump said nothing";
}

// Of the objects that ship.
class Objects : public testing::Test {
  protected:
    void SetUp() override {
#ifdef SKALD_SANITIZED
        GTEST_SKIP() << "sanitized objects have code of their own, and nobody ships them";
#endif
    }
};

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
}

TEST_F(Objects, OnlyTheSimdPathsUseVectorExtensions) {
    each_instruction(
        [&](const std::string& member, const std::string& function, const std::string& line) {
            for (const char* path : {"_avx2", "_avx512", "_amx"})
                if (member.find(path) != std::string::npos)
                    return;
            // Every AVX mnemonic begins with v, and so do only verr and verw besides; neither is
            // ours.
            const std::string mnemonic = line.substr(line.find(":\t") + 2);
            const bool wide = line.find("%ymm") != std::string::npos ||
                              line.find("%zmm") != std::string::npos || mnemonic[0] == 'v' ||
                              mnemonic.starts_with("tile");
            EXPECT_FALSE(wide) << member << " in " << function << ": " << line;
        });
}

// Functions whose source adds or multiplies but never fuses must not contain a fused operation.
TEST_F(Objects, NothingIsContractedBehindTheSource) {
    constexpr std::pair<const char*, const char*> kUnfused[] = {
        {"Rows<", "::dequant("},     {"Rows<", "::finish("},
        {"Rows<", "::divide("},      {"Rows<", "::quant("},
        {"Rows<", "::row_max("},     {"Rows<", "::attention_result("},
        {"Norms<", "::sum("},        {"Norms<", "::normalise("},
        {"Elementwise<", "::add("},  {"Elementwise<", "::multiply("},
        {"Elementwise<", "::scale("}};
    unsigned watched = 0;
    each_instruction([&](const std::string&, const std::string& function, const std::string& line) {
        bool unfused = false;
        for (const auto& [kernels, name] : kUnfused)
            unfused |= function.find(kernels) != std::string::npos &&
                       function.find(name) != std::string::npos;
        if (!unfused)
            return;
        ++watched;
        EXPECT_TRUE(line.find("\tvfm") == std::string::npos &&
                    line.find("\tvfn") == std::string::npos)
            << function << ": " << line;
    });
    EXPECT_GT(watched, 500u);
}

TEST_F(Objects, OnlyTheFloatEnvironmentSetsMxcsr) {
    each_instruction(
        [&](const std::string& member, const std::string& function, const std::string& line) {
            if (line.find("ldmxcsr") == std::string::npos)
                return;
            EXPECT_NE(function.find("enter_float_environment"), std::string::npos)
                << member << " in " << function;
        });
}

// A function that the linker may share between files must not come from a file compiled for more
// than every processor has.
TEST_F(Objects, SimdFilesShareNoFunctionsWithOthers) {
    std::istringstream lines(output_of(std::string(SKALD_NM) + " -C " + SKALD_CARD_LIBRARY));
    std::string member;
    unsigned seen = 0;
    for (std::string line; std::getline(lines, line);) {
        if (ends_with(line, ".o:")) {
            member = line;
            continue;
        }
        if (line.find(" W ") == std::string::npos)
            continue;
        for (const auto& [path, name] :
             {std::pair{"_avx2", "Avx2"}, {"_avx512", "Avx512"}, {"_amx", "Amx"}})
            if (member.find(path) != std::string::npos) {
                ++seen;
                EXPECT_NE(line.find(name), std::string::npos) << member << " " << line;
            }
    }
    EXPECT_GT(seen, 10u);
}

}  // namespace
}  // namespace skald::card
