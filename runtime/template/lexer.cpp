// SPDX-License-Identifier: MIT
#include "template/lexer.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "template/characters.hpp"
#include "template/error.hpp"
#include "template/string_literal.hpp"

namespace skald::rt::jinja {
namespace {

bool is_name_begin(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_name_part(char c) {
    return is_name_begin(c) || is_digit(c);
}

// One newline at the end is none of the text; all kinds of newline become one.
std::string normalized(std::string_view source) {
    std::string text;
    text.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            text += source[i];
            continue;
        }
        text += '\n';
        if (i + 1 < source.size() && source[i + 1] == '\n')
            ++i;
    }
    if (text.ends_with('\n'))
        text.pop_back();
    return text;
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : rest_(source) {}

    std::vector<Token> run() {
        while (!rest_.empty())
            outside();
        add(TokenKind::kEnd, {});
        return std::move(tokens_);
    }

  private:
    void add(TokenKind kind, std::string text) {
        tokens_.push_back({kind, std::move(text), line_});
    }

    std::string_view take(std::size_t size) {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        line_ += static_cast<std::uint32_t>(std::ranges::count(taken, '\n'));
        if (!taken.empty())
            line_start_ = taken.back() == '\n';
        return taken;
    }
    void skip_space() { take(rest_.size() - strip_left(rest_).size()); }

    // Data before a tag: `sign` and the kind of the tag say what of its end is dropped.
    void add_data(std::string_view data, char sign, bool block, bool at_line_start) {
        if (sign == '-') {
            data = strip_right(data);
        } else if (sign != '+' && block) {
            const std::size_t newline = data.rfind('\n');
            const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
            if ((begin > 0 || at_line_start) && strip_left(data.substr(begin)).empty())
                data = data.substr(0, begin);
        }
        if (!data.empty())
            add(TokenKind::kData, std::string(data));
    }

    void outside() {
        std::size_t at = 0;
        while (at + 1 < rest_.size() &&
               !(rest_[at] == '{' &&
                 (rest_[at + 1] == '%' || rest_[at + 1] == '{' || rest_[at + 1] == '#')))
            ++at;
        if (at + 1 >= rest_.size()) {
            const std::uint32_t line = line_;
            const std::string_view all = take(rest_.size());
            tokens_.push_back({TokenKind::kData, std::string(all), line});
            return;
        }
        const bool at_line_start = line_start_;
        const char kind = rest_[at + 1];
        const char sign = at + 2 < rest_.size() && (rest_[at + 2] == '-' || rest_[at + 2] == '+')
                              ? rest_[at + 2]
                              : '\0';
        const std::uint32_t line = line_;
        const std::string_view data = take(at);
        add_data(data, sign, kind != '{', at_line_start);
        if (!data.empty() && !tokens_.empty() && tokens_.back().kind == TokenKind::kData)
            tokens_.back().line = line;
        const std::uint32_t tag_line = line_;
        take(sign != 0 ? 3 : 2);
        if (kind == '#')
            comment(tag_line);
        else if (kind == '{')
            inside(TokenKind::kVariableBegin, TokenKind::kVariableEnd, "}}", tag_line);
        else if (!raw(tag_line))
            inside(TokenKind::kBlockBegin, TokenKind::kBlockEnd, "%}", tag_line);
    }

    // What follows the end of a block or comment: space behind -, else one newline, behind + none.
    void after_end(char sign) {
        if (sign == '-')
            skip_space();
        else if (sign != '+' && rest_.starts_with('\n'))
            take(1);
    }

    void comment(std::uint32_t line) {
        const std::size_t end = rest_.find("#}");
        if (end == std::string_view::npos)
            fail_at(line, "Missing end of comment tag");
        const char sign = end > 0 ? rest_[end - 1] : '\0';
        take(end + 2);
        after_end(sign);
    }

    // The length of `  raw  -%}` and the like at the front, and the sign in it.
    static std::optional<std::size_t> tag(std::string_view rest, std::string_view name,
                                          char& sign) {
        const std::size_t all = rest.size();
        rest = strip_left(rest);
        if (!rest.starts_with(name))
            return std::nullopt;
        rest = strip_left(rest.substr(name.size()));
        sign = !rest.empty() && (rest.front() == '-' || rest.front() == '+') ? rest.front() : '\0';
        if (sign != 0)
            rest.remove_prefix(1);
        if (!rest.starts_with("%}"))
            return std::nullopt;
        return all - rest.size() + 2;
    }

    bool raw(std::uint32_t line) {
        char sign = 0;
        const auto begin = tag(rest_, "raw", sign);
        if (!begin || sign == '+')
            return false;
        take(*begin);
        if (sign == '-')
            skip_space();
        for (std::size_t at = rest_.find("{%"); at != std::string_view::npos;
             at = rest_.find("{%", at + 2)) {
            std::string_view inner = rest_.substr(at + 2);
            const char before =
                inner.starts_with('-') || inner.starts_with('+') ? inner.front() : '\0';
            if (before != 0)
                inner.remove_prefix(1);
            char after = 0;
            const auto end = tag(inner, "endraw", after);
            if (!end)
                continue;
            const bool at_line_start = line_start_;
            const std::string_view data = take(at);
            add_data(data, before, true, at_line_start);
            take(2 + (before != 0 ? 1 : 0) + *end);
            after_end(after);
            return true;
        }
        fail_at(line, "Missing end of raw directive");
    }

