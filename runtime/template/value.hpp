// SPDX-License-Identifier: MIT
// A value of a template: Python's, as far as templates see them. Values do not change, except
// namespaces and what keeps a position (iterators); so copies share what they hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace skald::rt::jinja {

class Budget;
class Dict;
class Object;
class Value;

// What a name or attribute that is not there gives: prints as nothing, and fails with this
// sentence where more is asked of it.
struct Missing {
    std::string sentence;
};

struct None {};

struct Text {
    std::string bytes;  // UTF-8
    bool ascii;
    bool markup = false;  // went through `safe` or `escape`: what is added to it is escaped
};

enum class SequenceKind : std::uint8_t {
    kList,
    kTuple,
    kRange,
    kKeys,
    kValues,
    kItems,
    kIterator,  // what `map`, `select`, ... give: can be gone through once, has no length
};

// The label of a pair whose items are also named `grouper` and `list`.
inline constexpr const char* kGroup = "group";

struct Sequence {
    SequenceKind kind;
    std::vector<Value> items;
    std::string label;         // of a range: how it prints; of a tuple: kGroup or nothing
    std::uint32_t depth = 1;   // 1 + that of the deepest item
    std::size_t consumed = 0;  // kIterator
};

class Value {
  public:
    Value() = default;  // None
    explicit Value(bool b) : held_(b) {}
    explicit Value(std::int64_t i) : held_(i) {}
    explicit Value(double d) : held_(d) {}
    explicit Value(std::shared_ptr<const Dict> dict) : held_(std::move(dict)) {}
    explicit Value(std::shared_ptr<Object> object) : held_(std::move(object)) {}

    [[nodiscard]] static Value text(std::string bytes, bool markup = false);
    [[nodiscard]] static Value size(std::size_t n) { return Value(static_cast<std::int64_t>(n)); }
    [[nodiscard]] static Value missing(std::string sentence);
    // Throws Failure if it would nest too deep.
    [[nodiscard]] static Value sequence(SequenceKind kind, std::vector<Value> items,
                                        std::string label = {});
    [[nodiscard]] static Value list(std::vector<Value> items) {
        return sequence(SequenceKind::kList, std::move(items));
    }
    [[nodiscard]] static Value tuple(std::vector<Value> items) {
        return sequence(SequenceKind::kTuple, std::move(items));
    }
    [[nodiscard]] static Value iterator(std::vector<Value> items) {
        return sequence(SequenceKind::kIterator, std::move(items));
    }

    [[nodiscard]] bool is_none() const { return std::holds_alternative<None>(held_); }
    [[nodiscard]] bool is_missing() const { return as_missing() != nullptr; }
    [[nodiscard]] bool is_text() const { return as_text() != nullptr; }
    [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(held_); }
    [[nodiscard]] bool is_float() const { return std::holds_alternative<double>(held_); }
    // True and False count, as in Python.
    [[nodiscard]] bool is_integer() const {
        return is_bool() || std::holds_alternative<std::int64_t>(held_);
    }
    [[nodiscard]] bool is_number() const { return is_integer() || is_float(); }

    [[nodiscard]] const Missing* as_missing() const { return pointer<const Missing>(); }
    [[nodiscard]] const Text* as_text() const { return pointer<const Text>(); }
    [[nodiscard]] Sequence* as_sequence() const { return pointer<Sequence>(); }
    [[nodiscard]] const Dict* as_dict() const { return pointer<const Dict>(); }
    [[nodiscard]] Object* as_object() const { return pointer<Object>(); }
    [[nodiscard]] std::int64_t integer() const;  // of a value that is_integer()
    [[nodiscard]] double number() const;         // of a value that is_number()
    [[nodiscard]] const std::string& bytes() const { return as_text()->bytes; }

    // The same thing in memory, for `is sameas`.
    [[nodiscard]] bool same(const Value& other) const;
    [[nodiscard]] std::uint32_t depth() const;

  private:
    template <typename T>
    [[nodiscard]] T* pointer() const {
        const auto* held = std::get_if<std::shared_ptr<T>>(&held_);
        return held != nullptr ? held->get() : nullptr;
    }

    std::variant<None, bool, std::int64_t, double, std::shared_ptr<const Missing>,
                 std::shared_ptr<const Text>, std::shared_ptr<Sequence>,
                 std::shared_ptr<const Dict>, std::shared_ptr<Object>>
        held_;
};

// In order of insertion.
class Dict {
  public:
    using Entry = std::pair<Value, Value>;

    // Throws Failure for a key that cannot be one, or if it would nest too deep.
    void set(const Value& key, Value value, Budget& budget);
    void set(std::string_view key, Value value, Budget& budget) {
        set(Value::text(std::string(key)), std::move(value), budget);
    }
    [[nodiscard]] const Value* find(const Value& key, Budget& budget) const;
    [[nodiscard]] const Value* find(std::string_view key) const;
    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    [[nodiscard]] std::uint32_t depth() const { return depth_; }

  private:
    [[nodiscard]] std::size_t place_of(const Value& key, Budget& budget) const;

    std::vector<Entry> entries_;
    std::unordered_map<std::string, std::size_t> by_text_;
    std::uint32_t depth_ = 1;
    bool other_keys_ = false;
};

}  // namespace skald::rt::jinja
