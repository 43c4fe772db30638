// SPDX-License-Identifier: MIT
// Micro-ops over rows: quantiser, norm, sum, gate, rotary.
#include "setup.hpp"

namespace skald::test {
namespace {

constexpr std::uint32_t kRows[] = {1, 7, 64};
constexpr std::uint32_t kLengths[] = {1, 16, 31, 33, 288, 1000, 4096, 4100, 9001};

class RowOps : public OnEverySetup {
  protected:
    // Numbers of all sizes, with zeros, subnormals and both signs among them.
    std::vector<float> wild(std::size_t n) {
        auto v = normal(n);
        for (float& x : v) {
            const auto kind = random() % 16;
            if (kind == 0)
                x = 0.0f;
            if (kind == 1)
                x = -0.0f;
            if (kind == 2)
                x *= 1e-39f;
            if (kind == 3)
                x *= 1e10f;
            if (kind == 4)
                x *= 50.0f;
        }
        return v;
    }
    void run(const isa::MicroOp& op, std::uint32_t rows) {
        const auto result = rig->run({op}, with_rows(rows));
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
    isa::MicroOp begin(isa::Opcode opcode, std::uint32_t length) {
        auto op = make(opcode);
        op.rows = kT;
        op.dim[0] = length;
        return op;
    }
    template <class F>
    void each_shape(F&& f) {
        for (std::uint32_t rows : kRows)
            for (std::uint32_t k : kLengths) {
                if (rows * k > 64 * 1000)
                    continue;
                SCOPED_TRACE(::testing::Message() << rows << " x " << k);
                f(rows, k);
            }
    }
    // y = op(a, b) at a pitch, and in place on a.
    template <class Oracle>
    void check_elementwise(isa::MicroOp op, Oracle&& expect) {
        each_shape([&](std::uint32_t rows, std::uint32_t k) {
            const auto a = wild(std::size_t{rows} * k);
            const auto b = wild(std::size_t{rows} * k);
            std::vector<float> wanted;
            for (std::uint32_t r = 0; r < rows; ++r) {
                const auto one = expect(row_of(a, r, k), row_of(b, r, k));
                wanted.insert(wanted.end(), one.begin(), one.end());
            }
            const std::size_t pitch = (k + 3) / 4 * 4 + 4;
            op.dim[0] = k;
            op.op[0] = at(rig->put(with_pitch(a, k, pitch), 4), pitch * 4);
            op.op[1] = at(rig->put(b, 4092));
            const auto y = rig->alloc(rows * pitch * 4, 4088);
            op.op[2] = at(y, pitch * 4);
            run(op, rows);
            EXPECT_TRUE(
                same_bits(without_pitch(rig->get<float>(y, rows * pitch), k, pitch), wanted));
            op.op[2] = op.op[0];
            run(op, rows);
            const auto in_place = rig->get<float>(op.op[0].offset, rows * pitch);
            EXPECT_TRUE(same_bits(without_pitch(in_place, k, pitch), wanted)) << "in place";
        });
    }

    void check_quant(isa::QuantGroup group) {
        each_shape([&](std::uint32_t rows, std::uint32_t k) {
            const auto x = wild(std::size_t{rows} * k);
            oracle::Quantised wanted;
            for (std::uint32_t r = 0; r < rows; ++r) {
                const auto one = oracle::quant(row_of(x, r, k), group);
                wanted.q.insert(wanted.q.end(), one.q.begin(), one.q.end());
                wanted.d.insert(wanted.d.end(), one.d.begin(), one.d.end());
                wanted.s.insert(wanted.s.end(), one.s.begin(), one.s.end());
            }
            auto op = begin(isa::Opcode::Quant, k);
            op.fmt = static_cast<std::uint8_t>(group);
            op.op[0] = at(rig->put(x, 4092));
            const auto q = rig->alloc(wanted.q.size(), 4090);
            const auto d = rig->alloc(wanted.d.size() * 4, 4088);
            const auto s = rig->alloc(wanted.s.size() * 4, 4084);
            op.op[1] = at(q);
            op.op[2] = at(d);
            op.op[3] = at(s);
            run(op, rows);
            EXPECT_TRUE(same_bits(rig->get<std::int8_t>(q, wanted.q.size()), wanted.q));
            EXPECT_TRUE(same_bits(rig->get<float>(d, wanted.d.size()), wanted.d));
            EXPECT_TRUE(same_bits(rig->get<std::int32_t>(s, wanted.s.size()), wanted.s));

            auto back = begin(isa::Opcode::Dequant, k);
            back.fmt = op.fmt;
            const auto y = rig->alloc(x.size() * 4, 4092);
            back.op[0] = at(q);
            back.op[1] = at(d);
            back.op[2] = at(y);
            run(back, rows);
            std::vector<float> wanted_y;
            const std::size_t blocks = (k + 31) / 32;
            const std::size_t scales = group == isa::QuantGroup::Row ? 1 : blocks;
            for (std::uint32_t r = 0; r < rows; ++r) {
                const auto one = oracle::dequant(row_of(wanted.q, r, blocks * 32),
                                                 row_of(wanted.d, r, scales), k);
                wanted_y.insert(wanted_y.end(), one.begin(), one.end());
            }
            EXPECT_TRUE(same_bits(rig->get<float>(y, x.size()), wanted_y));
        });
    }
};

TEST_P(RowOps, QuantEqualsTheOracle) {
    check_quant(isa::QuantGroup::Block32);
}

TEST_P(RowOps, QuantOfWholeRowsEqualsTheOracle) {
    check_quant(isa::QuantGroup::Row);
}

TEST_P(RowOps, RmsNormEqualsTheOracle) {
    each_shape([&](std::uint32_t rows, std::uint32_t k) {
        const auto x = normal(std::size_t{rows} * k, 3.0f);
        const auto gain = normal(k);
        auto op = begin(isa::Opcode::RmsNorm, k);
        op.imm = f32_imm(1e-5f);
        op.op[0] = at(rig->put(x, 4092));
        op.op[1] = at(rig->put(gain, 4080));
        const auto y = rig->alloc(x.size() * 4, 4084);
        std::vector<float> wanted;
        for (std::uint32_t r = 0; r < rows; ++r) {
            const auto one = oracle::rms_norm(row_of(x, r, k), gain, 1e-5f);
            wanted.insert(wanted.end(), one.begin(), one.end());
        }
        op.op[2] = at(y);
        run(op, rows);
        EXPECT_TRUE(same_bits(rig->get<float>(y, x.size()), wanted));
        op.op[2] = op.op[0];
        run(op, rows);
        EXPECT_TRUE(same_bits(rig->get<float>(op.op[0].offset, x.size()), wanted)) << "in place";
    });
}

TEST_P(RowOps, AddEqualsTheOracle) {
    check_elementwise(begin(isa::Opcode::Add, 0),
                      [](const auto& a, const auto& b) { return oracle::add(a, b); });
}

TEST_P(RowOps, GluEqualsTheOracle) {
    auto op = begin(isa::Opcode::Glu, 0);
    op.aux = static_cast<std::uint8_t>(isa::Activation::Silu);
    check_elementwise(op, [](const auto& a, const auto& b) { return oracle::glu(a, b); });
}

TEST_P(RowOps, NanAndInfinityPropagateAsTheCanonicalNan) {
    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::bit_cast<float>(0xffc12345u);
    const std::vector<float> a = {nan, inf, 1.0f, -inf, 0.0f, nan, 88.5f, -88.5f, inf};
    const std::vector<float> b = {1.0f, -inf, nan, 1.0f, inf, nan, 1.0f, 1.0f, 0.0f};
    for (isa::Opcode opcode : {isa::Opcode::Add, isa::Opcode::Glu}) {
        auto op = begin(opcode, static_cast<std::uint32_t>(a.size()));
        op.aux = opcode == isa::Opcode::Glu;
        op.op[0] = at(rig->put(a));
        op.op[1] = at(rig->put(b));
        const auto y = rig->alloc(a.size() * 4);
        op.op[2] = at(y);
        run(op, 1);
        EXPECT_TRUE(same_bits(rig->get<float>(y, a.size()),
                              opcode == isa::Opcode::Add ? oracle::add(a, b) : oracle::glu(a, b)));
    }
}

TEST_P(RowOps, RopeEqualsTheOracle) {
    struct Shape {
        std::uint32_t heads, head_dim, rot_dim;
    };
    for (const Shape shape : {Shape{8, 8, 8},
                              {7, 8, 8},
                              {8, 8, 6},
                              {3, 64, 64},
                              {2, 96, 48},
                              {5, 34, 34},
                              {1, 512, 512}})
        for (std::uint32_t rows : kRows) {
            SCOPED_TRACE(::testing::Message() << rows << " rows, head " << shape.head_dim);
            constexpr std::uint32_t kPositions = 50;
            const std::size_t length = shape.heads * shape.head_dim;
            auto x = normal(rows * length);
            const auto table = normal(kPositions * shape.rot_dim);
            std::vector<isa::Row> list(rows);
            for (auto& row : list)
                row = {0, static_cast<std::uint32_t>(random() % kPositions)};
            auto op = begin(isa::Opcode::Rope, shape.heads);
            op.dim = {shape.heads, shape.head_dim, shape.rot_dim, kPositions};
            const auto va = rig->put(x, 4092);
            op.op[0] = at(va);
            op.op[1] = at(rig->put(table, 4088));
            op.op[2] = at(rig->put(list, 8));
            run(op, rows);
            for (std::uint32_t r = 0; r < rows; ++r)
                for (std::uint32_t h = 0; h < shape.heads; ++h)
                    oracle::rope(&x[r * length + h * shape.head_dim],
                                 &table[list[r].position * shape.rot_dim], shape.rot_dim);
            EXPECT_TRUE(same_bits(rig->get<float>(va, x.size()), x));
        }
}
SKALD_ON_EVERY_SETUP(RowOps, false);

}  // namespace
}  // namespace skald::test
