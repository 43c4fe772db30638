// SPDX-License-Identifier: MIT
// Page tables as the driver writes them, and the ports of the engine under test.
#include "rig.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "card/engine/engine.hpp"

namespace skald::test {
namespace {

constexpr std::uint64_t kTableArea = 4u << 20;

}  // namespace

std::byte* Host::find(DmaAddr address, std::size_t bytes) {
    const std::uint64_t offset = address.value - kHostBase;
    if (offset > bytes_.size() || bytes > bytes_.size() - offset)
        return nullptr;
    return bytes_.data() + offset;
}

bool Host::read(DmaAddr from, std::span<std::byte> to) {
    const std::lock_guard lock(mutex_);
    const std::byte* p = find(from, to.size());
    if (p == nullptr)
        return false;
    std::memcpy(to.data(), p, to.size());
    return true;
}

bool Host::write(DmaAddr to, std::span<const std::byte> from) {
    const std::lock_guard lock(mutex_);
    std::byte* p = find(to, from.size());
    if (p == nullptr)
        return false;
    std::memcpy(p, from.data(), from.size());
    return true;
}

bool Host::load64(DmaAddr from, std::uint64_t& value) {
    return read(from, std::as_writable_bytes(std::span(&value, 1)));
}

bool Host::store64(DmaAddr to, std::uint64_t value) {
    return write(to, std::as_bytes(std::span(&value, 1)));
}

void Events::job_ended(const card::JobResult& result) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(result);
    changed_.notify_all();
}

void Events::invalidated(std::uint32_t) {
    const std::lock_guard lock(mutex_);
    ++invalidated_;
    changed_.notify_all();
}

card::JobResult Events::wait_job() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ended_.empty(); });
    const card::JobResult result = ended_.front();
    ended_.erase(ended_.begin());
    return result;
}

void Events::wait_invalidated(unsigned count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return invalidated_ >= count; });
}

