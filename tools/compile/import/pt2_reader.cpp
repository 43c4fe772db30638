// SPDX-License-Identifier: MIT
// .pt2 files of torch.export: a zip with the graph as JSON and weights as they are.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "error.hpp"
#include "import/aten/batched.hpp"
#include "import/aten/complex.hpp"
#include "import/aten/indexing.hpp"
#include "import/aten/node.hpp"
#include "import/constants.hpp"
#include "import/import.hpp"
#include "import/layout.hpp"
#include "import/state_dict.hpp"
#include "import/zip_archive.hpp"

namespace skald::compiler::graphs {
namespace {

namespace fs = std::filesystem;

// Since PyTorch 2.8, in a folder of the zip with weights as they are; before, at its root and with
// weights as torch.save writes them.
constexpr std::string_view kModel = "models/model.json";
constexpr const char* kOldModel = "serialized_exported_program.json";
constexpr int kDeepest = 16;  // graphs within graphs

class Reader {
  public:
    explicit Reader(const fs::path& path) : zip_(std::make_shared<ZipArchive>(path)) {
        g_.file = path.string();
        g_.files = zip_;
    }

    TensorGraph run() {
        const ZipEntries& zip = zip_->entries();
        const bool old = zip.find(kOldModel) != nullptr;
        folder_ = old ? "" : zip.folder_of(kModel);
        const std::string name = old ? kOldModel : folder_ + std::string(kModel);
        const Json json = parse_json_object(where(name), zip.get(name));
        const JsonObject model(where(name), "", json);
        constexpr std::uint64_t kLeastSchema = 7, kMostSchema = 8;
        if (const auto version = model.object("schema_version").uint("major");
            version < kLeastSchema || version > kMostSchema)
            fail("{}: is of schema {}, {} and {} are supported", g_.file, version, kLeastSchema,
                 kMostSchema);
        g_.producer = "torch " + model.maybe_string("torch_version").value_or("");
        g_.opset = 17;
        const JsonObject module = model.object("graph_module");
        const JsonObject graph = module.object("graph");
        if (old) {
            read_pickled("serialized_state_dict.pt");
            read_pickled("serialized_constants.pt");
        } else {
            read_weights("data/weights/model_weights_config.json");
            read_weights("data/constants/model_constants_config.json");
        }
        const JsonObject signature = module.object("signature");
        for (const JsonObject& spec : signature.objects("input_specs"))
            add_input(spec, graph);
        add_nodes(graph);
        for (const JsonObject& spec : signature.objects("output_specs"))
            add_output(spec);
        if (g_.outputs.empty())
            fail("{}: has no outputs", g_.file);
        return std::move(g_);
    }

  private:
    std::string where(const std::string& entry) const { return g_.file + ": " + entry; }

    // Names of weights and buffers, and where each lies.
    void read_weights(std::string_view config) {
        const std::string name = folder_ + std::string(config);
        const auto* bytes = zip_->entries().find(name);
        if (bytes == nullptr)
            return;
        const Json json = parse_json_object(where(name), *bytes);
        const JsonObject file(where(name), "", json);
        const JsonObject all = file.object("config");
        const std::string folder = name.substr(0, name.rfind('/') + 1);
        for (const std::string& weight : all.keys())
            weights_.emplace(weight, read_weight(weight, all.object(weight), folder));
    }

    Value read_weight(const std::string& name, const JsonObject& entry, const std::string& folder) {
        const std::string place = fmt::format("{}: tensor {}", g_.file, name);
        if (entry.maybe_bool("use_pickle").value_or(false))
            fail("{}: is pickled, which is not read", place);
        const JsonObject meta = entry.object("tensor_meta");
        StoredTensor t;
        t.type = torch_type(static_cast<std::int64_t>(meta.uint("dtype")), place);
        t.shape = numbers(meta, "sizes", place);
        t.strides = numbers(meta, "strides", place);
        t.offset = meta.has("storage_offset") ? number(*meta.find("storage_offset"), place) : 0;
        t.complex = is_complex_type(static_cast<std::int64_t>(meta.uint("dtype")));
        t.data = zip_->entries().get(folder + entry.string("path_name"));
        return stored(name, t, place);
    }

