// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "template/access.hpp"
#include "template/parser.hpp"

namespace skald::rt::jinja {
namespace {

bool not_equal(const Value& a, const Value& b, Budget& budget) {
    return !equal(a, b, budget);
}
bool is_less(const Value& a, const Value& b, Budget& budget) {
    return less(a, b, budget);
}
bool is_greater(const Value& a, const Value& b, Budget& budget) {
    return less(b, a, budget, ">");
}
bool at_most(const Value& a, const Value& b, Budget& budget) {
    return less(a, b, budget, "<=") || equal(a, b, budget);
}
bool at_least(const Value& a, const Value& b, Budget& budget) {
    return less(b, a, budget, ">=") || equal(a, b, budget);
}
bool is_in(const Value& a, const Value& b, Budget& budget) {
    return contains(b, a, budget);
}
bool is_not_in(const Value& a, const Value& b, Budget& budget) {
    return !contains(b, a, budget);
}
Value logical_not(const Value& value) {
    return Value(!truth(value));
}

Comparison::Operation comparison_of(const Token& token) {
    if (token.kind != TokenKind::kOperator)
        return nullptr;
    if (token.text == "==")
        return equal;
    if (token.text == "!=")
        return not_equal;
    if (token.text == "<")
        return is_less;
    if (token.text == ">")
        return is_greater;
    if (token.text == "<=")
        return at_most;
    if (token.text == ">=")
        return at_least;
    return nullptr;
}

Binary::Operation product_of(const Token& token) {
    if (token.kind != TokenKind::kOperator)
        return nullptr;
    if (token.text == "*")
        return multiply;
    if (token.text == "/")
        return divide;
    if (token.text == "//")
        return floor_divide;
    if (token.text == "%")
        return modulo;
    return nullptr;
}

}  // namespace

ExpressionPtr Parser::expression() {
    const Level level(*this);
    std::uint32_t line = now().line;
    ExpressionPtr value = disjunction();
    while (skip_name("if")) {
        ExpressionPtr condition = disjunction();
        ExpressionPtr otherwise;
        if (skip_name("else"))
            otherwise = expression();
        value = std::make_unique<Conditional>(line, std::move(condition), std::move(value),
                                              std::move(otherwise));
        line = now().line;
    }
    return value;
}

bool Parser::tuple_ends(std::string_view end_name) const {
    return now().kind == TokenKind::kVariableEnd || now().kind == TokenKind::kBlockEnd ||
           now().is_operator(")") || (!end_name.empty() && now().is_name(end_name));
}

// Without a comma it is the expression alone.
ExpressionPtr Parser::tuple(bool with_condition, std::string_view end_name) {
    const Level level(*this);
    const std::uint32_t line = now().line;
    std::vector<ExpressionPtr> items;
    bool comma = false;
    while (!tuple_ends(end_name)) {
        items.push_back(with_condition ? expression() : disjunction());
        if (!skip_operator(","))
            break;
        comma = true;
    }
    if (items.empty())
        unexpected("an expression");
    if (!comma)
        return std::move(items.front());
    return std::make_unique<SequenceDisplay>(line, SequenceKind::kTuple, std::move(items));
}

ExpressionPtr Parser::disjunction() {
    ExpressionPtr left = conjunction();
    while (now().is_name("or")) {
        const std::uint32_t line = next().line;
        left = std::make_unique<Logical>(line, true, std::move(left), conjunction());
    }
    return left;
}

ExpressionPtr Parser::conjunction() {
    ExpressionPtr left = negation();
    while (now().is_name("and")) {
        const std::uint32_t line = next().line;
        left = std::make_unique<Logical>(line, false, std::move(left), negation());
    }
    return left;
}

ExpressionPtr Parser::negation() {
    if (!now().is_name("not"))
        return comparison();
    const Level level(*this);
    const std::uint32_t line = next().line;
    return std::make_unique<Unary>(line, logical_not, negation());
}

ExpressionPtr Parser::comparison() {
    const std::uint32_t line = now().line;
    ExpressionPtr first = sum();
    Comparison::Operands operands;
    for (;;) {
        if (const auto operation = comparison_of(now())) {
            next();
            operands.emplace_back(operation, sum());
        } else if (skip_name("in")) {
            operands.emplace_back(is_in, sum());
        } else if (now().is_name("not") && ahead().is_name("in")) {
            next();
            next();
            operands.emplace_back(is_not_in, sum());
        } else {
            break;
        }
    }
    if (operands.empty())
        return first;
    return std::make_unique<Comparison>(line, std::move(first), std::move(operands));
}

ExpressionPtr Parser::sum() {
    ExpressionPtr left = concatenation();
    while (now().is_operator("+") || now().is_operator("-")) {
        const Binary::Operation operation = now().text == "+" ? add : subtract;
        const std::uint32_t line = next().line;
        left = std::make_unique<Binary>(line, operation, std::move(left), concatenation());
    }
    return left;
}

ExpressionPtr Parser::concatenation() {
    const std::uint32_t line = now().line;
    std::vector<ExpressionPtr> parts;
    parts.push_back(product());
    while (skip_operator("~"))
        parts.push_back(product());
    if (parts.size() == 1)
        return std::move(parts.front());
    return std::make_unique<Joined>(line, std::move(parts));
}

ExpressionPtr Parser::product() {
    ExpressionPtr left = power_of();
    while (const auto operation = product_of(now())) {
        const std::uint32_t line = next().line;
        left = std::make_unique<Binary>(line, operation, std::move(left), power_of());
    }
    return left;
}

ExpressionPtr Parser::power_of() {
    ExpressionPtr left = unary(true);
    while (now().is_operator("**")) {
        const std::uint32_t line = next().line;
        left = std::make_unique<Binary>(line, power, std::move(left), unary(true));
    }
    return left;
}

ExpressionPtr Parser::unary(bool with_filter) {
    const Level level(*this);
    const std::uint32_t line = now().line;
    ExpressionPtr value;
    if (skip_operator("-"))
        value = std::make_unique<Unary>(line, negate, unary(false));
    else if (skip_operator("+"))
        value = std::make_unique<Unary>(line, plus, unary(false));
    else
        value = primary();
    value = postfix(std::move(value));
    return with_filter ? filtered(std::move(value)) : std::move(value);
}

ExpressionPtr Parser::primary() {
    switch (now().kind) {
        case TokenKind::kName:
            return name_or_constant();
        case TokenKind::kString:
            return strings();
        case TokenKind::kInteger:
        case TokenKind::kFloat:
            return number();
        default:
            break;
    }
    if (now().is_operator("("))
        return parenthesized();
    if (now().is_operator("["))
        return list_display();
    if (now().is_operator("{"))
        return dict_display();
    unexpected("an expression");
}

ExpressionPtr Parser::name_or_constant() {
    const Token& token = next();
    if (token.text == "true" || token.text == "True")
        return std::make_unique<Constant>(token.line, Value(true));
    if (token.text == "false" || token.text == "False")
        return std::make_unique<Constant>(token.line, Value(false));
    if (token.text == "none" || token.text == "None")
        return std::make_unique<Constant>(token.line, Value());
    for (Signature* macro : macros_) {
        macro->uses_caller = macro->uses_caller || token.text == "caller";
        macro->uses_varargs = macro->uses_varargs || token.text == "varargs";
        macro->uses_kwargs = macro->uses_kwargs || token.text == "kwargs";
    }
    return std::make_unique<Name>(token.line, token.text);
}

ExpressionPtr Parser::strings() {
    const std::uint32_t line = now().line;
    std::string text;
    while (now().kind == TokenKind::kString)
        text += next().text;
    return std::make_unique<Constant>(line, Value::text(std::move(text)));
}

ExpressionPtr Parser::number() {
    const Token& token = next();
    std::string digits = token.text;
    std::erase(digits, '_');
    if (token.kind == TokenKind::kFloat)
        return std::make_unique<Constant>(token.line, Value(std::strtod(digits.c_str(), nullptr)));
    int base = 10;
    std::string_view rest = digits;
    if (rest.size() > 2 && rest[0] == '0' && (rest[1] | 0x20) > '9') {
        const int letter = rest[1] | 0x20;
        base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
        rest.remove_prefix(2);
    }
    std::int64_t n = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), n, base).ec != std::errc())
        fail_at(token.line, "{} is beyond 64 bits", token.text);
    return std::make_unique<Constant>(token.line, Value(n));
}

