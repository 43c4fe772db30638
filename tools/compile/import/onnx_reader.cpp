// SPDX-License-Identifier: MIT
// ONNX files: the protobuf as it is, weights where they lie (in the file or beside it), functions
// of the model put in place.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "error.hpp"
#include "import/constants.hpp"
#include "import/import.hpp"
#include "import/operators.hpp"
#include "input/mapped_file.hpp"
#include "onnx.pb.h"

namespace skald::compiler::graphs {
namespace {

namespace fs = std::filesystem;
namespace pb = skald::onnx;

constexpr std::int64_t kLeastOpset = 11, kMostOpset = 23;
constexpr int kDeepest = 16;  // functions within functions
constexpr std::string_view kCacheBranch = "use_cache_branch";
constexpr int kUInt4 = 21, kInt4 = 22;

// What the graph's tensors point into.
struct Files final : InputFiles {
    pb::ModelProto model;
    std::map<std::string, MappedFile> external;
    std::deque<std::vector<std::byte>> converted;

    void check() const override {
        for (const auto& [name, file] : external)
            file.check();
    }
    void forget() const override {
        for (const auto& [name, file] : external)
            file.forget();
    }
};

DType dtype_of(int type, const std::string& where) {
    switch (type) {
        case 1:
            return DType::kF32;
        case 2:
            return DType::kU8;
        case 3:
            return DType::kI8;
        case 5:
            return DType::kI16;
        case 6:
            return DType::kI32;
        case 7:
            return DType::kI64;
        case 9:
            return DType::kBool;
        case 10:
            return DType::kF16;
        case 11:
            return DType::kF64;
        case 16:
            return DType::kBF16;
        default:
            fail("{}: a tensor of type number {} is not supported", where, type);
    }
}

Element element_of(int type, const std::string& where) {
    switch (dtype_of(type, where)) {
        case DType::kF32:
        case DType::kF16:
        case DType::kF64:
        case DType::kBF16:
            return Element::kFloat;
        case DType::kBool:
            return Element::kBool;
        default:
            return Element::kInt;
    }
}

template <typename T>
std::span<const std::byte> bytes_of(const google::protobuf::RepeatedField<T>& field) {
    return std::as_bytes(std::span(field.data(), static_cast<std::size_t>(field.size())));
}

class Reader {
  public:
    explicit Reader(const fs::path& path) : path_(path), files_(std::make_shared<Files>()) {
        g_.file = path.string();
        g_.files = files_;
        parse();
    }

    TensorGraph run() {
        const pb::ModelProto& model = files_->model;
        if (!model.has_graph())
            fail("{}: is no ONNX model: it has no graph", g_.file);
        for (const auto& set : model.opset_import())
            if (set.domain().empty() || set.domain() == "ai.onnx")
                g_.opset = set.version();
        if (g_.opset < kLeastOpset || g_.opset > kMostOpset)
            fail("{}: is of opset {}; {} to {} are supported", g_.file, g_.opset, kLeastOpset,
                 kMostOpset);
        g_.producer = model.producer_name() + " " + model.producer_version();
        for (const auto& f : model.functions())
            functions_.emplace(domain_of(f.domain()) + f.name(), &f);
        const pb::GraphProto& graph = model.graph();
        Scope scope;
        for (const auto& t : graph.initializer())
            add_initializer(t, make(scope, t.name()));
        for (const auto& input : graph.input())
            add_input(scope, input);
        // Nodes may stand in any order: names first.
        add_nodes(graph.node(), scope, "", 0);
        for (const auto& output : graph.output())
            g_.outputs.push_back(use(scope, output.name()));
        if (g_.outputs.empty())
            fail("{}: has no outputs", g_.file);
        return std::move(g_);
    }

  private:
    using Scope = std::map<std::string, Id>;
    using Attributes = std::map<std::string, const pb::AttributeProto*>;

    void parse() {
        const MappedFile file(path_);
        if (file.bytes().size() > std::numeric_limits<int>::max())
            fail("{}: is larger than the 2 GiB that a protobuf may have", g_.file);
        google::protobuf::io::ArrayInputStream bytes(file.bytes().data(),
                                                     static_cast<int>(file.bytes().size()));
        google::protobuf::io::CodedInputStream stream(&bytes);
        stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
        const bool parsed = files_->model.ParseFromCodedStream(&stream);
        file.check();
        if (!parsed || !stream.ConsumedEntireMessage())
            fail("{}: is no ONNX model, or damaged: its protobuf cannot be read", g_.file);
    }

