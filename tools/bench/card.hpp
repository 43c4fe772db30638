// SPDX-License-Identifier: MIT
// The card that a command line means.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/options.hpp"
#include "libskald/device.hpp"

namespace skald::bench {

// weight_bytes: of the largest model that a local card must hold. Throws rt::Error.
[[nodiscard]] std::unique_ptr<rt::Device> open_device(const Options& options,
                                                      std::uint64_t weight_bytes);

}  // namespace skald::bench
