// SPDX-License-Identifier: MIT
// SEND, RECV and ALL_GATHER between engines, and what they do when nobody answers.
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "setup.hpp"

namespace skald::test {
namespace {

using isa::Opcode;

// Cards that are linked: what each has been sent, by sender and channel.
class Network {
  public:
    class End final : public card::Links {
      public:
        End(Network& network, std::uint32_t rank) : network_(network), rank_(rank) {}
        [[nodiscard]] std::uint32_t rank() const override { return rank_; }
        [[nodiscard]] std::uint32_t ranks() const override { return network_.ranks_; }
        [[nodiscard]] bool room(std::uint32_t to, std::uint64_t) override {
            const std::lock_guard lock(network_.mutex_);
            return network_.boxes_[{rank_, to, 0}].size() < 2;
        }
        void send(std::uint32_t to, std::uint64_t channel, card::LinkMessage message) override {
            const std::lock_guard lock(network_.mutex_);
            ++network_.sent_;
            network_.boxes_[{rank_, to, channel}].push_back(std::move(message));
        }
        [[nodiscard]] std::optional<card::LinkMessage> receive(std::uint32_t from,
                                                               std::uint64_t channel) override {
            const std::lock_guard lock(network_.mutex_);
            auto& box = network_.boxes_[{from, rank_, channel}];
            if (box.empty())
                return std::nullopt;
            card::LinkMessage message = std::move(box.front());
            box.pop_front();
            return message;
        }

      private:
        Network& network_;
        std::uint32_t rank_;
    };

    explicit Network(std::uint32_t ranks) : ranks_(ranks) {
        for (std::uint32_t rank = 0; rank < ranks; ++rank)
            ends_.push_back(std::make_unique<End>(*this, rank));
    }
    End& end(std::uint32_t rank) { return *ends_[rank]; }
    unsigned sent() {
        const std::lock_guard lock(mutex_);
        return sent_;
    }

