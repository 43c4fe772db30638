// SPDX-License-Identifier: MIT
#include "chip/split_run.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "chip/capacity.hpp"
#include "container/container.hpp"
#include "libskald/batch.hpp"
#include "libskald/error.hpp"
#include "libskald/model.hpp"
#include "local/link_group.hpp"
#include "local/local_card.hpp"

namespace skald::chip {
namespace {

constexpr double kSecond = 1e12;  // ps

std::string rank_file(const std::string& model, std::uint32_t rank) {
    std::filesystem::path file = model;
    return file.replace_extension(fmt::format(".rank{}{}", rank, file.extension().string()))
        .string();
}

struct Shape {
    std::uint32_t tensor = 1, pipeline = 1;
};

// As the first file says, and as was asked for.
Shape shape_of(const Options& options) {
    const rt::Container first(rank_file(options.model, 0));
    const Shape shape{std::max(1u, first.model().tensor), std::max(1u, first.model().pipeline)};
    const std::string is = fmt::format("tensor={},pipeline={}", shape.tensor, shape.pipeline);
    const std::string other = fmt::format("pipeline={},tensor={}", shape.pipeline, shape.tensor);
    const bool short_form =
        (shape.pipeline == 1 && options.split == fmt::format("tensor={}", shape.tensor)) ||
        (shape.tensor == 1 && options.split == fmt::format("pipeline={}", shape.pipeline));
    if (options.split != is && options.split != other && !short_form)
        throw rt::Error(fmt::format("{} was compiled with --split {}, not {}",
                                    rank_file(options.model, 0), is, options.split),
                        EINVAL);
    return shape;
}

// Ends what all stages do when one cannot go on.
class Alarm {
  public:
    Alarm() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0)
            throw rt::Error("no eventfd for the stages", errno);
    }
    ~Alarm() { ::close(fd_); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void ring(std::exception_ptr why) {
        const std::scoped_lock guard(lock_);
        if (!why_)
            why_ = std::move(why);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
    }
    void rethrow() const {
        if (why_)
            std::rethrow_exception(why_);
    }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
    std::mutex lock_;
    std::exception_ptr why_;
};

// The chips of one stage: one card, in whose name the others are counted.
class Stage {
  public:
    Stage(const Options& options, const local::ChipFacts& chip, local::LinkGroup& links,
          std::uint32_t rank)
        : container_(rank_file(options.model, rank)) {
        if (container_.model().rank != rank)
            throw rt::Error(fmt::format("{} is of rank {}", rank_file(options.model, rank),
                                        container_.model().rank),
                            EINVAL);
        const std::uint64_t weights = container_.weights().size();
        const std::uint64_t cache = cache_bytes(container_.model(), options);
        check_capacity(chip, weights, cache);
        local::LocalOptions card;
        card.chip = options.chip;
        card.timing_only = true;
        card.threads = 1;
        card.log = &log_;
        card.links = &links.of(rank);
        card.memory_bytes = std::bit_ceil(2 * weights + 2 * cache + (1ull << 30));
        device_ = local::open_local_card(rt::linux_os(), card);
        model_ = std::make_unique<rt::Model>(
            *device_,
            rt::ModelImage{container_.model(), container_.program(), container_.weights(), {}});
        rt::BatchOptions batch;
        batch.positions.assign(options.batch, options.prompt + options.generated);
        batch.chunk = options.chunk;
        batch_ = std::make_unique<rt::Batch>(*model_, batch);
        for (std::uint32_t i = 0; i < options.prompt; ++i)
            prompt_.push_back(i % container_.model().vocabulary);
    }

    void take(std::uint32_t tokens, int cancel_fd) {
        for (std::uint32_t q = 0; q < batch_->size(); ++q)
            batch_->rollback(q, 0);
        std::vector<rt::SequenceRequest> requests(batch_->size());
        for (rt::SequenceRequest& request : requests) {
            request.prompt = prompt_;
            request.max_tokens = tokens;
        }
        log_.begin();
        for (const rt::GenerateResult& result : batch_->generate(requests, cancel_fd))
            if (result.tokens != tokens)
                throw rt::Error(
                    fmt::format("the card wrote {} tokens instead of {}", result.tokens, tokens));
    }
    [[nodiscard]] local::ModelLog::Sums sums() const { return log_.sums(); }
    [[nodiscard]] std::uint32_t chunk() const { return batch_->chunk(); }
    [[nodiscard]] const rt::Container& container() const { return container_; }