    // What torch.save wrote.
    void read_pickled(const std::string& entry) {
        const auto* bytes = zip_->entries().find(entry);
        if (bytes == nullptr)
            return;
        for (const auto& [name, t] : read_state_dict(where(entry), *bytes))
            weights_.emplace(name, stored(name, t, fmt::format("{}: tensor {}", g_.file, name)));
    }

    // Of complex numbers one more dimension, of two.
    static StoredTensor in_pairs(StoredTensor t, const std::string& place) {
        constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
        if (t.offset >= kMost)
            fail("{}: starts at element {}", place, t.offset);
        for (std::uint64_t& stride : t.strides) {
            if (stride >= kMost)
                fail("{}: has a stride of {}", place, stride);
            stride *= 2;
        }
        t.offset *= 2;
        t.shape.push_back(2);
        t.strides.push_back(1);
        t.complex = false;
        return t;
    }

    Value stored(const std::string& name, const StoredTensor& from, const std::string& place) {
        if (from.complex) {
            complex_weights_.insert(name);
            return stored(name, in_pairs(from, place), place);
        }
        Tensor& t = g_.tensors.emplace_back();
        t.name = name;
        t.type = from.type;
        t.shape = from.shape;
        const bool swapped = is_transposed(t.shape, from.strides);
        if (swapped)
            std::swap(t.shape[0], t.shape[1]);
        else if (!is_contiguous(t.shape, from.strides))
            fail("{}: its elements are neither in order nor transposed", place);
        const auto bytes = tensor_bytes(t.type, t.shape);
        const std::uint64_t size = info_of(t.type).block_bytes;
        if (!bytes || from.offset > from.data.size() / size ||
            *bytes > from.data.size() - from.offset * size)
            fail("{}: has {} bytes from element {} on, fewer than {} needs", place,
                 from.data.size(), from.offset, compiler::to_string(t.shape));
        t.data = from.data.subspan(from.offset * size, *bytes);
        Value v = constant_of(t);
        if (!swapped)
            return v;
        constexpr std::array<std::int64_t, 2> kSwapped{1, 0};
        return transposed(v, kSwapped);
    }

    static std::uint64_t number(const Json& v, const std::string& place) {
        if (v.is_object() && v.contains("as_int") && v["as_int"].is_number_unsigned())
            return v["as_int"].get<std::uint64_t>();
        if (v.is_number_unsigned())
            return v.get<std::uint64_t>();
        fail("{}: a size is no number", place);
    }

    static std::vector<std::uint64_t> numbers(const JsonObject& o, std::string_view key,
                                              const std::string& place) {
        std::vector<std::uint64_t> out;
        for (const Json& v : o.array(key))
            out.push_back(number(v, place));
        return out;
    }

    static bool is_contiguous(const std::vector<std::uint64_t>& shape,
                              const std::vector<std::uint64_t>& strides) {
        if (strides.size() != shape.size())
            return false;
        std::uint64_t step = 1;
        for (std::size_t d = shape.size(); d-- > 0;) {
            if (shape[d] != 1 && strides[d] != step)
                return false;
            step *= std::max<std::uint64_t>(shape[d], 1);
        }
        return true;
    }

    static bool is_transposed(const std::vector<std::uint64_t>& shape,
                              const std::vector<std::uint64_t>& strides) {
        return shape.size() == 2 && strides.size() == 2 && shape[0] > 1 && shape[1] > 1 &&
               strides[0] == 1 && strides[1] == shape[0];
    }

    Id define(const std::string& name) {
        const Id id = g_.add_value(name);
        if (!names_.emplace(name, id).second)
            fail("{}: the name {} is used twice", g_.file, name);
        return id;
    }

    Id find(const std::string& name) const {
        const auto it = names_.find(name);
        if (it == names_.end())
            fail("{}: {} is used before it is made", g_.file, name);
        return it->second;
    }

