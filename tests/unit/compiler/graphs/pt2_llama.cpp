// SPDX-License-Identifier: MIT
#include "pt2_llama.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "stored_zip.hpp"

namespace skald::test {
namespace {

using Name = std::string;
using Arguments = std::vector<std::pair<std::string, Json>>;

void put(std::string& out, std::uint64_t value, int bytes) {
    for (int b = 0; b < bytes; ++b, value >>= 8)
        out.push_back(static_cast<char>(value));
}

Json tensor(const Name& name) {
    return {{"as_tensor", {{"name", name}}}};
}
Json symbol(const Name& name) {
    return {{"as_sym_int", {{"as_name", name}}}};
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
    Writer(const TinyShape& shape, const TinyWeights& weights, Pt2Weights how, const Pt2Form& form)
        : z_(shape), w_(weights), how_(how), form_(form) {}

    std::string run() {
        inputs_.push_back({{"user_input", {{"arg", tensor("ids")}}}});
        node("sym_size.int", {{"self", tensor("ids")}, {"dim", integer(1)}}, "as_sym_int", "s0");
        if (form_.cache != Pt2Cache::kNone)
            positions_of_cache();
        if (form_.vmapped)
            vmapped_mask();
        if (form_.angles != Pt2Angles::kReal)
            complex_angles();
        else if (form_.wrapped)
            wrapped_angles();
        else
            angles(frequencies(), "s0");
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

    Name frequencies() {
        std::vector<float> f;
        for (std::uint32_t i = 0; i < z_.head_dim / 2; ++i)
            f.push_back(static_cast<float>(
                std::pow(z_.rope_theta, -2.0 * static_cast<double>(i) / z_.head_dim)));
        return parameter("frequencies", {1, f.size()}, f);
    }

    // [1, tokens, head_dim]
    void angles(const Name& frequencies, const Name& tokens) {
        const Name at = node("arange.default", {{"end", symbol(tokens)}});
        const Name column = node("unsqueeze.default", {{"self", tensor(at)}, {"dim", integer(1)}});
        const Name half = two("mul.Tensor", column, frequencies);
        const Name both = node("cat.default",
                               {{"tensors", {{"as_tensors", {{{"name", half}}, {{"name", half}}}}}},
                                {"dim", integer(-1)}});
        cos_ = node("cos.default", {{"self", tensor(both)}});
        sin_ = node("sin.default", {{"self", tensor(both)}});
    }

    // [1, tokens, head_dim / 2], complex.
    void complex_angles() {
        if (form_.angles == Pt2Angles::kComplexTable) {
            const std::uint64_t pairs = z_.head_dim / 2;
            std::vector<float> table;
            for (std::uint32_t p = 0; p < z_.context; ++p)
                for (std::uint32_t i = 0; i < pairs; ++i) {
                    const double angle = p * std::pow(z_.rope_theta, -2.0 * i / z_.head_dim);
                    table.push_back(static_cast<float>(std::cos(angle)));
                    table.push_back(static_cast<float>(std::sin(angle)));
                }
            std::string bytes(table.size() * sizeof(float), '\0');
            std::memcpy(bytes.data(), table.data(), bytes.size());
            const Name all = parameter("freqs_cis", {z_.context, pairs}, 10, std::move(bytes));
            cos_ = node("slice.Tensor", {{"self", tensor(all)},
                                         {"dim", integer(0)},
                                         {"start", integer(0)},
                                         {"end", symbol("s0")}});
            return;
        }
        const Name at = node("arange.default", {{"end", symbol("s0")}});
        const Name column = node("unsqueeze.default", {{"self", tensor(at)}, {"dim", integer(1)}});
        const Name angle = two("mul.Tensor", column, frequencies());
        const Name turn = node("polar.default", {{"abs", tensor(constant_like(angle, number(1)))},
                                                 {"angle", tensor(angle)}});
        cos_ = node("to.dtype", {{"self", tensor(turn)}, {"dtype", {{"as_scalar_type", 10}}}});
    }

    // Pairs of a head as complex numbers, turned by a product.
    Name turned_by_product(const Name& x) {
        const std::int64_t half = z_.head_dim / 2;
        const auto viewed = [&](const Name& of, const std::vector<std::int64_t>& shape) {
            return node("reshape.default", {{"self", tensor(of)}, {"shape", integers(shape)}});
        };
        const auto swapped_last = [&](const Name& of) {
            return node("transpose.int",
                        {{"self", tensor(of)}, {"dim0", integer(-1)}, {"dim1", integer(-2)}});
        };
        const std::int64_t heads = heads_of_.at(x);
        const Name pairs = swapped_last(viewed(x, {1, heads, -1, 2, half}));
        const Name numbers = node("view_as_complex.default", {{"self", tensor(pairs)}});
        const Name product = two("mul.Tensor", numbers, unsqueezed(cos_, 0));
        const Name real = node("view_as_real.default", {{"self", tensor(product)}});
        return viewed(swapped_last(real), {1, heads, -1, 2 * half});
    }

    // ---- a cache of a fixed size ----

    void positions_of_cache() {
        inputs_.push_back({{"user_input", {{"arg", tensor("cache_position")}}}});
        const Name keys = node("arange.default", {{"end", integer(z_.context)}});
        seen_ = two("le.Tensor", unsqueezed(keys, 0), unsqueezed("cache_position", 1));
    }

    // [queries, keys], by position those behind it: a function of two numbers.
    void vmapped_mask() {
        const auto book = [&](const char* what, const std::vector<Json>& arguments,
                              const char* kind = "as_tensor") {
            Arguments unnamed;
            for (const Json& a : arguments)
                unnamed.emplace_back("", a);
            return node(std::string("torch._functorch.predispatch.") + what, unnamed, kind);
        };
        const auto of_rank = [&](const Name& x, std::size_t rank) {
            ranks_[x] = rank;
            return x;
        };
        const Name at = node("arange.default", {{"end", symbol("s0")}});
        std::vector<Name> one;
        for (const std::int64_t level : {1, 2}) {
            book("_vmap_increment_nesting", {symbol("s0"), Json{{"as_string", "error"}}},
                 "as_none");
            one.push_back(
                of_rank(book("_add_batch_dim", {tensor(at), integer(0), integer(level)}), 0));
        }
        const Name below = of_rank(two("le.Tensor", one[1], one[0]), 0);
        const Name all = of_rank(
            node("new_ones.default", {{"self", tensor(one[0])}, {"size", integers({})}}), 0);
        Name seen = of_rank(two("__and__.Tensor", all, below), 0);
        for (const std::int64_t level : {2, 1}) {
            seen = of_rank(
                book("_remove_batch_dim", {tensor(seen), integer(level), symbol("s0"), integer(0)}),
                static_cast<std::size_t>(3 - level));
            book("_vmap_decrement_nesting", {}, "as_none");
            unsqueezed(seen, 0);  // which nobody reads
        }
        seen_ = seen;
    }

    Name kept(const Name& x, const std::string& buffer) {
        const Name room =
            parameter(buffer, {1, z_.kv_heads, z_.context, z_.head_dim},
                      std::vector<float>(std::size_t{z_.kv_heads} * z_.context * z_.head_dim));
        if (form_.cache == Pt2Cache::kInPlace)
            return node("index_copy_.default", {{"self", tensor(room)},
                                                {"dim", integer(2)},
                                                {"index", tensor("cache_position")},
                                                {"source", tensor(x)}});
        const Json none = {{"as_none", true}}, at = {{"as_tensor", {{"name", "cache_position"}}}};
        const Name whole =
            node("index_put.default", {{"self", tensor(room)},
                                       {"indices", {{"as_optional_tensors", {none, none, at}}}},
                                       {"values", tensor(x)}});
        changed_.emplace_back(buffer, whole);
        return whole;
    }

    // As torch.no_grad() and torch.autocast() leave what is computed under them.
    void wrapped_angles() {
        const Name f = frequencies();
        Json outside = std::exchange(nodes_, Json::array());
        angles("inner_frequencies", "inner_tokens");
        Json graph;
        graph["nodes"] = std::exchange(nodes_, std::move(outside));
        graph["inputs"] = Json::array({symbol("inner_tokens"), tensor("inner_frequencies")});
        graph["outputs"] = Json::array({tensor(cos_), tensor(sin_)});
        const auto argument = [](const Json& of) { return Json{{"name", ""}, {"arg", of}}; };
        const Json inputs = Json::array(
            {argument(flag(false)), argument({{"as_graph", {{"name", "g"}, {"graph", graph}}}}),
             argument(symbol("s0")), argument(tensor(f))});
        cos_ = "outer_cosines";
        sin_ = "outer_sines";
        nodes_.push_back({{"target", "torch.ops.higher_order.wrap_with_set_grad_enabled"},
                          {"inputs", inputs},
                          {"outputs", Json::array({tensor(cos_), tensor(sin_)})},
                          {"name", "wrapped"}});
    }

    Name heads(const Name& x, std::int64_t n) {
        const Name split = node("view.default",
                                {{"self", tensor(x)}, {"size", integers({1, -1, n, z_.head_dim})}});
        const Name first = swapped(split);
        heads_of_[first] = n;
        return first;
    }
    Name swapped(const Name& x) {
        return node("transpose.int",
                    {{"self", tensor(x)}, {"dim0", integer(1)}, {"dim1", integer(2)}});
    }

    Name turned(const Name& x) {
        if (form_.angles != Pt2Angles::kReal)
            return turned_by_product(x);
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

    // ---- attention, taken apart ----

    Name constant_like(const Name& x, const Json& number) {
        return node("full_like.default", {{"self", tensor(x)}, {"fill_value", number}});
    }
    Name unsqueezed(const Name& x, std::int64_t dim) {
        return node("unsqueeze.default", {{"self", tensor(x)}, {"dim", integer(dim)}});
    }
    Name inverted(const Name& x) { return node("logical_not.default", {{"self", tensor(x)}}); }
    Name chosen(const Name& where, const Name& yes, const Name& no) {
        return node("where.self",
                    {{"condition", tensor(where)}, {"self", tensor(yes)}, {"other", tensor(no)}});
    }

    // [queries, keys]: what belongs to the same sequence and is not later.
    Name mask() {
        const Name at = node("arange.default", {{"end", symbol("s0")}});
        const Name row = unsqueezed(at, 0);
        const Name before =
            node("sub.Tensor", {{"self", tensor(node("slice.Tensor", {{"self", tensor(row)},
                                                                      {"dim", integer(1)},
                                                                      {"start", integer(0)},
                                                                      {"end", integer(1)}}))},
                                {"other", integer(1)}});
        const Name steps =
            node("diff.default",
                 {{"self", tensor(row)}, {"prepend", tensor(before)}, {"dim", integer(-1)}});
        const Name breaks = node("ne.Scalar", {{"self", tensor(steps)}, {"other", integer(1)}});
        const Name sequence =
            node("cumsum.default", {{"self", tensor(breaks)}, {"dim", integer(-1)}});
        const Name own = node("squeeze.dim", {{"self", tensor(sequence)}, {"dim", integer(0)}});
        const Name same = two("eq.Tensor", unsqueezed(own, 1), unsqueezed(own, 0));
        const Name seen =
            two("bitwise_and.Tensor", same, two("le.Tensor", unsqueezed(at, 0), unsqueezed(at, 1)));
        return chosen(seen, node("scalar_tensor.default", {{"s", number(0)}}),
                      node("scalar_tensor.default", {{"s", Json{{"as_float", "-Infinity"}}}}));
    }

    Name attention(const Name& q, const Name& k, const Name& v) {
        const Name keys = node("transpose.int",
                               {{"self", tensor(k)}, {"dim0", integer(2)}, {"dim1", integer(3)}});
        const Name products = two("matmul.default", q, keys);
        const Name scaled =
            node("mul.Scalar", {{"self", tensor(products)},
                                {"other", number(1 / std::sqrt(static_cast<float>(z_.head_dim)))}});
        const Name scores = two("add.Tensor", scaled, mask());
        Name x = scores;
        if (form_.softmax == Pt2Softmax::kWritten) {
            const auto over = [&](const char* how, const Name& of) {
                return node(
                    how, {{"self", tensor(of)}, {"dim", integers({-1})}, {"keepdim", flag(true)}});
            };
            const Name powers = node(
                "exp.default", {{"self", tensor(two("sub.Tensor", x, over("amax.default", x)))}});
            return two("matmul.default", two("div.Tensor", powers, over("sum.dim_IntList", powers)),
                       v);
        }
        if (form_.softmax == Pt2Softmax::kLifted) {
            const Name largest = "largest" + x, place = "place" + x;
            node("max.dim", {{"self", tensor(x)}, {"dim", integer(-1)}, {"keepdim", flag(true)}},
                 "as_tensor", largest);
            nodes_.back()["outputs"].push_back(tensor(place));
            x = two("sub.Tensor", x, largest);
        }
        Name p = node("_softmax.default", {{"self", tensor(x)}, {"dim", integer(-1)}});
        if (form_.softmax == Pt2Softmax::kGuarded) {
            const Name out = node("eq.Scalar", {{"self", tensor(scores)},
                                                {"other", Json{{"as_float", "-Infinity"}}}});
            const Name any = node(
                "any.dim",
                {{"self", tensor(inverted(out))}, {"dim", integer(-1)}, {"keepdim", flag(true)}});
            p = chosen(inverted(any), constant_like(p, integer(0)), p);
        }
        return two("matmul.default", p, v);
    }

    Name layer(const std::string& at, const Name& x) {
        const Name h = norm(x, at + "input_layernorm.weight");
        const Name q = turned(heads(linear(h, at + "self_attn.q_proj"), z_.heads));
        Name k = turned(heads(linear(h, at + "self_attn.k_proj"), z_.kv_heads));
        Name v = heads(linear(h, at + "self_attn.v_proj"), z_.kv_heads);
        if (form_.cache != Pt2Cache::kNone) {
            k = kept(k, at + "key_cache");
            v = kept(v, at + "value_cache");
        }
        const Name y = !seen_.empty() ? node(form_.attention, {{"query", tensor(q)},
                                                               {"key", tensor(k)},
                                                               {"value", tensor(v)},
                                                               {"attn_mask", tensor(seen_)}})
                       : form_.softmax == Pt2Softmax::kNone
                           ? node(form_.attention, {{"query", tensor(q)},
                                                    {"key", tensor(k)},
                                                    {"value", tensor(v)},
                                                    {"is_causal", flag(true)}})
                           : attention(q, k, v);
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
        for (const auto& [name, rank] : ranks_)
            module["graph"]["tensor_values"][name] = {
                {"dtype", 5}, {"sizes", std::vector<Json>(rank, integer(1))}};
        module["signature"]["input_specs"] = inputs_;
        module["signature"]["output_specs"] = Json::array();
        for (const auto& [buffer, value] : changed_)
            module["signature"]["output_specs"].push_back(
                {{"buffer_mutation", {{"arg", {{"name", value}}}, {"buffer_name", buffer}}}});
        if (form_.cache != Pt2Cache::kNone)
            module["graph"]["tensor_values"]["cache_position"] = {
                {"dtype", 5}, {"sizes", Json::array({{{"as_expr", {{"expr_str", "s0"}}}}})}};
        module["signature"]["output_specs"].push_back({{"user_output", {{"arg", tensor(logits)}}}});
        StoredZip archive;
        if (form_.old) {
            model["schema_version"] = {{"major", 7}, {"minor", 3}};
            archive.add("serialized_exported_program.json", model.dump());
            archive.add("serialized_state_dict.pt", state_dict());
            archive.add("serialized_constants.pt", "");
            archive.add("version", "7.3");
            return archive.bytes();
        }
        archive.add("m/models/model.json", model.dump());
        archive.add("m/data/weights/model_weights_config.json", Json{{"config", config_}}.dump());
        for (const auto& [name, bytes] : data_)
            archive.add("m/data/weights/" + name, bytes);
        return archive.bytes();
    }

    // As torch.save writes a dictionary of parameters.
    std::string state_dict() const {
        std::string pickle = "\x80\x02}(";
        const auto text = [&](const std::string& s) {
            pickle += 'X';
            put(pickle, s.size(), 4);
            pickle += s;
        };
        const auto whole = [&](std::uint64_t x) {
            pickle += 'J';
            put(pickle, x, 4);
        };
        const auto hooks = [&] { pickle += "ccollections\nOrderedDict\n)R"; };
        StoredZip archive;
        for (const auto& [name, entry] : config_.items()) {
            const std::string place = entry["path_name"];
            const auto data =
                std::ranges::find(data_, place, [](const auto& d) { return d.first; });
            const Json& meta = entry["tensor_meta"];
            const bool floats = meta["dtype"] == 7, complex = meta["dtype"] == 10;
            text(name);
            pickle += "ctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_tensor_v2\n((";
            text("storage");
            pickle += floats    ? "ctorch\nFloatStorage\n"
                      : complex ? "ctorch\nComplexFloatStorage\n"
                                : "ctorch\nCharStorage\n";
            text(place);
            text("cpu");
            whole(data->second.size() / (floats ? 4 : complex ? 8 : 1));
            pickle += "tQK";
            pickle += '\0';
            for (const char* key : {"sizes", "strides"}) {
                pickle += '(';
                for (const Json& d : meta[key])
                    whole(d["as_int"]);
                pickle += 't';
            }
            pickle += '\x89';
            hooks();
            pickle += "tR\x88";
            hooks();
            pickle += "tR";
            archive.add("archive/data/" + place, data->second);
        }
        archive.add("archive/data.pkl", pickle + "u.");
        archive.add("archive/byteorder", "little");
        return archive.bytes();
    }

    const TinyShape& z_;
    const TinyWeights& w_;
    const Pt2Weights how_;
    const Pt2Form form_;
    Json nodes_ = Json::array(), inputs_ = Json::array(), config_ = Json::object();
    std::vector<std::pair<std::string, std::string>> data_;
    std::map<std::string, Name> weights_;
    Name cos_, sin_;  // of complex angles the first alone
    Name seen_;       // the mask, where it is one for all layers
    std::map<Name, std::size_t> ranks_;
    std::map<Name, std::int64_t> heads_of_;
    std::vector<std::pair<std::string, Name>> changed_;  // buffers
    int names_ = 0;
};

}  // namespace

std::string pt2_llama(const TinyShape& shape, const TinyWeights& weights, Pt2Weights how,
                      const Pt2Form& form) {
    return Writer(shape, weights, how, form).run();
}

void round_to_integers(TinyWeights& weights, Pt2Weights how) {
    const float most = how == Pt2Weights::kInt4Blocks ? 7 : 127, step = step_of(how);
    for (auto& [name, t] : weights.tensors)
        if (t.shape.size() == 2 && name != "model.embed_tokens.weight")
            for (float& x : t.data)
                x = std::clamp(std::round(x / step), -most - 1, most) * step;
}

}  // namespace skald::test
