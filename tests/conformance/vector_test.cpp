// SPDX-License-Identifier: MIT
// Norms and what is done element by element.
#include <functional>

#include "card/ops/encoding.hpp"
#include "row_ops.hpp"
#include "skald/isa_table.hpp"

namespace skald::test {
namespace {

using isa::Activation;
using Floats = oracle::Floats;

constexpr Activation kAct[] = {Activation::Silu, Activation::GeluTanh, Activation::GeluErf,
                               Activation::Relu, Activation::Relu2,    Activation::Sigmoid,
                               Activation::Tanh, Activation::SoftCap,  Activation::Clamp,
                               Activation::Scale};
constexpr Activation kGlu[] = {Activation::Silu,         Activation::GeluTanh, Activation::GeluErf,
                               Activation::Relu,         Activation::Relu2,    Activation::Sigmoid,
                               Activation::SwigluClamped};

struct Shape {
    std::uint32_t rows, k;
};
// Several pieces in a row, several rows in a bundle, rows that are shorter than a vector.
constexpr Shape kShapes[] = {{1, 9001}, {2, 4096}, {7, 33}, {64, 288}, {64, 5}};

std::uint64_t parameters(float p0, float p1) {
    return f32_imm(p0) | f32_imm(p1) << 32;
}

// Those that a function has; the others are zero.
struct Given {
    float p0 = 0, p1 = 0;
};
Given given(Activation function) {
    switch (function) {
        case Activation::SoftCap:
            return {30.0f, 0.0f};
        case Activation::Clamp:
            return {-1.5f, 2.0f};
        case Activation::Scale:
            return {0.22f, 0.0f};
        case Activation::SwigluClamped:
            return {1.702f, 7.0f};
        default:
            return {};
    }
}

class VectorOps : public RowOps {
  protected:
    using Row = std::function<Floats(const std::vector<Floats>& inputs)>;

    // y = op(inputs), y at a pitch and then in place on the first input. inputs: what the operands
    // before y hold, their rows as wide as `widths` says.
    void check(isa::MicroOp op, const Shape& shape, const std::vector<std::uint32_t>& widths,
               const Row& expect) {
        const auto [rows, k] = shape;
        SCOPED_TRACE(::testing::Message() << rows << " x " << k);
        const auto y_at = static_cast<unsigned>(widths.size());
        std::vector<Floats> dense;
        for (const std::uint32_t width : widths)
            dense.push_back(wild(std::size_t{rows} * width));
        Floats wanted;
        for (std::uint32_t r = 0; r < rows; ++r) {
            std::vector<Floats> row;
            for (std::size_t i = 0; i < dense.size(); ++i)
                row.push_back(row_of(dense[i], r, widths[i]));
            const Floats one = expect(row);
            wanted.insert(wanted.end(), one.begin(), one.end());
        }
        const std::size_t pitch = (k + 3) / 4 * 4 + 4;
        op.dim[0] = k;
        op.op[0] = at(rig->put(with_pitch(dense[0], k, pitch), 4), pitch * 4);
        for (unsigned i = 1; i < y_at; ++i)
            op.op[i] = at(rig->put(dense[i], 4092));
        const auto y = rig->alloc(rows * pitch * 4, 4088);
        op.op[y_at] = at(y, pitch * 4);
        run(op, rows);
        EXPECT_TRUE(same_bits(without_pitch(rig->get<float>(y, rows * pitch), k, pitch), wanted));
        op.op[y_at] = op.op[0];
        run(op, rows);
        const auto in_place = rig->get<float>(op.op[0].offset, rows * pitch);
        EXPECT_TRUE(same_bits(without_pitch(in_place, k, pitch), wanted)) << "in place";
    }

