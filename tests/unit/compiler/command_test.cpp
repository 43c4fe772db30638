// SPDX-License-Identifier: MIT
// llm-compile as a user types it: exit codes, one line of error, nothing else on stderr.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

struct Outcome {
    int status;
    std::string out, error;
};

// A terminal for a command to write to.
class Terminal {
  public:
    Terminal() : ours_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) {
        if (ours_ < 0 || ::grantpt(ours_) != 0 || ::unlockpt(ours_) != 0)
            throw std::runtime_error("cannot make a terminal");
        name_ = ::ptsname(ours_);
        theirs_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY);  // what is written stays readable
    }
    ~Terminal() {
        ::close(theirs_);
        ::close(ours_);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    const std::string& name() const { return name_; }
    std::string written() const {
        std::string text;
        char buffer[4096];
        for (ssize_t n; (n = ::read(ours_, buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(n));
        return text;
    }

  private:
    int ours_, theirs_ = -1;
    std::string name_;
};

class Command : public ::testing::Test {
  protected:
    void SetUp() override { test::write_hugging_face(temporary_ / "model", {}); }

    Outcome run(const std::string& arguments) {
        const std::string error_file = temporary_ / "stderr";
        const std::string line = "cd '" + temporary_.path().string() + "' && SKALD_FIRMWARE='" +
                                 SKALD_FIRMWARE + "' '" + LLM_COMPILE + "' " + arguments + " 2>'" +
                                 error_file + "'";
        Outcome o{};
        std::FILE* pipe = ::popen(line.c_str(), "r");
        char buffer[4096];
        while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe))
            o.out.append(buffer, n);
        o.status = WEXITSTATUS(::pclose(pipe));
        std::ifstream file(error_file);
        o.error.assign(std::istreambuf_iterator<char>(file), {});
        return o;
    }
    void expect_failure(const std::string& arguments, int status, const std::string& word) {
        const Outcome o = run(arguments);
        EXPECT_EQ(o.status, status) << o.error;
        EXPECT_EQ(std::count(o.error.begin(), o.error.end(), '\n'), 1) << o.error;
        EXPECT_TRUE(o.error.starts_with("llm-compile: ")) << o.error;
        EXPECT_NE(o.error.find(word), std::string::npos) << o.error;
        EXPECT_EQ(o.out, "");
    }
    std::string file(const std::string& name) const { return temporary_ / name; }

    test::TemporaryFolder temporary_;
};

TEST_F(Command, CompilesQuietly) {
    const Outcome o = run("model -o out.skald");
    EXPECT_EQ(o.status, 0);
    EXPECT_EQ(o.out, "");
    EXPECT_EQ(o.error, "");
    EXPECT_TRUE(std::filesystem::exists(file("out.skald")));
}

TEST_F(Command, ReplacesAnOlderResultAndLeavesNothingElse) {
    EXPECT_EQ(run("model -o out.skald").status, 0);
    const auto first = test::read_file(file("out.skald"));
    EXPECT_EQ(run("model -o out.skald --context 32").status, 0);
    EXPECT_NE(test::read_file(file("out.skald")), first);
    for (const auto& entry : std::filesystem::directory_iterator(temporary_.path()))
        EXPECT_FALSE(entry.path().filename().string().starts_with("out.skald.")) << entry.path();
}

TEST_F(Command, WritesTheFileThatALinkNames) {
    namespace fs = std::filesystem;
    ASSERT_EQ(run("model -o out.skald").status, 0);
    fs::create_directory(file("folder"));
    test::write_file(file("folder/old.skald"), {});
    fs::create_symlink("folder/second", file("first"));
    fs::create_symlink("old.skald", file("folder/second"));
    fs::create_symlink("folder/new.skald", file("dangling"));
    for (const auto& [link, target] :
         {std::pair("first", "folder/old.skald"), {"dangling", "folder/new.skald"}}) {
        const Outcome o = run(std::string("model -o ") + link);
        EXPECT_EQ(o.status, 0) << o.error;
        EXPECT_TRUE(fs::is_symlink(file(link)));
        EXPECT_FALSE(fs::is_symlink(file(target)));
        EXPECT_EQ(test::read_file(file(target)), test::read_file(file("out.skald")));
    }
    fs::create_symlink("loop", file("loop"));
    expect_failure("model -o loop", 1, "loop");
    EXPECT_TRUE(fs::is_symlink(file("loop")));
}

