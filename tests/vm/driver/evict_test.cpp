// SPDX-License-Identifier: MIT
// Clients that together have more buffers than the card has memory: they take turns, each with its
// bytes as it left them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "client.hpp"
#include "skald/fault.h"
#include "user_queue.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

class Evict : public testing::Test {
  protected:
    // What a test before this one had is given back in its own time.
    void SetUp() override { Device().settled_usage(); }

    // One that has the card's memory for now.
    static void take_over(Client& client) {
        ASSERT_EQ(client.touch(), 0);
        ASSERT_EQ(client.evicted(), 0u);
    }
};

// Moves blocks about, by jobs, and the same in a copy of its own.
void shuffle(std::uint64_t seed, unsigned rounds, std::string& error) {
    Client client(three_quarters(), seed);
    client.fill();
    std::vector<std::vector<std::uint64_t>> shadow(client.size());
    for (std::uint64_t i = 0; i < client.size(); ++i)
        for (std::uint64_t at = 0; at < Client::kBlock; at += 8)
            shadow[i].push_back(pattern(seed, i, at));
    for (unsigned round = 0; round < rounds && error.empty(); ++round) {
        const std::uint64_t from = round % client.size();
        const std::uint64_t to = (round * 5 + 1 + seed) % client.size();
        if (from == to)
            continue;
        const Program program = Program()
                                    .copy(Client::va(to), Client::va(from), Client::kBlock)
                                    .set(2, seed + round)
                                    .store(Client::va(to) + 8 * round, 2)
                                    .end();
        if (const int failed = client.context().run(program))
            error = "round " + std::to_string(round) + ": errno " + std::to_string(failed);
        shadow[to] = shadow[from];
        shadow[to][round] = seed + round;
    }
    if (client.context().query().last_status != SKALD_JOB_DONE && error.empty())
        error = "a job was not done";
    for (std::uint64_t i = 0; i < client.size() && error.empty(); ++i)
        for (std::uint64_t word = 0; word < shadow[i].size(); ++word)
            if (client.map(i).at<std::uint64_t>(8 * word) != shadow[i][word]) {
                error = "buffer " + std::to_string(i) + ", word " + std::to_string(word);
                break;
            }
}

// The same for a thread: says what goes wrong.
void work(std::uint64_t seed, unsigned rounds, std::string& error) {
    try {
        shuffle(seed, rounds, error);
    } catch (const std::exception& exception) {
        error = exception.what();
    }
}

TEST_F(Evict, TwoClientsThatWantOneAndAHalfTimesTheMemoryBothFinishRight) {
    const std::uint64_t before = debugfs_memory("moved out");
    std::string first, second;
    std::jthread other([&] { work(1, 40, first); });
    work(2, 40, second);
    other.join();
    EXPECT_EQ(first, "");
    EXPECT_EQ(second, "");
    EXPECT_GT(debugfs_memory("moved out"), before);
}

TEST_F(Evict, FourClientsThatWantThreeTimesTheMemoryAllFinishRight) {
    std::vector<std::string> errors(4);
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < errors.size(); ++i)
        threads.emplace_back([&errors, i] { work(10 + i, 12, errors[i]); });
    for (std::jthread& thread : threads)
        thread.join();
    for (const std::string& error : errors)
        EXPECT_EQ(error, "");
}

TEST_F(Evict, AMappingFollowsItsBufferOutAndIn) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    Client second(three_quarters(), 2);
    take_over(second);
    ASSERT_GT(first.evicted(), 0u);
    EXPECT_EQ(first.wrong(), std::nullopt) << "read while it was out";
    // What is written to what is out a job finds.
    first.map(0).at<std::uint64_t>(4096) = 0x600d;
    ASSERT_EQ(first.context().run(
                  Program().load(2, Client::va(0) + 4096).store(Context::data_va(1), 2).end()),
              0);
    EXPECT_EQ(first.context().data(1), 0x600du);
    EXPECT_EQ(first.evicted(), 0u);
    first.map(0).at<std::uint64_t>(4096) = pattern(1, 0, 4096);
    EXPECT_EQ(first.wrong(), std::nullopt) << "read when it was back";
}

