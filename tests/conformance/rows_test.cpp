// SPDX-License-Identifier: MIT
// Micro-ops over rows: quantiser, rotary.
#include "row_ops.hpp"

namespace skald::test {
namespace {

class QuantAndRope : public RowOps {
  protected:
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

TEST_P(QuantAndRope, QuantEqualsTheOracle) {
    check_quant(isa::QuantGroup::Block32);
}

TEST_P(QuantAndRope, QuantOfWholeRowsEqualsTheOracle) {
    check_quant(isa::QuantGroup::Row);
}

TEST_P(QuantAndRope, RopeEqualsTheOracle) {
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
SKALD_ON_EVERY_SETUP(QuantAndRope, false);

}  // namespace
}  // namespace skald::test
