// SPDX-License-Identifier: MIT
// The Llama forward pass in f32, layer by layer over all tokens of a text, so that each weight is
// read from the source once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "calibrate/rows.hpp"
#include "model/model.hpp"

namespace skald::compiler {

class FloatModel {
  public:
    // What goes into matrices: `slot` is the first of those that read it.
    using Observer = std::function<void(Slot slot, std::uint32_t layer, const Rows& x)>;

    FloatModel(const Model& model, unsigned threads, Observer observe);

    // Reads sequences one behind the other, all of `length` tokens but the last, which may be
    // shorter; each begins at position 0.
    void read(std::span<const std::uint32_t> ids, std::size_t length) const;

  private:
    struct Sequence {
        std::size_t begin, end;  // rows
    };

    void layer(std::uint32_t layer, Rows& x, std::span<const Sequence> sequences) const;
    Rows norm(Slot gain, std::uint32_t layer, const Rows& x) const;
    // x times a matrix, plus its bias if the model has one.
    Rows linear(Slot matrix, Slot bias, std::uint32_t layer, const Rows& x) const;
    void rotate(Rows& x, std::span<const Sequence> sequences) const;
    Rows attention(const Rows& q, const Rows& k, const Rows& v,
                   std::span<const Sequence> sequences) const;
    // Results of one head: [row of the sequence][head_dim].
    std::vector<float> attend(const Rows& q, const Rows& k, const Rows& v, Sequence sequence,
                              std::size_t head) const;

    const Model& model_;
    unsigned threads_;
    Observer observe_;
};

}  // namespace skald::compiler
