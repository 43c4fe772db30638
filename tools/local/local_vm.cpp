// SPDX-License-Identifier: MIT
// Bindings as intervals: unmapping cuts them, mapping replaces them.
#include "local/local_vm.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "libskald/error.hpp"
#include "skald/page_table.h"

namespace skald::local {

LocalBuffer::~LocalBuffer() {
    dma = DmaMap::Range();  // no access is under way any more once this is done
    if (!host.empty() && !read_only)
        munmap(host.data(), host.size());
}

BufferRef make_host_buffer(DmaMap& dma, std::uint64_t bytes) {
    auto buffer = std::make_shared<LocalBuffer>();
    buffer->bytes = (bytes + SKALD_PAGE_SIZE - 1) & ~(SKALD_PAGE_SIZE - 1);
    void* memory = bytes > buffer->bytes ? MAP_FAILED
                                         : mmap(nullptr, buffer->bytes, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw rt::system_error(ENOMEM,
                               fmt::format("cannot allocate {} bytes of system memory", bytes));
    buffer->host = {static_cast<std::byte*>(memory), buffer->bytes};
    buffer->dma = DmaMap::Range(dma, buffer->host, true);
    return buffer;
}

void LocalVm::map(const drm_skald_bind_op& op, const BufferRef& buffer) {
    PageTable::Target target;
    target.host = !buffer->in_card();
    target.address = (target.host ? buffer->dma.address() : buffer->card.offset()) + op.offset;
    target.writable = (op.flags & DRM_SKALD_BIND_READONLY) == 0;
    table_.map(op.va, op.range, target);
    mappings_[op.va] = Mapping{op.va + op.range, buffer};
}

void LocalVm::unmap(std::uint64_t va, std::uint64_t bytes, std::vector<BufferRef>& released) {
    const std::uint64_t end = va + bytes;
    auto at = mappings_.upper_bound(va);
    if (at != mappings_.begin() && std::prev(at)->second.end > va)
        --at;
    while (at != mappings_.end() && at->first < end) {
        const std::uint64_t begin = at->first;
        const Mapping mapping = std::move(at->second);
        at = mappings_.erase(at);
        if (begin < va)
            mappings_[begin] = Mapping{va, mapping.buffer};
        if (mapping.end > end)
            at = mappings_.emplace(end, Mapping{mapping.end, mapping.buffer}).first;
        released.push_back(mapping.buffer);
    }
    table_.unmap(va, bytes);
}

}  // namespace skald::local
