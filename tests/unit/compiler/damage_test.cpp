// SPDX-License-Identifier: MIT
// Truncated and corrupted inputs of every kind: an error or a valid result, never a crash, a hang
// or a huge allocation.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backend/disassemble.hpp"
#include "backend/weight_image.hpp"
#include "compile.hpp"
#include "compiled.hpp"
#include "container/container.hpp"
#include "error.hpp"
#include "fixture.hpp"
#include "input/gguf.hpp"
#include "input/safetensors.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

using Bytes = std::vector<std::byte>;

constexpr test::TinyShape kSmall{.layers = 1,
                                 .hidden = 8,
                                 .ffn = 8,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .head_dim = 4,
                                 .vocabulary = 262,
                                 .context = 8};

class Damage : public ::testing::Test {
  protected:
    // All of a compilation but the file.
    static void convert(const std::filesystem::path& source) {
        Model model = load_model(source);
        const Plan p = plan(model, {});
        WeightImage(p.graph, p.layout).write(1, [](std::span<const std::byte>) {});
    }

    // Most damage belongs into the structure: half of it goes to the first `structure` bytes.
    static Bytes damaged(const Bytes& good, std::size_t structure, std::mt19937& random) {
        Bytes bytes = good;
        for (unsigned n = random() % 4 + 1; n > 0; --n) {
            const std::size_t at = random() % (random() % 2 ? structure : bytes.size());
            if (random() % 4 == 0)
                bytes[at] = std::byte(random() % 2 ? 0xFF : 0);
            else
                bytes[at] ^= std::byte(1u << random() % 8);
        }
        return bytes;
    }

    template <typename Use>
    static void survive(Use use) {
        try {
            use();
        } catch (const CompileError& e) {
            EXPECT_NE(std::string(e.what()), "");
        } catch (const rt::ContainerError& e) {
            EXPECT_NE(std::string(e.what()), "");
        } catch (const rt::TokenizerError& e) {
            EXPECT_NE(std::string(e.what()), "");
        }
    }

    // All prefixes of the structure, then some of the rest.
    template <typename Use>
    void survive_truncation(const Bytes& good, std::size_t structure, Use use) {
        for (std::size_t n = 0; n < good.size(); n += n < structure ? 1 : 97) {
            test::write_file(path_,
                             Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)));
            survive(use);
        }
    }

    template <typename Use>
    void survive_flips(const Bytes& good, std::size_t structure, int rounds, Use use) {
        std::mt19937 random(17);
        for (int i = 0; i < rounds; ++i) {
            test::write_file(path_, damaged(good, structure, random));
            survive(use);
        }
    }

    test::TemporaryFolder temporary_;
    std::filesystem::path path_ = temporary_ / "damaged";
};

TEST_F(Damage, OfAGgufFileIsSurvived) {
    const Bytes good = test::gguf_bytes(test::make_gguf(kSmall, test::Encoding::kF16));
    const std::size_t structure = good.size() - 262 * 8 * 2;
    const auto use = [&] { convert(path_); };
    survive_truncation(good, 1500, use);
    survive_flips(good, structure, 1500, use);
    survive_flips(good, 1200, 1500, use);
}

TEST_F(Damage, TruncatedGgufFilesAreRefused) {
    const Bytes good = test::gguf_bytes(test::make_gguf(kSmall));
    for (std::size_t n = 0; n < good.size(); n += 13) {
        test::write_file(path_, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)));
        EXPECT_THROW(Gguf{path_}, CompileError) << n;
    }
}

TEST_F(Damage, OfSafetensorsIsSurvived) {
    test::write_hugging_face(temporary_ / "hf", kSmall);
    path_ = temporary_ / "hf" / "model.safetensors";
    const Bytes good = test::read_file(path_);
    std::uint64_t header = 0;
    std::memcpy(&header, good.data(), sizeof header);
    const auto use = [&] { convert(temporary_ / "hf"); };
    survive_truncation(good, 40, use);
    survive_flips(good, header + 8, 1500, use);
}

TEST_F(Damage, TruncatedSafetensorsAreRefused) {
    test::write_hugging_face(temporary_ / "hf", kSmall);
    const Bytes good = test::read_file(temporary_ / "hf" / "model.safetensors");
    for (std::size_t n = 0; n < good.size(); n += 29) {
        test::write_file(path_, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)));
        EXPECT_THROW(SafeTensors::open_file(path_), CompileError) << n;
    }
}

TEST_F(Damage, OfJsonFilesIsSurvived) {
    const auto use = [&] { test::plan_source(temporary_ / "hf", {}); };
    for (const char* name : {"config.json", "tokenizer.json"}) {
        test::write_hugging_face(temporary_ / "hf", kSmall);
        path_ = temporary_ / "hf" / name;
        const Bytes good = test::read_file(path_);
        survive_flips(good, good.size(), 600, use);
    }
}

void use_container(const std::filesystem::path& path) {
    const rt::Container c(path, rt::Container::Verify::kWeights);
    EXPECT_NE(disassemble(c.program()), "");
    const rt::Tokenizer t(c.tokenizer());
    t.decode(t.encode("the land"));
}

TEST_F(Damage, OfAContainerIsFound) {
    test::write_hugging_face(temporary_ / "hf", kSmall);
    test::compile_source(temporary_ / "hf", {}, path_);
    const Bytes good = test::read_file(path_);
    use_container(path_);
    std::mt19937 random(5);
    for (int i = 0; i < 1500; ++i) {  // one bit anywhere: hashes cover all but the gaps
        Bytes bytes = good;
        const std::size_t at = random() % (i % 2 ? 640 : bytes.size());
        bytes[at] ^= std::byte(1u << random() % 8);
        test::write_file(path_, bytes);
        survive([&] { use_container(path_); });
        const bool gap = good[at] == std::byte{0} && at >= 640;
        const bool minor_version = at == 8 || at == 9;  // a later minor version is fine
        if (!gap && !minor_version) {
            EXPECT_THROW(rt::Container(path_, rt::Container::Verify::kWeights), rt::ContainerError)
                << at;
        }
    }
    for (std::size_t n = 0; n < good.size(); n += n < 700 ? 1 : 509) {
        test::write_file(path_, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)));
        EXPECT_THROW(rt::Container(path_, rt::Container::Verify::kQuick), rt::ContainerError) << n;
    }
}

TEST_F(Damage, OfAProgramIsPrintable) {
    test::write_hugging_face(temporary_ / "hf", kSmall);
    std::vector<isa::MicroOp> program = test::plan_source(temporary_ / "hf", {}).program;
    std::mt19937 random(6);
    for (int i = 0; i < 500; ++i) {
        auto bytes = std::as_writable_bytes(std::span(program));
        bytes[random() % bytes.size()] = std::byte(random());
        EXPECT_NE(disassemble(program), "");
    }
}

}  // namespace
}  // namespace skald::compiler
