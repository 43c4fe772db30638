// SPDX-License-Identifier: MIT
// skald-smi against a fake kernel and a /sys of our own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "fake_os.hpp"
#include "smi/json.hpp"
#include "smi/monitor.hpp"
#include "smi/status.hpp"
#include "smi/text.hpp"
#include "smi/utilisation.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

smi::Client client_of(const std::string& address, pid_t pid = 20) {
    smi::Client client;
    client.pid = pid;
    client.id = static_cast<std::uint64_t>(pid);
    client.name = "llm-run";
    client.pci_address = address;
    return client;
}

// Folders of the kernel that are gone with the test, and a card in them.
class SmiTest : public testing::Test {
  protected:
    SmiTest() : folder_(fs::path(testing::TempDir()) / ("skald-smi-" + std::to_string(getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(device());
        fs::create_directories(folder_ / "proc");
        os.usage.clients = 1;  // skald-smi itself
    }
    ~SmiTest() override { fs::remove_all(folder_); }

    [[nodiscard]] fs::path device() const { return folder_ / "sys/bus/pci/devices/0000:01:00.0"; }
    void write(const std::string& file, const std::string& text) const {
        fs::create_directories((device() / file).parent_path());
        std::ofstream(device() / file) << text;
    }
    [[nodiscard]] smi::Folders folders() const { return {folder_ / "sys", folder_ / "proc"}; }
    smi::Machine read(const std::vector<smi::Client>& clients = {}) {
        return smi::read_machine(os, folders().sysfs, clients);
    }
    // What skald-smi with these words prints, and its status.
    std::string run(std::vector<std::string> words, int expected_status = 0) {
        std::vector<char*> argv = {const_cast<char*>("skald-smi")};
        for (std::string& word : words)
            argv.push_back(word.data());
        int status = 0;
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        if (const auto options =
                smi::parse_options(static_cast<int>(argv.size()), argv.data(), status)) {
            smi::Monitor monitor(os, *options, folders());
            status = options->reset.empty() ? monitor.run() : monitor.reset();
        }
        said = testing::internal::GetCapturedStderr();
        EXPECT_EQ(status, expected_status) << said;
        return testing::internal::GetCapturedStdout();
    }

    FakeOs os;
    std::string said;  // on standard error, by the last run
    fs::path folder_;
};

TEST_F(SmiTest, ListsCardsWithTheirClients) {
    os.usage.mem_used = 5u << 20;
    os.usage.clients = 2;
    const auto machine = read({client_of("0000:01:00.0"), client_of("0000:09:00.0")});
    ASSERT_EQ(machine.cards.size(), 1u);
    const std::string table = smi::table(machine.cards);
    EXPECT_NE(table.find("5 / 256 MiB"), std::string::npos) << table;
    EXPECT_NE(table.find("1.2.3"), std::string::npos) << table;
    const auto all = json::parse(smi::json_text(machine.cards));
    EXPECT_EQ(all["cards"][0]["memory_used"], 5u << 20);
    ASSERT_EQ(all["cards"][0]["clients"].size(), 1u);
    EXPECT_EQ(all["cards"][0]["clients"][0]["pid"], 20);
    EXPECT_TRUE(os.nothing_left());
}

TEST_F(SmiTest, ACardThatCannotBeAskedSaysWhy) {
    os.nodes.push_back({"/dev/accel/accel1", "0000:02:00.0", 1});
    os.fail_call["open"] = EACCES;
    const auto machine = read();
    ASSERT_EQ(machine.cards.size(), 2u);
    EXPECT_NE(machine.cards[0].error.find("EACCES"), std::string::npos);
    EXPECT_TRUE(machine.cards[1].error.empty());
    const auto all = json::parse(smi::json_text(machine.cards));
    EXPECT_TRUE(all["cards"][0].contains("error"));
    EXPECT_FALSE(all["cards"][1].contains("error"));
}

TEST_F(SmiTest, ACardWithoutADriverIsListedWithTheReason) {
    os.strays = {{"0000:02:00.0", "", 1u << 20}};
    const std::string table = run({}, smi::kExitFailed);
    EXPECT_NE(table.find("-     0000:02:00.0  the driver could not start it: it has 1024 KiB"),
              std::string::npos)
        << table;
    const auto card = json::parse(run({"--json", "-i", "0000:02:00.0"}, smi::kExitFailed))["cards"];
    EXPECT_TRUE(card[0]["index"].is_null());
}

TEST_F(SmiTest, TellsWhatIsWrongByItsStatus) {
    os.fail_call["open"] = EACCES;
    EXPECT_NE(run({}, smi::kExitNotAllowed), "");
    os.fail_call["open"] = EIO;
    EXPECT_NE(run({}, smi::kExitFailed), "");
    EXPECT_EQ(run({"-i", "7"}, smi::kExitNoCard), "");
    EXPECT_EQ(said, "skald-smi: there is no Skald card 7\n");
    os.nodes.clear();
    EXPECT_EQ(run({}, smi::kExitNoCard), "");
    EXPECT_NE(said.find("there is none on the PCI bus"), std::string::npos) << said;
    EXPECT_EQ(json::parse(run({"--json"}, smi::kExitNoCard)), json({{"cards", json::array()}}));
    os.unreadable = "/sys/bus";
    EXPECT_EQ(run({}, smi::kExitFailed), "");
    EXPECT_NE(said.find("cannot look for cards: /sys/bus: Too many open files"), std::string::npos);
}

TEST_F(SmiTest, WrongCommandLinesHaveTheirStatus) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"--nonsense"},
                                               {"--query-card=indx"},
                                               {"--query-clients="},
                                               {"-l", "0"},
                                               {"-l", "x"},
                                               {"-c", "3"},
                                               {"--json", "--list"},
                                               {"--query-card=index", "--format=xml"},
                                               {"--query-card=index", "--format=csv,nothing"},
                                               {"--reset", "0", "-l", "1"}})
        EXPECT_EQ(run(words, smi::kExitUsage), "") << words[0];
    run({"--query-card=index,indx"}, smi::kExitUsage);
    EXPECT_EQ(said,
              "skald-smi: --query-card: there is no field 'indx'; --help-fields lists them\n");
}

