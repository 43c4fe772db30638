// SPDX-License-Identifier: MIT
// What is known about a test that has been run, under llama-bench's names where it has one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/cases.hpp"
#include "bench/limits/limits.hpp"
#include "bench/modelled.hpp"
#include "bench/traffic.hpp"
#include "container/container.hpp"
#include "libskald/device.hpp"

namespace skald::bench {

struct Record {
    // The model.
    std::string model_filename;
    std::string model_type;        // "llama 1.1B i8b32"
    std::uint64_t model_size = 0;  // bytes of its weights
    std::uint64_t model_n_params = 0;
    std::string kv_type;  // as isa::kKvFormats names it
    // Where it ran.
    std::string backend;  // "card" or "local"
    std::string device;
    std::string engine_simd;
    std::uint32_t engine_threads = 0;
    // The test.
    Case test;
    std::uint32_t chunk = 0;
    std::string test_time;  // when it began, UTC
    std::vector<double> samples_ns;
    Work work;                         // of a repetition
    LimitFigures limits;               // measured between the repetitions; 0: not measured
    std::optional<Modelled> modelled;  // none: the card models no chip

    [[nodiscard]] std::vector<double> samples_ts() const;  // tokens/s
    // Of the average repetition.
    [[nodiscard]] double bytes_per_s() const;
    [[nodiscard]] double macs_per_s() const;
    // Tokens/s of the modelled chip, where there is one.
    [[nodiscard]] std::optional<double> modelled_ts() const;
};

// The part of a record that the model decides.
[[nodiscard]] Record describe(const rt::Container& container, const rt::Device& device, bool local);

// One flat object; keys in the order llama-bench has them.
[[nodiscard]] nlohmann::ordered_json to_json(const Record& record);
// What CSV has of a profile: an object for each micro-op, with the test's names before its own.
[[nodiscard]] std::vector<nlohmann::ordered_json> profile_lines(const Record& record);
// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string now_utc();
// Of the processor that runs this program; "" where /proc does not say.
[[nodiscard]] std::string cpu_info();

}  // namespace skald::bench
