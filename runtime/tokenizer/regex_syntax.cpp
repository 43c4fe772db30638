// SPDX-License-Identifier: MIT
#include "tokenizer/regex_syntax.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "tokenizer/spec.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

constexpr int kDeepest = 200;  // groups and sets within each other

class Parser {
  public:
    explicit Parser(std::string_view pattern) : pattern_(pattern) {
        if (!utf8::well_formed(pattern))
            throw TokenizerError("a regular expression is not UTF-8");
    }

    RegexSyntax read() {
        alternatives(Options(), 0);
        if (!at_end())
            refuse("an unmatched ')'", at_);
        return std::move(out_);
    }

  private:
    struct Options {
        bool any_case = false;
        bool dot_all = false;
        bool extended = false;
    };

    // --- the text ---
    bool at_end() const { return at_ == pattern_.size(); }
    std::string_view rest() const { return pattern_.substr(at_); }
    bool accept(std::string_view text) {
        if (!rest().starts_with(text))
            return false;
        at_ += text.size();
        return true;
    }
    char32_t next() {
        if (at_end())
            refuse("an end in the middle", at_);
        const std::size_t length = utf8::length(pattern_[at_]);
        const char32_t c = utf8::decode(pattern_.substr(at_, length));
        at_ += length;
        return c;
    }
    [[noreturn]] void refuse(const std::string& what, std::size_t where) const {
        throw TokenizerError("regular expression '" + std::string(pattern_) + "': " + what +
                             " at offset " + std::to_string(where) + " is not supported");
    }

    // --- what comes out ---
    void text(std::string_view t) { out_.items.push_back({std::string(t), -1}); }
    void set(const CharSet& s) {
        auto at = std::find(out_.sets.begin(), out_.sets.end(), s);
        if (at == out_.sets.end()) {
            out_.sets.push_back(s);
            at = std::prev(out_.sets.end());
        }
        out_.items.push_back({"", static_cast<int>(at - out_.sets.begin())});
    }
    void wrap(std::size_t first, std::string_view before, std::string_view after) {
        out_.items.insert(out_.items.begin() + static_cast<std::ptrdiff_t>(first),
                          {std::string(before), -1});
        text(after);
    }

    // a|b|c up to ')' or the end
    void alternatives(Options options, int depth) {
        if (depth > kDeepest)
            refuse("a group this deep", at_);
        last_letter_ = 0;
        for (;;) {
            if (at_end() || pattern_[at_] == ')')
                return;
            if (accept("|")) {
                text("|");
                last_letter_ = 0;
            } else if (const auto isolated = isolated_options(options)) {
                // a(?i)b|c is a(?i:b|c)
                text("(?:");
                alternatives(*isolated, depth + 1);
                text(")");
                return;
            } else {
                piece(options, depth);
            }
        }
    }

    // One atom with what repeats it.
    void piece(const Options& options, int depth) {
        if (options.extended && skip_blanks())
            return;
        const std::size_t first = out_.items.size();
        atom(options, depth);
        for (bool fixed = false; quantifier(first, fixed);) {
        }
    }

    bool skip_blanks() {
        const std::size_t before = at_;
        while (!at_end() && unicode::is_space(static_cast<unsigned char>(pattern_[at_])))
            ++at_;
        if (accept("#"))
            at_ = std::min(pattern_.find('\n', at_), pattern_.size());
        return at_ != before;
    }

    // * + ? {n,m}, each with ? (lazy) or + (possessive; an interval cannot be). A second one
    // repeats the first.
    bool quantifier(std::size_t first, bool& repeated) {
        std::string q;
        bool interval = false, exact = false;
        const std::size_t where = at_;
        if (accept("*") || accept("+") || accept("?")) {
            q = pattern_[at_ - 1];
        } else if (!read_interval(q, exact)) {
            return false;
        } else {
            interval = true;
        }
        if (out_.items.size() == first)
            refuse("a quantifier of nothing", where);
        if (std::exchange(repeated, true))
            wrap(first, "(?:", ")");
        last_letter_ = 0;
        if (interval && exact && accept("?"))  // {n}? is not lazy but optional
            text(q), wrap(first, "(?:", ")?");
        else if (accept("?"))
            text(q + "?");
        else if (!interval && accept("+"))
            text(q + "+");
        else
            text(q);
        return true;
    }

