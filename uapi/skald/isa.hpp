// SPDX-License-Identifier: MIT
// The micro-op ISA: encodings, limits, data layouts. Which micro-op has which of them is the table of isa_table.hpp;
// arithmetic and faults are in uapi/doc/isa.md. These two headers are the only places where a number of the ISA is
// written down.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace skald::isa {

inline constexpr std::uint32_t k1_0 = 1u << 16;  // major << 16 | minor
inline constexpr std::uint32_t k1_1 = 1u << 16 | 1;
inline constexpr std::uint32_t k1_2 = 1u << 16 | 2;
inline constexpr std::uint32_t k1_3 = 1u << 16 | 3;
inline constexpr std::uint32_t k1_4 = 1u << 16 | 4;
inline constexpr std::uint32_t kVersion = k1_4;  // the card's; a container has the lowest that its program needs

// ---- Encoding -------------------------------------------------------------------------------------------------------

// Effective address = R[base] + offset + R[index] * stride, modulo 2^64. Register 0 reads 0.
// pitch: distance of rows in units of 16 bytes; 0 = dense rows.
struct Operand {
    std::uint64_t offset = 0;
    std::uint32_t stride = 0;
    std::uint8_t base = 0;
    std::uint8_t index = 0;
    std::uint16_t pitch = 0;
};
static_assert(sizeof(Operand) == 16);

inline constexpr std::size_t kOperands = 6;
inline constexpr std::size_t kDims = 4;
inline constexpr std::size_t kRegisters = 64;
inline constexpr std::uint8_t kRegZero = 0;   // reads 0, writes are dropped
inline constexpr std::uint8_t kRegArgs = 63;  // set to the argument block's address at job start

// Little-endian. What kOps does not name of a micro-op must be zero (fault ENCODING).
struct MicroOp {
    std::uint8_t opcode = 0;
    std::uint8_t flags = 0;
    std::uint8_t fmt = 0;   // data format: WeightFormat, KvFormat, QuantGroup, Width
    std::uint8_t aux = 0;   // AluOp, Condition, Activation, EndStatus, SignalOp
    std::uint8_t rd = 0;    // destination register
    std::uint8_t ra = 0;    // source registers
    std::uint8_t rb = 0;
    std::uint8_t rows = 0;  // register that holds the row count T
    std::array<std::uint32_t, kDims> dim{};
    std::uint64_t imm = 0;  // 64-bit immediate, or two f32: low word imm_f32(0), high word imm_f32(1)
    std::array<Operand, kOperands> op{};
};
static_assert(sizeof(MicroOp) == 128 && alignof(MicroOp) == 8);
constexpr float imm_f32(const MicroOp& op, unsigned i) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(op.imm >> (32 * i)));
}
// Columns that a norm takes together.
constexpr std::uint32_t norm_group(const MicroOp& op) { return op.dim[1] != 0 ? op.dim[1] : op.dim[0]; }
static_assert(offsetof(MicroOp, dim) == 8 && offsetof(MicroOp, imm) == 24 && offsetof(MicroOp, op) == 32);

enum class Opcode : std::uint8_t {
    Invalid = 0x00,  // zeroed memory is no program
    // Control
    End = 0x01,
    Alu = 0x02,
    Load = 0x03,
    Store = 0x04,
    Branch = 0x05,
    Loop = 0x06,
    Budget = 0x07,
    SemWait = 0x08,
    SemSignal = 0x09,
    TokenOut = 0x0a,
    // Memory
    Copy = 0x10,
    Gather = 0x11,
    GatherRows = 0x12,
    KvAppend = 0x13,
    RowStep = 0x14,
    // Quantise
    Quant = 0x20,
    Dequant = 0x21,
    // Matrix
    MatMul = 0x30,
    // Vector
    RmsNorm = 0x40,
    Add = 0x41,
    Glu = 0x42,
    Rope = 0x43,
    LayerNorm = 0x44,
    Mul = 0x45,
    Act = 0x46,
    Combine = 0x47,
    Conv = 0x48,
    // Attention
    Attention = 0x50,
    // Selection
    ArgMax = 0x60,
    Sample = 0x61,
    LogProb = 0x62,
    Route = 0x63,
    // Link
    Send = 0x70,
    Recv = 0x71,
    AllGather = 0x72,
    AllReduce = 0x73,
};

