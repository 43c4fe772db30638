// SPDX-License-Identifier: MIT
#include "backend/onnx_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "backend/output_file.hpp"
#include "error.hpp"
#include "onnx.pb.h"

namespace skald::compiler {
namespace {

constexpr std::int64_t kIrVersion = 8;
constexpr std::uint64_t kAlignment = 4096;  // of weights in their file, which readers map
constexpr std::size_t kAtOnce = 1u << 21;   // numbers that are read at once
constexpr int kExternal = 1;                // TensorProto.DataLocation
enum AttributeType : int { kInt = 2, kInts = 7 };

template <typename T>
std::string bytes_of(const std::vector<T>& numbers) {
    std::string bytes(numbers.size() * sizeof(T), '\0');
    if (!numbers.empty())
        std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return bytes;
}

void describe(onnx::ValueInfoProto& info, const std::string& name, OnnxFile::Type type,
              const std::vector<OnnxFile::Dimension>& shape) {
    info.set_name(name);
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(static_cast<int>(type));
    for (const OnnxFile::Dimension& d : shape) {
        auto& dim = *tensor.mutable_shape()->add_dim();
        if (const auto* size = std::get_if<std::int64_t>(&d))
            dim.set_dim_value(*size);
        else
            dim.set_dim_param(std::get<std::string>(d));
    }
}

}  // namespace

struct OnnxFile::Parts {
    onnx::ModelProto model;
    std::unique_ptr<OutputFile> beside;  // null: there is none
    std::string location;                // of the file beside it
    std::uint64_t end = 0;

