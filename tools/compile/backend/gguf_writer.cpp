// SPDX-License-Identifier: MIT
#include "backend/gguf_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>

#include "backend/encode_row.hpp"
#include "backend/output_file.hpp"
#include "error.hpp"
#include "input/half.hpp"
#include "model/names.hpp"
#include "model/rope.hpp"
#include "ordered_pipeline.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint32_t kMagic = 0x46554747, kVersion = 3;
constexpr std::uint64_t kAlign = 32;  // GGUF's default
constexpr std::uint64_t kPieceBytes = 4u << 20;

constexpr std::uint64_t aligned(std::uint64_t at) {
    return (at + kAlign - 1) / kAlign * kAlign;
}

isa::WeightFormat format_of(DType type) {
    switch (type) {
        case DType::kQ8_0:
            return isa::WeightFormat::I8B32;
        case DType::kQ4_0:
            return isa::WeightFormat::I4B32;
        case DType::kQ4_1:
            return isa::WeightFormat::I4B32A;
        case DType::kTQ2_0:
            return isa::WeightFormat::T2Row;
        case DType::kF16:
            return isa::WeightFormat::F16;
        default:
            return isa::WeightFormat::F32;
    }
}

template <typename T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), p, p + sizeof value);
}

void append_text(std::vector<std::byte>& out, std::string_view text) {
    append(out, std::uint64_t{text.size()});
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    out.insert(out.end(), p, p + text.size());
}

// Blocks of 256 weights, two bits each, byte i of a half has those of i, i + 32, i + 64, i + 96;
// then the scale, which is the row's in all of them.
void append_ternary(std::vector<std::byte>& out, const EncodedRow& row) {
    constexpr std::size_t kBlock = 256, kHalf = 128, kQuarter = 32;
    for (std::size_t block = 0; block < row.u.size(); block += kBlock) {
        std::array<std::uint8_t, kBlock / 4> bytes{};
        for (std::size_t k = 0; k < kBlock; ++k)
            bytes[k / kHalf * kQuarter + k % kQuarter] |=
                static_cast<std::uint8_t>(row.u[block + k] << k % kHalf / kQuarter * 2);
        append(out, bytes);
        append(out, f32_to_f16(row.row_scale));
    }
}

// An encoded row as GGUF's blocks.
void append_row(std::vector<std::byte>& out, DType type, const EncodedRow& row) {
    if (type == DType::kF16) {
        for (const float w : row.floats)
            append(out, f32_to_f16(w));
        return;
    }
    if (type == DType::kTQ2_0) {
        append_ternary(out, row);
        return;
    }
    for (std::size_t b = 0; b < row.scale.size(); ++b) {
        append(out, row.scale[b]);
        if (type == DType::kQ4_1)
            append(out, row.minimum[b]);
        const std::uint8_t* u = row.u.data() + b * isa::kQuantBlock;
        if (type == DType::kQ8_0)
            for (std::size_t i = 0; i < isa::kQuantBlock; ++i)
                append(out, static_cast<std::uint8_t>(u[i] ^ 0x80));
        else
            for (std::size_t i = 0; i < isa::kQuantBlock / 2; ++i)
                append(out, static_cast<std::uint8_t>(u[i] | u[i + isa::kQuantBlock / 2] << 4));
    }
}

// Metadata values, counted.
class Metadata {
  public:
    void u32(std::string_view key, std::uint32_t value) { put(key, 4), append(bytes, value); }
    void f32(std::string_view key, float value) { put(key, 6), append(bytes, value); }
    void flag(std::string_view key, bool value) { put(key, 7), append(bytes, std::uint8_t{value}); }
    void text(std::string_view key, std::string_view value) {
        put(key, 8), append_text(bytes, value);
    }

    template <typename Range, typename Append>
    void array(std::string_view key, std::uint32_t type, const Range& values, Append one) {
        put(key, 9);
        append(bytes, type);
        append(bytes, std::uint64_t{values.size()});
        for (const auto& value : values)
            one(value);
    }

    std::vector<std::byte> bytes;
    std::uint64_t count = 0;

  private:
    void put(std::string_view key, std::uint32_t type) {
        append_text(bytes, key);
        append(bytes, type);
        ++count;
    }
};

// Numbers of a weight format in a type of GGUF's: its counterpart, or f32.
struct Stored {
    isa::WeightFormat format;
    DType type;
    std::span<const float> energy;  // for the search of scales
};

struct Entry {
    Tensor tensor;
    Stored stored;
    std::uint64_t offset, bytes;  // of its data
};

