// SPDX-License-Identifier: MIT
#include "pt2_llama.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace skald::test {
namespace {

using Name = std::string;
using Arguments = std::vector<std::pair<std::string, Json>>;

void put(std::string& out, std::uint64_t value, int bytes) {
    for (int b = 0; b < bytes; ++b, value >>= 8)
        out.push_back(static_cast<char>(value));
}

// Stored, as PyTorch writes it.
class Archive {
  public:
    void add(const std::string& name, const std::string& data) {
        const std::size_t offset = file_.size();
        put(file_, 0x04034b50, 4);
        put(file_, 20, 2);
        head(file_, name, data);
        file_ += name + data;
        put(directory_, 0x02014b50, 4);
        put(directory_, 20, 4);
        head(directory_, name, data);
        put(directory_, 0, 10);
        put(directory_, offset, 4);
        directory_ += name;
        ++entries_;
    }
    std::string bytes() const {
        std::string out = file_ + directory_;
        put(out, 0x06054b50, 4);
        put(out, 0, 4);
        put(out, entries_, 2);
        put(out, entries_, 2);
        put(out, directory_.size(), 4);
        put(out, file_.size(), 4);
        put(out, 0, 2);
        return out;
    }

  private:
    static void head(std::string& out, const std::string& name, const std::string& data) {
        put(out, 0, 12);
        put(out, data.size(), 4);
        put(out, data.size(), 4);
        put(out, name.size(), 2);
        put(out, 0, 2);
    }

    std::string file_, directory_;
    unsigned entries_ = 0;
};

Json tensor(const Name& name) {
    return {{"as_tensor", {{"name", name}}}};
}
Json integer(std::int64_t x) {
    return {{"as_int", x}};
}
Json number(double x) {
    return {{"as_float", x}};
}
Json flag(bool x) {
    return {{"as_bool", x}};
}
Json integers(const std::vector<std::int64_t>& x) {
    return {{"as_ints", x}};
}

constexpr std::int64_t kBlock = 32;

// A number that f16 holds.
float step_of(Pt2Weights how) {
    return how == Pt2Weights::kInt4Blocks ? 0x1p-5f : 0x1p-9f;
}

class Writer {
  public:
    Writer(const TinyShape& shape, const TinyWeights& weights, Pt2Weights how)
        : z_(shape), w_(weights), how_(how) {}

    std::string run() {
        inputs_.push_back({{"user_input", {{"arg", tensor("ids")}}}});
        node("sym_size.int", {{"self", tensor("ids")}, {"dim", integer(1)}}, "as_sym_int", "s0");
        angles();
        Name x = node("embedding.default", {{"weight", tensor(weight("model.embed_tokens.weight"))},
                                            {"indices", tensor("ids")}});
        for (std::uint32_t l = 0; l < z_.layers; ++l)
            x = layer("model.layers." + std::to_string(l) + ".", x);
        const Name logits = linear(norm(x, "model.norm.weight"), "model.embed_tokens");
        return file(logits);
    }

  private:
    Name node(const std::string& target, const Arguments& arguments, const char* kind = "as_tensor",
              Name name = "") {
        if (name.empty())
            name = "t" + std::to_string(names_++);
        Json inputs = Json::array();
        for (const auto& [key, value] : arguments)
            inputs.push_back({{"name", key}, {"arg", value}});
        const char* key = std::strcmp(kind, "as_tensor") == 0 ? "name" : "as_name";
        Json outputs = Json::array();
        outputs.push_back({{kind, {{key, name}}}});
        const bool whole = target.starts_with("torch.");
        nodes_.push_back({{"target", whole ? target : "torch.ops.aten." + target},
                          {"inputs", std::move(inputs)},
                          {"outputs", std::move(outputs)},
                          {"name", name}});
        return name;
    }
    Name two(const std::string& target, const Name& a, const Name& b) {
        return node(target, {{"self", tensor(a)}, {"other", tensor(b)}});
    }

    Name parameter(const std::string& weight, const std::vector<std::uint64_t>& shape,
                   const std::vector<float>& data) {
        std::string bytes(data.size() * sizeof(float), '\0');
        std::memcpy(bytes.data(), data.data(), bytes.size());
        return parameter(weight, shape, 7, std::move(bytes));
    }
    Name parameter(const std::string& weight, const std::vector<std::uint64_t>& shape, int type,
                   std::string bytes) {
        const Name name = "p" + std::to_string(inputs_.size());
        inputs_.push_back({{"parameter", {{"arg", {{"name", name}}}, {"parameter_name", weight}}}});
        const std::string place = "weight_" + std::to_string(data_.size());
        Json sizes = Json::array(), strides = Json::array();
        std::uint64_t step = 1;
        for (const std::uint64_t d : shape)
            step *= d;
        for (const std::uint64_t d : shape) {
            step /= d;
            sizes.push_back({{"as_int", d}});
            strides.push_back({{"as_int", step}});
        }
        config_[weight] = {{"path_name", place},
                           {"use_pickle", false},
                           {"tensor_meta",
                            {{"dtype", type},
                             {"sizes", sizes},
                             {"strides", strides},
                             {"storage_offset", {{"as_int", 0}}}}}};
        data_.emplace_back(place, std::move(bytes));
        return name;
    }
    Name weight(const std::string& name) {
        auto& known = weights_[name];
        if (known.empty())
            known = parameter(name, w_.tensors.at(name).shape, w_.at(name));
        return known;
    }

