// SPDX-License-Identifier: MIT
// Pictures: well-formed, whatever is written in them, and with everything in its place.
#include "chip/svg.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "chip/pictures.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

// Every tag that is opened is closed, in order; no stray '<' or '&'.
bool well_formed(std::string_view text) {
    std::vector<std::string> open;
    while (!text.empty()) {
        const std::size_t at = text.find('<');
        if (text.substr(0, at).find('>') != std::string_view::npos)
            return false;
        if (at == std::string_view::npos)
            break;
        const std::size_t end = text.find('>', at);
        if (end == std::string_view::npos)
            return false;
        const std::string_view tag = text.substr(at + 1, end - at - 1);
        const std::string name(tag.substr(0, tag.find_first_of(" /", 1)));
        if (tag.starts_with('/')) {
            if (open.empty() || "/" + open.back() != tag)
                return false;
            open.pop_back();
        } else if (!tag.ends_with('/')) {
            open.push_back(name);
        }
        text.remove_prefix(end + 1);
    }
    return open.empty();
}

std::size_t count(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (std::size_t at = text.find(what); at != std::string_view::npos;
         at = text.find(what, at + 1))
        ++n;
    return n;
}

TEST(Svg, PlotsAreWellFormedWhateverIsWrittenInThem) {
    svg::Plot plot;
    plot.title = "a < b & \"c\"";
    plot.series = {{"<one>", {{1, 10}, {100, 20}}}, {"two", {{3, 4, 0.5}}, false}};
    const std::string picture = plot.draw();
    EXPECT_TRUE(well_formed(picture)) << picture;
    EXPECT_NE(picture.find("&lt;one&gt;"), std::string::npos);
    EXPECT_EQ(count(picture, "<polyline"), 1u);
    EXPECT_EQ(count(picture, "<circle"), 3u);
}

TEST(Svg, RefusesToDrawNothing) {
    EXPECT_THROW((void)svg::Plot{}.draw(), rt::Error);
    EXPECT_THROW((void)svg::Bars{}.draw(), rt::Error);
    svg::Plot plot;
    plot.series = {{"zero", {{0, 1}}}};
    EXPECT_THROW((void)plot.draw(), rt::Error) << "a logarithm of nothing";
}

TEST(Svg, BarsAreAsLongAsTheirAmounts) {
    svg::Bars bars;
    bars.shares = {{"dram", 2, "2 mJ"}, {"mac", 1, "1 mJ"}};
    const std::string picture = bars.draw();
    EXPECT_TRUE(well_formed(picture));
    EXPECT_NE(picture.find("width=\"420.0\""), std::string::npos);
    EXPECT_NE(picture.find("width=\"210.0\""), std::string::npos);
}

Outcome outcome_of_one_product() {
    Outcome outcome;
    outcome.chip = "h100-sxm";
    outcome.model = "a model";
    outcome.generated = 2;
    outcome.batch = 1;
    local::ModelSlice slice;
    slice.name = "MATMUL";
    slice.op_index = 3;
    slice.begin = 0;
    slice.end = 1'000'000;  // a microsecond
    slice.macs = 1'000'000;
    slice.dram_bytes = 1'000'000;
    outcome.slices = {slice, slice};
    return outcome;
}

TEST(Pictures, TheRooflineHasRoofsAndEachMicroOpOnce) {
    const std::string picture = roofline(outcome_of_one_product(), local::chip_facts("h100-sxm"));
    EXPECT_TRUE(well_formed(picture));
    EXPECT_EQ(count(picture, "stroke-dasharray"), 3u) << "int8, narrow and f16";
    EXPECT_EQ(count(picture, "<circle"), 1u) << "two runs of one micro-op";
}

TEST(Pictures, EnergyHasAPartForEachOfTheChipAndForStaticPower) {
    Outcome outcome = outcome_of_one_product();
    outcome.whole.energy.fill(1'000'000'000'000);
    outcome.whole_static_j = 0.001;
    EXPECT_EQ(count(energy_picture(outcome), " mJ</text>"), local::ModelLog::kParts + 1);
    outcome.unknown_energy = {"static_w"};
    EXPECT_THROW((void)energy_picture(outcome), rt::Error);
}

TEST(Pictures, RatesAreDrawnOverWhatVaries) {
    const std::string head = "chip,batch,prompt,batch_run,user_tps,total_tps\n";
    const std::string over_batch = rates_picture(head + "a,1,9,1,100,100\na,8,9,8,90,720\n");
    EXPECT_NE(over_batch.find(">sequences<"), std::string::npos);
    EXPECT_EQ(count(over_batch, "<polyline"), 2u);
    const std::string over_prompt = rates_picture(head + "a,1,9,1,100,100\nb,1,99,1,90,90\n");
    EXPECT_NE(over_prompt.find(">tokens of the prompt<"), std::string::npos);
    EXPECT_EQ(count(over_prompt, "<polyline"), 2u) << "one for each chip";
}

TableLine line_of(double published, double ours, RowClass row_class) {
    TableLine line;
    line.row.row_class = row_class;
    line.row.least = line.row.most = published;
    line.ours = ours;
    return line;
}

TEST(Pictures, TheTableHasADotForEachRateThatWasRun) {
    TableLine time = line_of(0.1, 0.1, RowClass::kFit);
    time.row.quantity = Quantity::kFirstToken;
    TableLine not_run = line_of(10, 0, RowClass::kFit);
    not_run.ours.reset();
    const std::string picture =
        table_picture({line_of(100, 90, RowClass::kFit), line_of(200, 210, RowClass::kHoldOut),
                       line_of(20, 21, RowClass::kHoldOut), time, not_run});
    EXPECT_TRUE(well_formed(picture));
    EXPECT_EQ(count(picture, "<circle"), 3u);
    EXPECT_NE(picture.find(">fitted: 1<"), std::string::npos);
    EXPECT_NE(picture.find(">predicted: 2<"), std::string::npos);
    EXPECT_EQ(count(picture, "stroke-dasharray"), 2u) << "a fifth more, a fifth less";
    EXPECT_THROW((void)table_picture({time, not_run}), rt::Error);
}

}  // namespace
}  // namespace skald::chip
