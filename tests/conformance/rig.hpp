// SPDX-License-Identifier: MIT
// An engine without a card around it: card memory, page tables, a host with some memory, and a way
// to run programs and wait for their end. Shared by the conformance and the engine tests.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <vector>

#include "card/compute/kernels.hpp"
#include "card/engine/engine_port.hpp"
#include "skald/isa.hpp"
#include "skald/page_table.h"
#include "skald/ring.h"

namespace skald::test {

using card::CardOffset;
using card::DmaAddr;
using card::VirtAddr;

// How virtual memory lies in card memory.
enum class Pages { kBig, kScattered };  // 2 MiB; 4 KiB in random order

inline constexpr std::uint64_t kHostBase = 0x100000000;  // DMA address of the host's memory

class Host final : public card::HostMemory {
  public:
    explicit Host(std::size_t bytes) : bytes_(bytes) {}
    bool read(DmaAddr from, std::span<std::byte> to) override;
    bool write(DmaAddr to, std::span<const std::byte> from) override;
    bool load64(DmaAddr from, std::uint64_t& value) override;
    bool store64(DmaAddr to, std::uint64_t value) override;
    [[nodiscard]] std::byte* at(std::uint64_t offset) { return bytes_.data() + offset; }

  private:
    std::byte* find(DmaAddr address, std::size_t bytes);
    std::mutex mutex_;
    std::vector<std::byte> bytes_;
};

class Interrupts final : public card::InterruptSink {
  public:
    void raise(unsigned vector) override {
        const std::lock_guard lock(mutex_);
        ++count_[vector];
    }
    [[nodiscard]] unsigned count(unsigned vector) {
        const std::lock_guard lock(mutex_);
        return count_[vector];
    }

  private:
    std::mutex mutex_;
    std::map<unsigned, unsigned> count_;
};

// Time that stands still unless a test moves it, or that runs by itself.
class TestClock final : public card::Clock {
  public:
    [[nodiscard]] std::uint64_t now_ns() const override { return now_.fetch_add(step_); }
    void advance(std::uint64_t ns) { now_ += ns; }
    void set_step(std::uint64_t ns) { step_ = ns; }  // passes at every look

  private:
    mutable std::atomic<std::uint64_t> now_{1};
    std::atomic<std::uint64_t> step_{0};
};

class Events final : public card::EngineEvents {
  public:
    void job_ended(const card::JobResult& result) override;
    void invalidated(std::uint32_t context) override;
    card::JobResult wait_job();
    void wait_invalidated(unsigned count);

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<card::JobResult> ended_;
    unsigned invalidated_ = 0;
};

struct RigOptions {
    card::CardOptions card;
    Pages pages = Pages::kBig;
    std::size_t memory = 64u << 20;
    std::uint64_t seed = 1;
    std::uint32_t scratch = 64u << 10;
    const card::compute::Kernels* kernels = nullptr;  // instead of a path's own
    card::Links* links = nullptr;                     // to other cards
};

class Rig {
  public:
    explicit Rig(const RigOptions& options = {});
    ~Rig();

    // Fresh zeroed card memory of the job's context: its address, `offset` bytes past a page start.
    std::uint64_t alloc(std::uint64_t bytes, std::uint64_t offset = 0, bool writable = true);
    // Host memory from `offset` of the host on, mapped for the job.
    std::uint64_t map_host(std::uint64_t offset, std::uint64_t bytes, bool writable = true);
    void unmap(std::uint64_t va, std::uint64_t bytes);
    void set_pte(std::uint64_t va, std::uint64_t entry);  // level 0

    void write(std::uint64_t va, const void* data, std::size_t bytes);
    void read(std::uint64_t va, void* data, std::size_t bytes);
    // One word, while a job may be looking at it.
    void signal(std::uint64_t va, std::uint64_t value);
    template <class T>
    std::uint64_t put(const std::vector<T>& data, std::uint64_t offset = 0) {
        const std::uint64_t va = alloc(data.size() * sizeof(T), offset);
        write(va, data.data(), data.size() * sizeof(T));
        return va;
    }
    template <class T>
    std::vector<T> get(std::uint64_t va, std::size_t count) {
        std::vector<T> data(count);
        read(va, data.data(), count * sizeof(T));
        return data;
    }

    // Loads a program and its registers; the result is a job ready to launch on queue 0.
    card::JobDesc job(const std::vector<isa::MicroOp>& program,
                      const std::array<std::uint64_t, isa::kRegisters>& registers);
    card::JobResult run(const card::JobDesc& job);
    // Program plus END DONE with registers, waits for the end.
    card::JobResult run(std::vector<isa::MicroOp> program,
                        const std::array<std::uint64_t, isa::kRegisters>& registers = {});

    Host host{1u << 20};
    Interrupts interrupts;
    TestClock clock;
    Events events;
    card::Hooks hooks;
    card::QueueHw queue;
    card::FaultInjector faults;
    std::unique_ptr<card::EnginePort> engine;
    std::span<std::byte> memory() { return {memory_, size_}; }

  private:
    std::uint64_t take_page();
    std::uint64_t take_big_page();
    std::uint64_t* entry(std::uint64_t va, unsigned level);

    std::byte* find(std::uint64_t va, std::uint64_t& left);

    RigOptions options_;
    void* mapping_;
    std::byte* memory_ = nullptr;
    std::size_t size_;
    std::uint64_t tables_ = 0;    // next free byte of the table area
    std::uint64_t big_ = 0;       // next free 2 MiB page
    std::uint64_t big_used_ = 0;  // virtual: free room in 2 MiB pages that are mapped
    std::uint64_t big_end_ = 0;
    std::vector<std::uint64_t> pages_;  // free 4 KiB pages in random order
    std::uint64_t next_va_ = 0x200000;
    std::mt19937_64 random_;
};

// Micro-op under construction.
isa::MicroOp make(isa::Opcode opcode);
isa::Operand at(std::uint64_t va, std::uint64_t pitch_bytes = 0);
std::uint64_t f32_imm(float low, float high = 0.0f);

}  // namespace skald::test