Rig::Rig(const RigOptions& options)
    : options_(options),
      mapping_(mmap(nullptr, options.memory + SKALD_BIG_PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      size_(options.memory),
      big_(kTableArea),
      random_(options.seed) {
    if (mapping_ == MAP_FAILED)
        throw std::runtime_error("rig: no memory for the card");
    const auto base = reinterpret_cast<std::uintptr_t>(mapping_);
    memory_ =
        static_cast<std::byte*>(mapping_) + (SKALD_BIG_PAGE_SIZE - base % SKALD_BIG_PAGE_SIZE);
    tables_ = SKALD_PT_BYTES;  // the root is page 0
    if (options.pages == Pages::kScattered) {
        for (std::uint64_t p = kTableArea; p < size_; p += SKALD_PAGE_SIZE)
            pages_.push_back(p);
        std::shuffle(pages_.begin(), pages_.end(), random_);
    }
    const card::EngineEnv env{{memory_, size_}, host,   interrupts,   clock, events, hooks,
                              options.card,     faults, options.links};
    engine = options.kernels != nullptr ? std::make_unique<card::Engine>(env, *options.kernels)
                                        : card::make_engine(env);
    engine->set_root(0, CardOffset(0));
    queue.page = DmaAddr(kHostBase);
    queue.vector = 1;
    queue.scratch_bytes = options.scratch;
    if (!engine->set_queue(0, queue))
        throw std::runtime_error("rig: no memory for scratch");
}

Rig::~Rig() {
    engine.reset();
    munmap(mapping_, size_ + SKALD_BIG_PAGE_SIZE);
}

std::uint64_t Rig::take_page() {
    if (options_.pages == Pages::kBig && pages_.empty()) {
        const std::uint64_t first = take_big_page();
        for (std::uint64_t p = 0; p < SKALD_BIG_PAGE_SIZE; p += SKALD_PAGE_SIZE)
            pages_.push_back(first + p);
    }
    if (pages_.empty())
        throw std::runtime_error("rig: card memory is full");
    const std::uint64_t page = pages_.back();
    pages_.pop_back();
    return page;
}

std::uint64_t Rig::take_big_page() {
    if (big_ + SKALD_BIG_PAGE_SIZE > size_)
        throw std::runtime_error("rig: card memory is full");
    return std::exchange(big_, big_ + SKALD_BIG_PAGE_SIZE);
}

// The entry of a level for va, with tables above it made as needed.
std::uint64_t* Rig::entry(std::uint64_t va, unsigned level) {
    std::uint64_t table = 0;
    for (unsigned l = SKALD_PT_LEVELS - 1;; --l) {
        auto* entries = reinterpret_cast<std::uint64_t*>(memory_ + table);
        std::uint64_t& e = entries[va >> SKALD_PT_SHIFT(l) & (SKALD_PT_ENTRIES - 1)];
        if (l == level)
            return &e;
        if (e == 0) {
            if (tables_ + SKALD_PT_BYTES > kTableArea)
                throw std::runtime_error("rig: no room for page tables");
            e = tables_ | SKALD_PTE_VALID;
            tables_ += SKALD_PT_BYTES;
        }
        table = e & SKALD_PTE_ADDR;
    }
}

std::uint64_t Rig::alloc(std::uint64_t bytes, std::uint64_t offset, bool writable) {
    const std::uint64_t flags = SKALD_PTE_VALID | SKALD_PTE_LEAF | (writable ? SKALD_PTE_WRITE : 0);
    const std::uint64_t end = offset + std::max<std::uint64_t>(bytes, 1);
    if (options_.pages == Pages::kBig && writable) {  // a few to a page
        if (big_used_ + end > big_end_) {
            const std::uint64_t pages = isa::ceil_div(end, SKALD_BIG_PAGE_SIZE);
            big_used_ = isa::ceil_div(next_va_, SKALD_BIG_PAGE_SIZE) * SKALD_BIG_PAGE_SIZE;
            big_end_ = big_used_ + pages * SKALD_BIG_PAGE_SIZE;
            for (std::uint64_t at = big_used_; at < big_end_; at += SKALD_BIG_PAGE_SIZE)
                *entry(at, 1) = take_big_page() | flags;
            next_va_ = big_end_ + SKALD_BIG_PAGE_SIZE;
        }
        const std::uint64_t va = std::exchange(
            big_used_, isa::ceil_div(big_used_ + end, SKALD_PAGE_SIZE) * SKALD_PAGE_SIZE);
        return va + offset;
    }
    const std::uint64_t va = next_va_;
    for (std::uint64_t at = 0; at < end; at += SKALD_PAGE_SIZE)
        *entry(va + at, 0) = take_page() | flags;
    next_va_ = isa::ceil_div(va + end, SKALD_PAGE_SIZE) * SKALD_PAGE_SIZE + SKALD_PAGE_SIZE;
    return va + offset;
}

std::uint64_t Rig::map_host(std::uint64_t offset, std::uint64_t bytes, bool writable) {
    next_va_ = isa::ceil_div(next_va_, SKALD_BIG_PAGE_SIZE) * SKALD_BIG_PAGE_SIZE;
    const std::uint64_t va = next_va_;
    for (std::uint64_t at = 0; at < bytes; at += SKALD_PAGE_SIZE)
        *entry(va + at, 0) = (kHostBase + offset + at) | SKALD_PTE_VALID | SKALD_PTE_LEAF |
                             SKALD_PTE_HOST | (writable ? SKALD_PTE_WRITE : 0);
    next_va_ = isa::ceil_div(va + bytes + 1, SKALD_BIG_PAGE_SIZE) * SKALD_BIG_PAGE_SIZE;
    return va;
}

void Rig::unmap(std::uint64_t va, std::uint64_t bytes) {
    for (std::uint64_t at = 0; at < bytes; at += SKALD_PAGE_SIZE)
        __atomic_store_n(entry(va + at, 0), 0, __ATOMIC_RELEASE);
}

void Rig::set_pte(std::uint64_t va, std::uint64_t value) {
    __atomic_store_n(entry(va, 0), value, __ATOMIC_RELEASE);
}

// Where va lies, and how many bytes from there to the end of its page.
std::byte* Rig::find(std::uint64_t va, std::uint64_t& left) {
    std::uint64_t e = *entry(va, 1);
    std::uint64_t page = SKALD_BIG_PAGE_SIZE;
    if ((e & SKALD_PTE_LEAF) == 0) {
        e = *entry(va, 0);
        page = SKALD_PAGE_SIZE;
    }
    left = page - va % page;
    return memory_ + (e & SKALD_PTE_ADDR) + va % page;
}

void Rig::write(std::uint64_t va, const void* data, std::size_t bytes) {
    const auto* from = static_cast<const std::byte*>(data);
    while (bytes != 0) {
        std::uint64_t left = 0;
        std::byte* to = find(va, left);
        const std::size_t n = std::min<std::uint64_t>(left, bytes);
        std::memcpy(to, from, n);
        va += n;
        from += n;
        bytes -= n;
    }
}

void Rig::signal(std::uint64_t va, std::uint64_t value) {
    std::uint64_t left = 0;
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(find(va, left)), value, __ATOMIC_RELEASE);
}

void Rig::read(std::uint64_t va, void* data, std::size_t bytes) {
    auto* to = static_cast<std::byte*>(data);
    while (bytes != 0) {
        std::uint64_t left = 0;
        const std::byte* from = find(va, left);
        const std::size_t n = std::min<std::uint64_t>(left, bytes);
        std::memcpy(to, from, n);
        va += n;
        to += n;
        bytes -= n;
    }
}

card::JobDesc Rig::job(const std::vector<isa::MicroOp>& program,
                       const std::array<std::uint64_t, isa::kRegisters>& registers) {
    card::JobDesc desc;
    desc.queue = 0;
    desc.program = VirtAddr(put(program));
    desc.program_ops = static_cast<std::uint32_t>(program.size());
    desc.args = VirtAddr(put(std::vector<std::uint64_t>(registers.begin(), registers.end())));
    desc.loop_budget = SKALD_LOOP_BUDGET_DEFAULT;
    return desc;
}

card::JobResult Rig::run(const card::JobDesc& job) {
    engine->launch(job);
    return events.wait_job();
}

card::JobResult Rig::run(std::vector<isa::MicroOp> program,
                         const std::array<std::uint64_t, isa::kRegisters>& registers) {
    isa::MicroOp end = make(isa::Opcode::End);
    end.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    program.push_back(end);
    return run(job(program, registers));
}

isa::MicroOp make(isa::Opcode opcode) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}

isa::Operand at(std::uint64_t va, std::uint64_t pitch_bytes) {
    isa::Operand operand;
    operand.offset = va;
    operand.pitch = static_cast<std::uint16_t>(pitch_bytes / 16);
    return operand;
}

std::uint64_t f32_imm(float low, float high) {
    return std::bit_cast<std::uint32_t>(low) | std::uint64_t{std::bit_cast<std::uint32_t>(high)}
                                                   << 32;
}

}  // namespace skald::test
