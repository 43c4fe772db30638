// SPDX-License-Identifier: MIT
// llm-chip: chips that a card can model, and what models would do on them.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chip/facts.hpp"
#include "chip/facts_of_models.hpp"
#include "chip/fit.hpp"
#include "chip/options.hpp"
#include "chip/pictures.hpp"
#include "chip/processes.hpp"
#include "chip/report.hpp"
#include "chip/run.hpp"
#include "chip/search.hpp"
#include "chip/sweep.hpp"
#include "chip/table.hpp"
#include "chip/text_file.hpp"
#include "console/standard_streams.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

std::string list_models(Format format) {
    if (format == Format::kJson)
        return nlohmann::json(model_names()).dump(1) + "\n";
    std::string text = format == Format::kCsv ? "model\n" : "";
    for (const std::string& name : model_names())
        text += name + "\n";
    return text;
}

std::string run_and_draw(const Options& options) {
    const RunOptions& wanted = options.run;
    const bool slices = !wanted.trace.empty() || !wanted.roofline.empty();
    const Outcome outcome = run(wanted, slices);
    if (!wanted.trace.empty())
        write_text(wanted.trace, local::perfetto_trace(outcome.slices, outcome.chip));
    if (!wanted.roofline.empty())
        write_text(wanted.roofline,
                   roofline(outcome, local::chip_facts(wanted.chip, wanted.changes)));
    if (!wanted.energy.empty())
        write_text(wanted.energy, energy_picture(outcome));
    return report(outcome, options.format);
}

// Checked or not, what came of it is printed.
std::string fit_of(const Options& options, int& status) {
    const FitOptions& wanted = options.fit;
    const auto plans = wanted.fits.empty() ? parse_fits(builtin_fits(), "fits.json")
                                           : parse_fits(read_text(wanted.fits), wanted.fits);
    const auto plan = std::ranges::find(plans, wanted.name, &FitPlan::name);
    if (plan == plans.end())
        throw rt::Error(fmt::format("there is no fit '{}'", wanted.name));
    const FitResult result = fit(*plan, load_rows(wanted.rows), job_count(options.jobs));
    if (wanted.check && !agrees(result))
        status = kExitFailed;
    return print_fit(result, options.format);
}

std::string sweep_and_draw(const Options& options) {
    const SweepOptions& wanted = options.sweep;
    std::string said = sweep(wanted, job_count(options.jobs), options.format);
    if (!wanted.picture.empty())
        write_text(wanted.picture, rates_picture(read_text(wanted.out)));
    return said;
}

std::string answer(const Options& options, int& status) {
    switch (options.command) {
        case Command::kList:
            return list_chips(options.format);
        case Command::kShow:
            return show_chip(options.chip, options.format);
        case Command::kModels:
            return list_models(options.format);
        case Command::kTable:
            return table(options);
        case Command::kFit:
            return fit_of(options, status);
        case Command::kSearch:
            return print_search(search(options.search, job_count(options.jobs)), options.format);
        case Command::kSweep:
            return sweep_and_draw(options);
        case Command::kRun:
            break;
    }
    return run_and_draw(options);
}

int guarded(const Options& options) {
    int status = kExitDone;
    try {
        fmt::print("{}", answer(options, status));
        return status;
    } catch (const std::exception& error) {
        console::say("llm-chip: {}\n", error.what());
        return kExitFailed;
    }
}

}  // namespace
}  // namespace skald::chip

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    int status = 0;
    const auto options = skald::chip::parse_options(argc, argv, status);
    if (options)
        status = skald::chip::guarded(*options);
    return skald::console::finish("llm-chip", status);
}