    static std::string domain_of(const std::string& domain) {
        return domain.empty() || domain == "ai.onnx" ? "" : domain + ".";
    }

    Id use(Scope& scope, const std::string& name) {
        if (name.empty())
            return kAbsent;
        const auto [it, is_new] = scope.emplace(name, kAbsent);
        if (is_new)
            it->second = g_.add_value(name);
        return it->second;
    }

    Id make(Scope& scope, const std::string& name) {
        if (name.empty())
            fail("{}: an initializer has no name", g_.file);
        if (scope.contains(name))
            fail("{}: the name {} is used twice", g_.file, name);
        return use(scope, name);
    }

    void add_initializer(const pb::TensorProto& t, Id id) {
        g_.constants.emplace(id, constant(t, t.name()));
        types_.emplace(id, t.data_type());
    }

    void add_input(Scope& scope, const pb::ValueInfoProto& info) {
        // Before IR version 4 initializers were inputs as well.
        if (const auto it = scope.find(info.name());
            it != scope.end() && g_.constants.contains(it->second))
            return;
        if (info.name() == kCacheBranch) {
            use(scope, info.name());  // only a condition of an If, which is fixed
            return;
        }
        Input input;
        input.value = make(scope, info.name());
        const auto& type = info.type().tensor_type();
        input.element =
            element_of(type.elem_type(), fmt::format("{}: input {}", g_.file, info.name()));
        for (const auto& dim : type.shape().dim()) {
            if (dim.has_dim_value() && dim.dim_value() < 0)
                fail("{}: input {} has a dimension of {}", g_.file, info.name(), dim.dim_value());
            input.shape.push_back({dim.has_dim_value() ? dim.dim_value() : -1, dim.dim_param()});
        }
        g_.inputs.push_back(std::move(input));
    }

    Value constant(const pb::TensorProto& t, const std::string& name) {
        const std::string where = fmt::format("{}: tensor {}", g_.file, name);
        Tensor& tensor = g_.tensors.emplace_back();
        tensor.name = name;
        const bool of_four_bits = t.data_type() == kUInt4 || t.data_type() == kInt4;
        tensor.type = of_four_bits ? t.data_type() == kUInt4 ? DType::kU8 : DType::kI8
                                   : dtype_of(t.data_type(), where);
        for (const std::int64_t d : t.dims()) {
            if (d < 0)
                fail("{} has a dimension of {}", where, d);
            tensor.shape.push_back(static_cast<std::uint64_t>(d));
        }
        tensor.data = data_of(t, tensor.type, where);
        if (of_four_bits)
            tensor.data = taken_apart(tensor, where);
        try {
            return constant_of(tensor);
        } catch (const CompileError& e) {
            fail("{}: {}", g_.file, e.what());
        }
    }

    // Integers of 4 bits, two in a byte, with a byte each.
    std::span<const std::byte> taken_apart(const Tensor& t, const std::string& where) {
        const auto n = tensor_bytes(t.type, t.shape);
        if (!n || (*n + 1) / 2 != t.data.size())
            fail("{} has {} bytes, which a shape of {} of 4 bits does not", where, t.data.size(),
                 compiler::to_string(t.shape));
        auto& bytes = files_->converted.emplace_back();
        bytes.reserve(*n);
        for (std::uint64_t i = 0; i < *n; ++i) {
            const auto both = std::to_integer<unsigned>(t.data[i / 2]);
            const unsigned x = i % 2 == 0 ? both & 15u : both >> 4;
            bytes.push_back(static_cast<std::byte>(t.type == DType::kI8 && x >= 8 ? x | 0xf0u : x));
        }
        return bytes;
    }

    std::span<const std::byte> data_of(const pb::TensorProto& t, DType type,
                                       const std::string& where) {
        constexpr int kExternal = 1;
        if (t.data_location() == kExternal)
            return external(t, where);
        if (t.has_raw_data())
            return std::as_bytes(std::span(t.raw_data().data(), t.raw_data().size()));
        if (t.float_data_size() != 0 && type == DType::kF32)
            return bytes_of(t.float_data());
        if (t.double_data_size() != 0 && type == DType::kF64)
            return bytes_of(t.double_data());
        if (t.int64_data_size() != 0 && type == DType::kI64)
            return bytes_of(t.int64_data());
        if (t.int32_data_size() != 0 && type == DType::kI32)
            return bytes_of(t.int32_data());
        if (t.int32_data_size() != 0)
            return narrowed(t, info_of(type).block_bytes, where);
        return {};
    }

