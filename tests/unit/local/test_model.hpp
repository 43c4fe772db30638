// SPDX-License-Identifier: MIT
// The compiled models of the tests: the project's default model, and the test models where they
// are. Compiled when the tests are built, into the folder data/ beside the test programs; so a
// guest finds them too.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "container/container.hpp"
#include "libskald/model.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::test {

// data/NAME; the test folder's path if it is not there.
[[nodiscard]] std::filesystem::path data_file(const std::string& name);

// A model and what a float32 evaluation says about it.
struct Case {
    const char* model;      // NAME.skald in data/
    const char* reference;  // NAME.json in data/
};
void PrintTo(const Case& model, std::ostream* out);  // its name, where GoogleTest shows it
inline constexpr Case kDefaultModel{"default.skald", "default.json"};
// The default model with int8 keys and values: another model, and another format of the cache.
inline constexpr const char* kInt8Keys = "default-kv8.skald";
// In floats of 32 bits, keys and values too.
inline constexpr const char* kFloats = "default-f32.skald";
// The one with int8 keys with a sliding window.
inline constexpr const char* kWindow = "default-window.skald";
inline constexpr int kWindowPositions = 48;
[[nodiscard]] const std::vector<Case>& all_models();

// A container, its tokenizer, and the model on a card.
struct LoadedModel {
    LoadedModel(rt::Device& device, const char* name = kDefaultModel.model)
        : container(data_file(name)),
          tokenizer(container.tokenizer()),
          model(device, {container.model(),
                         container.program(),
                         container.weights(),
                         {container.file(), container.weights_offset()}}) {}

    rt::Container container;
    rt::Tokenizer tokenizer;
    rt::Model model;
};

}  // namespace skald::test