enum class AluOp : std::uint8_t { Mov = 1, Add, Sub, Mul, And, Or, Xor, Shl, Shr, Min, Max };  // unsigned 64-bit, wrap
enum class Condition : std::uint8_t { Always = 1, Equal, NotEqual, Below, AboveEqual };        // unsigned
enum class Width : std::uint8_t { U32 = 1, U64 = 2 };
enum class EndStatus : std::uint8_t { Done = 1, Continue = 2 };  // as enum skald_job_status
enum class SignalOp : std::uint8_t { Set = 1, Add = 2 };
// What ACT applies to every element, GLU to its gate; SwigluClamped is GLU's alone. All but Silu 1.2.
enum class Activation : std::uint8_t {
    Silu = 1, GeluTanh, GeluErf, Relu, Relu2, Sigmoid, Tanh, SoftCap, Clamp, Scale, SwigluClamped
};
enum class Score : std::uint8_t { Softmax = 1, Sigmoid = 2, SoftmaxChosen = 3 };  // of an expert
// Letters: I8, I4 integers of 8 and 4 bits, T2 ternary in 2 bits, B1 a sign in one, MX4 floats of 4 bits (e2m1); B32, B128 k per
// scale, Row one scale a row; A affine (a minimum beside each scale).
enum class WeightFormat : std::uint8_t {
    I8B32 = 1,
    I8B32A = 2,
    I8B128 = 3,
    I8B128A = 4,
    F16 = 8,
    F32 = 9,
    I4B32 = 16,
    I4B32A = 17,
    I4B128 = 18,
    I4B128A = 19,
    T2Row = 24,
    T2B128 = 25,
    B1Row = 26,
    MX4B32 = 32,
};
enum class KvFormat : std::uint8_t { F16 = 1, I8 = 2, F32 = 3 };
enum class QuantGroup : std::uint8_t { Block32 = 0, Row = 1 };  // activations that share a scale

// Flags, per opcode.
inline constexpr std::uint8_t kFlagImm = 1;         // Alu, Branch, SemWait, SemSignal: imm instead of R[rb] (Sem: R[ra])
inline constexpr std::uint8_t kFlagBias = 1;        // MatMul: add op[3]
inline constexpr std::uint8_t kFlagAccumulate = 2;  // MatMul: y = y + result
inline constexpr std::uint8_t kFlagXQ8 = 4;         // MatMul: x is already quantised: op[0] q, op[4] d, op[5] s
inline constexpr std::uint8_t kFlagGrouped = 8;     // MatMul: op[4] says which rows each expert has, weights are expert by expert
inline constexpr std::uint8_t kFlagIndexed = 16;    // MatMul: op[5] says which row of x each row is made of (only with GROUPED)
// Route: kFlagBias, added for the choice alone, and
inline constexpr std::uint8_t kFlagRenorm = 2;      // weights divided by their sum
inline constexpr std::uint8_t kFlagGroupSum2 = 4;   // a group's score is the sum of its best two, not its best
inline constexpr std::uint8_t kFlagMaskOut = 8;     // groups not kept are out of the question, not 0
inline constexpr std::uint8_t kFlagNoWeight = 1;    // Combine: sums without op[1]; kFlagAccumulate: onto y
inline constexpr std::uint8_t kFlagNoGain = 1;      // RmsNorm, LayerNorm: no op[1]
inline constexpr std::uint8_t kFlagGainRow = 2;     // RmsNorm, LayerNorm by groups: gain and bias are as wide as the row
inline constexpr std::uint8_t kFlagNormBias = 4;    // LayerNorm: add op[3]
inline constexpr std::uint8_t kFlagRow = 2;         // Mul: op[1] is one factor a row
inline constexpr std::uint8_t kFlagSequences = 1;   // RowStep: op[1] holds the sequences; stopped ones stay
inline constexpr std::uint8_t kFlagScale = 1;       // Gather, Add, Mul: imm_f32(0) is a factor
inline constexpr std::uint8_t kFlagPosition = 2;    // Gather: op[0] is a row table, the position says which row of weights
inline constexpr std::uint8_t kFlagConvBias = 1;    // Conv: one more row of w is added
inline constexpr std::uint8_t kFlagSoftCap = 1;     // Attention: op[5] says where scores are capped
inline constexpr std::uint8_t kFlagSinks = 2;       // Attention: op[5] holds a sink for each head
inline constexpr std::uint8_t kFlagPair = 1;        // AllGather: op[1] is gathered along with op[0]