    std::optional<unsigned> number() {
        const std::size_t before = at_;
        unsigned value = 0;
        while (!at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '9' && value <= 100000)
            value = value * 10 + static_cast<unsigned>(pattern_[at_++] - '0');
        if (value > 65535)
            refuse("a count above 65535", before);
        return at_ == before ? std::nullopt : std::optional(value);
    }

    bool read_interval(std::string& q, bool& exact) {
        const std::size_t before = at_;
        if (!accept("{"))
            return false;
        const auto low = number();
        const bool comma = accept(",");
        const auto high = comma ? number() : low;
        if ((!low && !high) || !accept("}")) {  // a brace that is none
            at_ = before;
            return false;
        }
        if (high && low && *low > *high)
            refuse("an interval that ends before it begins", before);
        exact = !comma;
        q = "{" + std::to_string(low.value_or(0)) +
            (comma ? "," + (high ? std::to_string(*high) : "") : "") + "}";
        return true;
    }

    void atom(const Options& options, int depth) {
        const std::size_t where = at_;
        if (accept("(")) {
            group(options, depth, where);
        } else if (accept("[")) {
            last_letter_ = 0;
            set(bracket(options, depth));
        } else if (accept(".")) {
            last_letter_ = 0;
            set(options.dot_all ? CharSet::everything() : ~CharSet::range('\n', '\n'));
        } else if (accept("^")) {  // at each line, but not behind the last
            text("(?:\\A|(?<=");
            set(CharSet::range('\n', '\n'));
            text(")(?!\\z))");
        } else if (accept("$")) {
            text("(?=");
            set(CharSet::range('\n', '\n'));
            text("|\\z)");
        } else if (accept("\\")) {
            escape(options, where);
        } else {
            if (std::string_view("*+?").find(pattern_[at_]) != std::string_view::npos)
                refuse("a quantifier of nothing", where);
            literal(options, next(), where);
        }
    }

    void literal(const Options& options, char32_t c, std::size_t where) {
        if (!options.any_case) {
            set(CharSet::range(c, c));
            return;
        }
        // Characters that are equal to several ones but for their case.
        const char32_t folded = unicode::fold(c);
        static constexpr std::pair<char32_t, char32_t> kLigatures[] = {
            {'s', 's'}, {'s', 't'}, {'f', 'f'}, {'f', 'i'}, {'f', 'l'}};
        for (const auto& pair : kLigatures)
            if (pair == std::pair(last_letter_, folded))
                refuse("two letters with a ligature, in any case,", where);
        if (unicode::folds_to_several(c))
            refuse("a letter that is several in another case", where);
        last_letter_ = folded;
        set(CharSet::any_case(c));
    }

    void group(const Options& options, int depth, std::size_t where) {
        std::string_view open = "(?:";
        Options inner = options;
        if (accept("?")) {
            if (accept("#")) {
                at_ = pattern_.find(')', at_);
                if (at_ == std::string_view::npos)
                    refuse("a comment without an end", where);
                ++at_;
                text("(?:)");
                return;
            }
            open = group_opening(inner, where);
        }
        text(open);
        alternatives(inner, depth + 1);
        if (!accept(")"))
            refuse("a group without an end", where);
        text(")");
        last_letter_ = 0;
    }