  private:
    struct Way {
        std::uint32_t from, to;
        std::uint64_t channel;
        auto operator<=>(const Way&) const = default;
    };
    const std::uint32_t ranks_;
    std::vector<std::unique_ptr<End>> ends_;
    std::mutex mutex_;  // of what follows
    std::map<Way, std::deque<card::LinkMessage>> boxes_;
    unsigned sent_ = 0;
};

RigOptions linked(Network& network, std::uint32_t rank, Pages pages = Pages::kBig) {
    RigOptions options;
    options.pages = pages;
    options.links = &network.end(rank);
    return options;
}

isa::MicroOp peer_op(Opcode opcode, std::uint32_t row_bytes, std::uint32_t peer,
                     const isa::Operand& operand) {
    isa::MicroOp op = make(opcode);
    op.rows = kT;
    op.dim = {row_bytes, peer};
    op.op[0] = operand;
    return op;
}

isa::MicroOp gather_op(std::uint32_t part_bytes, std::uint32_t parts, std::uint32_t part,
                       std::uint32_t first, const isa::Operand& operand) {
    isa::MicroOp op = make(Opcode::AllGather);
    op.rows = kT;
    op.dim = {part_bytes, parts | part << 16, first};
    op.op[0] = operand;
    return op;
}

isa::MicroOp ended() {
    isa::MicroOp op = make(Opcode::End);
    op.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    return op;
}

std::vector<std::uint32_t> numbers(std::size_t count, std::uint32_t from) {
    std::vector<std::uint32_t> all(count);
    for (std::size_t i = 0; i < count; ++i)
        all[i] = from + static_cast<std::uint32_t>(i);
    return all;
}

TEST(Exchange, RowsArriveAsTheyAreWhateverTheirPitch) {
    for (const Pages pages : {Pages::kBig, Pages::kScattered}) {
        Network network(3);
        Rig from(linked(network, 2, pages)), to(linked(network, 0, pages));
        // 7 rows of 1,500 words, 1,504 apart there and dense here.
        constexpr std::uint64_t kRows = 7, kWidth = 1500, kPitch = 1504;
        const auto x = from.put(numbers(kRows * kPitch, 100), 4);
        const auto y = to.alloc(kRows * kWidth * 4, 4092);
        auto send = peer_op(Opcode::Send, kWidth * 4, 0, at(x, kPitch * 4));
        auto recv = peer_op(Opcode::Recv, kWidth * 4, 2, at(y));
        send.ra = recv.ra = 20;  // the channel
        auto reg = with_rows(kRows);
        reg[20] = 77;
        EXPECT_EQ(from.run({send}, reg).status, SKALD_JOB_DONE);
        EXPECT_EQ(to.run({recv}, reg).status, SKALD_JOB_DONE);
        const auto got = to.get<std::uint32_t>(y, kRows * kWidth);
        for (std::uint64_t row = 0; row < kRows; ++row)
            for (std::uint64_t i = 0; i < kWidth; ++i)
                ASSERT_EQ(got[row * kWidth + i], 100 + row * kPitch + i);
    }
}

TEST(Exchange, EachCardCompletesItsTablesWithTheColumnsOfTheOthers) {
    constexpr std::uint32_t kParts = 3, kFirst = 1, kRows = 5;
    constexpr std::uint32_t kWords = 40, kPair = 3;  // of a part, of the second table's
    Network network(kParts + kFirst);
    std::vector<std::unique_ptr<Rig>> rigs;
    std::vector<std::uint64_t> y, z;
    for (std::uint32_t part = 0; part < kParts; ++part) {
        rigs.push_back(std::make_unique<Rig>(
            linked(network, kFirst + part, part == 1 ? Pages::kScattered : Pages::kBig)));
        // Of its own columns each has the right content, elsewhere something else.
        std::vector<std::uint32_t> a(kRows * kParts * kWords, 7), b(kRows * kParts * kPair, 8);
        for (std::uint32_t row = 0; row < kRows; ++row) {
            for (std::uint32_t i = 0; i < kWords; ++i)
                a[(row * kParts + part) * kWords + i] = row << 16 | part << 8 | i;
            for (std::uint32_t i = 0; i < kPair; ++i)
                b[(row * kParts + part) * kPair + i] = 0x80000000 | row << 16 | part << 8 | i;
        }
        y.push_back(rigs.back()->put(a));
        z.push_back(rigs.back()->put(b));
        auto op = gather_op(kWords * 4, kParts, part, kFirst, at(y.back()));
        op.flags = isa::kFlagPair;
        op.dim[3] = kPair * 4;
        op.op[1] = at(z.back());
        rigs.back()->engine->launch(rigs.back()->job({op, ended()}, with_rows(kRows)));
    }
    for (std::uint32_t part = 0; part < kParts; ++part) {
        EXPECT_EQ(rigs[part]->events.wait_job().status, SKALD_JOB_DONE);
        const auto a = rigs[part]->get<std::uint32_t>(y[part], kRows * kParts * kWords);
        const auto b = rigs[part]->get<std::uint32_t>(z[part], kRows * kParts * kPair);
        for (std::uint32_t row = 0; row < kRows; ++row)
            for (std::uint32_t of = 0; of < kParts; ++of) {
                for (std::uint32_t i = 0; i < kWords; ++i)
                    ASSERT_EQ(a[(row * kParts + of) * kWords + i], row << 16 | of << 8 | i);
                for (std::uint32_t i = 0; i < kPair; ++i)
                    ASSERT_EQ(b[(row * kParts + of) * kPair + i],
                              0x80000000 | row << 16 | of << 8 | i);
            }
    }
}

void expect_no_link(Rig& rig, const isa::MicroOp& op) {
    const auto result = rig.run({op}, with_rows(2));
    EXPECT_EQ(result.status, SKALD_JOB_FAULT);
    EXPECT_EQ(result.reason, SKALD_FAULT_LINK);
    EXPECT_EQ(result.address.value, op.op[0].offset);
    EXPECT_EQ(result.micro_ops, 0u);
}

std::vector<isa::MicroOp> exchanges(std::uint64_t va, std::uint32_t peer, std::uint32_t rank) {
    return {peer_op(Opcode::Send, 64, peer, at(va)), peer_op(Opcode::Recv, 64, peer, at(va)),
            gather_op(64, 2, rank == 0 ? 0 : 1, rank == 0 ? 0 : rank - 1, at(va))};
}

TEST(Exchange, WithoutALinkIsAFault) {
    Rig rig;
    const auto va = rig.alloc(4096);
    for (const isa::MicroOp& op : exchanges(va, 1, 0))
        expect_no_link(rig, op);
}

TEST(Exchange, WithACardThatIsNotThereIsAFault) {
    Network network(2);
    Rig rig(linked(network, 1));
    const auto va = rig.alloc(4096);
    for (const std::uint32_t peer : {1u, 2u})  // itself; the third of two
        for (const Opcode opcode : {Opcode::Send, Opcode::Recv})
            expect_no_link(rig, peer_op(opcode, 64, peer, at(va)));
    expect_no_link(rig, gather_op(64, 3, 1, 0, at(va)));  // of three cards
    expect_no_link(rig, gather_op(64, 2, 0, 0, at(va)));  // as the other one
}

TEST(Exchange, OfAnotherShapeIsAFault) {
    Network network(2);
    Rig from(linked(network, 0)), to(linked(network, 1));
    const auto x = from.alloc(4096), y = to.alloc(4096);
    const auto send = [&](std::uint32_t bytes, std::uint64_t rows) {
        EXPECT_EQ(from.run({peer_op(Opcode::Send, bytes, 1, at(x))}, with_rows(rows)).status,
                  SKALD_JOB_DONE);
    };
    send(64, 3);
    expect_no_link(to, peer_op(Opcode::Recv, 64, 0, at(y)));
    send(32, 2);
    expect_no_link(to, peer_op(Opcode::Recv, 64, 0, at(y)));
    send(32, 2);
    expect_no_link(to, gather_op(64, 2, 1, 0, at(y)));
}

TEST(Exchange, OfSumsIsForTimesAlone) {
    Network network(2);
    Rig rig(linked(network, 0));
    isa::MicroOp op = make(Opcode::AllReduce);
    op.rows = kT;
    op.dim = {16, 2, 0};
    op.op[0] = at(rig.alloc(4096));
    expect_no_link(rig, op);
}

TEST(Exchange, ThatWaitsCanBePreemptedCancelledAndReset) {
    Network network(2);
    Rig rig(linked(network, 1));
    const auto va = rig.alloc(4096);
    for (const isa::MicroOp& op :
         {peer_op(Opcode::Recv, 64, 0, at(va)), gather_op(64, 2, 1, 0, at(va))}) {
        rig.engine->launch(rig.job({op, ended()}, with_rows(2)));
        rig.engine->preempt();
        EXPECT_EQ(rig.events.wait_job().status, SKALD_CORE_PREEMPTED);
        rig.engine->resume(0);
        const std::uint64_t before = rig.engine->progress();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        EXPECT_EQ(rig.engine->progress(), before) << "waiting is no progress";
        rig.engine->cancel();
        EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_CANCELLED);
    }
    rig.engine->launch(rig.job({peer_op(Opcode::Recv, 64, 0, at(va)), ended()}, with_rows(2)));
    rig.engine->begin_reset();
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_CANCELLED);
    rig.engine->finish_reset();
}

