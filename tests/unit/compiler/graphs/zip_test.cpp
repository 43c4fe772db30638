// SPDX-License-Identifier: MIT
#include "import/zip_archive.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "expect_error.hpp"
#include "stored_zip.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler::graphs {
namespace {

std::string archive(const std::string& name, const std::string& data, unsigned method = 0,
                    unsigned flags = 0) {
    return test::StoredZip().add(name, data, method, flags).bytes();
}

ZipArchive opened(const test::TemporaryFolder& folder, const std::string& bytes) {
    std::ofstream(folder / "a.pt2", std::ios::binary) << bytes;
    return ZipArchive(folder / "a.pt2");
}

TEST(ZipArchive, AnEntryIsAPartOfTheFile) {
    const test::TemporaryFolder folder;
    const ZipArchive file = opened(folder, archive("m/models/model.json", "{}"));
    const ZipEntries& zip = file.entries();
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