// ---- Limits ---------------------------------------------------------------------------------------------------------

// A dimension above its limit faults ENCODING, a row count ROWS, a stop count VALUE. In elements unless said otherwise.

inline constexpr std::uint64_t kMaxRows = 65536;      // T
inline constexpr std::uint32_t kMaxN = 1u << 24;      // outputs of a matmul, vocabulary
inline constexpr std::uint32_t kMaxK = 1u << 20;      // reduced length, row length
inline constexpr std::uint32_t kMaxHeads = 1024;
inline constexpr std::uint32_t kMaxHeadDim = 512;     // even
inline constexpr std::uint32_t kMaxExperts = 1024;
inline constexpr std::uint32_t kMaxChosen = 32;       // experts of a row
inline constexpr std::uint32_t kMaxKeyDim = 576;      // even; of keys with values of another width (1.2)
inline constexpr std::uint32_t kMaxTaps = 16;         // of a convolution (1.2)
inline constexpr std::uint32_t kMaxRepeat = 1024;     // of a row by COPY (1.2)
inline constexpr std::uint32_t kMaxRanks = 65535;     // cards that are linked (1.3); numbers of ranks are below it
inline constexpr std::uint32_t kMaxExchange = 1u << 26;  // bytes of a row that is exchanged (1.3)
inline constexpr std::uint32_t kMaxStop = 16;         // stop tokens per sequence
inline constexpr std::uint32_t kSampleBest = 1024;    // candidates top-p and min-p choose from

// In cycles of this clock modelled time is counted, whatever the clock of the modelled chip.
inline constexpr double kClockHz = 1e9;

// ---- Data layouts ---------------------------------------------------------------------------------------------------

// All layouts are little-endian; f16 is IEEE binary16, f32 binary32.

// Row table, at a multiple of 8, one entry per row of a ragged batch: which sequence, at which position.
struct Row {
    std::uint32_t sequence;
    std::uint32_t position;
};
static_assert(sizeof(Row) == 8);

// Sequence table, at a multiple of 8, indexed by Row::sequence. SAMPLE reads it, TOKEN_OUT updates remaining and flags.
struct Sequence {
    std::uint64_t seed;           // Philox key
    std::uint64_t request;        // high half of the Philox counter; the low half is the position
    float temperature;            // 0: the best token (arg-max)
    std::uint32_t top_k;          // 0: off
    float top_p;                  // 1: off
    float min_p;                  // 0: off
    float repeat_penalty;         // 1: off
    std::uint32_t repeat_last_n;  // tokens of history the penalty looks at
    std::uint32_t remaining;      // tokens still wanted; TOKEN_OUT counts it down
    std::uint32_t flags;          // kSequence*
    std::uint32_t n_stop;         // entries of stop[] in use, at most kMaxStop
    std::uint32_t reserved;       // 0
    std::uint32_t stop[kMaxStop]; // tokens that end the sequence
    std::uint64_t reserved2;      // 0
};
static_assert(sizeof(Sequence) == 128);
inline constexpr std::uint32_t kSequenceStopped = 1;  // no more tokens of this sequence are put out

