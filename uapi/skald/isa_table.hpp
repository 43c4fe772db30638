// SPDX-License-Identifier: MIT
// The table of micro-ops: all there is to say of each but its arithmetic, which is in uapi/doc/isa.md. Checks of encodings,
// sizes of operands, work, listings, versions, the mistakes of the fault tests and fuzzers' programs follow from it.
#pragma once

#include "skald/isa_describe.hpp"

namespace skald::isa {

// ---- Enumerations ---------------------------------------------------------------------------------------------------

inline constexpr auto kStatuses = std::to_array<Choice>({choice(EndStatus::Done, "done"), choice(EndStatus::Continue, "continue")});
inline constexpr auto kAluOps = std::to_array<Choice>({
    {.value = static_cast<std::uint8_t>(AluOp::Mov), .name = "mov", .unused = kUseRa},
    choice(AluOp::Add, "add"),
    choice(AluOp::Sub, "sub"),
    choice(AluOp::Mul, "mul"),
    choice(AluOp::And, "and"),
    choice(AluOp::Or, "or"),
    choice(AluOp::Xor, "xor"),
    choice(AluOp::Shl, "shl"),
    choice(AluOp::Shr, "shr"),
    choice(AluOp::Min, "min"),
    choice(AluOp::Max, "max"),
});
inline constexpr auto kConditions = std::to_array<Choice>({
    {.value = static_cast<std::uint8_t>(Condition::Always), .name = "always", .unused = kUseRa | kUseRb, .bars = kFlagImm},
    choice(Condition::Equal, "=="),
    choice(Condition::NotEqual, "!="),
    choice(Condition::Below, "<"),
    choice(Condition::AboveEqual, ">="),
});
inline constexpr auto kWaits = std::to_array<Choice>({choice(Condition::Equal, "=="), choice(Condition::AboveEqual, ">=")});
inline constexpr auto kSignals = std::to_array<Choice>({choice(SignalOp::Set, "set"), choice(SignalOp::Add, "add")});
namespace detail {
constexpr Choice function(Activation f, std::string_view name, std::string_view p0, std::string_view p1 = {}) {
    Choice c = choice(f, name, k1_2);
    c.imm = p1.empty() ? List<ImmInfo, 2>{{.name = p0, .kind = Kind::F32}}
                       : List<ImmInfo, 2>{{.name = p0, .kind = Kind::F32}, {.name = p1, .kind = Kind::F32, .part = Part::High}};
    return c;
}
}  // namespace detail
inline constexpr auto kFunctions = std::to_array<Choice>({
    choice(Activation::Silu, "silu"),
    choice(Activation::GeluTanh, "gelu_tanh", k1_2),
    choice(Activation::GeluErf, "gelu_erf", k1_2),
    choice(Activation::Relu, "relu", k1_2),
    choice(Activation::Relu2, "relu2", k1_2),
    choice(Activation::Sigmoid, "sigmoid", k1_2),
    choice(Activation::Tanh, "tanh", k1_2),
    detail::function(Activation::SoftCap, "soft_cap", "cap"),
    detail::function(Activation::Clamp, "clamp", "lo", "hi"),
    detail::function(Activation::Scale, "scale", "s"),
});
inline constexpr auto kGates = [] {
    std::array<Choice, 7> all;
    for (std::size_t i = 0; i < 6; ++i) all[i] = kFunctions[i];
    all[6] = detail::function(Activation::SwigluClamped, "swiglu_clamped", "alpha", "limit");
    return all;
}();

inline constexpr auto kScores = std::to_array<Choice>({
    choice(Score::Softmax, "softmax"),
    choice(Score::Sigmoid, "sigmoid"),
    choice(Score::SoftmaxChosen, "softmax_chosen"),
});

inline constexpr auto kWidths = std::to_array<Choice>({choice(Width::U32, "u32"), choice(Width::U64, "u64")});
inline constexpr auto kKvFormats = std::to_array<Choice>(
    {choice(KvFormat::F16, "f16"), choice(KvFormat::I8, "i8", k1_1), choice(KvFormat::F32, "f32", k1_4)});
inline constexpr auto kGroups = std::to_array<Choice>({choice(QuantGroup::Block32, "block32"), choice(QuantGroup::Row, "row", k1_1)});
inline constexpr auto kWeightFormats = [] {
    std::array<Choice, kWeights.size()> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = choice(kWeights[i].format, kWeights[i].name, kWeights[i].since);
    return all;
}();
constexpr std::span<const Choice> formats(FmtKind kind) {
    constexpr std::span<const Choice> kByKind[] = {{}, kWidths, kWeightFormats, kKvFormats, kGroups};
    return kByKind[static_cast<std::size_t>(kind)];
}
constexpr const Choice* find_choice(std::span<const Choice> choices, std::uint8_t value) {
    for (const Choice& c : choices)
        if (c.value == value) return &c;
    return nullptr;
}

// ---- Sizes ----------------------------------------------------------------------------------------------------------

// Of GROUPED: bytes from an expert's weights to the next one's.
constexpr std::uint64_t expert_distance(const MicroOp& op) {
    return op.dim[3] != 0 ? op.dim[3] * std::uint64_t{64} : matrix_bytes(static_cast<WeightFormat>(op.fmt), op.dim[0], op.dim[1]);
}

namespace detail {

constexpr std::uint64_t one(const MicroOp&) { return 1; }
constexpr std::uint64_t none(const MicroOp&) { return 0; }
template <unsigned D>
constexpr std::uint64_t dim(const MicroOp& op) { return op.dim[D]; }
template <unsigned A, unsigned B>
constexpr std::uint64_t dims(const MicroOp& op) { return std::uint64_t{op.dim[A]} * op.dim[B]; }
// Elements of the keys, and of the values, of so many heads.
template <unsigned Heads>
constexpr std::uint64_t keys(const MicroOp& op) { return std::uint64_t{op.dim[Heads]} * head_dims(op.dim[2]).k; }
template <unsigned Heads>
constexpr std::uint64_t values(const MicroOp& op) { return std::uint64_t{op.dim[Heads]} * head_dims(op.dim[2]).v; }
template <unsigned D>
constexpr std::uint64_t words(const MicroOp& op) { return op.dim[D] / 4; }  // of so many bytes
constexpr std::uint64_t blocks_of(std::uint64_t k) { return ceil_div(k, kQuantBlock); }
template <unsigned D>
constexpr std::uint64_t padded(const MicroOp& op) { return blocks_of(op.dim[D]) * kQuantBlock; }

constexpr WeightFormat weights(const MicroOp& op) { return static_cast<WeightFormat>(op.fmt); }
constexpr std::uint64_t matrix(const MicroOp& op) { return matrix_bytes(weights(op), op.dim[0], op.dim[1]); }
constexpr std::uint64_t biases(const MicroOp& op) { return (op.flags & kFlagGrouped) != 0 ? dims<0, 2>(op) : op.dim[0]; }
template <unsigned D>
constexpr std::uint64_t offsets(const MicroOp& op) { return op.dim[D] + std::uint64_t{1}; }
// Scales of a row of activations: one for the row or one a block.
constexpr std::uint64_t quant_scales(const MicroOp& op) {
    return op.fmt == static_cast<std::uint8_t>(QuantGroup::Row) ? 1 : blocks_of(op.dim[0]);
}
constexpr std::uint64_t x_scales(const MicroOp& op) {
    return weight_info(weights(op)).group == QuantGroup::Row ? 1 : blocks_of(op.dim[1]);
}

constexpr std::uint64_t copies(const MicroOp& op) { return op.dim[1] != 0 ? op.dim[1] : 1; }
constexpr std::uint64_t copied(const MicroOp& op) { return (copies(op) - 1) * op.dim[2] + op.dim[0]; }
constexpr std::uint64_t conv_weights(const MicroOp& op) {
    return std::uint64_t{op.dim[0]} * (op.dim[1] + ((op.flags & kFlagConvBias) != 0 ? 1 : 0));
}
constexpr std::uint64_t attention_params(const MicroOp& op) {
    return sizeof(AttentionParams) + ((op.flags & kFlagSinks) != 0 ? 4ull * op.dim[0] : 0);
}
// Of a norm's gain and bias.
constexpr std::uint64_t gain_width(const MicroOp& op) { return (op.flags & kFlagGainRow) != 0 ? op.dim[0] : norm_group(op); }

// Of ALL_GATHER: cards that take part, and the number of this one's columns.
constexpr std::uint32_t parts_of(const MicroOp& op) { return op.dim[1] & 0xffff; }
constexpr std::uint32_t part_of(const MicroOp& op) { return op.dim[1] >> 16; }
template <unsigned D>
constexpr std::uint64_t gathered(const MicroOp& op) { return op.dim[D] / 4 * std::uint64_t{parts_of(op)}; }

// ---- Rules ----------------------------------------------------------------------------------------------------------

constexpr bool end_saves(const MicroOp& op) { return (op.imm & (1ull << kRegArgs | 1ull << kRegZero)) == 0; }
constexpr bool grouped(const MicroOp& op) { return (op.flags & kFlagGrouped) != 0; }
constexpr bool matmul_fits(const MicroOp& op) {
    if ((op.flags & kFlagXQ8) != 0 && !weight_info(weights(op)).integer) return false;
    return (op.flags & kFlagGrouped) == 0 || expert_distance(op) >= matrix(op);
}
constexpr bool finite(std::uint64_t f32) { return (f32 & 0x7f800000) != 0x7f800000; }
constexpr bool route_fits(const MicroOp& op) {
    const std::uint32_t experts = op.dim[0], chosen = op.dim[1], groups = op.dim[2] & 0xffff, kept = op.dim[2] >> 16;
    const bool sum2 = (op.flags & kFlagGroupSum2) != 0;
    if (!finite(op.imm) || !finite(op.imm >> 32) || chosen > experts) return false;
    if (groups == 0) return kept == 0 && (op.flags & (kFlagGroupSum2 | kFlagMaskOut)) == 0;
    return experts % groups == 0 && kept >= 1 && kept <= groups && experts / groups >= (sum2 ? 2 : 1) && chosen <= experts / groups * kept;
}
constexpr bool head_fits(const MicroOp& op) {  // I8 keys and values lie in fours
    const HeadDims dims = head_dims(op.dim[2]);
    const std::uint32_t multiple = op.fmt == static_cast<std::uint8_t>(KvFormat::I8) ? 4 : 2;
    return dims.k % multiple == 0 && dims.v % multiple == 0 && dims.v <= kMaxHeadDim;
}
constexpr bool heads_share(const MicroOp& op) { return op.dim[0] % op.dim[1] == 0 && head_fits(op); }
constexpr bool steps_over(const MicroOp& op) { return op.dim[1] == 0 ? op.dim[2] == 0 : op.dim[2] >= op.dim[0]; }
constexpr bool groups_divide(const MicroOp& op) {
    const bool by_groups = op.dim[1] != 0;
    const bool row_gain = (op.flags & kFlagGainRow) != 0;
    return (!by_groups || op.dim[0] % op.dim[1] == 0) && (!row_gain || (by_groups && (op.flags & kFlagNoGain) == 0));
}
// Of ADD, MUL, ACT and GLU, with bounds that some functions want. What is not used is 0.
constexpr bool parameters_finite(const MicroOp& op) { return finite(op.imm) && finite(op.imm >> 32); }
constexpr bool parameters_bounded(const MicroOp& op) {
    const auto is = [&](Activation f) { return op.aux == static_cast<std::uint8_t>(f); };
    return parameters_finite(op) && (!is(Activation::SoftCap) || imm_f32(op, 0) > 0) &&
           (!is(Activation::Clamp) || imm_f32(op, 0) <= imm_f32(op, 1)) &&
           (!is(Activation::SwigluClamped) || imm_f32(op, 1) > 0);
}
constexpr bool within_the_ranks(const MicroOp& op, std::uint32_t parts) { return op.dim[2] + parts <= kMaxRanks; }
constexpr bool gathers_its_part(const MicroOp& op) { return part_of(op) < parts_of(op) && within_the_ranks(op, parts_of(op)); }
constexpr bool reduces_ranks(const MicroOp& op) { return within_the_ranks(op, op.dim[1]); }
constexpr bool rotates_within(const MicroOp& op) { return op.dim[2] <= op.dim[1]; }

// ---- Work -----------------------------------------------------------------------------------------------------------

constexpr MacKind mac_kind(WeightFormat f) {
    const WeightInfo& info = weight_info(f);
    if (info.integer) return info.bits == 8 ? MacKind::Int8 : MacKind::Narrow;
    return info.bits == 16 ? MacKind::F16 : MacKind::F32;
}
constexpr std::uint64_t kv_position_bytes(const MicroOp& op) {  // of a KV head
    return kv_head_bytes(static_cast<KvFormat>(op.fmt), head_dims(op.dim[2])) / kKvPositions;
}

constexpr Work copy_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t in = n.rows * op.dim[0], out = n.rows * copies(op) * op.dim[0];
    return {.in = n.host_in ? 0 : in, .out = n.host_out ? 0 : out, .host = (n.host_in ? in : 0) + (n.host_out ? out : 0)};
}
constexpr Work gather_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t k = op.dim[1];
    return {.weights = n.rows * ceil_div(k * weight_info(weights(op)).bits, 8), .in = n.rows * 4, .out = n.rows * 4 * k};
}
constexpr Work gather_rows_work(const MicroOp& op, const Counts& n) {
    return {.in = n.rows * (std::uint64_t{op.dim[0]} + 4), .out = n.rows * op.dim[0]};
}
constexpr Work kv_append_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t heads = n.rows * op.dim[0];
    const HeadDims dims = head_dims(op.dim[2]);
    const std::uint64_t elements = heads * (std::uint64_t{dims.k} + dims.v);
    return {.vec = elements, .kv = heads * kv_position_bytes(op), .in = 4 * elements};
}
constexpr Work quant_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t k = op.dim[0];
    return {.vec = n.rows * k, .in = n.rows * 4 * k, .out = n.rows * (k + k / 4)};
}
constexpr Work dequant_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t k = op.dim[0];
    return {.vec = n.rows * k, .in = n.rows * (k + k / 4), .out = n.rows * 4 * k};
}
constexpr Work matmul_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t k = op.dim[1];
    const std::uint64_t inputs = n.inputs != 0 ? n.inputs : n.rows;
    const bool quantised = (op.flags & kFlagXQ8) != 0;
    const std::uint64_t y = n.rows * 4 * op.dim[0];
    return {.kind = mac_kind(weights(op)),
            .macs = n.rows * op.dim[0] * k,
            .vec = weight_info(weights(op)).integer && !quantised ? inputs * k : 0,
            .weights = n.experts * (matrix(op) + ((op.flags & kFlagBias) != 0 ? std::uint64_t{4} * op.dim[0] : 0)),
            .in = inputs * (quantised ? padded<1>(op) + 8 * x_scales(op) : 4 * k) +
                  ((op.flags & kFlagGrouped) != 0 ? 4 * offsets<2>(op) : 0) + ((op.flags & kFlagIndexed) != 0 ? 4 * n.rows : 0) +
                  ((op.flags & kFlagAccumulate) != 0 ? y : 0),
            .out = y,
            .rows = n.rows,
            .tiles = n.experts};
}
template <unsigned Vec>
constexpr Work norm_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    const std::uint64_t vectors = (op.flags & kFlagNoGain) == 0 ? 1 : 0;
    const std::uint64_t biases = (op.flags & kFlagNormBias) != 0 ? 1 : 0;
    return {.vec = Vec * elements, .weights = 4 * (vectors + biases) * gain_width(op), .in = 4 * elements, .out = 4 * elements};
}
constexpr Work add_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    return {.vec = elements, .in = 8 * elements, .out = 4 * elements};
}
constexpr Work mul_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    const std::uint64_t factors = (op.flags & kFlagRow) != 0 ? n.rows : elements;
    return {.vec = elements, .in = 4 * (elements + factors), .out = 4 * elements};
}
// Operations of a function on an element: those built on exp, the others.
constexpr std::uint64_t function_cost(const MicroOp& op) {
    const auto is = [&](Activation f) { return op.aux == static_cast<std::uint8_t>(f); };
    return is(Activation::Relu) || is(Activation::Relu2) || is(Activation::Clamp) || is(Activation::Scale) ? 2 : 8;
}
template <unsigned Inputs>
constexpr Work function_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    return {.vec = function_cost(op) * elements, .in = 4 * Inputs * elements, .out = 4 * elements};
}
constexpr Work rope_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0] * op.dim[2];
    return {.vec = 6 * elements, .weights = 4 * n.rows * op.dim[2], .in = 4 * elements, .out = 4 * elements};
}
// Operations for a score: scaled, the greatest found, exp of the difference, summed.
inline constexpr std::uint64_t kSoftmaxCost = 12;
constexpr Work attention_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t q = keys<0>(op);
    const std::uint64_t y = values<0>(op);
    return {.kind = MacKind::Attention,
            .macs = (q + y) * n.positions,
            .vec = kSoftmaxCost * op.dim[0] * n.positions + (op.fmt == static_cast<std::uint8_t>(KvFormat::I8) ? n.rows * q : 0),
            .kv = n.shared * op.dim[1] * kv_position_bytes(op),
            .in = 4 * n.rows * q,
            .out = 4 * n.rows * y};
}
constexpr Work conv_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    return {.vec = elements * (op.dim[1] + 1), .weights = 4 * conv_weights(op), .kv = 4 * elements * op.dim[1], .in = 4 * elements, .out = 4 * elements};
}
template <unsigned Vec>
constexpr Work selection_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0];
    return {.vec = Vec * elements, .in = 4 * elements, .out = 4 * n.rows};
}

