// SPDX-License-Identifier: MIT
// KV_APPEND and ATTENTION through a paged cache whose blocks lie in any order.
#include <algorithm>
#include <numeric>

#include "setup.hpp"

namespace skald::test {
namespace {

struct Shape {
    std::uint32_t heads, kv_heads, head_dim;
};

class Attention : public OnEverySetup {
  protected:
    static constexpr std::uint32_t kSequences = 3;
    static constexpr std::uint32_t kEntries = 12;  // blocks per sequence: 768 positions
    static constexpr std::uint32_t kBlocks = kSequences * kEntries;

    struct Cache {
        Shape shape;
        std::uint64_t pool, table, layer_offset;
        std::uint32_t block_bytes;
        // What was appended, as f16: [sequence][position][kv_heads * head_dim]
        std::vector<std::vector<std::uint16_t>> k, v;
    };

    // A pool of two layers, of which the tests use the second.
    Cache make_cache(const Shape& shape) {
        Cache cache{shape, 0, 0, 0, 0, {}, {}};
        const std::uint64_t layer =
            isa::kv_layer_bytes(isa::KvFormat::F16, shape.kv_heads, shape.head_dim);
        cache.layer_offset = layer;
        cache.block_bytes = static_cast<std::uint32_t>(2 * layer + 64);
        cache.pool = rig->alloc(std::uint64_t{cache.block_bytes} * kBlocks, 64 * 3);
        std::vector<std::uint32_t> blocks(kBlocks);
        std::iota(blocks.begin(), blocks.end(), 0u);
        std::shuffle(blocks.begin(), blocks.end(), random);
        cache.table = rig->put(blocks, 4092);
        cache.k.resize(kSequences);
        cache.v.resize(kSequences);
        return cache;
    }
    void fill(isa::MicroOp& op, const Cache& cache, std::size_t table_operand,
              std::size_t pool_operand) {
        op.rows = kT;
        op.rb = 10;
        op.fmt = static_cast<std::uint8_t>(isa::KvFormat::F16);
        op.dim[2] = cache.shape.head_dim;
        op.dim[3] = cache.block_bytes;
        op.op[pool_operand] = at(cache.pool + cache.layer_offset);
        op.op[table_operand] = at(cache.table, kEntries * 4);
    }
    void run(const isa::MicroOp& op, std::uint64_t rows) {
        auto reg = with_rows(rows);
        reg[10] = kBlocks;
        const auto result = rig->run({op}, reg);
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
    void append(Cache& cache, const std::vector<isa::Row>& rows) {
        const std::size_t n = cache.shape.kv_heads * cache.shape.head_dim;
        const auto k = normal(rows.size() * n, 2.0f);
        const auto v = normal(rows.size() * n);
        for (std::size_t t = 0; t < rows.size(); ++t) {
            auto& ks = cache.k[rows[t].sequence];
            auto& vs = cache.v[rows[t].sequence];
            ks.resize(std::max(ks.size(), (rows[t].position + 1) * n));
            vs.resize(std::max(vs.size(), (rows[t].position + 1) * n));
            std::transform(&k[t * n], &k[t * n] + n, &ks[rows[t].position * n],
                           oracle::float_to_half);
            std::transform(&v[t * n], &v[t * n] + n, &vs[rows[t].position * n],
                           oracle::float_to_half);
        }
        auto op = make(isa::Opcode::KvAppend);
        fill(op, cache, 4, 2);
        op.dim[0] = cache.shape.kv_heads;
        op.op[0] = at(rig->put(k, 4092));
        op.op[1] = at(rig->put(v, 4084));
        op.op[3] = at(rig->put(rows, 8));
        run(op, rows.size());
    }
    std::vector<float> attend(const Cache& cache, const std::vector<isa::Row>& rows,
                              const std::vector<float>& q, float scale) {
        auto op = make(isa::Opcode::Attention);
        fill(op, cache, 4, 1);
        op.dim[0] = cache.shape.heads;
        op.dim[1] = cache.shape.kv_heads;
        op.imm = f32_imm(scale);
        op.op[0] = at(rig->put(q, 4088));
        const auto y = rig->alloc(q.size() * 4, 4092);
        op.op[2] = at(y);
        op.op[3] = at(rig->put(rows, 4088));
        run(op, rows.size());
        return rig->get<float>(y, q.size());
    }
    std::vector<float> expect(const Cache& cache, const std::vector<isa::Row>& rows,
                              const std::vector<float>& q, float scale) {
        const auto [heads, kv_heads, dim] = cache.shape;
        std::vector<float> wanted;
        for (std::size_t t = 0; t < rows.size(); ++t)
            for (std::uint32_t h = 0; h < heads; ++h) {
                const std::uint32_t kv = h / (heads / kv_heads);
                std::vector<std::uint16_t> k;
                std::vector<std::uint16_t> v;
                for (std::uint32_t p = 0; p <= rows[t].position; ++p)
                    for (std::uint32_t d = 0; d < dim; ++d) {
                        const std::size_t i = (p * kv_heads + kv) * dim + d;
                        k.push_back(cache.k[rows[t].sequence][i]);
                        v.push_back(cache.v[rows[t].sequence][i]);
                    }
                const auto one = oracle::attention(row_of(q, t * heads + h, dim), k, v,
                                                   rows[t].position + 1, scale);
                wanted.insert(wanted.end(), one.begin(), one.end());
            }
        return wanted;
    }
    void fill_to(Cache& cache, std::uint32_t sequence, std::uint32_t first, std::uint32_t end) {
        std::vector<isa::Row> rows;
        for (std::uint32_t p = first; p < end; ++p)
            rows.push_back({sequence, p});
        append(cache, rows);
    }
};

TEST_P(Attention, EqualsTheOracle) {
    for (const Shape shape : {Shape{8, 4, 8}, {3, 1, 64}, {4, 4, 40}, {20, 2, 34}, {1, 1, 512}}) {
        SCOPED_TRACE(::testing::Message() << shape.heads << " heads, " << shape.kv_heads
                                          << " KV heads of " << shape.head_dim);
        Cache cache = make_cache(shape);
        fill_to(cache, 0, 0, 300);
        fill_to(cache, 1, 0, 70);
        fill_to(cache, 2, 0, 520);
        const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
        // One row; a decode batch; the end of a prefill; a ragged mixture.
        std::vector<std::vector<isa::Row>> batches = {
            {{0, 0}}, {{2, 519}}, {{0, 299}, {1, 69}, {2, 255}, {2, 256}}, {}};
        for (std::uint32_t p = 250; p < 262; ++p)
            batches.back().push_back({0, p});
        batches.back().push_back({1, 15});
        for (const auto& rows : batches) {
            const auto q = normal(rows.size() * shape.heads * shape.head_dim);
            EXPECT_TRUE(same_bits(attend(cache, rows, q, scale), expect(cache, rows, q, scale)))
                << rows.size() << " rows";
        }
    }
}

TEST_P(Attention, AppendOverwritesAPositionAndKeepsTheOthers) {
    Cache cache = make_cache({2, 2, 16});
    fill_to(cache, 1, 0, 130);
    append(cache, {{1, 64}, {1, 3}, {1, 127}});
    const std::vector<isa::Row> rows = {{1, 129}};
    const auto q = normal(32);
    EXPECT_TRUE(same_bits(attend(cache, rows, q, 0.25f), expect(cache, rows, q, 0.25f)));
}

TEST_P(Attention, GarbageBehindTheLastPositionDoesNotShow) {
    Cache cache = make_cache({4, 2, 24});
    // NaN everywhere first.
    const std::vector<std::uint16_t> nan(std::size_t{cache.block_bytes} * kBlocks / 2, 0x7e01);
    rig->write(cache.pool, nan.data(), nan.size() * 2);
    fill_to(cache, 0, 0, 37);
    const std::vector<isa::Row> rows = {{0, 36}, {0, 20}, {0, 0}};
    const auto q = normal(rows.size() * 96);
    EXPECT_TRUE(same_bits(attend(cache, rows, q, 0.2f), expect(cache, rows, q, 0.2f)));
}

TEST_P(Attention, ResultsDoNotDependOnTheBatch) {
    Cache cache = make_cache({6, 2, 48});
    fill_to(cache, 0, 0, 400);
    std::vector<isa::Row> rows;
    for (std::uint32_t p = 380; p < 400; ++p)
        rows.push_back({0, p});
    const auto q = normal(rows.size() * 288);
    const auto together = attend(cache, rows, q, 0.1f);
    for (std::size_t t = 0; t < rows.size(); ++t)
        EXPECT_TRUE(
            same_bits(attend(cache, {rows[t]}, row_of(q, t, 288), 0.1f), row_of(together, t, 288)));
}
SKALD_ON_EVERY_SETUP(Attention);

}  // namespace
}  // namespace skald::test
