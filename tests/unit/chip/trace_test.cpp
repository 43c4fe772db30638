// SPDX-License-Identifier: MIT
// The trace against what Perfetto's importer of the JSON trace format asks of it: the format's
// document ("Trace Event Format") has the fields of each kind of event.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "chip/run.hpp"
#include "local/model_log.hpp"
#include "small_model.hpp"

namespace skald::chip {
namespace {

using nlohmann::json;

enum class Kind { kText, kWhole, kNumber, kObject };

bool is(const json& value, Kind kind) {
    switch (kind) {
        case Kind::kText:
            return value.is_string();
        case Kind::kWhole:
            return value.is_number_unsigned();
        case Kind::kNumber:
            return value.is_number() && value.get<double>() >= 0;
        case Kind::kObject:
            break;
    }
    return value.is_object();
}

using Schema = std::map<std::string, Kind>;

// By phase: every field that an event has, and no other.
const std::map<std::string, Schema> kEvents = {
    {"X",
     {{"ph", Kind::kText},
      {"pid", Kind::kWhole},
      {"tid", Kind::kWhole},
      {"name", Kind::kText},
      {"ts", Kind::kNumber},
      {"dur", Kind::kNumber},
      {"args", Kind::kObject}}},
    {"M",
     {{"ph", Kind::kText}, {"pid", Kind::kWhole}, {"name", Kind::kText}, {"args", Kind::kObject}}},
};

json trace_of_a_run() {
    RunOptions run;
    run.shape = small_config();
    run.prompt = 20;
    run.generated = 5;
    const Outcome outcome = skald::chip::run(run, true);
    EXPECT_GT(outcome.slices.size(), 50u);
    return json::parse(local::perfetto_trace(outcome.slices, outcome.chip));
}

TEST(Trace, EveryEventHasTheFieldsOfItsKind) {
    const json trace = trace_of_a_run();
    EXPECT_TRUE(trace["displayTimeUnit"] == "ns" || trace["displayTimeUnit"] == "ms");
    for (const json& event : trace["traceEvents"]) {
        const auto schema = kEvents.find(event.at("ph"));
        ASSERT_NE(schema, kEvents.end()) << event;
        for (const auto& [field, kind] : schema->second)
            EXPECT_TRUE(event.contains(field) && is(event[field], kind))
                << field << " of " << event;
        for (const auto& [field, value] : event.items())
            EXPECT_TRUE(schema->second.contains(field) || field == "tid")
                << field << " of " << event;
    }
}

TEST(Trace, NamesEveryThreadThatHasSlices) {
    const json trace = trace_of_a_run();
    std::set<std::uint64_t> named, used;
    for (const json& event : trace["traceEvents"]) {
        if (event["ph"] == "X")
            used.insert(event["tid"].get<std::uint64_t>());
        else if (event["name"] == "thread_name")
            named.insert(event["tid"].get<std::uint64_t>());
    }
    for (const std::uint64_t tid : used)
        EXPECT_TRUE(named.contains(tid)) << tid;
}

// Perfetto drops slices of a thread that overlap and do not nest.
TEST(Trace, SlicesOfAThreadDoNotOverlap) {
    std::map<std::uint64_t, double> ends;
    for (const json& event : trace_of_a_run()["traceEvents"]) {
        if (event["ph"] != "X")
            continue;
        double& end = ends[event["tid"].get<std::uint64_t>()];
        EXPECT_GE(event["ts"].get<double>() + 1e-6, end) << event;
        end = event["ts"].get<double>() + event["dur"].get<double>();
    }
}

}  // namespace
}  // namespace skald::chip
