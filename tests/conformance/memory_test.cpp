// SPDX-License-Identifier: MIT
// COPY, GATHER, GATHER_ROWS, ROW_STEP.
#include <cstddef>

#include "setup.hpp"

namespace skald::test {
namespace {

class MemoryOps : public OnEverySetup {
  protected:
    std::vector<std::uint8_t> bytes(std::size_t n) {
        std::vector<std::uint8_t> v(n);
        for (auto& b : v)
            b = static_cast<std::uint8_t>(random());
        return v;
    }
    void run(const isa::MicroOp& op, std::uint64_t rows, std::uint64_t limit = 0) {
        auto reg = with_rows(rows);
        reg[10] = limit;
        const auto result = rig->run({op}, reg);
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
};

TEST_P(MemoryOps, GatherReadsRowsOfEveryFormat) {
    for (const isa::WeightInfo& info : isa::kWeights)
        for (std::uint32_t k : {1u, 32u, 100u, 576u}) {
            SCOPED_TRACE(info.name);
            const isa::WeightFormat format = info.format;
            constexpr std::uint32_t kN = 77;
            constexpr std::uint32_t kRows = 33;
            const auto tiles = oracle::random_tiles(format, kN, k, random());
            std::vector<std::uint32_t> ids(kRows);
            for (auto& id : ids)
                id = static_cast<std::uint32_t>(random() % kN);
            auto op = make(isa::Opcode::Gather);
            op.rows = kT;
            op.fmt = static_cast<std::uint8_t>(format);
            op.dim = {kN, k};
            op.op[0] = at(rig->put(ids, 4092));
            op.op[1] = at(rig->put(tiles, 64 * 5));
            const auto y = rig->alloc(kRows * k * 4, 4088);
            op.op[2] = at(y);
            run(op, kRows);
            std::vector<float> wanted;
            for (std::uint32_t id : ids) {
                const auto one = oracle::gather(format, tiles, k, id);
                wanted.insert(wanted.end(), one.begin(), one.end());
            }
            EXPECT_TRUE(same_bits(rig->get<float>(y, wanted.size()), wanted));
        }
}

TEST_P(MemoryOps, GatherScalesAndReadsByPosition) {
    for (const isa::WeightInfo& info : isa::kWeights) {
        SCOPED_TRACE(info.name);
        constexpr std::uint32_t kN = 40;
        constexpr std::uint32_t kK = 100;
        constexpr float kFactor = 24.3f;
        const auto tiles = oracle::random_tiles(info.format, kN, kK, random());
        const std::vector<isa::Row> rows = {{39, 0}, {1, 39}, {0, 7}};
        auto op = make(isa::Opcode::Gather);
        op.rows = kT;
        op.fmt = static_cast<std::uint8_t>(info.format);
        op.flags = isa::kFlagScale | isa::kFlagPosition;
        op.dim = {kN, kK};
        op.imm = f32_imm(kFactor);
        op.op[0] = at(rig->put(rows, 4088));
        op.op[1] = at(rig->put(tiles, 64 * 5));
        op.op[2] = at(rig->alloc(rows.size() * kK * 4, 4088));
        run(op, rows.size());
        std::vector<float> wanted;
        for (const isa::Row& row : rows)
            for (const float x : oracle::gather(info.format, tiles, kK, row.position)) {
                const float y = x * kFactor;
                wanted.push_back(y != y ? std::bit_cast<float>(0x7fc00000u) : y);
            }
        EXPECT_TRUE(same_bits(rig->get<float>(op.op[2].offset, wanted.size()), wanted));
        const std::uint32_t beyond = kN;
        rig->write(op.op[0].offset + 8 + offsetof(isa::Row, position), &beyond, 4);
        const auto result = rig->run({op}, with_rows(rows.size()));
        EXPECT_EQ(result.reason, SKALD_FAULT_VALUE);
        EXPECT_EQ(result.address.value, op.op[0].offset + 8 + offsetof(isa::Row, position));
    }
}

TEST_P(MemoryOps, GatherFaultsAtAnExponentThatIsNoScale) {
    constexpr std::uint32_t kN = 40;
    constexpr std::uint32_t kLength = 200;
    auto tiles = oracle::random_tiles(isa::WeightFormat::MX4B32, kN, kLength, random());
    constexpr std::size_t kRowTile = 2 * sizeof(isa::TileMX4B32);
    constexpr std::size_t kBad = kRowTile + sizeof(isa::TileMX4B32) + 2 * 16 + 5;  // row 21
    tiles[kBad] = 255;
    std::vector<std::uint32_t> ids = {20, 22, 37};
    auto op = make(isa::Opcode::Gather);
    op.rows = kT;
    op.fmt = static_cast<std::uint8_t>(isa::WeightFormat::MX4B32);
    op.dim = {kN, kLength};
    const auto w = rig->put(tiles, 64 * 3);
    op.op[1] = at(w);
    op.op[2] = at(rig->alloc(4 * kLength * 4, 4088));
    op.op[0] = at(rig->put(ids, 4092));
    run(op, ids.size());
    ids = {20, 21, kN, 21};  // the first row that is wrong
    op.op[0] = at(rig->put(ids, 4092));
    auto result = rig->run({op}, with_rows(ids.size()));
    EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
    EXPECT_EQ(result.address.value, w + kBad);
    std::swap(ids[1], ids[2]);
    const auto va = rig->put(ids, 4092);
    op.op[0] = at(va);
    result = rig->run({op}, with_rows(ids.size()));
    EXPECT_EQ(result.reason, SKALD_FAULT_VALUE);
    EXPECT_EQ(result.address.value, va + 4);
}

TEST_P(MemoryOps, GatherRowsPicksRows) {
    constexpr std::uint32_t kBytes = 20004;
    const auto x = bytes(kBytes * 5);
    const std::vector<std::uint32_t> index = {4, 0, 0, 3};
    auto op = make(isa::Opcode::GatherRows);
    op.rows = kT;
    op.ra = 10;
    op.dim[0] = kBytes;
    op.op[0] = at(rig->put(index, 4));
    op.op[1] = at(rig->put(x, 4092));
    const auto y = rig->alloc(kBytes * 4, 4080);
    op.op[2] = at(y);
    run(op, 4, 5);
    std::vector<std::uint8_t> wanted;
    for (std::uint32_t i : index) {
        const auto one = row_of(x, i, kBytes);
        wanted.insert(wanted.end(), one.begin(), one.end());
    }
    EXPECT_TRUE(same_bits(rig->get<std::uint8_t>(y, wanted.size()), wanted));
}

TEST_P(MemoryOps, CopyMovesBetweenCardAndHostAtAnyAlignment) {
    constexpr std::size_t kHostBytes = 512u << 10;
    const auto host_va = rig->map_host(8192, kHostBytes);
    for (std::uint32_t n : {1u, 63u, 4097u, 70001u}) {
        constexpr std::size_t kRows = 3;
        const auto data = bytes(n * kRows);
        const std::size_t pitch = (n + 15) / 16 * 16 + 16;
        auto op = make(isa::Opcode::Copy);
        op.rows = kT;
        op.dim[0] = n;
        op.op[1] = at(rig->put(data, 4093));
        op.op[0] = at(host_va + 5, pitch);  // card to host
        run(op, kRows);
        const auto host = rig->map_host(8192, kHostBytes);
        for (std::size_t r = 0; r < kRows; ++r)
            EXPECT_EQ(std::memcmp(rig->host.at(8192 + 5 + r * pitch), &data[r * n], n), 0);
        op.op[1] = at(host + 5, pitch);  // host to host, then back to the card
        op.op[0] = at(host_va + 256 * 1024 + 1, pitch);
        run(op, kRows);
        const auto back = rig->alloc(n * kRows, 4095);
        op.op[1] = op.op[0];
        op.op[0] = at(back);
        run(op, kRows);
        EXPECT_TRUE(same_bits(rig->get<std::uint8_t>(back, data.size()), data));
        const auto card = rig->alloc(n * kRows, 7);  // card to card
        op.op[1] = op.op[0];
        op.op[0] = at(card);
        run(op, kRows);
        EXPECT_TRUE(same_bits(rig->get<std::uint8_t>(card, data.size()), data));
    }
}

TEST_P(MemoryOps, CopyRepeatsRowsAtADistance) {
    constexpr std::size_t kRows = 3;
    constexpr std::uint32_t kBytes = 260;
    constexpr std::uint32_t kTimes = 5;
    constexpr std::uint32_t kStep = 768;
    const auto data = bytes(kBytes * kRows);
    const auto before = bytes(kRows * kTimes * kStep);
    auto op = make(isa::Opcode::Copy);
    op.rows = kT;
    op.dim = {kBytes, kTimes, kStep};
    op.op[0] = at(rig->put(before, 4000), kTimes * kStep);
    op.op[1] = at(rig->put(data, 4093));
    run(op, kRows);
    auto wanted = before;
    for (std::size_t r = 0; r < kRows; ++r)
        for (std::size_t i = 0; i < kTimes; ++i)
            std::copy_n(&data[r * kBytes], kBytes, &wanted[(r * kTimes + i) * kStep]);
    EXPECT_TRUE(same_bits(rig->get<std::uint8_t>(op.op[0].offset, wanted.size()), wanted));
}

TEST_P(MemoryOps, RowStepAdvancesPositions) {
    std::vector<isa::Row> rows = {{5, 0}, {6, 100}, {7, 0xfffffffc}};
    auto op = make(isa::Opcode::RowStep);
    op.rows = kT;
    op.imm = 3;
    const auto va = rig->put(rows, 4088);
    op.op[0] = at(va);
    run(op, 3);
    const auto got = rig->get<isa::Row>(va, 3);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(got[i].sequence, rows[i].sequence);
        EXPECT_EQ(got[i].position, rows[i].position + 3);
    }
}

TEST_P(MemoryOps, RowStepLeavesStoppedSequences) {
    const std::vector<isa::Row> rows = {{2, 7}, {0, 100}, {2, 0xffffffff}, {1, 5}};
    std::vector<isa::Sequence> sequences(3);
    sequences[2].flags = isa::kSequenceStopped;
    auto op = make(isa::Opcode::RowStep);
    op.rows = kT;
    op.flags = isa::kFlagSequences;
    op.imm = 1;
    const auto va = rig->put(rows, 4088);
    op.op[0] = at(va);
    op.op[1] = at(rig->put(sequences, 4080));
    run(op, rows.size());
    const auto got = rig->get<isa::Row>(va, rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_EQ(got[i].position, rows[i].position + (rows[i].sequence == 2 ? 0 : 1)) << i;
}
SKALD_ON_EVERY_SETUP(MemoryOps, false);

}  // namespace
}  // namespace skald::test
