// SPDX-License-Identifier: MIT
// The fits that profiles name, run again.
#include "chip/fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "chip/facts_of_models.hpp"
#include "chip/processes.hpp"
#include "local/chip_facts.hpp"
#include "planned_rows.hpp"

namespace skald::chip {
namespace {

FitPlan plan_of(const std::string& name) {
    const auto plans = parse_fits(builtin_fits(), "fits.json");
    return *std::ranges::find(plans, name, &FitPlan::name);
}

TEST(Fits, DoNotLookAtTheProfilesOwnFigures) {
    FitPlan other = plan_of("a100-80gb");
    for (FitKey& key : other.keys)
        key.start = std::sqrt(key.start * key.least);
    const auto rows = rows_of(other);
    const FitResult a = fit(plan_of("a100-80gb"), rows, job_count(0)),
                    b = fit(other, rows, job_count(0));
    for (std::size_t i = 0; i < a.values.size(); ++i)
        EXPECT_NEAR(a.values[i] / b.values[i], 1, 0.01) << other.keys[i].key;
}

TEST(Fits, ArePrintedWithSensitivitiesAndPredictedRows) {
    FitPlan plan = plan_of("a100-80gb");
    plan.keys.resize(1);
    const FitResult result = fit(plan, load_rows(""), job_count(0));
    const auto json = nlohmann::json::parse(print_fit(result, Format::kJson));
    EXPECT_EQ(json["keys"].size(), 1u);
    for (std::size_t i = 0; i < result.fitted; ++i)
        EXPECT_EQ(json["rows"][i]["sensitivity"].size(), 1u);
    EXPECT_NE(print_fit(result, Format::kText).find("Sensitivities"), std::string::npos);
}

TEST(Profiles, NameFitsThatThereAre) {
    for (const std::string& chip : local::chip_names())
        for (const local::ChipFigure& figure : local::chip_facts(chip).figures) {
            const std::string begin = "llm-chip fit ";
            if (figure.provenance != "fitted" || !figure.source.starts_with(begin))
                continue;
            const std::string named = figure.source.substr(begin.size());
            const FitPlan plan = plan_of(named.substr(0, named.find(';')));
            EXPECT_EQ(plan.chip, chip);
            EXPECT_NE(std::ranges::find(plan.keys, figure.key, &FitKey::key), plan.keys.end())
                << figure.key;
        }
}

}  // namespace
}  // namespace skald::chip