    void add_input(const JsonObject& spec, const JsonObject& graph) {
        for (const auto& [kind, key] : {std::pair("parameter", "parameter_name"),
                                        {"buffer", "buffer_name"},
                                        {"tensor_constant", "tensor_constant_name"}})
            if (const auto o = spec.maybe_object(kind)) {
                const std::string name = o->object("arg").string("name");
                const std::string weight = o->string(key);
                const auto it = weights_.find(weight);
                if (it == weights_.end())
                    fail("{}: the {} {} has no data", g_.file, kind, weight);
                const Id id =
                    complex_weights_.contains(weight) ? g_.add_value(weight) : define(name);
                g_.names[id] = weight;
                g_.constants.emplace(id, it->second);
                if (complex_weights_.contains(weight))
                    define_complex(name, id);
                return;
            }
        const auto user = spec.maybe_object("user_input");
        if (!user)
            fail("{}: an input is neither a tensor of the model nor of its user", g_.file);
        const JsonObject arg = user->object("arg");
        const auto tensor = arg.maybe_object("as_tensor");
        if (!tensor) {
            if (arg.has("as_none") || arg.has("as_bool") || arg.has("as_int"))
                return;  // fixed when it was exported
            fail("{}: an input is no tensor", g_.file);
        }
        Input input;
        const std::string name = tensor->string("name");
        input.value = define(name);
        const JsonObject meta = graph.object("tensor_values").object(name);
        const DType type = torch_type(static_cast<std::int64_t>(meta.uint("dtype")),
                                      fmt::format("{}: input {}", g_.file, name));
        input.element = info_of(type).weights  ? Element::kFloat
                        : type == DType::kBool ? Element::kBool
                                               : Element::kInt;
        for (const JsonObject& size : meta.objects("sizes"))
            input.shape.push_back(
                size.has("as_int") ? Dimension{static_cast<std::int64_t>(size.uint("as_int")), ""}
                                   : Dimension{-1, size.object("as_expr").string("expr_str")});
        g_.inputs.push_back(std::move(input));
    }

    // From pairs of numbers, as they lie in the file.
    void define_complex(const std::string& name, Id pairs) {
        const Json nothing = Json::object();
        AtenNode n(g_, JsonObject(g_.file, name, nothing), name, {});
        const auto part = [&](std::int64_t i) {
            return n.make("Gather", {pairs, n.constant(i)}, {{"axis", std::int64_t{-1}}});
        };
        const Id real = part(0);
        if (!names_.emplace(name, real).second)
            fail("{}: the name {} is used twice", g_.file, name);
        complex_.add(real, part(1));
    }

    // The last module that it is in, and its name.
    static std::string path_of(const JsonObject& node, const std::string& target) {
        std::string path;
        if (const auto metadata = node.maybe_object("metadata"))
            if (const auto stack = metadata->maybe_string("nn_module_stack")) {
                const std::string last = stack->substr(stack->rfind(';') + 1);
                const auto begin = last.find(','), end = last.rfind(',');
                if (begin != std::string::npos && end > begin)
                    path = last.substr(begin + 1, end - begin - 1);
            }
        const auto name = node.maybe_string("name");
        return fmt::format("{}{}{}", path, path.empty() ? "" : "/", name ? *name : target);
    }

    void add_nodes(const JsonObject& graph) {
        if (const auto tensors = graph.maybe_object("tensor_values"))
            for (const std::string& name : tensors->keys())
                ranks_.insert_or_assign(name, tensors->object(name).array("sizes").size());
        for (const JsonObject& node : graph.objects("nodes"))
            add_node(node);
    }

