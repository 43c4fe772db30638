// SPDX-License-Identifier: MIT
// KV_APPEND and ATTENTION through a paged cache whose blocks lie in any order.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "setup.hpp"

namespace skald::test {
namespace {

struct Shape {
    std::uint32_t heads, kv_heads, head_dim, v_dim = 0;  // v_dim 0: head_dim
    [[nodiscard]] isa::HeadDims dims() const { return isa::head_dims(head_dim | v_dim << 16); }
};
// What ATTENTION's params say; a cap of 0 is none.
struct Extras {
    float cap = 0.0f;
    std::vector<float> sinks;
};

class Attention : public OnEverySetup {
  protected:
    static constexpr std::uint32_t kSequences = 3;
    static constexpr std::uint32_t kEntries = 12;  // blocks per sequence: 768 positions

    struct Cache {
        Shape shape;
        isa::KvFormat format;
        std::uint32_t entries, blocks;  // of a sequence, in all
        std::uint64_t pool, table, layer_offset;
        std::uint32_t block_bytes;
        // What was appended: [sequence][kv_head]
        std::vector<std::vector<oracle::Cache>> heads;
    };

    // A pool of two layers, of which the tests use the second.
    Cache make_cache(const Shape& shape, isa::KvFormat format = isa::KvFormat::F16,
                     std::uint32_t sequences = kSequences, std::uint32_t entries = kEntries) {
        Cache cache{shape, format, entries, sequences * entries, 0, 0, 0, 0, {}};
        const std::uint64_t layer = isa::kv_layer_bytes(format, shape.kv_heads, shape.dims());
        cache.layer_offset = layer;
        cache.block_bytes = static_cast<std::uint32_t>(2 * layer + 64);
        cache.pool = rig->alloc(std::uint64_t{cache.block_bytes} * cache.blocks, 64 * 3);
        std::vector<std::uint32_t> blocks(cache.blocks);
        std::iota(blocks.begin(), blocks.end(), 0u);
        std::shuffle(blocks.begin(), blocks.end(), random);
        cache.table = rig->put(blocks, 4092);
        oracle::Cache empty;
        empty.format = format;
        empty.v_dim = shape.dims().v;
        cache.heads.assign(sequences, std::vector<oracle::Cache>(shape.kv_heads, empty));
        return cache;
    }
    void fill(isa::MicroOp& op, const Cache& cache, std::size_t table_operand,
              std::size_t pool_operand) {
        op.rows = kT;
        op.rb = 10;
        op.fmt = static_cast<std::uint8_t>(cache.format);
        op.dim[2] = cache.shape.head_dim | cache.shape.v_dim << 16;
        op.dim[3] = cache.block_bytes;
        op.op[pool_operand] = at(cache.pool + cache.layer_offset);
        op.op[table_operand] = at(cache.table, cache.entries * 4);
    }
    void run(const isa::MicroOp& op, std::uint64_t rows, const Cache& cache) {
        auto reg = with_rows(rows);
        reg[10] = cache.blocks;
        const auto result = rig->run({op}, reg);
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
    template <class T, class From>
    static void place(std::vector<T>& all, std::size_t position, const From& from) {
        all.resize(std::max(all.size(), (position + 1) * from.size()));
        std::copy(from.begin(), from.end(), &all[position * from.size()]);
    }
    static void remember(oracle::Cache& head, std::uint32_t position, const oracle::Floats& k,
                         const oracle::Floats& v) {
        const auto halves = [](const oracle::Floats& x) {
            std::vector<std::uint16_t> h(x.size());
            std::transform(x.begin(), x.end(), h.begin(), oracle::float_to_half);
            return h;
        };
        if (head.format == isa::KvFormat::F32) {
            place(head.k_floats, position, k);
            place(head.v_floats, position, v);
            return;
        }
        if (head.format == isa::KvFormat::F16) {
            place(head.k, position, halves(k));
            place(head.v, position, halves(v));
            return;
        }
        auto kq = oracle::quant(k, isa::QuantGroup::Row);
        auto vq = oracle::quant(v, isa::QuantGroup::Row);
        kq.q.resize(k.size());
        vq.q.resize(v.size());
        place(head.k_numbers, position, kq.q);
        place(head.v_numbers, position, vq.q);
        place(head.k_scale, position, kq.d);
        place(head.v_scale, position, vq.d);
    }
    // Card memory that is used again and again, for there is no freeing any.
    struct Staging {
        std::uint64_t va = 0;
        std::size_t size = 0;
    };
    Staging keys, values;
    std::uint64_t stage(const std::vector<float>& data, Staging& to, std::uint64_t offset) {
        if (to.size < data.size())
            to = {rig->alloc(data.size() * 4, offset), data.size()};
        rig->write(to.va, data.data(), data.size() * 4);
        return to.va;
    }
    isa::MicroOp kv_append(const Cache& cache, const std::vector<isa::Row>& rows,
                           const std::vector<float>& k, const std::vector<float>& v) {
        auto op = make(isa::Opcode::KvAppend);
        fill(op, cache, 4, 2);
        op.dim[0] = cache.shape.kv_heads;
        op.op[0] = at(stage(k, keys, 4092));
        op.op[1] = at(stage(v, values, 4084));
        op.op[3] = at(rig->put(rows, 8));
        return op;
    }
    // Keys and values about as large as `size`.
    void append(Cache& cache, const std::vector<isa::Row>& rows, float size = 1.0f) {
        const isa::HeadDims dims = cache.shape.dims();
        const auto k = normal(rows.size() * cache.shape.kv_heads * dims.k, 2.0f * size);
        const auto v = normal(rows.size() * cache.shape.kv_heads * dims.v, size);
        for (std::size_t t = 0; t < rows.size(); ++t)
            for (std::uint32_t h = 0; h < cache.shape.kv_heads; ++h)
                remember(cache.heads[rows[t].sequence][h], rows[t].position,
                         row_of(k, t * cache.shape.kv_heads + h, dims.k),
                         row_of(v, t * cache.shape.kv_heads + h, dims.v));
        run(kv_append(cache, rows, k, v), rows.size(), cache);
    }
    isa::MicroOp attention(const Cache& cache, const std::vector<isa::Row>& rows,
                           const std::vector<float>& q, float scale, std::uint32_t window,
                           const Extras& extras = {}) {
        auto op = make(isa::Opcode::Attention);
        fill(op, cache, 4, 1);
        op.dim[0] = cache.shape.heads;
        op.dim[1] = cache.shape.kv_heads;
        op.imm = f32_imm(scale) | std::uint64_t{window} << 32;
        op.op[0] = at(rig->put(q, 4088));
        op.op[2] = at(rig->alloc(rows.size() * y_elements(cache) * 4, 4092));
        op.op[3] = at(rig->put(rows, 4088));
        if (extras.cap != 0.0f)
            op.flags |= isa::kFlagSoftCap;
        if (!extras.sinks.empty())
            op.flags |= isa::kFlagSinks;
        if (op.flags != 0) {
            std::vector<float> params(sizeof(isa::AttentionParams) / 4);
            params[0] = extras.cap;
            params.insert(params.end(), extras.sinks.begin(), extras.sinks.end());
            op.op[5] = at(rig->put(params, 4032));
        }
        return op;
    }
    static std::size_t y_elements(const Cache& cache) {
        return std::size_t{cache.shape.heads} * cache.shape.dims().v;
    }
    std::vector<float> attend(const Cache& cache, const std::vector<isa::Row>& rows,
                              const std::vector<float>& q, float scale, std::uint32_t window = 0,
                              const Extras& extras = {}) {
        const auto op = attention(cache, rows, q, scale, window, extras);
        run(op, rows.size(), cache);
        return rig->get<float>(op.op[2].offset, rows.size() * y_elements(cache));
    }
    std::vector<float> expect(const Cache& cache, const std::vector<isa::Row>& rows,
                              const std::vector<float>& q, float scale, std::uint32_t window = 0,
                              const Extras& extras = {}) {
        const Shape& shape = cache.shape;
        std::vector<float> wanted;
        for (std::size_t t = 0; t < rows.size(); ++t)
            for (std::uint32_t h = 0; h < shape.heads; ++h) {
                const oracle::AttentionRow row{
                    .positions = rows[t].position + 1,
                    .window = window,
                    .scale = scale,
                    .cap = extras.cap,
                    .sink = extras.sinks.empty() ? std::optional<float>() : extras.sinks[h]};
                const auto one = oracle::attention(
                    row_of(q, t * shape.heads + h, shape.head_dim),
                    cache.heads[rows[t].sequence][h / (shape.heads / shape.kv_heads)], row);
                wanted.insert(wanted.end(), one.begin(), one.end());
            }
        return wanted;
    }
    void fill_to(Cache& cache, std::uint32_t sequence, std::uint32_t first, std::uint32_t end,
                 float size = 1.0f) {
        std::vector<isa::Row> rows;
        for (std::uint32_t p = first; p < end; ++p)
            rows.push_back({sequence, p});
        append(cache, rows, size);
    }
    void check(const Shape& shape, isa::KvFormat format, std::uint32_t window,
               const Extras& extras = {}) {
        SCOPED_TRACE(::testing::Message()
                     << shape.heads << " heads, " << shape.kv_heads << " KV heads of "
                     << shape.head_dim << "/" << shape.v_dim << ", format " << int(format)
                     << ", window " << window << ", cap " << extras.cap << ", "
                     << extras.sinks.size() << " sinks");
        Cache cache = make_cache(shape, format);
        fill_to(cache, 0, 0, 300);
        fill_to(cache, 1, 0, 70);
        fill_to(cache, 2, 0, 520);
        const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
        // One row; a decode batch; the end of a prefill; a ragged mixture.
        std::vector<std::vector<isa::Row>> batches = {
            {{0, 0}}, {{2, 519}}, {{0, 299}, {1, 69}, {2, 255}, {2, 256}}, {}, {{2, 519}, {2, 3}}};
        for (std::uint32_t p = 250; p < 262; ++p)
            batches[3].push_back({0, p});
        batches[3].push_back({1, 15});
        for (const auto& rows : batches) {
            const auto q = normal(rows.size() * shape.heads * shape.head_dim);
            EXPECT_TRUE(same_bits(attend(cache, rows, q, scale, window, extras),
                                  expect(cache, rows, q, scale, window, extras)))
                << rows.size() << " rows";
        }
    }
};

TEST_P(Attention, EqualsTheOracle) {
    for (const Shape shape :
         {Shape{8, 4, 8}, {24, 1, 8}, {3, 1, 64}, {4, 4, 40}, {20, 2, 34}, {1, 1, 512}})
        check(shape, isa::KvFormat::F16, 0);
}

TEST_P(Attention, EightBitsEqualTheOracle) {
    for (const Shape shape : {Shape{8, 4, 8}, {3, 1, 64}, {4, 4, 40}, {20, 2, 36}, {1, 1, 512}})
        check(shape, isa::KvFormat::I8, 0);
}

TEST_P(Attention, ThirtyTwoBitsEqualTheOracle) {
    for (const Shape shape :
         {Shape{8, 4, 8}, {24, 1, 8}, {3, 1, 64}, {4, 4, 40}, {20, 2, 34}, {1, 1, 512}})
        check(shape, isa::KvFormat::F32, 0);
}

// What f16 has no number for, and what it would round.
TEST_P(Attention, ThirtyTwoBitsKeepWhatF16CannotHold) {
    for (const float size : {1e20f, 1e-20f}) {
        Cache cache = make_cache({6, 2, 24}, isa::KvFormat::F32);
        fill_to(cache, 0, 0, 300, size);
        const std::vector<isa::Row> rows = {{0, 299}, {0, 40}};
        const auto q = normal(rows.size() * 144, 1.0f / size);
        EXPECT_TRUE(same_bits(attend(cache, rows, q, 0.2f), expect(cache, rows, q, 0.2f)));
    }
}

TEST_P(Attention, AppendingWhatTheFormatCannotHoldFaults) {
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<isa::Row> rows = {{0, 0}, {0, 1}};
    for (const isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32}) {
        Cache cache = make_cache({1, 1, 40}, format);
        auto reg = with_rows(rows.size());
        reg[10] = cache.blocks;
        for (const bool value : {false, true})
            for (const float bad : {65520.0f, infinity, -infinity, std::nanf("")}) {
                SCOPED_TRACE(::testing::Message() << "format " << int(format) << ", " << bad
                                                  << " as a " << (value ? "value" : "key"));
                std::vector<float> k(80), v(80);
                (value ? v : k)[79] = bad;
                const auto op = kv_append(cache, rows, k, v);
                const auto result = rig->run({op}, reg);
                if (std::isfinite(bad) && format != isa::KvFormat::F16) {
                    EXPECT_EQ(result.status, SKALD_JOB_DONE);
                    continue;
                }
                EXPECT_EQ(result.status, SKALD_JOB_FAULT);
                EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
                EXPECT_EQ(result.address.value, op.op[value ? 1 : 0].offset + 160);
            }
    }
}

TEST_P(Attention, WindowsEqualTheOracle) {
    for (const std::uint32_t window : {1u, 5u, 16u, 100u, 256u, 257u, 1000u, 0xffffffffu}) {
        check({6, 2, 24}, isa::KvFormat::F16, window);
        check({8, 2, 8}, isa::KvFormat::F16, window);
        check({6, 2, 24}, isa::KvFormat::I8, window);
        check({6, 2, 24}, isa::KvFormat::F32, window);
    }
}

// Keys and values of different widths: MLA's expanded form, and others that fit no vector.
TEST_P(Attention, ValuesOfAnotherWidthEqualTheOracle) {
    for (const Shape shape : {Shape{4, 4, 192, 128},
                              {6, 2, 24, 40},
                              {16, 1, 8, 16},
                              {16, 1, 16, 8},
                              {2, 1, 576, 512},
                              {3, 1, 2, 34}})
        check(shape, isa::KvFormat::F16, 0);
    for (const Shape shape : {Shape{4, 4, 192, 128}, {6, 2, 24, 40}, {2, 1, 576, 512}})
        check(shape, isa::KvFormat::I8, 70);
}

TEST_P(Attention, ThirtyTwoBitsOfAnotherWidthEqualTheOracle) {
    for (const Shape shape :
         {Shape{4, 4, 192, 128}, {6, 2, 24, 40}, {2, 1, 576, 512}, {3, 1, 2, 34}})
        check(shape, isa::KvFormat::F32, 70);
}

TEST_P(Attention, CappedScoresEqualTheOracle) {
    for (const float cap : {50.0f, 0.5f}) {
        check({6, 2, 24}, isa::KvFormat::F16, 0, {.cap = cap, .sinks = {}});
        check({12, 1, 8}, isa::KvFormat::F16, 100, {.cap = cap, .sinks = {}});
        check({6, 2, 24}, isa::KvFormat::I8, 0, {.cap = cap, .sinks = {}});
        check({6, 2, 24}, isa::KvFormat::F32, 0, {.cap = cap, .sinks = {}});
    }
}

// A cap leaves every score finite but NaN.
TEST_P(Attention, InfiniteScoresAreCapped) {
    Cache cache = make_cache({1, 1, 8});
    fill_to(cache, 0, 0, 20);
    std::vector<float> q(8, 3e38f);
    const std::vector<isa::Row> rows = {{0, 19}};
    const Extras extras{.cap = 2.0f, .sinks = {}};
    EXPECT_TRUE(same_bits(attend(cache, rows, q, 1.0f, 0, extras),
                          expect(cache, rows, q, 1.0f, 0, extras)));
}

TEST_P(Attention, SinksEqualTheOracle) {
    const std::vector<float> sinks = {0.0f, -3.0f, 2.5f, 40.0f, -90.0f, 1.0f};
    check({6, 2, 24}, isa::KvFormat::F16, 0, {.cap = 0.0f, .sinks = sinks});
    check({6, 3, 16, 40}, isa::KvFormat::F16, 128, {.cap = 0.0f, .sinks = sinks});
    check({6, 2, 24}, isa::KvFormat::I8, 0, {.cap = 30.0f, .sinks = sinks});
    check({6, 2, 24}, isa::KvFormat::F32, 100, {.cap = 0.0f, .sinks = sinks});
    std::vector<float> many(24, 1.5f);
    check({24, 1, 8}, isa::KvFormat::F16, 0, {.cap = 0.0f, .sinks = many});
}

TEST_P(Attention, ParametersThatAreNoNumbersFault) {
    Cache cache = make_cache({2, 1, 16});
    fill_to(cache, 0, 0, 5);
    auto reg = with_rows(1);
    reg[10] = cache.blocks;
    const auto expect_fault = [&](const Extras& extras, skald_fault_reason reason,
                                  std::uint64_t offset) {
        const auto op = attention(cache, {{0, 4}}, normal(32), 0.25f, 0, extras);
        const auto result = rig->run({op}, reg);
        EXPECT_EQ(result.status, SKALD_JOB_FAULT);
        EXPECT_EQ(result.reason, reason);
        EXPECT_EQ(result.address.value, op.op[5].offset + offset);
    };
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float cap : {-1.0f, infinity, std::nanf("")})
        expect_fault({.cap = cap, .sinks = {}}, SKALD_FAULT_VALUE, 0);
    for (const float sink : {-infinity, infinity, std::nanf("")})
        expect_fault({.cap = 0.0f, .sinks = {0.0f, sink}}, SKALD_FAULT_NONFINITE, 64 + 4);
}

// Blocks before the window may be gone: nobody looks at their table entries.
TEST_P(Attention, BlocksBeforeTheWindowAreNotLookedAt) {
    Cache cache = make_cache({4, 2, 16});
    fill_to(cache, 1, 0, 400);
    const std::vector<std::uint32_t> gone(3, 0xffffffffu);
    rig->write(cache.table + cache.entries * 4, gone.data(), gone.size() * 4);
    const std::vector<isa::Row> rows = {{1, 291}, {1, 399}};
    const auto q = normal(rows.size() * 64);
    EXPECT_TRUE(same_bits(attend(cache, rows, q, 0.2f, 100), expect(cache, rows, q, 0.2f, 100)));
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
    for (const isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32}) {
        for (const Shape shape : {Shape{4, 2, 24}, {12, 2, 8}}) {
            Cache cache = make_cache(shape, format);
            // NaN everywhere first, as f16 and as f32.
            const std::vector<std::uint16_t> nan(std::size_t{cache.block_bytes} * cache.blocks / 2,
                                                 0x7fc1);
            rig->write(cache.pool, nan.data(), nan.size() * 2);
            fill_to(cache, 0, 0, 37);
            const std::vector<isa::Row> rows = {{0, 36}, {0, 20}, {0, 0}};
            const auto q = normal(rows.size() * 96);
            EXPECT_TRUE(same_bits(attend(cache, rows, q, 0.2f), expect(cache, rows, q, 0.2f)));
        }
    }
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
SKALD_ON_EVERY_SETUP(Attention, false);

// Few rows that look far back: their work is cut along the positions.
class LongAttention : public Attention {
  protected:
    void fill_long(Cache& cache, std::uint32_t sequence, std::uint32_t end) {
        for (std::uint32_t p = 0; p < end; p += 512)
            fill_to(cache, sequence, p, std::min(end, p + 512));
    }
    void check_long(const Cache& cache, const std::vector<isa::Row>& rows, std::uint32_t window,
                    const Extras& extras = {}) {
        SCOPED_TRACE(::testing::Message()
                     << cache.shape.heads << " heads, " << cache.shape.kv_heads << " KV heads of "
                     << cache.shape.head_dim << ", format " << int(cache.format) << ", window "
                     << window << ", " << rows.size() << " rows");
        const auto q = normal(rows.size() * cache.shape.heads * cache.shape.head_dim);
        const float scale = 1.0f / std::sqrt(static_cast<float>(cache.shape.head_dim));
        EXPECT_TRUE(same_bits(attend(cache, rows, q, scale, window, extras),
                              expect(cache, rows, q, scale, window, extras)));
    }
    // Makes a key infinite, as only the guest could by writing to the cache itself.
    void spoil(const Cache& cache, std::uint32_t position) {
        const auto block = rig->get<std::uint32_t>(cache.table + position / 64 * 4, 1)[0];
        const std::uint64_t tile = cache.pool + cache.layer_offset +
                                   std::uint64_t{block} * cache.block_bytes +
                                   std::uint64_t{position % 64 / 16} * cache.shape.head_dim * 32;
        const std::uint16_t infinity = 0x7c00;
        rig->write(tile + position % 16 * 2, &infinity, 2);
    }
};

TEST_P(LongAttention, EqualsTheOracle) {
    for (const isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32}) {
        for (const Shape shape : {Shape{4, 1, 64}, {12, 1, 32}, {4, 2, 40}}) {
            Cache cache = make_cache(shape, format, 2, 40);
            fill_long(cache, 0, 2500);
            fill_long(cache, 1, 300);
            for (const std::uint32_t window : {0u, 300u, 1900u}) {
                check_long(cache, {{0, 2499}}, window);
                // Neighbours that share an item, but not all chunks; one that needs no cutting.
                check_long(cache, {{0, 2499}, {0, 600}, {1, 299}, {0, 2000}}, window);
            }
        }
    }
}

