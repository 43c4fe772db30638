// SPDX-License-Identifier: MIT
// Items are taken one at a time, and no earlier than asked for: the condition of a loop sees what
// its body has changed meanwhile.
#include "template/loop.hpp"

#include <deque>

#include "template/machine.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {

// The items of a loop that fulfil its condition.
class Feed {
  public:
    Feed(const For& loop, const Value& items, std::shared_ptr<Scope> around)
        : loop_(loop), items_(items), around_(std::move(around)) {}

    std::optional<Value> next(Machine& machine) {
        if (!ahead_.empty()) {
            Value value = std::move(ahead_.front());
            ahead_.pop_front();
            return value;
        }
        return fetch(machine);
    }
    // Null: there is none.
    const Value* peek(Machine& machine) {
        if (ahead_.empty())
            if (auto value = fetch(machine))
                ahead_.push_back(*std::move(value));
        return ahead_.empty() ? nullptr : &ahead_.front();
    }
    std::size_t rest(Machine& machine) {
        if (!loop_.parts_.condition)
            return known_rest();
        while (auto value = fetch(machine))
            ahead_.push_back(*std::move(value));
        return ahead_.size();
    }

    // Without looking at conditions.
    [[nodiscard]] std::size_t known_rest() const { return ahead_.size() + items_.rest(); }

  private:
    std::optional<Value> fetch(Machine& machine) {
        while (auto value = items_.next()) {
            machine.budget().tick();
            if (!loop_.parts_.condition)
                return value;
            const Machine::Inside inside(machine, std::make_shared<Scope>(around_));
            loop_.parts_.target->assign(machine, *value);
            if (truth(loop_.parts_.condition->evaluate(machine)))
                return value;
        }
        return std::nullopt;
    }

    const For& loop_;
    Items items_;
    std::shared_ptr<Scope> around_;
    std::deque<Value> ahead_;
};

namespace {

class Loop final : public Object {
  public:
    Loop(const For& statement, Feed feed, std::int64_t depth, bool recursive,
         std::shared_ptr<Scope> around)
        : statement_(statement),
          feed_(std::move(feed)),
          depth0_(depth),
          recursive_(recursive),
          around_(std::move(around)) {}

    std::optional<Value> advance(Machine& machine) {
        auto value = feed().next(machine);
        if (!value)
            return value;
        ++index0_;
        previous_ = std::exchange(current_, value);
        return value;
    }

    [[nodiscard]] std::string type_name() const override { return "LoopContext"; }
    [[nodiscard]] std::string print() const override {
        return feed_ ? fmt::format("<LoopContext {}/{}>", index0_ + 1,
                                   index0_ + 1 + feed_->known_rest())
                     : "<LoopContext>";
    }
    [[nodiscard]] bool callable() const override { return recursive_; }
    Value call(Machine& machine, const Arguments& arguments) override {
        const Parameters p("loop", arguments, {"iterable"}, 1);
        if (!around_)
            fail("the loop is over");
        std::string text;
        (void)statement_.run_over(machine, text, p[0], depth0_ + 1, around_);
        return made_text(std::move(text), machine.budget());
    }
    [[nodiscard]] std::optional<Value> attribute(Machine& machine, std::string_view name) override;
    void clear() override {
        changed_.reset();
        feed_.reset();
        around_.reset();
        previous_.reset();
        current_.reset();
    }

  private:
    // Of a loop that is not over.
    Feed& feed() {
        if (!feed_)
            fail("the loop is over");
        return *feed_;
    }
    [[nodiscard]] std::int64_t length(Machine& machine) {
        return index0_ + 1 + static_cast<std::int64_t>(feed().rest(machine));
    }
    Value method(std::string_view name, Value (Loop::*body)(Machine&, const Arguments&)) {
        auto self = std::static_pointer_cast<Loop>(shared_from_this());
        return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(
            std::string(name), [self, body](Machine& machine, const Arguments& arguments) {
                return ((*self).*body)(machine, arguments);
            })));
    }
    Value cycle(Machine&, const Arguments& arguments) {
        const auto& items = arguments.positional;
        if (items.empty())
            fail("no items for cycling given");
        return items[static_cast<std::size_t>(index0_) % items.size()];
    }
    Value changed(Machine& machine, const Arguments& arguments) {
        Value now = Value::tuple(arguments.positional);
        const bool same = changed_ && equal(*changed_, now, machine.budget());
        if (!changed_)
            machine.keep(shared_from_this());
        changed_ = std::move(now);
        return Value(!same);
    }

    const For& statement_;
    std::optional<Feed> feed_;
    std::int64_t depth0_;
    bool recursive_;
    std::shared_ptr<Scope> around_;
    std::int64_t index0_ = -1;
    std::optional<Value> previous_, current_, changed_;
};

std::optional<Value> Loop::attribute(Machine& machine, std::string_view name) {
    if (!feed_)
        return std::nullopt;
    if (name == "index")
        return Value(index0_ + 1);
    if (name == "index0")
        return Value(index0_);
    if (name == "first")
        return Value(index0_ == 0);
    if (name == "last")
        return Value(feed_->peek(machine) == nullptr);
    if (name == "length")
        return Value(length(machine));
    if (name == "revindex")
        return Value(length(machine) - index0_);
    if (name == "revindex0")
        return Value(length(machine) - index0_ - 1);
    if (name == "depth")
        return Value(depth0_ + 1);
    if (name == "depth0")
        return Value(depth0_);
    if (name == "previtem")
        return previous_.value_or(Value::missing("there is no previous item"));
    if (name == "nextitem") {
        const Value* next = feed_->peek(machine);
        return next != nullptr ? *next : Value::missing("there is no next item");
    }
    if (name == "cycle")
        return method(name, &Loop::cycle);
    if (name == "changed")
        return method(name, &Loop::changed);
    return std::nullopt;
}

}  // namespace

Flow For::execute(Machine& machine, std::string& out) const {
    return run_over(machine, out, parts_.items->evaluate(machine), 0, machine.scope());
}

Flow For::run_over(Machine& machine, std::string& out, const Value& items, std::int64_t depth,
                   const std::shared_ptr<Scope>& around) const {
    const auto loop =
        std::make_shared<Loop>(*this, Feed(*this, items, around), depth, parts_.recursive, around);
    // Who keeps it longer has nothing of it: chains of loops that hold one another would not end.
    struct Over {
        Loop& loop;
        ~Over() { loop.clear(); }
    } const over{*loop};
    bool any = false;
    while (const auto item = loop->advance(machine)) {
        any = true;
        const Machine::Inside inside(machine, std::make_shared<Scope>(around));
        machine.set("loop", Value(std::static_pointer_cast<Object>(loop)));
        parts_.target->assign(machine, *item);
        if (run_all(parts_.body, machine, out) == Flow::kBreak)
            break;
        machine.budget().check_output(out.size());
    }
    if (any || parts_.otherwise.empty())
        return Flow::kOn;
    const Machine::Inside inside(machine, std::make_shared<Scope>(around));
    return run_all(parts_.otherwise, machine, out);
}

}  // namespace skald::rt::jinja
