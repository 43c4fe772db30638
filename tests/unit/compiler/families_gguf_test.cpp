// SPDX-License-Identifier: MIT
// The same numbers as Hugging Face has them and as llama.cpp's converter writes them: one weight
// image, one program. What the converter does to names, gains and rows of heads is written down
// here once more.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "backend/weight_image.hpp"
#include "compile.hpp"
#include "family_fixtures.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::Json;

struct Form {
    const char* fixture;
    const char* architecture;
    bool interleaved = false;   // rows of query and key heads, and their biases
    bool one_added = false;     // to gains
    bool norms_behind = false;  // post_attention_layernorm is what its name says
    std::map<std::string, test::GgufValue> values{};  // beside the usual ones
    void (*change)(Json&) = nullptr;                  // to what a file of the architecture can say
};

using Floats = test::TinyWeights::Tensor;

struct Renamed {
    const char *hf, *gguf;
};
constexpr Renamed kLayerNames[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.down_proj", "ffn_down_exps"},
};

class Converter {
  public:
    Converter(const Form& form, const Json& config) : form_(form), config_(config) {
        const Json& c = config_;
        const auto number = [&](const char* key) { return c.at(key).get<std::uint32_t>(); };
        head_dim_ = c.contains("head_dim") ? number("head_dim")
                                           : number("hidden_size") / number("num_attention_heads");
        for (const auto& [key, value] : test::make_gguf({}).values)
            if (key.starts_with("tokenizer."))
                file_.values[key] = value;
        file_.values["general.architecture"] = std::string(form_.architecture);
        set("block_count", number("num_hidden_layers"));
        set("context_length", number("max_position_embeddings"));
        set("embedding_length", number("hidden_size"));
        set("feed_forward_length", number("intermediate_size"));
        set("attention.head_count", number("num_attention_heads"));
        set("attention.head_count_kv", number("num_key_value_heads"));
        set("attention.key_length", head_dim_);
        set("attention.value_length", head_dim_);
        set("attention.layer_norm_rms_epsilon", c.at("rms_norm_eps").get<float>());
        set("rope.freq_base", c.at("rope_theta").get<float>());
        set("rope.dimension_count", head_dim_);
        for (const auto& [key, value] : form_.values)
            set(key, value);
    }

    void add(const std::string& name, Floats t) {
        if (name.ends_with("mlp.experts.gate_up_proj.weight"))
            return add_halves(name, t);
        const bool turned = name.find("q_proj") != name.npos || name.find("k_proj") != name.npos;
        if (form_.interleaved && turned)
            t = interleaved(t);
        if (form_.one_added && name.find("norm") != name.npos)
            for (float& x : t.data)
                x += 1;
        put(renamed(name), t);
    }

    const test::GgufFile& file() const { return file_; }

  private:
    void set(const std::string& key, test::GgufValue value) {
        file_.values[form_.architecture + ("." + key)] = std::move(value);
    }

    void put(const std::string& name, const Floats& t) {
        file_.tensors.push_back({name, t.shape, 0, test::encode(t.data, test::Encoding::kF32)});
    }

    std::string renamed(const std::string& name) const {
        unsigned layer = 0;
        int end = 0;
        if (std::sscanf(name.c_str(), "model.layers.%u.%n", &layer, &end) != 1 || end == 0)
            return name.starts_with("model.embed_tokens") ? "token_embd.weight"
                   : name.starts_with("lm_head")          ? "output.weight"
                                                          : "output_norm.weight";
        std::string part = name.substr(static_cast<std::size_t>(end)), suffix = ".weight";
        for (const char* s : {".weight", ".bias"})
            if (part.ends_with(s)) {
                suffix = s;
                part.resize(part.size() - suffix.size());
            }
        std::string own = form_.norms_behind ? "post_attention_norm" : "ffn_norm";
        for (const Renamed& r : kLayerNames)
            if (part == r.hf)
                own = r.gguf;
        return "blk." + std::to_string(layer) + "." + own + suffix;
    }

    // Element s * half + i of a head becomes element 2 i + s.
    Floats interleaved(const Floats& t) const {
        const std::size_t k = t.shape.size() == 2 ? t.shape[1] : 1, half = head_dim_ / 2;
        Floats out = t;
        for (std::size_t r = 0; r < t.data.size() / k; ++r) {
            const std::size_t in_head = r % head_dim_;
            const std::size_t to = r - in_head + 2 * (in_head % half) + in_head / half;
            std::copy_n(t.data.begin() + static_cast<std::ptrdiff_t>(r * k), k,
                        out.data.begin() + static_cast<std::ptrdiff_t>(to * k));
        }
        return out;
    }