TEST_F(Evict, BuffersForWhichThereIsNoRoomBeginOutsideAndAreZero) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    Client second(three_quarters(), 2);
    ASSERT_GT(second.evicted(), 0u);
    const std::uint64_t last = second.size() - 1;
    for (std::uint64_t at = 0; at < Client::kEach; at += 4096)
        ASSERT_EQ(second.map(last).at<std::uint64_t>(at), 0u);
    // Nobody has touched the one before it.
    ASSERT_EQ(second.context().run(Program()
                                       .set(2, 1)
                                       .load(2, Client::va(last - 1) + Client::kEach - 8)
                                       .store(Context::data_va(1), 2)
                                       .end()),
              0);
    EXPECT_EQ(second.context().data(1), 0u);
    EXPECT_EQ(first.wrong(), std::nullopt);
}

TEST_F(Evict, WhatNoSpaceUsesGoesBeforeWhatOneUses) {
    // A quarter of the memory in buffers that nothing maps but the process.
    constexpr unsigned kUnused = 4;
    const std::uint64_t each = card_bytes() / 4 / kUnused;
    const Device device;
    std::vector<Mapping> maps;
    for (unsigned i = 0; i < kUnused; ++i) {
        std::uint32_t handle = 0;
        ASSERT_EQ(device.bo_create(each, DRM_SKALD_BO_CARD, &handle), 0);
        maps.push_back(device.map(handle, each));
        for (std::uint64_t at = 0; at < each; at += 4096)
            maps.back().at<std::uint64_t>(at) = pattern(9, i, at);
    }
    const std::uint64_t free = card_bytes() - debugfs_memory("used");
    Client idle(free / 2, 1);
    idle.fill();
    take_over(idle);
    Client other(free - idle.bytes() + Client::kEach, 2);
    take_over(other);
    EXPECT_EQ(idle.evicted(), 0u) << "what is unused was enough";
    EXPECT_GT(debugfs_memory("buffers outside"), 0u);
    for (unsigned i = 0; i < kUnused; ++i)
        for (std::uint64_t at = 0; at < each; at += 4096)
            ASSERT_EQ(maps[i].at<std::uint64_t>(at), pattern(9, i, at)) << "buffer " << i;
    EXPECT_EQ(idle.wrong(), std::nullopt);
}

TEST_F(Evict, AJobThatRunsKeepsItsBuffersUntilItHasEnded) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    take_over(first);
    const std::uint64_t last = first.size() - 1;
    ASSERT_EQ(
        first.context().submit(announce_and(Program()
                                                .wait_semaphore(Context::data_va(9), 1)
                                                .load(2, Client::va(last) + Client::kEach - 4096)
                                                .store(Context::data_va(1), 2)
                                                .end())),
        0);
    ASSERT_TRUE(wait_word(first.context(), 0, 1));
    std::atomic<bool> through = false;
    std::jthread other([&] {
        EXPECT_EQ(second.touch(), 0);
        through = true;
    });
    ::usleep(300000);
    EXPECT_FALSE(through) << "there was no room";
    EXPECT_EQ(first.evicted(), 0u);
    // A page fault of its client does not wait for who waits for it.
    first.map(last).at<std::uint64_t>(Client::kEach - 4096) = 77;
    first.context().data(9) = 1;
    other.join();
    EXPECT_EQ(first.device().wait_completed(first.context().queue(), 2), 0);
    EXPECT_EQ(first.context().query().last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    EXPECT_EQ(first.context().data(1), 77u);
}

TEST_F(Evict, AJobThatAnotherSubmissionOfItsClientOpensIsNotHeldUp) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    take_over(first);
    std::uint32_t queue = 0;
    ASSERT_EQ(first.device().queue_create(first.context().vm(), &queue), 0);
    ASSERT_EQ(first.context().submit(
                  announce_and(Program().wait_semaphore(Context::data_va(9), 1).end())),
              0);
    ASSERT_TRUE(wait_word(first.context(), 0, 1));
    std::jthread other([&] { EXPECT_EQ(second.touch(), 0); });
    ::usleep(100000);
    const drm_skald_job open =
        first.context().load(Program().signal_semaphore(Context::data_va(9), 1).end(), 1);
    EXPECT_EQ(first.device().submit(queue, {&open, 1}), 0);
    EXPECT_EQ(first.device().wait_completed(first.context().queue(), 2), 0);
    EXPECT_EQ(first.context().query().last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    other.join();
}

