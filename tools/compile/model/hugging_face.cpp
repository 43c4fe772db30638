// SPDX-License-Identifier: MIT
// Front end for Hugging Face folders: config.json, generation_config.json, safetensors,
// tokenizer.json.
#include <algorithm>

#include "error.hpp"
#include "input/json.hpp"
#include "input/mapped_file.hpp"
#include "input/safetensors.hpp"
#include "model/model.hpp"
#include "model/rope.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

struct JsonFile {
    std::string name;
    Json json;
    JsonObject object() const { return {name, "", json}; }
};

JsonFile read_json(const fs::path& path) {
    const MappedFile file(path);
    return {file.name(), parse_json_object(file.name(), file.bytes())};
}

std::uint32_t u32(const JsonObject& o, std::string_view key, std::uint64_t value) {
    if (value > 0xffffffffu)
        o.reject(key, "is too large");
    return static_cast<std::uint32_t>(value);
}

std::uint32_t u32(const JsonObject& o, std::string_view key) {
    return u32(o, key, o.uint(key));
}

std::uint32_t u32_or(const JsonObject& o, std::string_view key, std::uint32_t otherwise) {
    return u32(o, key, o.maybe_uint(key).value_or(otherwise));
}

std::vector<std::uint32_t> ids(const JsonObject& o, std::string_view key) {
    const Json* value = o.find(key);
    if (!value)
        return {};
    std::vector<std::uint32_t> out;
    const Json list = value->is_array() ? *value : Json::array({*value});
    for (const Json& id : list) {
        if (!id.is_number_unsigned())
            o.reject(key, "must be a token id or a list of them");
        out.push_back(u32(o, key, id.get<std::uint64_t>()));
    }
    return out;
}

void check_architecture(const JsonObject& config) {
    const std::string type = config.maybe_string("model_type").value_or("");
    std::string architecture;
    if (const Json* list = config.maybe_array("architectures");
        list && !list->empty() && (*list)[0].is_string())
        architecture = (*list)[0].get<std::string>();
    if (config.maybe_uint("num_local_experts").value_or(0) > 0 || type == "mixtral" ||
        architecture == "MixtralForCausalLM")
        fail("{}: mixture-of-experts models are not supported", config.file());
    const bool known_type = type == "llama" || type == "mistral";
    const bool known_architecture = architecture.empty() || architecture == "LlamaForCausalLM" ||
                                    architecture == "MistralForCausalLM";
    if (!known_type || !known_architecture)
        fail(
            "{}: architecture {} (model_type {}) is not supported; LlamaForCausalLM and "
            "MistralForCausalLM are",
            config.file(), architecture.empty() ? "unnamed" : architecture,
            type.empty() ? "unnamed" : type);
    if (config.has("quantization_config"))
        fail("{}: quantised checkpoints (quantization_config) are not supported", config.file());
    const std::string activation = config.maybe_string("hidden_act").value_or("silu");
    if (activation != "silu")
        fail("{}: activation {} is not supported, silu is", config.file(), activation);
    if (config.maybe_number("partial_rotary_factor").value_or(1.0) != 1.0)
        fail("{}: partial rotary embeddings (partial_rotary_factor) are not supported",
             config.file());
}

// rope_theta and rope_scaling; newer files hold both in rope_parameters.
std::vector<double> read_rope(const JsonObject& config, std::uint32_t head_dim) {
    const std::string key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    const auto scaling = config.maybe_object(key);
    double theta = config.maybe_number("rope_theta").value_or(10000.0);
    if (scaling)
        theta = scaling->maybe_number("rope_theta").value_or(theta);
    if (!(theta > 0))
        config.reject("rope_theta", "must be positive");
    std::vector<double> f = rope_frequencies(theta, head_dim);
    if (!scaling)
        return f;
    const auto positive = [&](std::string_view name) {
        const double value = scaling->number(name);
        if (!(value > 0))
            scaling->reject(name, "must be positive");
        return value;
    };
    auto type = scaling->maybe_string("rope_type");
    if (!type)
        type = scaling->maybe_string("type");
    const std::string name = type.value_or("default");
    if (name == "linear") {
        scale_linear(f, positive("factor"));
    } else if (name == "llama3") {
        const Llama3Scaling s{positive("factor"), positive("low_freq_factor"),
                              positive("high_freq_factor"),
                              positive("original_max_position_embeddings")};
        if (s.high_factor <= s.low_factor)
            scaling->reject("high_freq_factor", "must be above low_freq_factor");
        scale_llama3(f, s);
    } else if (name != "default") {
        fail("{}: rotary scaling of type {} is not supported; linear and llama3 are", config.file(),
             name);
    }
    return f;
}

