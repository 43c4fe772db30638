// SPDX-License-Identifier: MIT
// CONV through a paged cache whose blocks lie in any order.
#include <cmath>
#include <map>
#include <numeric>

#include "setup.hpp"

namespace skald::test {
namespace {

class Convolution : public OnEverySetup {
  protected:
    static constexpr std::uint32_t kSequences = 3;
    static constexpr std::uint32_t kEntries = 4;  // blocks of a sequence
    static constexpr std::uint32_t kBlocks = kSequences * kEntries;
    static constexpr std::uint32_t kMostColumns = 1100;

    std::uint32_t width = 0, taps = 0;
    std::vector<float> w;  // [taps][width], then the bias
    std::uint64_t pool = 0, table = 0;
    std::vector<std::uint32_t> entries;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<float>> kept;  // by row

    void begin(std::uint32_t columns, std::uint32_t count) {
        width = columns;
        taps = count;
        w = normal(std::size_t{taps + 1} * width);
        // NaN everywhere first, so that what was never stored shows.
        const std::vector<std::uint32_t> nan(block_bytes() / 4 * kBlocks, 0x7fc00001);
        if (pool == 0)  // once, for there is no freeing any
            pool = rig->alloc(2 * isa::conv_layer_bytes(kMostColumns) * kBlocks, 64 * 3);
        rig->write(pool, nan.data(), nan.size() * 4);
        entries.resize(kBlocks);
        std::iota(entries.begin(), entries.end(), 0u);
        std::shuffle(entries.begin(), entries.end(), random);
        table = rig->put(entries, 4092);
        kept.clear();
    }
    // Of two layers, of which the tests use the second.
    [[nodiscard]] std::uint32_t block_bytes() const {
        return static_cast<std::uint32_t>(2 * isa::conv_layer_bytes(width));
    }
    isa::MicroOp conv(const std::vector<isa::Row>& rows, const std::vector<float>& x, bool bias) {
        auto op = make(isa::Opcode::Conv);
        op.rows = kT;
        op.rb = 10;
        op.flags = bias ? isa::kFlagConvBias : 0;
        op.dim = {width, taps, 0, block_bytes()};
        op.op[0] = at(rig->put(x, 4088));
        op.op[1] = at(rig->put(w, 4092));
        op.op[2] = at(rig->alloc(x.size() * 4, 4084));
        op.op[3] = at(rig->put(rows, 4088));
        op.op[4] = at(table, kEntries * 4);
        op.op[5] = at(pool + isa::conv_layer_bytes(width));
        return op;
    }
    card::JobResult run(const isa::MicroOp& op, std::uint64_t rows) {
        auto reg = with_rows(rows);
        reg[10] = kBlocks;
        return rig->run({op}, reg);
    }
    // The oracle: all rows are kept, then each is filtered.
    std::vector<float> expect(const std::vector<isa::Row>& rows, const std::vector<float>& x,
                              bool bias) {
        for (std::size_t t = 0; t < rows.size(); ++t)
            kept[{rows[t].sequence, rows[t].position}] = row_of(x, t, width);
        std::vector<float> y;
        for (const isa::Row& row : rows)
            for (std::uint32_t c = 0; c < width; ++c) {
                float sum = bias ? w[std::size_t{taps} * width + c] : 0.0f;
                for (std::uint32_t j = 0; j < taps; ++j)
                    if (row.position + 1 + j >= taps)
                        sum =
                            std::fma(w[std::size_t{j} * width + c],
                                     kept.at({row.sequence, row.position + 1 + j - taps})[c], sum);
                y.push_back(std::isnan(sum) ? std::bit_cast<float>(0x7fc00000u) : sum);
            }
        return y;
    }
    void check(const std::vector<isa::Row>& rows, bool bias) {
        const auto x = normal(rows.size() * width);
        const auto op = conv(rows, x, bias);
        ASSERT_EQ(run(op, rows.size()).status, SKALD_JOB_DONE);
        EXPECT_TRUE(same_bits(rig->get<float>(op.op[2].offset, x.size()), expect(rows, x, bias)));
    }
    static std::vector<isa::Row> from_to(std::uint32_t sequence, std::uint32_t first,
                                         std::uint32_t end) {
        std::vector<isa::Row> rows;
        for (std::uint32_t p = first; p < end; ++p)
            rows.push_back({sequence, p});
        return rows;
    }
};

TEST_P(Convolution, EqualsTheOracle) {
    for (const std::uint32_t columns : {1u, 24u, 64u, kMostColumns})
        for (const std::uint32_t count : {1u, 3u, 4u, 16u})
            for (const bool bias : {false, true}) {
                SCOPED_TRACE(::testing::Message() << columns << " columns, " << count << " taps");
                begin(columns, count);
                check(from_to(0, 0, 100), bias);                    // a prefill
                check(from_to(2, 0, 1), bias);                      // the first position
                check({{0, 100}, {2, 1}}, bias);                    // a decode step
                check(from_to(0, 101, 131), bias);                  // over a block's end
                check({{0, 131}, {2, 2}, {0, 132}, {2, 3}}, bias);  // a ragged mixture
            }
}

TEST_P(Convolution, RowsAgainAtTheirPositionsChangeNothing) {
    begin(40, 3);
    const auto rows = from_to(1, 0, 70);
    const auto x = normal(rows.size() * width);
    const auto op = conv(rows, x, true);
    ASSERT_EQ(run(op, rows.size()).status, SKALD_JOB_DONE);
    const auto first = rig->get<float>(op.op[2].offset, x.size());
    ASSERT_EQ(run(op, rows.size()).status, SKALD_JOB_DONE);
    EXPECT_TRUE(same_bits(rig->get<float>(op.op[2].offset, x.size()), first));
    (void)expect(rows, x, true);
    check({{1, 68}}, true);  // taken back, and on another way
    check({{1, 69}}, true);
}

TEST_P(Convolution, ChunksGiveTheSameBits) {
    begin(33, 4);
    const auto x = normal(150 * width);
    const auto whole = conv(from_to(0, 0, 150), x, false);
    ASSERT_EQ(run(whole, 150).status, SKALD_JOB_DONE);
    const auto wanted = rig->get<float>(whole.op[2].offset, x.size());
    std::vector<float> got;
    for (std::uint32_t first = 0, n = 1; first < 150;
         first += n, n = std::min(n + 7, 150 - first)) {
        const std::vector<float> part(x.begin() + first * width, x.begin() + (first + n) * width);
        const auto op = conv(from_to(1, first, first + n), part, false);
        ASSERT_EQ(run(op, n).status, SKALD_JOB_DONE);
        const auto y = rig->get<float>(op.op[2].offset, part.size());
        got.insert(got.end(), y.begin(), y.end());
    }
    EXPECT_TRUE(same_bits(got, wanted));
}

TEST_P(Convolution, TheResultMayTakeThePlaceOfTheInput) {
    begin(24, 3);
    const auto rows = from_to(0, 0, 80);
    const auto x = normal(rows.size() * width);
    auto op = conv(rows, x, false);
    op.op[2] = op.op[0];
    ASSERT_EQ(run(op, rows.size()).status, SKALD_JOB_DONE);
    EXPECT_TRUE(same_bits(rig->get<float>(op.op[2].offset, x.size()), expect(rows, x, false)));
}

TEST_P(Convolution, TheLaterOfTwoRowsAtAPositionStays) {
    begin(24, 2);
    check({{0, 0}, {0, 1}, {0, 0}, {0, 1}}, false);
}

TEST_P(Convolution, BlocksThatAreNotThereFault) {
    begin(16, 3);
    const auto fault = [&](const std::vector<isa::Row>& rows, skald_fault_reason reason,
                           std::uint64_t address) {
        auto op = conv(rows, normal(rows.size() * width), false);
        if (address == 0)
            address = op.op[3].offset + 8 + offsetof(isa::Row, position);
        const auto result = run(op, rows.size());
        EXPECT_EQ(result.status, SKALD_JOB_FAULT);
        EXPECT_EQ(result.reason, reason);
        EXPECT_EQ(result.address.value, address);
    };
    fault({{0, 0}, {0, kEntries * 64}}, SKALD_FAULT_VALUE, 0);
    const std::uint32_t beyond = kBlocks;
    rig->write(table + kEntries * 4, &beyond, 4);  // the first block of sequence 1
    fault({{1, 3}}, SKALD_FAULT_BLOCK, table + kEntries * 4);
    fault({{1, 65}}, SKALD_FAULT_BLOCK, table + kEntries * 4);  // only the taps reach it
    check({{0, 0}}, false);
    auto op = conv({{1, 66}}, normal(width), false);
    EXPECT_EQ(run(op, 1).status, SKALD_JOB_DONE) << "no tap reaches the block that is gone";
}
SKALD_ON_EVERY_SETUP(Convolution, false);

}  // namespace
}  // namespace skald::test
