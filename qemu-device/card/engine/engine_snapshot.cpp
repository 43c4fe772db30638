// SPDX-License-Identifier: MIT
// What a snapshot holds of an engine. Translations are not in it, nor anything else that follows
// from card memory.
#include <algorithm>
#include <new>
#include <utility>

#include "card/engine/engine.hpp"

namespace skald::card {
namespace {

constexpr std::uint32_t kRequests =
    Attention::kCancel | Attention::kPreempt | Attention::kInvalidate;

void save(snapshot::Writer& to, const JobState& job) {
    to.put(job.desc.program);
    to.put(job.desc.program_ops);
    to.put(job.desc.args);
    to.put(job.desc.profile);
    to.put(job.desc.time_budget_ns);
    to.put(job.desc.loop_budget);
    to.put(job.reg);
    to.put(job.pc);
    to.put(job.micro_ops);
    to.put(job.cost);
    to.put(job.loops);
    to.put(job.run_ns);
    to.put(job.gather_sent);
    to.put(job.gather_parts);
    to.put(job.unfinished);
    to.put(job.left);
}

JobState load_job(snapshot::Reader& from, std::uint32_t queue) {
    JobState job;
    job.desc.queue = queue;
    job.desc.program = from.get<VirtAddr>();
    job.desc.program_ops = from.get<std::uint32_t>();
    job.desc.args = from.get<VirtAddr>();
    job.desc.profile = from.get<VirtAddr>();
    job.desc.time_budget_ns = from.get<std::uint64_t>();
    job.desc.loop_budget = from.get<std::uint64_t>();
    job.reg = from.get<decltype(job.reg)>();
    job.pc = from.get<std::uint32_t>();
    job.micro_ops = from.get<std::uint64_t>();
    job.cost = from.get<Cost>();
    job.loops = from.get<std::uint64_t>();
    job.run_ns = from.get<std::uint64_t>();
    job.gather_sent = from.get_bool();
    job.gather_parts = from.get<std::uint32_t>();
    job.unfinished = from.get<Unfinished>();
    job.left = from.get<std::uint64_t>();
    if (job.desc.program_ops > SKALD_PROGRAM_OPS_MAX || job.reg[isa::kRegZero] != 0)
        from.refuse("a job has a field out of range");
    return job;
}

// The modelled chip by its name, which is all zeros if there is none.
using ChipName = std::array<char, 64>;
ChipName chip_name(const model::Chip* chip) {
    ChipName name{};
    if (chip != nullptr)
        chip->profile.name().copy(name.data(), name.size() - 1);
    return name;
}

void put_chip(snapshot::Writer& to, const model::Chip* chip) {
    to.put(chip_name(chip));
}

void check_chip(snapshot::Reader& from, const model::Chip* chip) {
    const auto name = from.get<ChipName>();
    if (name == chip_name(chip))
        return;
    const auto text = [](const ChipName& of) {
        return of[0] == 0 ? std::string("no chip") : "the chip " + std::string(of.data());
    };
    if (name.back() != 0)
        from.refuse("its chip's name does not end");
    throw snapshot::Error("the snapshot is of a card that models " + text(name) +
                          ", this one has " + text(chip_name(chip)));
}

void save(snapshot::Writer& to, const ProgressState& progress) {
    to.put(progress.count);
    to.put(progress.pending);
    to.put(progress.last_raise_ns);
    to.put(progress.raised);
}

ProgressState load_progress(snapshot::Reader& from) {
    ProgressState progress;
    progress.count = from.get<std::uint64_t>();
    progress.pending = from.get<std::uint32_t>();
    progress.last_raise_ns = from.get<std::uint64_t>();
    progress.raised = from.get_bool();
    return progress;
}

// Most of it was never touched, or is zero: page by page, those without content are left out.
void save_scratch(snapshot::Writer& to, std::span<const std::byte> scratch) {
    for (; !scratch.empty(); scratch = scratch.subspan(SKALD_PAGE_SIZE)) {
        const auto page = scratch.first(SKALD_PAGE_SIZE);
        const bool content =
            std::ranges::any_of(page, [](std::byte byte) { return byte != std::byte{0}; });
        to.put(content);
        if (content)
            to.put_bytes(page);
    }
}

void load_scratch(snapshot::Reader& from, std::span<std::byte> scratch) {
    for (; !scratch.empty(); scratch = scratch.subspan(SKALD_PAGE_SIZE))
        if (from.get_bool())
            std::ranges::copy(from.get_bytes(SKALD_PAGE_SIZE), scratch.begin());
}

std::unique_ptr<Queue> load_queue(snapshot::Reader& from, std::uint32_t id, const QueueHw& hw,
                                  Budget& memory, const model::Chip* chip) {
    try {
        auto queue = std::make_unique<Queue>(hw, memory);
        queue->job = load_job(from, id);
        queue->progress = load_progress(from);
        queue->run_goes_on = from.get_bool();
        if (from.get_bool()) {
            if (chip == nullptr)
                from.refuse("it models a chip, and this card none");
            queue->timeline = std::make_unique<model::Timeline>(chip->rates);
            queue->timeline->load(from);
        }
        load_scratch(from, queue->scratch.bytes());
        return queue;
    } catch (const std::bad_alloc&) {
        throw snapshot::Error(
            "the snapshot is of a card with more scratch than this one's host "
            "memory is for");
    }
}

}  // namespace

void Engine::save(snapshot::Writer& to) {
    const std::lock_guard lock(mutex_);
    const bool in_run = running_ && command_ == Command::kNone;
    to.section("engine", 5);
    to.put(isa::kVersion);
    put_chip(to, env_.options.chip.get());
    to.put(progress_.load());
    to.put(retired_.load());
    to.put(sequencer_.telemetry());
    to.put(in_run ? Command::kGoOn : command_.load());
    to.put(queue_);
    to.put(running_ ? attention_.bits.load() & kRequests : 0);
    to.put(invalidations_);
    to.put(began_ns_);
    for (const Context& context : contexts_)
        to.put(context.root.load());
    for (const auto& queue : queues_) {
        if (queue == nullptr)
            continue;
        skald::card::save(to, queue->job);
        skald::card::save(to, queue->progress);
        to.put(queue->run_goes_on);
        to.put(queue->timeline != nullptr);
        if (queue->timeline)
            queue->timeline->save(to);
        save_scratch(to, queue->scratch.bytes());
    }
}

snapshot::Apply Engine::load(snapshot::Reader& from, const EngineSetup& setup) {
    from.section("engine", 5);
    if (const auto version = from.get<std::uint32_t>(); version != isa::kVersion)
        throw snapshot::Error(
            "the snapshot is of a card with ISA " + std::to_string(version >> 16) + "." +
            std::to_string(version & 0xffff) + ", this one has " +
            std::to_string(isa::kVersion >> 16) + "." + std::to_string(isa::kVersion & 0xffff));
    check_chip(from, env_.options.chip.get());
    struct Image {
        std::uint64_t progress, retired;
        model::Telemetry telemetry;
        Command command;
        std::uint32_t queue, bits, invalidations;
        std::uint64_t began_ns;
        std::array<std::uint64_t, SKALD_MAX_CONTEXTS> roots;
        std::array<std::unique_ptr<Queue>, SKALD_MAX_QUEUES> queues;
        std::array<std::unique_ptr<Tlb>, SKALD_MAX_CONTEXTS> tlbs;
    };
    const auto image = std::make_shared<Image>();
    image->progress = from.get<std::uint64_t>();
    image->retired = from.get<std::uint64_t>();
    image->telemetry = from.get<model::Telemetry>();
    image->command = from.get<Command>();
    image->queue = from.get<std::uint32_t>();
    image->bits = from.get<std::uint32_t>();
    image->invalidations = from.get<std::uint32_t>();
    image->began_ns = from.get<std::uint64_t>();
    image->roots = from.get<decltype(image->roots)>();
    const bool runs = image->command != Command::kNone;
    if (image->command >= Command::kQuit || (image->bits & ~kRequests) != 0 ||
        runs != setup.running.has_value() || (runs && image->queue != setup.running))
        from.refuse("its engine does not do what the registers say");
    for (std::uint32_t id = 0; id < SKALD_MAX_QUEUES; ++id)
        if (const auto& hw = setup.queues[id]) {
            image->queues[id] = load_queue(from, id, *hw, scratch_memory_, env_.options.chip.get());
            image->tlbs[hw->context] = std::make_unique<Tlb>();
        }

    return [this, image] {
        const std::lock_guard lock(mutex_);
        progress_.store(image->progress);
        retired_.store(image->retired);
        sequencer_.set_telemetry(image->telemetry);
        command_.store(image->command);
        running_ = image->command != Command::kNone;
        machine_.space.track(tracking_);
        queue_ = running_ ? image->queue : 0;
        attention_.bits.store(image->bits | Attention::kPause);
        attention_.stop.store((image->bits & Attention::kCancel) != 0);
        attention_.preempt.store((image->bits & Attention::kPreempt) != 0);
        invalidations_ = image->invalidations;
        began_ns_ = image->began_ns;
        for (std::size_t id = 0; id < contexts_.size(); ++id) {
            contexts_[id].root.store(image->roots[id]);
            contexts_[id].tlb = std::move(image->tlbs[id]);
        }
        queues_ = std::move(image->queues);
    };
}

}  // namespace skald::card