// Weight tiles: 16 rows (lanes) x tile_k columns, described by kWeights. A matrix [N,K] is ceil(N/16) row tiles; a row tile is
// row_header bytes, then its ceil(K/tile_k) tiles, adjacent. Matrices are 64-byte aligned. Padding rows and k: zero scale, zero minimum
// and zero weight (the data that stands for it), 0.0 for floats.
inline constexpr std::uint32_t kTileRows = 16;
inline constexpr std::uint32_t kTileK = 64;      // k of a chunk of data, and of a tile with blocks of 32
inline constexpr std::uint32_t kQuantBlock = 32; // activations that share a scale with QuantGroup::Block32

// A chunk is the data of 16 rows x 64 k. Any byte is valid. r = row, k = column within the chunk.
//   I8   u8 [k/4 0..15][r][k%4]
//   I4   u8 [b 0..1][j 0..3][r][i 0..3]: low nibble k = 32 b + 4 j + i, high nibble k = 32 b + 16 + 4 j + i
//   T2   u8 [j 0..3][r][i 0..3]: bits 2 f, 2 f + 1 (f = 0..3) are k = 16 f + 4 j + i
//   B1   u8 [j 0..1][r][i 0..3]: bit f (f = 0..7) is k = 32 j + 4 f + i
// The code found there stands for an unsigned number u: itself, or WeightInfo::numbers[code].
// Weight: symmetric scale * (u - zero), with the format's zero; affine scale * u + minimum.
using ChunkI8 = std::uint8_t[kTileK / 4][kTileRows][4];
using ChunkI4 = std::uint8_t[2][4][kTileRows][4];
using ChunkT2 = std::uint8_t[4][kTileRows][4];
using ChunkB1 = std::uint8_t[2][kTileRows][4];

