// SPDX-License-Identifier: MIT
// One function for each block layout. Offsets in the comments are bytes of a block.
#include "input/quantised.hpp"

#include <array>
#include <cstring>

#include "input/half.hpp"
#include "input/small_float.hpp"

namespace skald::compiler {
namespace {

struct Block {
    const std::uint8_t* in;
    std::uint8_t* u;
    float *scale, *minimum;  // of the block's groups

    float half(std::size_t at) const {
        std::uint16_t h;
        std::memcpy(&h, in + at, sizeof h);
        return f16_to_f32(h);
    }
};

constexpr std::size_t kBlock = 32, kSuper = 256;

// 16 bytes: low nibbles are weights 0..15, high nibbles 16..31.
void nibbles(const std::uint8_t* in, std::uint8_t* u) {
    for (std::size_t i = 0; i < kBlock / 2; ++i) {
        u[i] = in[i] & 15;
        u[i + kBlock / 2] = in[i] >> 4;
    }
}

// 32 bits that go on top of the nibbles, bit i for weight i.
void fifth_bits(const std::uint8_t* in, std::uint8_t* u) {
    for (std::size_t i = 0; i < kBlock; ++i)
        u[i] = static_cast<std::uint8_t>(u[i] | (in[i / 8] >> i % 8 & 1) << 4);
}

void q4_0(const Block& b) {  // 0 scale, 2 nibbles
    b.scale[0] = b.half(0);
    nibbles(b.in + 2, b.u);
}

void q4_1(const Block& b) {  // 0 scale, 2 minimum, 4 nibbles
    b.scale[0] = b.half(0);
    b.minimum[0] = b.half(2);
    nibbles(b.in + 4, b.u);
}

void q5_0(const Block& b) {  // 0 scale, 2 fifth bits, 6 nibbles
    b.scale[0] = b.half(0);
    nibbles(b.in + 6, b.u);
    fifth_bits(b.in + 2, b.u);
}

void q5_1(const Block& b) {  // 0 scale, 2 minimum, 4 fifth bits, 8 nibbles
    b.scale[0] = b.half(0);
    b.minimum[0] = b.half(2);
    nibbles(b.in + 8, b.u);
    fifth_bits(b.in + 4, b.u);
}

void q8_0(const Block& b) {  // 0 scale, 2 signed bytes
    b.scale[0] = b.half(0);
    for (std::size_t i = 0; i < kBlock; ++i)
        b.u[i] = b.in[2 + i] ^ 0x80;
}

// Scales and minima of the K types: eight of 6 bits each in twelve bytes. Byte j holds the low six
// bits of scale j (j < 4), byte 4 + j those of minimum j; the second four have their low four bits
// in bytes 8..11 and the two high ones on top of the bytes of the first four.
void k_scales(const Block& b, float d, float dmin, const std::uint8_t* in) {
    for (std::size_t j = 0; j < kSuper / kBlock; ++j) {
        unsigned scale, minimum;
        if (j < 4) {
            scale = in[j] & 63u;
            minimum = in[j + 4] & 63u;
        } else {
            scale = (in[j + 4] & 15u) | in[j - 4] >> 6 << 4;
            minimum = in[j + 4] >> 4 | in[j] >> 6 << 4;
        }
        b.scale[j] = d * static_cast<float>(scale);
        b.minimum[j] = -(dmin * static_cast<float>(minimum));
    }
}

// Each 32 bytes hold two groups: low nibbles the first, high nibbles the second.
void k_nibbles(const std::uint8_t* in, std::uint8_t* u) {
    for (std::size_t pair = 0; pair < kSuper / (2 * kBlock); ++pair)
        for (std::size_t i = 0; i < kBlock; ++i) {
            const std::uint8_t byte = in[pair * kBlock + i];
            u[2 * pair * kBlock + i] = byte & 15;
            u[(2 * pair + 1) * kBlock + i] = byte >> 4;
        }
}

void q4_k(const Block& b) {  // 0 d, 2 dmin, 4 scales and minima, 16 nibbles
    k_scales(b, b.half(0), b.half(2), b.in + 4);
    k_nibbles(b.in + 16, b.u);
}

void q5_k(const Block& b) {  // 0 d, 2 dmin, 4 scales and minima, 16 fifth bits, 48 nibbles
    k_scales(b, b.half(0), b.half(2), b.in + 4);
    k_nibbles(b.in + 48, b.u);
    for (std::size_t k = 0; k < kSuper; ++k)  // bit g of byte i: weight i of group g
        b.u[k] = static_cast<std::uint8_t>(b.u[k] | (b.in[16 + k % kBlock] >> k / kBlock & 1) << 4);
}

// 0 low nibbles (128), 128 high pairs of bits (64), 192 signed scales (16), 208 d. Each half of the
// block has 64 bytes of nibbles: quarter c of its weights is in bytes 32 (c % 2) .., low nibbles
// for c < 2, and in bits 2 c of the half's 32 bytes of pairs.
void q6_k(const Block& b) {
    const float d = b.half(208);
    for (std::size_t g = 0; g < 16; ++g)
        b.scale[g] = d * static_cast<float>(static_cast<std::int8_t>(b.in[192 + g]));
    for (std::size_t k = 0; k < kSuper; ++k) {
        const std::size_t half = k / 128, c = k % 128 / 32, i = k % 32;
        const unsigned low = b.in[half * 64 + c % 2 * 32 + i] >> (c / 2 * 4) & 15u;
        const unsigned high = b.in[128 + half * 32 + i] >> (2 * c) & 3u;
        b.u[k] = static_cast<std::uint8_t>(low | high << 4);
    }
}

// A byte of n digits to base 3 is ceil(256 / 3^5 * number): times 3^i, modulo 256, its leading
// digit is digit i, and times 3 the part above the byte.
std::uint8_t trit(std::uint8_t byte, unsigned digit) {
    static constexpr std::uint8_t kPowers[] = {1, 3, 9, 27, 81};
    const auto shifted = static_cast<std::uint8_t>(byte * kPowers[digit]);
    return static_cast<std::uint8_t>(shifted * 3u >> 8);
}

// Weight k of a super-block of pairs of bits: each half of 128 weights lies in 32 bytes, a quarter
// of it in each pair, from the lowest up.
unsigned pair_of_bits(const std::uint8_t* in, std::size_t k) {
    return in[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3u;
}

// 0 scales (low nibble) and minima (high) of 16 weights each, 16 pairs of bits, 80 d, 82 dmin
void q2_k(const Block& b) {
    const float d = b.half(80), dmin = b.half(82);
    for (std::size_t g = 0; g < 16; ++g) {
        b.scale[g] = d * static_cast<float>(b.in[g] & 15);
        b.minimum[g] = -(dmin * static_cast<float>(b.in[g] >> 4));
    }
    for (std::size_t k = 0; k < kSuper; ++k)
        b.u[k] = static_cast<std::uint8_t>(pair_of_bits(b.in + 16, k));
}

// 0 third bits (bit k / 32 of byte k % 32), 32 pairs of bits, 96 scales of 16 weights each, 108 d.
// Of scale g the low nibbles are those of bytes 0..7 (low, then high), the two bits above in byte
// 8 + g % 4, from the lowest up; 32 stands for 0.
void q3_k(const Block& b) {
    const float d = b.half(108);
    const std::uint8_t* scales = b.in + 96;
    for (std::size_t g = 0; g < 16; ++g) {
        const unsigned low = scales[g % 8] >> (g / 8 * 4) & 15u;
        const unsigned high = scales[8 + g % 4] >> (g / 4 * 2) & 3u;
        b.scale[g] = d * static_cast<float>(static_cast<int>(low | high << 4) - 32);
    }
    for (std::size_t k = 0; k < kSuper; ++k) {
        const unsigned third = b.in[k % 32] >> k / 32 & 1u;
        b.u[k] = static_cast<std::uint8_t>(pair_of_bits(b.in + 32, k) | third << 2);
    }
}

// What the codes of the IQ4 types stand for, as integers with 128 for zero.
constexpr std::array<std::uint8_t, 16> kIq4Numbers = {1,   24,  45,  63,  79,  93,  106, 118,
                                                      129, 141, 153, 166, 181, 197, 217, 241};

void iq4_numbers(const std::uint8_t* in, std::uint8_t* u) {
    nibbles(in, u);
    for (std::size_t i = 0; i < kBlock; ++i)
        u[i] = kIq4Numbers[u[i]];
}

void iq4_nl(const Block& b) {  // 0 scale, 2 codes
    b.scale[0] = b.half(0);
    iq4_numbers(b.in + 2, b.u);
}

// 0 d, 2 high pairs of bits of eight scales, 4 their low nibbles, 8 codes; 32 stands for 0
void iq4_xs(const Block& b) {
    const float d = b.half(0);
    const unsigned highs = b.in[2] | b.in[3] << 8;
    for (std::size_t g = 0; g < kSuper / kBlock; ++g) {
        const unsigned low = b.in[4 + g / 2] >> (g % 2 * 4) & 15u, high = highs >> (2 * g) & 3u;
        b.scale[g] = d * static_cast<float>(static_cast<int>(low | high << 4) - 32);
        iq4_numbers(b.in + 8 + g * kBlock / 2, b.u + g * kBlock);
    }
}

void mxfp4(const Block& b) {  // 0 exponent, 1 codes
    b.scale[0] = e8m0_half_to_f32(b.in[0]);
    nibbles(b.in + 1, b.u);
    for (std::size_t i = 0; i < kBlock; ++i)
        b.u[i] = static_cast<std::uint8_t>(kE2M1Halves[b.u[i]] + 12);
}

void tq1_0(const Block& b) {  // 0: 32 bytes of 5 digits, 32: 16 of 5, 48: 4 of 4; 52 scale
    b.scale[0] = b.half(52);
    struct Part {
        std::size_t at, bytes;
        unsigned digits;
    };
    std::uint8_t* u = b.u;
    for (const Part part : {Part{0, 32, 5}, Part{32, 16, 5}, Part{48, 4, 4}})
        for (unsigned digit = 0; digit < part.digits; ++digit)
            for (std::size_t i = 0; i < part.bytes; ++i)
                *u++ = trit(b.in[part.at + i], digit);
}

void tq2_0(const Block& b) {  // 0: two times 32 bytes of 4 pairs of bits; 64 scale
    b.scale[0] = b.half(64);
    for (std::size_t k = 0; k < kSuper; ++k)
        b.u[k] = static_cast<std::uint8_t>(pair_of_bits(b.in, k));
}

using Unpack = void (*)(const Block&);

Unpack unpacker(DType type) {
    switch (type) {
        case DType::kQ4_0:
            return q4_0;
        case DType::kQ4_1:
            return q4_1;
        case DType::kQ5_0:
            return q5_0;
        case DType::kQ5_1:
            return q5_1;
        case DType::kQ8_0:
            return q8_0;
        case DType::kQ4_K:
            return q4_k;
        case DType::kQ5_K:
            return q5_k;
        case DType::kQ6_K:
            return q6_k;
        case DType::kTQ1_0:
            return tq1_0;
        case DType::kTQ2_0:
            return tq2_0;
        case DType::kQ2_K:
            return q2_k;
        case DType::kQ3_K:
            return q3_k;
        case DType::kIQ4_NL:
            return iq4_nl;
        case DType::kIQ4_XS:
            return iq4_xs;
        case DType::kMXFP4:
            return mxfp4;
        default:
            break;
    }
    return nullptr;
}

}  // namespace

void unpack(const Tensor& tensor, std::uint64_t row, QuantisedRow& out) {
    const TypeInfo& info = info_of(tensor.type);
    const std::uint64_t k = tensor.row_length();
    out.u.resize(k);
    out.scale.resize(k / info.group);
    out.minimum.resize(info.affine ? k / info.group : 0);
    const auto* in = reinterpret_cast<const std::uint8_t*>(tensor.row(row).data());
    const Unpack one = unpacker(tensor.type);
    const std::uint64_t groups = info.block / info.group;
    for (std::uint64_t b = 0; b < k / info.block; ++b)
        one({in + b * info.block_bytes, out.u.data() + b * info.block,
             out.scale.data() + b * groups,
             info.affine ? out.minimum.data() + b * groups : nullptr});
}

}  // namespace skald::compiler