    void inside(TokenKind begin, TokenKind end, std::string_view mark, std::uint32_t line) {
        tokens_.push_back({begin, {}, line});
        std::vector<char> open;
        for (;;) {
            skip_space();
            if (rest_.empty())
                fail_at(line, "the tag has no end");
            if (open.empty() && at_end(mark)) {
                const char sign =
                    rest_.front() == '-' || rest_.front() == '+' ? rest_.front() : '\0';
                add(end, {});
                take(mark.size() + (sign != 0 ? 1 : 0));
                if (end == TokenKind::kBlockEnd)
                    after_end(sign);
                else if (sign == '-')
                    skip_space();
                return;
            }
            token(open);
        }
    }

    [[nodiscard]] bool at_end(std::string_view mark) const {
        const bool signed_end = rest_.starts_with('-') || (rest_.starts_with('+') && mark == "%}");
        return rest_.starts_with(mark) || (signed_end && rest_.substr(1).starts_with(mark));
    }

    void token(std::vector<char>& open) {
        const char c = rest_.front();
        if (is_digit(c))
            return number();
        if (is_name_begin(c)) {
            const std::uint32_t line = line_;
            const auto end = std::ranges::find_if_not(rest_, is_name_part);
            tokens_.push_back({TokenKind::kName,
                               std::string(take(static_cast<std::size_t>(end - rest_.begin()))),
                               line});
            return;
        }
        if (c == '"' || c == '\'')
            return string(c);
        op(open);
    }

    void string(char quote) {
        std::size_t end = 1;
        while (end < rest_.size() && rest_[end] != quote)
            end += rest_[end] == '\\' ? 2 : 1;
        if (end >= rest_.size())
            fail_at(line_, "a string has no end");
        const std::uint32_t line = line_;
        const std::string_view literal = take(end + 1);
        tokens_.push_back(
            {TokenKind::kString, unescaped(literal.substr(1, literal.size() - 2), line), line});
    }

    // The length of digits with single _ between them.
    template <typename IsDigit>
    static std::size_t digits(std::string_view text, IsDigit is) {
        std::size_t n = 0;
        while (n < text.size() &&
               (is(text[n]) || (n > 0 && text[n] == '_' && n + 1 < text.size() && is(text[n + 1]))))
            ++n;
        return n;
    }

    void number() {
        const auto with_prefix = [&](char letter, auto is) -> std::size_t {
            if (rest_.size() < 3 || rest_[0] != '0' || (rest_[1] | 0x20) != letter)
                return 0;
            const std::size_t n = digits(rest_.substr(rest_[2] == '_' ? 3 : 2), is);
            return n == 0 ? 0 : n + (rest_[2] == '_' ? 3 : 2);
        };
        for (const std::size_t n :
             {with_prefix('x',
                          [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }),
              with_prefix('o', [](char c) { return c >= '0' && c <= '7'; }),
              with_prefix('b', [](char c) { return c == '0' || c == '1'; })})
            if (n != 0)
                return add(TokenKind::kInteger, std::string(take(n)));
        std::size_t n = digits(rest_, is_digit);
        const std::size_t whole = n;
        const bool behind_dot = !tokens_.empty() && tokens_.back().is_operator(".");
        if (!behind_dot && n + 1 < rest_.size() && rest_[n] == '.' && is_digit(rest_[n + 1]))
            n += 1 + digits(rest_.substr(n + 1), is_digit);
        if (!behind_dot && n < rest_.size() && (rest_[n] | 0x20) == 'e') {
            std::size_t at = n + 1;
            if (at < rest_.size() && (rest_[at] == '+' || rest_[at] == '-'))
                ++at;
            if (at < rest_.size() && is_digit(rest_[at]))
                n = at + digits(rest_.substr(at), is_digit);
        }
        add(n == whole ? TokenKind::kInteger : TokenKind::kFloat, std::string(take(n)));
    }

    void op(std::vector<char>& open) {
        constexpr std::array<std::string_view, 25> kOperators = {
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
            "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};
        const auto found = std::ranges::find_if(
            kOperators, [&](std::string_view o) { return rest_.starts_with(o); });
        if (found == kOperators.end()) {
            if (rest_.front() != ';')
                fail_at(line_, "unexpected character '{}'", first_character());
            return add(TokenKind::kOperator, std::string(take(1)));
        }
        const char c = found->front();
        if (c == '(' || c == '[' || c == '{')
            open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
        if (c == ')' || c == ']' || c == '}') {
            if (open.empty())
                fail_at(line_, "unexpected '{}'", c);
            if (open.back() != c)
                fail_at(line_, "unexpected '{}', expected '{}'", c, open.back());
            open.pop_back();
        }
        add(TokenKind::kOperator, std::string(*found));
        take(found->size());
    }

    [[nodiscard]] std::string first_character() const {
        std::string_view rest = rest_;
        std::string text;
        append_character(text, next_character(rest));
        return text;
    }

    std::string_view rest_;
    std::uint32_t line_ = 1;
    bool line_start_ = true;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
    const std::string text = normalized(source);
    return Lexer(text).run();
}

}  // namespace skald::rt::jinja