// e2m1: bit 3 is the sign, the others 0, 0.5, 1, 1.5, 2, 3, 4, 6; counted in halves, as 12 +- that.
inline constexpr std::uint8_t kNumbersE2M1[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
inline constexpr std::uint8_t kNumbersSign[2] = {0, 2};  // minus the scale, plus the scale

// A tile has two blocks along k and begins with their f16 scales; an affine one has the f16 minima next. With B32 it is one chunk, with B128
// four (k ascending). Formats of one scale a row have none in their tiles: the row tile's header is f32 scale[16].
template <class Chunk, std::size_t Chunks>
struct Tile {
    std::uint16_t scale[2][kTileRows];
    Chunk data[Chunks];
};
template <class Chunk, std::size_t Chunks>
struct AffineTile {
    std::uint16_t scale[2][kTileRows];
    std::uint16_t minimum[2][kTileRows];
    Chunk data[Chunks];
};
struct TileI8B32 {
    std::uint16_t scale[2][kTileRows];
    std::uint8_t data[kTileK / 4][kTileRows][4];
};
using TileI8B32A = AffineTile<ChunkI8, 1>;
using TileI8B128 = Tile<ChunkI8, 4>;
using TileI8B128A = AffineTile<ChunkI8, 4>;
using TileI4B32 = Tile<ChunkI4, 1>;
using TileI4B32A = AffineTile<ChunkI4, 1>;
using TileI4B128 = Tile<ChunkI4, 4>;
using TileI4B128A = AffineTile<ChunkI4, 4>;
using TileT2B128 = Tile<ChunkT2, 4>;
struct TileT2Row {
    ChunkT2 data;
};
struct TileB1Row {
    ChunkB1 data;
};
// Four blocks: the scale of exponent e is 2^(e - 128), for numbers count halves; 255 is no scale, but a fault.
inline constexpr std::uint8_t kBadExponent = 255;
struct TileMX4B32 {
    std::uint8_t exponent[4][kTileRows];
    ChunkI4 data[2];
};
static_assert(sizeof(TileI8B32) == 1088 && offsetof(TileI8B32, data) == 64 && sizeof(TileI8B32A) == 1152);
static_assert(sizeof(TileI8B128) == 4160 && sizeof(TileI8B128A) == 4224);
static_assert(sizeof(TileI4B32) == 576 && sizeof(TileI4B32A) == 640 && sizeof(TileI4B128) == 2112 && sizeof(TileI4B128A) == 2176);
static_assert(sizeof(TileT2Row) == 256 && sizeof(TileT2B128) == 1088 && offsetof(TileI4B32A, data) == 128);
static_assert(sizeof(TileB1Row) == 128 && sizeof(TileMX4B32) == 1088);
// F16, F32: element (row, k) at index k * 16 + row.
struct TileF16 {
    std::uint16_t data[kTileK][kTileRows];
};
struct TileF32 {
    float data[kTileK][kTileRows];
};
static_assert(sizeof(TileF16) == 2048 && sizeof(TileF32) == 4096);

enum class ScaleKind : std::uint8_t { None, F16, Exponent, Row };  // floats have none; f16 or u8 by block; f32 by row

struct WeightInfo {
    WeightFormat format;
    std::string_view name;     // in listings, reports and options
    std::uint8_t bits;         // of a weight's code
    bool integer;              // multiplied with quantised activations
    ScaleKind scale;
    bool affine;
    std::uint8_t zero;         // the number that stands for weight 0 of a symmetric integer format
    std::uint32_t block;       // k per scale; 0: none or one a row
    std::uint32_t tile_k;
    std::uint32_t tile_bytes;
    std::uint32_t row_header;  // bytes at the start of a row tile
    QuantGroup group;          // how MATMUL quantises x
    std::uint32_t since;       // version of the ISA
    std::span<const std::uint8_t> numbers = {};  // of each code; empty: a code is its number
};
inline constexpr auto kWeights = [] {
    using enum WeightFormat;
    using K = ScaleKind;
    using enum QuantGroup;
    return std::to_array<WeightInfo>({
        {I8B32, "i8b32", 8, true, K::F16, false, 128, 32, 64, sizeof(TileI8B32), 0, Block32, k1_0},
        {I8B32A, "i8b32a", 8, true, K::F16, true, 0, 32, 64, sizeof(TileI8B32A), 0, Block32, k1_1},
        {I8B128, "i8b128", 8, true, K::F16, false, 128, 128, 256, sizeof(TileI8B128), 0, Block32, k1_1},
        {I8B128A, "i8b128a", 8, true, K::F16, true, 0, 128, 256, sizeof(TileI8B128A), 0, Block32, k1_1},
        {F16, "f16", 16, false, K::None, false, 0, 0, 64, sizeof(TileF16), 0, Block32, k1_0},
        {F32, "f32", 32, false, K::None, false, 0, 0, 64, sizeof(TileF32), 0, Block32, k1_0},
        {I4B32, "i4b32", 4, true, K::F16, false, 8, 32, 64, sizeof(TileI4B32), 0, Block32, k1_1},
        {I4B32A, "i4b32a", 4, true, K::F16, true, 0, 32, 64, sizeof(TileI4B32A), 0, Block32, k1_1},
        {I4B128, "i4b128", 4, true, K::F16, false, 8, 128, 256, sizeof(TileI4B128), 0, Block32, k1_1},
        {I4B128A, "i4b128a", 4, true, K::F16, true, 0, 128, 256, sizeof(TileI4B128A), 0, Block32, k1_1},
        {T2Row, "t2row", 2, true, K::Row, false, 1, 0, 64, sizeof(TileT2Row), 64, Row, k1_1},
        {T2B128, "t2b128", 2, true, K::F16, false, 1, 128, 256, sizeof(TileT2B128), 0, Block32, k1_1},
        {B1Row, "b1row", 1, true, K::Row, false, 1, 0, 64, sizeof(TileB1Row), 64, Row, k1_2, kNumbersSign},
        {MX4B32, "mxfp4", 4, true, K::Exponent, false, 12, 32, 128, sizeof(TileMX4B32), 0, Block32, k1_2, kNumbersE2M1},
    });
}();

constexpr const WeightInfo* find_weight(std::uint8_t fmt) {
    for (const WeightInfo& info : kWeights)
        if (static_cast<std::uint8_t>(info.format) == fmt) return &info;
    return nullptr;
}
constexpr const WeightInfo& weight_info(WeightFormat f) { return *find_weight(static_cast<std::uint8_t>(f)); }  // f is one of the enum
// Bytes of a tile, of a row tile (16 rows of k), of a matrix [n,k].
constexpr std::uint64_t tile_bytes(WeightFormat f) { return weight_info(f).tile_bytes; }
constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }
constexpr std::uint64_t row_tile_bytes(WeightFormat f, std::uint64_t k) {
    const WeightInfo& info = weight_info(f);
    return info.row_header + ceil_div(k, info.tile_k) * info.tile_bytes;
}
constexpr std::uint64_t matrix_bytes(WeightFormat f, std::uint64_t n, std::uint64_t k) {
    return ceil_div(n, kTileRows) * row_tile_bytes(f, k);
}