    void add_node(const JsonObject& node) {
        const std::string target = node.string("target");
        if (is_assertion(target))
            return;
        const std::string path = path_of(node, target);
        if (target.starts_with("torch.ops.higher_order.wrap_with_"))
            return add_wrapped(node, path);
        AtenNode n(g_, node, path, [&](const std::string& name) { return find(name); });
        if (Batched::is_bookkeeping(target))
            batched_.keep_books(n, target, rank_of_first(node));
        else
            lower(n, node, target, path);
        std::vector<std::string> names;
        for (const JsonObject& output : node.objects("outputs"))
            output_names(output, names);
        if (names.size() > n.results.size())
            fail("{}: {}: has {} outputs, {} were expected", g_.file, path, names.size(),
                 n.results.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i].empty())
                continue;
            if (!names_.emplace(names[i], n.results[i]).second)
                fail("{}: the name {} is used twice", g_.file, names[i]);
            g_.names[n.results[i]] = names[i];
        }
        if (names.size() == 1 && is_view(target))
            views_.insert_or_assign(names.front(), View{node, path});
        replace_in_place(node, target, n);
    }

    void lower(AtenNode& n, const JsonObject& node, const std::string& target,
               const std::string& path) {
        const auto* lowering = lowering_of(target);
        if (lowering == nullptr && !ComplexNumbers::knows(target))
            fail("{}: {}: the operator {} is not supported{}", g_.file, path, target,
                 target.starts_with("torch._functorch.")
                     ? "; save what run_decompositions() of the exported program gives"
                     : "");
        if (complex_.concern(n, target)) {
            AtenNode other(g_, node, path,
                           [&](const std::string& name) { return complex_.other(find(name)); });
            return complex_.lower(n, other, target);
        }
        if (!batched_.concern(n))
            return (*lowering)(n);
        AtenNode aligned(g_, node, path,
                         [&](const std::string& name) { return batched_.aligned(find(name), n); });
        (*lowering)(aligned);
        n.results = aligned.results;
        batched_.note(n, target, takes_numbers(node));
    }

    // As the file says of tensors.
    std::size_t rank_of(const std::string& tensor) const {
        const auto it = ranks_.find(tensor);
        return it == ranks_.end() ? 0 : it->second;
    }
    template <typename F>
    static void each_tensor(const JsonObject& node, const F& f) {
        for (const JsonObject& input : node.objects("inputs"))
            if (const auto arg = input.maybe_object("arg"))
                if (const auto tensor = arg->maybe_object("as_tensor"))
                    f(tensor->string("name"));
    }
    std::size_t rank_of_first(const JsonObject& node) const { return rank_of(first_tensor(node)); }
    bool takes_numbers(const JsonObject& node) const {
        bool all = true;
        each_tensor(node, [&](const std::string& name) { all = all && rank_of(name) == 0; });
        return all;
    }

    // A graph that computes under some setting, as without gradients: it is put in place. It sees
    // its own names only.
    void add_wrapped(const JsonObject& node, const std::string& path) {
        if (depth_ == kDeepest)
            fail("{}: {}: graphs are in each other too deep", g_.file, path);
        std::optional<JsonObject> graph;
        std::vector<Id> given;
        for (const JsonObject& input : node.objects("inputs")) {
            const JsonObject argument = input.object("arg");
            if (const auto own = argument.maybe_object("as_graph"))
                graph.emplace(own->object("graph"));
            else if (graph)
                given.push_back(find(name_of(argument, path)));
        }
        if (!graph)
            fail("{}: {}: has no graph", g_.file, path);
        std::map<std::string, Id> inside;
        std::map<std::string, View> views;
        views.swap(views_);
        const auto inputs = graph->objects("inputs");
        if (inputs.size() != given.size())
            fail("{}: {}: its graph takes {} values, {} are given", g_.file, path, inputs.size(),
                 given.size());
        for (std::size_t i = 0; i < given.size(); ++i)
            inside[name_of(inputs[i], path)] = given[i];
        inside.swap(names_);
        ++depth_;
        add_nodes(*graph);
        std::vector<Id> results;
        for (const JsonObject& output : graph->objects("outputs"))
            results.push_back(find(name_of(output, path)));
        --depth_;
        inside.swap(names_);
        views.swap(views_);
        std::vector<std::string> names;
        for (const JsonObject& output : node.objects("outputs"))
            output_names(output, names);
        if (names.size() > results.size())
            fail("{}: {}: has {} outputs, {} were expected", g_.file, path, names.size(),
                 results.size());
        for (std::size_t i = 0; i < names.size(); ++i)
            if (!names[i].empty() && !names_.emplace(names[i], results[i]).second)
                fail("{}: the name {} is used twice", g_.file, names[i]);
    }

