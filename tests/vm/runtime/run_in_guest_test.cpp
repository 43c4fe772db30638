// SPDX-License-Identifier: MIT
// llm-run and skald-smi on the driver: how often the guest is disturbed, several processes, violent
// ends, and the same bits as the card library gives in this process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "process.hpp"
#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Words = std::vector<std::string>;

std::string model() {
    return data_file(kDefaultModel.model).string();
}

Words command(const Words& options) {
    Words words = {"llm-run", model()};
    words.insert(words.end(), options.begin(), options.end());
    return words;
}

std::string last_line(std::string text) {
    text.resize(text.find_last_not_of('\n') + 1);
    return text.substr(text.rfind('\n') + 1);
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Interrupts of the driver so far, over all vectors and processors.
std::uint64_t driver_interrupts() {
    std::ifstream file("/proc/interrupts");
    std::uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.find("skald") == std::string::npos)
            continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::uint64_t count = 0; words >> count;)
            sum += count;
    }
    return sum;
}

const Words kGreedy200 = {"-p", "And the king said", "-n",    "200", "--temp",
                          "0",  "--ignore-eos",      "--json"};

TEST(RunInGuest, TwoHundredTokensTakeFewInterruptsAndSubmissions) {
    const std::uint64_t before = driver_interrupts();
    const Finished done = run(command(kGreedy200));
    const std::uint64_t taken = driver_interrupts() - before;
    ASSERT_EQ(done.status, 0) << done.err;
    const json line = json::parse(last_line(done.out));
    EXPECT_EQ(line["n_gen"], 200);
    // The counts of the JSON line span the request, those of the system the upload as well.
    const double seconds =
        200 / line["decode_tps"].get<double>() + line["ttft_ms"].get<double>() / 1e3;
    EXPECT_LE(line["interrupts"].get<double>(), std::max(25.0, 20 * seconds));
    EXPECT_LE(line["submissions"].get<double>(), std::max(10.0, seconds));
    EXPECT_GE(taken, line["interrupts"].get<std::uint64_t>());
    EXPECT_GT(line["interrupts"].get<int>(), 0);
}

TEST(RunInGuest, TheCardAndTheLibraryInProcessGiveTheSameBits) {
    const std::string file = scratch_folder() + "skald-guest-logits.bin";
    const Words options = {"-p", "In the beginning", "-n", "12", "--temp", "0.9", "--seed",
                           "5",  "--dump-logits",    file};
    const Finished card = run(command(options));
    ASSERT_EQ(card.status, 0) << card.err;
    const std::string logits = read_file(file);
    EXPECT_EQ(logits.size(), 12u * 2048 * 4);
    Words local = options;
    local.insert(local.end(), {"--local", "--simd", "scalar", "--threads", "1", "--chunk", "1",
                               "--memory", "64"});
    const Finished library = run(command(local));
    EXPECT_EQ(library.status, 0) << library.err;
    EXPECT_EQ(library.out, card.out);
    EXPECT_TRUE(read_file(file) == logits);
    fs::remove(file);
}

class FamilyInGuest : public testing::TestWithParam<const char*> {};

// Layers that the default model has not, on the card and in process.
TEST_P(FamilyInGuest, TheCardAndTheLibraryInProcessGiveTheSameBits) {
    const std::string file = scratch_folder() + "skald-family-logits.bin";
    Words options = {"llm-run",
                     data_file(std::string("family-") + GetParam() + ".skald").string(),
                     "-p",
                     "ab cd",
                     "-n",
                     "40",
                     "--temp",
                     "0.9",
                     "--seed",
                     "5",
                     "--ignore-eos",
                     "--dump-logits",
                     file};
    const Finished card = run(options);
    ASSERT_EQ(card.status, 0) << card.err;
    const std::string logits = read_file(file);
    EXPECT_GE(logits.size(), 40u * 256 * 4);
    options.insert(options.end(), {"--local", "--simd", "scalar", "--threads", "1", "--chunk", "1",
                                   "--memory", "64"});
    const Finished library = run(options);
    EXPECT_EQ(library.status, 0) << library.err;
    EXPECT_EQ(library.out, card.out);
    EXPECT_TRUE(read_file(file) == logits);
    fs::remove(file);
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyInGuest,
                         testing::Values("gemma3", "gpt-oss", "deepseek-v3", "qwen2-moe", "lfm2",
                                         "cohere", "gpt2"));

