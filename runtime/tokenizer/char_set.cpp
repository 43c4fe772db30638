// SPDX-License-Identifier: MIT
#include "tokenizer/char_set.hpp"

#include <algorithm>
#include <array>

#include "tokenizer/scripts.hpp"

namespace skald::rt {
namespace {

using unicode::Category;
using unicode::kMark;
using unicode::mask;

constexpr std::uint32_t kLetter =
    mask(Category::Lu, Category::Ll, Category::Lt, Category::Lm, Category::Lo);
constexpr std::uint32_t kNumber = mask(Category::Nd, Category::Nl, Category::No);
constexpr std::uint32_t kPunctuation = mask(Category::Pc, Category::Pd, Category::Ps, Category::Pe,
                                            Category::Pi, Category::Pf, Category::Po);
constexpr std::uint32_t kSymbol = mask(Category::Sm, Category::Sc, Category::Sk, Category::So);
constexpr std::uint32_t kSeparator = mask(Category::Zs, Category::Zl, Category::Zp);
constexpr std::uint32_t kOther =
    mask(Category::Cn, Category::Cc, Category::Cf, Category::Cs, Category::Co);

struct Name {
    std::string_view text;
    std::uint32_t categories;
};
// As Oniguruma compares them: in lower case, without blanks, hyphens and underscores.
constexpr Name kNames[] = {
    {"l", kLetter},
    {"letter", kLetter},
    {"lc", mask(Category::Lu, Category::Ll, Category::Lt)},
    {"casedletter", mask(Category::Lu, Category::Ll, Category::Lt)},
    {"lu", mask(Category::Lu)},
    {"uppercaseletter", mask(Category::Lu)},
    {"ll", mask(Category::Ll)},
    {"lowercaseletter", mask(Category::Ll)},
    {"lt", mask(Category::Lt)},
    {"titlecaseletter", mask(Category::Lt)},
    {"lm", mask(Category::Lm)},
    {"modifierletter", mask(Category::Lm)},
    {"lo", mask(Category::Lo)},
    {"otherletter", mask(Category::Lo)},
    {"m", kMark},
    {"mark", kMark},
    {"combiningmark", kMark},
    {"mn", mask(Category::Mn)},
    {"nonspacingmark", mask(Category::Mn)},
    {"mc", mask(Category::Mc)},
    {"spacingmark", mask(Category::Mc)},
    {"me", mask(Category::Me)},
    {"enclosingmark", mask(Category::Me)},
    {"n", kNumber},
    {"number", kNumber},
    {"nd", mask(Category::Nd)},
    {"decimalnumber", mask(Category::Nd)},
    {"digit", mask(Category::Nd)},
    {"nl", mask(Category::Nl)},
    {"letternumber", mask(Category::Nl)},
    {"no", mask(Category::No)},
    {"othernumber", mask(Category::No)},
    {"p", kPunctuation},
    {"punctuation", kPunctuation},
    {"pc", mask(Category::Pc)},
    {"connectorpunctuation", mask(Category::Pc)},
    {"pd", mask(Category::Pd)},
    {"dashpunctuation", mask(Category::Pd)},
    {"ps", mask(Category::Ps)},
    {"openpunctuation", mask(Category::Ps)},
    {"pe", mask(Category::Pe)},
    {"closepunctuation", mask(Category::Pe)},
    {"pi", mask(Category::Pi)},
    {"initialpunctuation", mask(Category::Pi)},
    {"pf", mask(Category::Pf)},
    {"finalpunctuation", mask(Category::Pf)},
    {"po", mask(Category::Po)},
    {"otherpunctuation", mask(Category::Po)},
    {"s", kSymbol},
    {"symbol", kSymbol},
    {"sm", mask(Category::Sm)},
    {"mathsymbol", mask(Category::Sm)},
    {"sc", mask(Category::Sc)},
    {"currencysymbol", mask(Category::Sc)},
    {"sk", mask(Category::Sk)},
    {"modifiersymbol", mask(Category::Sk)},
    {"so", mask(Category::So)},
    {"othersymbol", mask(Category::So)},
    {"z", kSeparator},
    {"separator", kSeparator},
    {"zs", mask(Category::Zs)},
    {"spaceseparator", mask(Category::Zs)},
    {"zl", mask(Category::Zl)},
    {"lineseparator", mask(Category::Zl)},
    {"zp", mask(Category::Zp)},
    {"paragraphseparator", mask(Category::Zp)},
    {"c", kOther},
    {"other", kOther},
    {"cc", mask(Category::Cc)},
    {"control", mask(Category::Cc)},
    {"cntrl", mask(Category::Cc)},
    {"cf", mask(Category::Cf)},
    {"format", mask(Category::Cf)},
    {"cn", mask(Category::Cn)},
    {"unassigned", mask(Category::Cn)},
    {"cs", mask(Category::Cs)},
    {"surrogate", mask(Category::Cs)},
    {"co", mask(Category::Co)},
    {"privateuse", mask(Category::Co)},
    {"any", unicode::kAnyCategory},
    {"assigned", unicode::kAnyCategory & ~mask(Category::Cn)},
};

std::string simple(std::string_view name) {
    std::string out;
    for (const char c : name)
        if (c != ' ' && c != '-' && c != '_')
            out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return out;
}

CharSet ranges(std::span<const CodeRange> list) {
    CharSet set;
    for (const CodeRange& r : list)
        set = set | CharSet::range(r.first, r.last);
    return set;
}

}  // namespace

CharSet CharSet::range(char32_t first, char32_t last) {
    std::vector<Piece> pieces;
    if (first > 0)
        pieces.push_back({0, 0});
    pieces.push_back({first, unicode::kAnyCategory});
    if (last < unicode::kLast)
        pieces.push_back({last + 1, 0});
    return CharSet(std::move(pieces));
}

CharSet CharSet::space() {
    static constexpr CodeRange kSpaces[] = {
        {0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
    return ranges(kSpaces);
}

CharSet CharSet::word() {
    // Alphabetic is these categories and circled letters; marks count anyway.
    static constexpr CodeRange kCircled[] = {
        {0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
    return categories(kLetter | kMark | mask(Category::Nl, Category::Nd, Category::Pc)) |
           ranges(kCircled);
}

CharSet CharSet::word_alone() {
    static constexpr CodeRange kLatin1[] = {{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}};
    return word() | ranges(kLatin1);
}

CharSet CharSet::digit() {
    return categories(mask(Category::Nd));
}

CharSet CharSet::hex() {
    static constexpr CodeRange kHex[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    return ranges(kHex);
}

std::optional<CharSet> CharSet::property(std::string_view name) {
    std::string wanted = simple(name);
    for (const std::string_view prefix : {"script=", "sc=", "generalcategory=", "gc="})
        if (wanted.starts_with(prefix))
            wanted.erase(0, prefix.size());
    for (const Name& n : kNames)
        if (n.text == wanted)
            return categories(n.categories);
    if (const auto script = script_ranges(wanted); !script.empty())
        return ranges(script);
    if (wanted == "ascii")
        return range(0, 0x7F);
    if (wanted == "space" || wanted == "whitespace")
        return space();
    if (wanted == "word")
        return word();
    return std::nullopt;
}

std::optional<CharSet> CharSet::posix(std::string_view name) {
    const CharSet unseen = space() | categories(mask(Category::Cc, Category::Cn, Category::Cs));
    if (name == "ascii")
        return range(0, 0x7F);
    if (name == "blank")
        return categories(mask(Category::Zs)) | range('\t', '\t');
    if (name == "cntrl")
        return categories(mask(Category::Cc));
    if (name == "digit")
        return digit();
    if (name == "graph")
        return ~unseen;
    if (name == "print")
        return ~unseen | categories(mask(Category::Zs));
    if (name == "punct")
        return categories(kPunctuation | kSymbol);
    if (name == "space")
        return space();
    if (name == "word")
        return word();
    if (name == "xdigit")
        return hex();
    return std::nullopt;  // alpha, alnum, upper, lower: properties of their own
}

CharSet CharSet::combine(const CharSet& other, bool both) const {
    std::vector<Piece> out;
    std::size_t a = 0, b = 0;
    for (char32_t at = 0;;) {
        const std::uint32_t x = pieces_[a].categories, y = other.pieces_[b].categories;
        const std::uint32_t mask = both ? x & y : x | y;
        if (out.empty() || out.back().categories != mask)
            out.push_back({at, mask});
        const char32_t after_a = a + 1 < pieces_.size() ? pieces_[a + 1].first : ~char32_t{0};
        const char32_t after_b =
            b + 1 < other.pieces_.size() ? other.pieces_[b + 1].first : ~char32_t{0};
        at = std::min(after_a, after_b);
        if (at > unicode::kLast)
            return CharSet(std::move(out));
        a += after_a == at ? 1 : 0;
        b += after_b == at ? 1 : 0;
    }
}

CharSet CharSet::operator~() const {
    CharSet out = *this;
    for (Piece& p : out.pieces_)
        p.categories ^= unicode::kAnyCategory;
    return out;
}

bool CharSet::contains(char32_t c, std::uint32_t category) const {
    const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), c,
                                        [](char32_t x, const Piece& p) { return x < p.first; });
    return (std::prev(after)->categories & category) != 0;
}

CharSet CharSet::any_case() const {
    constexpr char32_t kLastCased = 0x1E943;  // Adlam; later blocks have no case
    std::vector<bool> folded(kLastCased + 1);
    for (char32_t c = 0; c <= kLastCased; ++c)
        if (contains(c))
            folded[unicode::fold(c)] = true;
    CharSet out = *this;
    for (char32_t c = 0; c <= kLastCased; ++c)
        if (folded[unicode::fold(c)] && !contains(c))
            out = out | range(c, c);
    return out;
}

CharSet CharSet::any_case(char32_t c) {
    if (c >= 0x80)
        return range(c, c).any_case();
    const char32_t lower = unicode::fold(c);
    if (lower < 'a' || lower > 'z')
        return range(c, c);
    CharSet out = range(lower, lower) | range(lower - 32, lower - 32);
    if (lower == 's')
        out = out | range(0x17F, 0x17F);  // long s
    if (lower == 'k')
        out = out | range(0x212A, 0x212A);  // Kelvin sign
    return out;
}

}  // namespace skald::rt
