// SPDX-License-Identifier: MIT
// KV_APPEND: keys and values of new positions go to their blocks as floats or in 8 bits with a
// scale, keys transposed in tiles of 16 positions. A worker takes all rows of a KV head, in order:
// two rows may name the same position, and then the later one stays.
#include <algorithm>

#include "card/compute/math.hpp"
#include "card/ops/kv_blocks.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

// Rows whose blocks are found before they are stored, and pieces that those may lie in.
constexpr std::uint64_t kBatchRows = 4096;
constexpr std::size_t kBatchPieces = 1u << 14;
// Keys or values that a worker stores between two looks at the cancel flag.
constexpr std::uint64_t kElementsBetweenPolls = 8192;

struct Buffers {
    float x[isa::kMaxKeyDim];
    union {
        std::uint16_t half[isa::kMaxKeyDim];
        std::int8_t numbers[isa::kMaxKeyDim];
    };
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

class Append {
  public:
    Append(Machine& m, const isa::MicroOp& op)
        : m_(m),
          kv_heads_(op.dim[0]),
          dims_(isa::head_dims(op.dim[2])),
          format_(static_cast<isa::KvFormat>(op.fmt)),
          head_bytes_(isa::kv_head_bytes(format_, dims_)),
          blocks_(m, op, m.operand[2], m.operand[4], kv_heads_ * head_bytes_) {}

    Fault run(std::uint64_t rows);

  private:
    Fault find_blocks(std::uint64_t first, std::uint64_t& count);
    void head(Worker& worker, std::uint32_t head, std::uint64_t first, std::uint64_t count);
    bool store_k(Worker& worker, std::uint32_t head, std::uint64_t row, const BlockRef& block);
    bool store_v(Worker& worker, std::uint32_t head, std::uint64_t row, const BlockRef& block);
    bool quantise(const float* x, std::uint32_t n, std::int8_t* q, float& scale) const;
    template <class T>
    void spread(const BlockRef& block, std::uint64_t tile, std::uint64_t lane, const T* key) const;
    [[nodiscard]] bool finite(const float* x, std::uint32_t n) const {
        float max = 0.0f;
        return m_.kernels.abs_max(x, n, max);
    }
    [[nodiscard]] std::uint64_t slot(std::uint64_t row) const {
        return m_.row_table[row].position % isa::kKvPositions;
    }
    [[nodiscard]] std::uint64_t element_bytes() const { return isa::kv_element_bytes(format_); }
    // In a head of a block: values, and the scales of keys and of values (I8).
    [[nodiscard]] std::uint64_t values() const {
        return isa::kKvPositions * element_bytes() * dims_.k;
    }
    [[nodiscard]] std::uint64_t k_scales() const {
        return values() + isa::kKvPositions * element_bytes() * dims_.v;
    }
    [[nodiscard]] std::uint64_t v_scales() const { return k_scales() + isa::kKvPositions * 4; }

    Machine& m_;
    std::uint32_t kv_heads_;
    isa::HeadDims dims_;
    isa::KvFormat format_;
    std::uint64_t head_bytes_;  // of a KV head in a block
    KvBlocks blocks_;
    const View& k_ = m_.operand[0];
    const View& v_ = m_.operand[1];
    const View& list_ = m_.operand[3];
    BlockRef* refs_ = nullptr;  // of the batch's rows
    FirstBad bad_k_, bad_v_;
};

Fault Append::run(std::uint64_t rows) {
    m_.read_rows(3, rows);
    refs_ =
        reinterpret_cast<BlockRef*>(m_.arena[0].get(std::min(rows, kBatchRows) * sizeof(BlockRef)));
    for (std::uint64_t first = 0, count = 0; first < rows && !m_.stopped(); first += count) {
        count = std::min(kBatchRows, rows - first);
        // Rows before one without a block come first, and so do their faults.
        const Fault fault = find_blocks(first, count);
        m_.parallel(kv_heads_, count * (20 + (dims_.k + dims_.v) / 2),
                    [&](Worker& worker, std::uint64_t h) {
                        head(worker, static_cast<std::uint32_t>(h), first, count);
                    });
        if (bad_k_.any() && bad_k_.row() <= bad_v_.row())
            return {SKALD_FAULT_NONFINITE, k_.address(bad_k_.row())};
        if (bad_v_.any())
            return {SKALD_FAULT_NONFINITE, v_.address(bad_v_.row())};
        if (fault)
            return fault;
    }
    return {};
}

// Of at most `count` rows; count becomes their number. On a fault, the row concerned is the next.
Fault Append::find_blocks(std::uint64_t first, std::uint64_t& count) {
    blocks_.clear();
    std::uint32_t sequence = 0;
    std::uint32_t index = ~0u;  // none has this many
    for (std::uint64_t i = 0; i < count; ++i) {
        if ((i % 256 == 255 && m_.poll(m_.self)) || m_.blocks.size() > kBatchPieces) {
            count = i;
            return {};
        }
        const isa::Row where = m_.row_table[first + i];
        const std::uint32_t block = where.position / isa::kKvPositions;
        Fault fault;
        if (!blocks_.has(where.position))
            fault = {SKALD_FAULT_VALUE, list_.address(first + i, offsetof(isa::Row, position))};
        else if (block == index && where.sequence == sequence)
            refs_[i] = refs_[i - 1];
        else
            fault = blocks_.find(where.sequence, block, Access::kWrite, refs_[i]);
        if (fault) {
            count = i;
            return fault;
        }
        sequence = where.sequence;
        index = block;
    }
    return {};
}

void Append::head(Worker& worker, std::uint32_t head, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t widest = std::max(dims_.k, dims_.v);
    const std::uint64_t together = std::max<std::uint64_t>(1, kElementsBetweenPolls / widest);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i % together == 0 && m_.poll(worker))
            return;
        if (!store_k(worker, head, first + i, refs_[i]))
            return bad_k_.report(first + i);
        if (!store_v(worker, head, first + i, refs_[i]))
            return bad_v_.report(first + i);
    }
}

