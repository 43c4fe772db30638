// SPDX-License-Identifier: MIT
#include "bench/card.hpp"

#include <algorithm>
#include <bit>

#include "libskald/drm_device.hpp"
#include "local/local_card.hpp"

namespace skald::bench {
namespace {

constexpr std::uint64_t kSmallestMemory = 4ull << 30;  // untouched memory costs nothing

}  // namespace

std::unique_ptr<rt::Device> open_device(const Options& options, std::uint64_t weight_bytes) {
    if (!options.local)
        return rt::open_card(rt::linux_os(), options.device);
    local::LocalOptions local;
    local.simd = options.simd;
    local.threads = options.threads;
    local.memory_bytes = options.memory_mib != 0
                             ? options.memory_mib << 20
                             : std::max(kSmallestMemory, std::bit_ceil(2 * weight_bytes));
    return local::open_local_card(rt::linux_os(), local);
}

}  // namespace skald::bench
