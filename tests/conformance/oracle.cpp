// SPDX-License-Identifier: MIT
// The oracle of matrices, attention and selection.
#include "oracle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <set>

namespace skald::test::oracle {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

float half_value(std::uint16_t h) {
    const int exponent = h >> 10 & 31;
    const int mantissa = h & 1023;
    float magnitude = 0;
    if (exponent == 31)
        magnitude = mantissa == 0 ? kInf : NAN;
    else if (exponent == 0)
        magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    else
        magnitude = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
    return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

float larger(float a, float b) {
    if (std::isnan(a))
        return b;
    if (std::isnan(b))
        return a;
    if (a == 0.0f && b == 0.0f)
        return std::signbit(a) ? b : a;
    return a < b ? b : a;
}

template <class T>
T element(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

// The first byte of the tile that holds (row, column).
std::size_t tile_offset(isa::WeightFormat format, std::uint32_t k, std::uint32_t row,
                        std::uint32_t column) {
    const isa::WeightInfo& info = isa::weight_info(format);
    return row / 16 * isa::row_tile_bytes(format, k) + info.row_header +
           column / info.tile_k * info.tile_bytes;
}

std::size_t header_bytes(const isa::WeightInfo& info) {
    return info.block == 0 ? 0 : info.affine ? 128 : 64;
}

// Where the number of (row, column) is: a byte, and the bit it begins at. isa.hpp, "A chunk".
struct Place {
    std::size_t byte;
    unsigned bit;
};
Place number_place(isa::WeightFormat format, std::uint32_t k, std::uint32_t row,
                   std::uint32_t column) {
    const isa::WeightInfo& info = isa::weight_info(format);
    const std::uint32_t in = column % info.tile_k;
    const std::size_t chunk =
        tile_offset(format, k, row, column) + header_bytes(info) + in / 64 * 128 * info.bits;
    const std::uint32_t c = in % 64;
    const std::size_t lane = row % 16 * 4;
    if (info.bits == 8)
        return {chunk + c / 4 * 64 + lane + c % 4, 0};
    if (info.bits == 4) {  // k = 32 b + 16 (high nibble) + 4 j + i
        const std::uint32_t b = c / 32;
        const std::uint32_t j = c % 16 / 4;
        return {chunk + (b * 4 + j) * 64 + lane + c % 4, c % 32 >= 16 ? 4u : 0u};
    }
    if (info.bits == 2)  // k = 16 f + 4 j + i
        return {chunk + c % 16 / 4 * 64 + lane + c % 4, c / 16 * 2};
    return {chunk + c / 32 * 64 + lane + c % 4, c % 32 / 4};  // k = 32 j + 4 f + i
}
// The number that multiplies the scale: for e2m1 the value in halves.
int number_of_code(isa::WeightFormat format, unsigned code) {
    const isa::WeightInfo& info = isa::weight_info(format);
    if (format == isa::WeightFormat::B1Row)
        return code == 1 ? 1 : -1;
    if (format == isa::WeightFormat::MX4B32) {
        const int exponent = code >> 1 & 3;
        const int mantissa = code & 1;
        const int halves = exponent == 0 ? mantissa : (2 + mantissa) << (exponent - 1);
        return code >= 8 ? -halves : halves;
    }
    if (info.affine)
        return static_cast<int>(code);
    return static_cast<int>(code) - (info.bits == 8 ? 128 : info.bits == 4 ? 8 : 1);
}
int weight_number(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles, std::uint32_t k,
                  std::uint32_t row, std::uint32_t column) {
    const Place place = number_place(format, k, row, column);
    const unsigned mask = (1u << isa::weight_info(format).bits) - 1;
    return number_of_code(format, tiles[place.byte] >> place.bit & mask);
}
std::size_t scale_offset(isa::WeightFormat format, std::uint32_t k, std::uint32_t row,
                         std::uint32_t column) {
    const isa::WeightInfo& info = isa::weight_info(format);
    const std::size_t bytes = format == isa::WeightFormat::MX4B32 ? 1 : 2;
    return tile_offset(format, k, row, column) +
           (column % info.tile_k / info.block * 16 + row % 16) * bytes;
}
float block_scale(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles, std::uint32_t k,
                  std::uint32_t row, std::uint32_t column) {
    const std::size_t at = scale_offset(format, k, row, column);
    if (format == isa::WeightFormat::MX4B32)
        return std::ldexp(1.0f, element<std::uint8_t>(tiles, at) - 128);
    return half_to_float(element<std::uint16_t>(tiles, at));
}
float block_minimum(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles,
                    std::uint32_t k, std::uint32_t row, std::uint32_t column) {
    return half_to_float(element<std::uint16_t>(tiles, scale_offset(format, k, row, column) + 64));
}
float row_scale(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles, std::uint32_t k,
                std::uint32_t row) {
    return element<float>(tiles, row / 16 * isa::row_tile_bytes(format, k) + row % 16 * 4);
}
float weight_float(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles,
                   std::uint32_t k, std::uint32_t row, std::uint32_t column) {
    const std::size_t index = column % 64 * 16 + row % 16;
    const std::size_t tile = tile_offset(format, k, row, column);
    if (format == isa::WeightFormat::F16)
        return half_to_float(element<std::uint16_t>(tiles, tile + index * 2));
    return element<float>(tiles, tile + index * 4);
}

float finish(float acc, std::uint32_t n, const Floats& bias, const Floats& accumulate) {
    if (!bias.empty())
        acc = acc + bias[n];
    if (!accumulate.empty())
        acc = accumulate[n] + acc;
    return nan_to_canonical(acc);
}

}  // namespace

float half_to_float(std::uint16_t h) {
    static const Floats table = [] {
        Floats all(65536);
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = half_value(static_cast<std::uint16_t>(i));
        return all;
    }();
    return table[h];
}

// The nearest of all halves, by search; ties to the even one.
std::uint16_t float_to_half(float f) {
    const std::uint16_t sign = std::signbit(f) ? 0x8000 : 0;
    const double x = std::fabs(static_cast<double>(f));
    if (std::isnan(f))
        return sign | 0x7e00;
    if (x >= 65520.0)
        return sign | 0x7c00;
    std::uint16_t low = 0;
    std::uint16_t high = 0x7c00;
    while (high - low > 1) {
        const auto middle = static_cast<std::uint16_t>((low + high) / 2);
        if (static_cast<double>(half_to_float(middle)) <= x)
            low = middle;
        else
            high = middle;
    }
    const double below = half_to_float(low);
    const double above = high == 0x7c00 ? 65536.0 : static_cast<double>(half_to_float(high));
    const bool up = above - x < x - below || (above - x == x - below && low % 2 == 1);
    return static_cast<std::uint16_t>(sign | (up ? high : low));
}

float sum16(const Floats& v) {
    std::array<float, 16> lane{};
    for (std::size_t i = 0; i < v.size(); ++i)
        lane[i % 16] = lane[i % 16] + v[i];
    for (std::size_t half : {8, 4, 2, 1})
        for (std::size_t j = 0; j < half; ++j)
            lane[j] = lane[j] + lane[j + half];
    return lane[0];
}

float max16(const Floats& v) {
    float max = -kInf;
    for (float x : v)
        max = larger(max, x);
    return max;
}

std::vector<std::uint8_t> random_tiles(isa::WeightFormat format, std::uint32_t n, std::uint32_t k,
                                       std::uint64_t seed) {
    const isa::WeightInfo& info = isa::weight_info(format);
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    std::vector<std::uint8_t> tiles(isa::matrix_bytes(format, n, k));
    const std::uint32_t rows = (n + 15) / 16 * 16;
    const std::uint32_t columns = (k + info.tile_k - 1) / info.tile_k * info.tile_k;
    const auto put = [&](std::size_t offset, const auto& value) {
        std::memcpy(&tiles[offset], &value, sizeof(value));
    };
    unsigned zero = 0;  // the code that stands for weight 0, if any
    for (unsigned code = 0; info.integer && !info.affine && code < 1u << info.bits; ++code)
        if (number_of_code(format, code) == 0) {
            zero = code;
            break;
        }
    for (std::uint32_t row = 0; row < rows; ++row) {
        if (info.group == isa::QuantGroup::Row)
            put(row / 16 * isa::row_tile_bytes(format, k) + row % 16 * 4,
                row < n ? normal(random) * 0.02f : 0.0f);
        for (std::uint32_t column = 0; column < columns; ++column) {
            const bool padding = row >= n || column >= k;
            const std::size_t element = (column % 64 * 16 + row % 16) * info.bits / 8;
            if (!info.integer) {
                const float w = padding ? 0.0f : normal(random);
                const std::size_t tile = tile_offset(format, k, row, column);
                if (format == isa::WeightFormat::F16)
                    put(tile + element, float_to_half(w));
                else
                    put(tile + element, w);
                continue;
            }
            const Place place = number_place(format, k, row, column);
            const unsigned number =
                padding ? zero : static_cast<unsigned>(random()) & ((1u << info.bits) - 1);
            tiles[place.byte] |= static_cast<std::uint8_t>(number << place.bit);
            if (info.block != 0 && column % info.block == 0) {
                const std::size_t at = scale_offset(format, k, row, column);
                if (format == isa::WeightFormat::MX4B32) {
                    put(at, static_cast<std::uint8_t>(padding ? 0 : 115 + random() % 10));
                    continue;
                }
                put(at, padding ? std::uint16_t{0} : float_to_half(normal(random) * 0.02f));
                if (info.affine)
                    put(at + 64, padding ? std::uint16_t{0} : float_to_half(normal(random)));
            }
        }
    }
    return tiles;
}

Quantised quant(const Floats& row, isa::QuantGroup group) {
    Quantised out;
    const std::size_t padded = (row.size() + 31) / 32 * 32;
    const std::size_t length = group == isa::QuantGroup::Row ? padded : 32;
    for (std::size_t first = 0; first < row.size(); first += length) {
        const std::size_t end = std::min(row.size(), first + length);
        float amax = 0.0f;
        for (std::size_t i = first; i < end; ++i)
            amax = std::max(amax, std::fabs(row[i]));
        float id = amax == 0.0f ? 0.0f : 127.0f / amax;
        if (std::isinf(id))
            id = 0.0f;
        int sum = 0;
        for (std::size_t i = first; i < first + length; ++i) {
            const float scaled = i < end ? std::nearbyint(row[i] * id) : 0.0f;
            const int q = static_cast<int>(std::clamp(scaled, -127.0f, 127.0f));
            out.q.push_back(static_cast<std::int8_t>(q));
            sum += q;
        }
        out.d.push_back(amax / 127.0f);
        out.s.push_back(sum);
    }
    return out;
}

Floats dequant(const std::vector<std::int8_t>& q, const Floats& d, std::uint32_t k) {
    Floats y(k);
    for (std::uint32_t i = 0; i < k; ++i)
        y[i] = nan_to_canonical(static_cast<float>(q[i]) * (d.size() == 1 ? d[0] : d[i / 32]));
    return y;
}

Floats matmul_integer(isa::WeightFormat format, const Quantised& x,
                      const std::vector<std::uint8_t>& tiles, std::uint32_t n, std::uint32_t k,
                      const Floats& bias, const Floats& accumulate) {
    const isa::WeightInfo& info = isa::weight_info(format);
    Floats y(n);
    const std::uint32_t padded = (k + info.tile_k - 1) / info.tile_k * info.tile_k;
    for (std::uint32_t row = 0; row < n; ++row) {
        float acc = 0.0f;
        std::int32_t whole = 0;
        for (std::uint32_t b = 0; b < padded / 32; ++b) {
            std::int32_t isum = 0;
            std::int32_t sum = 0;
            for (std::uint32_t i = b * 32; i < (b + 1) * 32; ++i) {
                const int q = i < x.q.size() ? x.q[i] : 0;
                isum += q * weight_number(format, tiles, k, row, i);
                sum += q;
            }
            whole += isum;
            if (info.group == isa::QuantGroup::Row)
                continue;
            const float d = b < x.d.size() ? x.d[b] : 0.0f;
            const float scale = block_scale(format, tiles, k, row, b * 32) * d;
            acc = std::fma(static_cast<float>(isum), scale, acc);
            if (info.affine) {
                const float minimum = block_minimum(format, tiles, k, row, b * 32) * d;
                acc = std::fma(static_cast<float>(sum), minimum, acc);
            }
        }
        if (info.group == isa::QuantGroup::Row)
            acc = static_cast<float>(whole) * (row_scale(format, tiles, k, row) * x.d[0]);
        y[row] = finish(acc, row, bias, accumulate);
    }
    return y;
}

Floats matmul_float(isa::WeightFormat format, const Floats& x,
                    const std::vector<std::uint8_t>& tiles, std::uint32_t n, std::uint32_t k,
                    const Floats& bias, const Floats& accumulate) {
    Floats y(n);
    const std::uint32_t padded = (k + 63) / 64 * 64;
    for (std::uint32_t row = 0; row < n; ++row) {
        float acc = 0.0f;
        for (std::uint32_t i = 0; i < padded; ++i)
            acc = std::fma(weight_float(format, tiles, k, row, i), i < k ? x[i] : 0.0f, acc);
        y[row] = finish(acc, row, bias, accumulate);
    }
    return y;
}

Floats gather(isa::WeightFormat format, const std::vector<std::uint8_t>& tiles, std::uint32_t k,
              std::uint32_t id) {
    Floats y(k);
    for (std::uint32_t i = 0; i < k; ++i) {
        float value = 0.0f;
        if (!isa::weight_info(format).integer) {
            value = weight_float(format, tiles, k, id, i);
        } else {
            const auto number = static_cast<float>(weight_number(format, tiles, k, id, i));
            if (isa::weight_info(format).group == isa::QuantGroup::Row)
                value = row_scale(format, tiles, k, id) * number;
            else if (isa::weight_info(format).affine)
                value = std::fma(block_scale(format, tiles, k, id, i), number,
                                 block_minimum(format, tiles, k, id, i));
            else
                value = block_scale(format, tiles, k, id, i) * number;
        }
        y[i] = nan_to_canonical(value);
    }
    return y;
}

namespace {

// Of some positions: the largest score, the sum of the exponentials, the weighted sum of values.
struct Part {
    float max;
    float sum;
    Floats o;
};

Part merge(const Part& all, const Part& next) {
    Part both{larger(all.max, next.max), 0.0f, all.o};
    const float a = exp(all.max - both.max);
    const float b = exp(next.max - both.max);
    both.sum = std::fma(all.sum, a, next.sum * b);
    for (std::size_t d = 0; d < both.o.size(); ++d)
        both.o[d] = std::fma(all.o[d], a, next.o[d] * b);
    return both;
}

// Element i of the keys or the values of a cache in floats.
float key(const Cache& cache, std::size_t i) {
    return cache.format == isa::KvFormat::F32 ? cache.k_floats[i] : half_to_float(cache.k[i]);
}
float value(const Cache& cache, std::size_t i) {
    return cache.format == isa::KvFormat::F32 ? cache.v_floats[i] : half_to_float(cache.v[i]);
}

// Positions first + low .. first + count - 1, which lie in one chunk.
Part chunk_part(const Floats& q, const Quantised& numbers, const Cache& cache,
                const AttentionRow& row, std::uint32_t first, std::uint32_t low,
                std::uint32_t count) {
    const bool i8 = cache.format == isa::KvFormat::I8;
    const std::size_t k_dim = q.size();
    const std::size_t v_dim = cache.v_dim;
    Floats s(256, -kInf);
    for (std::uint32_t p = low; p < count; ++p) {
        float dot = 0.0f;
        if (i8) {
            std::int32_t isum = 0;
            for (std::size_t d = 0; d < k_dim; ++d)
                isum += numbers.q[d] * cache.k_numbers[(first + p) * k_dim + d];
            dot = static_cast<float>(isum) * (numbers.d[0] * cache.k_scale[first + p]);
        } else {
            for (std::size_t d = 0; d < k_dim; ++d)
                dot = std::fma(q[d], key(cache, (first + p) * k_dim + d), dot);
        }
        s[p] = dot * row.scale;
        if (row.cap != 0.0f)
            s[p] = row.cap * tanh(s[p] / row.cap);
    }
    Part part{max16(s), 0.0f, Floats(v_dim, 0.0f)};
    Floats e(256, 0.0f);
    for (std::uint32_t p = low; p < count; ++p)
        e[p] = exp(s[p] - part.max);
    part.sum = sum16(e);
    for (std::size_t d = 0; d < v_dim; ++d)
        for (std::uint32_t p = low; p < count; ++p) {
            const std::size_t i = (first + p) * v_dim + d;
            part.o[d] = i8 ? std::fma(e[p] * cache.v_scale[first + p],
                                      static_cast<float>(cache.v_numbers[i]), part.o[d])
                           : std::fma(e[p], value(cache, i), part.o[d]);
        }
    return part;
}

}  // namespace

Floats attention(const Floats& q, const Cache& cache, const AttentionRow& row) {
    const std::uint32_t from =
        row.window != 0 && row.positions > row.window ? row.positions - row.window : 0;
    const Quantised numbers = quant(q, isa::QuantGroup::Row);
    std::optional<Part> all;
    for (std::uint32_t first = from / 256 * 256; first < row.positions; first += 256) {
        const std::uint32_t low = from > first ? from - first : 0;
        const std::uint32_t count = std::min(256u, row.positions - first);
        const Part part = chunk_part(q, numbers, cache, row, first, low, count);
        all = all ? merge(*all, part) : part;
    }
    if (row.sink)
        all = merge(*all, {*row.sink, 1.0f, Floats(all->o.size(), 0.0f)});
    for (float& x : all->o)
        x = nan_to_canonical(x / all->sum);
    return all->o;
}

std::uint32_t argmax(const Floats& logits) {
    std::uint32_t best = 0;
    for (std::uint32_t i = 1; i < logits.size(); ++i)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

namespace {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> x, std::uint32_t key0,
                                    std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t left = std::uint64_t{x[0]} * 0xd2511f53u;
        const std::uint64_t right = std::uint64_t{x[2]} * 0xcd9e8d57u;
        const std::array<std::uint32_t, 4> next = {
            static_cast<std::uint32_t>((right >> 32) ^ x[1] ^ key0),
            static_cast<std::uint32_t>(right),
            static_cast<std::uint32_t>((left >> 32) ^ x[3] ^ key1),
            static_cast<std::uint32_t>(left)};
        x = next;
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    return x;
}

}  // namespace

std::uint32_t sample(const Floats& logits, const isa::Sequence& s, std::uint32_t position,
                     const std::vector<std::uint32_t>& history) {
    Floats z = logits;
    if (s.repeat_penalty != 1.0f) {
        const std::uint32_t first = position > s.repeat_last_n ? position - s.repeat_last_n : 0;
        const std::set<std::uint32_t> seen(history.begin() + first, history.begin() + position);
        for (std::uint32_t id : seen)
            z[id] = z[id] > 0.0f ? z[id] / s.repeat_penalty : z[id] * s.repeat_penalty;
    }
    if (s.temperature == 0.0f)
        return argmax(z);
    for (float& x : z)
        x = x / s.temperature;
    std::vector<std::uint32_t> order(z.size());
    std::iota(order.begin(), order.end(), 0u);
    const float max = max16(z);
    Floats w(z.size());
    for (std::size_t i = 0; i < z.size(); ++i)
        w[i] = exp(z[i] - max);
    if (s.top_k != 0 || s.top_p < 1.0f || s.min_p != 0.0f) {
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return z[a] > z[b]; });
        std::size_t keep = std::min<std::size_t>(order.size(), 1024);
        if (s.top_k != 0)
            keep = std::min<std::size_t>(keep, s.top_k);
        order.resize(keep);
        if (s.top_p < 1.0f) {
            const float goal = s.top_p * sum16(w);
            float running = 0.0f;
            std::size_t count = 0;
            while (count < order.size()) {
                running += w[order[count++]];
                if (running >= goal)
                    break;
            }
            order.resize(count);
        }
        std::size_t count = 1;
        while (count < order.size() && w[order[count]] >= s.min_p * w[order[0]])
            ++count;
        order.resize(count);
    }
    const auto random =
        philox({position, 0, static_cast<std::uint32_t>(s.request),
                static_cast<std::uint32_t>(s.request >> 32)},
               static_cast<std::uint32_t>(s.seed), static_cast<std::uint32_t>(s.seed >> 32));
    const float u = std::ldexp(static_cast<float>(random[0] >> 8), -24);
    float total = 0.0f;
    for (std::uint32_t id : order)
        total += w[id];
    float running = 0.0f;
    for (std::uint32_t id : order) {
        running += w[id];
        if (running > u * total)
            return id;
    }
    return order.back();
}

float logprob(const Floats& logits, std::uint32_t target) {
    const float max = max16(logits);
    Floats e(logits.size());
    for (std::size_t i = 0; i < e.size(); ++i)
        e[i] = exp(logits[i] - max);
    return nan_to_canonical((logits[target] - max) - log(sum16(e)));
}

}  // namespace skald::test::oracle
