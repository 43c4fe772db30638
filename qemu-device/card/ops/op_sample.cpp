// SPDX-License-Identifier: MIT
// SAMPLE: penalty, temperature, top-k, top-p, min-p, one draw. Rows run one after another: a row
// may read the history that the one before has written.
#include <algorithm>
#include <cmath>
#include <vector>

#include "card/compute/philox.hpp"
#include "card/ops/logits.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kPiece;

struct Candidate {
    float z;
    std::uint32_t id;
};

bool better(const Candidate& a, const Candidate& b) {
    return a.z > b.z || (a.z == b.z && a.id < b.id);
}

bool valid(float parameter) {
    return parameter >= 0.0f && parameter <= std::numeric_limits<float>::max();
}

class Sampler {
  public:
    Sampler(Machine& m, const isa::MicroOp& op) : m_(m), n_(op.dim[0]), positions_(op.dim[1]) {}

    Fault run(std::uint64_t rows);

  private:
    Fault row(std::uint64_t t, std::uint32_t& token);
    Fault penalise(float penalty, std::uint32_t sequence, std::uint32_t first, std::uint32_t last);
    Fault mark_history(std::uint64_t va, std::uint64_t count);
    [[nodiscard]] std::uint32_t draw_from_all(float u);
    [[nodiscard]] std::uint32_t draw_from_best(float u, const isa::Sequence& s);
    void select(std::uint32_t count);
    [[nodiscard]] static float uniform(const isa::Sequence& s, std::uint32_t position);

    Machine& m_;
    std::uint32_t n_;
    std::uint32_t positions_;
    const View& logits_ = m_.operand[0];
    const View& sequences_ = m_.operand[1];
    const View& tokens_ = m_.operand[2];
    const View& list_ = m_.operand[3];
    const View& history_ = m_.operand[4];
    float* z_ = nullptr;
    float* w_ = nullptr;
    float max_ = 0;
    std::pmr::vector<Candidate> best_{&m_.memory};
    std::pmr::vector<std::uint64_t> seen_{&m_.memory};  // one bit per token of the vocabulary
};

Fault Sampler::run(std::uint64_t rows) {
    m_.read_rows(3, rows);
    for (std::uint64_t t = 0; t < rows; ++t) {
        if (m_.poll(m_.self))
            return {};
        const isa::Row& where = m_.row_table[t];
        if (where.position >= positions_)
            return {SKALD_FAULT_VALUE, list_.address(t, offsetof(isa::Row, position))};
        std::uint32_t token = 0;
        const Fault fault = row(t, token);
        if (m_.stopped())
            return {};
        if (fault)
            return fault;
        tokens_.set(t, 0, token);
        const std::uint64_t slot = history_.address(where.sequence, where.position * 4ull);
        if (const Fault f = m_.space.write(slot, &token, sizeof(token)))
            return f;
    }
    return {};
}

Fault Sampler::row(std::uint64_t t, std::uint32_t& token) {
    const isa::Row& where = m_.row_table[t];
    const std::uint64_t va = sequences_.address(where.sequence);
    isa::Sequence s;
    if (const Fault f = m_.space.read(va, &s, sizeof(s)))
        return f;
    if (!valid(s.temperature) || !valid(s.top_p) || !valid(s.min_p) || !valid(s.repeat_penalty))
        return {SKALD_FAULT_VALUE, va};
    const Fault nonfinite{SKALD_FAULT_NONFINITE, logits_.address(t)};
    const LogitRow line(m_, m_.self, logits_, t, n_);
    const bool penalty = s.repeat_penalty != 1.0f && s.repeat_last_n != 0 && where.position != 0;
    if (s.temperature == 0.0f && !penalty) {
        if (!line.max(max_))
            return nonfinite;
        token = line.first_of(max_);
        return {};
    }
    z_ = reinterpret_cast<float*>(m_.arena[0].get(n_ * 4ull));
    line.each([&](const float* x, std::uint32_t first, std::uint32_t length) {
        std::memcpy(z_ + first, x, length * 4ull);
        return true;
    });
    if (penalty) {
        const std::uint32_t first = where.position - std::min(where.position, s.repeat_last_n);
        if (const Fault f = penalise(s.repeat_penalty, where.sequence, first, where.position))
            return f;
    }
    View own;
    own.base = reinterpret_cast<std::byte*>(z_);
    const LogitRow z(m_, m_.self, own, 0, n_);
    if (s.temperature != 0.0f)
        z.each([&](const float* x, std::uint32_t first, std::uint32_t length) {
            m_.kernels.divide(x, s.temperature, z_ + first, length);
            return true;
        });
    if (!z.max(max_))
        return nonfinite;
    if (s.temperature == 0.0f) {
        token = z.first_of(max_);
        return {};
    }
    if (max_ == -std::numeric_limits<float>::infinity())
        return nonfinite;
    const float u = uniform(s, where.position);
    const bool all = s.top_k == 0 && s.top_p >= 1.0f && s.min_p == 0.0f;
    token = all ? draw_from_all(u) : draw_from_best(u, s);
    return {};
}