TEST_P(LongAttention, CapsSinksAndOtherValuesEqualTheOracle) {
    for (const isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32}) {
        Cache cache = make_cache({4, 1, 48, 32}, format, 2, 40);
        fill_long(cache, 0, 2500);
        check_long(cache, {{0, 2499}, {0, 700}}, 0, {.cap = 20.0f, .sinks = {1, 0, -2, 9}});
    }
}

// The parts of all chunks do not fit where they are kept.
TEST_P(LongAttention, VeryLongOnesEqualTheOracle) {
    Cache cache = make_cache({1, 1, 512}, isa::KvFormat::I8, 1, 320);
    fill_long(cache, 0, 20480);
    check_long(cache, {{0, 20479}}, 0);
    check_long(cache, {{0, 17000}, {0, 100}}, 0);
}

TEST_P(LongAttention, TheFirstRowThatFailsIsReported) {
    for (const Shape shape : {Shape{4, 1, 64}, {8, 1, 8}}) {
        Cache cache = make_cache(shape, isa::KvFormat::F16, 1, 40);
        fill_long(cache, 0, 2500);
        const std::vector<isa::Row> rows = {{0, 600}, {0, 2300}, {0, 2499}, {0, 700}};
        const std::size_t row_elements = std::size_t{shape.heads} * shape.head_dim;
        const auto q = normal(rows.size() * row_elements);
        const auto op = attention(cache, rows, q, 0.125f, 0);
        auto reg = with_rows(rows.size());
        reg[10] = cache.blocks;
        // In a position that only row 2 sees, then in others that rows before it see, too.
        const std::uint32_t positions[] = {599, 2200, 2400};
        for (const std::size_t row : {2u, 1u, 0u}) {
            spoil(cache, positions[row]);
            const auto result = rig->run({op}, reg);
            EXPECT_EQ(result.status, SKALD_JOB_FAULT);
            EXPECT_EQ(result.reason, SKALD_FAULT_NONFINITE);
            EXPECT_EQ(result.address.value, op.op[0].offset + row * row_elements * 4);
        }
    }
}

std::vector<Setup> many_threads() {
    std::vector<Setup> setups = all_setups(false);
    for (card::Simd simd : {card::Simd::kScalar, card::Simd::kAvx2, card::Simd::kAvx512})
        setups.push_back({simd, 8, Pages::kScattered});
    return setups;
}
INSTANTIATE_TEST_SUITE_P(All, LongAttention, ::testing::ValuesIn(many_threads()),
                         [](const auto& setup) { return describe(setup.param); });

}  // namespace
}  // namespace skald::test
