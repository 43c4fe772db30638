// SPDX-License-Identifier: MIT
#include "calibrate/input_sums.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace skald::compiler {

InputSums::Sum& InputSums::Sum::operator+=(const Sum& other) {
    rows += other.rows;
    for (std::size_t i = 0; i < squares.size(); ++i)
        squares[i] += other.squares[i];
    return *this;
}

std::vector<float> InputSums::Sum::mean() const {
    std::vector<float> out;
    for (const double sum : squares)
        out.push_back(static_cast<float>(sum / static_cast<double>(rows)));
    return out;
}

void InputSums::add(const interpret::Product& p) {
    Sum& sum = sums_[{p.input, p.round, p.expert}];
    if (std::find(sum.matrices.begin(), sum.matrices.end(), p.matrix) == sum.matrices.end())
        sum.matrices.push_back(p.matrix);
    if (sum.matrices.front() != p.matrix)
        return;
    sum.squares.resize(p.x.width());
    sum.rows += p.x.count();
    for (std::size_t t = 0; t < p.x.count(); ++t)
        for (std::size_t i = 0; i < p.x.width(); ++i)
            sum.squares[i] += double{p.x[t][i]} * p.x[t][i];
}

void InputSums::check(const Input& input, const Sum& sum) const {
    for (const double square : sum.squares)
        if (!std::isfinite(square)) {
            const ir::Constant& c = graph_.constants[sum.matrices.front()];
            fail("calibration: the model computes numbers that are not finite, in {}",
                 c.layers.count == 0
                     ? "what the " + c.name + " is multiplied with"
                     : fmt::format("layer {}", c.layers.at(std::get<kRound>(input))));
        }
}

// A matrix that layers share is multiplied with several inputs.
Calibration::Means InputSums::means() const {
    std::unordered_map<std::string, std::vector<const Sum*>> by_key;
    for (const auto& [input, sum] : sums_) {
        check(input, sum);
        for (const ir::ConstantId matrix : sum.matrices) {
            const ir::Constant& c = graph_.constants[matrix];
            const std::uint32_t expert = std::get<kExpert>(input);
            for (const Expr& e :
                 graph_.expressions(c, c.layers.count == 0 ? 0 : std::get<kRound>(input),
                                    expert == ir::kNone ? 0 : expert))
                by_key[e->key()].push_back(&sum);
        }
    }
    std::map<std::vector<const Sum*>, std::shared_ptr<const std::vector<float>>> made;
    Calibration::Means means;
    for (const auto& [key, sums] : by_key) {
        auto& mean = made[sums];
        if (!mean) {
            Sum all = *sums.front();
            for (std::size_t i = 1; i < sums.size(); ++i)
                all += *sums[i];
            mean = std::make_shared<const std::vector<float>>(all.mean());
        }
        means.emplace(key, mean);
    }
    return means;
}

}  // namespace skald::compiler
