// SPDX-License-Identifier: MIT
// The words that the table of micro-ops (isa_table.hpp) is written in: what a row can say of its micro-op.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "skald/isa.hpp"

namespace skald::isa {

// A few things in order.
template <class T, std::size_t Most>
class List {
  public:
    constexpr List() = default;
    constexpr List(std::initializer_list<T> items) {
        for (const T& item : items) items_[size_++] = item;
    }
    [[nodiscard]] constexpr const T* begin() const { return items_.data(); }
    [[nodiscard]] constexpr const T* end() const { return items_.data() + size_; }
    [[nodiscard]] constexpr std::size_t size() const { return size_; }

  private:
    std::array<T, Most> items_{};
    std::size_t size_ = 0;
};

using Size = std::uint64_t (*)(const MicroOp&);  // of a micro-op whose encoding is good
using Rule = bool (*)(const MicroOp&);

// With which flags a part of a micro-op is there. What is not there is zero.
struct When {
    std::uint8_t any = 0;   // one of these at least, if there are some
    std::uint8_t none = 0;  // and none of these
    [[nodiscard]] constexpr bool holds(const MicroOp& op) const {
        return (any == 0 || (op.flags & any) != 0) && (op.flags & none) == 0;
    }
};
constexpr When with(std::uint8_t flags) { return {.any = flags}; }
constexpr When without(std::uint8_t flags) { return {.none = flags}; }

// ---- Registers, dims, imm -------------------------------------------------------------------------------------------

inline constexpr unsigned kUseRd = 1, kUseRa = 2, kUseRb = 4, kUseRows = 8;

enum class Part : std::uint8_t { Whole, Low, High };             // of a dim or of imm: all bits or half of them
enum class Kind : std::uint8_t { Number, Hex, F32, Target, Registers };  // Target: a micro-op; Registers: a set of bits
inline constexpr std::uint32_t kNoLimit = ~0u;

struct DimInfo {
    std::uint8_t at;
    std::string_view name;
    std::uint32_t max = kNoLimit;
    std::uint32_t min = 1;
    std::uint32_t multiple = 1;
    Part part = Part::Whole;
    Kind kind = Kind::Number;
    std::uint32_t since = k1_0;  // to be other than 0
    When when = {};

    [[nodiscard]] constexpr std::uint32_t get(const MicroOp& op) const {
        const std::uint32_t all = op.dim[at];
        return part == Part::Whole ? all : part == Part::Low ? all & 0xffff : all >> 16;
    }
    [[nodiscard]] constexpr std::uint32_t bits() const {
        return part == Part::Whole ? ~0u : part == Part::Low ? 0xffffu : 0xffff0000u;
    }
    [[nodiscard]] constexpr bool allows(std::uint32_t value) const {
        return value >= min && value <= max && value % multiple == 0;
    }
};

struct ImmInfo {
    std::string_view name;
    Kind kind;
    Part part = Part::Low;
    std::uint32_t since = k1_0;  // to be other than 0
    When when = {};

