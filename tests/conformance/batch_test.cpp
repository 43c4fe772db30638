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

// 8 GiB of addresses on two pages in turns: as many pieces as there are pages.
class ManyPieces : public ::testing::Test {
  protected:
    static constexpr std::uint64_t kVa = 1ull << 40;

    Rig rig{[] {
        RigOptions options;
        options.card.threads = 2;
        return options;
    }()};
    // The last big page of card memory, which the rig has not come to.
    std::uint64_t area = rig.memory().size() - SKALD_BIG_PAGE_SIZE;
    std::span<std::uint32_t> odd_page{
        reinterpret_cast<std::uint32_t*>(rig.memory().data() + page(1)), SKALD_PAGE_SIZE / 4};

    [[nodiscard]] std::uint64_t page(unsigned i) const { return area + 8192 * i; }
    std::uint64_t* table(unsigned i) {
        return reinterpret_cast<std::uint64_t*>(rig.memory().data() + page(i));
    }
    void SetUp() override {
        constexpr unsigned kLevel0 = 2;
        constexpr unsigned kLevel1 = 3;
        constexpr unsigned kLevel2 = 4;
        for (unsigned i = 0; i < SKALD_PT_ENTRIES; ++i) {
            table(kLevel0)[i] = page(i % 2) | SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_WRITE;
            table(kLevel1)[i] = page(kLevel0) | SKALD_PTE_VALID;
        }
        for (unsigned i = 0; i < 8; ++i)
            table(kLevel2)[i] = page(kLevel1) | SKALD_PTE_VALID;
        auto* root = reinterpret_cast<std::uint64_t*>(rig.memory().data());
        root[kVa >> SKALD_PT_SHIFT(3)] = page(kLevel2) | SKALD_PTE_VALID;
    }
};

TEST_F(ManyPieces, RowsOfAnOperandAreHandledInParts) {
    constexpr std::uint64_t kT1 = 1100;  // rows of 1,024 pieces each
    auto op = make(isa::Opcode::ArgMax);
    op.rows = kT;
    op.dim[0] = isa::kMaxK;
    op.op[0] = at(kVa);
    op.op[1] = at(rig.alloc(kT1 * 4));
    odd_page[77] = std::bit_cast<std::uint32_t>(2.0f);
    const auto result = rig.run({op}, with_rows(kT1));
    EXPECT_EQ(result.reason, SKALD_FAULT_NONE);
    EXPECT_EQ(rig.get<std::uint32_t>(op.op[1].offset, kT1),
              std::vector<std::uint32_t>(kT1, 1024 + 77));
    EXPECT_EQ(result.bytes, 4 * kT1 * isa::kMaxK) << "the cost is that of the whole";
    EXPECT_EQ(result.cycles, 33 + 16 + 4 * kT1 * isa::kMaxK / 256) << "sk1.chip";
}

// What is wrong with a later row is found before an earlier one is written, and named.
TEST_F(ManyPieces, AllRowsAreCheckedBeforeTheFirstPart) {
    constexpr std::uint64_t kT1 = 2100;  // the area ends behind 2,048
    auto op = make(isa::Opcode::ArgMax);
    op.rows = kT;
    op.dim[0] = isa::kMaxK;
    op.op[0] = at(kVa);
    op.op[1] = at(rig.put(std::vector<std::uint32_t>(kT1, 9)));
    const auto result = rig.run({op}, with_rows(kT1));
    EXPECT_EQ(result.reason, SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(result.address.value, kVa + (8ull << 30));
    EXPECT_EQ(rig.get<std::uint32_t>(op.op[1].offset, 1)[0], 9u);
}

TEST_F(ManyPieces, AttentionCostsWhatItsRowsDo) {
    constexpr std::uint64_t kT1 = 600;  // rows of 512 pieces, their parts are 511 long or less
    constexpr std::uint32_t kQueryHeads = isa::kMaxHeads;
    const std::uint64_t row_elements = std::uint64_t{kQueryHeads} * kHeadDim;
    const auto bytes =
        static_cast<std::uint32_t>(isa::kv_layer_bytes(isa::KvFormat::F16, 1, kHeadDim));
    auto op = make(isa::Opcode::Attention);
    op.fmt = 1;
    op.rows = kT;
    op.rb = 10;
    op.dim = {kQueryHeads, 1, kHeadDim, bytes};
    op.imm = std::bit_cast<std::uint32_t>(1.0f) | 1ull << 32;
    op.op[0] = at(kVa);
    op.op[1] = at(rig.alloc(bytes));
    op.op[2] = at(kVa + (4ull << 30));
    op.op[3] = at(rig.put(std::vector<isa::Row>(kT1)));
    op.op[4] = at(rig.alloc(16), 16);
    auto in = with_rows(kT1);
    in[10] = 1;
    const auto result = rig.run({op}, in);
    EXPECT_EQ(result.reason, SKALD_FAULT_NONE);
    // One position, which all rows share; q and y do not fit on the chip.
    EXPECT_EQ(result.bytes, kHeadDim * 4 + 8 * kT1 * row_elements + 8 * kT1);
    EXPECT_EQ(result.cycles, 33 + 16 + 100 + result.bytes / 512) << "sk1.chip";
}

}  // namespace
}  // namespace skald::test