TEST_F(SmiTest, WhatNobodyTellsIsNotMadeUp) {
    const std::string csv =
        run({"--query-card=power.draw,temperature,energy,errors.fatal,pcie.link.speed",
             "--format=csv,noheader"});
    EXPECT_EQ(csv, "N/A, N/A, N/A, N/A, N/A\n");
    const auto card = json::parse(run({"--json"}))["cards"][0];
    for (const char* key : {"power_w", "temperature_c", "energy_j"})
        EXPECT_TRUE(card[key].is_null()) << key;
    EXPECT_TRUE(card["errors"]["corrected"].is_null());
}

TEST_F(SmiTest, SensorsErrorsAndLinkAreThoseOfTheKernel) {
    write("hwmon/hwmon3/power1_average", "12500000\n");
    write("hwmon/hwmon3/energy1_input", "3000000\n");
    write("hwmon/hwmon3/temp1_input", "41500\n");
    write("aer_dev_correctable", "RxErr 1\nBadTLP 2\nTOTAL_ERR_COR 3\n");
    write("aer_dev_nonfatal", "Undefined 0\nTOTAL_ERR_NONFATAL 0\n");
    write("aer_dev_fatal", "Undefined 0\nDLP 1\nTOTAL_ERR_FATAL 1\n");
    write("current_link_speed", "2.5 GT/s PCIe\n");
    write("current_link_width", "1\n");
    EXPECT_EQ(run({"--query-card=power.draw,temperature,energy,errors.corrected,errors.nonfatal,"
                   "errors.fatal,pcie.link.speed,pcie.link.width"}),
              "power.draw [W], temperature [C], energy [J], errors.corrected, errors.nonfatal, "
              "errors.fatal, pcie.link.speed, pcie.link.width\n"
              "12.5 W, 41.5 C, 3.0 J, 3, 0, 1, 2.5 GT/s PCIe, 1\n");
    const std::string table = run({});
    EXPECT_NE(table.find("12 W"), std::string::npos) << table;
    EXPECT_NE(table.find("2.5 x1"), std::string::npos) << table;
}

