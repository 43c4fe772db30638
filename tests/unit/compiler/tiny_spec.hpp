// SPDX-License-Identifier: MIT
// A fixture's weights as DecoderSpec without any file: what the front ends have to make of a Llama.
#pragma once

#include <deque>
#include <string>

#include "fixture.hpp"
#include "model/spec.hpp"

namespace skald::test {

class TinyDecoder {
  public:
    explicit TinyDecoder(const TinyShape& shape, unsigned seed = 1);

    TinyWeights weights;
    compiler::DecoderSpec spec;

  private:
    compiler::Expr tensor(const std::string& name);
    compiler::Linear linear(const std::string& name);
    compiler::Norm norm(const std::string& name);
    compiler::Layer layer(const std::string& prefix);

    TinyShape shape_;
    std::deque<compiler::Tensor> tensors_;
};

}  // namespace skald::test
