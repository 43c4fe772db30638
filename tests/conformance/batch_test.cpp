// SPDX-License-Identifier: MIT
// A batch may do what each of its rows may: no limit that is the card's own adds up over rows.
#include "setup.hpp"

namespace skald::test {
namespace {

constexpr std::uint32_t kHeads = 512;
constexpr std::uint32_t kHeadDim = isa::kMaxHeadDim;
constexpr std::uint64_t kRowElements = std::uint64_t{kHeads} * kHeadDim;
constexpr std::uint32_t kRows = 72;

// Blocks of 64 MiB on scattered pages, 16,384 pieces each: those of all rows are more than the
// 2^20 that one operand may lie in. Rows see one position each, so little is computed.
class WideAttention : public ::testing::Test {
  protected:
    static constexpr std::uint32_t kBlockBytes =
        isa::kv_layer_bytes(isa::KvFormat::F16, kHeads, kHeadDim);

    Rig rig{[] {
        RigOptions options;
        options.card.threads = 2;
        options.memory = 512u << 20;
        options.pages = Pages::kScattered;
        return options;
    }()};
    std::uint64_t q = 0;
    std::uint64_t y = rig.alloc(kRows * kRowElements * 4);
    std::uint64_t pool = 0;
    std::uint64_t table = rig.alloc(kRows * kRows * 16);  // all entries name block 0

    void SetUp() override {
        std::vector<std::uint16_t> block(kBlockBytes / 2);
        for (std::size_t i = 0; i < block.size(); ++i)
            block[i] = static_cast<std::uint16_t>(0x3000 | ((i * 2654435761u) >> 20 & 0x3ff));
        pool = rig.put(block);
        std::vector<float> heads(kRows * kRowElements);
        for (std::size_t i = 0; i < heads.size(); ++i)
            heads[i] = static_cast<float>(i * 40503 % 1000) / 1000.0f;
        q = rig.put(heads);
    }

    // ATTENTION of rows first .. of `rows`, to the last position each.
    std::vector<float> attend(const std::vector<isa::Row>& rows, std::uint64_t first,
                              std::uint64_t count) {
        auto op = make(isa::Opcode::Attention);
        op.fmt = 1;
        op.rows = kT;
        op.rb = 10;
        op.dim = {kHeads, kHeads, kHeadDim, kBlockBytes};
        op.imm = std::bit_cast<std::uint32_t>(0.01f) | 1ull << 32;  // a window of one position
        op.op[0] = at(q + first * kRowElements * 4);
        op.op[1] = at(pool);
        op.op[2] = at(y);
        op.op[3] = at(rig.put(
            std::vector<isa::Row>(rows.begin() + static_cast<std::ptrdiff_t>(first),
                                  rows.begin() + static_cast<std::ptrdiff_t>(first + count))));
        op.op[4] = at(table, kRows * 16);
        auto in = with_rows(count);
        in[10] = 1;
        const auto result = rig.run({op}, in);
        EXPECT_EQ(result.reason, SKALD_FAULT_NONE) << count << " rows";
        return rig.get<float>(y, count * kRowElements);
    }
    void expect_same_as_alone(const std::vector<isa::Row>& rows) {
        const std::vector<float> all = attend(rows, 0, kRows);
        for (std::uint64_t row : {0u, 35u, kRows - 1})
            EXPECT_TRUE(same_bits(row_of(all, row, kRowElements), attend(rows, row, 1)))
                << "row " << row;
    }
};

TEST_F(WideAttention, ManySequencesWhoseBlocksLieInManyPieces) {
    std::vector<isa::Row> rows(kRows);
    for (std::uint32_t i = 0; i < kRows; ++i)
        rows[i] = {i, 100 + i};
    expect_same_as_alone(rows);
}

TEST_F(WideAttention, RowsOfOneSequenceWithWindowsFarApart) {
    std::vector<isa::Row> rows(kRows);
    for (std::uint32_t i = 0; i < kRows; ++i)
        rows[i] = {0, i * isa::kKvPositions + i % 7};
    expect_same_as_alone(rows);
}

}  // namespace
}  // namespace skald::test