class GgufWriter {
  public:
    GgufWriter(const Model& model, std::optional<DType> type, const Calibration* calibration)
        : model_(model), type_(type), calibration_(calibration) {
        if (model.config.architecture != "llama" || model.random_tensors.empty())
            fail("{}: a GGUF file is written of random models of type llama only, this is {}",
                 model.config.source, model.config.architecture);
        read_rope();
        each_matrix(model.spec,
                    [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
                        for (const Expr& e : m.of)
                            matrices_.try_emplace(e->name(), m.format, e->key());
                    });
        for (const Tensor* t : model.random_tensors)
            add(renamed(*t), stored_as(*t));
        if (!factors_.empty()) {
            Tensor t{"rope_freqs.weight", DType::kF32, {factors_.size()}, {}};
            t.data = std::as_bytes(std::span(factors_));
            add(t, kFloats);
        }
    }

    void write(unsigned threads, const std::filesystem::path& out) const {
        OutputFile file(out);
        const std::vector<std::byte> head = header();
        file.put_at(0, head);
        struct Piece {
            std::size_t entry;
            std::uint64_t first, rows;
        };
        std::vector<Piece> pieces;
        for (std::size_t e = 0; e < entries_.size(); ++e) {
            const std::uint64_t rows = entries_[e].tensor.rows();
            const std::uint64_t step =
                std::max<std::uint64_t>(1, kPieceBytes * rows / entries_[e].bytes);
            for (std::uint64_t r = 0; r < rows; r += step)
                pieces.push_back({e, r, std::min(step, rows - r)});
        }
        std::uint64_t end = head.size();
        ordered_pipeline<std::vector<std::byte>>(
            pieces.size(), threads,
            [&](std::size_t i) {
                const Entry& e = entries_[pieces[i].entry];
                return encode(e, pieces[i].first, pieces[i].rows);
            },
            [&](std::size_t i, std::vector<std::byte>&& bytes) {
                const Entry& e = entries_[pieces[i].entry];
                const std::uint64_t at =
                    head.size() + e.offset + pieces[i].first * (e.bytes / e.tensor.rows());
                file.put_at(at, bytes);
                end = at + bytes.size();
            });
        const std::vector<std::byte> padding(aligned(end) - end);
        file.put_at(end, padding);
        file.commit();
    }

  private:
    static constexpr Stored kFloats{isa::WeightFormat::F32, DType::kF32, {}};

    // By GGUF's name.
    static Tensor renamed(const Tensor& t) {
        Tensor out = t;
        for (const TensorName& n : kUsualNames)
            for (const std::string_view suffix : {".weight", ".bias"})
                if (const auto layer = layer_in(n.hf, suffix, t.name)) {
                    out.name = fmt::format(fmt::runtime(n.gguf), *layer);
                    if (n.role == "attn_post_norm")
                        continue;  // the same tensor is the next role's, as Llama has it
                    out.name += suffix;
                    return out;
                }
        fail("tensor {} has no name in GGUF files", t.name);
    }

    // The number that stands for "{}" (0 where there is none), if that is the name.
    static std::optional<std::uint32_t> layer_in(std::string_view pattern, std::string_view suffix,
                                                 std::string_view name) {
        if (!name.ends_with(suffix))
            return std::nullopt;
        name.remove_suffix(suffix.size());
        const std::size_t at = pattern.find("{}");
        if (at == pattern.npos)
            return name == pattern ? std::optional(0u) : std::nullopt;
        const std::string_view before = pattern.substr(0, at), after = pattern.substr(at + 2);
        if (!name.starts_with(before) || !name.ends_with(after))
            return std::nullopt;
        name = name.substr(before.size(), name.size() - before.size() - after.size());
        std::uint32_t layer = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
        return error == std::errc() && end == name.data() + name.size() ? std::optional(layer)
                                                                        : std::nullopt;
    }

    Stored stored_as(const Tensor& t) const {
        const auto matrix = matrices_.find(t.name);
        if (matrix == matrices_.end())
            return kFloats;
        const isa::WeightFormat format = type_ ? format_of(*type_) : matrix->second.first;
        const DType wanted = type_.value_or(gguf_counterpart(format));
        const bool whole = row_bytes(wanted, t.row_length()).has_value();
        return {format, whole ? wanted : DType::kF32,
                calibration_ ? calibration_->of(matrix->second.second) : std::span<const float>()};
    }

    void add(const Tensor& tensor, const Stored& stored) {
        const std::uint64_t bytes = tensor_bytes(stored.type, tensor.shape).value_or(0);
        const std::uint64_t at =
            entries_.empty() ? 0 : aligned(entries_.back().offset + entries_.back().bytes);
        entries_.push_back({tensor, stored, at, bytes});
    }

    static std::vector<std::byte> encode(const Entry& e, std::uint64_t first, std::uint64_t rows) {
        std::vector<std::byte> out;
        out.reserve(rows * (e.bytes / e.tensor.rows()));
        RowEncoder encoder(e.stored.format, e.stored.energy);
        std::vector<float> floats(e.tensor.row_length());
        for (std::uint64_t r = first; r < first + rows; ++r) {
            const EncodedRow& row = encoder.encode(e.tensor, r);
            if (e.stored.type == DType::kF32) {
                encoder.decode(floats);
                const auto bytes = std::as_bytes(std::span(floats));
                out.insert(out.end(), bytes.begin(), bytes.end());
            } else {
                append_row(out, e.stored.type, row);
            }
        }
        return out;
    }

