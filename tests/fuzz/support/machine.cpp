// SPDX-License-Identifier: MIT
#include "support/machine.hpp"

#include <bit>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>

#include "card/compute/kernels.hpp"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

constexpr std::size_t kMemory = 4u << 20;
// In card memory: tables from 0, then arguments and program, then the arena's pages. Nothing else
// of the lower half is used.
constexpr std::uint64_t kRoot = 0;
constexpr std::uint64_t kLevel2 = 0x1000;
constexpr std::uint64_t kLevel1 = 0x2000;
constexpr std::uint64_t kLow = 0x3000;    // level 0 of the first 2 MiB
constexpr std::uint64_t kArena = 0x4000;  // and of the arena
constexpr std::uint64_t kTableWords = 0x5000 / 8;
constexpr std::uint64_t kArgsAt = 0x8000;
constexpr std::uint64_t kProgramAt = 0x10000;
constexpr std::uint64_t kArenaAt = 0x20000;
constexpr std::uint64_t kWatched = kArenaAt + kArenaBytes;
constexpr std::uint64_t kHostPages = 16;  // the first is the queue's

constexpr std::uint64_t kTable = SKALD_PTE_VALID;
constexpr std::uint64_t kRead = SKALD_PTE_VALID | SKALD_PTE_LEAF;
constexpr std::uint64_t kWrite = kRead | SKALD_PTE_WRITE;

CardMemory& card_memory() {
    static CardMemory memory(kMemory);
    return memory;
}

// Whether the last machine had a way to write above what is watched.
bool& written_above() {
    static bool written = false;
    return written;
}

// Zeros, floats around 0, small numbers, anything.
void fill(std::span<std::byte> page, unsigned kind, std::minstd_rand& random) {
    for (std::size_t at = 0; at < page.size(); at += 4) {
        std::uint32_t word = 0;
        if (kind == 1)
            word = std::bit_cast<std::uint32_t>(static_cast<float>(random() % 2001) / 1000 - 1);
        else if (kind == 2)
            word = random() % 8;
        else if (kind == 3)
            word = random();
        std::memcpy(&page[at], &word, sizeof word);
    }
}

}  // namespace

void Ends::job_ended(const card::JobResult& result) {
    const std::lock_guard lock(mutex_);
    promise(!ended_, "a run ends once");
    ended_ = result;
    changed_.notify_all();
}

std::optional<card::JobResult> Ends::wait(std::chrono::microseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return ended_.has_value(); });
    return std::exchange(ended_, std::nullopt);
}

card::JobResult Ends::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_.has_value(); });
    return *std::exchange(ended_, std::nullopt);
}

Machine::Machine(Source& source) : memory_(card_memory().bytes()) {
    std::memset(memory_.data(), 0, kWatched);
    if (std::exchange(written_above(), false))
        card_memory().clear();
    fill_arena(source);
    map_arena(source);
    const std::uint8_t choices = source.byte();
    card::CardOptions options;
    options.threads = 1;
    static const bool avx2 = card::compute::supported(card::Simd::kAvx2);
    options.simd = avx2 && (choices & 1) == 0 ? card::Simd::kAvx2 : card::Simd::kScalar;
    hw_.page = card::DmaAddr(test::kHostBase);
    hw_.vector = 1;
    hw_.scratch_bytes = source.take<std::uint16_t>();
    hw_.coalesce_tokens = choices >> 1 & 3;
    engine_ =
        card::make_engine({memory_, host_, interrupts_, clock_, ends, hooks_, options, faults_});
    engine_->set_root(0, card::CardOffset(kRoot));
    set_queue();
}

// With scratch of any size; an engine that wants whole pages refuses others, and gets the next one.
void Machine::set_queue() {
    const auto set = [&] {
        promise(engine_->set_queue(0, hw_), "there is memory for the scratch of one queue");
    };
    try {
        set();
    } catch (const std::logic_error&) {
        hw_.scratch_bytes = static_cast<std::uint32_t>(
            isa::ceil_div(hw_.scratch_bytes, SKALD_PAGE_SIZE) * SKALD_PAGE_SIZE);
        set();
    }
}

// Four kinds of content, one for each eighth of the arena; its pages are alike.
void Machine::fill_arena(Source& source) {
    std::minstd_rand random(source.take<std::uint16_t>() + 1u);
    for (std::uint64_t page = 0; page < kArenaPages; ++page) {
        const auto to = memory_.subspan(kArenaAt + page * SKALD_PAGE_SIZE, SKALD_PAGE_SIZE);
        if (page % (kArenaPages / 8) == 0)
            fill(to, source.byte() % 4, random);
        else
            std::memcpy(to.data(), to.data() - SKALD_PAGE_SIZE, to.size());
    }
}

void Machine::put_entry(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(&memory_[table]) + index, entry,
                     __ATOMIC_RELEASE);
}