    [[nodiscard]] constexpr std::uint64_t get(const MicroOp& op) const {
        return part == Part::Whole ? op.imm : part == Part::Low ? op.imm & 0xffffffffu : op.imm >> 32;
    }
    [[nodiscard]] constexpr std::uint64_t bits() const {
        return part == Part::Whole ? ~0ull : part == Part::Low ? 0xffffffffull : 0xffffffffull << 32;
    }
};

// ---- fmt, aux, flags ------------------------------------------------------------------------------------------------

// A value of aux or fmt.
struct Choice {
    std::uint8_t value = 0;
    std::string_view name;
    std::uint32_t since = k1_0;
    unsigned unused = 0;           // kUse* of the row that it has no use for
    std::uint8_t bars = 0;         // flags of the row that it does not allow
    List<ImmInfo, 2> imm = {};     // its own parameters
};
template <class Enum>
constexpr Choice choice(Enum value, std::string_view name, std::uint32_t since = k1_0) {
    return {.value = static_cast<std::uint8_t>(value), .name = name, .since = since};
}

enum class FmtKind : std::uint8_t { None, Width, Weight, Kv, Group };

struct FlagInfo {
    std::uint8_t bit = 0;
    std::string_view name;
    std::uint32_t since = k1_0;
    unsigned names = 0;     // kUse* that only it makes used
    unsigned replaces = 0;  // kUse* that it makes unused
    std::uint8_t needs = 0;  // flags of the row without which it may not be
    std::uint8_t bars = 0;   // and those with which it may not
};

// ---- Operands -------------------------------------------------------------------------------------------------------

enum class Role : std::uint8_t { None, In, Out, InOut };

enum class Element : std::uint8_t { Byte, I8, U32, I32, F32, U64, Word, Row, Sequence, Token, Tile, Block, Params };
struct ElementInfo {
    Element element;
    std::string_view name;
    std::uint32_t bytes;
    std::uint32_t align;
};
inline constexpr auto kElements = std::to_array<ElementInfo>({
    {Element::Byte, "bytes", 1, 1},
    {Element::I8, "i8", 1, 1},
    {Element::U32, "u32", 4, 4},
    {Element::I32, "i32", 4, 4},
    {Element::F32, "f32", 4, 4},
    {Element::U64, "u64", 8, 8},
    {Element::Word, "word", 0, 0},  // as wide as fmt, a Width, says
    {Element::Row, "Row", sizeof(Row), 8},
    {Element::Sequence, "Sequence", sizeof(Sequence), 8},
    {Element::Token, "skald_token", 16, 16},
    {Element::Tile, "tiles", 1, 64},    // bytes of tiled weights
    {Element::Block, "blocks", 1, 64},  // bytes of blocks of a pool
    {Element::Params, "params", 1, 64},  // bytes of a structure of parameters
});

// Where the rows of an operand lie.
enum class Reach : std::uint8_t {
    Rows,           // T rows, at a pitch if it has one
    Dense,          // T rows without a pitch
    One,            // one row
    Table,          // `length` rows, at a pitch if it has one
    Counted,        // R[ra] rows, at most kMaxRows (else ROWS), at a pitch if it has one
    Entries,        // found by a number in data, dense; translated when it is known
    EntryRows,      // the same, at a pitch if it has one
    EntryPitched,   // the same, pitch required: it says how many elements a row has
};

struct OperandInfo {
    std::uint8_t at = 0;
    std::string_view name;
    Role role = Role::None;
    Element element = Element::Byte;
    Reach reach = Reach::One;
    Size count = nullptr;  // elements of a row
    When when = {};
    bool host = false;      // may lie in host memory
    Size length = nullptr;  // rows of a Table
    std::uint8_t read_with = 0;  // of InOut: flags without which it is only written; 0: there is none

    [[nodiscard]] constexpr bool takes_pitch() const {
        return reach == Reach::Rows || reach == Reach::Table || reach == Reach::Counted || needs_pitch() ||
               reach == Reach::EntryRows;
    }
    [[nodiscard]] constexpr bool needs_pitch() const { return reach == Reach::EntryPitched; }
    // Its rows are translated before the micro-op does anything.
    [[nodiscard]] constexpr bool is_static() const { return reach < Reach::Entries; }
    [[nodiscard]] constexpr bool reads(const MicroOp& op) const {
        return role == Role::In || (role == Role::InOut && (read_with == 0 || (op.flags & read_with) != 0));
    }
    [[nodiscard]] constexpr bool written() const { return role == Role::Out || role == Role::InOut; }
    [[nodiscard]] constexpr std::uint64_t align(const MicroOp& op) const {
        return element == Element::Word ? width(op) : kElements[static_cast<std::size_t>(element)].align;
    }
    [[nodiscard]] constexpr std::uint64_t row_bytes(const MicroOp& op) const {
        return count(op) * (element == Element::Word ? width(op) : kElements[static_cast<std::size_t>(element)].bytes);
    }