// A head's key or value in 8 bits. False: not finite.
bool Append::quantise(const float* x, std::uint32_t n, std::int8_t* q, float& scale) const {
    float max = 0.0f;
    if (!m_.kernels.abs_max(x, n, max))
        return false;
    scale = max / 127.0f;
    m_.kernels.quant_by(x, compute::quant_inverse(max), n, q);
    return true;
}

// A key's elements to their lane of a tile.
template <class T>
void Append::spread(const BlockRef& block, std::uint64_t tile, std::uint64_t lane,
                    const T* key) const {
    if (block.base != nullptr) {
        T* to = reinterpret_cast<T*>(block.base + tile) + lane;
        for (std::uint32_t d = 0; d < dims_.k; ++d)
            to[std::size_t{d} * isa::kKvTile] = key[d];
    } else {
        for (std::uint32_t d = 0; d < dims_.k; ++d)
            blocks_.store(block, tile + (std::uint64_t{d} * isa::kKvTile + lane) * sizeof(T),
                          &key[d], sizeof(T));
    }
}

// False: not finite.
bool Append::store_k(Worker& worker, std::uint32_t head, std::uint64_t row, const BlockRef& block) {
    auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
    const float* x = k_.in(row, std::uint64_t{head} * dims_.k * 4, dims_.k, buffer.x);
    const std::uint64_t start = head * head_bytes_;
    const std::uint64_t tile =
        start + slot(row) / isa::kKvTile * isa::kKvTile * dims_.k * element_bytes();
    const std::uint64_t lane = slot(row) % isa::kKvTile;
    switch (format_) {
        case isa::KvFormat::I8: {
            float scale = 0.0f;
            if (!quantise(x, dims_.k, buffer.numbers, scale))
                return false;
            for (std::uint32_t d = 0; d < dims_.k; d += 4) {
                std::uint8_t four[4];
                for (unsigned i = 0; i < 4; ++i)
                    four[i] = static_cast<std::uint8_t>(buffer.numbers[d + i] + 128);
                blocks_.store(block, tile + d * isa::kKvTile + lane * 4, four, 4);
            }
            blocks_.store(block, start + k_scales() + slot(row) * 4, &scale, 4);
            break;
        }
        case isa::KvFormat::F16:
            if (!m_.kernels.to_half(x, buffer.half, dims_.k))
                return false;
            spread(block, tile, lane, buffer.half);
            break;
        case isa::KvFormat::F32:
            if (!finite(x, dims_.k))
                return false;
            spread(block, tile, lane, x);
            break;
    }
    return true;
}

// False: not finite.
bool Append::store_v(Worker& worker, std::uint32_t head, std::uint64_t row, const BlockRef& block) {
    auto& buffer = *reinterpret_cast<Buffers*>(worker.buffer());
    const float* x = v_.in(row, std::uint64_t{head} * dims_.v * 4, dims_.v, buffer.x);
    const std::uint64_t start = head * head_bytes_;
    const std::uint64_t at = start + values() + slot(row) * dims_.v * element_bytes();
    switch (format_) {
        case isa::KvFormat::I8: {
            float scale = 0.0f;
            if (!quantise(x, dims_.v, buffer.numbers, scale))
                return false;
            blocks_.store(block, at, buffer.numbers, dims_.v);
            blocks_.store(block, start + v_scales() + slot(row) * 4, &scale, 4);
            break;
        }
        case isa::KvFormat::F16:
            if (!m_.kernels.to_half(x, buffer.half, dims_.v))
                return false;
            blocks_.store(block, at, buffer.half, dims_.v * 2);
            break;
        case isa::KvFormat::F32:
            if (!finite(x, dims_.v))
                return false;
            blocks_.store(block, at, x, dims_.v * 4);
            break;
    }
    return true;
}

}  // namespace

Fault kv_append(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return Append(m, op).run(rows);
}

}  // namespace skald::card::ops