TEST_F(SmiTest, TellsOfTheModelledChipWhatTheDriverDoes) {
    EXPECT_EQ(run({}).find("modelled chip"), std::string::npos);
    EXPECT_TRUE(json::parse(run({"--json"}))["cards"][0]["model"].is_null());
    EXPECT_EQ(run({"--query-card=chip.name,chip.time,chip.energy", "--format=csv,noheader"}),
              "N/A, N/A, N/A\n");
    drm_skald_query_model& model = os.model.emplace();
    std::strcpy(model.name, "sk1");
    model.flags = DRM_SKALD_MODEL_ENERGY;
    model.time_ns = 2'000'000;
    model.matrix_ns = 1'000'000;
    model.energy_pj = 3'500'000'000;
    model.preemptions = 2;
    EXPECT_EQ(run({"--query-card=chip.name,chip.time,chip.busy.matrix,chip.energy,chip.preemptions",
                   "--format=csv,noheader"}),
              "sk1, 2.0 ms, 1.0 ms, 3.5 mJ, 2\n");
    const std::string table = run({});
    EXPECT_NE(table.find("sk1 "), std::string::npos) << table;
    EXPECT_NE(table.find("2.000 ms    50 %"), std::string::npos) << table;
    EXPECT_NE(table.find("3.500 mJ"), std::string::npos) << table;
    const auto told = json::parse(run({"--json"}))["cards"][0]["model"];
    EXPECT_EQ(told["chip"], "sk1");
    EXPECT_EQ(told["busy_ns"]["matrix"], 1'000'000);
    model.flags = 0;
    EXPECT_EQ(run({"--query-card=chip.energy", "--format=csv,noheader"}), "N/A\n")
        << "energies that nobody knows are not told";
}

TEST_F(SmiTest, FieldsComeAsAskedForWithAndWithoutHeaderAndUnits) {
    os.usage.mem_used = 5u << 20;
    const std::string query = "--query-card=memory.used, index,name,firmware.version";
    EXPECT_EQ(run({query}),
              "memory.used [MiB], index, name, firmware.version\n5 MiB, 0, Skald SK1, 1.2.3\n");
    EXPECT_EQ(run({query, "--format=csv,noheader,nounits"}), "5, 0, Skald SK1, 1.2.3\n");
}

TEST_F(SmiTest, EveryFieldHasAHelpAndAPlaceInTheLongList) {
    const std::string help = run({"--help-fields"}), all = run({"-q"});
    for (const smi::CardField& field : smi::card_fields()) {
        EXPECT_NE(help.find("  " + std::string(field.name) + " "), std::string::npos) << field.name;
        EXPECT_NE(all.find("    " + std::string(field.name) + " "), std::string::npos)
            << field.name;
        EXPECT_EQ(smi::find_card_field(field.name), &field) << "twice: " << field.name;
    }
    for (const smi::ClientField& field : smi::client_fields())
        EXPECT_EQ(smi::find_client_field(field.name), &field) << "twice: " << field.name;
}

TEST_F(SmiTest, LooksAsOftenAsItIsTold) {
    EXPECT_EQ(run({"--query-card=index", "-l", "0.1", "-c", "3"}), "index\n0\n0\n0\n");
    const std::string lines = run({"--json", "-l", "0.1", "-c", "2"});
    EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
    EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n')))["cards"].size(), 1u);
}

