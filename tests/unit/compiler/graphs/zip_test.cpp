// SPDX-License-Identifier: MIT
#include "import/zip_archive.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler::graphs {
namespace {

void put(std::string& out, std::uint64_t value, int bytes) {
    for (int b = 0; b < bytes; ++b, value >>= 8)
        out.push_back(static_cast<char>(value));
}

// One entry, stored, as PyTorch writes it.
std::string archive(const std::string& name, const std::string& data, unsigned method = 0,
                    unsigned flags = 0) {
    const auto head = [&](std::string& out) {
        put(out, flags, 2);
        put(out, method, 2);
        put(out, 0, 8);
        put(out, data.size(), 4);
        put(out, data.size(), 4);
        put(out, name.size(), 2);
        put(out, 0, 2);
    };
    std::string out;
    put(out, 0x04034b50, 4);
    put(out, 20, 2);
    head(out);
    out += name + data;
    const std::size_t directory = out.size();
    put(out, 0x02014b50, 4);
    put(out, 20, 4);
    head(out);
    put(out, 0, 2 + 8);
    put(out, 0, 4);
    out += name;
    const std::size_t end = out.size();
    put(out, 0x06054b50, 4);
    put(out, 0, 4);
    put(out, 1, 2);
    put(out, 1, 2);
    put(out, end - directory, 4);
    put(out, directory, 4);
    put(out, 0, 2);
    return out;
}

ZipArchive opened(const test::TemporaryFolder& folder, const std::string& bytes) {
    std::ofstream(folder / "a.pt2", std::ios::binary) << bytes;
    return ZipArchive(folder / "a.pt2");
}

TEST(ZipArchive, AnEntryIsAPartOfTheFile) {
    const test::TemporaryFolder folder;
    const ZipArchive zip = opened(folder, archive("m/models/model.json", "{}"));
    EXPECT_EQ(zip.folder_of("models/model.json"), "m/");
    const auto bytes = zip.get("m/models/model.json");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "{}");
    EXPECT_EQ(zip.find("other"), nullptr);
}

TEST(ZipArchive, ACompressedOrEncryptedEntryIsRefusedByName) {
    const test::TemporaryFolder folder;
    test::expect_error([&] { opened(folder, archive("weights", "1234", 8)); },
                       {"a.pt2", "weights", "compressed"});
    test::expect_error([&] { opened(folder, archive("weights", "1234", 0, 1)); },
                       {"a.pt2", "weights", "encrypted"});
}

TEST(ZipArchive, CutAnywhereItIsRefused) {
    const test::TemporaryFolder folder;
    const std::string bytes = archive("name", "data");
    for (std::size_t n = 0; n < bytes.size(); ++n)
        test::expect_error([&] { opened(folder, bytes.substr(0, n)); }, {"a.pt2"});
}

TEST(ZipArchive, AnEntryBeyondTheFileIsRefused) {
    const test::TemporaryFolder folder;
    std::string bytes = archive("name", "data");
    for (const std::size_t at : {18u, 22u, 62u, 66u})
        bytes[at] = '\x7f';
    test::expect_error([&] { opened(folder, bytes); }, {"a.pt2", "bytes"});
}

}  // namespace
}  // namespace skald::compiler::graphs