TEST_F(Command, LeavesWhatIsNoFileAsItIs) {
    namespace fs = std::filesystem;
    ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
    fs::create_symlink("fifo", file("link"));
    expect_failure("model -o fifo", 1, "fifo: is not a regular file");
    expect_failure("model -o link", 1, "link: is not a regular file");
    expect_failure("model -o model", 1, "model: is not a regular file");
    // A pipe: this link names no file at all.
    expect_failure("model -o /proc/self/fd/1", 1, "not a regular file");
    EXPECT_TRUE(fs::is_fifo(file("fifo")));
    EXPECT_TRUE(fs::is_symlink(file("link")));
}

TEST_F(Command, RefusesToReplaceWhatItReads) {
    ASSERT_EQ(run("--random model/config.json --write-gguf random.gguf").status, 0);
    std::filesystem::create_symlink("random.gguf", file("link.gguf"));
    const auto gguf = test::read_file(file("random.gguf"));
    expect_failure("random.gguf -o random.gguf", 2, "random.gguf is read");
    expect_failure("random.gguf -o ./model/../link.gguf", 2, "random.gguf is read");
    EXPECT_EQ(test::read_file(file("random.gguf")), gguf);
    expect_failure("--random model/config.json --write-gguf model/config.json", 2, "--write-gguf");
    expect_failure("model -o model/config.json", 2, "model/config.json is read");
    expect_failure("model -o stderr --weights int4 --calibrate stderr", 2, "stderr is read");
    expect_failure("--random model/config.json --write-gguf out.skald -o ./out.skald", 2, "-o");
    expect_failure("model --write-onnx model/config.json", 2, "model/config.json is read");
    expect_failure("model --write-onnx out.skald -o ./out.skald", 2, "-o");
    expect_failure("model --write-onnx out -o out.data", 2, "what -o writes");
    EXPECT_FALSE(std::filesystem::exists(file("out.skald")));
    // A compiled model beside its source is no part of it.
    EXPECT_EQ(run("model -o model/out.skald").status, 0);
    EXPECT_EQ(run("model -o model/out.skald").status, 0);
}

TEST_F(Command, PrintsTheSameProgramFromTheModelAndFromTheResult) {
    EXPECT_EQ(run("model -o out.skald").status, 0);
    const Outcome model = run("model --disasm"), result = run("out.skald --disasm");
    EXPECT_EQ(model.out, result.out);
    EXPECT_NE(model.out.find("matmul"), std::string::npos);
    expect_failure("out.skald --disasm -o again.skald", 2, "out.skald is a compiled model");
    expect_failure("out.skald --disasm --dump fuse", 2, "--dump");
}

TEST_F(Command, ReportsAndDumps) {
    const Outcome o = run("model -o out.skald --report --dump fuse");
    EXPECT_NE(o.out.find("-- after fuse\n"), std::string::npos);
    EXPECT_NE(o.out.find("layers.1.gate|up"), std::string::npos);
    EXPECT_NE(o.out.find("content "), std::string::npos);
}

TEST_F(Command, ReportsWhatARuleMadeOfOneLayer) {
    const Outcome o =
        run("model -o out.skald --report --tensor '*.layers.1.mlp.up*=int4' --weights int8");
    EXPECT_EQ(o.status, 0) << o.error;
    const auto stored = [&](const std::string& name) {
        std::istringstream line(o.out.substr(o.out.find("\n" + name + " ") + 1));
        std::string word, shape, source, format;
        line >> word >> shape >> source >> format;
        return word == name ? format : "no such line";
    };
    EXPECT_EQ(stored("layers.0.gate|up"), "i8b32");
    EXPECT_EQ(stored("layers.1.gate"), "i8b32");
    EXPECT_EQ(stored("layers.1.up"), "i4b32");
}

