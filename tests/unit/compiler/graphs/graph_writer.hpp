// SPDX-License-Identifier: MIT
// Writes ONNX files, good ones and others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "onnx.pb.h"

namespace skald::test {

class GraphWriter {
  public:
    explicit GraphWriter(int opset);

    using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>;
    using Attributes = std::vector<std::pair<std::string, Attribute>>;

    int opset() const { return opset_; }

    // The name of its (first) output. A domain stands before the operator, with a dot.
    std::string node(const std::string& op, const std::vector<std::string>& inputs,
                     const Attributes& attributes = {}, int outputs = 1);
    // Of a node with several outputs, made by node().
    static std::string output(const std::string& first, int number);

    std::string floats(std::vector<std::int64_t> shape, std::span<const float> numbers,
                       const std::string& name = "");
    std::string number(float x);
    std::string ints(std::vector<std::int64_t> numbers);
    std::string integer(std::int64_t x);
    std::string bytes(std::vector<std::int64_t> shape, const std::vector<std::uint8_t>& numbers,
                      int type = 2);
    // Of 4 bits, two in a byte: 21 without sign, 22 with.
    std::string nibbles(std::vector<std::int64_t> shape, const std::vector<int>& numbers, int type);

    // Names stand for dimensions that are -1.
    void input(const std::string& name, int type, const std::vector<std::int64_t>& shape);
    void output_of(const std::string& value, const std::string& name);

    // Reductions, squeezes and unsqueezes have axes as attribute or input, by opset.
    std::string mean(const std::string& x, std::int64_t axis);
    std::string unsqueeze(const std::string& x, std::int64_t axis);

    onnx::ModelProto& model() { return model_; }
    onnx::GraphProto& graph() { return *model_.mutable_graph(); }

    // Of the file, with all that there is in it.
    std::string bytes() const { return model_.SerializeAsString(); }
    // Initialisers of more than `bytes` bytes lie in a file beside it.
    void write(const std::filesystem::path& path, std::size_t external_from = SIZE_MAX);

  private:
    onnx::TensorProto& tensor(std::vector<std::int64_t> shape, int type, const std::string& name);

    onnx::ModelProto model_;
    int opset_, names_ = 0;
};

}  // namespace skald::test