// KV cache: a pool of blocks, block b at pool + b * block_bytes (dim[3] of KV_APPEND and ATTENTION). A block holds 64
// positions of every layer; the layer's part begins at the operand's own offset (index register * stride).
// Per KV head h at h * kv_head_bytes:  K: 4 tiles of 16 positions, f16 k[tile][d][position % 16], d < k_dim
//                                      V: f16 v[position % 64][d], d < v_dim
// F16 as above; F32 (1.4) the same with f32.
// I8 (k_dim and v_dim multiples of 4), value = scale * (byte - 128) for K, scale * byte for V:
//   K: 4 tiles of 16 positions, u8 k[tile][d/4][position % 16][d%4];  V: i8 v[position % 64][d];  f32 k_scale[64];  f32 v_scale[64]
inline constexpr std::uint32_t kKvPositions = 64;
inline constexpr std::uint32_t kKvTile = 16;
inline constexpr std::uint32_t kAttentionChunk = 256;  // absolute positions merged at a time
// Elements of a head's keys and of its values, as dim[2] of KV_APPEND and ATTENTION has them: k_dim | v_dim << 16, v_dim 0 (all
// there was before 1.2) being as many as k_dim.
struct HeadDims {
    std::uint32_t k;
    std::uint32_t v;
};
constexpr HeadDims head_dims(std::uint32_t dim) {
    return {dim & 0xffff, dim >> 16 != 0 ? dim >> 16 : dim & 0xffff};
}
// Operand 5 of ATTENTION (1.2), at a multiple of 64; with SINKS f32 sink[heads] follow.
struct AttentionParams {
    float soft_cap;              // with SOFT_CAP: finite and above 0
    std::uint32_t reserved[15];  // 0
};
static_assert(sizeof(AttentionParams) == 64);
// Bytes of an element of a key or a value.
constexpr std::uint32_t kv_element_bytes(KvFormat f) { return f == KvFormat::I8 ? 1 : f == KvFormat::F16 ? 2 : 4; }
// Bytes of 64 positions, keys and values: of one KV head, of all KV heads of a layer.
constexpr std::uint64_t kv_head_bytes(KvFormat f, const HeadDims& dims) {
    const std::uint64_t both = (std::uint64_t{dims.k} + dims.v) * kv_element_bytes(f);
    return kKvPositions * (both + (f == KvFormat::I8 ? 2 * sizeof(float) : 0));
}
constexpr std::uint64_t kv_layer_bytes(KvFormat f, std::uint64_t kv_heads, const HeadDims& dims) {
    return kv_heads * kv_head_bytes(f, dims);
}
constexpr std::uint64_t kv_layer_bytes(KvFormat f, std::uint64_t kv_heads, std::uint32_t head_dim) {
    return kv_layer_bytes(f, kv_heads, HeadDims{head_dim, head_dim});
}
// CONV's inputs (1.2) lie in blocks as well, 64 positions of a layer: f32 x[position % 64][C].
constexpr std::uint64_t conv_layer_bytes(std::uint64_t width) { return kKvPositions * width * sizeof(float); }
// Block table: u32 block[sequence][pitch * 4], entry p / 64 is the block of position p.

// Rotary table: f32 [position][rot_dim]: rot_dim/2 cosines, then rot_dim/2 sines, number i of both of the angle by which
// the pair (i, i + rot_dim/2) of a head is turned at that position: position * theta^(-2i/rot_dim) where a model scales nothing.

}  // namespace skald::isa
