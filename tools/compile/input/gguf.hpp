// SPDX-License-Identifier: MIT
// Reader of GGUF version 3 files: magic, counts, typed key-value metadata, tensor descriptions,
// aligned data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "input/mapped_file.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

class Gguf {
  public:
    explicit Gguf(const std::filesystem::path& path);

    // Metadata. nullopt / nullptr: there is no such key. A value of another type is an error.
    std::optional<std::uint64_t> maybe_uint(
        const std::string& key) const;  // any integer type, not negative
    std::optional<double> maybe_float(const std::string& key) const;  // any number
    std::optional<bool> maybe_bool(const std::string& key) const;
    const std::string* maybe_string(const std::string& key) const;
    const std::vector<std::string>* maybe_strings(const std::string& key) const;
    const std::vector<double>* maybe_numbers(const std::string& key) const;

    // "key": 7 and "key": [7, 8] alike: what a file may have once, or by layer.
    std::optional<std::vector<double>> maybe_one_or_more(const std::string& key) const;

    std::uint64_t uint(const std::string& key) const;
    double number(const std::string& key) const;
    const std::string& string(const std::string& key) const;
    const std::vector<std::string>& strings(const std::string& key) const;

    bool has(const std::string& key) const { return values_.contains(key); }
    [[noreturn]] void reject(const std::string& key, std::string_view what) const;

    // Keys with `prefix` that no getter was asked for; has() does not count. So whoever reads a
    // configuration can refuse what nobody understood. One thread at a time.
    std::vector<std::string> unread_metadata(std::string_view prefix) const;
    void skip(std::initializer_list<std::string_view> keys) const;  // known, and do not matter

    // nullptr if there is no such tensor; throws if it is of a type that is not supported.
    const Tensor* find(const std::string& name) const;
    std::vector<std::string> tensor_names() const;
    const std::string& file() const { return file_.name(); }

  private:
    // Numbers keep 64 bits whichever width the file has.
    using Value = std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
                               std::vector<double>, std::vector<std::string>>;
    struct Entry {
        Tensor tensor;
        std::uint32_t unsupported_type = 0;
        bool supported = true;
    };
    class Parser;

    template <typename T>
    const T* get(const std::string& key, std::string_view type) const;
    const Value* look_up(const std::string& key) const;

    MappedFile file_;
    std::map<std::string, Value> values_;
    mutable std::set<std::string, std::less<>> read_;
    std::map<std::string, Entry> tensors_;
};

}  // namespace skald::compiler
