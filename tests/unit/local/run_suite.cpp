// SPDX-License-Identifier: MIT
// llm-run as a user has it: the program, its outputs and its exit status.
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
#include <string>
#include <vector>

#include "llm_run.hpp"
#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// ---- What the models say ----------------------------------------------------------------------

class RunModel : public testing::TestWithParam<Case> {
  protected:
    void SetUp() override {
        if (!fs::exists(data_file(GetParam().model)))
            GTEST_SKIP() << GetParam().model
                         << " was not built: its source was not found (SKALD_TEST_MODELS)";
        reference = json::parse(read_file(data_file(GetParam().reference)));
    }
    json reference;
};

TEST_P(RunModel, GreedyTokensEqualTheReference) {
    for (const auto& [prompt, expected] : reference["greedy"].items()) {
        const json got = json_of(llm_run({"-p", prompt, "-n", "40", "--temp", "0", "--json"}, "",
                                         path_of(GetParam().model)));
        const std::vector<std::uint32_t> ids = got["ids"];
        std::vector<std::uint32_t> first = expected["ids"];
        first.resize(40);
        EXPECT_EQ(ids, first) << prompt;
        EXPECT_EQ(got["n_prompt"], expected["prompt_ids"].size());
    }
}

TEST_P(RunModel, TheLikelihoodOfATextIsWithinOnePercentOfTheReference) {
    const std::string text = reference["nll"]["text"];
    const double expected = reference["nll"]["nll"];
    const json got = json_of(llm_run({"--nll", "-", "--json"}, text, path_of(GetParam().model)));
    EXPECT_NEAR(got["nll"].get<double>(), expected, 0.01 * expected);
    EXPECT_EQ(got["n_prompt"], reference["nll"]["tokens"]);
}

