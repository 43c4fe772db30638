// SPDX-License-Identifier: MIT
// The form in which QEMU saves the device, against the one that was released: what QEMU's own
// checker says of the two. Whoever changes the form counts its version up and adds a file to data/.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "transfer.hpp"

namespace skald::qtest {
namespace {

class Vmstate : public testing::Test {
  protected:
    Vmstate() {
        const std::string dump = folder.file("dump");
        const Outcome outcome = run_qemu({"-dump-vmstate", dump});
        EXPECT_EQ(outcome.status, 0) << outcome.output;
        std::ifstream in(dump);
        now["skald"] = nlohmann::json::parse(in).at("skald");
        std::ifstream released(SKALD_QTEST_DATA "/vmstate-1.json");
        before = nlohmann::json::parse(released);
    }
    // What the checker has against a state of `from` being loaded as `to`, "" if nothing.
    std::string complaint(const nlohmann::json& from, const nlohmann::json& to) {
        std::ofstream(folder.file("from")) << from;
        std::ofstream(folder.file("to")) << to;
        const auto checker =
            std::filesystem::path(qemu_binary()).parent_path() / "vmstate-static-checker.py";
        Process process({"/usr/bin/python3", checker.string(), "-s", folder.file("from"), "-d",
                         folder.file("to")},
                        {});
        const auto status = process.wait(kPatience);
        EXPECT_EQ(status == 0, process.output().empty()) << process.output();
        return process.output();
    }

    Folder folder;
    nlohmann::json now;
    nlohmann::json before;
};

TEST_F(Vmstate, WhatWasSavedBeforeIsLoadedNow) {
    EXPECT_EQ(complaint(before, now), "");
}

TEST_F(Vmstate, WhatIsSavedNowIsLoadedByTheOneBefore) {
    EXPECT_EQ(complaint(now, before), "");
}

TEST_F(Vmstate, TheCheckerSeesAChange) {
    auto changed = now;
    changed["skald"]["Description"]["Fields"][2]["size"] = 8;
    EXPECT_NE(complaint(before, changed), "");
}

}  // namespace
}  // namespace skald::qtest