constexpr Work route_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t chosen = n.rows * op.dim[1];
    return {.vec = 8 * n.rows * op.dim[0],
            .weights = (op.flags & kFlagBias) != 0 ? std::uint64_t{4} * op.dim[0] : 0,
            .in = 4 * n.rows * op.dim[0],
            .out = 4 * offsets<0>(op) + 12 * chosen};
}
constexpr Work row_step_work(const MicroOp& op, const Counts& n) {
    return {.vec = n.rows,
            .in = n.rows * (sizeof(Row) + ((op.flags & kFlagSequences) != 0 ? sizeof(Sequence) : 0)),
            .out = n.rows * sizeof(Row)};
}
constexpr Work token_out_work(const MicroOp&, const Counts& n) {
    return {.vec = n.rows * kMaxStop,
            .in = n.rows * (sizeof(std::uint32_t) + sizeof(Row) + sizeof(Sequence)),
            .out = n.rows * sizeof(Sequence),
            .host = n.tokens * kElements[static_cast<std::size_t>(Element::Token)].bytes};
}
constexpr Work combine_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t chosen = n.rows * op.dim[1], elements = n.rows * op.dim[0];
    const bool weighted = (op.flags & kFlagNoWeight) == 0, accumulate = (op.flags & kFlagAccumulate) != 0;
    return {.vec = chosen * op.dim[0],
            .in = 4 * chosen * op.dim[0] + chosen * (weighted ? 8 : 4) + (accumulate ? 4 * elements : 0),
            .out = 4 * elements};
}

