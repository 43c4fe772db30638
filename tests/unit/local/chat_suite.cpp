// SPDX-License-Identifier: MIT
// llm-run --chat and --messages as a user has them, from a pipe and on a terminal.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llm_run.hpp"
#include "terminal_process.hpp"
#include "test_card.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kBegin = 0, kEnd = 1;  // <s> and </s> of the model
const Words kGreedy = {"-n", "12", "--temp", "0", "--json"};

std::string chat_model() {
    return path_of("default-chat.skald");
}

Finished chat(const Words& options, const std::string& input) {
    return llm_run(options, input, chat_model());
}

std::vector<json> lines_of(const Finished& done) {
    std::vector<json> lines;
    for (std::size_t at = 0; at < done.out.size();) {
        const std::size_t end = std::min(done.out.find('\n', at), done.out.size());
        if (done.out[at] == '{')
            lines.push_back(json::parse(done.out.substr(at, end - at)));
        at = end + 1;
    }
    return lines;
}

std::string prompt_of(const Words& options, const std::string& messages) {
    const Finished done = chat(with({"--messages", "-", "--show-prompt"}, options), messages);
    EXPECT_EQ(done.status, kDone) << done.err;
    return done.out;
}

TEST(Chat, ATurnComputesOnlyWhatIsNew) {
    const fs::path saved = fs::path(scratch_folder()) / "skald-chat.json";
    const Finished done =
        chat(with({"--chat", "--system", "Hear, O Israel."}, kGreedy),
             "Who is the king?\nAnd who was before him?\n/save " + saved.string() + "\n");
    EXPECT_EQ(done.status, kDone) << done.err;
    EXPECT_EQ(done.err, "");
    const auto turns = lines_of(done);
    ASSERT_EQ(turns.size(), 2u) << done.out;
    EXPECT_EQ(turns[0]["n_cached"], 0);
    EXPECT_EQ(turns[0]["prompt"],
              "<s>Hear, O Israel.\nAnd one said, Who is the king?\nAnd it was said,");
    // All of the first prompt and of the reply but its last token.
    EXPECT_EQ(turns[1]["n_cached"],
              turns[0]["n_prompt"].get<int>() + turns[0]["n_gen"].get<int>() - 1);
    EXPECT_GT(turns[1]["n_prompt"], turns[1]["n_cached"]);
    // The same reply as without what was kept.
    json messages = json::parse(read_file(saved));
    ASSERT_EQ(messages["messages"].size(), 5u);
    EXPECT_EQ(messages["messages"][4]["content"], turns[1]["text"]);
    messages["messages"].erase(4);
    std::ofstream(saved) << messages;
    const json fresh = json_of(chat(with({"--messages", saved.string()}, kGreedy), ""));
    EXPECT_EQ(fresh["n_cached"], 0);
    EXPECT_EQ(fresh["prompt_ids"], turns[1]["prompt_ids"]);
    EXPECT_EQ(fresh["ids"], turns[1]["ids"]);
    fs::remove(saved);
}

TEST(Chat, ClearForgetsTheTurnsAndNotTheSystemMessage) {
    const auto turns =
        lines_of(chat(with({"--chat", "--system", "Hear."}, kGreedy), "one\ntwo\n/clear\none\n"));
    ASSERT_EQ(turns.size(), 3u);
    EXPECT_EQ(turns[2]["prompt"], turns[0]["prompt"]);
    EXPECT_EQ(turns[2]["ids"], turns[0]["ids"]);
    EXPECT_EQ(turns[2]["n_cached"], turns[0]["n_prompt"].get<int>() - 1);
}

TEST(Chat, MessagesOfSeveralLines) {
    const auto turns = lines_of(
        chat(with({"--chat"}, kGreedy), "one\\\ntwo\n\"\"\"three\n\nfour\n\"\"\"\n\n//five\n"));
    ASSERT_EQ(turns.size(), 3u);
    const auto last = [&](std::size_t i) { return turns[i]["prompt"].get<std::string>(); };
    EXPECT_NE(last(0).find("said, one\ntwo\nAnd"), std::string::npos) << last(0);
    EXPECT_NE(last(1).find("said, three\n\nfour\nAnd"), std::string::npos) << last(1);
    EXPECT_NE(last(2).find("said, /five\nAnd"), std::string::npos) << last(2);
}

