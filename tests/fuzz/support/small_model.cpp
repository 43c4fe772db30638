// SPDX-License-Identifier: MIT
#include "support/small_model.hpp"

#include "temporary_folder.hpp"

namespace skald::fuzz {

const std::filesystem::path& small_model() {
    static const test::TemporaryFolder temporary;
    static const std::filesystem::path path = [] {
        test::write_hugging_face(temporary / "model", kSmall);
        return temporary / "model";
    }();
    return path;
}

}  // namespace skald::fuzz