constexpr Work send_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t bytes = n.rows * op.dim[0];
    return {.in = bytes, .sent = bytes};
}
constexpr Work recv_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t bytes = n.rows * op.dim[0];
    return {.out = bytes, .received = bytes};
}
constexpr Work all_gather_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t part = n.rows * (std::uint64_t{op.dim[0]} + op.dim[3]), others = part * (parts_of(op) - 1);
    return {.in = part, .out = others, .sent = others, .received = others};
}
// Round a ring, once to add and once to tell.
constexpr Work all_reduce_work(const MicroOp& op, const Counts& n) {
    const std::uint64_t elements = n.rows * op.dim[0], moved = 2 * ceil_div(4 * elements * (op.dim[1] - 1), op.dim[1]);
    return {.vec = elements, .in = 4 * elements, .out = 4 * elements, .sent = moved, .received = moved};
}

}  // namespace detail

// ---- The table ------------------------------------------------------------------------------------------------------

inline constexpr auto kOps = [] {
    using namespace detail;
    using enum Opcode;
    using enum Role;
    using enum Element;
    using enum Reach;
    using E = Engine;
    constexpr DimInfo kTarget{.at = 0, .name = "target", .min = 0, .kind = Kind::Target};
    constexpr DimInfo kN{.at = 0, .name = "N", .max = kMaxN};
    constexpr DimInfo kRowK{.at = 0, .name = "K", .max = kMaxK};  // of a row of f32
    constexpr DimInfo kGroup{.at = 1, .name = "G", .max = kMaxK, .min = 0, .since = k1_2};  // columns; 0: the whole row
    constexpr FlagInfo kNoGain{.bit = kFlagNoGain, .name = "no_gain", .since = k1_2};
    constexpr FlagInfo kGainRow{.bit = kFlagGainRow, .name = "gain_row", .since = k1_2};
    constexpr FlagInfo kScaleFlag{.bit = kFlagScale, .name = "scale", .since = k1_2};
    constexpr ImmInfo kScale{.name = "s", .kind = Kind::F32, .since = k1_2, .when = with(kFlagScale)};
    constexpr DimInfo kK{.at = 1, .name = "K", .max = kMaxK};
    constexpr DimInfo kKeyDim{.at = 2, .name = "k_dim", .max = kMaxKeyDim, .multiple = 2, .part = Part::Low};
    constexpr DimInfo kValueDim{.at = 2, .name = "v_dim", .max = kMaxHeadDim, .min = 0, .multiple = 2, .part = Part::High, .since = k1_2};
    constexpr DimInfo kBlockBytes{.at = 3, .name = "block_bytes", .multiple = 64};
    constexpr DimInfo kRowBytes{.at = 0, .name = "row bytes", .max = kMaxExchange, .multiple = 4};
    constexpr DimInfo kFirstRank{.at = 2, .name = "first", .max = kMaxRanks - 1, .min = 0};
    constexpr FlagInfo kImmForRb{.bit = kFlagImm, .name = "imm", .replaces = kUseRb};
    constexpr FlagInfo kImmForRa{.bit = kFlagImm, .name = "imm", .replaces = kUseRa};
    constexpr ImmInfo kImm{.name = "imm", .kind = Kind::Hex, .part = Part::Whole, .when = with(kFlagImm)};
    return std::to_array<OpInfo>({
        {.opcode = End, .name = "end", .engine = E::Control,
         .aux = kStatuses,
         .imm = {{.name = "save", .kind = Kind::Registers, .part = Part::Whole}},
         .rule = end_saves, .costs = false,
         .listing = "{aux}| save {imm}"},
        {.opcode = Alu, .name = "alu", .engine = E::Control, .registers = kUseRd | kUseRa | kUseRb,
         .aux = kAluOps, .flags = {kImmForRb}, .imm = {kImm},
         .costs = false,
         .listing = "{aux}\t{rd}|, {ra}|, {rb}|, {imm}"},
        {.opcode = Load, .name = "load", .engine = E::Control, .registers = kUseRd,
         .fmt = FmtKind::Width,
         .operands = {{0, "address", In, Word, One, one}},
         .costs = false, .order = Order::Load},
        {.opcode = Store, .name = "store", .engine = E::Control, .registers = kUseRa,
         .fmt = FmtKind::Width,
         .operands = {{0, "address", Out, Word, One, one}},
         .costs = false},
        {.opcode = Branch, .name = "branch", .engine = E::Control, .registers = kUseRa | kUseRb,
         .aux = kConditions, .flags = {kImmForRb}, .dims = {kTarget}, .imm = {kImm},
         .costs = false,
         .listing = "{target}| if {ra} {aux}| {rb}| {imm}"},
        {.opcode = Loop, .name = "loop", .engine = E::Control, .registers = kUseRd,
         .dims = {kTarget},
         .costs = false,
         .listing = "{target} while --{rd}"},
        {.opcode = Budget, .name = "budget", .engine = E::Control,
         .dims = {kTarget},
         .costs = false, .order = Order::Boundary,
         .listing = "{target} if used up"},
        {.opcode = SemWait, .name = "sem_wait", .engine = E::Control, .registers = kUseRa,
         .aux = kWaits, .flags = {kImmForRa}, .imm = {kImm},
         .operands = {{0, "semaphore", In, U64, One, one, {}, true}},
         .costs = false, .order = Order::Barrier},
        {.opcode = SemSignal, .name = "sem_signal", .engine = E::Control, .registers = kUseRa,
         .aux = kSignals, .flags = {kImmForRa}, .imm = {kImm},
         .operands = {{0, "semaphore", InOut, U64, One, one, {}, true}},
         .costs = false, .order = Order::Barrier},
        {.opcode = TokenOut, .name = "token_out", .engine = E::Control, .registers = kUseRd | kUseRa | kUseRb | kUseRows,
         .operands = {{0, "tokens", In, U32, Rows, one},
                      {1, "sequences", InOut, Element::Sequence, Entries, one},
                      {2, "ring", Out, Token, Entries, one, {}, true},
                      {3, "rows", In, Element::Row, Rows, one}},
         .whole = always,
         .work = token_out_work},

        {.opcode = Copy, .name = "copy", .engine = E::Memory, .registers = kUseRows,
         .dims = {{.at = 0, .name = "row bytes"},
                  {.at = 1, .name = "repeat", .max = kMaxRepeat, .min = 0, .since = k1_2},
                  {.at = 2, .name = "step", .min = 0, .since = k1_2}},
         .operands = {{0, "dst", Out, Byte, Rows, copied, {}, true}, {1, "src", In, Byte, Rows, dim<0>, {}, true}},
         .rule = steps_over,
         .work = copy_work},
        {.opcode = Gather, .name = "gather", .engine = E::Memory, .registers = kUseRows,
         .fmt = FmtKind::Weight,
         .flags = {{.bit = kFlagScale, .name = "scale", .since = k1_2}, {.bit = kFlagPosition, .name = "position", .since = k1_2}},
         .dims = {kN, kK},
         .imm = {{.name = "scale", .kind = Kind::F32, .when = with(kFlagScale)}},
         .operands = {{0, "ids", In, U32, Rows, one, without(kFlagPosition)},
                      {0, "rows", In, Element::Row, Rows, one, with(kFlagPosition)},
                      {1, "w", In, Tile, One, matrix},
                      {2, "y", Out, F32, Rows, dim<1>}},
         .work = gather_work},
        {.opcode = GatherRows, .name = "gather_rows", .engine = E::Memory, .registers = kUseRows | kUseRa,
         .dims = {{.at = 0, .name = "row bytes", .multiple = 4}},
         .operands = {{0, "index", In, U32, Rows, one}, {1, "x", In, U32, EntryRows, words<0>}, {2, "y", Out, U32, Rows, words<0>}},
         .work = gather_rows_work},
        {.opcode = KvAppend, .name = "kv_append", .engine = E::Memory, .registers = kUseRows | kUseRb,
         .fmt = FmtKind::Kv,
         .dims = {{.at = 0, .name = "kv_heads", .max = kMaxHeads}, kKeyDim, kValueDim, kBlockBytes},
         .operands = {{0, "k", In, F32, Rows, keys<0>},
                      {1, "v", In, F32, Rows, values<0>},
                      {2, "pool", Out, Block, Entries, dim<3>},
                      {3, "rows", In, Element::Row, Rows, one},
                      {4, "blocks", In, U32, EntryPitched, none}},
         .rule = head_fits,
         .work = kv_append_work},
        {.opcode = RowStep, .name = "row_step", .engine = E::Memory, .registers = kUseRows,
         .flags = {{.bit = kFlagSequences, .name = "sequences", .since = k1_1}},
         .imm = {{.name = "imm", .kind = Kind::Number}},
         .operands = {{0, "rows", InOut, Element::Row, Rows, one},
                      {1, "sequences", In, Element::Sequence, Entries, one, with(kFlagSequences)}},
         .work = row_step_work},

        {.opcode = Quant, .name = "quant", .engine = E::Quantise, .registers = kUseRows,
         .fmt = FmtKind::Group,
         .dims = {kRowK},
         .operands = {{0, "x", In, F32, Rows, dim<0>},
                      {1, "q", Out, I8, Rows, padded<0>},
                      {2, "d", Out, F32, Rows, quant_scales},
                      {3, "s", Out, I32, Rows, quant_scales}},
         .work = quant_work},
        {.opcode = Dequant, .name = "dequant", .engine = E::Quantise, .registers = kUseRows,
         .fmt = FmtKind::Group,
         .dims = {kRowK},
         .operands = {{0, "q", In, I8, Rows, padded<0>}, {1, "d", In, F32, Rows, quant_scales}, {2, "y", Out, F32, Rows, dim<0>}},
         .work = dequant_work},

        {.opcode = MatMul, .name = "matmul", .engine = E::Matrix, .registers = kUseRows,
         .fmt = FmtKind::Weight,
         .flags = {{.bit = kFlagBias, .name = "bias"},
                   {.bit = kFlagAccumulate, .name = "accumulate"},
                   {.bit = kFlagXQ8, .name = "xq8"},
                   {.bit = kFlagGrouped, .name = "grouped", .since = k1_2, .bars = kFlagXQ8},
                   {.bit = kFlagIndexed, .name = "indexed", .since = k1_2, .names = kUseRa, .needs = kFlagGrouped}},
         .dims = {kN, kK,
                  {.at = 2, .name = "experts", .max = kMaxExperts, .when = with(kFlagGrouped)},
                  {.at = 3, .name = "distance", .min = 0, .when = with(kFlagGrouped)}},
         .operands = {{0, "x", In, F32, Rows, dim<1>, without(kFlagXQ8 | kFlagIndexed)},
                      {0, "q", In, I8, Rows, padded<1>, with(kFlagXQ8)},
                      {0, "x", In, F32, Counted, dim<1>, with(kFlagIndexed)},
                      {1, "w", In, Tile, One, matrix, without(kFlagGrouped)},
                      {1, "w", In, Tile, Entries, matrix, with(kFlagGrouped)},
                      {2, "y", InOut, F32, Rows, dim<0>, {}, false, nullptr, kFlagAccumulate},
                      {3, "bias", In, F32, One, biases, with(kFlagBias)},
                      {4, "d", In, F32, Rows, x_scales, with(kFlagXQ8)},
                      {4, "offsets", In, U32, One, offsets<2>, with(kFlagGrouped)},
                      {5, "s", In, I32, Rows, x_scales, with(kFlagXQ8)},
                      {5, "list", In, U32, Dense, one, with(kFlagIndexed)}},
         .rule = matmul_fits,
         .whole = grouped,
         .work = matmul_work},

        {.opcode = RmsNorm, .name = "rms_norm", .engine = E::Vector, .registers = kUseRows,
         .flags = {kNoGain, kGainRow},
         .dims = {kRowK, kGroup},
         .imm = {{.name = "eps", .kind = Kind::F32}},
         .operands = {{0, "x", In, F32, Rows, dim<0>},
                      {1, "gain", In, F32, One, gain_width, without(kFlagNoGain)},
                      {2, "y", Out, F32, Rows, dim<0>}},
         .rule = groups_divide,
         .work = norm_work<4>},
        {.opcode = LayerNorm, .name = "layer_norm", .engine = E::Vector, .since = k1_2, .registers = kUseRows,
         .flags = {kNoGain, kGainRow, {.bit = kFlagNormBias, .name = "bias", .since = k1_2}},
         .dims = {kRowK, kGroup},
         .imm = {{.name = "eps", .kind = Kind::F32}},
         .operands = {{0, "x", In, F32, Rows, dim<0>},
                      {1, "gain", In, F32, One, gain_width, without(kFlagNoGain)},
                      {2, "y", Out, F32, Rows, dim<0>},
                      {3, "bias", In, F32, One, gain_width, with(kFlagNormBias)}},
         .rule = groups_divide,
         .work = norm_work<6>},
        {.opcode = Add, .name = "add", .engine = E::Vector, .registers = kUseRows,
         .flags = {kScaleFlag},
         .dims = {kRowK},
         .imm = {kScale},
         .operands = {{0, "a", In, F32, Rows, dim<0>}, {1, "b", In, F32, Rows, dim<0>}, {2, "y", Out, F32, Rows, dim<0>}},
         .rule = parameters_finite,
         .work = add_work},
        {.opcode = Mul, .name = "mul", .engine = E::Vector, .since = k1_2, .registers = kUseRows,
         .flags = {kScaleFlag, {.bit = kFlagRow, .name = "row", .since = k1_2}},
         .dims = {kRowK},
         .imm = {kScale},
         .operands = {{0, "a", In, F32, Rows, dim<0>},
                      {1, "b", In, F32, Rows, dim<0>, without(kFlagRow)},
                      {1, "factor", In, F32, Rows, one, with(kFlagRow)},
                      {2, "y", Out, F32, Rows, dim<0>}},
         .rule = parameters_finite,
         .work = mul_work},
        {.opcode = Act, .name = "act", .engine = E::Vector, .since = k1_2, .registers = kUseRows,
         .aux = kFunctions,
         .dims = {kRowK},
         .operands = {{0, "x", In, F32, Rows, dim<0>}, {1, "y", Out, F32, Rows, dim<0>}},
         .rule = parameters_bounded,
         .work = function_work<1>},
        {.opcode = Glu, .name = "glu", .engine = E::Vector, .registers = kUseRows,
         .aux = kGates,
         .dims = {kRowK},
         .operands = {{0, "gate", In, F32, Rows, dim<0>}, {1, "up", In, F32, Rows, dim<0>}, {2, "y", Out, F32, Rows, dim<0>}},
         .rule = parameters_bounded,
         .work = function_work<2>},
        {.opcode = Rope, .name = "rope", .engine = E::Vector, .registers = kUseRows,
         .dims = {{.at = 0, .name = "heads", .max = kMaxHeads},
                  {.at = 1, .name = "head_dim", .max = kMaxHeadDim, .multiple = 2},
                  {.at = 2, .name = "rot_dim", .max = kMaxHeadDim, .multiple = 2},
                  {.at = 3, .name = "positions"}},
         .operands = {{0, "x", InOut, F32, Rows, dims<0, 1>},
                      {1, "table", In, F32, Table, dim<2>, {}, false, dim<3>},
                      {2, "rows", In, Element::Row, Rows, one}},
         .rule = rotates_within,
         .work = rope_work},

        {.opcode = Combine, .name = "combine", .engine = E::Vector, .since = k1_2, .registers = kUseRows | kUseRa,
         .flags = {{.bit = kFlagNoWeight, .name = "no_weight"}, {.bit = kFlagAccumulate, .name = "accumulate"}},
         .dims = {kRowK, {.at = 1, .name = "k", .max = kMaxChosen}},
         .operands = {{0, "x", In, F32, Counted, dim<0>},
                      {1, "weights", In, F32, Counted, one, without(kFlagNoWeight)},
                      {2, "slots", In, U32, Rows, dim<1>},
                      {3, "y", InOut, F32, Rows, dim<0>, {}, false, nullptr, kFlagAccumulate}},
         .work = combine_work},
        {.opcode = Conv, .name = "conv", .engine = E::Vector, .since = k1_2, .registers = kUseRows | kUseRb,
         .flags = {{.bit = kFlagConvBias, .name = "bias"}},
         .dims = {kRowK, {.at = 1, .name = "taps", .max = kMaxTaps}, kBlockBytes},
         .operands = {{0, "x", In, F32, Rows, dim<0>},
                      {1, "w", In, F32, One, conv_weights},
                      {2, "y", Out, F32, Rows, dim<0>},
                      {3, "rows", In, Element::Row, Rows, one},
                      {4, "blocks", In, U32, EntryPitched, none},
                      {5, "pool", InOut, Block, Entries, dim<3>}},
         .whole = always,
         .work = conv_work},

        {.opcode = Opcode::Attention, .name = "attention", .engine = E::Attention, .registers = kUseRows | kUseRb,
         .fmt = FmtKind::Kv,
         .flags = {{.bit = kFlagSoftCap, .name = "soft_cap", .since = k1_2}, {.bit = kFlagSinks, .name = "sinks", .since = k1_2}},
         .dims = {{.at = 0, .name = "heads", .max = kMaxHeads},
                  {.at = 1, .name = "kv_heads", .max = kMaxHeads},
                  kKeyDim,
                  kValueDim,
                  kBlockBytes},
         .imm = {{.name = "scale", .kind = Kind::F32}, {.name = "window", .kind = Kind::Number, .part = Part::High, .since = k1_1}},
         .operands = {{0, "q", In, F32, Rows, keys<0>},
                      {1, "pool", In, Block, Entries, dim<3>},
                      {2, "y", Out, F32, Rows, values<0>},
                      {3, "rows", In, Element::Row, Rows, one},
                      {4, "blocks", In, U32, EntryPitched, none},
                      {5, "params", In, Params, One, attention_params, with(kFlagSoftCap | kFlagSinks)}},
         .rule = heads_share,
         .work = attention_work},

        {.opcode = ArgMax, .name = "argmax", .engine = E::Selection, .registers = kUseRows,
         .dims = {kN},
         .operands = {{0, "logits", In, F32, Rows, dim<0>}, {1, "tokens", Out, U32, Rows, one}},
         .work = selection_work<4>},
        {.opcode = Sample, .name = "sample", .engine = E::Selection, .registers = kUseRows,
         .dims = {kN, {.at = 1, .name = "history"}},
         .operands = {{0, "logits", In, F32, Rows, dim<0>},
                      {1, "sequences", In, Element::Sequence, Entries, one},
                      {2, "tokens", Out, U32, Rows, one},
                      {3, "rows", In, Element::Row, Rows, one},
                      {4, "history", InOut, U32, EntryRows, dim<1>}},
         .work = selection_work<12>},
        {.opcode = LogProb, .name = "logprob", .engine = E::Selection, .registers = kUseRows,
         .dims = {kN},
         .operands = {{0, "logits", In, F32, Rows, dim<0>}, {1, "targets", In, U32, Rows, one}, {2, "y", Out, F32, Rows, one}},
         .work = selection_work<12>},
        {.opcode = Route, .name = "route", .engine = E::Selection, .since = k1_2, .registers = kUseRows,
         .aux = kScores,
         .flags = {{.bit = kFlagBias, .name = "bias"},
                   {.bit = kFlagRenorm, .name = "renorm"},
                   {.bit = kFlagGroupSum2, .name = "group_sum2"},
                   {.bit = kFlagMaskOut, .name = "mask_out"}},
         .dims = {{.at = 0, .name = "experts", .max = kMaxExperts},
                  {.at = 1, .name = "k", .max = kMaxChosen},
                  {.at = 2, .name = "groups", .max = kMaxExperts, .min = 0, .part = Part::Low},
                  {.at = 2, .name = "groups_kept", .max = kMaxExperts, .min = 0, .part = Part::High}},
         .imm = {{.name = "scale", .kind = Kind::F32}, {.name = "eps", .kind = Kind::F32, .part = Part::High, .when = with(kFlagRenorm)}},
         .operands = {{0, "logits", In, F32, Rows, dim<0>},
                      {1, "bias", In, F32, One, dim<0>, with(kFlagBias)},
                      {2, "offsets", Out, U32, One, offsets<0>},
                      {3, "list", Out, U32, Dense, dim<1>},
                      {4, "weights", Out, F32, Dense, dim<1>},
                      {5, "slots", Out, U32, Dense, dim<1>}},
         .rule = route_fits,
         .whole = always,
         .work = route_work},

        {.opcode = Send, .name = "send", .engine = E::Link, .since = k1_3, .registers = kUseRows | kUseRa,
         .dims = {kRowBytes, {.at = 1, .name = "to", .max = kMaxRanks - 1, .min = 0}},
         .operands = {{0, "x", In, U32, Rows, words<0>}},
         .whole = always,
         .work = send_work},
        {.opcode = Recv, .name = "recv", .engine = E::Link, .since = k1_3, .registers = kUseRows | kUseRa,
         .dims = {kRowBytes, {.at = 1, .name = "from", .max = kMaxRanks - 1, .min = 0}},
         .operands = {{0, "y", Out, U32, Rows, words<0>}},
         .whole = always,
         .work = recv_work},
        {.opcode = AllGather, .name = "all_gather", .engine = E::Link, .since = k1_3, .registers = kUseRows | kUseRa,
         .flags = {{.bit = kFlagPair, .name = "pair"}},
         .dims = {kRowBytes,
                  {.at = 1, .name = "parts", .max = kMaxRanks, .min = 2, .part = Part::Low},
                  {.at = 1, .name = "part", .max = kMaxRanks, .min = 0, .part = Part::High},
                  kFirstRank,
                  {.at = 3, .name = "pair bytes", .max = kMaxExchange, .multiple = 4, .when = with(kFlagPair)}},
         .operands = {{0, "y", InOut, U32, Rows, gathered<0>}, {1, "z", InOut, U32, Rows, gathered<3>, with(kFlagPair)}},
         .rule = gathers_its_part,
         .whole = always,
         .work = all_gather_work},
        {.opcode = AllReduce, .name = "all_reduce", .engine = E::Link, .since = k1_3, .registers = kUseRows | kUseRa,
         .dims = {kRowK, {.at = 1, .name = "parts", .max = kMaxRanks, .min = 2}, kFirstRank},
         .operands = {{0, "y", InOut, F32, Rows, dim<0>}},
         .rule = reduces_ranks,
         .whole = always,
         .timed_only = true,
         .work = all_reduce_work},
    });
}();

