// SPDX-License-Identifier: MIT
// What a micro-op costs besides its arithmetic: fetching and dispatching it, translating its
// addresses, handing a part of it to another worker and waiting for that.
#include <benchmark/benchmark.h>
#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "card/pool/worker_pool.hpp"
#include "rig.hpp"

namespace skald::bench {
namespace {

using test::at;
using test::make;
using test::Rig;

constexpr std::uint8_t kT = 9;
constexpr std::uint8_t kCount = 10;

double nanoseconds(auto&& f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began)
        .count();
}

test::RigOptions one_thread(test::Pages pages) {
    test::RigOptions options;
    options.card.threads = 1;
    options.pages = pages;
    return options;
}

// ADD of `elements` in one row.
isa::MicroOp add(Rig& rig, std::uint32_t elements) {
    auto op = make(isa::Opcode::Add);
    op.rows = kT;
    op.dim[0] = elements;
    op.op[0] = at(rig.put(std::vector<float>(elements)));
    op.op[1] = at(rig.put(std::vector<float>(elements)));
    op.op[2] = at(rig.alloc(elements * 4));
    return op;
}

// The best of some runs of a loop over 100 of these, per micro-op.
double ns_per_op(benchmark::State& state, Rig& rig, const isa::MicroOp& op, std::uint64_t rounds) {
    std::vector<isa::MicroOp> body(100, op);
    auto loop = make(isa::Opcode::Loop);
    loop.rd = kCount;
    body.push_back(loop);
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    body.push_back(end);
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = 1;
    reg[kCount] = rounds;
    const auto job = rig.job(body, reg);
    double best = 1e18;
    for (auto _ : state)
        best = std::min(best, nanoseconds([&] { rig.run(job); }));
    return best / (static_cast<double>(body.size() - 1) * static_cast<double>(rounds));
}

void register_op(benchmark::State& state) {
    Rig rig(one_thread(test::Pages::kBig));
    auto op = make(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(isa::AluOp::Add);
    op.flags = isa::kFlagImm;
    op.rd = op.ra = 5;
    op.imm = 1;
    state.counters["ns_per_op"] = ns_per_op(state, rig, op, 1000);
}
BENCHMARK(register_op)->Unit(benchmark::kMillisecond);

void vector_op(benchmark::State& state) {
    Rig rig(one_thread(test::Pages::kBig));
    state.counters["ns_per_op"] = ns_per_op(state, rig, add(rig, 64), 1000);
}
BENCHMARK(vector_op)->Unit(benchmark::kMillisecond);

// The same operands on one page of 2 MiB and on 4 KiB pages that lie scattered: what a page more
// costs, its translation and the seam in the data.
void translation(benchmark::State& state) {
    constexpr std::uint32_t kElements = 32768;
    constexpr double kPages = 3.0 * kElements * 4 / 4096;
    Rig big(one_thread(test::Pages::kBig));
    Rig scattered(one_thread(test::Pages::kScattered));
    const double together = ns_per_op(state, big, add(big, kElements), 10);
    double apart = 1e18;
    const auto op = add(scattered, kElements);
    std::vector<isa::MicroOp> body(1000, op);
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    body.push_back(end);
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = 1;
    const auto job = scattered.job(body, reg);
    for (int i = 0; i < 10; ++i)
        apart = std::min(apart, nanoseconds([&] { scattered.run(job); }) / 1000);
    state.counters["ns_per_page"] = (apart - together) / kPages;
}
BENCHMARK(translation)->Iterations(10)->Unit(benchmark::kMillisecond);

// Two items that wait for each other, so that a helper must take one: how long until both are done
// where the helper still looks out for work (idle_us: 0), and where it has gone to sleep.
void handover(benchmark::State& state) {
    const std::chrono::microseconds idle(state.range(0));
    card::WorkerPool::Seat seat(card::WorkerPool::shared(), 2);
    card::Worker self(true);
    std::atomic<int> begun{0};
    auto work = [&](card::Worker&, std::uint64_t) {
        begun.fetch_add(1);
        while (begun.load(std::memory_order_relaxed) < 2)
            _mm_pause();
    };
    std::vector<double> samples;
    for (auto _ : state) {
        std::this_thread::sleep_for(idle);
        begun.store(0);
        samples.push_back(nanoseconds([&] { seat.run(self, 2, work); }));
    }
    std::ranges::sort(samples);
    state.counters["p50_ns"] = samples[samples.size() / 2];
    state.counters["p99_ns"] = samples[samples.size() * 99 / 100];
}
BENCHMARK(handover)->ArgName("idle_us")->Arg(0)->Iterations(20000)->Unit(benchmark::kMicrosecond);
BENCHMARK(handover)->ArgName("idle_us")->Arg(1000)->Iterations(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace skald::bench
