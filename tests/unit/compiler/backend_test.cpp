// SPDX-License-Identifier: MIT
// Listing, program size, determinism of the bytes, the pipeline's order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "backend/assembler.hpp"
#include "backend/disassemble.hpp"
#include "backend/isa_version.hpp"
#include "card/ops/encoding.hpp"
#include "compile.hpp"
#include "compiled.hpp"
#include "container/container.hpp"
#include "error.hpp"
#include "fixture.hpp"
#include "ordered_pipeline.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

std::vector<isa::MicroOp> program_of(const test::TinyShape& shape,
                                     const CompileOptions& options = {}) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "m", shape);
    return test::plan_source(temporary / "m", options).program;
}

TEST(Program, DoesNotGrowWithTheLayers) {
    test::TinyShape deep;
    deep.layers = 9;
    EXPECT_EQ(program_of({}).size(), program_of(deep).size());
}

TEST(Program, IsMadeOfMicroOpsTheCardAccepts) {
    test::TinyShape shape;
    shape.attention_bias = true;
    for (const isa::MicroOp& op : program_of(shape))
        EXPECT_EQ(card::check_encoding(op), SKALD_FAULT_NONE) << disassemble({&op, 1});
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

TEST(Disassemble, ShowsWhatVersion11Added) {
    test::TinyShape shape;
    shape.heads = 2;
    shape.window = 16;
    CompileOptions options;
    options.kv = isa::KvFormat::I8;
    options.weights = WeightChoice::kTernary;
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "m", shape);
    const std::string text = disassemble(test::plan_source(temporary / "m", options).program);
    for (const char* part :
         {"gather      T=r32 [280,32] i8b32", "matmul      T=r32 [48,32] t2row x=",
          "[2,0,8,6144] i8 k=", "i8 scale=0.35355338 window=16 q=",
          "row_step    T=r33 imm=1 rows=[decode_table] sequences=[sequences]"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(IsaVersion, IsTheLowestThatHasWhatAProgramUses) {
    const std::vector<isa::MicroOp> decoder = program_of({});
    EXPECT_EQ(isa_version_of(decoder), 1u << 16 | 1);  // ROW_STEP with sequences
    std::vector<isa::MicroOp> plain = decoder;
    for (isa::MicroOp& op : plain)
        if (op.opcode == static_cast<std::uint8_t>(isa::Opcode::RowStep))
            op.flags = 0;
    EXPECT_EQ(isa_version_of(plain), 1u << 16);
    const auto with = [&](isa::Opcode opcode, auto change) {
        std::vector<isa::MicroOp> changed = plain;
        for (isa::MicroOp& op : changed)
            if (op.opcode == static_cast<std::uint8_t>(opcode))
                change(op);
        return isa_version_of(changed);
    };
    using isa::MicroOp;
    const auto later = [](isa::WeightFormat f) {
        return [f](MicroOp& op) { op.fmt = static_cast<std::uint8_t>(f); };
    };
    EXPECT_EQ(with(isa::Opcode::MatMul, later(isa::WeightFormat::F32)), 1u << 16);
    EXPECT_EQ(with(isa::Opcode::MatMul, later(isa::WeightFormat::I4B32)), 1u << 16 | 1);
    EXPECT_EQ(with(isa::Opcode::Gather, later(isa::WeightFormat::I8B32A)), 1u << 16 | 1);
    EXPECT_EQ(with(isa::Opcode::Gather, later(isa::WeightFormat::B1Row)), 1u << 16 | 2);
    EXPECT_EQ(with(isa::Opcode::MatMul, later(isa::WeightFormat::MX4B32)), 1u << 16 | 2);
    EXPECT_EQ(with(isa::Opcode::KvAppend, [](MicroOp& op) { op.fmt = 2; }), 1u << 16 | 1);
    for (const isa::Opcode opcode : {isa::Opcode::KvAppend, isa::Opcode::Attention})
        EXPECT_EQ(with(opcode, [](MicroOp& op) { op.fmt = 3; }), 1u << 16 | 4);
    EXPECT_EQ(with(isa::Opcode::Attention, [](MicroOp& op) { op.imm |= 1ull << 32; }),
              1u << 16 | 1);
}

TEST(Container, NamesTheVersionOfItsProgramAndTheCache) {
    test::TemporaryFolder temporary;
    test::write_hugging_face(temporary / "m", {});
    CompileOptions options;
    options.kv = isa::KvFormat::I8;
    const CompileReport report = test::compile_source(temporary / "m", options, temporary / "c");
    const rt::Container c(temporary / "c");
    EXPECT_EQ(c.header().isa_version, isa_version_of(c.program()));
    EXPECT_EQ(c.model().kv_format, static_cast<std::uint32_t>(isa::KvFormat::I8));
    EXPECT_EQ(c.model().block_bytes, 2u * 2 * 128 * (8 + 4));  // layers, heads, 64 keys and values
    EXPECT_EQ(report.kv_block_bytes, c.model().block_bytes);
    EXPECT_EQ(c.model().max_rows, 512u);
    EXPECT_EQ(c.model().max_selected, 64u);
    EXPECT_EQ(c.model().max_sequences, 64u);

    options.kv = isa::KvFormat::F32;
    test::compile_source(temporary / "m", options, temporary / "wide");
    const rt::Container wide(temporary / "wide");
    EXPECT_EQ(wide.header().isa_version, 1u << 16 | 4);
    EXPECT_EQ(wide.model().kv_format, static_cast<std::uint32_t>(isa::KvFormat::F32));
    EXPECT_EQ(wide.model().block_bytes, 2u * 2 * 128 * 8 * 4);
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
    Model model = load_model(temporary / "m");
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
    Model model = load_model(temporary / "m");
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