// ---- Questions ------------------------------------------------------------------------------------------------------

namespace detail {
// Of each opcode, the row's number plus 1; 0: none.
inline constexpr auto kOpRow = [] {
    std::array<std::uint8_t, 256> row{};
    static_assert(kOps.size() < row.size());
    for (std::size_t i = 0; i < kOps.size(); ++i) row[static_cast<std::uint8_t>(kOps[i].opcode)] = static_cast<std::uint8_t>(i + 1);
    return row;
}();
}  // namespace detail

constexpr const OpInfo* find_op(std::uint8_t opcode) {
    const std::size_t row = detail::kOpRow[opcode];
    return row == 0 ? nullptr : &kOps[row - 1];
}

// Flags that a micro-op has at all.
constexpr std::uint8_t flag_bits(const OpInfo& info) {
    std::uint8_t bits = 0;
    for (const FlagInfo& flag : info.flags) bits |= flag.bit;
    return bits;
}

// Whether these are flags of the micro-op that go together.
constexpr bool allows_flags(const OpInfo& info, unsigned flags) {
    if ((flags & ~std::uint32_t{flag_bits(info)}) != 0) return false;
    for (const FlagInfo& flag : info.flags)
        if ((flags & flag.bit) != 0 && ((flags & flag.needs) != flag.needs || (flags & flag.bars) != 0)) return false;
    return true;
}

