// SPDX-License-Identifier: MIT
// A checkpoint as a family reads it: configuration keys and tensors by role, whatever the format
// they are in. Keeps account of what was asked for, so that what nobody understood is refused by
// name: a checkpoint that is almost a Llama must not compile into nonsense.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "input/gguf.hpp"
#include "input/json.hpp"
#include "model/expression.hpp"
#include "model/packing.hpp"
#include "model/spec.hpp"

namespace skald::compiler {

// Which biases there are: as the configuration says, or as the tensors have them.
enum class Bias : std::uint8_t { kNo, kYes, kIfThere };

enum class SourceKind : std::uint8_t { kHuggingFace, kGguf };

// How rotary pairs lie in the rows of query and key matrices.
enum class Pairs : std::uint8_t { kHalves, kInterleaved };

// A key of the configuration as config.json has it, and as GGUF has it behind the architecture.
// Empty: there it has none.
struct Key {
    std::string_view hf, gguf;
};

// A tensor by role: its name in both, without ".weight" and ".bias"; "{}" is the layer, "{e}" an
// expert.
struct TensorName {
    std::string_view role, hf, gguf;
};

// What a family calls a key that others call otherwise.
struct Alias {
    std::string_view usual, own;
};

// Sizes most models have, by their usual keys.
struct Sizes {
    std::uint32_t layers = 0, hidden = 0, ffn = 0, heads = 0, kv_heads = 0, head_dim = 0,
                  vocabulary = 0, context = 0;
};

class Source {
  public:
    using Find = std::function<const Tensor*(const std::string& name)>;

    // For models that are only a shape: makes what is asked for.
    using Make =
        std::function<const Tensor*(const std::string& name, std::span<const std::uint64_t> shape)>;

    struct Tensors {
        Find find;
        std::vector<std::string> names;  // all there are
    };

    // `names` and `aliases` go before the usual ones. What is given must outlive the source.
    Source(std::string file, const JsonObject& config, Tensors tensors);
    Source(const Gguf& gguf, std::string architecture);
    Source(std::string file, const JsonObject& config, Make make);

    void use(std::span<const TensorName> names, std::span<const Alias> aliases, Pairs pairs);
    // Changes every tensor that is asked for.
    void adapt(std::function<Expr(const std::string& name, const Expr& e)> adapter) {
        adapt_ = std::move(adapter);
    }
    Pairs pairs() const { return pairs_; }

    SourceKind kind() const { return gguf_ ? SourceKind::kGguf : SourceKind::kHuggingFace; }
    bool is_gguf() const { return gguf_ != nullptr; }
    bool is_random() const { return static_cast<bool>(make_); }
    const std::string& file() const { return file_; }
    const JsonObject& json() const { return *config_; }  // of a Hugging Face folder
    const Gguf& gguf() const { return *gguf_; }          // of a GGUF file

    // ---- configuration; nullopt: the key is missing, or null ----

    std::optional<std::uint32_t> maybe_u32(Key key) const;
    std::optional<float> maybe_f32(Key key) const;
    std::optional<bool> maybe_flag(Key key) const;
    std::optional<std::string> maybe_text(Key key) const;
    std::optional<std::vector<std::uint64_t>> maybe_numbers(Key key) const;
    std::optional<std::vector<std::string>> maybe_texts(Key key) const;
    std::uint32_t u32(Key key) const;  // these refuse a model without
    float f32(Key key) const;
    bool has(Key key) const;

    // Whether there are biases: as config.json says, or as the tensors of a GGUF file have them.
    Bias biases(std::string_view hf_key, bool otherwise = false) const;

    // Keys that are known and make no difference here.
    void skip(std::initializer_list<std::string_view> keys) const;
    // A switch that is only supported as it mostly stands.
    void only(Key key, bool value) const;
    void only_text(Key key, std::string_view value) const;
    [[noreturn]] void reject(Key key, std::string_view what) const;

    // ---- tensors ----

    // Of all layers or of one; of an expert. Throws CompileError naming what is missing or of
    // another shape.
    Expr matrix(std::string_view role, std::uint64_t n, std::uint64_t k, std::uint32_t layer = 0);
    Expr vector(std::string_view role, std::uint64_t n, std::uint32_t layer = 0);
    Expr bias(std::string_view role, std::uint64_t n, std::uint32_t layer = 0);
    // As it is called, nothing added to the name.
    Expr plain(std::string_view role, std::span<const std::uint64_t> shape, std::uint32_t layer = 0,
               std::uint32_t expert = 0);
    // A tensor with dimensions before rows, which become rows; with or without ".weight".
    Expr stacked(std::string_view role, std::span<const std::uint64_t> shape, std::uint32_t layer);
    // Bytes that are no weights by themselves.
    const Tensor& raw(std::string_view role, std::span<const std::uint64_t> shape,
                      std::uint32_t layer);
    bool has_plain(std::string_view role, std::uint32_t layer) const {
        return find(role, "", layer) != nullptr;
    }
    Expr of_expert(std::string_view role, std::uint64_t n, std::uint64_t k, std::uint32_t layer,
                   std::uint32_t expert);
    const Tensor* find(std::string_view role, std::string_view suffix, std::uint32_t layer = 0,
                       std::uint32_t expert = 0) const;
    bool has_weight(std::string_view role, std::uint32_t layer = 0) const;
    bool has_bias(std::string_view role, std::uint32_t layer = 0) const;
    std::string name_of(std::string_view role, std::uint32_t layer = 0,
                        std::uint32_t expert = 0) const;
    // The tensor that is called so, nullptr if there is none.
    const Tensor* maybe_weight(std::string_view role) const;
    // Tensors that are known and make no difference: names that end, or begin so.
    void skip_tensors(std::string_view part);

    // Throws CompileError naming a key or tensor that nobody asked for and that says something.
    void refuse_unread(std::uint32_t layers) const;

  private:
    std::string key_of(Key key) const;
    std::string with_prefix(std::string name) const;
    const Tensor* take(const std::string& name) const;
    Expr shaped(const std::string& name, std::span<const std::uint64_t> shape) const;
    Expr stored(const std::string& name, std::span<const std::uint64_t> shape) const;
    Expr unpacked(const Tensor& tensor, const std::string& name,
                  std::span<const std::uint64_t> shape) const;

    std::string file_;
    const JsonObject* config_ = nullptr;
    const Gguf* gguf_ = nullptr;
    std::string architecture_;
    Tensors tensors_;
    std::set<std::string, std::less<>> all_;  // names of tensors
    Packing packing_;
    Make make_;
    std::function<Expr(const std::string&, const Expr&)> adapt_;
    std::string prefix_;  // before "model." where a language model is part of something larger
    std::span<const TensorName> names_;
    std::span<const Alias> aliases_;
    Pairs pairs_ = Pairs::kHalves;
    bool strip_ = false;  // names are without "transformer."
    mutable std::set<std::string, std::less<>> used_;
    std::vector<std::string> skipped_;
};

}  // namespace skald::compiler
