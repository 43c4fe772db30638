// SPDX-License-Identifier: MIT
// A model in GGUF: metadata and tensors of one file, or of all parts of one that was split
// ("NAME-00001-of-00003.gguf").
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
#include <vector>

#include "input/gguf_part.hpp"
#include "input/input_files.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

class Gguf : public InputFiles {
  public:
    // `path`: the file, or any part of a split one; the others are opened too.
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

    bool has(const std::string& key) const { return parts_.front().values.contains(key); }
    [[noreturn]] void reject(const std::string& key, std::string_view what) const;

    // Keys with `prefix` that no getter was asked for; has() does not count. So whoever reads a
    // configuration can refuse what nobody understood. One thread at a time.
    std::vector<std::string> unread_metadata(std::string_view prefix) const;
    void skip(std::initializer_list<std::string_view> keys) const;  // known, and do not matter

    // nullptr if there is no such tensor; throws if it is of a type that is not supported. It
    // points into the files, which this object holds.
    const Tensor* find(const std::string& name) const;
    std::vector<std::string> tensor_names() const;
    std::string name() const;  // of the file, without the ending and the number of a part
    const std::string& file() const { return parts_.front().file.name(); }
    void check() const override;
    void forget() const override;

  private:
    struct Place {
        const GgufTensor* tensor;
        const GgufPart* part;
    };

    template <typename T>
    const T* get(const std::string& key, std::string_view type) const;
    const GgufValue* look_up(const std::string& key) const;

    std::vector<GgufPart> parts_;  // never empty; the first has the metadata
    std::map<std::string, Place> tensors_;
    mutable std::set<std::string, std::less<>> read_;
};

}  // namespace skald::compiler
