// SPDX-License-Identifier: MIT
// Listing, program size, determinism of the bytes, the pipeline's order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "backend/assembler.hpp"
#include "backend/disassemble.hpp"
#include "backend/ordered_pipeline.hpp"
#include "compile.hpp"
#include "container/container.hpp"
#include "error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

std::vector<isa::MicroOp> program_of(const test::TinyShape& shape,
                                     const CompileOptions& options = {}) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "m", shape);
    return plan(load_model(temporary / "m"), options).program;
}

TEST(Program, DoesNotGrowWithTheLayers) {
    test::TinyShape deep;
    deep.layers = 9;
    EXPECT_EQ(program_of({}).size(), program_of(deep).size());
}

TEST(Program, UsesOnlyFieldsItsMicroOpsHave) {
    test::TinyShape shape;
    shape.attention_bias = true;
    for (const isa::MicroOp& op : program_of(shape)) {
        const isa::OpInfo* info = isa::find_op(op.opcode);
        ASSERT_NE(info, nullptr);
        const auto unused = [&](unsigned use, std::uint64_t field, const char* name) {
            if ((info->uses & use) == 0) {
                EXPECT_EQ(field, 0u) << info->name << " " << name;
            }
        };
        unused(isa::kUseRd, op.rd, "rd");
        unused(isa::kUseRa, op.ra, "ra");
        unused(isa::kUseRb, op.rb, "rb");
        unused(isa::kUseRows, op.rows, "rows");
        unused(isa::kUseFmt, op.fmt, "fmt");
        unused(isa::kUseAux, op.aux, "aux");
        unused(isa::kUseImm, op.imm, "imm");
        EXPECT_EQ(op.flags & ~info->flags, 0) << info->name;
        for (std::size_t d = info->dims; d < isa::kDims; ++d)
            EXPECT_EQ(op.dim[d], 0u) << info->name;
        for (std::size_t i = 0; i < isa::kOperands; ++i)
            if (info->role[i] == isa::Role::None) {
                EXPECT_EQ(op.op[i].base, 0) << info->name << " operand " << i;
            }
    }
}

TEST(Disassemble, ShowsTheProgramAsWritten) {
    const std::string text = disassemble(program_of({}));
    const auto has = [&](const std::string& part) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    };
    has("branch      L1 if active == 0x0\n");
    has("gather      T=r32 [280,32] i8b32 ids=[tokens] w=[weights] y=[work");
    has("matmul      T=r32 [64,32] i8b32 x=[work");
    has("rope        T=r32 [6,8,8,64] x=[work");
    has("attention   rb=kv_blocks T=r32 [4,2,8,8192] f16 scale=0.35355338 q=[work");
    has("blocks=[blocks:0x10]\n");
    has("glu         T=r32 [40] silu gate=[work");
    has("matmul      T=r32 [32,40] i8b32 accumulate x=[work");
    has("loop        L5 while --r36\n");
    has("copy        T=r33 [1120] dst=[dump] src=[work");
    has("token_out   rd=active ra=ring_index rb=ring_mask T=r33 tokens=[decode_tokens]");
    has("budget      L14 if used up\n");
    has("end         continue save "
        "ring_index,steps,steps_left,tokens,rows,select,targets,logprobs,dump,decode_rows,"
        "active\n");
}

TEST(Disassemble, ShowsBiasAndFloatFormats) {
    test::TinyShape shape;
    shape.attention_bias = true;
    CompileOptions options;
    options.weights = WeightChoice::kF16;
    const std::string text = disassemble(program_of(shape, options));
    EXPECT_NE(text.find("[64,32] f16 x="), std::string::npos);
    EXPECT_NE(text.find("bias=[weights+"), std::string::npos);
}

TEST(Assembler, RefusesALabelThatIsNowhere) {
    Assembler a;
    a.jump(a.new_label());
    EXPECT_THROW(a.finish(), CompileError);
}

TEST(Container, IsTheSameBytesEveryTime) {
    test::TemporaryFolder temporary;
    test::TinyShape shape;
    shape.hidden = 300;
    shape.ffn = 2500;  // several pieces of work in a matrix
    shape.layers = 2;
    test::write_hugging_face(temporary / "m", shape);
    const Model model = load_model(temporary / "m");
    std::set<std::vector<std::byte>> results;
    std::set<std::string> hashes;
    for (const unsigned threads : {1u, 2u, 5u}) {
        CompileOptions options;
        options.threads = threads;
        const CompileReport report = compile(model, options, temporary / "out.skald");
        results.insert(test::read_file(temporary / "out.skald"));
        hashes.insert(report.content_hash);
        EXPECT_EQ(report.file_bytes, std::filesystem::file_size(temporary / "out.skald"));
    }
    EXPECT_EQ(results.size(), 1u);
    EXPECT_EQ(hashes.size(), 1u);
    const rt::Container c(temporary / "out.skald", rt::Container::Verify::kWeights);
    EXPECT_EQ(c.content_hash(), *hashes.begin());
    EXPECT_EQ(c.model().parameters,
              280u * 300 + 300 + 2 * (300 * 64 + 32 * 300 + 3 * 2500 * 300 + 600));
    EXPECT_STREQ(c.model().name, "m");
    EXPECT_NE(c.notes().find("relative_error"), std::string_view::npos);
    EXPECT_STREQ(c.tensors()[0].name, "embedding");
}

TEST(Report, SaysWhatQuantisingCost) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "m", {});
    const Model model = load_model(temporary / "m");
    const auto report = [&](WeightChoice weights) {
        CompileOptions options;
        options.weights = weights;
        return compile(model, options, temporary / "out.skald");
    };
    for (const auto& t : report(WeightChoice::kKeep).tensors)
        if (t.format == "i8b32") {
            EXPECT_GT(t.error.relative(), 0.001) << t.name;
            EXPECT_LT(t.error.relative(), 0.01) << t.name;
        }
    for (const auto& t : report(WeightChoice::kF32).tensors)
        EXPECT_EQ(t.error.relative(), 0) << t.name;
}

TEST(OrderedPipeline, ConsumesInOrderWhateverTheThreads) {
    for (const unsigned threads : {1u, 2u, 7u}) {
        std::vector<std::size_t> seen;
        ordered_pipeline<std::size_t>(
            500, threads, [](std::size_t i) { return i * i; },
            [&](std::size_t i, std::size_t&& r) {
                EXPECT_EQ(r, i * i);
                seen.push_back(i);
            });
        ASSERT_EQ(seen.size(), 500u);
        EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    }
}

TEST(OrderedPipeline, EndsWithTheFirstError) {
    std::atomic<int> made = 0;
    const auto make = [&](std::size_t i) {
        ++made;
        if (i == 20)
            throw CompileError("twenty");
        return i;
    };
    EXPECT_THROW(ordered_pipeline<std::size_t>(100'000, 2, make, [](std::size_t, std::size_t&&) {}),
                 CompileError);
    EXPECT_LT(made, 100);
    const auto refuse = [](std::size_t i, std::size_t&&) {
        if (i == 3)
            throw CompileError("three");
    };
    EXPECT_THROW(ordered_pipeline<std::size_t>(
                     1000, 3, [](std::size_t i) { return i; }, refuse),
                 CompileError);
}

}  // namespace
}  // namespace skald::compiler