    // Of a tensor, or a number that depends on lengths.
    std::string name_of(const JsonObject& argument, const std::string& path) const {
        if (const auto tensor = argument.maybe_object("as_tensor"))
            return tensor->string("name");
        for (const char* kind : {"as_sym_int", "as_sym_float", "as_sym_bool"})
            if (const auto symbol = argument.maybe_object(kind))
                return symbol->string("as_name");
        fail("{}: {}: takes what is neither a tensor nor a number", g_.file, path);
    }

    static void output_names(const JsonObject& output, std::vector<std::string>& names) {
        if (const auto tensor = output.maybe_object("as_tensor"))
            names.push_back(tensor->string("name"));
        for (const JsonObject& tensor : output.objects("as_tensors"))
            names.push_back(tensor.string("name"));
        for (const char* kind : {"as_sym_int", "as_sym_float", "as_sym_bool"})
            if (const auto symbol = output.maybe_object(kind))
                names.push_back(symbol->maybe_string("as_name").value_or(""));
    }

    // Empty: it takes none.
    static std::string first_tensor(const JsonObject& node) {
        std::string first;
        each_tensor(node, [&](const std::string& name) { first = first.empty() ? name : first; });
        return first;
    }

    // What an operator in place changed has the new value from here on.
    void replace_in_place(const JsonObject& node, const std::string& target, const AtenNode& n) {
        const auto dot = target.rfind('.');
        if (dot == std::string::npos || dot == 0 || target[dot - 1] != '_' ||
            (dot > 1 && target[dot - 2] == '_') || n.results.empty())
            return;
        std::string name = first_tensor(node);
        Id changed = n.results.front();
        // And what it is a part of, and so on.
        for (int depth = 0; !name.empty(); ++depth) {
            names_[name] = changed;
            const auto view = views_.find(name);
            if (view == views_.end() || depth == kDeepest)
                return;
            AtenNode part(g_, view->second.node, view->second.path,
                          [&](const std::string& of) { return find(of); });
            changed = put_back(part, view->second.node.string("target"), changed);
            name = first_tensor(view->second.node);
        }
    }

    void add_output(const JsonObject& spec) {
        // What is kept for the next call, as a cache of a fixed size is: all tokens are in the
        // first.
        if (spec.has("buffer_mutation") || spec.has("user_input_mutation"))
            return;
        const auto user = spec.maybe_object("user_output");
        if (!user)
            fail("{}: an output changes a parameter of the model, which is not supported", g_.file);
        if (const auto tensor = user->object("arg").maybe_object("as_tensor")) {
            const Id id = find(tensor->string("name"));
            if (batched_.is_unclear(id))
                fail(
                    "{}: {} comes of a function under torch.vmap that is not understood; save what "
                    "run_decompositions() of the exported program gives",
                    g_.file, g_.names[id]);
            g_.outputs.push_back(id);
        }
    }

    std::shared_ptr<ZipArchive> zip_;
    TensorGraph g_;
    std::string folder_;
    std::map<std::string, Value> weights_;
    std::set<std::string> complex_weights_;
    std::map<std::string, Id> names_;
    // Parts of others, by name.
    struct View {
        JsonObject node;
        std::string path;
    };
    std::map<std::string, View> views_;
    ComplexNumbers complex_;
    Batched batched_;
    std::map<std::string, std::size_t> ranks_;
    int depth_ = 0;
};

}  // namespace

TensorGraph read_pt2(const fs::path& path) {
    return Reader(path).run();
}

}  // namespace skald::compiler::graphs
