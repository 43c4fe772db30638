// SPDX-License-Identifier: MIT
// ROUTE: which experts a row goes to and with what weights, then the rows of each expert.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "card/compute/math.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::canonical;

constexpr std::uint32_t kMost = isa::kMaxExperts;
constexpr std::uint32_t kMostChosen = isa::kMaxChosen;
constexpr std::uint64_t kRowsBetweenPolls = 128;

// Of all experts, or of their groups, by number.
using Values = std::array<float, kMost>;

struct Buffers {
    Values logit, score, choice, group;
    std::array<std::uint64_t, kMost> key;
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

// Sorts descending by value, then ascending by number; no value is NaN, -0 equals +0.
std::uint64_t key_of(float value, std::uint32_t number) {
    const auto bits = std::bit_cast<std::uint32_t>(value + 0.0f);
    const std::uint32_t order = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
    return std::uint64_t{order} << 32 | (0xffffffffu - number);
}
std::uint32_t number_of(std::uint64_t key) {
    return 0xffffffffu - static_cast<std::uint32_t>(key);
}

class Router {
  public:
    Router(Machine& m, const isa::MicroOp& op, std::uint64_t rows)
        : m_(m),
          score_(static_cast<isa::Score>(op.aux)),
          flags_(op.flags),
          rows_(rows),
          experts_(op.dim[0]),
          chosen_(op.dim[1]),
          groups_(op.dim[2] & 0xffff),
          groups_kept_(op.dim[2] >> 16),
          scale_(isa::imm_f32(op, 0)),
          eps_(isa::imm_f32(op, 1)),
          logits_(m.operand[0]),
          expert_of_(reinterpret_cast<std::uint32_t*>(m.arena[0].get(rows * chosen_ * 4))),
          weight_of_(reinterpret_cast<float*>(m.arena[1].get(rows * chosen_ * 4))) {}

    Fault run();

  private:
    [[nodiscard]] bool has(std::uint8_t flag) const { return (flags_ & flag) != 0; }
    [[nodiscard]] Fault read_bias();
    bool choose(Worker& worker, std::uint64_t row);
    void score(const Values& logit, Values& score) const;
    void softmax(const float* x, std::uint32_t n, float* y) const;
    void mask(Buffers& buffer) const;
    [[nodiscard]] float group_score(const float* choice, std::uint32_t n) const;
    static void best(const Values& value, std::uint32_t n, std::uint32_t count, Buffers& buffer);
    void weigh(const Buffers& buffer, float* weight) const;
    void write_lists();