TEST_F(Command, ReportsBitsAndErrorsAsJson) {
    const Outcome o = run("model -o out.skald --weights int4 --json");
    EXPECT_EQ(o.status, 0) << o.error;
    const auto report = test::Json::parse(o.out);
    std::map<std::string, test::Json> tensors;
    for (const auto& tensor : report["tensors"]) {
        const auto weights = tensor["shape"][0].get<double>() * tensor["shape"][1].get<double>();
        EXPECT_EQ(tensor["bits_per_weight"], tensor["bytes"].get<double>() * 8 / weights);
        tensors[tensor["name"]] = tensor;
    }
    const auto &embedding = tensors["embedding"], &queries = tensors["layers.1.q|k|v"];
    EXPECT_EQ(embedding["format"], "i8b32");
    EXPECT_EQ(queries["format"], "i4b32");
    EXPECT_EQ(queries["source"], "f32");
    EXPECT_LT(queries["bits_per_weight"], embedding["bits_per_weight"]);
    EXPECT_GT(queries["relative_error"], embedding["relative_error"]);
    EXPECT_GT(queries["largest_error"], 0);
    EXPECT_EQ(tensors["head_gain"]["relative_error"], 0);
    EXPECT_GT(report["matrices"]["bits_per_weight"], queries["bits_per_weight"]);
    EXPECT_LT(report["matrices"]["relative_error"], queries["relative_error"]);
}

TEST_F(Command, CalibratesByAText) {
    test::write_file(file("short"), std::vector<std::byte>(20, std::byte{'a'}));
    expect_failure("model -o out.skald --calibrate short", 1, "at least 64");
    EXPECT_EQ(run("model -o plain.skald --weights int4").status, 0);
    const Outcome o = run("model -o out.skald --weights int4 --calibrate model/tokenizer.json");
    EXPECT_EQ(o.status, 0) << o.error;
    EXPECT_EQ(o.error, "");
    const auto with = test::read_file(file("out.skald"));
    EXPECT_NE(with, test::read_file(file("plain.skald")));
    EXPECT_EQ(run("model -o out.skald --weights int4 --threads 3 --calibrate model/tokenizer.json")
                  .status,
              0);
    EXPECT_EQ(test::read_file(file("out.skald")), with);
}

TEST_F(Command, CalibratesAGgufFileLikeTheCompiledModel) {
    const std::string random = "--random model/config.json --weights int4 ";
    EXPECT_EQ(run(random + "--write-gguf plain.gguf").status, 0);
    const Outcome alone = run(random + "--write-gguf alone.gguf --calibrate model/tokenizer.json");
    EXPECT_EQ(alone.status, 0) << alone.error;
    EXPECT_EQ(
        run(random + "-o a.skald --write-gguf both.gguf --calibrate model/tokenizer.json").status,
        0);
    EXPECT_NE(test::read_file(file("alone.gguf")), test::read_file(file("plain.gguf")));
    EXPECT_EQ(test::read_file(file("alone.gguf")), test::read_file(file("both.gguf")));
}

