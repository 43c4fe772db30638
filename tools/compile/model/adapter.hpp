// SPDX-License-Identifier: MIT
// A LoRA adapter as a folder of PEFT has it: products of two narrow matrices that are added to
// weights, and weights that stand in the place of others.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "input/json.hpp"
#include "input/safetensors.hpp"
#include "model/expression.hpp"

namespace skald::compiler {

class Adapter {
  public:
    // Throws CompileError naming what of it is not supported.
    explicit Adapter(const std::filesystem::path& folder);

    // What becomes of the model's tensor `name` ("model.layers.0.self_attn.q_proj.weight"), which
    // is `e`.
    Expr apply(const std::string& name, const Expr& e);

    // Throws CompileError naming a tensor of the adapter that no weight asked for.
    void refuse_unused() const;

    // Throws CompileError if something in its files could not be read so far.
    void check() const { tensors_.check(); }
    void forget() const { tensors_.forget(); }

  private:
    double scale_of(const std::string& module, std::uint64_t rank) const;
    const Tensor* take(const std::string& name);

    std::string folder_;
    SafeTensors tensors_;
    Json json_;
    double alpha_ = 0;
    bool by_root_ = false;  // rsLoRA: alpha / sqrt(rank)
    bool turned_ = false;   // weights are stored [inputs, outputs]
    std::set<std::string> used_;
};

}  // namespace skald::compiler
