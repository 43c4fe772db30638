// SPDX-License-Identifier: MIT
#include "raise/graph_model.hpp"

#include <algorithm>

#include "error.hpp"
#include "import/import.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "model/config_file.hpp"
#include "model/generation.hpp"
#include "raise/raise.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

void merge(std::vector<std::uint32_t>& ids, const std::vector<std::uint32_t>& more) {
    for (const std::uint32_t id : more)
        if (std::ranges::find(ids, id) == ids.end())
            ids.push_back(id);
}

// A graph says nothing of how long a sequence the model was trained for, nor which tokens end one.
// config.json beside the tokenizer may.
void read_config(const fs::path& folder, Model& m) {
    std::error_code ignored;
    const fs::path path = folder / "config.json";
    if (!fs::exists(path, ignored))
        return;
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject config(file.name(), "", json);
    std::vector<JsonObject> objects{config};
    if (const auto text = config.maybe_object("text_config"))
        objects.insert(objects.begin(), *text);
    for (const JsonObject& o : objects) {
        if (m.config.architecture.empty())
            m.config.architecture = o.maybe_string("model_type").value_or("");
        if (m.config.eos_ids.empty())
            m.config.eos_ids = token_ids(o, "eos_token_id");
        if (const auto bos = o.maybe_uint("bos_token_id"); bos && !m.config.bos_id) {
            if (*bos > 0xffffffffu)
                o.reject("bos_token_id", "is too large");
            m.config.bos_id = static_cast<std::uint32_t>(*bos);
        }
        for (const char* key : {"max_position_embeddings", "n_positions"})
            if (const auto n = o.maybe_uint(key); n && *n > 0 && *n < m.spec.longest)
                m.spec.context = m.spec.longest = static_cast<std::uint32_t>(*n);
    }
}

// What the model's weights point into.
struct Imported final : InputFiles {
    explicit Imported(graphs::TensorGraph g) : graph(std::move(g)) {}
    void check() const override {
        if (graph.files)
            graph.files->check();
    }

    graphs::TensorGraph graph;
};

}  // namespace

std::optional<fs::path> graph_at(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored))
        return graphs::is_graph_file(path) ? std::optional(path) : std::nullopt;
    // Written by ONNX Runtime GenAI's model builder.
    if (const fs::path config = path / "genai_config.json"; fs::exists(config, ignored)) {
        const FileBytes file(config);
        const Json json = parse_json_object(file.name(), file.bytes());
        const JsonObject decoder =
            JsonObject(file.name(), "", json).object("model").object("decoder");
        const fs::path name = decoder.string("filename");
        if (name.has_parent_path() || !graphs::is_graph_file(name))
            decoder.reject("filename", "is no ONNX file in this folder");
        return path / name;
    }
    const fs::path model = path / "model.onnx";
    const bool checkpoint = fs::exists(path / "model.safetensors", ignored) ||
                            fs::exists(path / "model.safetensors.index.json", ignored);
    return !checkpoint && fs::exists(model, ignored) ? std::optional(model) : std::nullopt;
}

Model load_graph(const fs::path& path, const GraphOptions& options) {
    const auto imported = std::make_shared<Imported>(graphs::import_graph(path));
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
    m.config.source = path.string();
    m.config.name = path.stem().string();
    check(m.spec, path.string());
    fs::path folder = options.tokenizer;
    if (folder.empty())
        folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    read_config(folder, m);
    read_generation(folder, m.config);
    if (m.config.architecture.empty())
        m.config.architecture = "graph";
    std::error_code ignored;
    if (!fs::exists(folder / "tokenizer.json", ignored))
        fail("{}: there is no tokenizer.json; --tokenizer DIR says where the model's tokenizer is",
             folder.string());
    check(m.config, m.spec.vocabulary);
    m.tokenizer = load_hf_tokenizer(folder / "tokenizer.json");
    std::vector<std::uint32_t> ends = m.config.eos_ids;
    merge(ends, m.tokenizer.eos_ids);
    m.tokenizer.eos_ids = std::move(ends);
    fit_tokenizer(m);
    return m;
}

std::vector<std::string> explain_graph(const fs::path& path) {
    const Imported imported(graphs::import_graph(path));
    return rt::checked(imported, [&] { return raising::raise(imported.graph).explained; });
}

}  // namespace skald::compiler
