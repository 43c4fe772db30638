// SPDX-License-Identifier: MIT
#include "chip/stages.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>
#include <utility>

#include "libskald/error.hpp"
#include "local/alarm.hpp"
#include "local/link_group.hpp"

namespace skald::chip {
namespace {

using Sums = local::ModelLog::Sums;

constexpr std::size_t kLink = local::ModelLog::kBounds - 1;  // of bounds, the last

std::uint64_t worked(const Sums& sums) {
    return sums.time - sums.waited;
}

}  // namespace

Sums StageSums::together() const {
    Sums all;
    std::array<double, local::ModelLog::kBounds> work{};
    double sum = 0;
    for (const Sums& one : stages) {
        all.time = std::max(all.time, one.time);
        all.dram_bytes += one.dram_bytes * tensor;
        for (std::size_t part = 0; part < local::ModelLog::kParts; ++part)
            all.energy[part] += one.energy[part] * tensor;
        for (std::size_t bound = 0; bound < kLink; ++bound)
            work[bound] += static_cast<double>(one.moved[bound]);
        sum += static_cast<double>(worked(one));
    }
    // Stages that work at the same time share it.
    const auto time = static_cast<double>(all.time);
    const double scale = sum > time ? time / sum : 1;
    std::uint64_t left = all.time;
    for (std::size_t bound = 0; bound < kLink; ++bound) {
        all.moved[bound] = std::min(left, static_cast<std::uint64_t>(work[bound] * scale));
        left -= all.moved[bound];
    }
    all.moved[kLink] = left;
    return all;
}

StageSums StageSums::beyond(const StageSums& part) const {
    // A wait may have moved from one account to another between the two.
    const auto more = [](std::uint64_t all, std::uint64_t of_it) {
        return all - std::min(all, of_it);
    };
    StageSums rest = *this;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        Sums& sums = rest.stages[i];
        const Sums& before = part.stages[i];
        for (std::size_t bound = 0; bound < local::ModelLog::kBounds; ++bound)
            sums.moved[bound] = more(sums.moved[bound], before.moved[bound]);
        for (std::size_t p = 0; p < local::ModelLog::kParts; ++p)
            sums.energy[p] = more(sums.energy[p], before.energy[p]);
        sums.time = more(sums.time, before.time);
        sums.waited = more(sums.waited, before.waited);
        sums.dram_bytes = more(sums.dram_bytes, before.dram_bytes);
    }
    return rest;
}

std::uint64_t StageSums::busiest() const {
    return busiest({tensor, std::vector<Sums>(stages.size())});
}

std::uint64_t StageSums::busiest(const StageSums& before) const {
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < stages.size(); ++i)
        most = std::max(most, worked(stages[i]) - worked(before.stages[i]));
    return most;
}

Stages::Stages(std::span<const TimedModel> models, const Group& group, const Setting& setting)
    : tensor_(group.tensor) {
    if (group.chips() > 1 && setting.with_data)
        throw rt::Error("of a model that is split among chips there are only times", EINVAL);
    if (models.size() > 1)
        links_ = std::make_unique<local::LinkGroup>(group.chips());
    for (std::uint32_t stage = 0; stage < models.size(); ++stage) {
        Setting own = setting;
        if (stage + 1 != models.size())
            own.on_tokens = nullptr;
        stages_.push_back(std::make_unique<Stage>(models[stage], own,
                                                  links_ ? &links_->of(stage * tensor_) : nullptr));
    }
}

Stages::~Stages() = default;

template <class F>
void Stages::each(F&& f) {
    if (stages_.size() == 1)
        return f(*stages_.front(), std::size_t{0}, -1);
    local::Alarm alarm;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < stages_.size(); ++i)
        threads.emplace_back([&, i] {
            try {
                f(*stages_[i], i, alarm.fd());
            } catch (...) {
                alarm.ring(std::current_exception());
            }
        });
    for (std::jthread& thread : threads)
        thread.join();
    alarm.rethrow();
}

template <class F>
StageSums Stages::sums_of_each(F&& f) {
    StageSums sums{tensor_, std::vector<Sums>(stages_.size())};
    each([&](Stage& stage, std::size_t i, int cancel_fd) { sums.stages[i] = f(stage, cancel_fd); });
    return sums;
}

StageSums Stages::request(std::uint32_t prompt, std::uint32_t tokens) {
    return sums_of_each(
        [&](Stage& stage, int cancel_fd) { return stage.request(prompt, tokens, cancel_fd); });
}

void Stages::advance(std::uint32_t position) {
    each([&](Stage& stage, std::size_t, int cancel_fd) { stage.advance(position, cancel_fd); });
}

StageSums Stages::tokens(std::uint32_t count) {
    return sums_of_each(
        [&](Stage& stage, int cancel_fd) { return stage.tokens(count, cancel_fd); });
}

}  // namespace skald::chip