// kUse* of a micro-op as its flags and aux have it.
constexpr unsigned registers_of(const OpInfo& info, const MicroOp& op) {
    unsigned used = info.registers;
    for (const FlagInfo& flag : info.flags)
        if ((op.flags & flag.bit) != 0) used = (used | flag.names) & ~flag.replaces;
    if (const Choice* choice = find_choice(info.aux, op.aux)) used &= ~choice->unused;
    return used;
}

// Operand i as its flags have it; null if there is none.
constexpr const OperandInfo* operand_of(const OpInfo& info, const MicroOp& op, std::size_t i) {
    for (const OperandInfo& operand : info.operands)
        if (operand.at == i && operand.when.holds(op)) return &operand;
    return nullptr;
}

// f(ImmInfo) for each part of imm that the micro-op has, in order.
template <class F>
constexpr void each_imm(const OpInfo& info, const MicroOp& op, F&& f) {
    for (const ImmInfo& imm : info.imm)
        if (imm.when.holds(op)) f(imm);
    if (const Choice* choice = find_choice(info.aux, op.aux))
        for (const ImmInfo& imm : choice->imm) f(imm);
}

// What a micro-op whose encoding is good does; of those without a cost, nothing.
constexpr Work work_of(const MicroOp& op, const Counts& counts) { return find_op(op.opcode)->work(op, counts); }

// The lowest version of the ISA that has a micro-op whose encoding is good.
constexpr std::uint32_t least_version(const MicroOp& op) {
    const OpInfo* info = find_op(op.opcode);
    if (info == nullptr) return kVersion;
    std::uint32_t version = info->since;
    const auto needs = [&](std::uint32_t since) { version = since > version ? since : version; };
    for (const FlagInfo& flag : info->flags)
        if ((op.flags & flag.bit) != 0) needs(flag.since);
    for (const DimInfo& dim : info->dims)
        if (dim.when.holds(op) && dim.get(op) != 0) needs(dim.since);
    each_imm(*info, op, [&](const ImmInfo& imm) {
        if (imm.get(op) != 0) needs(imm.since);
    });
    if (const Choice* fmt = find_choice(formats(info->fmt), op.fmt)) needs(fmt->since);
    if (const Choice* aux = find_choice(info->aux, op.aux)) needs(aux->since);
    return version;
}

}  // namespace skald::isa