TEST_F(Evict, AKilledClientWhoseBuffersAreOutLeavesNothing) {
    const drm_skald_query_usage before = Device().settled_usage();
    const std::uint64_t outside = debugfs_memory("buffers outside");
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            Client client(three_quarters(), 1);
            client.fill();
            if (client.touch() != 0 || ::write(ready[1], "r", 1) != 1)
                ::_exit(1);
            for (;;)
                ::pause();
        } catch (...) {
            ::_exit(1);
        }
    }
    char word = 0;
    ASSERT_EQ(::read(ready[0], &word, 1), 1);
    {
        Client client(three_quarters(), 2);
        take_over(client);
        ASSERT_GT(debugfs_memory("buffers outside"), outside);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        ASSERT_EQ(client.touch(), 0);
    }
    const std::int64_t deadline = monotonic_ns() + 20000000000;
    drm_skald_query_usage after = Device().settled_usage();
    while ((after.mem_used > before.mem_used || debugfs_memory("buffers outside") > outside) &&
           monotonic_ns() < deadline)
        after = Device().usage();
    EXPECT_LE(after.mem_used, before.mem_used);
    EXPECT_EQ(debugfs_memory("buffers outside"), outside);
    for (const int fd : ready)
        ::close(fd);
}

TEST_F(Evict, AClientKilledWhileItWaitsForRoomLeavesTheOtherAlone) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    ASSERT_EQ(first.context().submit(
                  announce_and(Program().wait_semaphore(Context::data_va(9), 1).end())),
              0);
    ASSERT_TRUE(wait_word(first.context(), 0, 1));
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            Client client(three_quarters(), 2);
            if (::write(ready[1], "r", 1) == 1)
                client.touch();
        } catch (...) {
        }
        ::_exit(1);
    }
    char word = 0;
    ASSERT_EQ(::read(ready[0], &word, 1), 1);
    ::usleep(200000);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    first.context().data(9) = 1;
    ASSERT_EQ(first.device().wait_completed(first.context().queue(), 2), 0);
    EXPECT_EQ(first.context().query().last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    ASSERT_EQ(first.touch(), 0);
    EXPECT_EQ(first.wrong(), std::nullopt);
    for (const int fd : ready)
        ::close(fd);
}

TEST_F(Evict, AFunctionLevelResetKeepsWhatIsOut) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    second.fill();
    take_over(first);
    take_over(second);
    ASSERT_GT(first.evicted(), 0u);
    write_file(card_sysfs() + "/reset", "1");
    EXPECT_EQ(first.context().submit(write_word(0, 1)), ENOTRECOVERABLE);
    EXPECT_EQ(first.wrong(), std::nullopt);
    EXPECT_EQ(second.wrong(), std::nullopt);
    // The space is lost, the buffers are not: another one of the same file has them.
    Context again(first.device());
    ASSERT_EQ(first.device().map_va(again.vm(), first.handle(0), Client::va(0), Client::kEach), 0);
    ASSERT_EQ(
        again.run(Program().load(2, Client::va(0) + 4096).store(Context::data_va(1), 2).end()), 0);
    EXPECT_EQ(again.data(1), pattern(1, 0, 4096));
}

// A space for one job that needs all of a client's buffers. A reset may end any of it.
void visit(const Client& client) {
    const Device& device = client.device();
    std::uint32_t vm = 0, queue = 0;
    if (device.vm_create(&vm) != 0)
        return;
    (void)device.map_va(vm, client.context().buffer(), kBase, kBig);
    for (std::uint64_t i = 0; i < client.size(); ++i)
        (void)device.map_va(vm, client.handle(i), Client::va(i), Client::kEach);
    if (device.queue_create(vm, &queue) == 0) {
        const drm_skald_job job = client.context().load(write_word(0, 1));
        (void)device.submit(queue, {&job, 1});
        EXPECT_EQ(device.queue_destroy(queue), 0);
    }
    EXPECT_EQ(device.vm_destroy(vm), 0);
}