ExpressionPtr Parser::parenthesized() {
    const std::uint32_t line = next().line;
    if (skip_operator(")"))
        return std::make_unique<SequenceDisplay>(line, SequenceKind::kTuple,
                                                 std::vector<ExpressionPtr>());
    ExpressionPtr inner = tuple(true);
    expect_operator(")");
    return inner;
}

ExpressionPtr Parser::list_display() {
    const std::uint32_t line = next().line;
    std::vector<ExpressionPtr> items;
    while (!now().is_operator("]")) {
        items.push_back(expression());
        if (!skip_operator(","))
            break;
    }
    expect_operator("]");
    return std::make_unique<SequenceDisplay>(line, SequenceKind::kList, std::move(items));
}

ExpressionPtr Parser::dict_display() {
    const std::uint32_t line = next().line;
    DictDisplay::Pairs pairs;
    while (!now().is_operator("}")) {
        ExpressionPtr key = expression();
        expect_operator(":");
        pairs.emplace_back(std::move(key), expression());
        if (!skip_operator(","))
            break;
    }
    expect_operator("}");
    return std::make_unique<DictDisplay>(line, std::move(pairs));
}

ExpressionPtr Parser::postfix(ExpressionPtr value) {
    for (;;) {
        if (now().is_operator("."))
            value = attribute(std::move(value));
        else if (now().is_operator("["))
            value = subscript(std::move(value));
        else if (now().is_operator("("))
            value = call(std::move(value));
        else
            return value;
    }
}