Fault Sampler::penalise(float penalty, std::uint32_t sequence, std::uint32_t first,
                        std::uint32_t last) {
    seen_.assign(isa::ceil_div(n_, 64), 0);
    const std::uint64_t va = history_.address(sequence, first * 4ull);
    if (const Fault f = mark_history(va, last - first))
        return f;
    for (std::size_t word = 0; word < seen_.size(); ++word) {
        if (word % (kPiece / 64) == kPiece / 64 - 1 && m_.poll(m_.self))
            return {};
        for (std::uint64_t bits = seen_[word]; bits != 0; bits &= bits - 1) {
            float& z = z_[word * 64 + static_cast<unsigned>(std::countr_zero(bits))];
            z = z > 0.0f ? z / penalty : z * penalty;
        }
    }
    return {};
}

Fault Sampler::mark_history(std::uint64_t va, std::uint64_t count) {
    auto* piece = reinterpret_cast<std::uint32_t*>(m_.self.buffer());
    for (std::uint64_t done = 0; done < count; done += kPiece) {
        if (done != 0 && m_.poll(m_.self))
            return {};
        const std::uint64_t n = std::min<std::uint64_t>(kPiece, count - done);
        if (const Fault f = m_.space.read(va + done * 4, piece, n * 4))
            return f;
        for (std::uint64_t i = 0; i < n; ++i) {
            if (piece[i] >= n_)
                return {SKALD_FAULT_VALUE, va + (done + i) * 4};
            seen_[piece[i] / 64] |= 1ull << piece[i] % 64;
        }
    }
    return {};
}

float Sampler::uniform(const isa::Sequence& s, std::uint32_t position) {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto random = compute::philox({position, 0, low(s.request), high(s.request)},
                                        {low(s.seed), high(s.seed)});
    return static_cast<float>(random[0] >> 8) * 0x1p-24f;
}

std::uint32_t Sampler::draw_from_all(float u) {
    w_ = reinterpret_cast<float*>(m_.arena[1].get(n_ * 4ull));
    alignas(64) float lanes[16] = {};
    float total = 0.0f;
    for (std::uint32_t first = 0; first < n_; first += kPiece) {
        if (m_.poll(m_.self))
            return 0;
        const std::uint32_t length = std::min(kPiece, n_ - first);
        m_.kernels.exp_sum(z_ + first, max_, w_ + first, length, lanes);
        for (std::uint32_t i = 0; i < length; ++i)
            total += w_[first + i];
    }
    const float goal = u * total;
    float running = 0.0f;
    for (std::uint32_t id = 0; id < n_; ++id) {
        if (id % kPiece == kPiece - 1 && m_.poll(m_.self))
            return 0;
        running += w_[id];
        if (running > goal)
            return id;
    }
    return n_ - 1;
}

// The best `count` in order into best_.
void Sampler::select(std::uint32_t count) {
    best_.clear();
    for (std::uint32_t id = 0; id < count; ++id)
        best_.push_back({z_[id], id});
    // Of equal ones the earlier is better, so later ones must exceed the worst kept.
    const auto worst = [&] { return std::max_element(best_.begin(), best_.end(), better)->z; };
    float limit = worst();
    for (std::uint32_t base = 0; base < n_; base += kPiece) {
        if (m_.poll(m_.self))
            return;
        const std::uint32_t end = std::min(n_ - base, kPiece) + base;
        for (std::uint32_t id = std::max(base, count); id < end; ++id) {
            id = m_.kernels.find_above(z_, limit, id, end);
            if (id >= end)
                break;
            best_.push_back({z_[id], id});
            if (best_.size() >= count * 2ull) {
                std::nth_element(best_.begin(), best_.begin() + (count - 1), best_.end(), better);
                best_.resize(count);
                limit = best_[count - 1].z;
            }
        }
    }
    std::sort(best_.begin(), best_.end(), better);
    best_.resize(count);
}

std::uint32_t Sampler::draw_from_best(float u, const isa::Sequence& s) {
    std::uint32_t count = std::min(n_, isa::kSampleBest);
    if (s.top_k != 0)
        count = std::min(count, s.top_k);
    select(count);
    if (m_.stopped())
        return 0;
    float z[isa::kSampleBest];
    float w[isa::kSampleBest];
    for (std::uint32_t i = 0; i < count; ++i)
        z[i] = best_[i].z;
    alignas(64) float lanes[16] = {};
    m_.kernels.exp_sum(z, max_, w, count, lanes);

    std::uint32_t kept = count;
    if (s.top_p < 1.0f) {
        View own;
        own.base = reinterpret_cast<std::byte*>(z_);
        const float goal = s.top_p * LogitRow(m_, m_.self, own, 0, n_).exp_sum(max_);
        float running = w[0];
        kept = 1;
        while (kept < count && running < goal)
            running += w[kept++];
    }
    std::uint32_t enough = 1;
    while (enough < kept && w[enough] >= s.min_p * w[0])
        ++enough;
    kept = enough;

    float total = 0.0f;
    for (std::uint32_t i = 0; i < kept; ++i)
        total += w[i];
    const float goal = u * total;
    float running = 0.0f;
    for (std::uint32_t i = 0; i < kept; ++i) {
        running += w[i];
        if (running > goal)
            return best_[i].id;
    }
    return best_[kept - 1].id;
}

}  // namespace

Fault sample(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return Sampler(m, op).run(rows);
}

}  // namespace skald::card::ops