TEST_F(Evict, ResetsWhileBuffersMoveLoseNoBytes) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    second.fill();
    std::atomic<bool> stop = false;
    std::jthread resets([&] {
        for (int i = 0; i < 5; ++i) {
            ::usleep(50000);
            write_file(card_sysfs() + "/reset", "1");
        }
        stop = true;
    });
    while (!stop)
        for (const Client* client : {&first, &second})
            visit(*client);
    resets.join();
    EXPECT_EQ(first.wrong(), std::nullopt);
    EXPECT_EQ(second.wrong(), std::nullopt);
}

TEST_F(Evict, ASpaceWithAUserModeQueueStays) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    {
        UserQueue queue(first.context());
        Client second(card_bytes() / 8, 2);
        take_over(second);
        EXPECT_EQ(first.evicted(), 0u);
        // What could not be on the card beside it is refused when it is bound.
        Client third(card_bytes() / 8, 3);
        std::uint32_t handle = 0;
        ASSERT_EQ(third.device().bo_create(card_bytes() / 2, DRM_SKALD_BO_CARD, &handle), 0);
        EXPECT_EQ(third.device().map_va(third.context().vm(), handle, 1ull << 40, card_bytes() / 2),
                  ENOSPC);
        EXPECT_EQ(third.touch(), 0) << "what it had before still works";
        ASSERT_EQ(queue.run(first.context().load(
                      Program().load(2, Client::va(0)).store(Context::data_va(1), 2).end())),
                  0);
        EXPECT_EQ(first.context().data(1), pattern(1, 0, 0));
        EXPECT_EQ(first.evicted(), 0u);
        ASSERT_EQ(queue.destroy(), 0);
    }
    Client second(three_quarters(), 2);
    take_over(second);
    EXPECT_GT(first.evicted(), 0u);
    EXPECT_EQ(first.wrong(), std::nullopt);
}

TEST_F(Evict, AUserModeQueueBringsInWhatItsSpaceHasAndWhatIsBoundLater) {
    Client first(card_bytes() / 2, 1);
    first.fill();
    Client second(three_quarters(), 2);
    take_over(second);
    ASSERT_GT(first.evicted(), 0u);
    UserQueue queue(first.context());
    EXPECT_EQ(first.evicted(), 0u);
    std::uint32_t handle = 0;
    ASSERT_EQ(first.device().bo_create(Client::kEach, DRM_SKALD_BO_CARD, &handle), 0);
    ASSERT_EQ(first.device().map_va(first.context().vm(), handle, Client::va(100), Client::kEach),
              0);
    EXPECT_EQ(first.evicted(), 0u);
    ASSERT_EQ(queue.run(first.context().load(Program().set(2, 5).store(Client::va(100), 2).end())),
              0);
    EXPECT_EQ(first.device().map(handle, Client::kEach).at<std::uint64_t>(0), 5u);
}

TEST_F(Evict, AUserModeQueueThatWouldLeaveTooLittleToOthersIsRefused) {
    Client client(card_bytes() * 7 / 8 / Client::kEach * Client::kEach, 1);
    take_over(client);
    drm_skald_queue_create args{};
    args.vm_id = client.context().vm();
    args.eventfd = -1;
    args.flags = DRM_SKALD_QUEUE_USER_MODE;
    EXPECT_EQ(client.device().call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args), ENOSPC);
    EXPECT_EQ(client.touch(), 0);
}

TEST_F(Evict, FdinfoAddsUp) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    take_over(first);
    take_over(second);
    std::uint64_t in = 0;
    for (const Client* client : {&first, &second}) {
        EXPECT_EQ(client->fdinfo("drm-total-card"), client->bytes());
        EXPECT_EQ(client->fdinfo("drm-resident-card") + client->evicted(), client->bytes());
        in += client->fdinfo("drm-resident-card");
    }
    EXPECT_EQ(in + debugfs_memory("tables, rings and firmware"), Device().usage().mem_used);
    EXPECT_EQ(in + debugfs_memory("buffers outside"), first.bytes() + second.bytes());
}

TEST_F(Evict, AClientMayMakeAsMuchAsTheCardHasAndNoMore) {
    const Device device;
    const std::uint64_t room = debugfs_memory("room for buffers");
    std::uint32_t handle = 0;
    std::uint64_t made = 0;
    while (device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle) == 0)
        made += kBig;
    EXPECT_EQ(made, room);
    EXPECT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), ENOSPC);
    // Another has as much.
    const Device other;
    EXPECT_EQ(other.bo_create(room - kBig, DRM_SKALD_BO_CARD, &handle), 0);
}