ExpressionPtr Parser::filtered(ExpressionPtr value) {
    for (;;) {
        if (skip_operator("|"))
            value = filter(std::move(value));
        else if (skip_name("is"))
            value = test(std::move(value));
        else if (now().is_operator("("))
            value = call(std::move(value));
        else
            return value;
    }
}

ExpressionPtr Parser::attribute(ExpressionPtr object) {
    const std::uint32_t line = next().line;
    if (now().kind == TokenKind::kInteger)
        return std::make_unique<Item>(line, std::move(object), number());
    if (now().kind != TokenKind::kName)
        unexpected("a name or number");
    return std::make_unique<Attribute>(line, std::move(object), next().text);
}

ExpressionPtr Parser::subscript(ExpressionPtr object) {
    const std::uint32_t line = next().line;
    ExpressionPtr parts[3];
    unsigned colons = 0;
    while (!now().is_operator("]")) {
        if (skip_operator(":")) {
            if (++colons > 2)
                unexpected("']'");
            continue;
        }
        if (parts[colons])
            break;
        parts[colons] = expression();
    }
    // obj[a, b] takes the item of a tuple.
    if (colons == 0 && parts[0] && now().is_operator(",")) {
        std::vector<ExpressionPtr> items;
        items.push_back(std::move(parts[0]));
        while (skip_operator(","))
            items.push_back(expression());
        parts[0] = std::make_unique<SequenceDisplay>(line, SequenceKind::kTuple, std::move(items));
    }
    expect_operator("]");
    if (colons != 0)
        return std::make_unique<SliceOf>(line, std::move(object), std::move(parts[0]),
                                         std::move(parts[1]), std::move(parts[2]));
    if (!parts[0])
        fail_at(line, "expected an expression in []");
    return std::make_unique<Item>(line, std::move(object), std::move(parts[0]));
}

ArgumentList Parser::arguments() {
    const std::uint32_t line = now().line;
    expect_operator("(");
    ArgumentList list;
    const auto check = [&](bool good) {
        if (!good)
            fail_at(line, "invalid syntax for function call expression");
    };
    while (!now().is_operator(")")) {
        if (skip_operator("*")) {
            check(!list.more && !list.more_named);
            list.more = expression();
        } else if (skip_operator("**")) {
            check(!list.more_named);
            list.more_named = expression();
        } else if (now().kind == TokenKind::kName && ahead().is_operator("=")) {
            check(!list.more_named);
            std::string name = next().text;
            next();
            list.named.emplace_back(std::move(name), expression());
        } else {
            check(!list.more && !list.more_named && list.named.empty());
            list.positional.push_back(expression());
        }
        if (!skip_operator(","))
            break;
    }
    expect_operator(")");
    return list;
}

ExpressionPtr Parser::call(ExpressionPtr callee) {
    const std::uint32_t line = now().line;
    return std::make_unique<Call>(line, std::move(callee), arguments());
}

std::unique_ptr<const Filter> Parser::filter(ExpressionPtr input) {
    const std::uint32_t line = now().line;
    std::string name = expect_any_name();
    while (skip_operator("."))
        name += "." + expect_any_name();
    ArgumentList list;
    if (now().is_operator("("))
        list = arguments();
    return std::make_unique<Filter>(line, std::move(input), std::move(name), std::move(list));
}

ExpressionPtr Parser::test(ExpressionPtr input) {
    const std::uint32_t line = now().line;
    const bool negated = skip_name("not");
    std::string name = expect_any_name();
    while (skip_operator("."))
        name += "." + expect_any_name();
    ArgumentList list;
    const bool begins = now().kind == TokenKind::kName || now().kind == TokenKind::kString ||
                        now().kind == TokenKind::kInteger || now().kind == TokenKind::kFloat ||
                        now().is_operator("[") || now().is_operator("{");
    if (now().is_operator("(")) {
        list = arguments();
    } else if (begins && !now().is_name("else") && !now().is_name("or") && !now().is_name("and")) {
        if (now().is_name("is"))
            fail_at(line, "You cannot chain multiple tests with is");
        list.positional.push_back(postfix(primary()));
    }
    ExpressionPtr value =
        std::make_unique<Test>(line, std::move(input), std::move(name), std::move(list));
    if (negated)
        value = std::make_unique<Unary>(line, logical_not, std::move(value));
    return value;
}

}  // namespace skald::rt::jinja
