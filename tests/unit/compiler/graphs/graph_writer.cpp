// SPDX-License-Identifier: MIT
#include "graph_writer.hpp"

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace skald::test {

GraphWriter::GraphWriter(int opset) : opset_(opset) {
    model_.set_ir_version(8);
    model_.set_producer_name("test");
    model_.mutable_graph()->set_name("test");
    auto* set = model_.add_opset_import();
    set->set_version(opset);
    auto* microsoft = model_.add_opset_import();
    microsoft->set_domain("com.microsoft");
    microsoft->set_version(1);
}

std::string GraphWriter::output(const std::string& first, int number) {
    return number == 0 ? first : first + "_" + std::to_string(number);
}

std::string GraphWriter::node(const std::string& op, const std::vector<std::string>& inputs,
                              const Attributes& attributes, int outputs) {
    auto& n = *graph().add_node();
    const auto dot = op.rfind('.');
    n.set_op_type(dot == std::string::npos ? op : op.substr(dot + 1));
    if (dot != std::string::npos)
        n.set_domain(op.substr(0, dot));
    const std::string name = n.op_type() + "_" + std::to_string(++names_);
    n.set_name("/" + name);
    for (const std::string& in : inputs)
        n.add_input(in);
    for (int i = 0; i < outputs; ++i)
        n.add_output(output(name, i));
    for (const auto& [key, value] : attributes) {
        auto& a = *n.add_attribute();
        a.set_name(key);
        if (const auto* i = std::get_if<std::int64_t>(&value)) {
            a.set_type(2);
            a.set_i(*i);
        } else if (const auto* f = std::get_if<float>(&value)) {
            a.set_type(1);
            a.set_f(*f);
        } else if (const auto* s = std::get_if<std::string>(&value)) {
            a.set_type(3);
            a.set_s(*s);
        } else {
            a.set_type(7);
            for (const std::int64_t x : std::get<std::vector<std::int64_t>>(value))
                a.add_ints(x);
        }
    }
    return name;
}

onnx::TensorProto& GraphWriter::tensor(std::vector<std::int64_t> shape, int type,
                                       const std::string& name) {
    auto& t = *graph().add_initializer();
    t.set_name(name.empty() ? "constant_" + std::to_string(++names_) : name);
    t.set_data_type(type);
    for (const std::int64_t d : shape)
        t.add_dims(d);
    return t;
}

std::string GraphWriter::floats(std::vector<std::int64_t> shape, std::span<const float> numbers,
                                const std::string& name) {
    auto& t = tensor(std::move(shape), 1, name);
    t.set_raw_data(numbers.data(), numbers.size_bytes());
    return t.name();
}

std::string GraphWriter::number(float x) {
    return floats({}, std::span(&x, 1));
}

std::string GraphWriter::ints(std::vector<std::int64_t> numbers) {
    auto& t = tensor({static_cast<std::int64_t>(numbers.size())}, 7, "");
    t.set_raw_data(numbers.data(), numbers.size() * sizeof(std::int64_t));
    return t.name();
}

std::string GraphWriter::integer(std::int64_t x) {
    auto& t = tensor({}, 7, "");
    t.add_int64_data(x);
    return t.name();
}

std::string GraphWriter::bytes(std::vector<std::int64_t> shape,
                               const std::vector<std::uint8_t>& numbers, int type) {
    auto& t = tensor(std::move(shape), type, "");
    t.set_raw_data(numbers.data(), numbers.size());
    return t.name();
}

std::string GraphWriter::nibbles(std::vector<std::int64_t> shape, const std::vector<int>& numbers,
                                 int type) {
    std::vector<std::uint8_t> both((numbers.size() + 1) / 2);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        both[i / 2] = static_cast<std::uint8_t>(both[i / 2] | (numbers[i] & 15) << (i % 2 * 4));
    return bytes(std::move(shape), both, type);
}

void GraphWriter::input(const std::string& name, int type, const std::vector<std::int64_t>& shape) {
    auto& i = *graph().add_input();
    i.set_name(name);
    auto& tensor = *i.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const std::int64_t d : shape) {
        auto& dim = *tensor.mutable_shape()->add_dim();
        if (d < 0)
            dim.set_dim_param("any");
        else
            dim.set_dim_value(d);
    }
}

void GraphWriter::output_of(const std::string& value, const std::string& name) {
    auto& n = *graph().add_node();
    n.set_op_type("Identity");
    n.set_name("/" + name);
    n.add_input(value);
    n.add_output(name);
    graph().add_output()->set_name(name);
}

std::string GraphWriter::mean(const std::string& x, std::int64_t axis) {
    if (opset_ < 18)
        return node("ReduceMean", {x},
                    {{"axes", std::vector<std::int64_t>{axis}}, {"keepdims", std::int64_t{1}}});
    return node("ReduceMean", {x, ints({axis})}, {{"keepdims", std::int64_t{1}}});
}

std::string GraphWriter::unsqueeze(const std::string& x, std::int64_t axis) {
    if (opset_ < 13)
        return node("Unsqueeze", {x}, {{"axes", std::vector<std::int64_t>{axis}}});
    return node("Unsqueeze", {x, ints({axis})});
}

void GraphWriter::write(const std::filesystem::path& path, std::size_t external_from) {
    onnx::ModelProto out = model_;
    std::ofstream beside;
    std::size_t offset = 0;
    for (auto& t : *out.mutable_graph()->mutable_initializer()) {
        if (t.raw_data().size() < external_from)
            continue;
        const std::string location = path.filename().string() + ".data";
        if (!beside.is_open())
            beside.open(path.parent_path() / location, std::ios::binary);
        beside.write(t.raw_data().data(), static_cast<std::streamsize>(t.raw_data().size()));
        for (const auto& [key, value] : {std::pair<std::string, std::string>("location", location),
                                         {"offset", std::to_string(offset)},
                                         {"length", std::to_string(t.raw_data().size())}}) {
            auto& entry = *t.add_external_data();
            entry.set_key(key);
            entry.set_value(value);
        }
        t.set_data_location(1);
        offset += t.raw_data().size();
        t.clear_raw_data();
    }
    std::ofstream file(path, std::ios::binary);
    if (!out.SerializeToOstream(&file))
        throw std::runtime_error("cannot write " + path.string());
}

}  // namespace skald::test
