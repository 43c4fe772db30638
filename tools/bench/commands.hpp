// SPDX-License-Identifier: MIT
// The things llm-bench does. Errors are exceptions: rt::Error, UsageError.
#pragma once

#include "bench/options.hpp"

namespace skald::bench {

void bench_models(const Options& options);
void bench_latency(const Options& options);
void bench_beside(const Options& options);
void bench_limits(const Options& options);

}  // namespace skald::bench
