// SPDX-License-Identifier: MIT
#include "model/model_config.hpp"

#include "error.hpp"
#include "skald/container.hpp"

namespace skald::compiler {

void check(const ModelConfig& c, std::uint32_t vocabulary) {
    for (const std::uint32_t id : c.eos_ids)
        if (id >= vocabulary)
            fail("{}: end-of-sequence id {} is not below the vocabulary size {}", c.source, id,
                 vocabulary);
    if (c.eos_ids.size() > container::kMaxStopIds)
        fail("{}: {} end-of-sequence ids, at most {} are supported", c.source, c.eos_ids.size(),
             container::kMaxStopIds);
    if (c.bos_id && *c.bos_id >= vocabulary)
        fail("{}: begin-of-sequence id {} is not below the vocabulary size {}", c.source, *c.bos_id,
             vocabulary);
}

}  // namespace skald::compiler