void read_generation(const fs::path& folder, ModelConfig& c) {
    const fs::path path = folder / "generation_config.json";
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        return;
    const JsonFile file = read_json(path);
    const JsonObject g = file.object();
    if (g.has("eos_token_id"))
        c.eos_ids = ids(g, "eos_token_id");
    const auto real = [&](std::string_view key) -> std::optional<float> {
        const auto v = g.maybe_number(key);
        return v ? std::optional(static_cast<float>(*v)) : std::nullopt;
    };
    c.temperature = real("temperature");
    c.top_p = real("top_p");
    c.repeat_penalty = real("repetition_penalty");
    if (const auto k = g.maybe_uint("top_k"))
        c.top_k = u32(g, "top_k", *k);
}

}  // namespace

ModelConfig read_config(const fs::path& path, bool tied_unless_said) {
    const JsonFile file = read_json(path);
    const JsonObject j = file.object();
    check_architecture(j);
    ModelConfig c;
    c.source = path.string();
    c.architecture = j.string("model_type");
    c.name = path.stem().string();
    c.layers = u32(j, "num_hidden_layers");
    c.hidden = u32(j, "hidden_size");
    c.ffn = u32(j, "intermediate_size");
    c.heads = u32(j, "num_attention_heads");
    c.kv_heads = u32_or(j, "num_key_value_heads", c.heads);
    c.vocabulary = u32(j, "vocab_size");
    c.context = u32(j, "max_position_embeddings");
    c.sliding_window = u32_or(j, "sliding_window", 0);
    if (c.heads == 0)
        j.reject("num_attention_heads", "must not be 0");
    if (!j.has("head_dim") && c.hidden % c.heads != 0)
        j.reject("hidden_size",
                 "is not a multiple of num_attention_heads, and there is no head_dim");
    c.head_dim = u32_or(j, "head_dim", c.hidden / c.heads);
    c.norm_eps = static_cast<float>(j.number("rms_norm_eps"));
    c.attention_bias = j.maybe_bool("attention_bias").value_or(false);
    c.mlp_bias = j.maybe_bool("mlp_bias").value_or(false);
    c.tied_embeddings = j.maybe_bool("tie_word_embeddings").value_or(tied_unless_said);
    c.eos_ids = ids(j, "eos_token_id");
    if (const auto bos = j.maybe_uint("bos_token_id"))
        c.bos_id = u32(j, "bos_token_id", *bos);
    check(c);
    c.rope_frequencies = read_rope(j, c.head_dim);
    return c;
}

Model load_hugging_face(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::exists(folder / "config.json", ignored))
        fail("{}: is a folder without config.json", folder.string());
    auto tensors = std::make_shared<const SafeTensors>(SafeTensors::open_folder(folder));
    const bool has_head =
        tensors->find(source_name(SourceKind::kHuggingFace, Slot::kHead, 0)) != nullptr;
    ModelConfig config = read_config(folder / "config.json", !has_head);
    config.source = folder.string();
    config.name = fs::absolute(folder).lexically_normal().filename().string();
    if (config.name.empty())  // the path ends in a slash
        config.name = fs::absolute(folder).lexically_normal().parent_path().filename().string();
    read_generation(folder, config);
    check(config);
    Weights weights(
        SourceKind::kHuggingFace, config,
        [&](const std::string& name) { return tensors->find(name); }, tensors->names());
    rt::TokenizerSpec tokenizer = load_hf_tokenizer(folder / "tokenizer.json");
    // The union of all files that name ends of a turn; those of the configuration first.
    std::vector<std::uint32_t> ends = config.eos_ids;
    for (const std::uint32_t id : tokenizer.eos_ids)
        if (std::find(ends.begin(), ends.end(), id) == ends.end())
            ends.push_back(id);
    tokenizer.eos_ids = std::move(ends);
    return {std::move(config), SourceKind::kHuggingFace, std::move(weights), std::move(tokenizer),
            tensors};
}

}  // namespace skald::compiler
