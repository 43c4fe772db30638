// SPDX-License-Identifier: MIT
#include "tile_reader.hpp"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "input/half.hpp"

namespace skald::test {
namespace {

using compiler::f16_to_f32;

template <typename T>
T read(std::span<const std::byte> bytes, std::uint64_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T))
        throw std::out_of_range("a weight beyond the tiles");
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

}  // namespace

float tile_weight(isa::WeightFormat format, std::span<const std::byte> tiles, std::uint64_t k_len,
                  std::uint64_t n, std::uint64_t k) {
    using F = isa::WeightFormat;
    const std::uint64_t lane = n % 16, row_tile = n / 16;
    const auto half = [&](std::uint64_t at) { return f16_to_f32(read<std::uint16_t>(tiles, at)); };
    const auto byte = [&](std::uint64_t at) { return unsigned{read<std::uint8_t>(tiles, at)}; };
    // Tiles of 64 or 256 k, all of one size.
    const auto tile_at = [&](std::uint64_t width, std::uint64_t bytes) {
        return (row_tile * ((k_len + width - 1) / width) + k / width) * bytes;
    };
    // The number at k within a chunk of 64.
    const std::uint64_t c = k % 64;
    const auto int8_at = [&](std::uint64_t chunk) {
        return byte(chunk + (c / 4 * 16 + lane) * 4 + c % 4);
    };
    const auto int4_at = [&](std::uint64_t chunk) {
        const unsigned two = byte(chunk + ((c / 32 * 4 + c % 16 / 4) * 16 + lane) * 4 + c % 4);
        return c % 32 < 16 ? two & 15 : two >> 4;
    };
    const auto two_bits_at = [&](std::uint64_t chunk) {
        return byte(chunk + (c % 16 / 4 * 16 + lane) * 4 + c % 4) >> (c / 16 * 2) & 3;
    };
    const auto one_bit_at = [&](std::uint64_t chunk) {
        return byte(chunk + (c / 32 * 16 + lane) * 4 + c % 4) >> (c % 32 / 4) & 1;
    };
    const auto symmetric = [&](float scale, unsigned u, int zero) {
        return scale * static_cast<float>(static_cast<int>(u) - zero);
    };
    const auto affine = [&](std::uint64_t scale, unsigned u) {
        return std::fma(half(scale), static_cast<float>(u), half(scale + 64));
    };
    const std::uint64_t of32 = 2 * (k % 64 / 32 * 16 + lane);     // the scale in a tile of 64 k
    const std::uint64_t of128 = 2 * (k % 256 / 128 * 16 + lane);  // in a tile of 256
    const std::uint64_t chunk = k % 256 / 64;
    switch (format) {
        case F::I8B32: {
            const auto t = tile_at(64, 1088);
            return symmetric(half(t + of32), int8_at(t + 64), 128);
        }
        case F::I8B32A: {
            const auto t = tile_at(64, 1152);
            return affine(t + of32, int8_at(t + 128));
        }
        case F::I8B128: {
            const auto t = tile_at(256, 4160);
            return symmetric(half(t + of128), int8_at(t + 64 + chunk * 1024), 128);
        }
        case F::I8B128A: {
            const auto t = tile_at(256, 4224);
            return affine(t + of128, int8_at(t + 128 + chunk * 1024));
        }
        case F::I4B32: {
            const auto t = tile_at(64, 576);
            return symmetric(half(t + of32), int4_at(t + 64), 8);
        }
        case F::I4B32A: {
            const auto t = tile_at(64, 640);
            return affine(t + of32, int4_at(t + 128));
        }
        case F::I4B128: {
            const auto t = tile_at(256, 2112);
            return symmetric(half(t + of128), int4_at(t + 64 + chunk * 512), 8);
        }
        case F::I4B128A: {
            const auto t = tile_at(256, 2176);
            return affine(t + of128, int4_at(t + 128 + chunk * 512));
        }
        case F::T2Row: {
            const std::uint64_t in_row = (k_len + 63) / 64, t = row_tile * (64 + in_row * 256);
            return symmetric(read<float>(tiles, t + 4 * lane), two_bits_at(t + 64 + k / 64 * 256),
                             1);
        }
        case F::T2B128: {
            const auto t = tile_at(256, 1088);
            return symmetric(half(t + of128), two_bits_at(t + 64 + chunk * 256), 1);
        }
        case F::B1Row: {
            const std::uint64_t in_row = (k_len + 63) / 64, t = row_tile * (64 + in_row * 128);
            const float scale = read<float>(tiles, t + 4 * lane);
            return one_bit_at(t + 64 + k / 64 * 128) != 0 ? scale : -scale;
        }
        case F::MX4B32: {
            constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
            const auto t = tile_at(128, 1088);
            const unsigned code = int4_at(t + 64 + k % 128 / 64 * 512);
            const unsigned exponent = byte(t + k % 128 / 32 * 16 + lane);
            if (exponent == 255)
                throw std::runtime_error("an exponent that is no scale");
            return std::ldexp(kValues[code & 7], static_cast<int>(exponent) - 127) *
                   (code < 8 ? 1.0f : -1.0f);
        }
        case F::F16:
            return half(tile_at(64, 2048) + 2 * (c * 16 + lane));
        case F::F32:
            return read<float>(tiles, tile_at(64, 4096) + 4 * (c * 16 + lane));
    }
    throw std::logic_error("weight format");
}

}  // namespace skald::test