    // [experts, gates then ups, hidden] as two.
    void add_halves(const std::string& name, const Floats& t) {
        const std::size_t n = t.shape[0], w = t.shape[1] / 2, k = t.shape[2];
        std::string to = renamed(name);
        to = to.substr(0, to.find('.', 4) + 1);
        for (const bool up : {false, true}) {
            Floats half{{n, w, k}, {}};
            for (std::size_t e = 0; e < n; ++e) {
                const auto begin =
                    t.data.begin() + static_cast<std::ptrdiff_t>((2 * e + (up ? 1 : 0)) * w * k);
                half.data.insert(half.data.end(), begin,
                                 begin + static_cast<std::ptrdiff_t>(w * k));
            }
            put(to + (up ? "ffn_up_exps.weight" : "ffn_gate_exps.weight"), half);
        }
    }

    const Form& form_;
    const Json& config_;
    std::uint32_t head_dim_;
    test::GgufFile file_;
};

struct Compiled {
    std::vector<std::byte> weights, program;
};

Compiled compiled(Model& model) {
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    const Plan p = plan(model, options);
    Compiled out;
    WeightImage(p.graph, p.layout).write(1, [&](std::span<const std::byte> bytes) {
        out.weights.insert(out.weights.end(), bytes.begin(), bytes.end());
    });
    const auto program = std::as_bytes(std::span(p.program));
    out.program.assign(program.begin(), program.end());
    return out;
}

class FamiliesInGguf : public ::testing::TestWithParam<Form> {};

void PrintTo(const Form& form, std::ostream* out) {
    *out << form.fixture;
}

TEST_P(FamiliesInGguf, BecomeTheSameWeightsAndProgram) {
    const Form& form = GetParam();
    Json config = test::family_config(form.fixture);
    if (form.change)
        form.change(config);
    test::MemoryCheckpoint checkpoint(config);
    Converter converter(form, config);
    std::mt19937 random(3);
    std::deque<std::vector<float>> data;
    for (auto& [name, tensor] : checkpoint.tensors) {
        std::vector<float>& numbers = data.emplace_back(tensor.rows() * tensor.row_length());
        for (float& x : numbers)
            x = static_cast<float>(random() % 2001) / 1000 - 1;
        tensor.type = DType::kF32;
        tensor.data = std::as_bytes(std::span(numbers));
        converter.add(name, {tensor.shape, numbers});
    }
    Model folder;
    folder.config.source = "folder";
    folder.spec = checkpoint.describe();
    const test::TemporaryFolder temporary;
    test::write_file(temporary / "m.gguf", test::gguf_bytes(converter.file()));
    Model file = load_gguf(temporary / "m.gguf");
    const Compiled a = compiled(folder), b = compiled(file);
    EXPECT_TRUE(a.weights == b.weights);
    EXPECT_TRUE(a.program == b.program);
}

void all_sparse(Json& j) {
    j["mlp_only_layers"] = Json::array();
}
// All that the converter says of Gemma 3's two bases.
void scalar_of_a_head(Json& j) {
    j["query_pre_attn_scalar"] = j["head_dim"];
}

INSTANTIATE_TEST_SUITE_P(Forms, FamiliesInGguf,
                         ::testing::Values(Form{"llama", "llama", true},
                                           Form{"mistral",
                                                "llama",
                                                true,
                                                false,
                                                false,
                                                {{"attention.sliding_window", std::uint32_t{16}}}},
                                           Form{"qwen2", "qwen2"}, Form{"qwen3", "qwen3"},
                                           Form{"qwen3-moe",
                                                "qwen3moe",
                                                false,
                                                false,
                                                false,
                                                {{"expert_count", std::uint32_t{8}},
                                                 {"expert_used_count", std::uint32_t{2}},
                                                 {"expert_feed_forward_length", std::uint32_t{24}}},
                                                all_sparse},
                                           Form{"gemma", "gemma", false, true},
                                           Form{"gemma2",
                                                "gemma2",
                                                false,
                                                true,
                                                true,
                                                {{"attention.sliding_window", std::uint32_t{16}},
                                                 {"attn_logit_softcapping", 50.0f},
                                                 {"final_logit_softcapping", 30.0f}},
                                                scalar_of_a_head},
                                           Form{"gemma3-old",
                                                "gemma3",
                                                false,
                                                true,
                                                true,
                                                {{"attention.sliding_window", std::uint32_t{16}},
                                                 {"rope.scaling.type", std::string("linear")},
                                                 {"rope.scaling.factor", 8.0f}},
                                                scalar_of_a_head},
                                           Form{"granite",
                                                "granite",
                                                true,
                                                false,
                                                false,
                                                {{"embedding_scale", 12.0f},
                                                 {"attention.scale", 0.1f},
                                                 {"residual_scale", 0.22f},
                                                 {"logit_scale", 8.0f}}},
                                           Form{"olmo2", "olmo2", false, false, true}),
                         [](const auto& instance) {
                             return test::test_name(instance.param.fixture);
                         });

}  // namespace
}  // namespace skald::compiler
