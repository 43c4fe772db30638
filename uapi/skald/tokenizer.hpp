// SPDX-License-Identifier: MIT
// The tokenizer section of a compiled model: how text becomes token ids and ids become text.
// Written by the compiler, read by the runtime; the card never sees it. uapi/doc/tokenizer.md
// explains each step.
//
//   +--------+-----------------+----------------+---------------+---------------+---------------+--------+
//   | Header | Piece x pieces  | Merge x merges | Added x added | Step x steps  | u32 x special |  text  |
//   +--------+-----------------+----------------+---------------+---------------+---------------+--------+
//
// All fields are little-endian and 4-byte aligned; strings are (offset, length) into the text,
// which is the last part and not terminated. Unknown versions, flags, kinds and bits are errors,
// never ignored.
#pragma once

#include <cstdint>

namespace skald::tokenizer {

inline constexpr std::uint32_t kMagic = 0x4b4f5453;  // "STOK"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::uint32_t kNoToken = 0xffffffff;

enum class Algorithm : std::uint16_t {
    kMergeRanks = 1,  // BPE: pairs merge in the order of the merge list (Hugging Face, GGUF "gpt2")
    kMergeScores = 2,  // pairs merge by the score of the piece they form, best first (GGUF "llama")
    kUnigram = 3,  // the pieces with the best sum of scores (Hugging Face Unigram, GGUF "t5")
};

enum HeaderFlag : std::uint32_t {
    kByteFallback =
        1u << 0,  // a character without a piece becomes the pieces <0x00> ... <0xFF> of its bytes
    kFuseUnknown = 1u << 1,  // neighbouring unknown characters give one unknown token
    kWholeWords = 1u << 2,   // a pre-token that is a piece as a whole is taken without merging
    kBytesAreText = 1u << 3,  // "<0x0A>" in a word may become that byte piece, as any other text
    kHeaderFlags = 15,
};

struct Header {
    std::uint32_t magic;
    std::uint16_t version;
    Algorithm algorithm;
    std::uint32_t flags;       // HeaderFlag
    std::uint32_t pieces;      // token ids are 0 ... pieces - 1
    std::uint32_t merges;      // kMergeRanks only
    std::uint32_t added;       // tokens cut out of the text before anything else
    std::uint32_t steps;       // ordered by stage, then in order of application
    std::uint32_t prefix_ids;  // special ids: first those put before a text (bos) ...
    std::uint32_t suffix_ids;  // ... then those put after it ...
    std::uint32_t eos_ids;     // ... then those that end a generation
    std::uint32_t unknown_id;  // or kNoToken
    std::uint32_t bos_id;      // or kNoToken; informative, encoding goes by prefix_ids
    std::uint32_t text_bytes;
    std::uint32_t reserved[3];  // zero
};
static_assert(sizeof(Header) == 64);

enum class PieceKind : std::uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,  // shapes the model's behaviour, not part of the text: decodes to nothing
    kUser = 4,
    kUnused = 5,
    kByte = 6,  // <0x00> ... <0xFF>
};

struct Piece {
    std::uint32_t text_offset;
    std::uint16_t text_bytes;
    PieceKind kind;
    std::uint8_t reserved;  // zero
    float score;            // kMergeScores and kUnigram only, else 0
};
static_assert(sizeof(Piece) == 12);

struct Merge {
    std::uint32_t left, right, result;  // token ids; the rank is the index in the list
};
static_assert(sizeof(Merge) == 12);

enum AddedFlag : std::uint32_t {
    kSpecial = 1u << 0,     // only recognised where the caller lets the text hold special tokens
    kNormalized = 1u << 1,  // looked for after the normaliser, else before
    kStripLeft = 1u << 2,   // takes the white space before it along
    kStripRight = 1u << 3,
    kDecoded = 1u << 4,  // its text goes through the decode steps, as that of other pieces does
    kSingleWord = 1u << 5,  // not where a letter, a digit or the like stands beside it
    kAddedFlags = 63,
};

struct Added {
    std::uint32_t id;  // its text is that of the piece
    std::uint32_t flags;
};
static_assert(sizeof(Added) == 8);

enum class Stage : std::uint16_t { kNormalize = 1, kPreTokenize = 2, kDecode = 3 };

enum class StepKind : std::uint16_t {
    // Normalise: text to text.
    kPrepend = 1,  // a: put before a text that is not empty, flags: PrependFlag (as a decode step:
                   // put before every piece but the first)
    kReplace = 2,       // a: literal, b: what takes its place (also a decode step)
    kReplaceRegex = 3,  // a: expression, b: literal that takes its place (also a decode step)
    kLowercase = 4,
    kStripSpace = 5,  // flags: kLeft, kRight: drop white space at the ends
    kNormalForm = 6,  // flags: NormalForm
    kStripMarks = 7,  // flags: MarkFlag: drop combining marks
    kCharMap = 8,     // a: from \0 to \0 from \0 to \0 ...; flags: CharMapFlag
    // Pre-tokenise: text to words; merging never crosses a word boundary.
    kSplit = 16,  // a: expression; flags: SplitFlag
    kMetaspace =
        17,  // a: the mark that stands for a space; flags: MetaspaceFlag (also a decode step)
    kByteLevel = 18,  // each byte as one printable character (also a normalise and a decode step)
    // Decode: pieces to bytes.
    kByteTokens = 32,  // <0x00> ... <0xFF> are bytes
    kStrip = 33,  // a: one character; b: empty; flags: how many to drop at the start of the text
};

enum PrependFlag : std::uint32_t { kFirstText = 1 };  // only the text at the very start

enum SplitFlag : std::uint32_t {
    kIsolated = 0,  // each match is a word of its own
    kRemoved = 1,   // matches are dropped
    kMergedPrevious = 2,
    kMergedNext = 3,
    kContiguous = 4,  // neighbouring matches are one word
    kBehaviourMask = 7,
    kInvert = 8,    // what lies between the matches plays the part of the matches
    kLiteral = 16,  // a is not an expression but the text itself
    kSplitFlags = 31,
};

enum MetaspaceFlag : std::uint32_t {
    kPrependAlways = 1,  // the mark goes before every text that does not begin with it
    kPrependFirst = 2,   // only before the very first
    kSplitWords = 4,     // a word begins at each mark
    kMetaspaceFlags = 7,
};

enum NormalForm : std::uint32_t { kNfc = 1, kNfd = 2, kNfkc = 3, kNfkd = 4 };

enum MarkFlag : std::uint32_t { kNonspacingOnly = 1, kMarkFlags = 1 };

enum CharMapFlag : std::uint32_t { kByGraphemes = 1, kCharMapFlags = 1 };

enum StripSide : std::uint32_t { kLeft = 1, kRight = 2, kStripSides = 3 };

struct Step {
    Stage stage;
    StepKind kind;
    std::uint32_t flags;
    std::uint32_t a_offset, a_bytes;
    std::uint32_t b_offset, b_bytes;
};
static_assert(sizeof(Step) == 24);

}  // namespace skald::tokenizer