void Machine::map_arena(Source& source) {
    put_entry(kRoot, 0, kLevel2 | kTable);
    put_entry(kLevel2, 0, kLevel1 | kTable);
    put_entry(kLevel1, 0, kLow | kTable);
    put_entry(kLevel1, 1, kArena | kTable);
    put_entry(kLow, kArgsVa / SKALD_PAGE_SIZE, kArgsAt | kRead);
    for (std::uint64_t page = 0; page < kMostOps * sizeof(isa::MicroOp) / SKALD_PAGE_SIZE; ++page)
        put_entry(kLow, kProgramVa / SKALD_PAGE_SIZE + page,
                  (kProgramAt + page * SKALD_PAGE_SIZE) | kRead);
    const std::uint8_t choices = source.byte();
    const std::uint64_t step = (choices & 1) != 0 ? 29 : 1;  // scattered, or in order
    if ((choices & 2) != 0)
        put_entry(kLevel1, kBigVa / SKALD_BIG_PAGE_SIZE, SKALD_BIG_PAGE_SIZE | kWrite);
    for (std::uint64_t page = 0; page < kArenaPages; ++page) {
        const std::uint64_t at = kArenaAt + page * step % kArenaPages * SKALD_PAGE_SIZE;
        const std::uint64_t host =
            test::kHostBase + (1 + page % (kHostPages - 1)) * SKALD_PAGE_SIZE;
        const std::uint64_t kinds[] = {at | kWrite,
                                       at | kWrite,
                                       at | kWrite,
                                       at | kWrite,
                                       at | kRead,
                                       0,
                                       host | kWrite | SKALD_PTE_HOST,
                                       host | kRead | SKALD_PTE_HOST};
        put_entry(kArena, page, (choices & 4) != 0 ? source.pick(kinds) : at | kWrite);
    }
    for (unsigned n = choices >> 6; n > 0; --n)
        change_entry(source);
}

void Machine::change_entry(Source& source) {
    written_above() = true;
    const std::uint64_t word = source.below(kTableWords);
    const std::uint64_t flags[] = {
        0, kTable, kRead, kWrite, kWrite | SKALD_PTE_HOST, SKALD_PTE_RESERVED, ~0ull};
    const std::uint64_t at[] = {0,
                                kLevel1,
                                kArena,
                                kArenaAt,
                                kMemory - SKALD_PAGE_SIZE,
                                kMemory,
                                SKALD_BIG_PAGE_SIZE,
                                test::kHostBase,
                                SKALD_PTE_ADDR};
    const std::uint64_t entry = source.pick(flags);
    put_entry(0, word, entry | source.pick(at));
}

card::JobDesc Machine::job(const std::vector<isa::MicroOp>& program,
                           const std::array<std::uint64_t, isa::kRegisters>& registers) {
    std::memcpy(&memory_[kArgsAt], registers.data(), sizeof registers);
    std::memcpy(&memory_[kProgramAt], program.data(), program.size() * sizeof(isa::MicroOp));
    before_.assign(memory_.begin(), memory_.begin() + kWatched);
    host_before_.assign(host_.at(0), host_.at(0) + kHostPages * SKALD_PAGE_SIZE);
    writable_.assign(kWatched / SKALD_PAGE_SIZE, false);
    host_writable_.assign(kHostPages, false);
    host_writable_[0] = true;  // the queue's page is the card's to write
    find_writable(kRoot, SKALD_PT_LEVELS - 1, 0);
    card::JobDesc job;
    job.program = card::VirtAddr(kProgramVa);
    job.program_ops = static_cast<std::uint32_t>(program.size());
    job.args = card::VirtAddr(kArgsVa);
    job.loop_budget = 64;
    return job;
}

// All that is reached from a table, whatever may be wrong with the way there: too much is allowed,
// never too little.
void Machine::find_writable(std::uint64_t table, unsigned level, unsigned depth) {
    if (table + SKALD_PT_BYTES > memory_.size())
        return;
    for (std::uint64_t i = 0; i < SKALD_PT_ENTRIES; ++i) {
        std::uint64_t entry = 0;
        std::memcpy(&entry, &memory_[table + i * 8], sizeof entry);
        if ((entry & SKALD_PTE_VALID) == 0)
            continue;
        if ((entry & SKALD_PTE_LEAF) != 0)
            allow(entry, level == 1 ? SKALD_BIG_PAGE_SIZE : SKALD_PAGE_SIZE);
        else if (level > 0 && depth < SKALD_PT_LEVELS)
            find_writable(entry & SKALD_PTE_ADDR, level - 1, depth + 1);
    }
}

void Machine::allow(std::uint64_t entry, std::uint64_t bytes) {
    if ((entry & SKALD_PTE_WRITE) == 0)
        return;
    const bool host = (entry & SKALD_PTE_HOST) != 0;
    std::vector<bool>& pages = host ? host_writable_ : writable_;
    const std::uint64_t first = (entry & SKALD_PTE_ADDR) - (host ? test::kHostBase : 0);
    written_above() |= !host && first + bytes > kWatched;
    for (std::uint64_t at = first; at - first < bytes && at / SKALD_PAGE_SIZE < pages.size();
         at += SKALD_PAGE_SIZE)
        pages[at / SKALD_PAGE_SIZE] = true;
    anything_ |= !host && first < kArenaAt;
}

void Machine::check_untouched() {
    if (anything_)
        return;
    for (std::size_t page = 0; page < writable_.size(); ++page)
        if (!writable_[page])
            promise(std::memcmp(&memory_[page * SKALD_PAGE_SIZE], &before_[page * SKALD_PAGE_SIZE],
                                SKALD_PAGE_SIZE) == 0,
                    "a job changes no card memory that it may not write");
    for (std::size_t page = 0; page < host_writable_.size(); ++page)
        if (!host_writable_[page])
            promise(std::memcmp(host_.at(page * SKALD_PAGE_SIZE),
                                &host_before_[page * SKALD_PAGE_SIZE], SKALD_PAGE_SIZE) == 0,
                    "a job changes no host memory that it may not write");
}

}  // namespace skald::fuzz
