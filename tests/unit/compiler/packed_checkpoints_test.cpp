// SPDX-License-Identifier: MIT
// Checkpoints as checkpoints/pack.py writes them, packed and plain: the readers and decoders find
// the same numbers in both, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "fixture.hpp"
#include "input/checkpoint_folder.hpp"
#include "input/gguf.hpp"
#include "input/json.hpp"
#include "input/packed.hpp"
#include "input/safetensors.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using Row = std::vector<float>;

Row row_of(const Tensor& tensor, std::uint64_t row) {
    Row out(tensor.row_length());
    row_to_f32(tensor, row, out);
    return out;
}

bool same(const Row& a, const Row& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class PackedCheckpoints : public ::testing::Test {
  protected:
    void make(const std::string& form) {
        run("pack.py", form + " '" + temporary_.path().string() + "'");
    }
    static void run(const std::string& script, const std::string& arguments) {
        const std::string command = std::string("python3 -B '") + SKALD_SOURCE_DIR +
                                    "/tests/unit/compiler/checkpoints/" + script + "' " + arguments;
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    SafeTensors open(const std::string& folder, std::string_view stem = "model") {
        return SafeTensors::open_folder(temporary_ / folder, stem);
    }
    static const Tensor& tensor(const SafeTensors& all, const std::string& name) {
        const Tensor* found = all.find(name);
        if (!found)
            throw std::runtime_error("no tensor " + name);
        return *found;
    }

    // Rows of each tensor of `plain` against what `row_of_packed` gives, if it gives any; else both
    // checkpoints have the tensor alike. The number of tensors that were packed.
    template <typename RowOfPacked>
    static std::size_t compare(const SafeTensors& packed, const SafeTensors& plain,
                               RowOfPacked row_of_packed) {
        std::size_t count = 0;
        for (const std::string& name : plain.names()) {
            const Tensor& expected = tensor(plain, name);
            std::size_t decoded = 0;
            for (std::uint64_t r = 0; r < expected.rows(); ++r) {
                const Row row = row_of_packed(name, expected, r);
                decoded += !row.empty();
                EXPECT_TRUE(
                    same(row.empty() ? row_of(tensor(packed, name), r) : row, row_of(expected, r)))
                    << name << " row " << r;
            }
            count += decoded != 0;
        }
        return count;
    }

    test::TemporaryFolder temporary_;
};

TEST_F(PackedCheckpoints, OfMxfp4AreTheirPlainForm) {
    make("mxfp4");
    const SafeTensors packed = open("packed"), plain = open("plain");
    std::size_t count = 0;
    for (const std::string& name : plain.names()) {
        if (!packed.find(name + "_blocks"))
            continue;
        ++count;
        const Tensor &blocks = tensor(packed, name + "_blocks"),
                     &scales = tensor(packed, name + "_scales"), &expected = tensor(plain, name);
        for (std::uint64_t e = 0; e < blocks.shape[0]; ++e) {
            const Tensor matrix = expected.part(e);  // [k,n]
            const std::uint64_t k = matrix.shape[0], n = matrix.shape[1];
            std::vector<Row> rows;
            for (std::uint64_t i = 0; i < k; ++i)
                rows.push_back(row_of(matrix, i));
            for (std::uint64_t r = 0; r < n; ++r) {
                const auto bytes = blocks.part(e).part(r).data;
                Row row(k), column(k);
                mxfp4_to_f32(bytes, scales.part(e).row(r), row);
                for (std::uint64_t i = 0; i < k; ++i)
                    column[i] = rows[i][r];
                ASSERT_EQ(row, column) << name << " expert " << e << " row " << r;
            }
        }
    }
    EXPECT_EQ(count, 4u);
}

TEST_F(PackedCheckpoints, OfTernaryBytesAreTheirPlainForm) {
    for (const std::string form : {"bitnet", "bitnet-inverse"}) {
        make(form);
        const SafeTensors packed = open("packed"), plain = open("plain");
        const auto unpack = [&](const std::string& name, const Tensor& expected,
                                std::uint64_t row) -> Row {
            if (!packed.find(name + "_scale"))
                return {};
            const Tensor& bytes = tensor(packed, name);
            EXPECT_EQ(bytes.rows() * 4, expected.rows());
            const float scale = row_of(tensor(packed, name + "_scale"), 0).front();
            const TernaryPlace place = ternary_place(row, bytes.rows());
            Row out(bytes.row_length());
            ternary_to_f32(bytes.row(place.packed_row), place.quarter,
                           form == "bitnet" ? scale : 1 / scale, out);
            return out;
        };
        EXPECT_EQ(compare(packed, plain, unpack), 14u);
    }
}

TEST_F(PackedCheckpoints, OfFp8AreTheirPlainForm) {
    for (const std::string form : {"fp8", "fp8-32"}) {
        make(form);
        const std::uint64_t block = form == "fp8" ? 128 : 32;
        const SafeTensors packed = open("packed"), plain = open("plain");
        const auto unpack = [&](const std::string& name, const Tensor&, std::uint64_t row) -> Row {
            if (!packed.find(name + "_scale_inv"))
                return {};
            const Tensor& values = tensor(packed, name);
            EXPECT_EQ(values.type, DType::kF8_E4M3);
            Row out(values.row_length());
            fp8_blocks_to_f32(values.row(row), values.type,
                              row_of(tensor(packed, name + "_scale_inv"), row / block), block, out);
            return out;
        };
        EXPECT_EQ(compare(packed, plain, unpack), 5u + 3 + 5 + 9 * 3);
    }
}

TEST_F(PackedCheckpoints, OfFusedExpertsAreThoseOfOneTensorEach) {
    make("fused");
    const SafeTensors packed = open("packed"), plain = open("plain");
    for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
        const Tensor &both = tensor(packed, layer + "mlp.experts.gate_up_proj"),
                     &down = tensor(packed, layer + "mlp.experts.down_proj");
        for (std::uint64_t e = 0; e < both.shape[0]; ++e) {
            const std::string expert =
                layer + "block_sparse_moe.experts." + std::to_string(e) + ".";
            const Tensor &w1 = tensor(plain, expert + "w1.weight"),
                         &w2 = tensor(plain, expert + "w2.weight"),
                         &w3 = tensor(plain, expert + "w3.weight");
            ASSERT_EQ(down.part(e).shape, w2.shape);
            for (std::uint64_t r = 0; r < w1.rows(); ++r) {
                ASSERT_TRUE(same(row_of(both.part(e), r), row_of(w1, r)));
                ASSERT_TRUE(same(row_of(both.part(e), w1.rows() + r), row_of(w3, r)));
            }
            for (std::uint64_t r = 0; r < w2.rows(); ++r)
                ASSERT_TRUE(same(row_of(down.part(e), r), row_of(w2, r)));
        }
    }
}

TEST_F(PackedCheckpoints, InShardsAreThoseOfOneFile) {
    make("sharded");
    const auto nothing = [](const std::string&, const Tensor&, std::uint64_t) { return Row(); };
    const SafeTensors packed = open("packed"), plain = open("plain");
    EXPECT_EQ(packed.names(), plain.names());
    EXPECT_EQ(compare(packed, plain, nothing), 0u);
}

TEST_F(PackedCheckpoints, InPartsOfAGgufFileAreThoseOfTheFile) {
    const auto file = temporary_ / "m.gguf";
    test::write_file(file, test::gguf_bytes(test::make_gguf({}, test::Encoding::kQ8_0)));
    run("split_gguf.py", "'" + file.string() + "' '" + (temporary_ / "m").string() + "' 4");
    const Gguf whole(file), parts(temporary_ / "m-00003-of-00004.gguf");
    ASSERT_EQ(whole.tensor_names(), parts.tensor_names());
    for (const std::string& name : whole.tensor_names()) {
        const Tensor &a = *whole.find(name), &b = *parts.find(name);
        EXPECT_EQ(a.shape, b.shape);
        EXPECT_TRUE(std::ranges::equal(a.data, b.data)) << name;
    }
    EXPECT_EQ(whole.strings("tokenizer.ggml.tokens"), parts.strings("tokenizer.ggml.tokens"));
}

TEST_F(PackedCheckpoints, WithAnAdapterAreTheMergedOnes) {
    make("lora");
    require_adapter(temporary_ / "adapter");
    const SafeTensors base = open("packed"), plain = open("plain"),
                      adapter = open("adapter", "adapter_model");
    constexpr float kScale = 2;
    const auto merge = [&](const std::string& name, const Tensor&, std::uint64_t row) -> Row {
        const std::string prefix =
            "base_model.model." + name.substr(0, name.size() - std::strlen(".weight"));
        const Tensor* a = adapter.find(prefix + ".lora_A.weight");
        if (!a)
            return {};
        const Row b = row_of(tensor(adapter, prefix + ".lora_B.weight"), row);
        Row sum = row_of(tensor(base, name), row), delta(sum.size());
        for (std::uint64_t r = 0; r < a->rows(); ++r) {
            const Row a_row = row_of(*a, r);
            for (std::size_t k = 0; k < sum.size(); ++k)
                delta[k] += b[r] * a_row[k];
        }
        for (std::size_t k = 0; k < sum.size(); ++k)
            sum[k] += kScale * delta[k];
        return sum;
    };
    EXPECT_EQ(compare(base, plain, merge), 14u);
}

TEST_F(PackedCheckpoints, OfMistralsOwnLayoutHaveRotaryPairsSideBySide) {
    for (const std::string form : {"mistral", "mistral-sharded", "mistral-moe"}) {
        make(form);
        ASSERT_EQ(model_in(temporary_ / "packed"), Checkpoint::kMistral);
        const SafeTensors packed = open("packed", "consolidated"), plain = open("plain");
        EXPECT_EQ(packed.names().size(), plain.names().size());
        const Tensor &wq = tensor(packed, "layers.1.attention.wq.weight"),
                     &q = tensor(plain, "model.layers.1.self_attn.q_proj.weight");
        constexpr std::uint64_t kHead = 16;
        for (std::uint64_t r = 0; r < q.rows(); ++r) {
            const std::uint64_t i = r % kHead, half = i / (kHead / 2);
            const std::uint64_t pair = r - i + i % (kHead / 2) * 2 + half;
            ASSERT_TRUE(same(row_of(wq, pair), row_of(q, r))) << r;
        }
        ASSERT_TRUE(same(row_of(tensor(packed, "layers.1.attention.wv.weight"), 5),
                         row_of(tensor(plain, "model.layers.1.self_attn.v_proj.weight"), 5)));
        std::filesystem::remove_all(temporary_ / "packed");
    }
}

}  // namespace
}  // namespace skald::compiler
