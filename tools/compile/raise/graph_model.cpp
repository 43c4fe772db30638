// SPDX-License-Identifier: MIT
#include "raise/graph_model.hpp"

#include <algorithm>
#include <deque>

#include "error.hpp"
#include "import/import.hpp"
#include "import/join.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "model/config_file.hpp"
#include "model/generation.hpp"
#include "model/tokenizer_files.hpp"
#include "raise/raise.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGenai = "genai_config.json";  // of ONNX Runtime GenAI's model builder

void take_ids(const JsonObject& o, Model& m) {
    if (m.config.eos_ids.empty())
        m.config.eos_ids = token_ids(o, "eos_token_id");
    if (const auto bos = o.maybe_uint("bos_token_id"); bos && !m.config.bos_id) {
        if (*bos > 0xffffffffu)
            o.reject("bos_token_id", "is too large");
        m.config.bos_id = static_cast<std::uint32_t>(*bos);
    }
}

void take_context(const JsonObject& o, std::string_view key, Model& m) {
    if (const auto n = o.maybe_uint(key); n && *n > 0 && *n < m.spec.longest)
        m.spec.context = m.spec.longest = static_cast<std::uint32_t>(*n);
}

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

// A graph says nothing of how long a sequence the model was trained for, nor which tokens end one.
// config.json beside the tokenizer may, or genai_config.json.
void read_config(const fs::path& folder, Model& m) {
    const bool genai = !is_there(folder / "config.json");
    const fs::path path = folder / (genai ? kGenai : "config.json");
    if (!is_there(path))
        return;
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject config(file.name(), "", json);
    if (genai) {
        const JsonObject model = config.object("model");
        m.config.architecture = model.maybe_string("type").value_or("");
        take_ids(model, m);
        return take_context(model, "context_length", m);
    }
    std::vector<JsonObject> objects{config};
    if (const auto text = config.maybe_object("text_config"))
        objects.insert(objects.begin(), *text);
    for (const JsonObject& o : objects) {
        if (m.config.architecture.empty())
            m.config.architecture = o.maybe_string("model_type").value_or("");
        take_ids(o, m);
        for (const char* key : {"max_position_embeddings", "n_positions"})
            take_context(o, key, m);
    }
}

// What the model's weights point into.
struct Imported final : InputFiles {
    explicit Imported(graphs::TensorGraph g) : graph(std::move(g)) {}
    void check() const override {
        if (graph.files)
            graph.files->check();
    }
    void forget() const override {
        if (graph.files)
            graph.files->forget();
    }

    graphs::TensorGraph graph;
};

graphs::TensorGraph import_all(const GraphFiles& files) {
    std::deque<graphs::TensorGraph> parts;
    for (const fs::path& file : files)
        parts.push_back(graphs::import_graph(file));
    return graphs::joined(std::move(parts));
}

// One file, or a pipeline: parts by name, or a list of such.
GraphFiles genai_files(const fs::path& folder) {
    const FileBytes file(folder / kGenai);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject decoder = JsonObject(file.name(), "", json).object("model").object("decoder");
    GraphFiles files;
    const auto add = [&](const JsonObject& part) {
        const fs::path name = part.string("filename");
        if (name.has_parent_path() || !graphs::is_graph_file(name))
            part.reject("filename", "is no ONNX file in this folder");
        files.push_back(folder / name);
    };
    const auto add_all = [&](const JsonObject& group) {
        for (const std::string& part : group.keys())
            add(group.object(part));
    };
    if (const Json* pipeline = decoder.find("pipeline"); pipeline && pipeline->is_object())
        add_all(decoder.object("pipeline"));
    else
        for (const JsonObject& group : decoder.objects("pipeline"))
            add_all(group);
    if (files.empty())
        add(decoder);
    // Messages begin with the first; which one that is does not matter otherwise.
    std::ranges::sort(files);
    return files;
}

}  // namespace

std::optional<GraphFiles> graph_at(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored))
        return graphs::is_graph_file(path) ? std::optional(GraphFiles{path}) : std::nullopt;
    if (is_there(path / kGenai))
        return genai_files(path);
    const fs::path model = path / "model.onnx";
    const bool checkpoint =
        is_there(path / "model.safetensors") || is_there(path / "model.safetensors.index.json");
    return !checkpoint && is_there(model) ? std::optional(GraphFiles{model}) : std::nullopt;
}

fs::path folder_of(const GraphFiles& files) {
    const fs::path& first = files.front();
    return first.has_parent_path() ? first.parent_path() : fs::path(".");
}

Model load_graph(const GraphFiles& files, const GraphOptions& options) {
    const auto imported = std::make_shared<Imported>(import_all(files));
    const graphs::TensorGraph& graph = imported->graph;
    if (options.imported)
        options.imported(graphs::to_string(graph));
    raising::Raised raised = rt::checked(*imported, [&] { return raising::raise(graph); });
    if (options.raised) {
        std::string text;
        for (const std::string& line : raised.explained)
            text += line + "\n";
        options.raised(text);
    }
    Model m;
    m.files = imported;
    m.spec = std::move(raised.spec);
    m.config.source = graph.file;
    m.config.name = files.front().stem().string();
    check(m.spec, graph.file);
    const fs::path folder = options.tokenizer.empty() ? folder_of(files) : options.tokenizer;
    read_config(folder, m);
    read_generation(folder, m.config);
    if (m.config.architecture.empty())
        m.config.architecture = "graph";
    if (!has_tokenizer(folder))
        fail(
            "{}: there is no tokenizer.json, tekken.json or tokenizer.model; --tokenizer DIR says "
            "where the "
            "model's tokenizer is",
            folder.string());
    read_tokenizer(folder, m);
    fit_tokenizer(m);
    return m;
}

std::vector<std::string> explain_graph(const GraphFiles& files) {
    const Imported imported(import_all(files));
    return rt::checked(imported, [&] { return raising::raise(imported.graph).explained; });
}

}  // namespace skald::compiler