TEST_F(Command, SaysThatACalibrationDoesNotUseAllOfAText) {
    test::write_file(file("long"), std::vector<std::byte>(200'000, std::byte{'#'}));
    const Outcome o = run("model -o out.skald --weights int4 --calibrate long");
    EXPECT_EQ(o.status, 0);
    EXPECT_EQ(o.error,
              "llm-compile: long: is longer than 32768 tokens, the rest of it is not used\n");
    EXPECT_NE(run("--help").out.find("32768"), std::string::npos);
}

TEST_F(Command, ShowsOnATerminalHowFarACalibrationIs) {
    const Terminal terminal;
    const Outcome o = run("model -o out.skald --calibrate model/tokenizer.json 2>" +
                          terminal.name() + " #");  // comments out where stderr goes else
    EXPECT_EQ(o.status, 0);
    const std::string written = terminal.written();
    EXPECT_NE(written.find("100% of the text"), std::string::npos) << written;
    EXPECT_TRUE(written.ends_with("\r\033[K")) << written;
}

// By default a model in f32 has keys and values in f32, and needs a card that knows them.
TEST_F(Command, SaysWhichCacheAModelHasAndWhichCardItNeeds) {
    struct Case {
        const char *arguments, *kv;
        double block;  // of the one in f16
    };
    const auto json = [&](const std::string& arguments) {
        const Outcome o = run("model -o out.skald --json " + arguments);
        EXPECT_EQ(o.status, 0) << o.error;
        return test::Json::parse(o.out);
    };
    const test::Json half = json("");
    for (const Case& c :
         {Case{"", "f16", 1}, Case{"--weights f16", "f16", 1}, Case{"--weights f32", "f32", 2},
          Case{"--weights int4 --kv f32", "f32", 2}, Case{"--weights f32 --kv f16", "f16", 1},
          Case{"--weights f32 --kv int8", "int8", 0.75}}) {
        SCOPED_TRACE(c.arguments);
        const test::Json j = json(c.arguments);
        EXPECT_EQ(j["kv"], c.kv);
        EXPECT_EQ(j["kv_block_bytes"], c.block * half["kv_block_bytes"].get<double>());
        EXPECT_EQ(j["isa_version"] == "1.4", std::string_view(c.kv) == "f32") << j["isa_version"];
    }
    EXPECT_NE(run("model -o out.skald --report --weights f32").out.find("KV f32 ("),
              std::string::npos);
}

TEST_F(Command, ChecksWhatItCompilesAgainstTheInterpreter) {
    const auto check = [&](const std::string& arguments) {
        const Outcome o = run("model --json --check 'the of them, he and she' " + arguments);
        EXPECT_EQ(o.status, 0) << o.error;
        EXPECT_EQ(o.error, "");
        return test::Json::parse(o.out).at("check");
    };
    const test::Json floats = check("--weights f32");
    const std::size_t tokens = floats["tokens"];
    EXPECT_GT(tokens, 5u);
    for (const char* weights : {"source_weights", "stored_weights"}) {
        const test::Json& of = floats[weights];
        ASSERT_EQ(of["layers"].size(), 3u);
        EXPECT_EQ(of["layers"][0]["name"], "embedding");
        EXPECT_EQ(of["layers"][0]["largest_error"], 0);
        EXPECT_EQ(of["layers"][2]["name"], "layer 1");
        for (const test::Json& figures : {of["layers"][1], of["layers"][2], of["logits"]}) {
            EXPECT_LT(figures["largest_error"], 1e-4);
            EXPECT_LE(figures["rms_error"], figures["largest_error"]);
            EXPECT_GT(figures["correlation"], 0.99999);
        }
        EXPECT_NEAR(of["nll"], floats["nll"], 1e-3);
        EXPECT_LE(of["other_best"], 1);  // two may be as good
        EXPECT_EQ(of["first_other_best"].is_null(), of["other_best"] == 0);
    }
    // What four bits cost is not the card's fault.
    const test::Json four = check("-o out.skald --weights int4 --calibrate model/tokenizer.json");
    EXPECT_GT(four["source_weights"]["logits"]["rms_error"], 0.02);
    EXPECT_LT(four["stored_weights"]["logits"]["rms_error"],
              0.3 * four["source_weights"]["logits"]["rms_error"].get<double>());
    EXPECT_TRUE(std::filesystem::exists(file("out.skald")));
}

TEST_F(Command, ChecksWithATextOrAFileAndPrintsATable) {
    test::write_file(file("text"), std::vector<std::byte>(70, std::byte{'a'}));
    const Outcome o = run("model --check @text --report");
    EXPECT_EQ(o.status, 0);
    EXPECT_EQ(o.error,
              "llm-compile: --check: the text is longer than 64 tokens, the rest of it is not "
              "used\n");
    for (const char* word :
         {"all matrices", "on 64 tokens", "embedding", "layer 1", "logits", "nll"})
        EXPECT_NE(o.out.find(word), std::string::npos) << word << " in\n" << o.out;
    expect_failure("model --check ''", 2, "the text is empty");
    expect_failure("model --check @nothing", 1, "nothing");
    EXPECT_EQ(run("model -o out.skald").status, 0);
    expect_failure("out.skald --check text", 2, "--check");
}

TEST_F(Command, SaysWhatARequestTakesOnAModelledChip) {
    const Outcome json = run("model -o out.skald --chip h100-sxm --json");
    ASSERT_EQ(json.status, 0) << json.error;
    EXPECT_EQ(json.error, "");
    const test::Json timed = test::Json::parse(json.out).at("modelled");
    EXPECT_EQ(timed["chip"], "h100-sxm");
    EXPECT_EQ(timed["n_prompt"].get<int>() + timed["n_gen"].get<int>(), 64) << "the context";
    EXPECT_GT(timed["token_s"], 0);
    EXPECT_GT(timed["token_j"], 0);
    const Outcome text = run("model -o out.skald --chip h100-sxm");
    EXPECT_EQ(text.out.rfind("modelled chip h100-sxm: out.skald, ", 0), 0u) << text.out;
    const Outcome shape = run("--shape model/config.json --weights int8 -o s.skald --chip sk1");
    EXPECT_NE(shape.out.find(" ms a token"), std::string::npos) << shape.error;
    const Outcome split = run("model -o g.skald --split pipeline=2 --chip h100-sxm");
    EXPECT_NE(split.out.find("2 chips"), std::string::npos) << split.error;
    expect_failure("model -o new.skald --chip mine", 1, "mine");
    expect_failure("model -o new.skald --chip rain", 1, "lacks");
    expect_failure("model --disasm --chip sk1", 2, "--chip: needs -o");
    EXPECT_FALSE(std::filesystem::exists(file("new.skald"))) << "it is looked at first";
}

TEST_F(Command, SaysWhatAContextIsRoundedTo) {
    const Outcome o = run("model -o out.skald --context 30 --report");
    EXPECT_EQ(o.status, 0);
    EXPECT_NE(o.out.find("context 28,"), std::string::npos) << o.out;
    EXPECT_EQ(o.error, "llm-compile: a context of 30 is rounded down to 28\n");
    EXPECT_EQ(run("model --disasm --context 30").error, o.error);
    EXPECT_EQ(run("model --disasm --context 32").error, "");
}

TEST_F(Command, RefusesAnEmptyNameOfAFile) {
    const std::string random = "--random model/config.json ";
    for (const std::string& arguments :
         {std::string("'' -o out.skald"), std::string("model -o ''"),
          std::string("--random '' -o out.skald"), random + "--write-gguf ''",
          random + "--write-gguf '' q8_0", std::string("model -o out.skald --calibrate ''")})
        expect_failure(arguments, 2, "the name of the file is empty");
    EXPECT_FALSE(std::filesystem::exists(file("out.skald")));
}

TEST_F(Command, KeepsWhatIsNotJsonOutOfJson) {
    expect_failure("model -o out.skald --json --disasm", 2, "--json");
    expect_failure("model -o out.skald --json --dump fuse", 2, "--json");
    EXPECT_FALSE(std::filesystem::exists(file("out.skald")));
}

TEST_F(Command, SaysInOneLineWhatIsWrong) {
    expect_failure("nothing -o out.skald", 1, "no such file");
    expect_failure("stderr -o out.skald", 1, "stderr");
    expect_failure("model -o no/such/out.skald", 1, "no/such/out.skald");
    expect_failure("model -o out.skald --context 9999", 1, "4 to 64");
    expect_failure("model -o out.skald --weights int4:64", 2, "int4:64");
    expect_failure("model -o out.skald --tensor '*q_proj*'", 2, "PATTERN=FORMAT");
    expect_failure("model -o out.skald --tensor '*q_proj*=int3'", 2, "int3");
    expect_failure("model -o out.skald --tensor '*nothing*=int8'", 1, "*nothing*; one is model.");
    expect_failure("model -o out.skald --calibrate nothing", 1, "nothing");
    expect_failure("model -o out.skald --calibrate model", 1, "model");
    expect_failure("model -o out.skald --calibrate model/config.json --context 9999", 1, "4 to 64");
    expect_failure("model --disasm --calibrate model/config.json", 2, "needs -o");
    expect_failure("model -o out.skald --kv int4", 2, "--kv");
    expect_failure("model -o out.skald --weights int3", 2, "int3");
    expect_failure("model -o out.skald --dump nothing", 2, "plan_memory");
    expect_failure("model", 2, "-o: is required unless --check, --write-gguf, --write-onnx,");
    expect_failure("model --report", 2, "--report: needs -o");
    expect_failure("model --json", 2, "--json: needs -o");
    expect_failure("model/config.json -o out.skald", 1, "--random takes");
    expect_failure("-o out.skald", 2, "MODEL");
    expect_failure("model -o out.skald --nonsense", 2, "nonsense");
    expect_failure("model -o out.skald --threads 1000000", 2, "--threads");
    expect_failure("model -o out.skald --context 0x10", 2, "--context");
    EXPECT_FALSE(std::filesystem::exists(file("out.skald")));
    EXPECT_EQ(run("model -o out.skald").status, 0);
}

TEST_F(Command, CompilesAShapeAndHasNothingToSayOfItsWeights) {
    EXPECT_EQ(run("--shape model/config.json --weights int8 -o shape.skald").status, 0);
    EXPECT_EQ(run("--shape model/config.json --sequences 100 -o shape.skald --json").status, 0);
    for (const char* what : {"--check hello", "-o out.skald --report"})
        expect_failure(std::string("--shape model/config.json ") + what, 2, "has no weights");
    expect_failure("model --shape model/config.json -o out.skald", 2, "one model");
}

TEST_F(Command, SaysInOneLineWhatIsWrongWithARandomModel) {
    const std::string random = "--random model/config.json ";
    test::write_file(file("cut.json"), std::vector<std::byte>(1, std::byte{'{'}));
    expect_failure("--random cut.json -o out.skald", 1, "cut.json: byte 2");
    expect_failure("--random nothing.json -o out.skald", 1, "nothing.json: cannot open");
    expect_failure("--random model -o out.skald", 1, "model: is not a regular file");
    expect_failure(random + "model -o out.skald", 2, "one model");
    expect_failure(random + "--tensor '*attn_q*=int4' -o out.skald", 1, "*attn_q*; one is model.");
    expect_failure(random + "--write-gguf", 2, "--write-gguf");
    expect_failure(random + "--write-gguf m.gguf q4_k", 2, "q4_k is unknown");
    expect_failure(random + "--write-gguf no/such/m.gguf", 1, "no/such/m.gguf");
    expect_failure(random + "-o out.skald --seed 4294967296", 2, "--seed");
    expect_failure("model -o out.skald --seed 1", 2, "--seed requires --random");
    expect_failure("model -o out.skald --write-gguf m.gguf", 2, "needs --random");
    EXPECT_FALSE(std::filesystem::exists(file("out.skald")));
    EXPECT_FALSE(std::filesystem::exists(file("m.gguf")));
    EXPECT_EQ(run(random + "-o out.skald --seed 4294967295").status, 0);
}

TEST_F(Command, SaysWhatIsWrongWithACompiledModel) {
    EXPECT_EQ(run("model -o out.skald").status, 0);
    expect_failure("out.skald -o again.skald", 2, "out.skald is a compiled model already");
    expect_failure("out.skald --dump fuse", 2, "a compiled model has no passes");
    auto bytes = test::read_file(file("out.skald"));
    bytes[4200] ^= std::byte{1};
    test::write_file(file("out.skald"), bytes);
    expect_failure("out.skald --disasm", 1, "corrupted");
}

}  // namespace
}  // namespace skald::compiler