TEST_F(Evict, ASpaceThatWantsMoreThanTheCardIsRefusedWhenItBinds) {
    Client first(three_quarters(), 1);
    const Device other;
    std::uint32_t handle = 0;
    ASSERT_EQ(other.bo_create(card_bytes() / 2, DRM_SKALD_BO_CARD, &handle), 0);
    drm_prime_handle prime{handle, DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(other.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    drm_prime_handle import{0, 0, prime.fd};
    // What is imported counts as what is made.
    EXPECT_EQ(first.device().call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), ENOSPC);
    for (std::uint64_t i = 0; i < first.size(); ++i)
        ASSERT_EQ(first.device().bo_close(first.handle(i)), 0);
    ASSERT_EQ(first.device().call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
    EXPECT_EQ(
        first.device().map_va(first.context().vm(), import.handle, 1ull << 40, card_bytes() / 2),
        ENOSPC);
    EXPECT_EQ(first.touch(), 0) << "what it had before still works";
}

TEST_F(Evict, AnExportedBufferMovesLikeAnyOther) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    drm_prime_handle prime{first.handle(0), DRM_CLOEXEC | DRM_RDWR, -1};
    ASSERT_EQ(first.device().call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    const Fd dmabuf(prime.fd);
    const Mapping exported(
        ::mmap(nullptr, Client::kEach, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf.get(), 0),
        Client::kEach);
    ASSERT_EQ(exported.at<std::uint64_t>(8), pattern(1, 0, 8));
    Client second(three_quarters(), 2);
    take_over(second);
    EXPECT_EQ(exported.at<std::uint64_t>(8), pattern(1, 0, 8));
    exported.at<std::uint64_t>(16) = 4;
    // Shared, it is where its users need it.
    const Device third;
    drm_prime_handle import{0, 0, prime.fd};
    ASSERT_EQ(third.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &import), 0);
    Context context(third);
    ASSERT_EQ(third.map_va(context.vm(), import.handle, Client::va(0), Client::kEach), 0);
    ASSERT_EQ(
        context.run(Program().load(2, Client::va(0) + 16).store(Context::data_va(1), 2).end()), 0);
    EXPECT_EQ(context.data(1), 4u);
    exported.at<std::uint64_t>(16) = pattern(1, 0, 16);
    ASSERT_EQ(first.touch(), 0);
    EXPECT_EQ(first.wrong(), std::nullopt);
    ASSERT_EQ(context.run(Program().load(2, Client::va(0) + 8).store(Context::data_va(1), 2).end()),
              0);
    EXPECT_EQ(context.data(1), pattern(1, 0, 8));
}

TEST_F(Evict, BindsOfWhatIsOutTakeEffect) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    take_over(first);
    const Device& device = first.device();
    const std::uint32_t vm = first.context().vm();
    const auto read = [&](std::uint64_t va) {
        EXPECT_EQ(first.context().run(Program().load(2, va).store(Context::data_va(1), 2).end()),
                  0);
        return first.context().data(1);
    };
    take_over(second);
    // A part of a page of 2 MiB, all of one, and a buffer at a second place.
    ASSERT_EQ(device.unmap_va(vm, Client::va(0) + kBig + 0x3000, 0x2000), 0);
    ASSERT_EQ(device.unmap_va(vm, Client::va(1), kBig), 0);
    ASSERT_EQ(device.map_va(vm, first.handle(2), 1ull << 40, kBig, DRM_SKALD_BIND_READONLY, kBig),
              0);
    EXPECT_EQ(read(Client::va(0) + kBig + 0x2000), pattern(1, 0, kBig + 0x2000));
    EXPECT_EQ(read(Client::va(0) + kBig + 0x5000), pattern(1, 0, kBig + 0x5000));
    EXPECT_EQ(read(Client::va(1) + kBig), pattern(1, 1, kBig));
    EXPECT_EQ(read(1ull << 40), pattern(1, 2, kBig));
    // The same out and in once more, now that tables of 4 KiB pages are there.
    take_over(second);
    EXPECT_EQ(read(Client::va(0) + kBig + 0x2000), pattern(1, 0, kBig + 0x2000));
    EXPECT_EQ(read(Client::va(0) + kBig + 0x5000), pattern(1, 0, kBig + 0x5000));
    ASSERT_EQ(device.unmap_va(vm, Client::va(0), Client::kEach), 0);
    EXPECT_EQ(read(Client::va(2)), pattern(1, 2, 0));
    // A hole is a hole.
    ASSERT_EQ(first.context().run(Program().load(2, Client::va(1)).end()), 0);
    const drm_skald_vm_query fault = device.vm_query(vm);
    EXPECT_EQ(fault.reason, static_cast<std::uint32_t>(SKALD_FAULT_UNMAPPED));
    EXPECT_EQ(fault.address, Client::va(1));
}

