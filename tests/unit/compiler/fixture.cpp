// SPDX-License-Identifier: MIT
#include "fixture.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>

#include "input/half.hpp"
#include "tokenizer/byte_level.hpp"

namespace skald::test {
namespace {

// A tensor of a Llama: what it is called in both kinds of source, "{}" being the layer, and what
// its shape is made of.
enum class Size : std::uint8_t { kNone, kVocabulary, kHidden, kFfn, kQueries, kKeys };
enum class When : std::uint8_t { kAlways, kAttentionBias, kMlpBias, kUntied };

struct WeightInfo {
    const char *hugging_face, *gguf;
    Size n, k;            // [n,k]; a vector has no n
    bool rotary = false;  // rows are heads, whose pairs GGUF interleaves
    When when = When::kAlways;
};

// clang-format off
constexpr WeightInfo kWeights[] = {
    {"model.embed_tokens.weight",                       "token_embd.weight",         Size::kVocabulary, Size::kHidden},
    {"model.layers.{}.input_layernorm.weight",          "blk.{}.attn_norm.weight",   Size::kNone,       Size::kHidden},
    {"model.layers.{}.self_attn.q_proj.weight",         "blk.{}.attn_q.weight",      Size::kQueries,    Size::kHidden,  true},
    {"model.layers.{}.self_attn.k_proj.weight",         "blk.{}.attn_k.weight",      Size::kKeys,       Size::kHidden,  true},
    {"model.layers.{}.self_attn.v_proj.weight",         "blk.{}.attn_v.weight",      Size::kKeys,       Size::kHidden},
    {"model.layers.{}.self_attn.o_proj.weight",         "blk.{}.attn_output.weight", Size::kHidden,     Size::kQueries},
    {"model.layers.{}.self_attn.q_proj.bias",           "blk.{}.attn_q.bias",        Size::kNone,       Size::kQueries, true,  When::kAttentionBias},
    {"model.layers.{}.self_attn.k_proj.bias",           "blk.{}.attn_k.bias",        Size::kNone,       Size::kKeys,    true,  When::kAttentionBias},
    {"model.layers.{}.self_attn.v_proj.bias",           "blk.{}.attn_v.bias",        Size::kNone,       Size::kKeys,    false, When::kAttentionBias},
    {"model.layers.{}.self_attn.o_proj.bias",           "blk.{}.attn_output.bias",   Size::kNone,       Size::kHidden,  false, When::kAttentionBias},
    {"model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight",    Size::kNone,       Size::kHidden},
    {"model.layers.{}.mlp.gate_proj.weight",            "blk.{}.ffn_gate.weight",    Size::kFfn,        Size::kHidden},
    {"model.layers.{}.mlp.up_proj.weight",              "blk.{}.ffn_up.weight",      Size::kFfn,        Size::kHidden},
    {"model.layers.{}.mlp.down_proj.weight",            "blk.{}.ffn_down.weight",    Size::kHidden,     Size::kFfn},
    {"model.layers.{}.mlp.gate_proj.bias",              "blk.{}.ffn_gate.bias",      Size::kNone,       Size::kFfn,     false, When::kMlpBias},
    {"model.layers.{}.mlp.up_proj.bias",                "blk.{}.ffn_up.bias",        Size::kNone,       Size::kFfn,     false, When::kMlpBias},
    {"model.layers.{}.mlp.down_proj.bias",              "blk.{}.ffn_down.bias",      Size::kNone,       Size::kHidden,  false, When::kMlpBias},
    {"model.norm.weight",                               "output_norm.weight",        Size::kNone,       Size::kHidden},
    {"lm_head.weight",                                  "output.weight",             Size::kVocabulary, Size::kHidden,  false, When::kUntied},
};
// clang-format on

std::uint64_t size_of(Size size, const TinyShape& s) {
    switch (size) {
        case Size::kNone:
            return 0;
        case Size::kVocabulary:
            return s.vocabulary;
        case Size::kHidden:
            return s.hidden;
        case Size::kFfn:
            return s.ffn;
        case Size::kQueries:
            return std::uint64_t{s.heads} * s.head_dim;
        case Size::kKeys:
            return std::uint64_t{s.kv_heads} * s.head_dim;
    }
    return 0;
}

bool is_there(When when, const TinyShape& s) {
    return when == When::kAlways || (when == When::kAttentionBias && s.attention_bias) ||
           (when == When::kMlpBias && s.mlp_bias) || (when == When::kUntied && !s.tied);
}

std::string name_in_layer(std::string_view pattern, std::uint32_t layer) {
    std::string name(pattern);
    if (const std::size_t at = name.find("{}"); at != name.npos)
        name.replace(at, 2, std::to_string(layer));
    return name;
}

template <typename F>
void for_each_weight(const TinyShape& shape, F f) {
    for (const WeightInfo& info : kWeights) {
        if (!is_there(info.when, shape))
            continue;
        const bool per_layer =
            std::string_view(info.hugging_face).find("{}") != std::string_view::npos;
        for (std::uint32_t layer = 0; layer < (per_layer ? shape.layers : 1); ++layer) {
            std::vector<std::uint64_t> dims{size_of(info.k, shape)};
            if (info.n != Size::kNone)
                dims.insert(dims.begin(), size_of(info.n, shape));
            f(info, layer, dims);
        }
    }
}

class Bytes {
  public:
    template <typename T>
    void put(T value) {
        const auto* p = reinterpret_cast<const std::byte*>(&value);
        bytes.insert(bytes.end(), p, p + sizeof value);
    }
    void put_text(const std::string& s) {
        put<std::uint64_t>(s.size());
        put_raw(s.data(), s.size());
    }
    void put_raw(const void* data, std::size_t size) {
        const auto* p = static_cast<const std::byte*>(data);
        bytes.insert(bytes.end(), p, p + size);
    }
    void pad(std::size_t to) { bytes.resize((bytes.size() + to - 1) / to * to); }

