// SPDX-License-Identifier: MIT
// Checkpoints that fail while they are read: a sentence that names the file, and no compiled model.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "calibrate/calibration.hpp"
#include "compile.hpp"
#include "error.hpp"
#include "fixture.hpp"
#include "input/gguf.hpp"
#include "input/safetensors.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

// Large enough that its tensors lie on pages of their own.
constexpr test::TinyShape kShape{.hidden = 64, .ffn = 96, .head_dim = 16};

class FailingFile : public ::testing::Test {
  protected:
    // Half of it goes: the tensors at its end cannot be read any more.
    static void cut(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }

    void expect_unreadable(const fs::path& file, const auto& use) const {
        try {
            use();
            ADD_FAILURE() << file << " was taken for whole";
        } catch (const CompileError& error) {
            EXPECT_EQ(error.what(), "cannot read " + file.string() +
                                        ": Input/output error: the file became shorter meanwhile");
        }
    }

    void compile_cut(const fs::path& source, const fs::path& file) const {
        Model model = load_model(source);
        cut(file);
        const fs::path out = temporary_ / "out.skald";
        expect_unreadable(file, [&] { compile(model, {}, out); });
        EXPECT_FALSE(fs::exists(out));
    }

    fs::path write_gguf() const {
        test::write_file(temporary_ / "model.gguf", test::gguf_bytes(test::make_gguf(kShape)));
        return temporary_ / "model.gguf";
    }

    test::TemporaryFolder temporary_;
};

TEST_F(FailingFile, OfSafetensorsGivesNoModel) {
    test::write_hugging_face(temporary_ / "model", kShape);
    compile_cut(temporary_ / "model", temporary_ / "model/model.safetensors");
}

TEST_F(FailingFile, OfAShardGivesNoModelAndIsTheOneNamed) {
    test::HfOptions options;
    options.shards = 2;
    test::write_hugging_face(temporary_ / "model", kShape, options);
    compile_cut(temporary_ / "model", temporary_ / "model/model-2.safetensors");
}

TEST_F(FailingFile, OfGgufGivesNoModel) {
    const fs::path file = write_gguf();
    compile_cut(file, file);
}

TEST_F(FailingFile, LeavesAnOlderOutputAsItWas) {
    const fs::path file = write_gguf();
    Model model = load_model(file);
    const fs::path out = temporary_ / "out.skald";
    compile(model, {}, out);
    const auto size = fs::file_size(out);
    cut(file);
    expect_unreadable(file, [&] { compile(model, {}, out); });
    EXPECT_EQ(fs::file_size(out), size);
}

TEST_F(FailingFile, IsToldInPlaceOfWhatWasComputedFromIt) {
    const fs::path file = write_gguf();
    const Model model = load_model(file);
    cut(temporary_ / "model.gguf");
    const std::string text(2000, 'a');
    expect_unreadable(temporary_ / "model.gguf", [&] {
        rt::checked(model, [&] { static_cast<void>(calibrate(model, text, 1)); });
    });
}

}  // namespace
}  // namespace skald::compiler
