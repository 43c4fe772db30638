// SPDX-License-Identifier: MIT
// Where chat templates come from, and what becomes of them in a container.
#include <gtest/gtest.h>

#include <fstream>

#include "chat/chat_source.hpp"
#include "compile.hpp"
#include "container/container.hpp"
#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using Texts = rt::ChatSection::Texts;
using test::Json;

class Chat : public ::testing::Test {
  protected:
    void write(const std::string& name, const std::string& text) {
        const auto path = folder_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }
    rt::ChatSection read() const { return read_chat(folder_.path(), tokenizer_); }

    test::TemporaryFolder folder_;
    rt::TokenizerSpec tokenizer_;
};

TEST_F(Chat, TokenizerConfigHasOneTemplateOrSeveral) {
    write("tokenizer_config.json", R"({"chat_template": "a{{ bos_token }}", "bos_token": "<s>",
        "eos_token": {"content": "</s>", "special": true}, "pad_token": null, "x": 1})");
    EXPECT_EQ(read().templates, (Texts{{"default", "a{{ bos_token }}"}}));
    EXPECT_EQ(read().tokens, (Texts{{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
    write("tokenizer_config.json", R"({"chat_template": [{"name": "default", "template": "d"},
        {"name": "tool_use", "template": "t"}]})");
    EXPECT_EQ(read().templates, (Texts{{"default", "d"}, {"tool_use", "t"}}));
    EXPECT_EQ(*read().choose(true), "t");
    EXPECT_EQ(*read().choose(false), "d");
    write("tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})");
    test::expect_error([&] { (void)read(); }, {"tokenizer_config.json", "chat_template"});
}

TEST_F(Chat, AFileOfItsOwnComesFirst) {
    write("chat_template.json", R"({"chat_template": "old"})");
    EXPECT_EQ(read().templates, (Texts{{"default", "old"}}));
    write("tokenizer_config.json", R"({"chat_template": "config"})");
    EXPECT_EQ(read().templates, (Texts{{"default", "config"}}));
    write("chat_template.jinja", "file\n");
    write("additional_chat_templates/rag.jinja", "rag");
    EXPECT_EQ(read().templates, (Texts{{"default", "file\n"}, {"rag", "rag"}}));
}

TEST_F(Chat, TokensComeFromTheVocabularyWhereNoFileNamesThem) {
    tokenizer_.pieces = {{"<unk>"}, {"<s>"}, {"</s>"}};
    tokenizer_.bos_id = 1;
    tokenizer_.eos_ids = {2};
    EXPECT_EQ(read().tokens, (Texts{{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
    write("special_tokens_map.json", R"({"eos_token": "<end>"})");
    EXPECT_EQ(read().tokens, (Texts{{"eos_token", "<end>"}}));
}

TEST_F(Chat, Gguf) {
    test::GgufFile file = test::make_gguf({});
    file.values["tokenizer.chat_template"] = std::string("d");
    file.values["tokenizer.chat_template.tool_use"] = std::string("t");
    file.values["tokenizer.chat_templates"] = std::vector<std::string>{"tool_use"};
    const auto path = folder_ / "m.gguf";
    test::write_file(path, test::gguf_bytes(file));
    const rt::ChatSection chat = read_chat(path, load_model(path).tokenizer);
    EXPECT_EQ(chat.templates, (Texts{{"default", "d"}, {"tool_use", "t"}}));
    EXPECT_FALSE(chat.tokens.empty());
}

TEST_F(Chat, WhatIsNoTemplateIsRefusedOrLeftOut) {
    write("bad.jinja", "a\n{% if x %}\n");
    test::expect_error([&] { (void)read_template(folder_ / "bad.jinja"); },
                       {"bad.jinja", "line 2"});
    rt::ChatSection chat{{{"default", "good"}, {"tool_use", "\n{{ 1 +"}}, {}};
    const auto faults = drop_bad_templates(chat);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_NE(faults[0].find("tool_use is left out: line 2"), std::string::npos) << faults[0];
    EXPECT_EQ(chat.templates, (Texts{{"default", "good"}}));
}

TEST_F(Chat, OnlyAContainerWithATemplateIsOfTheLaterVersion) {
    test::write_hugging_face(folder_.path(), {});
    Model model = load_model(folder_.path());
    CompileOptions options;
    compile(model, options, folder_ / "plain.skald");
    const rt::Container plain(folder_ / "plain.skald");
    EXPECT_EQ(plain.header().version, container::kVersion1_0);
    EXPECT_EQ(plain.chat(), "");
    options.chat = rt::serialize({{{"default", "a\n\"ä\""}}, {{"bos_token", "<s>"}}});
    compile(model, options, folder_ / "chat.skald");
    const rt::Container chat(folder_ / "chat.skald");
    EXPECT_EQ(chat.header().version, container::kVersionOfChat);
    EXPECT_EQ(chat.chat(), options.chat);
    EXPECT_EQ(rt::parse_chat_section(chat.chat()).templates, (Texts{{"default", "a\n\"ä\""}}));
    EXPECT_THROW((void)rt::parse_chat_section("{\"templates\": 1}"), rt::TemplateError);
}

}  // namespace
}  // namespace skald::compiler