  private:
    static constexpr std::uint64_t width(const MicroOp& op) {
        return op.fmt == static_cast<std::uint8_t>(Width::U32) ? 4 : 8;
    }
};

// ---- Work -----------------------------------------------------------------------------------------------------------

enum class MacKind : std::uint8_t { Int8, Narrow /* int4, ternary */, F16, F32, Attention };

// What a micro-op does, whatever the chip: multiply-accumulates, element operations, bytes by what they are.
struct Work {
    MacKind kind = MacKind::Int8;
    std::uint64_t macs = 0;
    std::uint64_t vec = 0;
    std::uint64_t weights = 0;  // bytes, as all that follow: what no micro-op writes, gains, biases and tables included
    std::uint64_t kv = 0;
    std::uint64_t in = 0;       // activations and lists
    std::uint64_t out = 0;
    std::uint64_t host = 0;     // to or from host memory
    std::uint64_t sent = 0;     // to other cards
    std::uint64_t received = 0;  // from other cards
    std::uint64_t rows = 1;     // of the products, in
    std::uint64_t tiles = 1;    // so many parts with weights of their own
    bool operator==(const Work&) const = default;
};
// What a micro-op's own fields do not say.
struct Counts {
    std::uint64_t rows = 1;       // T
    std::uint64_t positions = 0;  // ATTENTION: attended to, summed over the rows
    std::uint64_t shared = 0;     // ATTENTION: the same, counted once for adjacent rows of one sequence
    std::uint64_t experts = 1;    // MATMUL: that have rows
    std::uint64_t inputs = 0;     // MATMUL with INDEXED: rows of x; else 0, they are T
    std::uint64_t tokens = 0;     // TOKEN_OUT: written to the ring, which is taken to be the host's
    bool host_in = false;         // COPY: from host memory
    bool host_out = false;        // COPY: to it
    bool operator==(const Counts&) const = default;
};
using WorkOf = Work (*)(const MicroOp&, const Counts&);

// ---- A row of the table ---------------------------------------------------------------------------------------------

enum class Engine : std::uint8_t { Control, Memory, Quantise, Matrix, Vector, Attention, Selection, Link };
// What a control micro-op is to the sequencer of a chip that runs ahead of its engines.
enum class Order : std::uint8_t {
    Free,      // nothing
    Load,      // rd is known when what it reads has been written
    Boundary,  // of two steps: nothing of the next has been looked at
    Barrier,   // all earlier micro-ops have ended
};

namespace detail {
constexpr bool always(const MicroOp&) { return true; }
constexpr bool never(const MicroOp&) { return false; }
constexpr Work nothing(const MicroOp&, const Counts&) { return {}; }
}  // namespace detail

struct OpInfo {
    Opcode opcode;
    std::string_view name;  // mnemonic of the disassembler
    Engine engine;
    std::uint32_t since = k1_0;
    unsigned registers = 0;                // kUse*
    FmtKind fmt = FmtKind::None;
    std::span<const Choice> aux = {};
    List<FlagInfo, 8> flags = {};
    List<DimInfo, 8> dims = {};
    List<ImmInfo, 2> imm = {};
    List<OperandInfo, 12> operands = {};   // of one place the one that is there; in order of places
    Rule rule = detail::always;            // what lies between fields; the fields by themselves are good
    Rule whole = detail::never;            // a row sees what later ones do: an engine may not take them one part after the other
    bool timed_only = false;               // it is there for runs of which only times are wanted; with data it faults LINK
    bool costs = true;                     // else it is the sequencer's alone, and
    Order order = Order::Free;
    WorkOf work = detail::nothing;
    std::string_view listing = {};         // how control micro-ops are listed: see the disassembler
};

}  // namespace skald::isa
