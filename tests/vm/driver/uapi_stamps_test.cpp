// SPDX-License-Identifier: MIT
// DRM_SKALD_QUERY_CLOCK and DRM_IOCTL_SKALD_QUEUE_STAMPS.
#include <cerrno>
#include <cstring>
#include <vector>

#include "context.hpp"

namespace skald::test {
namespace {

using Stamps = std::vector<drm_skald_job_stamps>;

class UapiStamps : public testing::Test {
  protected:
    void SetUp() override {
        drm_skald_queue_create args{};
        args.vm_id = context_.vm();
        args.eventfd = -1;
        args.flags = DRM_SKALD_QUEUE_KEEP_STAMPS;
        ASSERT_EQ(device_.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args), 0);
        queue_ = args.queue_id;
        job_ = context_.load(write_word(0, 1));
    }

    void run(unsigned jobs) {
        for (unsigned i = 0; i < jobs; ++i) {
            ASSERT_EQ(device_.submit(queue_, {&job_, 1}), 0);
            ASSERT_EQ(device_.wait_completed(queue_, ++done_), 0);
        }
    }
    int query(std::uint64_t& first, Stamps& stamps, std::uint32_t queue) const {
        drm_skald_queue_stamps args{};
        args.queue_id = queue;
        args.first = first;
        args.stamps = array_of(std::span<const drm_skald_job_stamps>(stamps));
        const int error = device_.call(DRM_IOCTL_SKALD_QUEUE_STAMPS, &args);
        if (error == 0) {
            first = args.first;
            stamps.resize(args.stamps.count);
        }
        return error;
    }
    drm_skald_query_clock clock() const {
        drm_skald_query_clock clock{};
        EXPECT_EQ(device_.query(DRM_SKALD_QUERY_CLOCK, &clock, sizeof clock), 0);
        return clock;
    }

    Device device_;
    Context context_{device_};
    drm_skald_job job_{};
    std::uint32_t queue_ = 0;
    std::uint64_t done_ = 0;
};

TEST_F(UapiStamps, TheClockIsReadBetweenTwoReadingsOfOurs) {
    const std::int64_t began = monotonic_ns();
    const drm_skald_query_clock first = clock(), second = clock();
    const std::int64_t ended = monotonic_ns();
    EXPECT_LE(began, first.before_ns);
    EXPECT_LE(first.before_ns, first.after_ns);
    EXPECT_LE(first.after_ns, second.before_ns);
    EXPECT_LE(second.after_ns, ended);
    EXPECT_GT(first.card_ns, 0u);
    EXPECT_GT(second.card_ns, first.card_ns);
}

TEST_F(UapiStamps, AJobPassesItsPlacesInOrder) {
    const drm_skald_query_clock before = clock();
    const std::int64_t began = monotonic_ns();
    run(20);
    const std::int64_t ended = monotonic_ns();
    const drm_skald_query_clock after = clock();

    Stamps stamps(DRM_SKALD_STAMPS_KEPT);
    std::uint64_t first = 1;
    ASSERT_EQ(query(first, stamps, queue_), 0);
    ASSERT_EQ(first, 1u);
    ASSERT_EQ(stamps.size(), 20u);
    std::int64_t last = began;
    std::uint64_t card_last = before.card_ns;
    for (std::size_t i = 0; i < stamps.size(); ++i) {
        const drm_skald_job_stamps& job = stamps[i];
        EXPECT_EQ(job.seq, i + 1);
        EXPECT_LE(last, job.submit_ns);
        EXPECT_LE(job.submit_ns, job.pushed_ns);
        EXPECT_LT(job.pushed_ns, job.doorbell_ns);
        EXPECT_LT(job.doorbell_ns, job.interrupt_ns);
        EXPECT_LT(job.interrupt_ns, job.seen_ns);
        EXPECT_LT(card_last, job.card_doorbell_ns);
        EXPECT_LE(job.card_doorbell_ns, job.card_launched_ns);
        EXPECT_LE(job.card_launched_ns, job.card_began_ns);
        EXPECT_LE(job.card_began_ns, job.card_ended_ns);
        EXPECT_LE(job.card_ended_ns, job.card_written_ns);
        last = job.seen_ns;
        card_last = job.card_written_ns;
    }
    EXPECT_LE(last, ended);
    EXPECT_LT(card_last, after.card_ns);
}

TEST_F(UapiStamps, OnlyTheLastJobsAreKept) {
    run(DRM_SKALD_STAMPS_KEPT + 10);
    Stamps stamps(DRM_SKALD_STAMPS_KEPT + 5);
    std::uint64_t first = 1;
    ASSERT_EQ(query(first, stamps, queue_), 0);
    EXPECT_EQ(first, 11u);
    ASSERT_EQ(stamps.size(), std::size_t{DRM_SKALD_STAMPS_KEPT});
    EXPECT_EQ(stamps.front().seq, 11u);
    EXPECT_EQ(stamps.back().seq, std::uint64_t{DRM_SKALD_STAMPS_KEPT} + 10);

    stamps.resize(3);
    first = 100;
    ASSERT_EQ(query(first, stamps, queue_), 0);
    ASSERT_EQ(stamps.size(), 3u);
    EXPECT_EQ(stamps.front().seq, 100u);
    first = done_ + 1;
    ASSERT_EQ(query(first, stamps, queue_), 0);
    EXPECT_TRUE(stamps.empty());
}

TEST_F(UapiStamps, AShorterElementGetsWhatFits) {
    run(2);
    std::uint64_t numbers[4] = {7, 7, 7, 7};
    drm_skald_queue_stamps args{};
    args.queue_id = queue_;
    args.first = 1;
    args.stamps = {sizeof(std::uint64_t), 4, reinterpret_cast<std::uint64_t>(numbers)};
    ASSERT_EQ(device_.call(DRM_IOCTL_SKALD_QUEUE_STAMPS, &args), 0);
    EXPECT_EQ(args.stamps.count, 2u);
    EXPECT_EQ(numbers[0], 1u);
    EXPECT_EQ(numbers[1], 2u);
    EXPECT_EQ(numbers[2], 7u);
}

TEST_F(UapiStamps, RejectsBadArguments) {
    run(1);
    Stamps stamps(1);
    std::uint64_t first = 1;
    EXPECT_EQ(query(first, stamps, 999), ENOENT);
    EXPECT_EQ(query(first, stamps, context_.queue()), EOPNOTSUPP) << "it keeps none";
    const auto with = [&](auto&& change) {
        drm_skald_queue_stamps args{};
        args.queue_id = queue_;
        args.stamps = array_of(std::span<const drm_skald_job_stamps>(stamps));
        change(args);
        return device_.call(DRM_IOCTL_SKALD_QUEUE_STAMPS, &args);
    };
    EXPECT_EQ(with([](auto& a) { a.flags = 1; }), EINVAL);
    EXPECT_EQ(with([](auto& a) { a.stamps.stride = 4; }), EINVAL);
    EXPECT_EQ(with([](auto& a) { a.stamps.stride = 1u << 20; }), EINVAL);
    EXPECT_EQ(with([](auto& a) { a.stamps.array = 0; }), EFAULT);
    EXPECT_EQ(with([](auto& a) { a.stamps.count = 0; }), 0);
}

}  // namespace
}  // namespace skald::test