TEST_F(SmiTest, ClientsComeWithTheirNames) {
    os.usage.clients = 2;
    fs::create_directories(folder_ / "proc/20/fdinfo");
    std::ofstream(folder_ / "proc/20/comm") << "a, \"b\"\n";
    std::ofstream(folder_ / "proc/20/fdinfo/4")
        << "drm-driver:\tskald\ndrm-client-id:\t7\ndrm-pdev:\t0000:01:00.0\n"
           "drm-total-card:\t4608 KiB\n";
    EXPECT_EQ(run({"--query-clients=pid,name,memory.card"}),
              "pid, name, memory.card [MiB]\n20, \"a, \"\"b\"\"\", 4.5 MiB\n");
}

TEST_F(SmiTest, ResetsOnlyTheCardThatIsNamed) {
    write("reset", "");
    EXPECT_EQ(run({"--reset", "0000:09:00.0"}, smi::kExitNoCard), "");
    EXPECT_EQ(said, "skald-smi: there is no Skald card 0000:09:00.0\n");
    EXPECT_EQ(fs::file_size(device() / "reset"), 0u);
    EXPECT_EQ(run({"--reset", "0"}), "card 0 (0000:01:00.0) was reset\n");
    std::ifstream file(device() / "reset");
    EXPECT_EQ(file.get(), '1');
    fs::remove(device() / "reset");
    EXPECT_EQ(run({"--reset", "all"}, smi::kExitFailed), "");
    EXPECT_EQ(said, "skald-smi: card 0 (0000:01:00.0) was not reset: No such file or directory\n");
}

class SmiUtilisation : public SmiTest {
  protected:
    static constexpr std::int64_t kSecond = 1'000'000'000;

    // A card whose clients had nothing at second 1, after `seconds` more.
    std::vector<smi::CardStatus> after(std::int64_t seconds, std::vector<std::uint64_t> engine_ns) {
        smi::Look before{kSecond, {}};
        std::vector<smi::Client> now;
        for (std::size_t i = 0; i < engine_ns.size(); ++i) {
            before.clients.push_back(client_of("0000:01:00.0", static_cast<pid_t>(20 + i)));
            now.push_back(before.clients.back());
            now.back().engine_ns = engine_ns[i];
        }
        auto machine = read(now);
        smi::measure_utilisation(machine.cards, before, (1 + seconds) * kSecond);
        return machine.cards;
    }
};

TEST_F(SmiUtilisation, IsTheShareOfTheTimeBetweenTwoLooks) {
    const auto cards = after(2, {500'000'000, 1'000'000'000});
    EXPECT_DOUBLE_EQ(cards[0].utilisation.value(), 75);
    EXPECT_DOUBLE_EQ(cards[0].clients[0].utilisation.value(), 25);
    EXPECT_DOUBLE_EQ(cards[0].clients[1].utilisation.value(), 50);
    EXPECT_DOUBLE_EQ(after(2, {}).at(0).utilisation.value(), 0);
}

TEST_F(SmiUtilisation, IsNeverMoreThanAllThoughALongJobEndsInAShortTime) {
    const auto cards = after(1, {3'000'000'000});
    EXPECT_DOUBLE_EQ(cards[0].utilisation.value(), 100);
    EXPECT_DOUBLE_EQ(cards[0].clients[0].utilisation.value(), 100);
}

TEST_F(SmiUtilisation, IsUnknownWhereClientsMayNotBeSeen) {
    os.usage.clients = 3;
    const auto cards = after(1, {500'000'000});
    EXPECT_EQ(cards[0].hidden_clients(), 1u);
    EXPECT_FALSE(cards[0].utilisation);
    EXPECT_TRUE(cards[0].clients[0].utilisation);
    EXPECT_NE(smi::table(cards).find("1 of other users"), std::string::npos);
}

}  // namespace
}  // namespace skald::test
