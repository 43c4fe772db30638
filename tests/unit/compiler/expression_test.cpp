// SPDX-License-Identifier: MIT
// Expressions against the loops they stand for, read as a whole and in pieces; when two are the
// same, and which rows are still rows of a source.
#include "model/expression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <random>

#include "expect_error.hpp"
#include "fixture.hpp"

namespace skald::compiler {
namespace {

using Numbers = std::vector<std::vector<float>>;  // rows

class Expressions : public ::testing::Test {
  protected:
    struct Made {
        Numbers numbers;
        std::vector<float> data;
        Tensor tensor;
    };

    const Made& made(std::uint64_t n, std::uint64_t k, const std::string& name = "t") {
        std::mt19937 random(static_cast<unsigned>(17 * made_.size() + n + k));
        Made& m = made_.emplace_back();
        m.numbers.assign(n, std::vector<float>(k));
        for (auto& row : m.numbers)
            for (float& x : row)
                m.data.push_back(x = static_cast<float>(random() % 2001) / 1000 - 1);
        m.tensor.name = name;
        m.tensor.shape = {n, k};
        m.tensor.data = std::as_bytes(std::span(m.data));
        return m;
    }

    // Whatever the pieces.
    static void expect(const Expr& e, const Numbers& expected) {
        ASSERT_EQ(e->rows(), expected.size());
        ASSERT_EQ(e->columns(), expected.front().size());
        std::vector<float> flat;
        for (const auto& row : expected)
            flat.insert(flat.end(), row.begin(), row.end());
        EXPECT_EQ(e->values(), flat);
        for (std::uint64_t first = 0; first < e->rows(); ++first)
            for (std::uint64_t count = 1; count <= e->rows() - first; ++count) {
                std::vector<float> piece(count * e->columns());
                e->read(first, piece);
                ASSERT_TRUE(std::ranges::equal(
                    piece, std::span(flat).subspan(first * e->columns(), piece.size())))
                    << "rows " << first << ", " << count;
            }
    }

    static Numbers generated(std::uint64_t n, std::uint64_t k,
                             const std::function<float(std::size_t, std::size_t)>& f) {
        Numbers out(n, std::vector<float>(k));
        for (std::size_t r = 0; r < n; ++r)
            for (std::size_t c = 0; c < k; ++c)
                out[r][c] = f(r, c);
        return out;
    }

