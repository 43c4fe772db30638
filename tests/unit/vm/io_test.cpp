// SPDX-License-Identifier: MIT
// The pump between two descriptors: nothing lost, nothing piled up, ends noticed.
#include "vm/io.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <numeric>

namespace skald::vm {
namespace {

class PumpTest : public testing::TestWithParam<Pump::Sink> {
  protected:
    PumpTest() {
        ::signal(SIGPIPE, SIG_IGN);
        set_nonblocking(from_.read.get());
        if (GetParam() == Pump::Sink::kNonblocking)
            set_nonblocking(to_.write.get());
    }

    static void put(int fd, const std::vector<std::uint8_t>& bytes) {
        ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    // One round of poll without waiting; false if there was nothing to do.
    bool turn() {
        pollfd polls[] = {pump_.source_poll(), pump_.sink_poll()};
        if (::poll(polls, 2, 0) <= 0)
            return false;
        pump_.step(polls[0].revents, polls[1].revents);
        return true;
    }
    std::vector<std::uint8_t> drain() {
        std::vector<std::uint8_t> bytes(1 << 20);
        ::fcntl(to_.read.get(), F_SETFL, O_NONBLOCK);
        const ssize_t count = ::read(to_.read.get(), bytes.data(), bytes.size());
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }

    Pipe from_ = make_pipe();
    Pipe to_ = make_pipe();
    Pump pump_{from_.read.get(), to_.write.get(), GetParam()};
};

std::vector<std::uint8_t> pattern(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    return bytes;
}

TEST_P(PumpTest, MovesEveryByteThroughAFullSink) {
    const auto sent = pattern(50000);
    // The sink holds one page: the pump must wait for its reader many times.
    ASSERT_EQ(::fcntl(to_.write.get(), F_SETPIPE_SZ, 4096), 4096);
    put(from_.write.get(), sent);
    from_.write.reset();
    std::vector<std::uint8_t> got;
    while (!pump_.done()) {
        turn();
        const auto piece = drain();
        got.insert(got.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(got, sent);
    EXPECT_EQ(pump_.moved(), sent.size());
}

TEST_P(PumpTest, ReadsNoMoreWhileItsReaderIsSlow) {
    ASSERT_EQ(::fcntl(to_.write.get(), F_SETPIPE_SZ, 4096), 4096);
    put(from_.write.get(), pattern(60000));
    while (turn())
        continue;
    EXPECT_EQ(pump_.moved(), 4096u);
    EXPECT_FALSE(pump_.done());
    EXPECT_EQ(pump_.source_poll().fd, -1);
}

TEST_P(PumpTest, EndsAtItsLimitWithTheSourceStillOpen) {
    pump_.limit(5);
    put(from_.write.get(), pattern(9));
    while (turn())
        continue;
    EXPECT_TRUE(pump_.done());
    EXPECT_EQ(drain(), pattern(5));
}

TEST_P(PumpTest, ALimitAlreadyReachedEndsIt) {
    put(from_.write.get(), pattern(3));
    while (turn())
        continue;
    EXPECT_FALSE(pump_.done());
    pump_.limit(3);
    EXPECT_TRUE(pump_.done());
}

TEST_P(PumpTest, DropsWhatAGoneReaderCannotTake) {
    to_.read.reset();
    put(from_.write.get(), pattern(10000));
    from_.write.reset();
    for (int i = 0; i < 10 && !pump_.done(); ++i)
        turn();
    EXPECT_TRUE(pump_.sink_broken());
    EXPECT_EQ(pump_.sink_error(), EPIPE);
    EXPECT_TRUE(pump_.done());
}

TEST_P(PumpTest, TellsASinkThatIsFullFromAReaderThatWentAway) {
    const Fd full(::open("/dev/full", O_WRONLY));
    Pump pump(from_.read.get(), full.get(), GetParam());
    put(from_.write.get(), pattern(10000));
    from_.write.reset();
    for (int i = 0; i < 10 && !pump.done(); ++i) {
        pollfd polls[] = {pump.source_poll(), pump.sink_poll()};
        ASSERT_GT(::poll(polls, 2, 0), 0);
        pump.step(polls[0].revents, polls[1].revents);
    }
    EXPECT_TRUE(pump.done());
    EXPECT_EQ(pump.sink_error(), ENOSPC);
}

TEST_P(PumpTest, ShowsWhatTheLastStepRead) {
    put(from_.write.get(), {1, 2, 3});
    ASSERT_TRUE(turn());
    EXPECT_EQ(std::vector<std::uint8_t>(pump_.fresh().begin(), pump_.fresh().end()),
              (std::vector<std::uint8_t>{1, 2, 3}));
    pump_.step(0, 0);
    EXPECT_TRUE(pump_.fresh().empty());
}

INSTANTIATE_TEST_SUITE_P(Sink, PumpTest,
                         testing::Values(Pump::Sink::kNonblocking, Pump::Sink::kShared),
                         [](const auto& param) {
                             return param.param == Pump::Sink::kShared ? "Shared" : "Nonblocking";
                         });

TEST(Outbox, KeepsWhatDoesNotFit) {
    Pipe pipe = make_pipe();
    ASSERT_EQ(::fcntl(pipe.write.get(), F_SETPIPE_SZ, 4096), 4096);
    set_nonblocking(pipe.write.get());
    Outbox outbox;
    outbox.push(pattern(6000));
    EXPECT_TRUE(outbox.flush(pipe.write.get()));
    EXPECT_FALSE(outbox.empty());
    std::vector<std::uint8_t> got(6000);
    ASSERT_EQ(::read(pipe.read.get(), got.data(), got.size()), 4096);
    outbox.push(std::vector<std::uint8_t>{9});
    EXPECT_TRUE(outbox.flush(pipe.write.get()));
    EXPECT_TRUE(outbox.empty());
    ASSERT_EQ(::read(pipe.read.get(), got.data() + 4096, 1904), 1904);
    got.resize(6000);
    EXPECT_EQ(got, pattern(6000));
}

TEST(Outbox, TellsThatTheReaderIsGone) {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe pipe = make_pipe();
    pipe.read.reset();
    Outbox outbox;
    outbox.push(pattern(1));
    EXPECT_FALSE(outbox.flush(pipe.write.get()));
}

TEST(Check, NamesTheCallAndTheReason) {
    try {
        check(::open("/nonexistent/file", O_RDONLY), "opening it");
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENOENT);
        EXPECT_NE(std::string(error.what()).find("opening it"), std::string::npos);
    }
}

}  // namespace
}  // namespace skald::vm
