// SPDX-License-Identifier: MIT
// Front end for Hugging Face folders: config.json, generation_config.json, safetensors,
// tokenizer.json.
#include "error.hpp"
#include "input/checkpoint_folder.hpp"
#include "input/file_bytes.hpp"
#include "input/safetensors.hpp"
#include "model/adapter.hpp"
#include "model/config_file.hpp"
#include "model/generation.hpp"
#include "model/model.hpp"
#include "model/tokenizer_files.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

std::string name_of_folder(const fs::path& folder) {
    const fs::path whole = fs::absolute(folder).lexically_normal();
    const std::string name = whole.filename().string();  // empty: the path ends in a slash
    return name.empty() ? whole.parent_path().filename().string() : name;
}

// Configurations may name token ids inside or outside of what is about the language model.
void read_ids(const ConfigFile& file, ModelConfig& c) {
    for (const JsonObject& o : {file.config(), file.whole()}) {
        if (c.eos_ids.empty())
            c.eos_ids = token_ids(o, "eos_token_id");
        if (const auto bos = o.maybe_uint("bos_token_id"); bos && !c.bos_id) {
            if (*bos > 0xffffffffu)
                o.reject("bos_token_id", "is too large");
            c.bos_id = static_cast<std::uint32_t>(*bos);
        }
    }
}

struct Files : InputFiles {
    explicit Files(SafeTensors all) : tensors(std::move(all)) {}
    void check() const override {
        tensors.check();
        if (adapter != nullptr)
            adapter->check();
    }
    void forget() const override {
        tensors.forget();
        if (adapter != nullptr)
            adapter->forget();
    }

    SafeTensors tensors;
    std::unique_ptr<Adapter> adapter;  // null: there is none
};

Model load(const fs::path& folder, const char* stem, const JsonObject& config, const Family& family,
           const std::filesystem::path& lora) {
    if (!family.needs.empty())
        fail("{}: {} models are not supported: the card lacks {}", folder.string(), family.name,
             family.needs);
    auto files = std::make_shared<Files>(SafeTensors::open_folder(folder, stem));
    if (!lora.empty())
        files->adapter = std::make_unique<Adapter>(lora);
    Model m;
    m.files = files;
    m.config.source = folder.string();
    m.config.name = name_of_folder(folder);
    Source source(folder.string(), config,
                  {[&](const std::string& name) { return files->tensors.find(name); },
                   files->tensors.names()});
    Adapter* const adapter = files->adapter.get();
    if (adapter != nullptr)
        source.adapt(
            [adapter](const std::string& name, const Expr& e) { return adapter->apply(name, e); });
    m.spec = rt::checked(*files, [&] { return describe(family, source); });
    if (adapter != nullptr)
        adapter->refuse_unused();
    return m;
}

}  // namespace

Model load_hugging_face(const fs::path& folder, const fs::path& lora) {
    std::error_code ignored;
    // A family that is refused is refused by name, whatever else is missing.
    if (fs::exists(folder / "config.json", ignored))
        if (const ConfigFile file(folder / "config.json"); !file.family().needs.empty())
            return load(folder, "model", file.config(), file.family(), lora);
    if (model_in(folder) == Checkpoint::kMistral) {
        const FileBytes params(folder / "params.json");
        const Json json = parse_json_object(params.name(), params.bytes());
        const JsonObject config(params.name(), "", json);
        Model m = load(folder, "consolidated", config, family_of_name("mistral-native"), lora);
        m.config.architecture = "mistral";
        read_tokenizer(folder, m);
        return m;
    }
    const ConfigFile file(folder / "config.json");
    Model m = load(folder, "model", file.config(), file.family(), lora);
    m.config.architecture = file.model_type();
    read_ids(file, m.config);
    read_generation(folder, m.config);
    read_tokenizer(folder, m);
    return m;
}

}  // namespace skald::compiler