    std::vector<std::byte> bytes;
};

std::vector<std::byte> q8_0(const std::vector<float>& data) {
    Bytes out;
    for (std::size_t b = 0; b < data.size(); b += 32) {
        float amax = 0;
        for (std::size_t i = 0; i < 32; ++i)
            amax = std::max(amax, std::abs(data[b + i]));
        const float d = amax / 127;
        out.put(compiler::f32_to_f16(d));
        for (std::size_t i = 0; i < 32; ++i)
            out.put(static_cast<std::int8_t>(d > 0 ? std::lround(data[b + i] / d) : 0));
    }
    return out.bytes;
}

// Rows of halves to rows of interleaved pairs, as GGUF's llama files have them.
std::vector<float> interleave(const TinyWeights::Tensor& t, std::uint32_t head_dim) {
    const std::size_t k = t.shape.size() == 2 ? t.shape[1] : 1, half = head_dim / 2;
    std::vector<float> out(t.data.size());
    for (std::size_t r = 0; r < t.data.size() / k; ++r) {
        const std::size_t in_head = r % head_dim;
        const std::size_t to = r - in_head + 2 * (in_head % half) + in_head / half;
        std::copy_n(t.data.begin() + static_cast<std::ptrdiff_t>(r * k), k,
                    out.begin() + static_cast<std::ptrdiff_t>(to * k));
    }
    return out;
}

const char* dtype_name(Encoding e) {
    return e == Encoding::kF32 ? "F32" : e == Encoding::kF16 ? "F16" : "BF16";
}

void write_json(const std::filesystem::path& path, Json json,
                const std::function<void(Json&)>& change) {
    if (change)
        change(json);
    std::ofstream(path) << json.dump(1);
}

void write_shard(const std::filesystem::path& path, const TinyWeights& w,
                 const std::vector<std::string>& names, const HfOptions& options) {
    Json header{{"__metadata__", {{"format", "pt"}}}};
    Bytes data;
    for (const std::string& name : names) {
        const auto& t = w.tensors.at(name);
        const auto bytes = encode(t.data, options.encoding);
        header[name] = {{"dtype", dtype_name(options.encoding)},
                        {"shape", t.shape},
                        {"data_offsets", {data.bytes.size(), data.bytes.size() + bytes.size()}}};
        data.put_raw(bytes.data(), bytes.size());
    }
    if (options.header)
        options.header(header);
    const std::string text = header.dump();
    Bytes file;
    file.put_text(text);
    file.put_raw(data.bytes.data(), data.bytes.size());
    write_file(path, file.bytes);
}

Json config_json(const TinyShape& s, Encoding encoding) {
    const bool windowed = s.window != 0;  // which Llama is not
    return {{"architectures", {windowed ? "MistralForCausalLM" : "LlamaForCausalLM"}},
            {"model_type", windowed ? "mistral" : "llama"},
            {"hidden_act", "silu"},
            {"hidden_size", s.hidden},
            {"intermediate_size", s.ffn},
            {"num_hidden_layers", s.layers},
            {"num_attention_heads", s.heads},
            {"num_key_value_heads", s.kv_heads},
            {"head_dim", s.head_dim},
            {"vocab_size", s.vocabulary},
            {"max_position_embeddings", s.context},
            {"rms_norm_eps", s.norm_eps},
            {"rope_theta", s.rope_theta},
            {"rope_scaling", nullptr},
            {"tie_word_embeddings", s.tied},
            {"sliding_window", windowed ? Json(s.window) : Json(nullptr)},
            {"attention_bias", s.attention_bias},
            {"mlp_bias", s.mlp_bias},
            {"bos_token_id", 256},
            {"eos_token_id", 257},
            {"torch_dtype", dtype_name(encoding)}};
}

const std::vector<std::pair<std::string, std::string>> kMerges{
    {"t", "h"}, {"th", "e"}, {"a", "n"}, {"an", "d"}};

std::vector<std::string> byte_pieces() {
    std::vector<std::string> pieces;
    for (int b = 0; b < 256; ++b)
        pieces.push_back(rt::byte_level::encode(std::string(1, static_cast<char>(b))));
    pieces.insert(pieces.end(), {"<s>", "</s>"});
    for (const auto& [left, right] : kMerges)
        pieces.push_back(left + right);
    return pieces;
}

}  // namespace

TinyWeights random_weights(const TinyShape& shape, unsigned seed) {
    TinyWeights w;
    std::mt19937 random(seed);
    for_each_weight(shape, [&](const auto& info, std::uint32_t layer,
                               const std::vector<std::uint64_t>& dims) {
        const bool matrix = dims.size() == 2;
        const bool gain =
            !matrix && std::string_view(info.hugging_face).find("norm") != std::string_view::npos;
        auto& t = w.tensors[name_in_layer(info.hugging_face, layer)];
        t.shape = dims;
        t.data.resize(matrix ? dims[0] * dims[1] : dims[0]);
        const float scale = matrix ? 1 / std::sqrt(static_cast<float>(dims[1])) : 0.2f;
        for (float& x :
             t.data)  // sum of uniform numbers: exact on every host, near enough to normal
            x = (static_cast<float>(random() % 2001 + random() % 2001 + random() % 2001) / 1000 -
                 3) *
                    scale +
                (gain ? 1.f : 0.f);
    });
    return w;
}

std::vector<std::byte> encode(const std::vector<float>& data, Encoding encoding) {
    if (encoding == Encoding::kQ8_0)
        return q8_0(data);
    Bytes out;
    for (const float x : data) {
        if (encoding == Encoding::kF32)
            out.put(x);
        else if (encoding == Encoding::kF16)
            out.put(compiler::f32_to_f16(x));
        else
            out.put(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
    }
    return out.bytes;
}

void write_file(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file)
        throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    return {p, p + text.size()};
}

Json byte_level_tokenizer_json() {
    Json vocabulary = Json::object(), merges = Json::array();
    const auto pieces = byte_pieces();
    for (std::size_t id = 0; id < pieces.size(); ++id)
        vocabulary[pieces[id]] = id;
    for (const auto& [left, right] : kMerges)
        merges.push_back(left + " " + right);
    const auto special = [](int id, const char* text) {
        return Json{{"id", id},        {"content", text}, {"single_word", false},
                    {"lstrip", false}, {"rstrip", false}, {"normalized", false},
                    {"special", true}};
    };
    return {{"version", "1.0"},
            {"added_tokens", {special(256, "<s>"), special(257, "</s>")}},
            {"normalizer", nullptr},
            {"pre_tokenizer",
             {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
            {"post_processor",
             {{"type", "TemplateProcessing"},
              {"single",
               {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
              {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {256}}, {"tokens", {"<s>"}}}}}}}},
            {"decoder", {{"type", "ByteLevel"}}},
            {"model",
             {{"type", "BPE"}, {"unk_token", nullptr}, {"vocab", vocabulary}, {"merges", merges}}}};
}

void write_hugging_face(const std::filesystem::path& folder, const TinyShape& shape,
                        const HfOptions& options) {
    std::filesystem::create_directories(folder);
    TinyWeights w = random_weights(shape);
    if (options.weights)
        options.weights(w);
    write_json(folder / "config.json", config_json(shape, options.encoding), options.config);
    if (options.generation)
        write_json(folder / "generation_config.json", Json::object(), options.generation);
    write_json(folder / "tokenizer.json", byte_level_tokenizer_json(), options.tokenizer);
    std::vector<std::vector<std::string>> shards(options.shards);
    std::size_t i = 0;
    for (const auto& [name, tensor] : w.tensors)
        shards[i++ % options.shards].push_back(name);
    if (options.shards == 1)
        return write_shard(folder / "model.safetensors", w, shards[0], options);
    Json index{{"weight_map", Json::object()}};
    for (unsigned s = 0; s < options.shards; ++s) {
        const std::string name = "model-" + std::to_string(s + 1) + ".safetensors";
        for (const std::string& tensor : shards[s])
            index["weight_map"][tensor] = name;
        write_shard(folder / name, w, shards[s], options);
    }
    write_json(folder / "model.safetensors.index.json", index, {});
}

GgufFile make_gguf(const TinyShape& s, Encoding encoding, unsigned seed) {
    GgufFile file;
    auto& v = file.values;
    const auto u = [&](const char* key, std::uint32_t value) { v[key] = value; };
    v["general.architecture"] = std::string("llama");
    v["general.name"] = std::string("tiny");
    u("llama.block_count", s.layers);
    u("llama.context_length", s.context);
    u("llama.embedding_length", s.hidden);
    u("llama.feed_forward_length", s.ffn);
    u("llama.attention.head_count", s.heads);
    u("llama.attention.head_count_kv", s.kv_heads);
    u("llama.attention.key_length", s.head_dim);
    u("llama.attention.value_length", s.head_dim);
    v["llama.attention.layer_norm_rms_epsilon"] = s.norm_eps;
    v["llama.rope.freq_base"] = static_cast<float>(s.rope_theta);
    u("llama.rope.dimension_count", s.head_dim);
    v["tokenizer.ggml.model"] = std::string("gpt2");
    v["tokenizer.ggml.pre"] = std::string("gpt-2");
    const auto pieces = byte_pieces();
    v["tokenizer.ggml.tokens"] = pieces;
    std::vector<std::int32_t> types(pieces.size(), 1);
    types[256] = types[257] = 3;
    v["tokenizer.ggml.token_type"] = types;
    std::vector<std::string> merges;
    for (const auto& [left, right] : kMerges)
        merges.push_back(left + " " + right);
    v["tokenizer.ggml.merges"] = merges;
    u("tokenizer.ggml.bos_token_id", 256);
    u("tokenizer.ggml.eos_token_id", 257);
    v["tokenizer.ggml.add_bos_token"] = true;

    const TinyWeights w = random_weights(s, seed);
    for_each_weight(
        s, [&](const auto& info, std::uint32_t layer, const std::vector<std::uint64_t>& dims) {
            const auto& t = w.tensors.at(name_in_layer(info.hugging_face, layer));
            const bool matrix = dims.size() == 2;
            const Encoding e = !matrix                                            ? Encoding::kF32
                               : encoding == Encoding::kQ8_0 && dims[1] % 32 != 0 ? Encoding::kF16
                                                                                  : encoding;
            const std::uint32_t type = e == Encoding::kF32    ? 0u
                                       : e == Encoding::kF16  ? 1u
                                       : e == Encoding::kQ8_0 ? 8u
                                                              : 30u;
            file.tensors.push_back({name_in_layer(info.gguf, layer), dims, type,
                                    encode(info.rotary ? interleave(t, s.head_dim) : t.data, e)});
        });
    return file;
}

std::vector<GgufFile> split_gguf(const GgufFile& file, std::uint32_t count) {
    std::vector<GgufFile> parts(count);
    parts[0].values = file.values;
    for (std::uint32_t n = 0; n < count; ++n) {
        parts[n].version = file.version;
        parts[n].values["split.no"] = n;
        parts[n].values["split.count"] = count;
        parts[n].values["split.tensors.count"] = static_cast<std::uint32_t>(file.tensors.size());
    }
    for (std::size_t i = 0; i < file.tensors.size(); ++i)
        parts[i % count].tensors.push_back(file.tensors[i]);
    return parts;
}

std::vector<std::byte> gguf_bytes(const GgufFile& file) {
    constexpr std::size_t kAlign = 32;
    Bytes out;
    out.put_raw("GGUF", 4);
    out.put(file.version);
    out.put<std::uint64_t>(file.tensors.size());
    out.put<std::uint64_t>(file.values.size());
    for (const auto& [key, value] : file.values) {
        out.put_text(key);
        std::visit(
            [&](const auto& x) {
                using T = std::decay_t<decltype(x)>;
                if constexpr (std::is_same_v<T, std::uint32_t>) {
                    out.put<std::uint32_t>(4);
                    out.put(x);
                } else if constexpr (std::is_same_v<T, float>) {
                    out.put<std::uint32_t>(6);
                    out.put(x);
                } else if constexpr (std::is_same_v<T, bool>) {
                    out.put<std::uint32_t>(7);
                    out.put<std::uint8_t>(x);
                } else if constexpr (std::is_same_v<T, std::string>) {
                    out.put<std::uint32_t>(8);
                    out.put_text(x);
                } else {
                    using E = typename T::value_type;
                    out.put<std::uint32_t>(9);
                    out.put<std::uint32_t>(std::is_same_v<E, std::string> ? 8
                                           : std::is_same_v<E, float>     ? 6
                                                                          : 5);
                    out.put<std::uint64_t>(x.size());
                    for (const auto& e : x) {
                        if constexpr (std::is_same_v<E, std::string>)
                            out.put_text(e);
                        else
                            out.put(e);
                    }
                }
            },
            value);
    }
    std::uint64_t offset = 0;
    for (const GgufTensor& t : file.tensors) {
        out.put_text(t.name);
        out.put(static_cast<std::uint32_t>(t.shape.size()));
        for (auto d = t.shape.rbegin(); d != t.shape.rend(); ++d)
            out.put(*d);
        out.put(t.type);
        out.put(offset);
        offset += (t.data.size() + kAlign - 1) / kAlign * kAlign;
    }
    out.pad(kAlign);
    for (const GgufTensor& t : file.tensors) {
        out.put_raw(t.data.data(), t.data.size());
        out.pad(kAlign);
    }
    return out.bytes;
}

}  // namespace skald::test
