// SPDX-License-Identifier: MIT
#include "tokenizers/runtime_check.hpp"

#include "error.hpp"

namespace skald::compiler {

void refuse_what_runtime_would(const rt::TokenizerSpec& spec, std::string_view file) {
    try {
        rt::serialize(spec);
    } catch (const rt::TokenizerError& e) {
        fail("{}: {}", file, e.what());
    }
}

}  // namespace skald::compiler