    Name integer_linear(const Name& x, const std::string& name) {
        const auto& t = w_.tensors.at(name + ".weight");
        const bool four = how_ == Pt2Weights::kInt4Blocks;
        const float step = step_of(how_);
        std::string bytes;
        for (const float v : t.data)
            bytes.push_back(static_cast<char>(std::lround(v / step)));
        const std::uint64_t n = t.shape[0], k = t.shape[1], blocks = four ? k / kBlock : 1;
        const Name q = parameter(name + ".integers", t.shape, 2, std::move(bytes));
        const std::vector<std::uint64_t> shape =
            four ? std::vector<std::uint64_t>{n, blocks} : std::vector<std::uint64_t>{n};
        const Name scale = parameter(name + ".scale", shape, std::vector<float>(n * blocks, step));
        const Name zero = parameter(name + ".zero", shape, 2, std::string(n * blocks, '\0'));
        if (how_ == Pt2Weights::kInt8Product)
            return node("_weight_int8pack_mm.default",
                        {{"self", tensor(x)}, {"mat2", tensor(q)}, {"scales", tensor(scale)}});
        if (how_ == Pt2Weights::kInt4Product)
            return node("_weight_int4pack_mm.default", {{"self", tensor(x)},
                                                        {"mat2", tensor(q)},
                                                        {"qGroupSize", integer(kBlock)},
                                                        {"qScaleAndZeros", tensor(scale)}});
        const Json type = {{"as_scalar_type", 2}};
        Name w;
        if (how_ == Pt2Weights::kDecomposed)
            w = node("torch.ops.quantized_decomposed.dequantize_per_channel.default",
                     {{"input", tensor(q)},
                      {"scales", tensor(scale)},
                      {"zero_points", tensor(zero)},
                      {"axis", integer(0)},
                      {"quant_min", integer(-127)},
                      {"quant_max", integer(127)},
                      {"dtype", type}});
        else
            w = node("torch.ops.torchao.dequantize_affine.default",
                     {{"input", tensor(q)},
                      {"block_size", integers({1, four ? kBlock : static_cast<std::int64_t>(k)})},
                      {"scale", tensor(scale)},
                      {"zero_point", tensor(zero)},
                      {"input_dtype", type},
                      {"quant_min", integer(four ? -8 : -128)},
                      {"quant_max", integer(four ? 7 : 127)}});
        return node("linear.default", {{"input", tensor(x)}, {"weight", tensor(w)}});
    }

    Name linear(const Name& x, const std::string& name) {
        if (how_ != Pt2Weights::kFloats && name != "model.embed_tokens")
            return integer_linear(x, name);
        return node("linear.default",
                    {{"input", tensor(x)}, {"weight", tensor(weight(name + ".weight"))}});
    }

    Name norm(const Name& x, const std::string& gain) {
        const Name squares =
            node("pow.Tensor_Scalar", {{"self", tensor(x)}, {"exponent", integer(2)}});
        const Name mean =
            node("mean.dim",
                 {{"self", tensor(squares)}, {"dim", integers({-1})}, {"keepdim", flag(true)}});
        const Name sum =
            node("add.Tensor", {{"self", tensor(mean)}, {"other", number(z_.norm_eps)}});
        const Name root = node("rsqrt.default", {{"self", tensor(sum)}});
        return two("mul.Tensor", weight(gain), two("mul.Tensor", x, root));
    }

    // [1, tokens, head_dim]
    void angles() {
        std::vector<float> f;
        for (std::uint32_t i = 0; i < z_.head_dim / 2; ++i)
            f.push_back(static_cast<float>(
                std::pow(z_.rope_theta, -2.0 * static_cast<double>(i) / z_.head_dim)));
        const Name frequencies = parameter("frequencies", {1, f.size()}, f);
        const Name at = node("arange.default", {{"end", {{"as_sym_int", {{"as_name", "s0"}}}}}});
        const Name column = node("unsqueeze.default", {{"self", tensor(at)}, {"dim", integer(1)}});
        const Name half = two("mul.Tensor", column, frequencies);
        const Name both = node("cat.default",
                               {{"tensors", {{"as_tensors", {{{"name", half}}, {{"name", half}}}}}},
                                {"dim", integer(-1)}});
        cos_ = node("cos.default", {{"self", tensor(both)}});
        sin_ = node("sin.default", {{"self", tensor(both)}});
    }

