// SPDX-License-Identifier: MIT
// Block-table look-up.
#include "card/ops/kv_blocks.hpp"

namespace skald::card {

KvBlocks::KvBlocks(Machine& m, const isa::MicroOp& op, const View& pool, const View& table,
                   std::uint64_t layer_bytes)
    : m_(m),
      pool_(pool.va),
      block_bytes_(op.dim[3]),
      limit_(m.reg[op.rb]),
      table_(table.va),
      table_pitch_(table.pitch),
      entries_(table.pitch / 4),
      layer_bytes_(layer_bytes) {
    clear();
}

void KvBlocks::clear() {
    m_.blocks.clear();
}

Fault KvBlocks::find(std::uint32_t sequence, std::uint64_t index, Access access, BlockRef& ref) {
    const std::uint64_t entry = table_ + sequence * table_pitch_ + index * 4;
    std::uint32_t block = 0;
    if (const Fault fault = m_.space.read(entry, &block, sizeof(block)))
        return fault;
    if (block >= limit_)
        return {SKALD_FAULT_BLOCK, entry};
    ref = {};
    ref.va = pool_ + block * block_bytes_;
    ref.base = m_.space.contiguous(ref.va, layer_bytes_, access);
    if (ref.base != nullptr)
        return {};
    ref.first = static_cast<std::uint32_t>(m_.blocks.size());
    m_.blocks.begin_range();
    if (const Fault fault = m_.space.resolve(ref.va, layer_bytes_, access, false, m_.blocks))
        return fault;
    ref.last = static_cast<std::uint32_t>(m_.blocks.size());
    if (ref.last - ref.first == 1)
        ref.base = m_.blocks[ref.first].at(ref.va);
    return {};
}

const std::byte* KvBlocks::in(const BlockRef& ref, std::uint64_t offset, std::size_t bytes,
                              std::byte* buffer) const {
    if (ref.base != nullptr)
        return ref.base + offset;
    const Mapping& run = m_.blocks.find(ref.va + offset, ref.first, ref.last);
    if (run.end - (ref.va + offset) >= bytes)
        return run.at(ref.va + offset);
    m_.blocks.read(ref.va + offset, buffer, bytes, ref.first, ref.last);
    return buffer;
}

void KvBlocks::store(const BlockRef& ref, std::uint64_t offset, const void* from,
                     std::size_t bytes) const {
    if (ref.base != nullptr)
        std::memmove(ref.base + offset, from, bytes);  // operands may overlap
    else
        m_.blocks.write(ref.va + offset, from, bytes, ref.first, ref.last);
}

}  // namespace skald::card