TEST_F(Evict, TheCardReadsNothingThroughAMappingWhoseBufferIsOut) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    second.fill();
    // Each round somebody else's bytes are where ours were, and translations were used before.
    for (unsigned round = 0; round < 6; ++round)
        for (Client* client : {&first, &second}) {
            const std::uint64_t buffer = round % client->size();
            ASSERT_EQ(
                client->context().run(
                    Program().load(2, Client::va(buffer) + 64).store(Context::data_va(1), 2).end()),
                0);
            ASSERT_EQ(client->context().data(1), pattern(client == &first ? 1 : 2, buffer, 64));
        }
}

TEST_F(Evict, MovesAreTraced) {
    const std::string root = fs::exists("/sys/kernel/tracing/events")
                                 ? "/sys/kernel/tracing/"
                                 : "/sys/kernel/debug/tracing/";
    write_file(root + "trace", "");
    write_file(root + "events/skald/enable", "1");
    {
        Client first(three_quarters(), 1), second(three_quarters(), 2);
        first.fill();
        take_over(first);
        take_over(second);
        take_over(first);
    }
    write_file(root + "events/skald/enable", "0");
    const std::string trace = read_file(root + "trace");
    const std::string bytes = "bytes=" + std::to_string(Client::kEach);
    EXPECT_TRUE(
        std::regex_search(trace, std::regex("skald_move_out: .* " + bytes + " copied=1 ret=0")));
    EXPECT_TRUE(
        std::regex_search(trace, std::regex("skald_move_in: .* " + bytes + " copied=1 ret=0")));
}

TEST_F(Evict, PageTablesAndRingsHaveBuffersMakeRoom) {
    Client first(three_quarters(), 1);
    first.fill();
    take_over(first);
    const Device device;
    std::uint32_t handle = 0;
    while (Device().usage().mem_used < card_bytes() &&
           device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle) == 0)
        continue;
    // Each inner table is a page of the card.
    const Device other;
    std::uint32_t vm = 0, small = 0;
    ASSERT_EQ(other.vm_create(&vm), 0);
    ASSERT_EQ(other.bo_create(4096, DRM_SKALD_BO_SYSTEM, &small), 0);
    for (std::uint64_t i = 1; i <= 400; ++i)
        ASSERT_EQ(other.map_va(vm, small, i << 30, 4096), 0) << i;
    EXPECT_EQ(first.wrong(), std::nullopt);
}

}  // namespace

// ---- In the machines of bus_test and memcg_test ----

namespace {

TEST(Suspend, BuffersThatAreOutAreKept) {
    Client first(three_quarters(), 1), second(three_quarters(), 2);
    first.fill();
    second.fill();
    ASSERT_EQ(first.touch(), 0);
    ASSERT_EQ(second.touch(), 0);
    ASSERT_GT(first.evicted(), 0u);
    const std::uint32_t resets = first.device().firmware().resets;
    write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
    write_file("/sys/power/pm_test", "devices");
    write_file("/sys/power/state", "freeze");
    write_file("/sys/power/pm_test", "none");
    EXPECT_EQ(first.wrong(), std::nullopt);
    EXPECT_EQ(second.wrong(), std::nullopt);
    ASSERT_EQ(first.touch(), 0);
    EXPECT_EQ(first.evicted(), 0u);
    EXPECT_EQ(first.wrong(), std::nullopt);
    EXPECT_EQ(second.wrong(), std::nullopt);
    EXPECT_EQ(first.device().firmware().resets, resets);
}

}  // namespace
}  // namespace skald::test