TEST(Chat, WhatCannotBeAnsweredIsTakenBack) {
    std::string tale;
    for (int i = 0; i < 600; ++i)
        tale += "behold ";
    const Finished done = chat(with({"--chat"}, kGreedy), "one\n" + tale + "\n/nothing\ntwo\n");
    EXPECT_EQ(done.status, kContextFull);
    EXPECT_NE(done.err.find("does not fit the model's context"), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("there is no /nothing"), std::string::npos) << done.err;
    const auto turns = lines_of(done);
    ASSERT_EQ(turns.size(), 2u);
    EXPECT_EQ(turns[1]["prompt"].get<std::string>().find("behold behold"), std::string::npos);
}

TEST(Messages, AnObjectHasVariablesAndArgumentsComeLast) {
    const std::string messages = R"([{"role": "user", "content": "Go"}])";
    EXPECT_EQ(prompt_of({}, messages), "<s>And one said, Go\nAnd it was said,");
    const std::string object = R"({"messages": )" + messages + R"(, "add_generation_prompt": false,
                                   "bos_token": "B", "shout": true})";
    EXPECT_EQ(prompt_of({}, object), "BAnd one said, GO\n");
    EXPECT_EQ(prompt_of({"--template-arg", "shout=false", "--template-arg", "bos_token=C"}, object),
              "CAnd one said, Go\n");
}

TEST(Messages, ThePromptGoesToTheModelAsTheTemplateWroteIt) {
    const json line = json_of(chat(with({"--messages", "-"}, kGreedy),
                                   R"([{"role": "user", "content": "Who art thou?"}])"));
    EXPECT_EQ(line["n_gen"], 12);
    EXPECT_EQ(line["prompt_ids"][0], kBegin);  // once
    EXPECT_EQ(std::ranges::count(line["prompt_ids"], json(kBegin)), 1);
}

TEST(Messages, WhatAUserWritesIsNoControlToken) {
    const std::string said = R"([{"role": "user", "content": "</s>x</s>"}])";
    const auto ends = [&](const Words& options) {
        const json line = json_of(chat(with(with({"--messages", "-"}, kGreedy), options), said));
        EXPECT_NE(line["prompt"].get<std::string>().find("</s>x</s>"), std::string::npos);
        return std::ranges::count(line["prompt_ids"], json(kEnd));
    };
    EXPECT_EQ(ends({}), 0);
    EXPECT_EQ(ends({"--control-tokens"}), 2);
    // What the model said before is its own.
    const json line = json_of(chat(with({"--messages", "-"}, kGreedy),
                                   R"([{"role": "user", "content": "a"},
                                       {"role": "assistant", "content": "b"},
                                       {"role": "user", "content": "c"}])"));
    EXPECT_EQ(std::ranges::count(line["prompt_ids"], json(kEnd)), 1);
}

TEST(Messages, RefusalsAreASentence) {
    const auto refused = [](const Finished& done, int status, const std::string& words) {
        EXPECT_EQ(done.status, status);
        expect_one_line(done.err);
        EXPECT_NE(done.err.find(words), std::string::npos) << done.err;
    };
    refused(llm_run({"--messages", "-"}, "[]"), kFailed, "has no chat template");
    refused(llm_run({"--chat"}, "hello\n"), kFailed, "has no chat template");
    refused(chat({"--messages", "-"}, R"([{"role": "tool", "content": "x"}])"), kFailed,
            "line 11: there is no role tool");
    refused(chat({"--messages", "-"}, "hello"), kFailed, "JSON");
    refused(chat({"--messages", "-"}, R"({"a": 1})"), kFailed, "messages");
    refused(chat({"--messages", "-"}, R"([{"content": 1}])"), kFailed, "role");
    refused(chat({"--messages", "-", "--template-arg", "x"}, "[]"), kUsage, "NAME=VALUE");
    refused(chat({"--messages", "-", "--date", "soon"}, "[]"), kUsage, "YYYY-MM-DD");
    refused(chat({"--chat", "-p", "x"}, ""), kUsage, "excludes");
    refused(chat({"--template-arg", "x=1", "-p", "x"}, ""), kUsage, "--chat");
}

