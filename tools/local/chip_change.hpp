// SPDX-License-Identifier: MIT
// What a run may have otherwise than a chip's profile says: figures, for fits and searches, and the
// width of its numbers, for chips whose published figures are of other ones than the ISA's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skald/isa_describe.hpp"

namespace skald::local {

struct ChipChange {
    std::string key;
    double value = 0;
};
using ChipChanges = std::vector<ChipChange>;

// The part of the ISA's bytes that is moved, by role, and whose peak and energy count for products.
struct NumberWidths {
    double weights = 1;
    double kv = 1;
    double activations = 1;
    std::optional<isa::MacKind> products;  // none: by the weights' format
    bool unpacked = false;                 // weights are of another kind, and turned into it

    [[nodiscard]] bool usual() const {
        return weights == 1 && kv == 1 && activations == 1 && !products && !unpacked;
    }
};

}  // namespace skald::local
