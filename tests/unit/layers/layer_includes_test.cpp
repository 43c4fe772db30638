// SPDX-License-Identifier: MIT
// The direction of dependence between the layers, read off the #include lines of the sources.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path kSource = SKALD_SOURCE_DIR;

// Rooms, longest path first where one lies in another; the roots that quoted includes are looked up
// from.
const std::vector<std::string> kRooms = {
    "uapi",          "qemu-device/card", "qemu-device/pci",
    "firmware",      "driver",           "runtime",
    "tools/console", "tools/local",      "tools/compile/check",
    "tools/compile", "tools/chip",       "tools",
    "tests",
};
const std::vector<std::string> kRoots = {"uapi",    "qemu-device", "firmware",     "driver",
                                         "runtime", "tools",       "tools/compile"};

// room -> rooms it may include, itself and uapi apart
const std::map<std::string, std::set<std::string>> kMay = {
    {"uapi", {}},
    {"qemu-device/card", {}},
    {"qemu-device/pci", {"qemu-device/card"}},
    {"firmware", {}},
    {"driver", {}},
    {"runtime", {}},
    {"tools/console", {}},
    {"tools/local", {"runtime", "qemu-device/card", "tools/console"}},
    // The compiler knows no card; who holds what it made against one does.
    {"tools/compile", {"runtime", "tools/console", "tools/compile/check"}},
    {"tools/compile/check", {"tools/compile", "runtime", "tools/local", "tools/console"}},
    // Shapes are planned where they are timed.
    {"tools/chip", {"runtime", "tools/local", "tools/console", "tools/compile"}},
    {"tools", {"runtime", "tools/local", "tools/console"}},
};

// A program may put together what the library of its room does not know.
const std::map<std::string, std::set<std::string>> kProgramMay = {
    {"tools/compile/main.cpp", {"tools/chip"}},
};

std::string room_of(const fs::path& relative) {
    const std::string path = relative.generic_string();
    for (const std::string& room : kRooms)
        if (path.starts_with(room + "/"))
            return room;
    return "";
}

bool is_source(const fs::path& path) {
    static const std::set<std::string> kinds = {".c", ".h", ".cpp", ".hpp", ".cc", ".S"};
    return kinds.contains(path.extension().string());
}

// Where a quoted include points to inside the repository, relative to its top; nothing if it is not
// ours.
std::optional<fs::path> resolve(const fs::path& file, const std::string& name) {
    std::vector<fs::path> candidates = {file.parent_path() / name};
    for (const std::string& root : kRoots)
        candidates.push_back(fs::path(root) / name);
    for (const fs::path& candidate : candidates)
        if (fs::exists(kSource / candidate))
            return candidate.lexically_normal();
    return std::nullopt;
}

struct Include {
    fs::path file;
    std::string name;
    bool quoted;
};

std::vector<Include> includes_of(const std::string& room) {
    static const std::regex line_pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    std::vector<Include> found;
    for (const auto& entry : fs::recursive_directory_iterator(kSource / room)) {
        const fs::path relative = fs::relative(entry.path(), kSource);
        if (!entry.is_regular_file() || !is_source(relative) || room_of(relative) != room)
            continue;
        std::ifstream in(entry.path());
        std::string line;
        std::smatch match;
        while (std::getline(in, line))
            if (std::regex_search(line, match, line_pattern))
                found.push_back({relative, match[2], match[1] == "\""});
    }
    return found;
}

class LayerIncludes : public testing::TestWithParam<std::string> {};

TEST_P(LayerIncludes, PointOnlyDownwards) {
    const std::string room = GetParam();
    const std::set<std::string>& may = kMay.at(room);
    for (const Include& include : includes_of(room)) {
        const auto target = resolve(include.file, include.name);
        if (!target)
            continue;
        const std::string other = room_of(*target);
        const auto program = kProgramMay.find(include.file.generic_string());
        EXPECT_TRUE(other == room || other == "uapi" || may.contains(other) ||
                    (program != kProgramMay.end() && program->second.contains(other)))
            << include.file << " includes " << *target << ": " << room << " may not know " << other;
    }
}

TEST_P(LayerIncludes, AreFoundInTheRoom) {
    EXPECT_FALSE(includes_of(GetParam()).empty())
        << "no sources under " << GetParam() << ": is the table out of date?";
}

INSTANTIATE_TEST_SUITE_P(Room, LayerIncludes, testing::ValuesIn([] {
                             std::vector<std::string> rooms;
                             for (const auto& [room, may] : kMay)
                                 rooms.push_back(room);
                             return rooms;
                         }()),
                         [](const auto& param) {
                             std::string name = param.param;
                             std::replace_if(
                                 name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                                 '_');
                             return name;
                         });

TEST(CardLibrary, KnowsNothingOfQemu) {
    static const std::regex qemu_header(
        R"(^(qemu|hw|exec|system|sysemu|migration|qapi|qom|block|monitor|trace)[/.-].*)");
    for (const Include& include : includes_of("qemu-device/card"))
        EXPECT_FALSE(std::regex_match(include.name, qemu_header))
            << include.file << " includes " << include.name;
}

TEST(QemuShell, KnowsTheCardOnlyByItsCInterface) {
    for (const Include& include : includes_of("qemu-device/pci")) {
        const auto target = resolve(include.file, include.name);
        if (target && room_of(*target) == "qemu-device/card") {
            EXPECT_EQ(target->generic_string(), "qemu-device/card/capi.h") << include.file;
        }
    }
}

TEST(Sources, CarryALicenceTag) {
    for (const std::string& room : kRooms) {
        if (!fs::exists(kSource / room))
            continue;
        for (const auto& entry : fs::recursive_directory_iterator(kSource / room)) {
            if (!entry.is_regular_file() || !is_source(entry.path()))
                continue;
            // On the first line; QEMU's style has it in the comment that opens the file.
            std::ifstream in(entry.path());
            std::string opening(1000, '\0');
            in.read(opening.data(), static_cast<std::streamsize>(opening.size()));
            EXPECT_NE(opening.find("SPDX-License-Identifier: "), std::string::npos)
                << fs::relative(entry.path(), kSource);
        }
    }
}

}  // namespace
