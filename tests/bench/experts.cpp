// SPDX-License-Identifier: MIT
// MATMUL with GROUPED in process, in turns with a dense product: of many rows with as many
// multiplications, of few with as many bytes of weights. Read `of_dense`, the best against the
// best.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "card/compute/kernels.hpp"
#include "rig.hpp"

namespace skald::bench {
namespace {

using test::at;
using test::make;
using test::Rig;

constexpr std::uint8_t kT = 9;
constexpr std::uint8_t kRows = 10;

double seconds(auto&& f) {
    const auto began = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

struct Shape {
    isa::WeightFormat format;
    std::uint32_t rows, experts, chosen, n, k;
    [[nodiscard]] std::uint32_t entries() const { return rows * chosen; }
    [[nodiscard]] std::uint64_t expert_bytes() const { return isa::matrix_bytes(format, n, k); }
};

// Rows by expert: each row goes to `chosen` different ones.
struct Routing {
    std::vector<std::uint32_t> offsets, list;
    std::uint32_t used = 0;  // experts that have rows
    explicit Routing(const Shape& s) {
        std::mt19937 random(1);
        std::vector<std::vector<std::uint32_t>> of(s.experts);
        std::vector<std::uint32_t> ids(s.experts);
        for (std::uint32_t e = 0; e < s.experts; ++e)
            ids[e] = e;
        for (std::uint32_t t = 0; t < s.rows; ++t) {
            std::shuffle(ids.begin(), ids.end(), random);
            for (std::uint32_t j = 0; j < s.chosen; ++j)
                of[ids[j]].push_back(t);
        }
        offsets.push_back(0);
        for (const auto& rows : of) {
            used += rows.empty() ? 0 : 1;
            list.insert(list.end(), rows.begin(), rows.end());
            offsets.push_back(static_cast<std::uint32_t>(list.size()));
        }
    }
};

std::uint64_t put_weights(Rig& rig, std::uint64_t bytes) {
    std::vector<std::uint16_t> data(1 << 20);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint16_t>((i * 40503u & 0x3b3b) | 0x4040);  // finite scales
    const std::uint64_t va = rig.alloc(bytes);
    for (std::uint64_t done = 0; done < bytes; done += data.size() * 2)
        rig.write(va + done, data.data(), std::min<std::uint64_t>(data.size() * 2, bytes - done));
    return va;
}

isa::MicroOp product(const Shape& s, std::uint32_t n, std::uint64_t x, std::uint64_t w,
                     std::uint64_t y) {
    auto op = make(isa::Opcode::MatMul);
    op.fmt = static_cast<std::uint8_t>(s.format);
    op.rows = kT;
    op.dim = {n, s.k};
    op.op[0] = at(x);
    op.op[1] = at(w);
    op.op[2] = at(y);
    return op;
}

card::JobDesc job(Rig& rig, std::vector<isa::MicroOp> program, std::uint32_t rows,
                  std::uint32_t rows_of_x) {
    auto end = make(isa::Opcode::End);
    end.aux = 1;
    program.push_back(end);
    std::array<std::uint64_t, isa::kRegisters> reg{};
    reg[kT] = rows;
    reg[kRows] = rows_of_x;
    return rig.job(program, reg);
}

void experts(benchmark::State& state, Shape s) {
    test::RigOptions options;
    options.card.threads = 2;
    options.card.simd = card::compute::best_simd();
    options.memory = 512u << 20;
    Rig rig(options);
    madvise(rig.memory().data(), rig.memory().size(), MADV_HUGEPAGE);
    const bool many = s.rows > 8;
    const std::uint32_t layers = many ? 1 : 8;
    const Routing routing(s);
    const std::uint32_t dense_width = many ? s.chosen : routing.used;  // in experts
    const std::uint32_t dense_rows = s.entries() / dense_width;
    const auto x = rig.put(std::vector<float>(std::size_t{s.rows} * s.k, 0.5f));
    const auto y = rig.alloc(std::uint64_t{s.entries()} * s.n * 4);
    std::vector<isa::MicroOp> grouped, dense;
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
        auto op = product(s, s.n, x, put_weights(rig, s.experts * s.expert_bytes()), y);
        op.flags = isa::kFlagGrouped | isa::kFlagIndexed;
        op.ra = kRows;
        op.dim[2] = s.experts;
        op.op[4] = at(rig.put(routing.offsets));
        op.op[5] = at(rig.put(routing.list));
        grouped.push_back(op);
        dense.push_back(
            product(s, s.n * dense_width, x, put_weights(rig, dense_width * s.expert_bytes()), y));
    }
    const auto grouped_job = job(rig, grouped, s.entries(), s.rows);
    const auto dense_job = job(rig, dense, dense_rows, 0);
    double best = 1e9;
    double best_dense = 1e9;
    for (auto _ : state) {
        const double took = seconds([&] { rig.run(grouped_job); });
        state.SetIterationTime(took);
        best = std::min(best, took);
        best_dense = std::min(best_dense, seconds([&] { rig.run(dense_job); }));
    }
    state.counters["GMAC_per_s"] = 1e-9 * layers * s.entries() * s.n * s.k / best;
    state.counters["of_dense"] = best_dense / best;
}

}  // namespace

// 32 experts of 512, the best four of them; hidden rows of 1,024.
void register_experts() {
    for (const isa::WeightFormat format :
         {isa::WeightFormat::I8B32, isa::WeightFormat::I4B32, isa::WeightFormat::MX4B32})
        for (const std::uint32_t rows : {1u, 2u, 8u, 512u}) {
            const std::string name = "experts/" + std::string(isa::weight_info(format).name) +
                                     "/rows:" + std::to_string(rows);
            benchmark::RegisterBenchmark(name.c_str(), experts,
                                         Shape{format, rows, 32, 4, 512, 1024})
                ->UseManualTime()
                ->Unit(benchmark::kMillisecond)
                ->Iterations(rows > 8 ? 20 : 30);
        }
}

}  // namespace skald::bench
