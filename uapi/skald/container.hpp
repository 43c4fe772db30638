// SPDX-License-Identifier: MIT
// The compiled-model container, `.skald`: a file that is mapped and used in place. Little-endian.
//
//   0      FileHeader
//   256    Section[n_sections]
//   ...    sections, each at an offset that is a multiple of kSectionAlign, in the order of the table, gaps zero
//
// A reader checks: magic, version major, file size, table inside the file, sections inside the file, in order and not
// overlapping, each required type exactly once, hashes. Unknown section types are ignored (a minor version may add some).
#pragma once

#include <cstddef>
#include <cstdint>

namespace skald::container {

inline constexpr std::uint64_t kMagic = 0x31304c444c414b53ull;  // "SKALDL01"
inline constexpr std::uint32_t kVersion = 1u << 16 | 2;         // major << 16 | minor
// A file has the lowest version that has all it uses: 1.0 unless it has a Chat (1.1) or a Shape section (1.2).
inline constexpr std::uint32_t kVersion1_0 = 1u << 16 | 0, kVersionOfChat = 1u << 16 | 1, kVersionOfShape = 1u << 16 | 2;
inline constexpr std::uint64_t kSectionAlign = 4096;
inline constexpr std::uint32_t kMaxSections = 64;

enum class SectionType : std::uint32_t {
    Model = 1,      // ModelInfo; required
    Program = 2,    // MicroOp[]; required: the decoder program of uapi/doc/program.md
    Weights = 3,    // weight image, loaded as it is at R[kWeights]; required unless there is a Shape
    Tokenizer = 4,  // skald/tokenizer.hpp; required
    Tensors = 5,    // TensorEntry[]: what lies where in the weight image
    Notes = 6,      // JSON for people: source, tool, options, quantisation error by tensor
    Chat = 7,       // JSON for programs, see below; since 1.1, only where the model has a template
    Shape = 8,      // ShapeInfo instead of Weights: nothing but times can be had of it; since 1.2
};

// The Chat section is one JSON object in UTF-8; readers ignore members they do not know:
//
//   {"templates": {"default": "{% for message in messages %}...", "tool_use": "..."},
//    "tokens": {"bos_token": "<s>", "eos_token": "</s>", ...}}
//
// Templates are Jinja as transformers renders it, as they are in the source; "tool_use" is for conversations with tools,
// "default" for all others, or for all if it is alone. Tokens are variables for the templates, by the text of a token.

struct FileHeader {
    std::uint64_t magic;
    std::uint32_t version;      // of the container
    std::uint32_t isa_version;  // isa::kVersion the program needs: same major, minor not above the card's
    std::uint64_t file_size;
    std::uint32_t n_sections;
    std::uint32_t header_bytes;  // sizeof(FileHeader)
    std::uint8_t content_hash[32];  // SHA-256 of the section table: names the whole content
    std::uint8_t reserved[192];  // 0
};
static_assert(sizeof(FileHeader) == 256);

struct Section {
    SectionType type;
    std::uint32_t reserved;  // 0
    std::uint64_t offset;    // from the start of the file
    std::uint64_t bytes;
    std::uint8_t sha256[32];  // of the section's bytes. Readers check all but Weights on opening; Weights on request
    std::uint64_t reserved2;  // 0
};
static_assert(sizeof(Section) == 64);

inline constexpr std::uint32_t kMaxStopIds = 16;

// What the runtime must know to lay out its buffers and run the program.
struct ModelInfo {
    std::uint32_t layers;
    std::uint32_t hidden;      // D
    std::uint32_t heads;
    std::uint32_t kv_heads;
    std::uint32_t head_dim;
    std::uint32_t ffn;         // H
    std::uint32_t vocabulary;  // V
    std::uint32_t context;     // positions a sequence may have: rows of the rotary table
    std::uint32_t max_rows;      // T of one step, at most
    std::uint32_t max_selected;  // S of one step, at most
    std::uint32_t max_sequences; // of a batch: capacity of tables the program indexes by sequence
    std::uint32_t blocks_per_sequence;  // row length of the block table, a multiple of 4
    std::uint64_t block_bytes;      // KV block of 64 positions, all layers
    std::uint64_t workspace_bytes;  // at R[kWork], 64-byte aligned
    std::uint64_t parameters;       // weights of the model, tied ones once
    std::uint32_t kv_format;        // isa::KvFormat
    std::uint32_t weight_format;    // isa::WeightFormat of most matrices
    std::uint32_t bos_id;           // kNoToken: none
    std::uint32_t n_stop;
    std::uint32_t stop[kMaxStopIds];  // end-of-sequence ids
    char architecture[32];   // zero-terminated, e.g. "llama"
    char name[64];           // zero-terminated, of the source
    // Sampling defaults of generation_config.json; NaN / 0 where the model says nothing
    float temperature;
    float top_p;
    float repeat_penalty;
    std::uint32_t top_k;
    std::uint32_t short_context;  // positions; a request that may pass them sets program::kModeLong. 0: none needs to
    // Of a model that is split among cards: how many have the same layers, how many stages there are, and whose file this
    // is: stage * tensor + part. All 0: it is not split.
    std::uint32_t tensor;
    std::uint32_t pipeline;
    std::uint32_t rank;
    std::uint8_t reserved[232];   // 0
};
static_assert(sizeof(ModelInfo) == 512 && offsetof(ModelInfo, block_bytes) == 48);
inline constexpr std::uint32_t kNoToken = 0xffffffffu;

// A model of which only the shape is known: its weights have addresses and no values.
struct ShapeInfo {
    std::uint64_t weight_bytes;  // of the image that there would be
    std::uint64_t reserved[7];   // 0
};
static_assert(sizeof(ShapeInfo) == 64);
inline constexpr std::uint64_t kMaxShapeBytes = std::uint64_t{1} << 44;

struct TensorEntry {
    char name[96];           // zero-terminated, as in the source where there is one
    std::uint64_t offset;    // in the weight image
    std::uint64_t bytes;
    std::uint32_t format;    // isa::WeightFormat of a tiled matrix [n,k], 0: plain f32 [n,k]
    std::uint32_t n;
    std::uint32_t k;
    std::uint32_t reserved;  // 0
};
static_assert(sizeof(TensorEntry) == 128);

}  // namespace skald::container