    Name heads(const Name& x, std::int64_t n) {
        const Name split = node("view.default",
                                {{"self", tensor(x)}, {"size", integers({1, -1, n, z_.head_dim})}});
        return swapped(split);
    }
    Name swapped(const Name& x) {
        return node("transpose.int",
                    {{"self", tensor(x)}, {"dim0", integer(1)}, {"dim1", integer(2)}});
    }

    Name turned(const Name& x) {
        const std::int64_t half = z_.head_dim / 2;
        const auto part = [&](std::int64_t begin, std::int64_t end) {
            return node("slice.Tensor", {{"self", tensor(x)},
                                         {"dim", integer(3)},
                                         {"start", integer(begin)},
                                         {"end", integer(end)}});
        };
        const Name minus = node("neg.default", {{"self", tensor(part(half, INT64_MAX))}});
        const Name first = part(0, half);
        const Name other = node(
            "cat.default", {{"tensors", {{"as_tensors", {{{"name", minus}}, {{"name", first}}}}}},
                            {"dim", integer(-1)}});
        return two("add.Tensor", two("mul.Tensor", x, cos_), two("mul.Tensor", other, sin_));
    }

    Name layer(const std::string& at, const Name& x) {
        const Name h = norm(x, at + "input_layernorm.weight");
        const Name q = turned(heads(linear(h, at + "self_attn.q_proj"), z_.heads));
        const Name k = turned(heads(linear(h, at + "self_attn.k_proj"), z_.kv_heads));
        const Name v = heads(linear(h, at + "self_attn.v_proj"), z_.kv_heads);
        const Name y = node("scaled_dot_product_attention.default", {{"query", tensor(q)},
                                                                     {"key", tensor(k)},
                                                                     {"value", tensor(v)},
                                                                     {"is_causal", flag(true)}});
        const Name joined =
            node("reshape.default",
                 {{"self", tensor(swapped(y))},
                  {"shape", integers({1, -1, std::int64_t{z_.heads} * z_.head_dim})}});
        const Name after = two("add.Tensor", x, linear(joined, at + "self_attn.o_proj"));
        const Name g = norm(after, at + "post_attention_layernorm.weight");
        const Name silu = node("silu.default", {{"self", tensor(linear(g, at + "mlp.gate_proj"))}});
        const Name mid = two("mul.Tensor", silu, linear(g, at + "mlp.up_proj"));
        return two("add.Tensor", after, linear(mid, at + "mlp.down_proj"));
    }

    std::string file(const Name& logits) const {
        Json model;
        model["schema_version"] = {{"major", 8}, {"minor", 20}};
        Json& module = model["graph_module"];
        module["graph"]["nodes"] = nodes_;
        Json sizes = Json::array();
        sizes.push_back(integer(1));
        sizes.push_back({{"as_expr", {{"expr_str", "s0"}}}});
        module["graph"]["tensor_values"]["ids"] = {{"dtype", 5}, {"sizes", sizes}};
        module["signature"]["input_specs"] = inputs_;
        module["signature"]["output_specs"] = Json::array();
        module["signature"]["output_specs"].push_back({{"user_output", {{"arg", tensor(logits)}}}});
        Archive archive;
        archive.add("m/models/model.json", model.dump());
        archive.add("m/data/weights/model_weights_config.json", Json{{"config", config_}}.dump());
        for (const auto& [name, bytes] : data_)
            archive.add("m/data/weights/" + name, bytes);
        return archive.bytes();
    }

    const TinyShape& z_;
    const TinyWeights& w_;
    const Pt2Weights how_;
    Json nodes_ = Json::array(), inputs_ = Json::array(), config_ = Json::object();
    std::vector<std::pair<std::string, std::string>> data_;
    std::map<std::string, Name> weights_;
    Name cos_, sin_;
    int names_ = 0;
};

}  // namespace

std::string pt2_llama(const TinyShape& shape, const TinyWeights& weights, Pt2Weights how) {
    return Writer(shape, weights, how).run();
}

void round_to_integers(TinyWeights& weights, Pt2Weights how) {
    const float most = how == Pt2Weights::kInt4Blocks ? 7 : 127, step = step_of(how);
    for (auto& [name, t] : weights.tensors)
        if (t.shape.size() == 2 && name != "model.embed_tokens.weight")
            for (float& x : t.data)
                x = std::clamp(std::round(x / step), -most - 1, most) * step;
}

}  // namespace skald::test
