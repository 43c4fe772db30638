// SPDX-License-Identifier: MIT
// An ONNX file that is being put together: nodes, and constants that lie in it or, if there is much
// of them, in a file beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/expression.hpp"

namespace skald::onnx {
class TensorProto;
}

namespace skald::compiler {

class OnnxFile {
  public:
    using Name = std::string;  // of a value
    using Ints = std::vector<std::int64_t>;
    using Attribute = std::variant<std::int64_t, Ints>;
    using Attributes = std::vector<std::pair<std::string_view, Attribute>>;

    enum class Type : std::uint8_t { kFloat = 1, kInt64 = 7, kBool = 9, kDouble = 11 };

    // A dimension has a size or a name.
    using Dimension = std::variant<std::int64_t, std::string>;

    static constexpr std::int64_t kOpset = 17;

    // `beside`: weights lie in FILE.data.
    OnnxFile(const std::filesystem::path& path, bool beside);
    ~OnnxFile();

    // What the names of nodes begin with from now on.
    void at(std::string path);

    Name node(std::string_view op, const std::vector<Name>& inputs,
              const Attributes& attributes = {});
    std::vector<Name> node_of_many(std::string_view op, const std::vector<Name>& inputs,
                                   std::size_t outputs, const Attributes& attributes = {});

    // Weights; what has the same key is one. The second makes a tensor of `shape` of the numbers.
    Name matrix(const std::string& name, const Expr& e);
    Name weights(const std::string& name, const Expr& e, const Ints& shape);

    Name floats(const Ints& shape, const std::vector<float>& numbers);
    Name doubles(const Ints& shape, const std::vector<double>& numbers);
    Name number(float x) { return floats({}, {x}); }
    Name ints(const Ints& numbers);
    Name integer(std::int64_t x);

    void input(const Name& name, Type type, const std::vector<Dimension>& shape);
    void output(const Name& value, const Name& name, Type type,
                const std::vector<Dimension>& shape);

    // The files have their names only now.
    void write();

  private:
    struct Parts;

    onnx::TensorProto& constant(const Name& name, Type type, const Ints& shape);
    // One of those that many nodes need.
    Name small(Type type, const Ints& shape, std::string bytes);
    void put_beside(onnx::TensorProto& tensor, const Expr& e);

    std::unique_ptr<Parts> parts_;
    std::filesystem::path path_;
    std::string at_;
    std::map<std::string, Name> known_;
    std::uint64_t names_ = 0;
};

}  // namespace skald::compiler
