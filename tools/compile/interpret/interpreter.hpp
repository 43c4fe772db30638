// SPDX-License-Identifier: MIT
// What a graph computes, in f32, whole texts at a time: what a model means before anything of the
// card has a part in it. Calibration watches it, --check compares a compiled program with it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "interpret/rows.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

// A product that is about to be computed.
struct Product {
    ir::ConstantId matrix;
    std::uint32_t round;   // of the loop that it is in, else 0
    std::uint32_t expert;  // ir::kNone where there are none
    ir::ValueId input;     // products with one input have one of them (and one round and expert)
    const Rows& x;         // of an expert, those that chose it: one or more
};

// Any of them may be empty.
struct Observers {
    std::function<void(const Product&)> product;
    // What is carried on to the next layer; the embedding's before the first (layer ir::kNone).
    std::function<void(std::uint32_t layer, const Rows& x)> layer;
};

enum class Weights : std::uint8_t {
    kSource,  // as the source has them
    kStored,  // as the card computes with them: through the format of each matrix and back
};

struct Options {
    unsigned threads = 1;
    bool logits = true;  // else the last product is shown to the observer and not computed
    Weights weights = Weights::kSource;
    // What scales of stored weights are searched with: mean squares by key of an expression, as
    // Calibration has them; may be empty.
    std::function<std::span<const float>(const std::string& key)> energy = {};
};

class Interpreter {
  public:
    // The graph must outlive it and be one that verifies, after whatever passes.
    Interpreter(const ir::Graph& graph, Options options, Observers observers = {});

    // Reads one or more tokens: sequences one behind the other, all of `length` but the last, which
    // may be shorter; each begins at position 0. Returns the logits of all rows (of none, without).
    // The result does not depend on the number of threads.
    Rows read(std::span<const std::uint32_t> ids, std::size_t length) const;

  private:
    const ir::Graph& graph_;
    Options options_;
    Observers observers_;
};

}  // namespace skald::compiler::interpret