TEST(Exchange, WaitsForRoomAndSaysNothingTwice) {
    Network network(2);
    Rig rig(linked(network, 0)), other(linked(network, 1));
    const auto x = rig.put(numbers(2 * 2 * 16, 0)), y = other.put(numbers(2 * 2 * 16, 1000));
    // Its part is out; the other's has not come. However often it is preempted that stays so.
    rig.engine->launch(rig.job({gather_op(64, 2, 0, 0, at(x)), ended()}, with_rows(2)));
    for (int i = 0; i < 5; ++i) {
        rig.engine->preempt();
        ASSERT_EQ(rig.events.wait_job().status, SKALD_CORE_PREEMPTED);
        EXPECT_EQ(network.sent(), 1u);
        rig.engine->resume(0);
    }
    EXPECT_EQ(other.run({gather_op(64, 2, 1, 0, at(y))}, with_rows(2)).status, SKALD_JOB_DONE);
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_DONE);
    EXPECT_EQ(network.sent(), 2u);
    EXPECT_EQ(rig.get<std::uint32_t>(x + 64, 1)[0], 1016u);

    // Two messages fit.
    const auto send = peer_op(Opcode::Send, 64, 1, at(x));
    rig.engine->launch(rig.job({send, send, send, ended()}, with_rows(2)));
    rig.engine->preempt();
    auto result = rig.events.wait_job();
    while (result.status == SKALD_CORE_PREEMPTED && result.micro_ops < 2) {
        rig.engine->resume(0);
        rig.engine->preempt();
        result = rig.events.wait_job();
    }
    EXPECT_EQ(result.status, SKALD_CORE_PREEMPTED);
    EXPECT_EQ(result.op_index, 2u);
    rig.engine->resume(0);
    EXPECT_EQ(other.run({peer_op(Opcode::Recv, 64, 0, at(y))}, with_rows(2)).status,
              SKALD_JOB_DONE);
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_DONE);
    EXPECT_EQ(network.sent(), 5u);
}

}  // namespace
}  // namespace skald::test
