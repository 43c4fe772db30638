// SPDX-License-Identifier: MIT
#include "model/source.hpp"

#include <algorithm>
#include <array>

#include "error.hpp"
#include "model/names.hpp"

namespace skald::compiler {
namespace {

// Keys of config.json that say nothing about what a model computes.
constexpr std::string_view kHarmless[] = {
    "_name_or_path",
    "architectures",
    "auto_map",
    "model_type",
    "transformers_version",
    "torch_dtype",
    "dtype",
    "use_cache",
    "initializer_range",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "unk_token_id",
    "sep_token_id",
    "decoder_start_token_id",
    "attention_dropout",
    "hidden_dropout",
    "resid_pdrop",
    "embd_pdrop",
    "attn_pdrop",
    "residual_dropout",
    "embedding_dropout",
    "classifier_dropout",
    "dropout",
    "pretraining_tp",
    "output_router_logits",
    "router_aux_loss_coef",
    "router_z_loss_coef",
    "router_jitter_noise",
    "aux_loss_alpha",
    "seq_aux",
    "gradient_checkpointing",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "torchscript",
    "is_decoder",
    "is_encoder_decoder",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "attn_implementation",
    "use_flash_attn",
    "_flash_attn_2_enabled",
    "problem_type",
    "id2label",
    "label2id",
    "task_specific_params",
    "tokenizer_class",
    "unsloth_version",
    "unsloth_fixed",
    "mup_base_width",
    "ep_size",
    "num_nextn_predict_layers",
    "prefix",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "cache_implementation",
    "chunk_size_feed_forward",
    "min_length",
    "max_length",
    "temperature",
    "top_k",
    "top_p",
    "do_sample",
};

// Language models inside of something larger: what stands before their tensors, and what is left
// out with the rest of it.
constexpr std::string_view kPrefixes[] = {"", "language_model.", "model.language_model."};
constexpr std::string_view kOtherParts[] = {"vision_tower.",
                                            "multi_modal_projector.",
                                            "model.vision_tower.",
                                            "model.multi_modal_projector.",
                                            "vision_model.",
                                            "model.visual.",
                                            "visual."};
// Rotary frequencies, which come from the configuration; masks that a program has no need of.
constexpr std::string_view kOtherEnds[] = {
    "rotary_emb.inv_freq",    ".attn_rot_embd.weight",
    ".attention.bias",        ".attn.bias",
    ".attention.masked_bias", ".attn.masked_bias",
    ".rotary_emb.cos_cached", ".rotary_emb.sin_cached",
};

std::string filled_in(std::string_view pattern, std::uint32_t layer, std::uint32_t expert) {
    std::string name(pattern);
    if (const std::size_t at = name.find("{e}"); at != name.npos)
        name.replace(at, 3, std::to_string(expert));
    if (const std::size_t at = name.find("{}"); at != name.npos)
        name.replace(at, 2, std::to_string(layer));
    return name;
}

bool says_nothing(const Json& value) {
    return value.is_null() || value == Json(false) || (value.is_structured() && value.empty()) ||
           (value.is_string() && value.get_ref<const std::string&>().empty());
}

}  // namespace

Source::Source(std::string file, const JsonObject& config, Tensors tensors)
    : file_(std::move(file)),
      config_(&config),
      tensors_(std::move(tensors)),
      all_(tensors_.names.begin(), tensors_.names.end()),
      packing_(config) {
    for (const std::string_view prefix : kPrefixes) {
        prefix_ = prefix;
        if (all_.contains(with_prefix("model.embed_tokens.weight")))
            return;
    }
    prefix_.clear();
}

Source::Source(const Gguf& gguf, std::string architecture)
    : file_(gguf.file()),
      gguf_(&gguf),
      architecture_(std::move(architecture)),
      tensors_{[&gguf](const std::string& name) { return gguf.find(name); }, gguf.tensor_names()},
      all_(tensors_.names.begin(), tensors_.names.end()) {}

Source::Source(std::string file, const JsonObject& config, Make make)
    : file_(std::move(file)),
      config_(&config),
      tensors_{[](const std::string&) { return nullptr; }, {}},
      make_(std::move(make)) {}

void Source::use(std::span<const TensorName> names, std::span<const Alias> aliases, Pairs pairs) {
    names_ = names;
    aliases_ = aliases;
    pairs_ = pairs;
    // Some folders leave out the name of the model that holds all others.
    constexpr std::string_view kOuter = "transformer.";
    const std::string embedding = name_of("embedding") + ".weight";
    strip_ = !gguf_ && embedding.starts_with(kOuter) && !tensors_.find(embedding) &&
             tensors_.find(embedding.substr(kOuter.size()));
}

std::string Source::key_of(Key key) const {
    if (gguf_)
        return key.gguf.empty() ? "" : fmt::format("{}.{}", architecture_, key.gguf);
    for (const Alias& alias : aliases_)
        if (alias.usual == key.hf)
            return std::string(alias.own);
    return std::string(key.hf);
}

std::optional<std::uint32_t> Source::maybe_u32(Key key) const {
    const std::string name = key_of(key);
    if (name.empty())
        return std::nullopt;
    const auto value = gguf_ ? gguf_->maybe_uint(name) : config_->maybe_uint(name);
    if (!value)
        return std::nullopt;
    if (*value > 0xffffffffu)
        reject(key, "is too large");
    return static_cast<std::uint32_t>(*value);
}

std::optional<float> Source::maybe_f32(Key key) const {
    const std::string name = key_of(key);
    if (name.empty())
        return std::nullopt;
    const auto value = gguf_ ? gguf_->maybe_float(name) : config_->maybe_number(name);
    return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

std::optional<bool> Source::maybe_flag(Key key) const {
    const std::string name = key_of(key);
    if (name.empty())
        return std::nullopt;
    return gguf_ ? gguf_->maybe_bool(name) : config_->maybe_bool(name);
}

std::optional<std::string> Source::maybe_text(Key key) const {
    const std::string name = key_of(key);
    if (name.empty())
        return std::nullopt;
    if (!gguf_)
        return config_->maybe_string(name);
    const std::string* text = gguf_->maybe_string(name);
    return text ? std::optional(*text) : std::nullopt;
}

std::optional<std::vector<std::uint64_t>> Source::maybe_numbers(Key key) const {
    const std::string name = key_of(key);
    if (name.empty())
        return std::nullopt;
    if (!gguf_)
        return config_->maybe_uints(name);
    const std::vector<double>* list = gguf_->maybe_numbers(name);
    if (!list)
        return std::nullopt;
    std::vector<std::uint64_t> out;
    for (const double x : *list) {
        if (!(x >= 0 && x < 4294967296.0))
            reject(key, "has an entry that is no count");
        out.push_back(static_cast<std::uint64_t>(x));
    }
    return out;
}

std::optional<std::vector<std::string>> Source::maybe_texts(Key key) const {
    const std::string name = key_of(key);
    if (name.empty() || gguf_)
        return std::nullopt;
    return config_->maybe_strings(name);
}

std::uint32_t Source::u32(Key key) const {
    if (const auto value = maybe_u32(key))
        return *value;
    fail("{}: {} is missing", gguf_ ? file_ : config_->file(), key_of(key));
}

float Source::f32(Key key) const {
    if (const auto value = maybe_f32(key))
        return *value;
    fail("{}: {} is missing", gguf_ ? file_ : config_->file(), key_of(key));
}

bool Source::has(Key key) const {
    const std::string name = key_of(key);
    return !name.empty() && (gguf_ ? gguf_->has(name) : config_->has(name));
}

Bias Source::biases(std::string_view hf_key, bool otherwise) const {
    if (gguf_)
        return Bias::kIfThere;
    return maybe_flag({hf_key, ""}).value_or(otherwise) ? Bias::kYes : Bias::kNo;
}

void Source::skip(std::initializer_list<std::string_view> keys) const {
    if (!gguf_)
        config_->skip(keys);
}

void Source::only(Key key, bool value) const {
    if (const auto is = maybe_flag(key); is && *is != value)
        reject(key, fmt::format("is {}, which is not supported", *is));
}

void Source::only_text(Key key, std::string_view value) const {
    if (const auto is = maybe_text(key); is && *is != value)
        reject(key, fmt::format("is {}, only {} is supported", *is, value));
}

void Source::reject(Key key, std::string_view what) const {
    if (gguf_)
        gguf_->reject(key_of(key), what);
    config_->reject(key_of(key), what);
}

// ---- tensors ----

std::string Source::with_prefix(std::string name) const {
    constexpr std::string_view kModel = "model.", kTransformer = "transformer.";
    if (strip_ && name.starts_with(kTransformer))
        name.erase(0, kTransformer.size());
    // "language_model.model.layers" and "language_model.lm_head", or "model.language_model.layers"
    // and "lm_head".
    if (!prefix_.starts_with(kModel))
        return prefix_ + name;
    return name.starts_with(kModel) ? prefix_ + name.substr(kModel.size()) : name;
}

// A family may have several names for a role: the one that is there. Where it has none, the usual.
std::string Source::name_of(std::string_view role, std::uint32_t layer,
                            std::uint32_t expert) const {
    std::string first;
    for (const auto names : {names_, std::span<const TensorName>(kUsualNames)}) {
        for (const TensorName& n : names) {
            const std::string_view pattern = gguf_ ? n.gguf : n.hf;
            if (n.role != role || pattern.empty())
                continue;
            const std::string name = with_prefix(filled_in(pattern, layer, expert));
            if (all_.contains(name) || all_.contains(name + ".weight"))
                return name;
            if (first.empty())
                first = name;
        }
        if (!first.empty())
            break;
    }
    return first;
}

const Tensor* Source::find(std::string_view role, std::string_view suffix, std::uint32_t layer,
                           std::uint32_t expert) const {
    const std::string name = name_of(role, layer, expert);
    return name.empty() ? nullptr : tensors_.find(name + std::string(suffix));
}

bool Source::has_weight(std::string_view role, std::uint32_t layer) const {
    return find(role, ".weight", layer) != nullptr;
}

bool Source::has_bias(std::string_view role, std::uint32_t layer) const {
    return find(role, ".bias", layer) != nullptr;
}

const Tensor* Source::take(const std::string& name) const {
    used_.insert(name);
    return tensors_.find(name);
}

Expr Source::unpacked(const Tensor& t, const std::string& name,
                      std::span<const std::uint64_t> shape) const {
    if (packing_.method() == Packing::Method::kNone)
        fail("{}: tensor {} holds {}, and no quantization_config says what they mean", file_, name,
             skald::compiler::name_of(t.type));
    const std::string beside = name + packing_.scales_end();
    const Tensor* scales = take(beside);
    if (!scales)
        fail("{}: tensor {} is missing, the scales of {}", file_, beside, name);
    return packing_.unpack(t, *scales, shape.front(), shape.back());
}

Expr Source::shaped(const std::string& name, std::span<const std::uint64_t> shape) const {
    const Expr e = stored(name, shape);
    return adapt_ ? adapt_(name, e) : e;
}

Expr Source::stored(const std::string& name, std::span<const std::uint64_t> shape) const {
    const Tensor* tensor = make_ ? make_(name, shape) : take(name);
    if (!tensor)
        fail("{}: tensor {} is missing (expected shape {})", file_, name, to_string(shape));
    if (Packing::packed(*tensor) && shape.size() == 2 && !gguf_)
        return unpacked(*tensor, name, shape);
    // One row may stand there as a vector.
    const bool same =
        std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end()) ||
        (shape.size() == 2 && shape[0] == 1 && tensor->shape.size() == 1 &&
         tensor->shape[0] == shape[1]);
    if (!same)
        fail("{}: tensor {} has shape {}, expected {}", file_, name, to_string(tensor->shape),
             to_string(shape));
    const Expr e = expr::tensor(*tensor);
    return shape.size() > 1 && e->columns() == 1 && shape.back() != 1
               ? expr::reshape(e, shape.back())
               : e;
}

Expr Source::matrix(std::string_view role, std::uint64_t n, std::uint64_t k, std::uint32_t layer) {
    const std::array<std::uint64_t, 2> shape{n, k};
    return shaped(name_of(role, layer) + ".weight", shape);
}

Expr Source::vector(std::string_view role, std::uint64_t n, std::uint32_t layer) {
    const std::array<std::uint64_t, 1> shape{n};
    return shaped(name_of(role, layer) + ".weight", shape);
}

Expr Source::bias(std::string_view role, std::uint64_t n, std::uint32_t layer) {
    const std::array<std::uint64_t, 1> shape{n};
    return shaped(name_of(role, layer) + ".bias", shape);
}

Expr Source::plain(std::string_view role, std::span<const std::uint64_t> shape, std::uint32_t layer,
                   std::uint32_t expert) {
    return shaped(name_of(role, layer, expert), shape);
}

Expr Source::stacked(std::string_view role, std::span<const std::uint64_t> shape,
                     std::uint32_t layer) {
    const std::string name = name_of(role, layer);
    return shaped(tensors_.find(name) ? name : name + ".weight", shape);
}

const Tensor& Source::raw(std::string_view role, std::span<const std::uint64_t> shape,
                          std::uint32_t layer) {
    const std::string name = name_of(role, layer);
    const Tensor* tensor = take(name);
    if (!tensor)
        fail("{}: tensor {} is missing (expected shape {})", file_, name, to_string(shape));
    if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end()) ||
        tensor->type != DType::kU8)
        fail("{}: tensor {} is {} {}, expected u8 {}", file_, name,
             skald::compiler::name_of(tensor->type), to_string(tensor->shape), to_string(shape));
    return *tensor;
}

