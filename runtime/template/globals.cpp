// SPDX-License-Identifier: MIT
#include "template/globals.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/machine.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {

std::optional<Value> Namespace::attribute(Machine&, std::string_view name) {
    for (const auto& [known, value] : attributes_)
        if (known == name)
            return value;
    return std::nullopt;
}

void Namespace::set(std::string_view name, Value value) {
    for (auto& [known, held] : attributes_)
        if (known == name) {
            held = std::move(value);
            return;
        }
    attributes_.emplace_back(name, std::move(value));
}

namespace {

constexpr std::int64_t kMostOfRange = 100'000;  // as in Jinja's sandbox

Value range(Machine& machine, const Arguments& arguments) {
    const Parameters p("range", arguments, {"start", "stop", "step"}, 1);
    const bool one = !p.has(1);
    const std::int64_t start = one ? 0 : p.integer(0, 0), stop = p.integer(one ? 0 : 1, 0),
                       step = p.integer(2, 1);
    if (step == 0)
        fail("range() arg 3 must not be zero");
    const auto span =
        step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
    const auto stride = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
    const auto count = span > 0 ? (span + stride - 1) / stride : 0;
    if (count > kMostOfRange)
        fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kMostOfRange);
    machine.budget().make(static_cast<std::size_t>(count) * sizeof(Value));
    std::vector<Value> items;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i)
        items.emplace_back(static_cast<std::int64_t>(start + static_cast<__int128>(i) * step));
    return Value::sequence(SequenceKind::kRange, std::move(items),
                           p.has(2) ? fmt::format("range({}, {}, {})", start, stop, step)
                                    : fmt::format("range({}, {})", start, stop));
}

// dict(mapping or pairs, name=value, ...) into whatever takes entries.
template <typename Set>
void entries_of(Machine& machine, std::string_view name, const Arguments& arguments, Set set) {
    if (arguments.positional.size() > 1)
        fail("{} expected at most 1 argument, got {}", name, arguments.positional.size());
    if (!arguments.positional.empty()) {
        const Value& source = arguments.positional.front();
        if (const Dict* dict = source.as_dict()) {
            for (const auto& [key, value] : dict->entries())
                set(key, value);
        } else {
            for (const Value& pair : all_items(machine, source)) {
                const std::vector<Value> two = all_items(machine, pair);
                if (two.size() != 2)
                    fail("dictionary update sequence element has length {}; 2 is required",
                         two.size());
                set(two[0], two[1]);
            }
        }
    }
    for (const auto& [key, value] : arguments.named)
        set(Value::text(key), value);
}

Value make_dict(Machine& machine, const Arguments& arguments) {
    auto dict = std::make_shared<Dict>();
    entries_of(machine, "dict", arguments, [&](const Value& key, const Value& value) {
        machine.budget().make(2 * sizeof(Value));
        dict->set(key, value, machine.budget());
    });
    return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

Value make_namespace(Machine& machine, const Arguments& arguments) {
    auto made = std::make_shared<Namespace>();
    machine.budget().make(sizeof(Namespace));
    machine.keep(made);
    entries_of(machine, "namespace", arguments, [&](const Value& key, const Value& value) {
        made->set(str(key, machine.budget()), value);
    });
    return Value(std::static_pointer_cast<Object>(std::move(made)));
}

std::uint32_t deepest(const std::vector<Value>& values) {
    std::uint32_t depth = 0;
    for (const Value& value : values)
        depth = std::max(depth, value.depth());
    if (depth + 1 > kMostNesting)
        fail("values nest deeper than {} levels", kMostNesting);
    return depth + 1;
}

class Cycler final : public Object {
  public:
    explicit Cycler(std::vector<Value> items) : Object(deepest(items)), items_(std::move(items)) {}
    [[nodiscard]] std::string type_name() const override { return "Cycler"; }
    [[nodiscard]] std::optional<Value> attribute(Machine&, std::string_view name) override {
        if (name == "current")
            return items_[at_];
        if (name == "next")
            return method(name, [](Cycler& self) {
                const Value current = self.items_[self.at_];
                self.at_ = (self.at_ + 1) % self.items_.size();
                return current;
            });
        if (name == "reset")
            return method(name, [](Cycler& self) {
                self.at_ = 0;
                return Value();
            });
        return std::nullopt;
    }

  private:
    template <typename Body>
    Value method(std::string_view name, Body body) {
        auto self = std::static_pointer_cast<Cycler>(shared_from_this());
        return Value(std::static_pointer_cast<Object>(std::make_shared<Function>(
            std::string(name), [self, body](Machine&, const Arguments&) { return body(*self); },
            depth() + 1)));
    }

    std::vector<Value> items_;
    std::size_t at_ = 0;
};

class Joiner final : public Object {
  public:
    explicit Joiner(Value separator) : separator_(std::move(separator)) {}
    [[nodiscard]] std::string type_name() const override { return "Joiner"; }
    [[nodiscard]] bool callable() const override { return true; }
    Value call(Machine&, const Arguments&) override {
        return std::exchange(used_, true) ? separator_ : Value::text("");
    }

  private:
    Value separator_;
    bool used_ = false;
};

Value make_cycler(Machine& machine, const Arguments& arguments) {
    if (arguments.positional.empty())
        fail("at least one item has to be provided");
    machine.budget().make(arguments.positional.size() * sizeof(Value));
    return Value(std::static_pointer_cast<Object>(std::make_shared<Cycler>(arguments.positional)));
}

Value make_joiner(Machine& machine, const Arguments& arguments) {
    const Parameters p("joiner", arguments, {"sep"});
    return Value(std::static_pointer_cast<Object>(
        std::make_shared<Joiner>(Value::text(p.has(0) ? str(p[0], machine.budget()) : ", "))));
}

Value raise_exception(Machine& machine, const Arguments& arguments) {
    const Parameters p("raise_exception", arguments, {"message"}, 1);
    fail("{}", str(p[0], machine.budget()));
}

Value strftime_now(Machine& machine, const Arguments& arguments) {
    const Parameters p("strftime_now", arguments, {"format"}, 1);
    if (!p[0].is_text())
        fail("strftime() argument 1 must be str, not {}", type_name(p[0]));
    constexpr std::size_t kMost = 4096;
    const std::string& format = p[0].bytes();
    // A mark behind it tells an empty text from one that is too long.
    std::string text(kMost, '\0');
    const std::size_t size =
        std::strftime(text.data(), text.size(), (format + ".").c_str(), &machine.now());
    if (size == 0)
        fail("the date is longer than {} bytes", kMost);
    text.resize(size - 1);
    return made_text(valid_utf8(text), machine.budget());
}

struct GlobalEntry {
    std::string_view name;
    Value (*call)(Machine&, const Arguments&);
};
constexpr std::array kGlobals = std::to_array<GlobalEntry>({
    {"cycler", make_cycler},
    {"dict", make_dict},
    {"joiner", make_joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
});

}  // namespace

Value find_global(std::string_view name) {
    const auto found = std::ranges::find(kGlobals, name, &GlobalEntry::name);
    if (found == kGlobals.end())
        return Value::missing(fmt::format("'{}' is undefined", name));
    return Value(std::static_pointer_cast<Object>(
        std::make_shared<Function>(std::string(name), found->call)));
}

}  // namespace skald::rt::jinja
