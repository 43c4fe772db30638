// SPDX-License-Identifier: MIT
#include "model/config.hpp"

#include "error.hpp"
#include "skald/container.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

void check(const ModelConfig& c) {
    const auto bound = [&](const char* what, std::uint32_t value, std::uint32_t limit) {
        if (value == 0 || value > limit)
            fail("{}: {} is {}, must be 1 to {}", c.source, what, value, limit);
    };
    bound("the number of layers", c.layers, 4096);
    bound("the hidden size", c.hidden, isa::kMaxK);
    bound("the feed-forward size", c.ffn, isa::kMaxK);
    bound("the number of attention heads", c.heads, isa::kMaxHeads);
    bound("the number of KV heads", c.kv_heads, c.heads);
    bound("the head size", c.head_dim, isa::kMaxHeadDim);
    bound("the vocabulary size", c.vocabulary, isa::kMaxN);
    bound("the context length", c.context, 1u << 24);
    if (c.heads % c.kv_heads != 0)
        fail("{}: {} attention heads are not a multiple of {} KV heads", c.source, c.heads,
             c.kv_heads);
    if (c.head_dim % 2 != 0)
        fail("{}: the head size {} is odd, rotary pairs need an even one", c.source, c.head_dim);
    if (std::uint64_t{c.heads} * c.head_dim > isa::kMaxK)
        fail("{}: {} heads of {} are longer than the {} the card allows", c.source, c.heads,
             c.head_dim, isa::kMaxK);
    if (!(c.norm_eps >= 0) || !(c.norm_eps < 1))
        fail("{}: the RMS norm epsilon is {}, must be 0 to 1", c.source, c.norm_eps);
    for (const std::uint32_t id : c.eos_ids)
        if (id >= c.vocabulary)
            fail("{}: end-of-sequence id {} is not below the vocabulary size {}", c.source, id,
                 c.vocabulary);
    if (c.eos_ids.size() > container::kMaxStopIds)
        fail("{}: {} end-of-sequence ids, at most {} are supported", c.source, c.eos_ids.size(),
             container::kMaxStopIds);
    if (c.bos_id && *c.bos_id >= c.vocabulary)
        fail("{}: begin-of-sequence id {} is not below the vocabulary size {}", c.source, *c.bos_id,
             c.vocabulary);
}

}  // namespace skald::compiler