    Machine& m_;
    isa::Score score_;
    std::uint8_t flags_;
    std::uint64_t rows_;
    std::uint32_t experts_, chosen_, groups_, groups_kept_;
    float scale_, eps_;
    const View& logits_;
    Values bias_{};
    // [row][chosen_], experts ascending.
    std::uint32_t* expert_of_;
    float* weight_of_;
};

Fault Router::run() {
    if (has(isa::kFlagBias))
        if (const Fault fault = read_bias())
            return fault;
    FirstBad bad;
    m_.parallel(rows_, experts_ * 2, [&](Worker& worker, std::uint64_t row) {
        if (!choose(worker, row))
            bad.report(row);
    });
    if (bad.any())
        return {SKALD_FAULT_NONFINITE, logits_.address(bad.row())};
    if (!m_.stopped())
        write_lists();
    return {};
}

Fault Router::read_bias() {
    const View& bias = m_.operand[1];
    for (std::uint32_t e = 0; e < experts_; ++e) {
        bias_[e] = bias.get<float>(0, e * 4ull);
        if (!std::isfinite(bias_[e]))
            return {SKALD_FAULT_NONFINITE, bias.address(0, e * 4ull)};
    }
    return {};
}

// False: a logit is not finite, or has no finite choice with its bias.
bool Router::choose(Worker& worker, std::uint64_t row) {
    Buffers& buffer = buffers(worker);
    const float* logits = logits_.in(row, 0, experts_, buffer.score.data());
    std::memcpy(buffer.logit.data(), logits, experts_ * sizeof(float));
    bool finite = true;
    for (std::uint32_t e = 0; e < experts_; ++e)
        finite &= std::isfinite(buffer.logit[e]);
    if (!finite)
        return false;
    score(buffer.logit, buffer.score);
    for (std::uint32_t e = 0; e < experts_; ++e) {
        buffer.choice[e] = has(isa::kFlagBias) ? buffer.score[e] + bias_[e] : buffer.score[e];
        finite &= std::isfinite(buffer.choice[e]);
    }
    if (!finite)
        return false;
    if (groups_ != 0)
        mask(buffer);
    best(buffer.choice, experts_, chosen_, buffer);
    std::array<float, kMostChosen> weight;
    weigh(buffer, weight.data());

    // By expert; ids differ, so the weights need no order.
    std::array<std::pair<std::uint32_t, float>, kMostChosen> pairs;
    for (std::uint32_t j = 0; j < chosen_; ++j)
        pairs[j] = {number_of(buffer.key[j]), weight[j]};
    std::sort(pairs.begin(), pairs.begin() + chosen_,
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::uint32_t j = 0; j < chosen_; ++j) {
        expert_of_[row * chosen_ + j] = pairs[j].first;
        weight_of_[row * chosen_ + j] = pairs[j].second;
    }
    return true;
}

void Router::score(const Values& logit, Values& score) const {
    if (score_ == isa::Score::Softmax)
        return softmax(logit.data(), experts_, score.data());
    if (score_ == isa::Score::SoftmaxChosen) {
        std::copy_n(logit.begin(), experts_, score.begin());
        return;
    }
    alignas(64) float unused[16] = {};
    for (std::uint32_t e = 0; e < experts_; ++e)
        score[e] = -logit[e];
    m_.kernels.exp_sum(score.data(), 0.0f, score.data(), experts_, unused);
    for (std::uint32_t e = 0; e < experts_; ++e)
        score[e] = 1.0f / (1.0f + score[e]);
}

void Router::softmax(const float* x, std::uint32_t n, float* y) const {
    alignas(64) float lanes[16];
    std::fill_n(lanes, 16, -std::numeric_limits<float>::infinity());
    (void)m_.kernels.row_max(x, n, lanes);
    const float max = compute::tree_max(lanes);
    std::fill_n(lanes, 16, 0.0f);
    m_.kernels.exp_sum(x, max, y, n, lanes);
    m_.kernels.divide(y, compute::tree_sum(lanes), y, n);
}

// Experts of groups that are not kept.
void Router::mask(Buffers& buffer) const {
    const std::uint32_t size = experts_ / groups_;
    for (std::uint32_t g = 0; g < groups_; ++g)
        buffer.group[g] = group_score(&buffer.choice[g * size], size);
    best(buffer.group, groups_, groups_kept_, buffer);
    std::array<bool, kMost> keep{};
    for (std::uint32_t i = 0; i < groups_kept_; ++i)
        keep[number_of(buffer.key[i])] = true;
    const float out = has(isa::kFlagMaskOut) ? -std::numeric_limits<float>::infinity() : 0.0f;
    for (std::uint32_t e = 0; e < experts_; ++e)
        if (!keep[e / size])
            buffer.choice[e] = out;
}

float Router::group_score(const float* choice, std::uint32_t n) const {
    float first = -std::numeric_limits<float>::infinity();
    float second = first;
    for (std::uint32_t i = 0; i < n; ++i) {
        second = std::max(second, std::min(first, choice[i]));
        first = std::max(first, choice[i]);
    }
    return has(isa::kFlagGroupSum2) ? first + second : first;
}

// The keys of the `count` largest of n, the largest first.
void Router::best(const Values& value, std::uint32_t n, std::uint32_t count, Buffers& buffer) {
    for (std::uint32_t i = 0; i < n; ++i)
        buffer.key[i] = key_of(value[i], i);
    const auto keys = buffer.key.begin();
    std::partial_sort(keys, keys + count, keys + n, std::greater<>());
}

// Of the experts chosen, in that order.
void Router::weigh(const Buffers& buffer, float* weight) const {
    for (std::uint32_t j = 0; j < chosen_; ++j)
        weight[j] = buffer.score[number_of(buffer.key[j])];
    if (score_ == isa::Score::SoftmaxChosen)
        softmax(weight, chosen_, weight);
    if (has(isa::kFlagRenorm)) {
        float sum = 0.0f;
        for (std::uint32_t j = 0; j < chosen_; ++j)
            sum = sum + weight[j];
        for (std::uint32_t j = 0; j < chosen_; ++j)
            weight[j] = weight[j] / (sum + eps_);
    }
    for (std::uint32_t j = 0; j < chosen_; ++j)
        weight[j] = canonical(weight[j] * scale_);
}

// What each expert has, by row: places follow from how many those below it have.
void Router::write_lists() {
    const View& offsets = m_.operand[2];
    const View& list = m_.operand[3];
    const View& weights = m_.operand[4];
    const View& slots = m_.operand[5];
    std::array<std::uint32_t, kMost + 1> next{};
    for (std::uint64_t row = 0; row < rows_; ++row) {
        if (row % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m_.poll(m_.self))
            return;
        for (std::uint32_t j = 0; j < chosen_; ++j)
            ++next[expert_of_[row * chosen_ + j] + 1];
    }
    for (std::uint32_t e = 0; e < experts_; ++e)
        next[e + 1] += next[e];
    for (std::uint32_t e = 0; e <= experts_; ++e)
        offsets.set(0, e * 4ull, next[e]);
    for (std::uint64_t row = 0; row < rows_; ++row) {
        if (row % kRowsBetweenPolls == kRowsBetweenPolls - 1 && m_.poll(m_.self))
            return;
        for (std::uint32_t j = 0; j < chosen_; ++j) {
            const std::uint64_t i = row * chosen_ + j;
            const std::uint32_t place = next[expert_of_[i]]++;
            list.set(0, place * 4ull, static_cast<std::uint32_t>(row));
            weights.set(0, place * 4ull, weight_of_[i]);
            slots.set(0, i * 4, place);
        }
    }
}

}  // namespace

Fault route(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return Router(m, op, rows).run();
}

}  // namespace skald::card::ops
