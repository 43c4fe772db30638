// SPDX-License-Identifier: MIT
// What llm-bench --profile tells of the modelled chip.
#include "bench/modelled.hpp"

#include <gtest/gtest.h>

namespace skald::bench {
namespace {

std::vector<isa::MicroOp> program() {
    std::vector<isa::MicroOp> program(4);
    program[0].opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    program[1].opcode = static_cast<std::uint8_t>(isa::Opcode::Glu);
    program[2].opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    program[3].opcode = static_cast<std::uint8_t>(isa::Opcode::End);
    return program;
}

ModelledOp op(std::uint64_t count, std::uint64_t dram_ps, std::uint64_t vector_ps,
              std::uint64_t energy_fj = 0) {
    ModelledOp op{count, 10 * count, energy_fj, {}};
    op.bound_ps[SKALD_BOUND_DRAM] = dram_ps;
    op.bound_ps[SKALD_BOUND_VECTOR] = vector_ps;
    return op;
}

Modelled sample() {
    const std::vector<ModelledOp> before = {op(1, 1'000'000, 0), op(1, 0, 0), op(0, 0, 0),
                                            op(0, 0, 0)};
    const std::vector<ModelledOp> after = {op(3, 3'000'000, 1'000'000, 2'500'000'000), op(1, 0, 0),
                                           op(2, 0, 5'000'000), op(1, 0, 0)};
    return {"sk1", 8000, 2.5e-6, modelled_ops(program(), before, after)};
}

TEST(BenchModelled, CountsWhatWasAddedBetweenTwoLooks) {
    const Modelled modelled = sample();
    ASSERT_EQ(modelled.ops.size(), 3u) << "one did not run in between";
    EXPECT_EQ(modelled.ops[0].index, 0u);
    EXPECT_EQ(modelled.ops[0].op.count, 2u);
    EXPECT_EQ(modelled.ops[0].op.bytes, 20u);
    EXPECT_EQ(modelled.ops[0].op.time_ps(), 3'000'000u);
    EXPECT_EQ(modelled.ops[1].index, 2u);
}

TEST(BenchModelled, JsonSaysTimeShareBoundAndJoulesOfEachMicroOp) {
    const auto ops = to_json(sample().ops);
    ASSERT_EQ(ops.size(), 3u);
    EXPECT_EQ(ops[0]["op"], "matmul");
    EXPECT_EQ(ops[0]["modelled_ps"], 3'000'000);
    EXPECT_EQ(ops[0]["share"], 3.0 / 8);
    EXPECT_EQ(ops[0]["bound"], "dram");
    EXPECT_NEAR(ops[0]["bound_share"].get<double>(), 2.0 / 3, 1e-9);
    EXPECT_NEAR(ops[0]["modelled_j"].get<double>(), 2.5e-6, 1e-12);
    EXPECT_EQ(ops[1]["index"], 2);
    EXPECT_TRUE(ops[2]["bound"].is_null()) << "nothing waited for it";
}

TEST(BenchModelled, TheTableIsOfTheChipAlone) {
    const std::string table = modelled_table(sample(), "story.skald tg16");
    EXPECT_EQ(table.rfind("modelled chip sk1: story.skald tg16\n", 0), 0u) << table;
    EXPECT_NE(table.find("matmul                            4         8.000 100.0%"),
              std::string::npos)
        << "one line of both\n"
        << table;
    EXPECT_NE(table.find("vector 75%"), std::string::npos) << table;
    EXPECT_NE(table.find("    2 matmul"), std::string::npos) << table;
    for (const char* absent : {"emulat", "ms", "host", "    1 glu", "t/s"})
        EXPECT_EQ(table.find(absent), std::string::npos) << absent << " in\n" << table;
}

}  // namespace
}  // namespace skald::bench