    // Types below 32 bits stand as 32-bit integers.
    std::span<const std::byte> narrowed(const pb::TensorProto& t, std::uint32_t size,
                                        const std::string& where) {
        if (size > 2)
            fail("{} has its numbers in the wrong field", where);
        auto& bytes = files_->converted.emplace_back();
        for (const std::int32_t x : t.int32_data())
            for (std::uint32_t b = 0; b < size; ++b)
                bytes.push_back(static_cast<std::byte>(static_cast<std::uint32_t>(x) >> (8 * b)));
        return bytes;
    }

    static std::uint64_t number(const std::string& text, const std::string& where) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            fail("{}: {} is no offset or length", where, text);
        return value;
    }

    std::span<const std::byte> external(const pb::TensorProto& t, const std::string& where) {
        std::string location;
        std::uint64_t offset = 0;
        std::optional<std::uint64_t> length;
        for (const auto& entry : t.external_data()) {
            if (entry.key() == "location")
                location = entry.value();
            else if (entry.key() == "offset")
                offset = number(entry.value(), where);
            else if (entry.key() == "length")
                length = number(entry.value(), where);
        }
        const fs::path relative(location);
        if (location.empty() || relative.is_absolute() ||
            std::ranges::any_of(relative, [](const fs::path& p) { return p == ".."; }))
            fail("{}: its data are in {}, which is no file beside the model", where,
                 location.empty() ? "no file" : location);
        auto it = files_->external.find(location);
        if (it == files_->external.end())
            it = files_->external.emplace(location, MappedFile(path_.parent_path() / relative))
                     .first;
        const auto bytes = it->second.bytes();
        if (offset > bytes.size() || length.value_or(0) > bytes.size() - offset)
            fail("{}: its data are bytes {} to {} of {}, which has {}", where, offset,
                 offset + length.value_or(0), location, bytes.size());
        return bytes.subspan(offset, length.value_or(bytes.size() - offset));
    }

    Attribute attribute(const pb::AttributeProto& a, const std::string& where) {
        enum : int { kFloat = 1, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings };
        switch (a.type()) {
            case kFloat:
                return double{a.f()};
            case kInt:
                return std::int64_t{a.i()};
            case kString:
                return std::string(a.s());
            case kTensor:
                return constant(a.t(), where);
            case kFloats:
                return std::vector<double>(a.floats().begin(), a.floats().end());
            case kInts:
                return std::vector<std::int64_t>(a.ints().begin(), a.ints().end());
            case kStrings:
                return std::vector<std::string>(a.strings().begin(), a.strings().end());
            default:
                fail("{}: its attribute {} is of a kind that is not supported ({})", where,
                     a.name(), a.type());
        }
    }

    template <typename Nodes>
    void add_nodes(const Nodes& nodes, Scope& scope, const std::string& path, int depth,
                   const Attributes& given = {}) {
        int number = 0;
        for (const pb::NodeProto& n : nodes)
            add_node(n, scope, path, depth, given, number++);
    }

    void add_node(const pb::NodeProto& n, Scope& scope, const std::string& path, int depth,
                  const Attributes& given, int number) {
        const std::string own =
            n.name().empty() ? fmt::format("{} {}", n.op_type(), number) : n.name();
        const std::string where = path.empty() ? own : path + "/" + own;
        const std::string name = domain_of(n.domain()) + n.op_type();
        Attributes attributes;
        for (const auto& a : n.attribute()) {
            const pb::AttributeProto* of = &a;
            if (!a.ref_attr_name().empty()) {
                const auto it = given.find(a.ref_attr_name());
                if (it == given.end())
                    continue;
                of = it->second;
            }
            attributes[a.name()] = of;
        }
        std::vector<Id> inputs, outputs;
        for (const auto& in : n.input())
            inputs.push_back(use(scope, in));
        for (const auto& out : n.output())
            outputs.push_back(use(scope, out));
        if (const auto f = functions_.find(name); f != functions_.end())
            return inline_function(*f->second, inputs, outputs, attributes, where, depth);
        if (name == "If")
            return inline_branch(inputs, outputs, attributes, scope, where, depth);
        const Operator* op = operator_named(name);
        if (op == nullptr)
            fail("{}: {}: the operator {} is not supported", g_.file, where, name);
        Node node{op, where, std::move(inputs), std::move(outputs), {}};
        while (!node.inputs.empty() && node.inputs.back() == kAbsent)
            node.inputs.pop_back();
        for (const auto& [key, a] : attributes)
            node.attributes.emplace(key, attribute(*a, where));
        if (name == "Constant" && attributes.contains("value") && !node.outputs.empty())
            types_.emplace(node.outputs[0], attributes.at("value")->t().data_type());
        if (op->name.ends_with("QuantizeLinear") && node.inputs.size() > 2)
            if (const auto type = types_.find(node.inputs[2]); type != types_.end())
                node.attributes.emplace("output_dtype", std::int64_t{type->second});
        g_.nodes.push_back(std::move(node));
    }

