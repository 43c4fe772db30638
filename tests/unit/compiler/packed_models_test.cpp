// SPDX-License-Identifier: MIT
// Models as checkpoints/pack.py writes them, packed and plain: one weight image, one program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "backend/weight_image.hpp"
#include "compile.hpp"
#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using test::Json;

class PackedModels : public ::testing::Test {
  protected:
    void make(const std::string& form) {
        const std::string command = std::string("python3 -B '") + SKALD_SOURCE_DIR +
                                    "/tests/unit/compiler/checkpoints/pack.py' " + form + " '" +
                                    temporary_.path().string() + "'";
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    // Changes a file of JSON.
    template <typename Change>
    void change(const std::string& file, Change change) {
        const auto path = temporary_ / file;
        Json json;
        std::ifstream(path) >> json;
        change(json);
        std::ofstream(path) << json;
    }
    std::filesystem::path folder(const std::string& name) const { return temporary_ / name; }

    // Weights, then the program.
    static std::vector<std::byte> bytes_of(Model model) {
        CompileOptions options;
        options.weights = WeightChoice::kF32;
        const Plan p = plan(model, options);
        std::vector<std::byte> out;
        WeightImage(p.graph, p.layout).write(1, [&](std::span<const std::byte> bytes) {
            out.insert(out.end(), bytes.begin(), bytes.end());
        });
        const auto program = std::as_bytes(std::span(p.program));
        out.insert(out.end(), program.begin(), program.end());
        return out;
    }
    test::TemporaryFolder temporary_;
};

class PackedForms : public PackedModels, public ::testing::WithParamInterface<const char*> {};

TEST_P(PackedForms, CompileToTheBytesOfTheirPlainForm) {
    make(GetParam());
    const bool adapted = std::string(GetParam()) == "lora";
    EXPECT_TRUE(bytes_of(load_model(folder("packed"), adapted ? folder("adapter") : "")) ==
                bytes_of(load_model(folder("plain"))));
}

INSTANTIATE_TEST_SUITE_P(All, PackedForms,
                         ::testing::Values("mxfp4", "bitnet", "bitnet-inverse", "fp8", "fp8-32",
                                           "fused", "sharded", "lora", "mistral", "mistral-sharded",
                                           "mistral-moe"),
                         [](const auto& instance) {
                             std::string name = instance.param;
                             std::erase(name, '-');
                             return name;
                         });

TEST_F(PackedModels, AreRefusedWithAKeyThatNobodyUnderstands) {
    for (const auto& [form, config] :
         {std::pair("mistral", "params.json"), {"fp8", "config.json"}, {"bitnet", "config.json"}}) {
        make(form);
        change(std::string("packed/") + config, [](Json& j) { j["some_new_switch"] = true; });
        expect_error([&] { load_model(folder("packed")); }, {config, "some_new_switch"});
        change(std::string("packed/") + config, [](Json& j) {
            j.erase("some_new_switch");
            if (j.contains("quantization_config"))
                j["quantization_config"]["some_new_switch"] = 3;
        });
        if (std::string(form) != "mistral") {
            expect_error([&] { load_model(folder("packed")); },
                         {config, "quantization_config.some_new_switch"});
        }
        std::filesystem::remove_all(folder("packed"));
        std::filesystem::remove_all(folder("plain"));
    }
}

TEST_F(PackedModels, OfMistralNameTheKeyOfParamsThatIsWrong) {
    make("mistral");
    Json before;
    change("packed/params.json", [&](Json& j) { before = j; });
    const auto broken = [&](auto edit, std::initializer_list<const char*> words) {
        change("packed/params.json", [&](Json& j) { edit(j = before); });
        expect_error([&] { load_model(folder("packed")); }, words);
    };
    broken([](Json& j) { j.erase("dim"); }, {"params.json", "dim", "missing"});
    broken([](Json& j) { j["dim"] = -64; }, {"params.json", "dim"});
    broken([](Json& j) { j["n_heads"] = "4"; }, {"params.json", "n_heads"});
    broken([](Json& j) { j["n_layers"] = 100; }, {"layers."});
    broken([](Json& j) { j["norm_eps"] = nullptr; }, {"params.json", "norm_eps"});
    change("packed/params.json", [&](Json& j) { j = before; });
    std::filesystem::remove(folder("packed") / "tokenizer.json");
    expect_error([&] { load_model(folder("packed")); }, {"tokenizer.json", "tekken.json"});
}

TEST_F(PackedModels, AreRefusedIfQuantisedInAWayThatIsNotKnown) {
    make("sharded");
    change("plain/config.json",
           [](Json& j) { j["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}}; });
    expect_error([&] { load_model(folder("plain")); },
                 {"config.json", "quantization_config", "gptq", "fp8, mxfp4 and bitnet"});
}

TEST_F(PackedModels, RefuseAnAdapterThatIsNotTheirs) {
    make("lora");
    const auto refused = [&](std::initializer_list<const char*> words) {
        expect_error([&] { load_model(folder("packed"), folder("adapter")); }, words);
    };
    const auto changed = [&](const char* key, const Json& value,
                             std::initializer_list<const char*> words) {
        Json before;
        change("adapter/adapter_config.json", [&](Json& j) {
            before = j;
            j[key] = value;
        });
        refused(words);
        change("adapter/adapter_config.json", [&](Json& j) { j = before; });
    };
    changed("use_dora", true, {"adapter_config.json", "use_dora"});
    changed("peft_type", "IA3", {"adapter_config.json", "peft_type", "IA3"});
    changed("bias", "all", {"adapter_config.json", "bias", "all"});
    expect_error([&] { load_model(folder("packed"), folder("plain")); }, {"plain"});
    // With a layer less, the adapter has tensors for what is not there.
    test::write_hugging_face(folder("other"), {});
    expect_error([&] { load_model(folder("other"), folder("adapter")); }, {"adapter"});
}

}  // namespace
}  // namespace skald::compiler
