// SPDX-License-Identifier: MIT
#include "card/ops/exponents.hpp"

namespace skald::card {

std::optional<std::uint64_t> find_bad_exponent(const Machine& m, const Worker& worker,
                                               const isa::WeightInfo& info, const View& w,
                                               std::uint64_t at, unsigned lanes,
                                               std::uint64_t length) {
    if (info.scale != isa::ScaleKind::Exponent)
        return {};
    constexpr std::size_t kExponents = sizeof(isa::TileMX4B32::exponent);
    std::uint8_t buffer[kExponents];
    const std::uint64_t tiles = isa::ceil_div(length, info.tile_k);
    for (std::uint64_t t = 0; t < tiles; ++t, at += info.tile_bytes) {
        if (t % 256 == 255 && m.poll(worker))
            return {};
        const std::uint8_t* exponent = w.in(0, at, kExponents, buffer);
        for (std::size_t i = 0; i < kExponents; ++i)
            if (exponent[i] == isa::kBadExponent && (lanes >> i % isa::kTileRows & 1) != 0)
                return at + i;
    }
    return {};
}

}  // namespace skald::card