  private:
    rt::Container container_;
    local::ModelLog log_;
    std::unique_ptr<rt::Device> device_;
    std::unique_ptr<rt::Model> model_;
    std::unique_ptr<rt::Batch> batch_;
    std::vector<rt::TokenId> prompt_;
};

class Group {
  public:
    Group(const Options& options, const local::ChipFacts& chip, const Shape& shape)
        : shape_(shape), links_(shape.tensor * shape.pipeline) {
        for (std::uint32_t stage = 0; stage < shape.pipeline; ++stage)
            stages_.push_back(std::make_unique<Stage>(options, chip, links_, stage * shape.tensor));
    }

    [[nodiscard]] const Stage& front() const { return *stages_.front(); }

    // By stage.
    std::vector<local::ModelLog::Sums> take(std::uint32_t tokens) {
        Alarm alarm;
        std::vector<std::thread> threads;
        for (auto& stage : stages_)
            threads.emplace_back([&] {
                try {
                    stage->take(tokens, alarm.fd());
                } catch (...) {
                    alarm.ring(std::current_exception());
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        alarm.rethrow();
        std::vector<local::ModelLog::Sums> sums;
        for (const auto& stage : stages_)
            sums.push_back(stage->sums());
        return sums;
    }

    // Of the group: it takes as long as its last stage. Energy and bytes are those of all chips.
    // What a stage spends waiting for another is that one's; what is nobody's is the link's.
    [[nodiscard]] local::ModelLog::Sums together(
        const std::vector<local::ModelLog::Sums>& stages) const {
        local::ModelLog::Sums all;
        std::array<double, local::ModelLog::kBounds> work{};
        double sum = 0;
        for (const local::ModelLog::Sums& one : stages) {
            all.time = std::max(all.time, one.time);
            all.dram_bytes += one.dram_bytes * shape_.tensor;
            for (std::size_t part = 0; part < local::ModelLog::kParts; ++part)
                all.energy[part] += one.energy[part] * shape_.tensor;
            for (std::size_t bound = 0; bound < local::ModelLog::kBounds; ++bound)
                if (bound != kLink)
                    work[bound] += static_cast<double>(one.moved[bound]);
        }
        for (const double part : work)
            sum += part;
        const auto time = static_cast<double>(all.time);
        // Stages that work at the same time share it.
        const double scale = sum > time ? time / sum : 1;
        std::uint64_t left = all.time;
        for (std::size_t bound = 0; bound < local::ModelLog::kBounds; ++bound) {
            all.moved[bound] = std::min(left, static_cast<std::uint64_t>(work[bound] * scale));
            left -= all.moved[bound];
        }
        all.moved[kLink] = left;
        return all;
    }

    // Picoseconds that the busiest stage works for so many tokens.
    [[nodiscard]] static double busiest(const std::vector<local::ModelLog::Sums>& first,
                                        const std::vector<local::ModelLog::Sums>& whole) {
        double most = 0;
        for (std::size_t stage = 0; stage < first.size(); ++stage)
            most = std::max(most, worked(whole[stage]) - worked(first[stage]));
        return most;
    }

  private:
    static constexpr std::size_t kLink = local::ModelLog::kBounds - 1;  // of bounds, the last
    static double worked(const local::ModelLog::Sums& sums) {
        return static_cast<double>(sums.time - sums.moved[kLink]);
    }

    Shape shape_;
    local::LinkGroup links_;
    std::vector<std::unique_ptr<Stage>> stages_;
};

}  // namespace

Outcome run_split(const Options& options, const local::ChipFacts& chip) {
    if (options.with_data || !options.trace.empty())
        throw rt::Error("of a model that is split there are only times: no --with-data, no --trace",
                        EINVAL);
    if (!chip.figure("link_gbs").value)
        throw rt::Error(
            fmt::format("chip {} cannot be run with others, its profile lacks link_gbs", chip.name),
            EINVAL);
    const Shape shape = shape_of(options);
    Group group(options, chip, shape);
    const auto first = group.take(1);
    const auto whole = options.generated > 1 ? group.take(options.generated) : first;

    Outcome outcome;
    outcome.chip = options.chip;
    outcome.model = group.front().container().name();
    outcome.prompt = options.prompt;
    outcome.generated = options.generated;
    outcome.batch = options.batch;
    outcome.chunk = group.front().chunk();
    outcome.tensor = shape.tensor;
    outcome.pipeline = shape.pipeline;
    outcome.first = group.together(first);
    outcome.whole = group.together(whole);
    if (options.generated > 1)
        outcome.stage_s = Group::busiest(first, whole) / kSecond / (options.generated - 1);
    const double watts = chip.figure("static_w").value.value_or(0) * shape.tensor * shape.pipeline;
    outcome.first_static_j = watts * static_cast<double>(outcome.first.time) / kSecond;
    outcome.whole_static_j = watts * static_cast<double>(outcome.whole.time) / kSecond;
    outcome.unknown_energy = chip.unknown_energy;
    outcome.boundary = chip.figure("boundary").text;
    return outcome;
}

}  // namespace skald::chip