INSTANTIATE_TEST_SUITE_P(Models, RunModel, testing::ValuesIn(all_models()),
                         [](const auto& instance) {
                             std::string name = fs::path(instance.param.model).stem();
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

// ---- What a run looks like --------------------------------------------------------------------

TEST(Run, WritesTheTextAndATimingLine) {
    const Finished done = llm_run(kShort);
    EXPECT_EQ(done.status, kDone);
    EXPECT_GT(done.out.size(), 20u);
    EXPECT_EQ(done.out.back(), '\n');
    EXPECT_NE(done.err.find("emulation here: prompt "), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("modelled chip: "), std::string::npos) << done.err;
    // Where the first token took long, one more line says why.
    const int lines = done.err.starts_with("first token ") ? 3 : 2;
    EXPECT_EQ(std::ranges::count(done.err, '\n'), lines) << done.err;
    EXPECT_EQ(done.err.find('\x1b'), std::string::npos);  // no colour in a pipe
}

TEST(Run, TheJsonLineHoldsTextIdsAndFigures) {
    const Finished done = llm_run(with(kShort, {"--json"}));
    const json line = json_of(done);
    EXPECT_EQ(line["text"].get<std::string>() + "\n",
              done.out.substr(0, line["text"].get<std::string>().size() + 1));
    EXPECT_EQ(line["ids"].size(), 20u);
    EXPECT_EQ(line["prompt_ids"].size(), line["n_prompt"].get<std::size_t>());
    EXPECT_EQ(line["n_gen"], 20);
    EXPECT_EQ(line["stop_reason"], "length");
    EXPECT_GT(line["prefill_tps"].get<double>(), 0);
    EXPECT_GT(line["decode_tps"].get<double>(), 0);
    EXPECT_LE(line["submissions"].get<int>(), 10);
    EXPECT_GT(line["modelled"]["cycles"].get<double>(), 0);
    EXPECT_GT(line["modelled"]["energy_j"].get<double>(), 0);
    double sum = 0;
    for (const char* part : {"open_ms", "card_ms", "upload_ms", "prepare_ms", "prefill_ms"}) {
        EXPECT_GT(line["startup"][part].get<double>(), 0) << part;
        sum += line["startup"][part].get<double>();
    }
    EXPECT_NEAR(line["startup"]["total_ms"].get<double>(), sum, 0.01);
}

TEST(Run, TheSameSeedGivesTheSameTextAndAnotherAnother) {
    const Finished first = llm_run(kShort), again = llm_run(kShort);
    Words other = kShort;
    other.back() = "4";
    EXPECT_EQ(first.out, again.out);
    EXPECT_NE(first.out, llm_run(other).out);
}

TEST(Run, ChunksChangeNeitherTextNorLogits) {
    const fs::path file = fs::path(scratch_folder()) / "skald-run-logits.bin";
    std::string text, logits;
    for (const char* chunk : {"1", "7", "64"}) {
        const Finished done =
            llm_run(with(kShort, {"--chunk", chunk, "--dump-logits", file.string()}));
        EXPECT_EQ(done.status, kDone) << done.err;
        if (text.empty()) {
            text = done.out;
            logits = read_file(file);
            EXPECT_EQ(logits.size(), 20u * 2048 * 4);
        }
        EXPECT_EQ(done.out, text) << chunk;
        EXPECT_TRUE(read_file(file) == logits) << chunk;
    }
    fs::remove(file);
}

TEST(Run, ReadsThePromptFromPipesAndFiles) {
    const std::string expected = llm_run(kShort).out;
    const Words options(kShort.begin() + 2, kShort.end());
    EXPECT_EQ(llm_run(options, "And the king said\n").out, expected);
    EXPECT_EQ(llm_run(with(options, {"-f", "-"}), "And the king said").out, expected);
    const fs::path file = fs::path(scratch_folder()) / "skald-run-prompt.txt";
    // Carriage returns before line breaks are none of the text, in files of either kind.
    for (const char* text : {"And the king said\n", "And the king said\r\n"}) {
        std::ofstream(file) << text;
        EXPECT_EQ(llm_run(with(options, {"-f", file.string()})).out, expected);
    }
    const json alone = json_of(llm_run(with(options, {"-f", file.string(), "--json"})));
    const json among = json_of(llm_run(with(options, {"--prompts", file.string(), "--json"})));
    EXPECT_EQ(among["sequences"][0]["prompt_ids"], alone["prompt_ids"]);
    fs::remove(file);
}

TEST(Run, EchoShowsThePromptFirst) {
    EXPECT_EQ(llm_run(with(kShort, {"--echo"})).out, "And the king said" + llm_run(kShort).out);
}

TEST(Run, StopStringsEndTheTextBeforeThem) {
    const json whole = json_of(llm_run(with(kShort, {"--json"})));
    const std::string text = whole["text"];
    const std::string stop = text.substr(text.size() / 2, 3);
    const json cut = json_of(llm_run(with(kShort, {"--json", "--stop", "never", "--stop", stop})));
    EXPECT_EQ(cut["text"], text.substr(0, text.find(stop)));
    EXPECT_EQ(cut["stop_reason"], "stop");
}

TEST(Run, GeneratesNothingIfNothingIsWanted) {
    const json line = json_of(llm_run({"-p", "And", "-n", "0", "--json"}));
    EXPECT_EQ(line["n_gen"], 0);
    EXPECT_EQ(line["text"], "");
}

TEST(Run, TheEndOfTheContextIsAnErrorIfMoreWasWanted) {
    const Words greedy = {"-p", "And", "--temp", "0", "--ignore-eos"};
    const Finished asked = llm_run(with(greedy, {"-n", "600"}));
    EXPECT_EQ(asked.status, kContextFull);
    EXPECT_NE(asked.err.find("llm-run: the context of 512 tokens is full"), std::string::npos)
        << asked.err;
    const json open = json_of(llm_run(with(greedy, {"--json"})));
    EXPECT_EQ(open["stop_reason"], "context");
    EXPECT_EQ(open["n_gen"].get<int>() + open["n_prompt"].get<int>(), 512);
}

TEST(Run, APromptBeyondTheContextIsRefused) {
    std::string prompt;
    for (int i = 0; i < 600; i++)
        prompt += "and the ";
    const Finished done = llm_run({"-n", "5"}, prompt);
    EXPECT_EQ(done.status, kContextFull);
    expect_one_line(done.err);
    EXPECT_EQ(done.out, "");
}

TEST(Run, ScoresATextLongerThanTheContext) {
    std::string text;
    for (int i = 0; i < 300; i++)
        text += "and the king said unto him, ";
    const json line = json_of(llm_run({"--nll", "-", "--json"}, text));
    EXPECT_GT(line["n_prompt"].get<int>(), 1024);
    EXPECT_GT(line["nll"].get<double>(), 0);
    EXPECT_LT(line["nll"].get<double>(), 3);
}

// However the tokens come to be: behind a driver or in process, on whatever path and threads.
TEST(Run, TheModelledChipTakesWhatItTakesOnACardInProcess) {
    const Words words = with(kShort, {"--json"});
    const json here = json_of(llm_run(words));
    Words other = {command(default_model(), words).front(),
                   "--local",
                   "--simd",
                   "scalar",
                   "--threads",
                   "1",
                   default_model()};
    other.insert(other.end(), words.begin(), words.end());
    const json in_process = json_of(run(other));
    EXPECT_EQ(here["ids"], in_process["ids"]);
    EXPECT_GT(here["modelled"]["cycles"], 0);
    for (const char* key : {"cycles", "bytes"})
        EXPECT_EQ(here["modelled"][key], in_process["modelled"][key]) << key;
    // Jobs tell whole picojoules, and the run is cut into more or fewer of them.
    EXPECT_NEAR(here["modelled"]["energy_j"], in_process["modelled"]["energy_j"], 1e-10);
}

TEST(Run, TheProfileGoesToStandardErrorInTwoParts) {
    const Finished done = llm_run(with(kShort, {"--profile"}));
    EXPECT_EQ(done.out, llm_run(kShort).out);
    for (const char* word : {"emulated here", "modelled chip", "matmul", "attention"})
        EXPECT_NE(done.err.find(word), std::string::npos) << word;
}

// ---- Ends -------------------------------------------------------------------------------------

// The logits go to a pipe that nobody reads: so the run cannot be over when the signal comes.
class BlockedRun {
  public:
    explicit BlockedRun(Words options = {"-p", "And", "--temp", "0", "--ignore-eos"},
                        const std::string& input = "")
        : fifo_((fs::path(scratch_folder()) / ("skald-fifo-" + std::to_string(::getpid())))
                    .string()) {
        ::unlink(fifo_.c_str());
        EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
        // Open for reading first, so that this side does not wait for a program that failed.
        fd_ = ::open(fifo_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        options = with(options, {"--json", "--dump-logits", fifo_});
        process_.emplace(command(default_model(), options), input);
        if (process_->wait_for_input(fd_))
            ::fcntl(fd_, F_SETFL, 0);
        else
            ADD_FAILURE() << "it ended without logits";
    }
    ~BlockedRun() {
        ::close(fd_);
        ::unlink(fifo_.c_str());
    }
    Process& process() { return *process_; }
    void wait_for_logits() {
        char first = 0;
        EXPECT_EQ(::read(fd_, &first, 1), 1);
    }
    void drain() {
        std::vector<char> part(1 << 16);
        while (::read(fd_, part.data(), part.size()) > 0) {
        }
    }

  private:
    std::string fifo_;
    std::optional<Process> process_;
    int fd_ = -1;
};

TEST(Run, CtrlCWhileATextIsScoredEndsWithTimings) {
    std::string text;
    for (int i = 0; i < 300; i++)
        text += "and the king said unto him, ";
    BlockedRun blocked({"--nll", "-"}, text);
    blocked.wait_for_logits();
    blocked.process().signal(SIGINT);
    blocked.drain();
    const Finished done = blocked.process().wait();
    EXPECT_EQ(done.status, 130);
    EXPECT_NE(done.err.find("emulation here: "), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("; interrupted\n"), std::string::npos) << done.err;
    const json figures = json::parse(done.out);
    EXPECT_EQ(figures["stop_reason"], "interrupted");
    EXPECT_GT(figures["n_prompt"].get<int>(), 0);  // what was scored until then counts
    EXPECT_LT(figures["n_prompt"].get<int>(), 1024);
    EXPECT_GT(figures["nll"].get<double>(), 0);
}

TEST(Run, ShowsTextAsItIsMade) {
    BlockedRun blocked;
    blocked.process().wait_for_output(20);  // hangs if text only came at the end
    blocked.process().signal(SIGINT);
    blocked.drain();
    EXPECT_EQ(blocked.process().wait().status, 130);
}

TEST(Run, CtrlCEndsWithTimingsAndItsOwnStatus) {
    BlockedRun blocked;
    blocked.process().wait_for_output(1);
    blocked.process().signal(SIGINT);
    blocked.drain();
    const Finished done = blocked.process().wait();
    EXPECT_EQ(done.status, 130);
    EXPECT_NE(done.err.find("emulation here: "), std::string::npos) << done.err;
    const std::string line = done.out.substr(done.out.rfind('\n', done.out.size() - 2) + 1);
    const json figures = json::parse(line);
    EXPECT_EQ(figures["stop_reason"], "interrupted");
    EXPECT_LT(figures["n_gen"].get<int>(), 511 - 1);  // the context had room for more
    EXPECT_EQ(llm_run(kShort).status, kDone);         // and the card goes on
}

TEST(Run, AReaderThatGoesAwayIsNoError) {
    BlockedRun blocked;
    blocked.process().wait_for_output(1);
    blocked.process().close_output();
    blocked.drain();
    const Finished done = blocked.process().wait();
    EXPECT_EQ(done.status, kDone);
    EXPECT_EQ(done.err, "");
}

// llm-run as a shell starts it, with `redirection` behind it.
Finished redirected(const Words& options, const std::string& redirection) {
    return run(
        with({"sh", "-c", "exec \"$@\" " + redirection, "sh"}, command(default_model(), options)));
}

TEST(Run, NeedsNobodyWhoReadsItsTimings) {
    const std::string expected = llm_run(kShort).out;
    for (const char* redirection : {"2>&-", "2>/dev/full"}) {
        const Finished done = redirected(kShort, redirection);
        EXPECT_EQ(done.status, kDone) << redirection;
        EXPECT_EQ(done.out, expected) << redirection;
    }
}

TEST(Run, AMissingStandardInputIsAnEmptyPromptAndNotTheModel) {
    const Words options = {"-n", "5", "--temp", "0"};
    const Finished done = redirected(options, "<&-");
    EXPECT_EQ(done.status, kDone) << done.err;
    EXPECT_EQ(done.out, llm_run(options, "").out);
}

// ---- Mistakes ---------------------------------------------------------------------------------

TEST(RunMistakes, VerifyFindsWhatIsWrongWithTheWeights) {
    const fs::path path = fs::path(scratch_folder()) / "skald-weights.skald";
    std::string bytes = read_file(data_file(kDefaultModel.model));
    const std::size_t weight = rt::Container(default_model()).weights_offset() + 1000;
    bytes[weight] = static_cast<char>(bytes[weight] ^ 1);
    std::ofstream(path, std::ios::binary) << bytes;
    const Finished done = llm_run(with(kShort, {"--verify"}), "", path.string());
    fs::remove(path);
    EXPECT_EQ(done.status, kFailed);
    expect_one_line(done.err);
    EXPECT_NE(done.err.find("skald-weights.skald: the weights section"), std::string::npos)
        << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(llm_run(with(kShort, {"--verify"})).out, llm_run(kShort).out);
}

TEST(RunMistakes, EachGivesOneLineAndTheNextCommandWorks) {
    const fs::path folder = scratch_folder();
    const std::string good = read_file(data_file(kDefaultModel.model));
    const auto file = [&](const char* name, const std::string& content) {
        const fs::path path = folder / name;
        std::ofstream(path, std::ios::binary) << content;
        return path.string();
    };
    std::string flipped = good;
    flipped[300] = static_cast<char>(flipped[300] ^ 0x40);
    const std::vector<std::string> models = {
        (folder / "no-such-file.skald").string(),
        folder.string(),
        file("skald-empty.skald", ""),
        file("skald-text.skald", "this is no model\n"),
        file("skald-short.skald", good.substr(0, good.size() / 2)),
        file("skald-header.skald", good.substr(0, 100)),
        file("skald-flipped.skald", flipped),
    };
    for (const std::string& model : models) {
        const Finished done = llm_run(kShort, "", model);
        EXPECT_EQ(done.status, kFailed) << model;
        expect_one_line(done.err);
        EXPECT_EQ(done.out, "");
    }
    for (const std::string& model : models)
        if (fs::is_regular_file(model))
            fs::remove(model);
    const std::vector<Words> usages = {
        {"-p", ""},
        {"-p", "a", "--temp", "-1"},
        {"-p", "a", "--temp", "nan"},
        {"-p", "a", "--top-p", "0"},
        {"-p", "a", "--chunk", "100000"},
        {"-p", "a", "--nonsense"},
        {"-p", "a", "-f", "b"},
    };
    for (const Words& options : usages) {
        const Finished done = llm_run(options);
        if (options.back().empty()) {
            EXPECT_EQ(done.status, kDone) << done.err;  // an empty prompt is bos alone
            continue;
        }
        EXPECT_EQ(done.status, kUsage) << options.back();
        expect_one_line(done.err);
    }
    for (const Words& options : {Words{"-f", "/no/such/file"},
                                 {"--nll", "/no/such/file"},
                                 {"-p", "a", "--dump-logits", "/no/such/folder/file"}}) {
        const Finished done = llm_run(options);
        EXPECT_EQ(done.status, kFailed) << options.back();
        expect_one_line(done.err);
    }
    EXPECT_EQ(llm_run(kShort).status, kDone);
}

}  // namespace
}  // namespace skald::test
