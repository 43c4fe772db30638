// SPDX-License-Identifier: MIT
// The published rows and fits as they are built in: what their README promises of them.
#include "chip/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "chip/facts_of_models.hpp"
#include "chip/fit.hpp"
#include "chip/software.hpp"
#include "chip/widths.hpp"
#include "libskald/error.hpp"
#include "local/chip_facts.hpp"
#include "skald/isa.hpp"

namespace skald::chip {
namespace {

std::vector<Row> rows() {
    return load_rows("");
}

std::vector<FitPlan> fits() {
    return parse_fits(builtin_fits(), "fits.json");
}

TEST(Rows, NameModelsAndChipsThatThereAre) {
    std::set<std::string> ids;
    for (const Row& row : rows()) {
        EXPECT_TRUE(ids.insert(row.id).second) << row.id << " is there twice";
        EXPECT_TRUE(known_model(row.task.model)) << row.id;
        EXPECT_FALSE(row.source.empty()) << row.id;
        if (!row.task.chip.empty()) {
            EXPECT_NO_THROW((void)local::chip_facts(row.task.chip)) << row.id;
        }
    }
    EXPECT_GE(ids.size(), 100u);
}

// Groups beside each other have requests of their own: as many times the tokens, at the same pace.
TEST(Rows, OfSeveralGroupsAddUpWhatTheyGiveInAll) {
    const auto row_of = [](const std::string& quantity, const std::string& more) {
        return parse_rows(R"([{"id": "X", "class": "hold-out", "system": "", "chip": "sk1",
            "tensor": 2, "pipeline": 1, "model": "llama-2-7b", "weights": "int8", "widths": "",
            "batch": 1, "in": 8, "out": 8, "published": 1, "source": "a test", "quantity": ")" +
                              quantity + "\"" + more + "}]",
                          "test")
            .front();
    };
    Measured measured;
    measured.batch = 3;
    measured.first_s = 1;
    measured.token_s = measured.stage_token_s = 0.5;
    measured.stage_first_s = 1;
    const std::string four = R"(, "replicas": 4)";
    for (const char* in_all : {"total", "throughput"})
        EXPECT_DOUBLE_EQ(*quantity_of(measured, row_of(in_all, four)),
                         4 * *quantity_of(measured, row_of(in_all, "")));
    for (const char* each : {"decode", "first_token", "request"})
        EXPECT_DOUBLE_EQ(*quantity_of(measured, row_of(each, four)),
                         *quantity_of(measured, row_of(each, "")));
    EXPECT_THROW((void)row_of("total", R"(, "replicas": 0)"), rt::Error);
    EXPECT_EQ(row_of("total", R"(, "step": 8192)").task.step, 8192u);
    EXPECT_TRUE(row_of("throughput", "").task.queued);
    EXPECT_FALSE(row_of("total", "").task.queued);
}

TEST(Rows, DeclareWidthsThatThereAre) {
    container::ModelInfo model{};
    model.weight_format = static_cast<std::uint32_t>(isa::WeightFormat::I8B32);
    model.kv_format = static_cast<std::uint32_t>(isa::KvFormat::F16);
    model.kv_heads = 8;
    model.head_dim = 128;
    for (const Row& row : rows())
        EXPECT_NO_THROW((void)widths_of(row.task.widths, model)) << row.id;
}

TEST(Fits, UseRowsOfTheirClassAndFewerKeysThanRows) {
    const auto all = rows();
    for (const FitPlan& plan : fits()) {
        EXPECT_LT(plan.keys.size(), plan.rows.size()) << plan.name;
        for (const std::string& id : plan.rows) {
            const auto row = std::ranges::find(all, id, &Row::id);
            ASSERT_NE(row, all.end()) << id;
            EXPECT_EQ(row->row_class, RowClass::kFit) << id;
            EXPECT_EQ(plan.software.empty() ? row->task.chip : row->task.software.name,
                      plan.software.empty() ? plan.chip : plan.software)
                << id;
        }
    }
}

TEST(Fits, EveryRowOfTheirClassIsInOne) {
    std::set<std::string> used;
    for (const FitPlan& plan : fits())
        used.insert(plan.rows.begin(), plan.rows.end());
    for (const Row& row : rows())
        EXPECT_EQ(row.row_class == RowClass::kFit, used.contains(row.id)) << row.id;
}

TEST(Fits, AreRefusedWithAsManyKeysAsRows) {
    FitPlan plan = fits().front();
    plan.rows.resize(plan.keys.size());
    EXPECT_THROW((void)fit(plan, rows(), 1), rt::Error);
}

TEST(Fits, RefuseRowsThatAreHeldOut) {
    FitPlan plan = fits().front();
    plan.rows.push_back("A7");
    try {
        (void)fit(plan, rows(), 1);
        ADD_FAILURE() << "accepted";
    } catch (const rt::Error& error) {
        EXPECT_NE(std::string(error.what()).find("A7 is hold-out"), std::string::npos)
            << error.what();
    }
}

TEST(Fits, AreOfAChipOrOfSoftware) {
    const std::string rest = R"("name": "F", "keys": [], "rows": [], "why": "a test"}])";
    for (const char* of : {"[{", R"([{"chip": "sk1", "software": "nim-1.8.0", )"})
        EXPECT_THROW((void)parse_fits(of + rest, "test"), rt::Error) << of;
}

TEST(Programs, SayWhatTheyAreAndWhereTheirFiguresAreFrom) {
    const auto plans = fits();
    for (const Software& software : all_software()) {
        EXPECT_FALSE(software.what.empty()) << software.name;
        EXPECT_EQ(software.source, "fitted: llm-chip fit " + software.name);
        EXPECT_NE(std::ranges::find(plans, software.name, &FitPlan::software), plans.end());
    }
    try {
        (void)software_named("nim");
        ADD_FAILURE() << "accepted";
    } catch (const rt::Error& error) {
        EXPECT_NE(std::string(error.what()).find("nim-1.8.0"), std::string::npos) << error.what();
    }
}

TEST(Programs, WhatCannotBeReadIsRefusedWithItsEntry) {
    const auto refusal = [](const std::string& figures) -> std::string {
        try {
            (void)parse_software(
                R"([{"name": "a", "what": "b", "source": "c", "figures": )" + figures + "}]",
                "mine.json");
            return "accepted";
        } catch (const rt::Error& error) {
            return error.what();
        }
    };
    EXPECT_EQ(refusal(R"({"request_us": -1})"),
              "mine.json: entry 1: request_us is -1, which is no time");
    EXPECT_EQ(refusal(R"({"speed": 1})"),
              "mine.json: entry 1: software has no figure 'speed', only request_us, token_us, "
              "prompt_layer_us");
    EXPECT_EQ(refusal("[1]").find("mine.json: entry 1: "), 0u);
    EXPECT_EQ(refusal(R"({"token_us": "x"})").find("mine.json: entry 1: "), 0u);
}

TEST(Rows, WhatCannotBeReadIsRefusedWithItsRow) {
    for (const char* text :
         {R"([{"id": "X", "class": "guess"}])", R"([{"class": "fit"}])", "[1]", "{",
          R"([{"id": "X", "class": "fit", "quantity": "decode", "system": "s", "source": "s",
               "published": 1, "chip": null, "tensor": 1, "pipeline": 1, "model": "m",
               "weights": "int8", "widths": "", "batch": 1, "in": 1, "out": 1,
               "cache_read_by": "nobody"}])",
          R"([{"id": "X", "class": "fit", "quantity": "decode", "system": "s", "source": "s",
               "published": 1, "chip": null, "tensor": 1, "pipeline": 1, "model": "m",
               "weights": "int8", "widths": "", "batch": 1, "in": 1, "out": 1,
               "software": "nobody's"}])"})
        try {
            (void)parse_rows(text, "mine.json");
            ADD_FAILURE() << text;
        } catch (const rt::Error& error) {
            EXPECT_EQ(std::string(error.what()).rfind("mine.json: ", 0), 0u) << error.what();
        }
}