TEST(RunInGuest, TwoProcessesAtOnceWriteWhatEachWritesAlone) {
    const Words other = {"-p", "In the beginning", "-n", "100", "--temp", "0.7", "--seed", "1"};
    const std::string first = run(command(kGreedy200)).out, second = run(command(other)).out;
    Process one(command(kGreedy200)), two(command(other));
    const Finished a = two.wait(), b = one.wait();
    EXPECT_EQ(a.status, 0) << a.err;
    EXPECT_EQ(b.status, 0) << b.err;
    EXPECT_EQ(a.out, second);
    EXPECT_EQ(json::parse(last_line(b.out))["ids"], json::parse(last_line(first))["ids"]);
}

// Of the driver's file in debugfs, over all cards.
std::uint64_t moves_out() {
    std::uint64_t sum = 0;
    for (const fs::directory_entry& card : fs::directory_iterator("/sys/kernel/debug/accel")) {
        std::istringstream lines(read_file(card.path() / "memory"));
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("moved out: "))
                sum += std::stoull(line.substr(11));
    }
    return sum;
}

// In a machine of its own, with a card that has room for one of the two.
TEST(EvictInGuest, TwoRunsThatDoNotFitTogetherWriteWhatEachWritesAlone) {
    const Words other = {"-p", "In the beginning", "-n", "100", "--temp", "0.7", "--seed", "1"};
    const Finished first = run(command(kGreedy200)), second = run(command(other));
    ASSERT_EQ(first.status, 0) << first.err;
    ASSERT_EQ(second.status, 0) << second.err;
    const std::uint64_t before = moves_out();
    for (int round = 0; round < 3; ++round) {
        Process one(command(kGreedy200)), two(command(other));
        const Finished a = one.wait(), b = two.wait();
        ASSERT_EQ(a.status, 0) << a.err;
        ASSERT_EQ(b.status, 0) << b.err;
        EXPECT_EQ(json::parse(last_line(a.out))["ids"], json::parse(last_line(first.out))["ids"]);
        EXPECT_EQ(b.out, second.out);
    }
    EXPECT_GT(moves_out(), before);
}

// A run whose logits nobody reads, so that it is there for as long as a test wants.
class HeldRun {
  public:
    HeldRun() : fifo_(scratch_folder() + "skald-guest-fifo") {
        ::unlink(fifo_.c_str());
        EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
        process_.emplace(
            command({"-p", "And", "--temp", "0", "--ignore-eos", "--dump-logits", fifo_}));
        fd_ = ::open(fifo_.c_str(), O_RDONLY | O_CLOEXEC);
        process_->wait_for_output(1);
    }
    ~HeldRun() {
        ::close(fd_);
        ::unlink(fifo_.c_str());
    }
    Process& process() { return *process_; }

  private:
    std::string fifo_;
    std::optional<Process> process_;
    int fd_ = -1;
};

TEST(RunInGuest, AKilledRunLeavesTheCardToTheNext) {
    HeldRun held;
    held.process().signal(SIGKILL);
    EXPECT_EQ(held.process().wait().status, 128 + SIGKILL);
    EXPECT_EQ(run(command(kGreedy200)).status, 0);
}

TEST(SmiInGuest, ShowsTheCardAndItsClients) {
    HeldRun held;
    const Finished table = run({"skald-smi"});
    EXPECT_EQ(table.status, 0) << table.err;
    EXPECT_NE(table.out.find("llm-run"), std::string::npos) << table.out;
    const json cards = json::parse(run({"skald-smi", "--json"}).out)["cards"];
    ASSERT_EQ(cards.size(), 1u);
    EXPECT_FALSE(cards[0]["firmware"].get<std::string>().empty());
    ASSERT_EQ(cards[0]["clients"].size(), 1u);
    EXPECT_EQ(cards[0]["clients"][0]["name"], "llm-run");
    EXPECT_GE(cards[0]["clients"][0]["card_bytes"].get<std::uint64_t>(),
              fs::file_size(model()) / 2);
    EXPECT_LE(cards[0]["memory_used"], cards[0]["memory_total"]);
}

std::string smi(const Words& options) {
    Words words = {"skald-smi", "--format=csv,noheader,nounits"};
    words.insert(words.end(), options.begin(), options.end());
    const Finished done = run(words);
    EXPECT_EQ(done.status, 0) << done.err;
    return done.out;
}