    void inline_function(const pb::FunctionProto& f, const std::vector<Id>& inputs,
                         const std::vector<Id>& outputs, const Attributes& attributes,
                         const std::string& where, int depth) {
        if (depth == kDeepest || g_.nodes.size() > kMostNodes)
            fail("{}: {}: functions call each other too deep, or too often", g_.file, where);
        Scope scope;
        for (int i = 0; i < f.input_size(); ++i)
            scope[f.input(i)] = static_cast<std::size_t>(i) < inputs.size()
                                    ? inputs[static_cast<std::size_t>(i)]
                                    : kAbsent;
        for (int i = 0; i < f.output_size(); ++i)
            if (static_cast<std::size_t>(i) < outputs.size() &&
                outputs[static_cast<std::size_t>(i)] != kAbsent)
                scope[f.output(i)] = outputs[static_cast<std::size_t>(i)];
        add_nodes(f.node(), scope, where, depth + 1, attributes);
    }

    // A condition that the file fixes; nothing for one that is computed.
    std::optional<bool> fixed(Id condition) const {
        const auto of = [](const Value& v) -> std::optional<bool> {
            if (v.size() != 1)
                return {};
            return v.integer() != 0;
        };
        if (const auto it = g_.constants.find(condition); it != g_.constants.end())
            return of(it->second);
        // Of optimum's two decoders in one that which reads a cache: without one it is the other.
        if (g_.names[condition] == kCacheBranch)
            return true;
        for (const Node& n : g_.nodes)
            if (n.op->name == "Constant" && !n.outputs.empty() && n.outputs[0] == condition)
                if (const auto it = n.attributes.find("value"); it != n.attributes.end())
                    if (const auto* v = std::get_if<Value>(&it->second))
                        return of(*v);
        return {};
    }

    // The branch that an If takes, put in place. It sees the names around it, they do not see its.
    void inline_branch(const std::vector<Id>& inputs, const std::vector<Id>& outputs,
                       const Attributes& attributes, const Scope& around, const std::string& where,
                       int depth) {
        if (depth == kDeepest || g_.nodes.size() > kMostNodes)
            fail("{}: {}: branches are in each other too deep, or too many", g_.file, where);
        const auto condition = inputs.size() == 1 ? fixed(inputs[0]) : std::nullopt;
        if (!condition)
            fail("{}: {}: the condition of an If is computed; only constants are supported",
                 g_.file, where);
        const char* name = *condition ? "then_branch" : "else_branch";
        const auto branch = attributes.find(name);
        if (branch == attributes.end() || !branch->second->has_g())
            fail("{}: {}: has no {}", g_.file, where, name);
        const pb::GraphProto& graph = branch->second->g();
        Scope scope = around;
        for (const auto& t : graph.initializer()) {
            scope.erase(t.name());
            add_initializer(t, make(scope, t.name()));
        }
        for (const pb::NodeProto& n : graph.node())
            for (const auto& out : n.output())
                scope.erase(out);
        add_nodes(graph.node(), scope, where, depth + 1);
        if (static_cast<std::size_t>(graph.output_size()) != outputs.size())
            fail("{}: {}: its {} has {} outputs, {} were expected", g_.file, where, name,
                 graph.output_size(), outputs.size());
        for (std::size_t i = 0; i < outputs.size(); ++i)
            if (outputs[i] != kAbsent)
                g_.nodes.push_back({operator_named("Identity"),
                                    where,
                                    {use(scope, graph.output(static_cast<int>(i)).name())},
                                    {outputs[i]},
                                    {}});
    }

    static constexpr std::size_t kMostNodes = 1u << 20;

    fs::path path_;
    std::shared_ptr<Files> files_;
    TensorGraph g_;
    std::map<std::string, const pb::FunctionProto*> functions_;
    // Of constants, as the file numbers them: integers of a graph know no widths, but what is
    // quantised has that of its zeros.
    std::map<Id, std::int32_t> types_;
};

}  // namespace

TensorGraph read_onnx(const fs::path& path) {
    return Reader(path).run();
}

}  // namespace skald::compiler::graphs
