// SPDX-License-Identifier: MIT
// The engine in process: matrix-vector and matrix-matrix products, attention; what a micro-op costs
// besides its arithmetic is in overhead.cpp, experts in experts.cpp. Weights are compared with a
// stream reader of the same run, in turns with it, because shared machines swing: read `of_stream`,
// the best against the best.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "bench/limits/peak.hpp"
#include "bench/limits/stream.hpp"
#include "card/compute/kernels.hpp"
#include "rig.hpp"

namespace skald::bench {

void register_experts();  // experts.cpp

namespace {

using test::at;
using test::make;
using test::Rig;

constexpr std::uint8_t kT = 9;
constexpr std::uint8_t kCount = 10;

double seconds(auto&& f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// A rig whose card memory is backed by huge pages where the host has them.
std::unique_ptr<Rig> make_rig(unsigned threads, card::Simd simd, std::size_t memory) {
    test::RigOptions options;
    options.card.threads = threads;
    options.card.simd = simd;
    options.memory = memory;
    auto rig = std::make_unique<Rig>(options);
    madvise(rig->memory().data(), rig->memory().size(), MADV_HUGEPAGE);
    return rig;
}

void fill(Rig& rig, std::uint64_t va, std::uint64_t bytes) {
    std::vector<std::uint16_t> data(1 << 20);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint16_t>(i * 40503u);
    for (auto& word : data)
        word = (word & 0x3b3b) | 0x4040;  // no infinities, be scales f16 or exponents
    for (std::uint64_t done = 0; done < bytes; done += data.size() * 2)
        rig.write(va + done, data.data(), std::min<std::uint64_t>(data.size() * 2, bytes - done));
}

isa::MicroOp matmul(isa::WeightFormat format, std::uint32_t n, std::uint32_t k, std::uint64_t x,
                    std::uint64_t w, std::uint64_t y) {
    auto op = make(isa::Opcode::MatMul);
    op.fmt = static_cast<std::uint8_t>(format);
    op.rows = kT;
    op.dim = {n, k};
    op.op[0] = at(x);
    op.op[1] = at(w);
    op.op[2] = at(y);
    return op;
}

// Matrices of a model with rows of k, `megabytes` in all, times `rows` activations. Two limits are
// measured in turns with it: reading memory and multiplying.
void product(benchmark::State& state, isa::WeightFormat format, card::Simd simd,
             std::uint64_t megabytes) {
    const auto threads = static_cast<unsigned>(state.range(0));
    const auto rows = static_cast<std::uint32_t>(state.range(1));
    const auto k = static_cast<std::uint32_t>(state.range(2));
    if (!card::compute::supported(simd))
        return state.SkipWithError("not on this processor");
    auto rig = make_rig(threads, simd, 512u << 20);
    const std::uint32_t n = 4096;
    const std::uint64_t bytes = isa::matrix_bytes(format, n, k);
    const std::uint64_t matrices = std::max<std::uint64_t>(1, (megabytes << 20) / bytes);
    const auto x = rig->put(std::vector<float>(std::size_t{rows} * k, 0.5f));
    const auto w = rig->alloc(bytes * matrices);
    fill(*rig, w, bytes * matrices);
    const auto y = rig->alloc(std::uint64_t{rows} * n * 4);
    std::vector<isa::MicroOp> program;
    for (std::uint64_t i = 0; i < matrices; ++i)
        program.push_back(matmul(format, n, k, x, w + i * bytes, y));
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = rows;
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    program.push_back(end);
    const auto job = rig->job(program, reg);
    double best = 1e9;
    double stream = 0;
    double peak = 0;
    for (auto _ : state) {
        const double took = seconds([&] { rig->run(job); });
        state.SetIterationTime(took);
        best = std::min(best, took);
        stream = std::max(stream,
                          best_read_speed(rig->memory().subspan(64u << 20, 128u << 20), threads));
        peak = std::max(peak, int8_peak(threads));
    }
    const double speed = static_cast<double>(bytes * matrices) / best;
    const double macs = static_cast<double>(matrices) * rows * n * k / best;
    state.counters["GB_per_s"] = speed / 1e9;
    state.counters["of_stream"] = speed / stream;
    state.counters["GMAC_per_s"] = macs / 1e9;
    state.counters["of_peak"] = peak != 0 ? macs / peak : 0;
    state.counters["stream_GB_per_s"] = stream / 1e9;
}

}  // namespace

// Every integer format at a batch of 1, 8 and 512; the common ones in between; other paths once.
void register_products() {
    const card::Simd best = card::compute::best_simd();
    const auto add = [](const std::string& name, isa::WeightFormat format, card::Simd simd,
                        unsigned threads, unsigned rows, std::uint64_t megabytes) {
        benchmark::RegisterBenchmark(name.c_str(), product, format, simd, megabytes)
            ->ArgNames({"threads", "rows", "k"})
            ->Args({threads, rows, 2048})
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond)
            ->Iterations(rows > 100 ? 8 : 15);
    };
    for (const isa::WeightInfo& info : isa::kWeights) {
        if (!info.integer)
            continue;
        const std::string name = "product/" + std::string(info.name);
        for (const unsigned rows : {1u, 8u, 512u})
            add(name, info.format, best, 2, rows, rows > 100 ? 16 : 160);
    }
    for (const isa::WeightFormat format : {isa::WeightFormat::I8B32, isa::WeightFormat::I4B32}) {
        const std::string name = "product/" + std::string(isa::weight_info(format).name);
        for (const unsigned rows : {2u, 4u, 16u, 32u, 64u, 128u})
            add(name, format, best, 2, rows, 160);
        if (best == card::Simd::kAmx)
            for (const unsigned rows : {4u, 8u, 16u, 64u, 512u})
                add(name + "/avx512", format, card::Simd::kAvx512, 2, rows, 160);
        for (const unsigned rows : {1u, 512u}) {
            add(name, format, best, 1, rows, rows > 100 ? 16 : 160);
            add(name + "/avx2", format, card::Simd::kAvx2, 2, rows, rows > 100 ? 16 : 160);
        }
    }
}

namespace {

// Attention of `rows` rows that end at position `last`.
void attention(benchmark::State& state) {
    const auto rows = static_cast<std::uint32_t>(state.range(0));
    const auto last = static_cast<std::uint32_t>(state.range(1));
    const auto heads = static_cast<std::uint32_t>(state.range(2));
    const auto kv_heads = static_cast<std::uint32_t>(state.range(3));
    const auto dim = static_cast<std::uint32_t>(state.range(4));
    const auto format = static_cast<isa::KvFormat>(state.range(5));
    auto rig = make_rig(2, card::compute::best_simd(), 256u << 20);
    const std::uint32_t blocks = last / isa::kKvPositions + 1;
    const auto block_bytes = static_cast<std::uint32_t>(isa::kv_layer_bytes(format, kv_heads, dim));
    const auto pool = rig->alloc(std::uint64_t{blocks} * block_bytes);
    std::vector<std::uint32_t> table((blocks + 3) / 4 * 4);
    for (std::uint32_t b = 0; b < blocks; ++b)
        table[b] = b;
    std::vector<isa::Row> list;
    for (std::uint32_t t = 0; t < rows; ++t)
        list.push_back({0, last - (rows - 1) + t});
    auto op = make(isa::Opcode::Attention);
    op.fmt = static_cast<std::uint8_t>(format);
    op.rows = kT;
    op.rb = kCount;
    op.dim = {heads, kv_heads, dim, block_bytes};
    op.imm = test::f32_imm(0.1f);
    op.op[0] = at(rig->put(std::vector<float>(std::size_t{rows} * heads * dim, 0.25f)));
    op.op[1] = at(pool);
    op.op[2] = at(rig->alloc(std::uint64_t{rows} * heads * dim * 4));
    op.op[3] = at(rig->put(list));
    op.op[4] = at(rig->put(table), table.size() * 4);
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = rows;
    reg[kCount] = blocks;
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    double positions = 0;
    for (const isa::Row& row : list)
        positions += row.position + 1;
    const std::uint32_t kRepeat = rows > 1 ? 2 : 20;
    std::vector<isa::MicroOp> program(kRepeat, op);
    program.push_back(end);
    const auto job = rig->job(program, reg);
    double best = 1e9;
    for (auto _ : state)
        best = std::min(best, seconds([&] { rig->run(job); }));
    state.counters["us_per_op"] = best / kRepeat * 1e6;
    state.counters["GMAC_per_s"] = 2.0 * heads * dim * positions / (best / kRepeat) / 1e9;
}
BENCHMARK(attention)
    ->ArgNames({"rows", "last", "heads", "kv_heads", "dim", "fmt"})
    ->Args({1, 200, 8, 4, 8, 1})
    ->Args({512, 511, 8, 4, 8, 1})
    ->Args({1, 4095, 32, 4, 64, 1})
    ->Args({1, 4095, 32, 4, 64, 2})
    ->Args({1, 4095, 32, 4, 64, 3})
    ->Args({512, 511, 32, 4, 64, 1})
    ->Args({512, 511, 32, 4, 64, 2})
    ->Args({512, 511, 32, 4, 64, 3})
    ->Args({512, 4095, 32, 4, 64, 1})
    ->Args({512, 4095, 32, 4, 64, 2})
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace skald::bench

int main(int argc, char** argv) {
    skald::bench::register_products();
    skald::bench::register_experts();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
