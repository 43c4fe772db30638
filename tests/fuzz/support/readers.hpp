// SPDX-License-Identifier: MIT
// What the targets that read files share: which exceptions are refusals, and what is done with what
// was accepted.
#pragma once

#include <string_view>

#include "container/container.hpp"
#include "error.hpp"
#include "model/model.hpp"
#include "support/target.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::fuzz {

// A reader refuses with a sentence; anything else that it throws ends the process.
template <class Use>
void may_refuse(Use&& use) {
    const auto check = [](std::string_view sentence) {
        promise(!sentence.empty(), "a refusal says why");
    };
    try {
        use();
    } catch (const compiler::CompileError& e) {
        check(e.what());
    } catch (const rt::ContainerError& e) {
        check(e.what());
    } catch (const rt::TokenizerError& e) {
        check(e.what());
    }
}

// Text to ids and back, as a whole and token by token.
void use_tokenizer(const rt::Tokenizer& tokenizer, std::string_view text);

// Compiles it, if it is small, and reads what came out: what the compiler accepts the runtime must.
void compile_and_read(compiler::Model model);

}  // namespace skald::fuzz
