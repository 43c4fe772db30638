// SPDX-License-Identifier: MIT
// Rows of floats padded with zeros to whole lanes, their products with rows of weights, and some
// columns of them as values of a graph.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skald::compiler::interpret {

inline constexpr std::size_t kRowLanes = 8;

class Rows {
  public:
    Rows(std::size_t count, std::size_t width)
        : count_(count),
          width_(width),
          pitch_((width + kRowLanes - 1) / kRowLanes * kRowLanes),
          data_(count * pitch_) {}

    std::size_t count() const { return count_; }
    std::size_t width() const { return width_; }
    std::span<float> operator[](std::size_t row) { return {data_.data() + row * pitch_, width_}; }
    std::span<const float> operator[](std::size_t row) const {
        return {data_.data() + row * pitch_, width_};
    }
    // With the zeros behind it.
    std::span<const float> padded(std::size_t row) const {
        return {data_.data() + row * pitch_, pitch_};
    }

  private:
    std::size_t count_, width_, pitch_;
    std::vector<float> data_;
};

// Columns of rows that belong to somebody else.
class Columns {
  public:
    Columns(Rows& rows, std::size_t column, std::size_t width)
        : rows_(&rows), column_(column), width_(width) {}

    std::size_t count() const { return rows_->count(); }
    std::size_t width() const { return width_; }
    bool whole() const { return width_ == rows_->width(); }
    Rows& rows() const { return *rows_; }
    std::span<float> operator[](std::size_t row) const {
        return (*rows_)[row].subspan(column_, width_);
    }

  private:
    Rows* rows_;
    std::size_t column_, width_;
};

// Of rows of one length.
float dot(std::span<const float> a, std::span<const float> b);

// out[n * x.count() + t] = sum over k of w[n,k] * x[t,k], in an order that is the same everywhere.
// The rows have the same width.
void products(const Rows& x, const Rows& w, std::span<float> out);

}  // namespace skald::compiler::interpret
