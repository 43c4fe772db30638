// SPDX-License-Identifier: MIT
// What differs from micro-op to micro-op is in kOps (uapi/skald/isa_table.hpp) and in the functions
// of the micro-ops: no source decides by opcode beside it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path kSource = SKALD_SOURCE_DIR;

// Lines of a folder that match, as "file:line: text".
std::vector<std::string> matches(const std::string& folder, const std::regex& pattern,
                                 const std::set<std::string>& but = {}) {
    static const std::set<std::string> kKinds = {".c", ".h", ".cpp", ".hpp"};
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
        const std::string path = fs::relative(entry.path(), kSource).generic_string();
        if (!entry.is_regular_file() || !kKinds.contains(entry.path().extension().string()) ||
            but.contains(path))
            continue;
        std::ifstream in(entry.path());
        std::string line;
        for (unsigned number = 1; std::getline(in, line); ++number)
            if (std::regex_search(line, pattern))
                found.push_back(path + ":" + std::to_string(number) + ": " + line);
    }
    return found;
}

const std::regex kCase(R"(\bcase\s+(isa::)?Opcode::)");
const std::regex kComparison(
    R"([!=]=\s*(static_cast<[\w:]+>\()?(isa::)?Opcode::|\bOpcode::\w+\)?\s*[!=]=)");

TEST(Opcodes, AreDecidedByInNoSource) {
    for (const char* room :
         {"uapi", "qemu-device", "firmware", "driver", "runtime", "tools", "tests"}) {
        // The compiler's oracle shares nothing with the card, and so not the table.
        const std::vector<std::string> cases =
            matches(room, kCase,
                    {"tests/unit/compiler/reference_machine.cpp",
                     "tests/unit/layers/opcode_switch_test.cpp"});
        for (const std::string& line : cases)
            ADD_FAILURE() << line;
        if (std::string(room) == "tests")
            continue;  // a test may look for a micro-op of its own
        for (const std::string& line : matches(room, kComparison))
            ADD_FAILURE() << line;
    }
}

TEST(Opcodes, WouldBeFoundWhereTheyAreDecidedBy) {
    EXPECT_FALSE(matches("tests/unit/compiler", kCase).empty());
    EXPECT_FALSE(matches("tests/unit/compiler", kComparison).empty());
}

}  // namespace