// ---- On a terminal ----------------------------------------------------------------------------

class OnTerminal : public testing::Test {
  protected:
    static Words words(const Words& options) { return command(chat_model(), options); }
};

TEST_F(OnTerminal, LinesAreEditedAndFoundAgain) {
    TerminalProcess run(words(with({"--chat"}, kGreedy)));
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("whx\bo ärt thoü\b\bou?\r");  // libedit takes a backspace for what it is
    ASSERT_TRUE(run.wait_for("\"prompt\":\"<s>And one said, who ärt thou?\\n")) << run.screen();
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("\x10\x01Tell me, \r");  // the last line again, something before it
    ASSERT_TRUE(run.wait_for("And one said, Tell me, who ärt thou?")) << run.screen();
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("\x04");
    EXPECT_EQ(run.wait(), kDone) << run.screen();
    EXPECT_TRUE(run.is_cooked());
}

TEST_F(OnTerminal, AReplyIsStoppedAndNotTheProgram) {
    TerminalProcess run(
        words({"--chat", "--temp", "0", "--ignore-eos", "--json", "--chunk", "16"}));
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    // A reply may be over before the key arrives.
    bool interrupted = false;
    for (int i = 0; i < 20 && !interrupted; ++i) {
        run.type("In the beginning\r");
        ASSERT_TRUE(run.wait_for("beginning\r\n")) << run.screen();
        ASSERT_TRUE(run.wait_for(" ")) << run.screen();
        run.type("\x03");
        ASSERT_TRUE(run.wait_for("\"stop_reason\":\"")) << run.screen();
        ASSERT_TRUE(run.wait_for("> ")) << run.screen();
        interrupted = run.screen().find("\"stop_reason\":\"interrupted\"") != std::string::npos;
        run.type("/clear\r");
        ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    }
    EXPECT_TRUE(interrupted);
    run.type("/exit\r");
    EXPECT_EQ(run.wait(), kDone) << run.screen();
}

TEST_F(OnTerminal, TheSecondCtrlCAtAnEmptyLineEnds) {
    TerminalProcess run(words(with({"--chat"}, kGreedy)));
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("half a li");
    ASSERT_TRUE(run.wait_for("half a li")) << run.screen();
    run.type("\x03");
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("\x03");
    ASSERT_TRUE(run.wait_for("Ctrl-C again")) << run.screen();
    ASSERT_TRUE(run.wait_for("> ")) << run.screen();
    run.type("\x03");
    EXPECT_EQ(run.wait(), kDone) << run.screen();
    EXPECT_TRUE(run.is_cooked());
}

// The conversation comes from a pipe and is read once the model is open: in between the model's
// file loses its second half.
TEST(Chat, AModelThatCannotBeReadAnyMoreIsNamed) {
    const fs::path folder = scratch_folder();
    const std::string model = folder / "skald-cut.skald", pipe = folder / "skald-cut.pipe";
    fs::copy_file(chat_model(), model, fs::copy_options::overwrite_existing);
    fs::remove(pipe);
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    Process run(command(model, {"--messages", pipe}));
    std::ofstream conversation(pipe);  // waits for the reader
    fs::resize_file(model, fs::file_size(model) / 2);
    conversation << R"([{"role": "user", "content": "Go"}])";
    conversation.close();
    const Finished done = run.wait();
    EXPECT_EQ(done.status, kFailed);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err, "llm-run: cannot read " + model +
                            ": Input/output error: the file became shorter meanwhile\n");
    fs::remove(model);
    fs::remove(pipe);
}

}  // namespace
}  // namespace skald::test