    const Attention& attention() const {
        return std::get<Attention>(model_.spec.layers.front().mixer);
    }

    // The configuration has frequencies; GGUF a base, and factors where the base alone does not do.
    void read_rope() {
        const std::vector<double>& f = model_.spec.rotary.front().frequencies;
        if (f.size() > 1 && f[0] == 1)
            theta_ = static_cast<float>(std::pow(f[1], -static_cast<double>(f.size())));
        const std::vector<double> plain = rope_frequencies(theta_, attention().k_dim);
        std::vector<float> factors;
        bool differ = false;
        for (std::size_t i = 0; i < f.size(); ++i) {
            factors.push_back(static_cast<float>(plain[i] / f[i]));
            differ |= std::abs(plain[i] / f[i] - 1) > 1e-6;
        }
        if (differ)
            factors_ = std::move(factors);
    }

    std::vector<std::byte> header() const {
        Metadata m;
        metadata(m);
        std::vector<std::byte> out;
        append(out, kMagic);
        append(out, kVersion);
        append(out, std::uint64_t{entries_.size()});
        append(out, m.count);
        out.insert(out.end(), m.bytes.begin(), m.bytes.end());
        for (const Entry& e : entries_) {
            append_text(out, e.tensor.name);
            append(out, static_cast<std::uint32_t>(e.tensor.shape.size()));
            for (auto d = e.tensor.shape.rbegin(); d != e.tensor.shape.rend(); ++d)
                append(out, *d);
            append(out, info_of(e.stored.type).gguf);
            append(out, e.offset);
        }
        out.resize(aligned(out.size()));
        return out;
    }

    void metadata(Metadata& m) const {
        const DecoderSpec& d = model_.spec;
        const Attention& a = attention();
        m.text("general.architecture", "llama");
        m.text("general.name", model_.config.name);
        m.u32("general.quantization_version", 2);
        m.u32("llama.block_count", static_cast<std::uint32_t>(d.layers.size()));
        m.u32("llama.context_length", d.context);
        m.u32("llama.embedding_length", d.hidden);
        m.u32("llama.feed_forward_length",
              std::get<FeedForward>(d.layers.front().ffn).up.weight.n());
        m.u32("llama.attention.head_count", a.heads);
        m.u32("llama.attention.head_count_kv", a.kv_heads);
        m.u32("llama.attention.key_length", a.k_dim);
        m.u32("llama.attention.value_length", a.k_dim);
        if (a.window != 0)
            m.u32("llama.attention.sliding_window", a.window);
        m.f32("llama.attention.layer_norm_rms_epsilon", d.output_norm.eps);
        m.f32("llama.rope.freq_base", theta_);
        m.u32("llama.rope.dimension_count", a.k_dim);
        m.u32("llama.vocab_size", d.vocabulary);
        const rt::TokenizerSpec& t = model_.tokenizer;
        m.text("tokenizer.ggml.model", "llama");
        m.array("tokenizer.ggml.tokens", 8, t.pieces,
                [&](const auto& p) { append_text(m.bytes, p.text); });
        m.array("tokenizer.ggml.scores", 6, t.pieces,
                [&](const auto& p) { append(m.bytes, p.score); });
        m.array("tokenizer.ggml.token_type", 5, t.pieces,
                [&](const auto& p) { append(m.bytes, static_cast<std::int32_t>(p.kind)); });
        m.u32("tokenizer.ggml.bos_token_id", t.bos_id);
        m.u32("tokenizer.ggml.eos_token_id", t.eos_ids.front());
        m.u32("tokenizer.ggml.unknown_token_id", t.unknown_id);
        m.flag("tokenizer.ggml.add_bos_token", true);
    }

    const Model& model_;
    const std::optional<DType> type_;
    const Calibration* calibration_;
    float theta_ = 10000;
    std::vector<float> factors_;
    std::map<std::string, std::pair<isa::WeightFormat, std::string>> matrices_;  // and their keys
    std::vector<Entry> entries_;
};

}  // namespace

DType gguf_counterpart(isa::WeightFormat format) {
    for (const DType type :
         {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kTQ2_0, DType::kF16, DType::kF32})
        if (format_of(type) == format)
            return type;
    return DType::kF32;
}

void write_gguf(const Model& model, std::optional<DType> type, unsigned threads,
                const std::filesystem::path& out, const Calibration* calibration) {
    GgufWriter(model, type, calibration).write(threads, out);
}

}  // namespace skald::compiler