Expr Source::of_expert(std::string_view role, std::uint64_t n, std::uint64_t k, std::uint32_t layer,
                       std::uint32_t expert) {
    const std::array<std::uint64_t, 2> shape{n, k};
    return shaped(name_of(role, layer, expert) + ".weight", shape);
}

const Tensor* Source::maybe_weight(std::string_view role) const {
    const std::string name = name_of(role);
    return name.empty() ? nullptr : take(name + ".weight");
}

void Source::skip_tensors(std::string_view part) {
    skipped_.emplace_back(part);
}

void Source::refuse_unread(std::uint32_t layers) const {
    const auto known = [&](const std::string& name) {
        const auto begins = [&](std::string_view s) { return name.starts_with(s); };
        const auto ends = [&](std::string_view s) { return name.ends_with(s); };
        return used_.contains(name) || std::ranges::any_of(kOtherParts, begins) ||
               std::ranges::any_of(kOtherEnds, ends) || std::ranges::any_of(skipped_, begins) ||
               std::ranges::any_of(skipped_, ends);
    };
    for (const std::string& name : tensors_.names)
        if (!known(name))
            fail("{}: tensor {} is no part of a model of {} layers as it is configured", file_,
                 name, layers);
    if (gguf_) {
        for (const std::string& key : gguf_->unread_metadata(architecture_ + "."))
            fail("{}: key {} is not understood", file_, key);
        return;
    }
    for (const JsonObject::Unread& unread : config_->unread_values()) {
        std::string_view path = unread.path;
        if (constexpr std::string_view kNested = "text_config."; path.starts_with(kNested))
            path.remove_prefix(kNested.size());
        const bool harmless =
            std::ranges::any_of(kHarmless, [&](std::string_view key) { return path == key; });
        if (!harmless && !says_nothing(*unread.value))
            fail("{}: {} ({}) is not understood; what it means may not be left out",
                 config_->file(), path, unread.value->dump());
    }
}

}  // namespace skald::compiler