  private:
    std::deque<Made> made_;
};

TEST_F(Expressions, AreTensorsAsTheyLie) {
    const Made& m = made(5, 7);
    const Expr e = expr::tensor(m.tensor);
    expect(e, m.numbers);
    EXPECT_EQ(e->name(), "t");
    EXPECT_EQ(e->types(), "f32");
    for (std::uint64_t r = 0; r < 5; ++r) {
        EXPECT_EQ(e->source(r)->tensor, &m.tensor);
        EXPECT_EQ(e->source(r)->row, r);
    }
}

TEST_F(Expressions, TakeDimensionsBeforeTheLastForRows) {
    Made m = made(6, 4);
    m.tensor.shape = {2, 3, 4};
    m.tensor.data = std::as_bytes(std::span(m.data));
    expect(expr::tensor(m.tensor), m.numbers);
}

TEST_F(Expressions, TakeVectorsForColumns) {
    Made m = made(1, 6);
    m.tensor.shape = {6};
    m.tensor.data = std::as_bytes(std::span(m.data));
    const Expr e = expr::tensor(m.tensor);
    expect(e, generated(6, 1, [&](std::size_t r, std::size_t) { return m.data[r]; }));
    EXPECT_FALSE(e->source(0).has_value());
    expect(expr::rows(e, RowMap{3, 1, 2, {0}}),
           generated(3, 1, [&](std::size_t r, std::size_t) { return m.data[1 + 2 * r]; }));
}

TEST_F(Expressions, ChooseRows) {
    const Made& m = made(12, 3);
    const Expr e = expr::tensor(m.tensor);
    for (const RowMap& map :
         {RowMap{5, 4, 1, {0}}, RowMap{4, 1, 3, {0}}, RowMap{6, 2, 5, {0, 1, 2}},
          RowMap{12, 0, 4, {0, 2, 1, 3}}, RowMap{5, 0, 4, {3, 1}}, RowMap{12, 0, 1, {0}},
          RowMap{8, 2, 2, {0, 1}}}) {
        const Expr chosen = expr::rows(e, map);
        expect(chosen, generated(map.count, 3, [&](std::size_t r, std::size_t c) {
                   return m.numbers[map.at(r)][c];
               }));
        for (std::uint64_t r = 0; r < map.count; ++r)
            EXPECT_EQ(chosen->source(r)->row, map.at(r));
    }
    EXPECT_THROW(expr::rows(e, RowMap{13, 0, 1, {0}}), CompileError);
    EXPECT_THROW(expr::rows(e, RowMap{4, 0, 4, {0}}), CompileError);
    EXPECT_THROW(expr::rows(e, RowMap{0, 0, 1, {0}}), CompileError);
}

TEST_F(Expressions, ChooseRowsOfRows) {
    const Made& m = made(16, 3);
    const Expr e = expr::tensor(m.tensor);
    const RowMap outer{4, 1, 2, {0}}, inner{8, 3, 1, {0}}, mixed{8, 0, 4, {1, 0}};
    expect(expr::rows(expr::rows(e, inner), outer),
           generated(4, 3, [&](std::size_t r, std::size_t c) {
               return m.numbers[inner.at(outer.at(r))][c];
           }));
    const Expr twice = expr::rows(expr::rows(e, mixed), outer);
    expect(twice, generated(4, 3, [&](std::size_t r, std::size_t c) {
               return m.numbers[mixed.at(outer.at(r))][c];
           }));
    EXPECT_EQ(twice->source(2)->row, mixed.at(outer.at(2)));
}

TEST_F(Expressions, Transpose) {
    const Made& m = made(5, 8);
    const Expr e = expr::tensor(m.tensor), turned = expr::transpose(e);
    expect(turned, generated(8, 5, [&](std::size_t r, std::size_t c) { return m.numbers[c][r]; }));
    EXPECT_FALSE(turned->source(0).has_value());
    EXPECT_EQ(turned->name(), "t");
    EXPECT_EQ(expr::transpose(turned), e);
}

// Larger than what is held at a time.
TEST_F(Expressions, TransposeInPanels) {
    const Made& m = made(300, 1200);
    const Expr turned = expr::transpose(expr::tensor(m.tensor));
    std::vector<float> piece(3 * 300);
    turned->read(1111, piece);
    for (std::size_t i = 0; i < piece.size(); ++i)
        ASSERT_EQ(piece[i], m.numbers[i % 300][1111 + i / 300]);
}

TEST_F(Expressions, Stack) {
    const Made &a = made(3, 4, "a"), &b = made(1, 4, "b"), &c = made(2, 4, "c");
    const Expr e =
        expr::stack({expr::tensor(a.tensor), expr::tensor(b.tensor), expr::tensor(c.tensor)});
    Numbers all = a.numbers;
    all.insert(all.end(), b.numbers.begin(), b.numbers.end());
    all.insert(all.end(), c.numbers.begin(), c.numbers.end());
    expect(e, all);
    EXPECT_EQ(e->source(3)->tensor, &b.tensor);
    EXPECT_EQ(e->source(5)->tensor, &c.tensor);
    EXPECT_EQ(e->source(5)->row, 1u);
    std::vector<std::string> names;
    e->each_tensor([&](const Tensor& t) { names.push_back(t.name); });
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c"}));
    const Expr one = expr::tensor(a.tensor);
    EXPECT_EQ(expr::stack({one}), one);
    const Made& wide = made(2, 5, "wide");
    test::expect_error([&] { expr::stack({one, expr::tensor(wide.tensor)}); },
                       {"wide of 5 columns", "a of 4"});
}

TEST_F(Expressions, SayTheTypesOfAllTheirTensors) {
    const Made& a = made(2, 32);
    const auto q8 = test::encode(a.data, test::Encoding::kQ8_0);
    const Tensor quantised{"q", DType::kQ8_0, {2, 32}, q8};
    const Expr e = expr::stack({expr::tensor(quantised), expr::tensor(a.tensor)});
    EXPECT_EQ(e->types(), "q8_0|f32");
    EXPECT_EQ(e->source(1)->tensor->type, DType::kQ8_0);
}

TEST_F(Expressions, Reshape) {
    const Made& m = made(6, 4);
    for (const std::uint64_t k : {1u, 2u, 3u, 4u, 6u, 8u, 12u, 24u})
        expect(
            expr::reshape(expr::tensor(m.tensor), k),
            generated(24 / k, k, [&](std::size_t r, std::size_t c) { return m.data[r * k + c]; }));
    const Expr e = expr::tensor(m.tensor);
    EXPECT_EQ(expr::reshape(e, 4), e);
}

TEST_F(Expressions, AddAndMultiply) {
    const Made &m = made(4, 5), &other = made(4, 5, "other");
    const Expr e = expr::tensor(m.tensor), o = expr::tensor(other.tensor);
    expect(expr::plus(e, 1.25f),
           generated(4, 5, [&](std::size_t r, std::size_t c) { return m.numbers[r][c] + 1.25f; }));
    expect(expr::times(e, 0.7f),
           generated(4, 5, [&](std::size_t r, std::size_t c) { return m.numbers[r][c] * 0.7f; }));
    expect(expr::sum(e, o), generated(4, 5, [&](std::size_t r, std::size_t c) {
               return m.numbers[r][c] + other.numbers[r][c];
           }));
    EXPECT_EQ(expr::plus(e, 0), e);
    EXPECT_EQ(expr::times(e, 1), e);
    // Not what stands in the file any more.
    EXPECT_FALSE(expr::plus(e, 1)->source(0).has_value());
    EXPECT_FALSE(expr::times(e, 2)->source(0).has_value());
    EXPECT_FALSE(expr::sum(e, o)->source(0).has_value());
}

// To the last bit of f32, as sums are made in double.
TEST_F(Expressions, MultiplyWhatAnAdapterHas) {
    const Made &b = made(6, 3, "b"), &a = made(3, 5, "a");
    const Expr e = expr::product(expr::tensor(b.tensor), expr::tensor(a.tensor), 0.5f);
    expect(e, generated(6, 5, [&](std::size_t r, std::size_t c) {
               double sum = 0;
               for (std::size_t i = 0; i < 3; ++i)
                   sum += double{b.numbers[r][i]} * double{a.numbers[i][c]};
               return static_cast<float>(sum * 0.5);
           }));
}

TEST_F(Expressions, HaveNumbersOfTheirOwn) {
    expect(expr::filled(3, 2, 0.5f), Numbers(3, {0.5f, 0.5f}));
    expect(expr::list({1, 2, 3}), Numbers{{1}, {2}, {3}});
    EXPECT_EQ(expr::list({1})->name(), "computed");
    EXPECT_EQ(expr::list({1})->types(), "");
}

TEST_F(Expressions, Decode) {
    const Made &m = made(4, 3, "bytes"), &scales = made(4, 1, "scales");
    const Expr e = expr::decoded(
        "times scale", {&m.tensor, &scales.tensor}, 4, 3,
        [](std::span<const Tensor* const> from, std::uint64_t first, std::span<float> out) {
            for (std::size_t at = 0; at < out.size(); at += 3, ++first) {
                float scale = 0;
                row_to_f32(*from[1], first, {&scale, 1});
                row_to_f32(*from[0], first, out.subspan(at, 3));
                for (float& x : out.subspan(at, 3))
                    x *= scale;
            }
        });
    expect(e, generated(4, 3, [&](std::size_t r, std::size_t c) {
               return m.numbers[r][c] * scales.numbers[r][0];
           }));
    EXPECT_EQ(e->name(), "bytes");
    EXPECT_FALSE(e->source(0).has_value());
}

TEST_F(Expressions, OfExpressionsReadInPiecesAsWell) {
    const Made &m = made(8, 6), &b = made(6, 2, "b"), &a = made(2, 8, "a");
    const Expr turned = expr::transpose(expr::tensor(m.tensor));
    const Expr adapted =
        expr::sum(turned, expr::product(expr::tensor(b.tensor), expr::tensor(a.tensor), 2));
    const Expr e =
        expr::plus(expr::rows(expr::stack({adapted, turned}), RowMap{6, 1, 4, {0, 2}}), 1);
    const std::vector<float> low =
        expr::product(expr::tensor(b.tensor), expr::tensor(a.tensor), 2)->values();
    expect(e, generated(6, 8, [&](std::size_t r, std::size_t c) {
               const std::size_t row = 1 + r / 2 * 4 + (r % 2) * 2;
               float x = m.numbers[c][row % 6];
               if (row < 6)
                   x += low[row * 8 + c];
               return x + 1;
           }));
}

TEST_F(Expressions, HaveEqualKeysIfTheyAreTheSame) {
    const Made &m = made(8, 8, "same"), &n = made(8, 8, "same");  // of another file
    std::vector<std::function<Expr()>> different{
        [&] { return expr::tensor(m.tensor); },
        [&] { return expr::tensor(n.tensor); },
        [&] { return expr::rows(expr::tensor(m.tensor), 0, 4); },
        [&] { return expr::rows(expr::tensor(m.tensor), 1, 4); },
        [&] { return expr::rows(expr::tensor(m.tensor), RowMap{4, 0, 2, {0}}); },
        [&] { return expr::rows(expr::tensor(m.tensor), RowMap{4, 0, 4, {0, 2}}); },
        [&] { return expr::transpose(expr::tensor(m.tensor)); },
        [&] { return expr::stack({expr::tensor(m.tensor), expr::tensor(n.tensor)}); },
        [&] { return expr::stack({expr::tensor(n.tensor), expr::tensor(m.tensor)}); },
        [&] { return expr::reshape(expr::tensor(m.tensor), 4); },
        [&] { return expr::reshape(expr::tensor(m.tensor), 16); },
        [&] { return expr::plus(expr::tensor(m.tensor), 1); },
        [&] { return expr::plus(expr::tensor(m.tensor), std::nextafter(1.0f, 2.0f)); },
        [&] { return expr::times(expr::tensor(m.tensor), 2); },
        [&] { return expr::sum(expr::tensor(m.tensor), expr::tensor(n.tensor)); },
        [&] { return expr::product(expr::tensor(m.tensor), expr::tensor(n.tensor), 1); },
        [&] { return expr::product(expr::tensor(m.tensor), expr::tensor(n.tensor), 2); },
        [&] { return expr::filled(8, 8, 1); },
        [&] { return expr::filled(8, 8, 2); },
        [&] { return expr::filled(4, 16, 1); },
        [&] { return expr::list({1, 2}); },
        [&] { return expr::list({2, 1}); },
        [&] { return expr::decoded("one", {&m.tensor}, 8, 8, {}); },
        [&] { return expr::decoded("two", {&m.tensor}, 8, 8, {}); },
        [&] { return expr::decoded("one", {&n.tensor}, 8, 8, {}); },
    };
    for (std::size_t i = 0; i < different.size(); ++i)
        for (std::size_t j = 0; j < different.size(); ++j)
            EXPECT_EQ(different[i]()->key() == different[j]()->key(), i == j) << i << ", " << j;
}

// Said otherwise, they are the same rows.
TEST_F(Expressions, HaveOneFormForRowsThatAreNeighbours) {
    const Made& m = made(8, 4);
    const Expr e = expr::tensor(m.tensor);
    EXPECT_EQ(expr::rows(e, 0, 8), e);
    EXPECT_EQ(expr::rows(e, RowMap{8, 0, 4, {0, 1, 2, 3}}), e);
    EXPECT_EQ(expr::rows(expr::rows(e, 2, 6), 1, 3)->key(), expr::rows(e, 3, 3)->key());
    EXPECT_EQ(expr::rows(e, RowMap{3, 0, 1, {3}})->key(), expr::rows(e, 3, 3)->key());
}

}  // namespace
}  // namespace skald::compiler
