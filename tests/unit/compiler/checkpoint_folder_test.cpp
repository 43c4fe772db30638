// SPDX-License-Identifier: MIT
// What a folder is taken for, by the names of its files.
#include "input/checkpoint_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using Names = std::vector<std::string>;

class Folders : public ::testing::Test {
  protected:
    std::filesystem::path with(const Names& names) {
        const auto folder = temporary_ / ("f" + std::to_string(count_++));
        std::filesystem::create_directory(folder);
        for (const std::string& name : names)
            std::ofstream(folder / name) << "x";
        return folder;
    }
    void refused(const Names& names, std::initializer_list<const char*> words) {
        const auto folder = with(names);
        expect_error([&] { model_in(folder); }, words);
    }
    test::TemporaryFolder temporary_;
    int count_ = 0;
};

TEST_F(Folders, OfModelsAreKnown) {
    using enum Checkpoint;
    EXPECT_EQ(model_in(with({"config.json", "model.safetensors"})), kHuggingFace);
    EXPECT_EQ(model_in(with({"config.json", "model.safetensors.index.json", "x.gguf"})),
              kHuggingFace);
    EXPECT_EQ(model_in(with({"params.json", "consolidated.safetensors"})), kMistral);
    EXPECT_EQ(model_in(with({"params.json", "consolidated.safetensors.index.json"})), kMistral);
    EXPECT_EQ(model_in(with({"config.json", "params.json", "consolidated.safetensors"})), kMistral);
    EXPECT_EQ(model_in(with(
                  {"config.json", "model.safetensors", "params.json", "consolidated.safetensors"})),
              kHuggingFace);
    require_adapter(with({"adapter_config.json", "adapter_model.safetensors"}));
}

TEST_F(Folders, SayWhatTheyAreInstead) {
    refused({"b-00002-of-00002.gguf", "b-00001-of-00002.gguf", "a.gguf"},
            {"GGUF files", "named: a.gguf, b-00001-of-00002.gguf"});
    refused({"1.gguf", "2.gguf", "3.gguf", "4.gguf"}, {"1.gguf, 2.gguf, 3.gguf, ..."});
    refused({"adapter_config.json", "adapter_model.safetensors"}, {"LoRA adapter", "--lora"});
    refused({"config.json", "pytorch_model-00001-of-00002.bin", "training_args.bin"},
            {"pickled files (pytorch_model-00001-of-00002.bin)", "safetensors"});
    refused({"params.json", "consolidated.00.pth"}, {"pickled files (consolidated.00.pth)"});
    refused({"model.safetensors"}, {"without config.json"});
    refused({"consolidated.safetensors"}, {"params.json"});
    refused({"config.json"}, {"neither model.safetensors nor model.safetensors.index.json"});
    refused({}, {"without a model", "config.json", "params.json"});
    expect_error([&] { model_in(temporary_ / "none"); }, {"none", "cannot list"});
}

TEST_F(Folders, OfAdaptersAreComplete) {
    const auto folder = [&](const Names& names) { return with(names); };
    const auto plain = folder({"config.json"}), bare = folder({"adapter_config.json"}),
               pickled = folder({"adapter_config.json", "adapter_model.bin"});
    expect_error([&] { require_adapter(plain); }, {"not a LoRA adapter", "adapter_config.json"});
    expect_error([&] { require_adapter(bare); }, {"no adapter_model.safetensors"});
    expect_error([&] { require_adapter(pickled); }, {"pickled files (adapter_model.bin)"});
}

TEST_F(Folders, AreListed) {
    const FolderOffers offers =
        offers_of(with({"config.json", "model.safetensors", "a.gguf", "x.pth", "x.bin"}));
    EXPECT_TRUE(offers.hugging_face);
    EXPECT_FALSE(offers.mistral || offers.lora);
    EXPECT_EQ(offers.gguf, Names{"a.gguf"});
    EXPECT_EQ(offers.pickled, Names{"x.pth"});
}

}  // namespace
}  // namespace skald::compiler