TEST(SmiInGuest, AnswersQueriesForFieldsOfCardsAndClients) {
    HeldRun held;
    EXPECT_EQ(smi({"--query-card=index,name,status,clients"}), "0, Skald SK1, ok, 1\n");
    const std::string clients = smi({"--query-clients=name,pid"});
    EXPECT_TRUE(clients.starts_with("llm-run, ")) << clients;
    EXPECT_EQ(std::ranges::count(clients, '\n'), 1) << clients;
    const Finished lines = run({"skald-smi", "--json", "-l", "0.1", "-c", "3"});
    EXPECT_EQ(std::ranges::count(lines.out, '\n'), 3) << lines.out;
}

TEST(SmiInGuest, ShowsThatACardIsBusyAndThatItIsNot) {
    EXPECT_EQ(smi({"--query-card=utilisation"}), "0.0\n");
    Process busy({"llm-bench", "-m", model(), "-p", "0", "-n", "200", "-r", "1000", "-o", "csv"});
    while (smi({"--query-clients=engine.time"}) == "")
        continue;
    // Jobs end once a second: a look must be longer.
    const std::string looks = smi({"--query-card=utilisation", "-l", "3", "-c", "2"});
    EXPECT_GT(std::stod(last_line(looks)), 0) << looks;
    busy.signal(SIGKILL);
    static_cast<void>(busy.wait());
}

double number_in(const fs::path& file) {
    return std::stod(read_file(file));
}

TEST(SmiInGuest, ShowsWhatTheModelledChipHasDoneAndItsSensors) {
    const Finished done = run(command(kGreedy200));
    ASSERT_EQ(done.status, 0) << done.err;
    const json modelled = json::parse(last_line(done.out))["modelled"];
    const json model = json::parse(run({"skald-smi", "--json"}).out)["cards"][0]["model"];
    EXPECT_EQ(model["chip"], "sk1");
    EXPECT_GE(model["time_ns"], modelled["cycles"]);
    EXPECT_GT(model["busy_ns"]["matrix"], 0);
    EXPECT_LE(model["busy_ns"]["matrix"], model["time_ns"]);
    EXPECT_GE(model["jobs"], 1);
    EXPECT_NE(run({"skald-smi"}).out.find("sk1 "), std::string::npos);

    fs::path sensors;
    for (const auto& entry : fs::directory_iterator("/sys/class/hwmon"))
        if (read_file(entry.path() / "name") == "skald\n")
            sensors = entry.path();
    ASSERT_FALSE(sensors.empty());
    const double energy = number_in(sensors / "energy1_input");
    EXPECT_GE(energy + 1, modelled["energy_j"].get<double>() * 1e6);
    (void)number_in(sensors / "power1_average");  // from here on
    EXPECT_EQ(number_in(sensors / "power1_average"), 0) << "idle, and it draws nothing then";
    ASSERT_EQ(run(command(kGreedy200)).status, 0);
    EXPECT_GT(number_in(sensors / "energy1_input"), energy);
    // Joules over the chip's own seconds, of the run and of the copies that brought its weights.
    const double watts = modelled["energy_j"].get<double>() / modelled["seconds"].get<double>();
    EXPECT_NEAR(number_in(sensors / "power1_average") * 1e-6, watts, 0.25 * watts);
    EXPECT_EQ(number_in(sensors / "power1_rated_max"), 75e6);
}

TEST(SmiInGuest, ResetsACardThatWorksOnAndCountsIt) {
    const int before = std::stoi(smi({"--query-card=resets"}));
    const Finished done = run({"skald-smi", "--reset", "0"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_TRUE(done.out.starts_with("card 0 (")) << done.out;
    EXPECT_EQ(std::stoi(smi({"--query-card=resets"})), before + 1);
    EXPECT_EQ(run(command(kGreedy200)).status, 0);
}

TEST(SmiInGuest, HasNoClientsWhenNobodyIsThere) {
    const json cards = json::parse(run({"skald-smi", "--json"}).out)["cards"];
    ASSERT_EQ(cards.size(), 1u);
    EXPECT_TRUE(cards[0]["clients"].empty());
    EXPECT_EQ(cards[0]["queues"], 0);
    EXPECT_EQ(run({"skald-smi", "--nonsense"}).status, 2);
}

TEST(RunInGuest, ACardThatIsNotThereIsNamed) {
    const Finished done = run(command({"-p", "a", "--device", "7"}));
    EXPECT_EQ(done.status, 1);
    EXPECT_EQ(done.err, "llm-run: no Skald card has the index 7; there is: 0\n");
}

}  // namespace
}  // namespace skald::test
