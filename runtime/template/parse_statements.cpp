// SPDX-License-Identifier: MIT
#include <algorithm>

#include "template/loop.hpp"
#include "template/parser.hpp"

namespace skald::rt::jinja {
namespace {

constexpr std::uint32_t kMostNested = 300;

std::string shown(const Token& token) {
    switch (token.kind) {
        case TokenKind::kEnd:
            return "the end of the template";
        case TokenKind::kVariableEnd:
            return "'}}'";
        case TokenKind::kBlockEnd:
            return "'%}'";
        case TokenKind::kData:
        case TokenKind::kVariableBegin:
        case TokenKind::kBlockBegin:
            return "text";
        case TokenKind::kString:
            return "a string";
        default:
            return "'" + token.text + "'";
    }
}

std::string listed(std::initializer_list<std::string_view> names) {
    std::string text;
    for (const std::string_view name : names)
        text += (text.empty() ? "'" : " or '") + std::string(name) + "'";
    return text;
}

}  // namespace

Parser::Level::Level(Parser& parser) : parser_(parser) {
    if (++parser_.nesting_ > kMostNested) {
        --parser_.nesting_;
        fail_at(parser_.now().line, "the template nests deeper than {} levels", kMostNested);
    }
}

bool Parser::skip_name(std::string_view name) {
    if (!now().is_name(name))
        return false;
    next();
    return true;
}

bool Parser::skip_operator(std::string_view op) {
    if (!now().is_operator(op))
        return false;
    next();
    return true;
}

void Parser::unexpected(std::string_view wanted) const {
    fail_at(now().line, "expected {}, got {}", wanted, shown(now()));
}

void Parser::expect_operator(std::string_view op) {
    if (!skip_operator(op))
        unexpected(fmt::format("'{}'", op));
}

void Parser::expect_name(std::string_view name) {
    if (!skip_name(name))
        unexpected(fmt::format("'{}'", name));
}

std::string Parser::expect_any_name() {
    if (now().kind != TokenKind::kName)
        unexpected("a name");
    return next().text;
}

void Parser::expect_kind(TokenKind kind, std::string_view what) {
    if (now().kind != kind)
        unexpected(what);
    next();
}

Body Parser::parse() {
    try {
        return body({});
    } catch (Failure& failure) {
        if (failure.line == 0)
            failure.line = now().line;
        throw;
    }
}

Body Parser::body(Names ends) {
    const Level level(*this);
    const std::uint32_t begin = now().line;
    Body statements;
    for (;;) {
        const std::uint32_t line = now().line;
        if (now().kind == TokenKind::kEnd) {
            if (ends.size() != 0)
                fail_at(begin, "the template ends, {} is missing", listed(ends));
            return statements;
        }
        if (now().kind == TokenKind::kData) {
            statements.push_back(std::make_unique<Data>(line, next().text));
        } else if (now().kind == TokenKind::kVariableBegin) {
            next();
            statements.push_back(std::make_unique<Output>(line, tuple(true)));
            expect_kind(TokenKind::kVariableEnd, "'}}'");
        } else {
            next();
            if (now().kind == TokenKind::kName && std::ranges::find(ends, now().text) != ends.end())
                return statements;
            statements.push_back(statement());
            expect_kind(TokenKind::kBlockEnd, "'%}'");
        }
    }
}

Body Parser::block_up_to(Names ends) {
    skip_operator(":");
    expect_kind(TokenKind::kBlockEnd, "'%}'");
    return body(ends);
}

Body Parser::block(std::string_view end) {
    Body statements = block_up_to({end});
    next();
    return statements;
}

StatementPtr Parser::statement() {
    if (now().kind != TokenKind::kName)
        unexpected("the name of a tag");
    const std::uint32_t line = now().line;
    const std::string tag = next().text;
    if (tag == "for")
        return for_statement(line);
    if (tag == "if")
        return if_statement(line);
    if (tag == "set")
        return set_statement(line);
    if (tag == "macro")
        return macro_statement(line);
    if (tag == "call")
        return call_statement(line);
    if (tag == "filter")
        return filter_statement(line);
    if (tag == "with")
        return with_statement(line);
    if (tag == "break")
        return jump(line, Flow::kBreak);
    if (tag == "continue")
        return jump(line, Flow::kContinue);
    if (tag == "block")
        return named_block(line);
    if (tag == "generation")
        return std::make_unique<Inner>(line, Inner::Variables(), block("endgeneration"));
    if (tag == "autoescape") {
        (void)expression();
        return std::make_unique<Inner>(line, Inner::Variables(), block("endautoescape"));
    }
    if (tag == "print") {
        std::vector<ExpressionPtr> values;
        do
            values.push_back(expression());
        while (skip_operator(","));
        return std::make_unique<Output>(line, std::make_unique<Joined>(line, std::move(values)));
    }
    for (const std::string_view other : {"include", "import", "extends", "from"})
        if (tag == other)
            fail_at(line, "'{}' wants another template, there is none", tag);
    fail_at(line, "unknown tag '{}'", tag);
}

StatementPtr Parser::for_statement(std::uint32_t line) {
    For::Parts parts;
    parts.target = target(false);
    expect_name("in");
    parts.items = tuple(false, "recursive");
    if (skip_name("if"))
        parts.condition = expression();
    parts.recursive = skip_name("recursive");
    ++loops_;
    parts.body = block_up_to({"endfor", "else"});
    --loops_;
    if (next().text == "else")
        parts.otherwise = block("endfor");
    return std::make_unique<For>(line, std::move(parts));
}

StatementPtr Parser::if_statement(std::uint32_t line) {
    std::vector<If::Branch> branches;
    for (;;) {
        ExpressionPtr condition = tuple(false);
        branches.push_back({std::move(condition), block_up_to({"elif", "else", "endif"})});
        const std::string tag = next().text;
        if (tag == "elif")
            continue;
        if (tag == "else")
            branches.push_back({nullptr, block("endif")});
        return std::make_unique<If>(line, std::move(branches));
    }
}

StatementPtr Parser::set_statement(std::uint32_t line) {
    TargetPtr left = target(true);
    if (skip_operator("="))
        return std::make_unique<Assign>(line, std::move(left), tuple(true));
    FilterPtr chain;
    while (now().is_operator("|")) {
        next();
        chain = filter(std::move(chain));
    }
    return std::make_unique<AssignBlock>(line, std::move(left), std::move(chain), block("endset"));
}

StatementPtr Parser::with_statement(std::uint32_t line) {
    Inner::Variables variables;
    while (now().kind != TokenKind::kBlockEnd && now().kind != TokenKind::kEnd) {
        if (!variables.empty())
            expect_operator(",");
        TargetPtr left = target(false);
        expect_operator("=");
        variables.emplace_back(std::move(left), expression());
    }
    return std::make_unique<Inner>(line, std::move(variables), block("endwith"));
}

void Parser::parameters(Signature& signature) {
    expect_operator("(");
    while (!now().is_operator(")")) {
        if (!signature.parameters.empty())
            expect_operator(",");
        std::string name = expect_any_name();
        ExpressionPtr otherwise;
        if (skip_operator("="))
            otherwise = expression();
        else if (!signature.parameters.empty() && signature.parameters.back().second)
            fail_at(now().line, "non-default argument follows default argument");
        signature.parameters.emplace_back(std::move(name), std::move(otherwise));
    }
    next();
}

void Parser::macro_body(Signature& signature, std::string_view end) {
    const unsigned loops = std::exchange(loops_, 0);
    macros_.push_back(&signature);
    signature.body = block(end);
    macros_.pop_back();
    loops_ = loops;
}

StatementPtr Parser::macro_statement(std::uint32_t line) {
    Signature signature;
    signature.name = expect_any_name();
    parameters(signature);
    macro_body(signature, "endmacro");
    return std::make_unique<MacroDefinition>(line, std::move(signature));
}

StatementPtr Parser::call_statement(std::uint32_t line) {
    Signature caller;
    caller.name = "caller";
    if (now().is_operator("("))
        parameters(caller);
    ExpressionPtr what = expression();
    if (dynamic_cast<const Call*>(what.get()) == nullptr)
        fail_at(line, "a call block wants a call");
    std::unique_ptr<const Call> owned(static_cast<const Call*>(what.release()));
    macro_body(caller, "endcall");
    return std::make_unique<CallBlock>(line, std::move(caller), std::move(owned));
}

StatementPtr Parser::filter_statement(std::uint32_t line) {
    FilterPtr chain = filter(nullptr);
    while (skip_operator("|"))
        chain = filter(std::move(chain));
    return std::make_unique<FilterBlock>(line, std::move(chain), block("endfilter"));
}

// There is nothing that could replace it, so it stands where it is.
StatementPtr Parser::named_block(std::uint32_t line) {
    const std::string name = expect_any_name();
    skip_name("scoped");
    skip_name("required");
    Body statements = block("endblock");
    skip_name(name);
    return std::make_unique<Inner>(line, Inner::Variables(), std::move(statements));
}

StatementPtr Parser::jump(std::uint32_t line, Flow flow) {
    if (loops_ == 0)
        fail_at(line, "'{}' outside of a loop", flow == Flow::kBreak ? "break" : "continue");
    return std::make_unique<Jump>(line, flow);
}

TargetPtr Parser::one_target(bool with_namespace) {
    const Level level(*this);
    if (skip_operator("(")) {
        TargetPtr inner = target(with_namespace);
        expect_operator(")");
        return inner;
    }
    std::string name = expect_any_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"})
        if (name == constant)
            fail_at(now().line, "can't assign to '{}'", name);
    if (with_namespace && skip_operator("."))
        return std::make_unique<NamespaceTarget>(std::move(name), expect_any_name());
    return std::make_unique<NameTarget>(std::move(name));
}

TargetPtr Parser::target(bool with_namespace) {
    std::vector<TargetPtr> targets;
    bool several = false;
    for (;;) {
        targets.push_back(one_target(with_namespace));
        if (!skip_operator(","))
            break;
        several = true;
        if (now().kind != TokenKind::kName && !now().is_operator("("))
            break;
        if (now().is_name("in"))
            break;
    }
    if (!several)
        return std::move(targets.front());
    return std::make_unique<TupleTarget>(std::move(targets));
}

}  // namespace skald::rt::jinja