    onnx::GraphProto& graph() { return *model.mutable_graph(); }
};

OnnxFile::OnnxFile(const std::filesystem::path& path, bool beside)
    : parts_(std::make_unique<Parts>()), path_(path) {
    parts_->model.set_ir_version(kIrVersion);
    parts_->model.set_producer_name("llm-compile");
    parts_->model.add_opset_import()->set_version(kOpset);
    parts_->graph().set_name("decoder");
    if (beside) {
        parts_->location = path.filename().string() + ".data";
        parts_->beside = std::make_unique<OutputFile>(path.parent_path() / parts_->location);
    }
}

OnnxFile::~OnnxFile() = default;

void OnnxFile::at(std::string path) {
    at_ = std::move(path);
}

std::vector<OnnxFile::Name> OnnxFile::node_of_many(std::string_view op,
                                                   const std::vector<Name>& inputs,
                                                   std::size_t outputs,
                                                   const Attributes& attributes) {
    onnx::NodeProto& node = *parts_->graph().add_node();
    const Name name = fmt::format("/{}/{}_{}", at_, op, names_++);
    node.set_name(name);
    node.set_op_type(std::string(op));
    for (const Name& in : inputs)
        node.add_input(in);
    std::vector<Name> results;
    for (std::size_t i = 0; i < outputs; ++i)
        node.add_output(results.emplace_back(fmt::format("{}_output_{}", name, i)));
    for (const auto& [key, value] : attributes) {
        auto& a = *node.add_attribute();
        a.set_name(std::string(key));
        if (const auto* i = std::get_if<std::int64_t>(&value)) {
            a.set_type(kInt);
            a.set_i(*i);
        } else {
            a.set_type(kInts);
            for (const std::int64_t x : std::get<Ints>(value))
                a.add_ints(x);
        }
    }
    return results;
}

OnnxFile::Name OnnxFile::node(std::string_view op, const std::vector<Name>& inputs,
                              const Attributes& attributes) {
    return node_of_many(op, inputs, 1, attributes).front();
}

onnx::TensorProto& OnnxFile::constant(const Name& name, Type type, const Ints& shape) {
    onnx::TensorProto& t = *parts_->graph().add_initializer();
    t.set_name(name);
    t.set_data_type(static_cast<int>(type));
    for (const std::int64_t d : shape)
        t.add_dims(d);
    return t;
}

OnnxFile::Name OnnxFile::matrix(const std::string& name, const Expr& e) {
    return weights(name, e,
                   {static_cast<std::int64_t>(e->rows()), static_cast<std::int64_t>(e->columns())});
}

OnnxFile::Name OnnxFile::weights(const std::string& name, const Expr& e, const Ints& shape) {
    std::string key = "weights";
    for (const std::int64_t d : shape)
        key += fmt::format(" {}", d);
    const auto [it, is_new] = known_.emplace(fmt::format("{} {}", key, e->key()), name);
    if (!is_new)
        return it->second;
    onnx::TensorProto& t = constant(name, Type::kFloat, shape);
    if (parts_->beside)
        put_beside(t, e);
    else
        t.set_raw_data(bytes_of(e->values()));
    return name;
}

void OnnxFile::put_beside(onnx::TensorProto& t, const Expr& e) {
    parts_->end = (parts_->end + kAlignment - 1) / kAlignment * kAlignment;
    const std::uint64_t offset = parts_->end;
    const std::uint64_t rows = std::max<std::uint64_t>(1, kAtOnce / e->columns());
    std::vector<float> numbers;
    for (std::uint64_t r = 0; r < e->rows(); r += rows) {
        numbers.resize(std::min(rows, e->rows() - r) * e->columns());
        e->read(r, numbers);
        const auto bytes = std::as_bytes(std::span(numbers));
        parts_->beside->put_at(parts_->end, bytes);
        parts_->end += bytes.size();
    }
    for (const auto& [key, value] :
         {std::pair<const char*, std::string>("location", parts_->location),
          {"offset", std::to_string(offset)},
          {"length", std::to_string(parts_->end - offset)}}) {
        auto& entry = *t.add_external_data();
        entry.set_key(key);
        entry.set_value(value);
    }
    t.set_data_location(kExternal);
}

OnnxFile::Name OnnxFile::small(Type type, const Ints& shape, std::string bytes) {
    std::string key = fmt::format("small {}", static_cast<int>(type));
    for (const std::int64_t d : shape)
        key += fmt::format(" {}", d);
    key += "\n" + bytes;
    const auto [it, is_new] = known_.emplace(std::move(key), fmt::format("constant_{}", names_));
    if (is_new) {
        ++names_;
        constant(it->second, type, shape).set_raw_data(std::move(bytes));
    }
    return it->second;
}

OnnxFile::Name OnnxFile::floats(const Ints& shape, const std::vector<float>& numbers) {
    return small(Type::kFloat, shape, bytes_of(numbers));
}

OnnxFile::Name OnnxFile::doubles(const Ints& shape, const std::vector<double>& numbers) {
    return small(Type::kDouble, shape, bytes_of(numbers));
}

OnnxFile::Name OnnxFile::ints(const Ints& numbers) {
    return small(Type::kInt64, {static_cast<std::int64_t>(numbers.size())}, bytes_of(numbers));
}

OnnxFile::Name OnnxFile::integer(std::int64_t x) {
    return small(Type::kInt64, {}, bytes_of(Ints{x}));
}

void OnnxFile::input(const Name& name, Type type, const std::vector<Dimension>& shape) {
    describe(*parts_->graph().add_input(), name, type, shape);
}

void OnnxFile::output(const Name& value, const Name& name, Type type,
                      const std::vector<Dimension>& shape) {
    onnx::NodeProto& node = *parts_->graph().add_node();
    node.set_name("/" + name);
    node.set_op_type("Identity");
    node.add_input(value);
    node.add_output(name);
    describe(*parts_->graph().add_output(), name, type, shape);
}

void OnnxFile::write() {
    const std::size_t size = parts_->model.ByteSizeLong();
    if (size > std::numeric_limits<int>::max())
        fail("{}: the graph has {} bytes, more than the 2 GiB of a protobuf", path_.string(), size);
    std::string bytes;
    if (!parts_->model.SerializeToString(&bytes))
        fail("{}: the graph cannot be written as a protobuf", path_.string());
    OutputFile file(path_);
    file.put_at(0, std::as_bytes(std::span(bytes)));
    if (parts_->beside)
        parts_->beside->commit();
    file.commit();
}

}  // namespace skald::compiler