TEST(Widths, CountBitsAgainstWhatTheProgramMoves) {
    container::ModelInfo model{};
    model.weight_format = static_cast<std::uint32_t>(isa::WeightFormat::I8B32);
    model.kv_format = static_cast<std::uint32_t>(isa::KvFormat::F16);
    model.kv_heads = 8;
    model.head_dim = 128;
    const local::NumberWidths fp8 = widths_of("weights=fp8,kv=fp8,activations=bf16", model);
    EXPECT_DOUBLE_EQ(fp8.weights, 8 / 8.5) << "blocks of 32 have a scale of 16 bits";
    EXPECT_DOUBLE_EQ(fp8.kv, 0.5);
    EXPECT_DOUBLE_EQ(fp8.activations, 0.5);
    EXPECT_FALSE(fp8.products) << "as the program's";
    EXPECT_FALSE(fp8.unpacked);
    EXPECT_EQ(widths_of("weights=fp4", model).products, isa::MacKind::Narrow);
    EXPECT_FALSE(widths_of("weights=fp4", model).unpacked);
    const local::NumberWidths wide = widths_of("products=bf16,weights=int8", model);
    EXPECT_EQ(wide.products, isa::MacKind::F16) << "what is declared counts, in any order";
    EXPECT_TRUE(wide.unpacked);
    model.kv_format = static_cast<std::uint32_t>(isa::KvFormat::F32);
    EXPECT_DOUBLE_EQ(widths_of("kv=fp8", model).kv, 0.25);
    EXPECT_TRUE(widths_of("", model).usual());
    EXPECT_THROW((void)widths_of("weights=fp7", model), rt::Error);
    EXPECT_THROW((void)widths_of("norms=fp8", model), rt::Error);
    EXPECT_THROW((void)widths_of("weights", model), rt::Error);
}

}  // namespace
}  // namespace skald::chip
