// SPDX-License-Identifier: MIT
// Names, units and averages.
#include "bench/record.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "bench/samples.hpp"
#include "skald/isa_table.hpp"

namespace skald::bench {
namespace {

std::string size_name(std::uint64_t parameters) {
    const auto n = static_cast<double>(parameters);
    if (n >= 1e9)
        return fmt::format("{:.1f}B", n * 1e-9);
    return n >= 1e6 ? fmt::format("{:.0f}M", n * 1e-6) : fmt::format("{:.0f}K", n * 1e-3);
}

std::string format_name(std::uint32_t format) {
    const isa::WeightInfo* info = isa::find_weight(static_cast<std::uint8_t>(format));
    return info != nullptr ? std::string(info->name) : "?";
}

std::string kv_name(std::uint32_t format) {
    const isa::Choice* choice =
        isa::find_choice(isa::kKvFormats, static_cast<std::uint8_t>(format));
    return choice != nullptr ? std::string(choice->name) : "?";
}

}  // namespace

std::vector<double> Record::samples_ts() const {
    std::vector<double> rates;
    for (const double ns : samples_ns)
        rates.push_back(static_cast<double>(test.tokens()) * 1e9 / ns);
    return rates;
}

double Record::bytes_per_s() const {
    return static_cast<double>(work.bytes) * 1e9 / mean(samples_ns);
}

double Record::macs_per_s() const {
    return static_cast<double>(work.macs) * 1e9 / mean(samples_ns);
}

std::optional<double> Record::modelled_ts() const {
    if (!modelled || modelled->ns == 0)
        return std::nullopt;
    return static_cast<double>(test.tokens()) * 1e9 / modelled->ns;
}

Record describe(const rt::Container& container, const rt::Device& device, bool local) {
    const container::ModelInfo& info = container.model();
    Record record;
    record.model_filename = container.name();
    record.model_type = fmt::format("{} {} {}", info.architecture, size_name(info.parameters),
                                    format_name(info.weight_format));
    record.model_size = container.weights().size();
    record.model_n_params = info.parameters;
    record.kv_type = kv_name(info.kv_format);
    record.backend = local ? "local" : "card";
    record.device = device.name();
    record.engine_simd = rt::simd_name(device.info().engine_simd);
    record.engine_threads = device.info().engine_threads;
    return record;
}

nlohmann::ordered_json to_json(const Record& r) {
    const std::vector<double> rates = r.samples_ts();
    nlohmann::ordered_json line = {
        {"build_commit", SKALD_COMMIT},
        {"cpu_info", cpu_info()},
        {"backends", r.backend},
        {"device", r.device},
        {"engine_simd", r.engine_simd},
        {"model_filename", r.model_filename},
        {"model_type", r.model_type},
        {"model_size", r.model_size},
        {"model_n_params", r.model_n_params},
        {"n_batch", r.chunk},
        {"n_ubatch", r.chunk},
        {"n_threads", r.engine_threads},
        {"type_k", r.kv_type},
        {"type_v", r.kv_type},
        {"n_prompt", r.test.prompt},
        {"n_gen", r.test.answer},
        {"n_depth", r.test.depth},
        {"n_parallel", r.test.parallel},
        {"test_time", r.test_time},
        {"avg_ns", static_cast<std::uint64_t>(mean(r.samples_ns))},
        {"stddev_ns", static_cast<std::uint64_t>(deviation(r.samples_ns))},
        {"avg_ts", mean(rates)},
        {"stddev_ts", deviation(rates)},
        {"bytes_per_s", r.bytes_per_s()},
        {"macs_per_s", r.macs_per_s()},
        {"limit_bytes_per_s", nullptr},
        {"limit_macs_per_s", nullptr},
        {"limit_tile_macs_per_s", nullptr},
        {"modelled_chip", nullptr},
        {"modelled_ns", nullptr},
        {"modelled_ts", nullptr},
        {"modelled_j", nullptr},
        {"samples_ns", std::vector<std::uint64_t>(r.samples_ns.begin(), r.samples_ns.end())},
        {"samples_ts", rates},
    };
    if (r.limits.bytes_per_s != 0)
        line["limit_bytes_per_s"] = r.limits.bytes_per_s;
    if (r.limits.macs_per_s != 0)
        line["limit_macs_per_s"] = r.limits.macs_per_s;
    if (r.limits.tile_macs_per_s != 0)
        line["limit_tile_macs_per_s"] = r.limits.tile_macs_per_s;
    if (!r.modelled)
        return line;
    if (!r.modelled->chip.empty())
        line["modelled_chip"] = r.modelled->chip;
    line["modelled_ns"] = r.modelled->ns;
    if (const auto rate = r.modelled_ts())
        line["modelled_ts"] = *rate;
    line["modelled_j"] = r.modelled->joules;
    if (!r.modelled->ops.empty())
        line["modelled_ops"] = to_json(r.modelled->ops);
    return line;
}

std::vector<nlohmann::ordered_json> profile_lines(const Record& r) {
    std::vector<nlohmann::ordered_json> lines;
    const nlohmann::ordered_json test = to_json(r);
    for (const nlohmann::ordered_json& op : to_json(r.modelled.value_or(Modelled{}).ops)) {
        nlohmann::ordered_json& line = lines.emplace_back();
        for (const char* name : {"model_filename", "n_prompt", "n_gen", "n_depth", "n_parallel",
                                 "n_batch", "modelled_chip"})
            line[name] = test[name];
        line.update(op);
    }
    return lines;
}

std::string now_utc() {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

std::string cpu_info() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(": ") + 2);
    return "";
}

}  // namespace skald::bench