    struct Norm {
        std::uint8_t flags;
        std::uint32_t group;
        [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
    };
    void check_norm(isa::Opcode opcode, const Shape& shape, const Norm& norm, bool special) {
        const auto [rows, k] = shape;
        SCOPED_TRACE(::testing::Message() << rows << " x " << k << ", group " << norm.group
                                          << ", flags " << int{norm.flags});
        const std::uint32_t group = norm.group != 0 ? norm.group : k;
        const std::uint32_t width = norm.has(isa::kFlagGainRow) ? k : group;
        const Floats x =
            special ? wild(std::size_t{rows} * k) : normal(std::size_t{rows} * k, 3.0f);
        const Floats gain = norm.has(isa::kFlagNoGain) ? Floats{} : normal(width);
        const Floats bias = norm.has(isa::kFlagNormBias) ? normal(width) : Floats{};
        auto op = begin(opcode, k);
        op.flags = norm.flags;
        op.dim[1] = norm.group;
        op.imm = f32_imm(1e-5f);
        op.op[0] = at(rig->put(x, 4092));
        if (!gain.empty())
            op.op[1] = at(rig->put(gain, 4080));
        if (!bias.empty())
            op.op[3] = at(rig->put(bias, 4076));
        const auto y = rig->alloc(x.size() * 4, 4084);
        op.op[2] = at(y);
        Floats wanted;
        for (std::uint32_t r = 0; r < rows; ++r) {
            const Floats one = opcode == isa::Opcode::RmsNorm
                                   ? oracle::rms_norm(row_of(x, r, k), gain, 1e-5f, group)
                                   : oracle::layer_norm(row_of(x, r, k), gain, bias, 1e-5f, group);
            wanted.insert(wanted.end(), one.begin(), one.end());
        }
        run(op, rows);
        EXPECT_TRUE(same_bits(rig->get<float>(y, x.size()), wanted));
        op.op[2] = op.op[0];
        run(op, rows);
        EXPECT_TRUE(same_bits(rig->get<float>(op.op[0].offset, x.size()), wanted)) << "in place";
    }
    // Every combination of flags that is allowed, over rows and groups.
    void check_norms(isa::Opcode opcode, unsigned flags) {
        constexpr std::uint8_t kRow = isa::kFlagGainRow;
        constexpr std::uint8_t kNone = isa::kFlagNoGain;
        for (unsigned f = 0; f < 8; ++f) {
            if ((f & ~flags) != 0 || (f & (kRow | kNone)) == (kRow | kNone))
                continue;
            const auto bits = static_cast<std::uint8_t>(f);
            for (const bool special : {false, true}) {
                if ((f & kRow) == 0)
                    for (const Shape shape : {Shape{1, 9001}, {7, 33}, {64, 288}})
                        check_norm(opcode, shape, {bits, 0}, special);
                for (const Norm norm : {Norm{bits, 16}, {bits, 3}, {bits, 96}, {bits, 288}})
                    check_norm(opcode, {7, 288}, norm, special);
                check_norm(opcode, {1, 10002}, {bits, 5001}, special);
            }
        }
    }
};

TEST_P(VectorOps, RmsNormEqualsTheOracle) {
    check_norms(isa::Opcode::RmsNorm, isa::kFlagNoGain | isa::kFlagGainRow);
    each_shape([&](std::uint32_t rows, std::uint32_t k) {
        check_norm(isa::Opcode::RmsNorm, {rows, k}, {0, 0}, false);
    });
}

TEST_P(VectorOps, LayerNormEqualsTheOracle) {
    check_norms(isa::Opcode::LayerNorm, isa::kFlagNoGain | isa::kFlagGainRow | isa::kFlagNormBias);
}

TEST_P(VectorOps, AddEqualsTheOracle) {
    each_shape([&](std::uint32_t rows, std::uint32_t k) {
        check(begin(isa::Opcode::Add, k), {rows, k}, {k, k},
              [](const auto& in) { return oracle::add(in[0], in[1]); });
    });
}

TEST_P(VectorOps, AddWithAScaleEqualsTheOracle) {
    for (const Shape& shape : kShapes)
        for (const float s : {0.22f, -1e30f}) {
            auto op = begin(isa::Opcode::Add, shape.k);
            op.flags = isa::kFlagScale;
            op.imm = f32_imm(s);
            check(op, shape, {shape.k, shape.k},
                  [&](const auto& in) { return oracle::add(in[0], in[1], s); });
        }
}

TEST_P(VectorOps, MulEqualsTheOracle) {
    for (const Shape& shape : kShapes)
        for (const std::uint8_t row : {std::uint8_t{0}, isa::kFlagRow})
            for (const std::uint8_t scale : {std::uint8_t{0}, isa::kFlagScale}) {
                const float s = scale != 0 ? 1.7f : 1.0f;
                auto op = begin(isa::Opcode::Mul, shape.k);
                op.flags = row | scale;
                op.imm = scale != 0 ? f32_imm(s) : 0;
                check(op, shape, {shape.k, row != 0 ? 1 : shape.k},
                      [&](const auto& in) { return oracle::multiply(in[0], in[1], s); });
            }
}

TEST_P(VectorOps, ActEqualsTheOracle) {
    for (const Activation function : kAct)
        for (const Shape& shape : kShapes) {
            SCOPED_TRACE(::testing::Message() << "function " << static_cast<int>(function));
            const auto [p0, p1] = given(function);
            auto op = begin(isa::Opcode::Act, shape.k);
            op.aux = static_cast<std::uint8_t>(function);
            op.imm = parameters(p0, p1);
            check(op, shape, {shape.k}, [&, a = p0, b = p1](const auto& in) {
                return oracle::act(function, in[0], a, b);
            });
        }
}

TEST_P(VectorOps, GluEqualsTheOracle) {
    for (const Activation function : kGlu)
        for (const Shape& shape : kShapes) {
            SCOPED_TRACE(::testing::Message() << "function " << static_cast<int>(function));
            const auto [p0, p1] = given(function);
            auto op = begin(isa::Opcode::Glu, shape.k);
            op.aux = static_cast<std::uint8_t>(function);
            op.imm = parameters(p0, p1);
            check(op, shape, {shape.k, shape.k}, [&, a = p0, b = p1](const auto& in) {
                return oracle::glu(in[0], in[1], function, a, b);
            });
        }
}

TEST_P(VectorOps, NanAndInfinityPropagateAsTheCanonicalNan) {
    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::bit_cast<float>(0xffc12345u);
    const Floats a = {nan, inf, 1.0f, -inf, 0.0f, nan, 88.5f, -88.5f, inf};
    const Floats b = {1.0f, -inf, nan, 1.0f, inf, nan, 1.0f, 1.0f, 0.0f};
    const auto length = static_cast<std::uint32_t>(a.size());
    const auto expect = [&](isa::MicroOp op, unsigned y_at, const Floats& wanted) {
        op.op[0] = at(rig->put(a));
        if (y_at > 1)
            op.op[1] = at(rig->put(b));
        const auto y = rig->alloc(a.size() * 4);
        op.op[y_at] = at(y);
        run(op, 1);
        EXPECT_TRUE(same_bits(rig->get<float>(y, a.size()), wanted)) << int{op.aux};
    };
    expect(begin(isa::Opcode::Add, length), 2, oracle::add(a, b));
    expect(begin(isa::Opcode::Mul, length), 2, oracle::multiply(a, b));
    for (const Activation function : kAct) {
        const auto [p0, p1] = given(function);
        auto op = begin(isa::Opcode::Act, length);
        op.aux = static_cast<std::uint8_t>(function);
        op.imm = parameters(p0, p1);
        expect(op, 1, oracle::act(function, a, p0, p1));
    }
    for (const Activation function : kGlu) {
        const auto [p0, p1] = given(function);
        auto op = begin(isa::Opcode::Glu, length);
        op.aux = static_cast<std::uint8_t>(function);
        op.imm = parameters(p0, p1);
        expect(op, 2, oracle::glu(a, b, function, p0, p1));
    }
}
SKALD_ON_EVERY_SETUP(VectorOps, false);

// What the table's rules say of these micro-ops.
class VectorEncoding : public ::testing::Test {
  protected:
    static isa::MicroOp of(isa::Opcode opcode, std::uint8_t aux, std::uint64_t imm) {
        auto op = make(opcode);
        op.rows = kT;
        op.dim[0] = 12;
        op.aux = aux;
        op.imm = imm;
        return op;
    }
    static bool good(const isa::MicroOp& op) {
        return card::check_encoding(op) == SKALD_FAULT_NONE;
    }
};

TEST_F(VectorEncoding, ParametersAreFiniteAndWithinTheirBounds) {
    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto act = [](Activation function, float p0, float p1) {
        return good(of(isa::Opcode::Act, static_cast<std::uint8_t>(function), parameters(p0, p1)));
    };
    const auto glu = [](float alpha, float limit) {
        return good(of(isa::Opcode::Glu, static_cast<std::uint8_t>(Activation::SwigluClamped),
                       parameters(alpha, limit)));
    };
    EXPECT_TRUE(act(Activation::SoftCap, 30.0f, 0.0f));
    for (const float cap : {0.0f, -1.0f, inf, nan})
        EXPECT_FALSE(act(Activation::SoftCap, cap, 0.0f)) << cap;
    EXPECT_TRUE(act(Activation::Clamp, -1.0f, 1.0f));
    EXPECT_TRUE(act(Activation::Clamp, 1.0f, 1.0f));
    EXPECT_FALSE(act(Activation::Clamp, 1.0f, -1.0f));
    EXPECT_FALSE(act(Activation::Clamp, -inf, 1.0f));
    EXPECT_FALSE(act(Activation::Clamp, -1.0f, nan));
    EXPECT_TRUE(act(Activation::Scale, -0.5f, 0.0f));
    EXPECT_FALSE(act(Activation::Scale, inf, 0.0f));
    EXPECT_FALSE(act(Activation::Scale, 1.0f, 1.0f)) << "has one parameter";
    EXPECT_FALSE(act(Activation::Silu, 1.0f, 0.0f)) << "has no parameter";
    EXPECT_TRUE(glu(1.702f, 7.0f));
    for (const float limit : {0.0f, -7.0f, inf, nan})
        EXPECT_FALSE(glu(1.702f, limit)) << limit;
    EXPECT_FALSE(glu(nan, 7.0f));
    EXPECT_FALSE(good(of(isa::Opcode::Act, static_cast<std::uint8_t>(Activation::SwigluClamped),
                         parameters(1.702f, 7.0f))))
        << "GLU's alone";
    for (const isa::Opcode opcode : {isa::Opcode::Add, isa::Opcode::Mul}) {
        auto op = of(opcode, 0, f32_imm(2.0f));
        EXPECT_FALSE(good(op)) << "a scale without the flag";
        op.flags = isa::kFlagScale;
        EXPECT_TRUE(good(op));
        op.imm = f32_imm(inf);
        EXPECT_FALSE(good(op));
    }
}

TEST_F(VectorEncoding, GroupsDivideTheRow) {
    for (const isa::Opcode opcode : {isa::Opcode::RmsNorm, isa::Opcode::LayerNorm}) {
        const auto norm = [&](std::uint8_t flags, std::uint32_t group) {
            auto op = of(opcode, 0, f32_imm(1e-5f));
            op.flags = flags;
            op.dim[1] = group;
            return good(op);
        };
        EXPECT_TRUE(norm(0, 0));
        EXPECT_TRUE(norm(0, 4));
        EXPECT_TRUE(norm(0, 12));
        EXPECT_FALSE(norm(0, 5));
        EXPECT_FALSE(norm(0, 24));
        EXPECT_TRUE(norm(isa::kFlagNoGain, 0));
        EXPECT_TRUE(norm(isa::kFlagGainRow, 4));
        EXPECT_FALSE(norm(isa::kFlagGainRow, 0)) << "the group is the row";
        EXPECT_FALSE(norm(isa::kFlagGainRow | isa::kFlagNoGain, 4));
        EXPECT_EQ(norm(isa::kFlagNormBias, 4), opcode == isa::Opcode::LayerNorm);
    }
}

// A container runs on the oldest card that can run it.
TEST_F(VectorEncoding, NeedsTheVersionOfWhatItUses) {
    const auto version = [](isa::Opcode opcode, auto&& change) {
        auto op = of(opcode, 0, 0);
        change(op);
        return isa::least_version(op);
    };
    const auto glu = static_cast<std::uint8_t>(Activation::Silu);
    EXPECT_EQ(version(isa::Opcode::Glu, [&](auto& op) { op.aux = glu; }), isa::k1_0);
    EXPECT_EQ(version(isa::Opcode::Glu, [&](auto& op) { op.aux = glu + 1; }), isa::k1_2);
    EXPECT_EQ(version(isa::Opcode::Add, [](auto&) {}), isa::k1_0);
    EXPECT_EQ(version(isa::Opcode::Add, [](auto& op) { op.flags = isa::kFlagScale; }), isa::k1_2);
    EXPECT_EQ(version(isa::Opcode::RmsNorm, [](auto&) {}), isa::k1_0);
    EXPECT_EQ(version(isa::Opcode::RmsNorm, [](auto& op) { op.dim[1] = 4; }), isa::k1_2);
    EXPECT_EQ(version(isa::Opcode::RmsNorm, [](auto& op) { op.flags = isa::kFlagNoGain; }),
              isa::k1_2);
    EXPECT_EQ(version(isa::Opcode::Act, [&](auto& op) { op.aux = glu; }), isa::k1_2);
}

}  // namespace
}  // namespace skald::test
