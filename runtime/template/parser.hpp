// SPDX-License-Identifier: MIT
// Tokens to statements and expressions, by recursive descent. The grammar is Jinja's, with the
// extensions of chat templates: `break`, `continue` and `generation`.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "template/expressions.hpp"
#include "template/lexer.hpp"
#include "template/macro.hpp"
#include "template/node.hpp"
#include "template/statements.hpp"

namespace skald::rt::jinja {

class Parser {
  public:
    explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

    // Throws Failure with a line.
    [[nodiscard]] Body parse();

  private:
    using Names = std::initializer_list<std::string_view>;
    struct Level;

    // ---- tokens
    [[nodiscard]] const Token& now() const { return tokens_[at_]; }
    [[nodiscard]] const Token& ahead() const {
        return tokens_[std::min(at_ + 1, tokens_.size() - 1)];
    }
    const Token& next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
    bool skip_name(std::string_view name);
    bool skip_operator(std::string_view op);
    void expect_operator(std::string_view op);
    void expect_name(std::string_view name);
    std::string expect_any_name();
    void expect_kind(TokenKind kind, std::string_view what);
    [[noreturn]] void unexpected(std::string_view wanted) const;

    // ---- statements (parse_statements.cpp)
    // Up to a tag of one of these names, which is left; none: to the end.
    Body body(Names ends);
    // The rest of a tag, a body, and the tag that ends it.
    Body block(std::string_view end);
    Body block_up_to(Names ends);
    StatementPtr statement();
    StatementPtr for_statement(std::uint32_t line);
    StatementPtr if_statement(std::uint32_t line);
    StatementPtr set_statement(std::uint32_t line);
    StatementPtr with_statement(std::uint32_t line);
    StatementPtr macro_statement(std::uint32_t line);
    StatementPtr call_statement(std::uint32_t line);
    StatementPtr filter_statement(std::uint32_t line);
    StatementPtr named_block(std::uint32_t line);
    StatementPtr jump(std::uint32_t line, Flow flow);
    void parameters(Signature& signature);
    void macro_body(Signature& signature, std::string_view end);
    TargetPtr target(bool with_namespace);
    TargetPtr one_target(bool with_namespace);

    // ---- expressions (parse_expressions.cpp)
    ExpressionPtr expression();
    ExpressionPtr tuple(bool with_condition, std::string_view end_name = {});
    ExpressionPtr disjunction();
    ExpressionPtr conjunction();
    ExpressionPtr negation();
    ExpressionPtr comparison();
    ExpressionPtr sum();
    ExpressionPtr concatenation();
    ExpressionPtr product();
    ExpressionPtr power_of();
    ExpressionPtr unary(bool with_filter);
    ExpressionPtr primary();
    ExpressionPtr name_or_constant();
    ExpressionPtr number();
    ExpressionPtr strings();
    ExpressionPtr parenthesized();
    ExpressionPtr list_display();
    ExpressionPtr dict_display();
    ExpressionPtr postfix(ExpressionPtr expression);
    ExpressionPtr filtered(ExpressionPtr expression);
    ExpressionPtr subscript(ExpressionPtr object);
    ExpressionPtr attribute(ExpressionPtr object);
    ExpressionPtr call(ExpressionPtr callee);
    std::unique_ptr<const Filter> filter(ExpressionPtr input);
    ExpressionPtr test(ExpressionPtr input);
    ArgumentList arguments();
    [[nodiscard]] bool tuple_ends(std::string_view end_name) const;

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    std::uint32_t nesting_ = 0;
    unsigned loops_ = 0;              // around, within the macro
    std::vector<Signature*> macros_;  // that are being read
};

// Counts one level of nesting. Throws Failure if there are too many.
struct Parser::Level {
    explicit Level(Parser& parser);
    ~Level() { --parser_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

  private:
    Parser& parser_;
};

}  // namespace skald::rt::jinja
