// SPDX-License-Identifier: MIT
#include "backend/isa_version.hpp"

#include <algorithm>

#include "skald/isa_table.hpp"

namespace skald::compiler {

std::uint32_t isa_version_of(std::span<const isa::MicroOp> program) {
    std::uint32_t version = isa::k1_0;
    for (const isa::MicroOp& op : program)
        version = std::max(version, isa::least_version(op));
    return version;
}

}  // namespace skald::compiler