    std::string_view group_opening(Options& inner, std::size_t where) {
        static constexpr std::string_view kOpenings[] = {":", "=", "!", ">", "<=", "<!"};
        static constexpr std::string_view kWritten[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"};
        for (std::size_t i = 0; i < std::size(kOpenings); ++i)
            if (accept(kOpenings[i]))
                return kWritten[i];
        if (accept("P<") || accept("<") || accept("'")) {  // a name
            const char close = pattern_[at_ - 1] == '\'' ? '\'' : '>';
            const std::size_t end = pattern_.find(close, at_);
            if (end == std::string_view::npos)
                refuse("a name without an end", where);
            at_ = end + 1;
            return "(?:";
        }
        inner = options(inner, where);
        if (!accept(":"))
            refuse("this kind of group", where);
        return "(?:";
    }

    // imx-imx
    Options options(Options o, std::size_t where) {
        for (bool on = true; !at_end() && pattern_[at_] != ':' && pattern_[at_] != ')'; ++at_) {
            switch (pattern_[at_]) {
                case '-':
                    on = false;
                    break;
                case 'i':
                    o.any_case = on;
                    break;
                case 'm':  // Ruby's; other dialects' is 's'
                case 's':
                    o.dot_all = on;
                    break;
                case 'x':
                    o.extended = on;
                    break;
                default:
                    refuse("this kind of group", where);
            }
        }
        return o;
    }

    // (?i) without a colon
    std::optional<Options> isolated_options(const Options& o) {
        const std::size_t before = at_;
        if (!accept("(?") || at_end() ||
            std::string_view("imsx-").find(pattern_[at_]) == std::string_view::npos) {
            at_ = before;
            return std::nullopt;
        }
        const Options changed = options(o, before);
        if (accept(")"))
            return changed;
        at_ = before;
        return std::nullopt;
    }

    void word_boundary(bool inverted) {
        const auto side = [&](std::string_view look) {
            text(look);
            set(CharSet::word_alone());
            text(")");
        };
        text("(?:");
        side("(?<=");
        side(inverted ? "(?=" : "(?!");
        text("|");
        side("(?<!");
        side(inverted ? "(?!" : "(?=");
        text(")");
    }

    // Behind a backslash, outside of brackets.
    void escape(const Options& options, std::size_t where) {
        if (at_end())
            refuse("a backslash at the end", where);
        const char c = pattern_[at_];
        if (c == 'R') {
            ++at_;
            text("(?>");
            set(CharSet::range('\r', '\r'));
            set(CharSet::range('\n', '\n'));
            text("|");
            set(CharSet::range('\n', '\r') | CharSet::range(0x85, 0x85) |
                CharSet::range(0x2028, 0x2029));
            text(")");
        } else if (c == 'b' || c == 'B') {
            ++at_;
            word_boundary(c == 'B');
        } else if (c == 'A' || c == 'z') {
            ++at_;
            text(c == 'A' ? "\\A" : "\\z");
        } else if (c == 'Z') {
            ++at_;
            text("(?=");
            set(CharSet::range('\n', '\n'));
            text("?\\z)");
        } else if (c == 'N') {
            ++at_;
            set(~CharSet::range('\n', '\n'));
        } else if (c == 'O') {
            ++at_;
            set(CharSet::everything());
        } else if (c == 'w' || c == 'W') {
            ++at_;
            last_letter_ = 0;
            set(c == 'w' ? CharSet::word_alone() : ~CharSet::word_alone());
        } else if (const auto shorthand = class_escape(where)) {
            last_letter_ = 0;
            set(options.any_case ? shorthand->any_case() : *shorthand);
        } else {
            literal(options, character_escape(where), where);
        }
    }

    // \d \p{L} ...
    std::optional<CharSet> class_escape(std::size_t where) {
        const char c = pattern_[at_];
        const auto one = [&](const CharSet& s, char inverted) {
            ++at_;
            return c == inverted ? ~s : s;
        };
        switch (c) {
            case 'd':
            case 'D':
                return one(CharSet::digit(), 'D');
            case 's':
            case 'S':
                return one(CharSet::space(), 'S');
            case 'w':
            case 'W':
                return one(CharSet::word(), 'W');
            case 'h':
            case 'H':
                return one(CharSet::hex(), 'H');
            case 'p':
            case 'P':
                return property(where);
            default:
                return std::nullopt;
        }
    }

    CharSet property(std::size_t where) {
        bool inverted = pattern_[at_++] == 'P';
        const std::size_t end = pattern_.find('}', at_);
        if (!accept("{") || end == std::string_view::npos)
            refuse("\\p without a property in braces", where);
        if (accept("^"))
            inverted = !inverted;
        const std::string_view name = pattern_.substr(at_, end - at_);
        at_ = end + 1;
        const auto found = CharSet::property(name);
        if (!found)
            refuse("the property '" + std::string(name) + "'", where);
        return inverted ? ~*found : *found;
    }

    char32_t hex_number(std::size_t least, std::size_t most, std::size_t where) {
        char32_t value = 0;
        std::size_t digits = 0;
        for (; digits < most && !at_end(); ++digits, ++at_) {
            const char c = pattern_[at_];
            if (c >= '0' && c <= '9')
                value = value * 16 + static_cast<char32_t>(c - '0');
            else if ((c | 32) >= 'a' && (c | 32) <= 'f')
                value = value * 16 + static_cast<char32_t>((c | 32) - 'a' + 10);
            else
                break;
        }
        if (digits < least || value > unicode::kLast || (value >= 0xD800 && value <= 0xDFFF))
            refuse("this number of a character", where);
        return value;
    }

    // The one character that \n, \x41, \. mean.
    char32_t character_escape(std::size_t where) {
        const char32_t c = next();
        switch (c) {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'v':
                return '\v';
            case 'f':
                return '\f';
            case 'r':
                return '\r';
            case 'a':
                return 7;
            case 'e':
                return 27;
            case '0':
                return 0;
            case 'x': {
                if (!accept("{"))
                    return hex_number(1, 2, where);
                const char32_t value = hex_number(1, 8, where);
                if (!accept("}"))
                    refuse("this number of a character", where);
                return value;
            }
            case 'u':
                return hex_number(4, 4, where);
            default:
                break;
        }
        const bool letter = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (letter)
            refuse(std::string("\\") + static_cast<char>(c), where);
        return c;
    }

    // --- behind [ ---
    CharSet bracket(const Options& options, int depth) {
        const std::size_t where = at_ - 1;
        if (depth > kDeepest)
            refuse("a set this deep", where);
        const bool inverted = accept("^");
        CharSet all, part;
        bool intersected = false, empty = true;
        for (;;) {
            if (at_end())
                refuse("a set without an end", where);
            if (!empty && accept("]"))
                break;
            if (accept("&&")) {
                all = intersected ? all & part : part;
                intersected = true;
                part = CharSet();
                continue;
            }
            part = part | member(options, depth);
            empty = false;
        }
        const CharSet whole = intersected ? all & part : part;
        return inverted ? ~whole : whole;
    }

    CharSet member(const Options& options, int depth) {
        const std::size_t where = at_;
        if (accept("[:")) {
            const std::size_t end = pattern_.find(":]", at_);
            if (end == std::string_view::npos)
                refuse("a named set without an end", where);
            const bool inverted = accept("^");
            const std::string_view name = pattern_.substr(at_, end - at_);
            const auto found = CharSet::posix(name);
            if (!found)
                refuse("the set [:" + std::string(name) + ":]", where);
            at_ = end + 2;
            return inverted ? ~*found : *found;
        }
        if (accept("["))
            return bracket(options, depth + 1);
        const auto low = end_of_range(where);
        CharSet found = low.set;
        if (low.single) {
            char32_t high = low.c;
            if (rest().size() >= 2 && rest()[0] == '-' && rest()[1] != ']' &&
                !rest().starts_with("-&&")) {
                ++at_;
                const std::size_t second = at_;
                if (rest().starts_with("["))
                    refuse("a range that ends in a set", second);
                const auto end = end_of_range(second);
                if (!end.single || end.c < low.c)
                    refuse("this range", where);
                high = end.c;
            }
            found = CharSet::range(low.c, high);
        }
        if (!options.any_case)
            return found;
        return low.single && found == CharSet::range(low.c, low.c) ? CharSet::any_case(low.c)
                                                                   : found.any_case();
    }

    struct RangeEnd {
        bool single;
        char32_t c;
        CharSet set;
    };
    RangeEnd end_of_range(std::size_t where) {
        if (!accept("\\"))
            return {true, next(), {}};
        if (at_end())
            refuse("a backslash at the end", where);
        if (pattern_[at_] == 'b') {
            ++at_;
            return {true, '\b', {}};
        }
        if (auto found = class_escape(where))
            return {false, 0, *found};
        return {true, character_escape(where), {}};
    }

    std::string_view pattern_;
    std::size_t at_ = 0;
    RegexSyntax out_;
    char32_t last_letter_ = 0;  // folded; in any case only
};

}  // namespace

RegexSyntax parse_regex(std::string_view pattern) {
    return Parser(pattern).read();
}

}  // namespace skald::rt
