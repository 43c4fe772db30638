// SPDX-License-Identifier: MIT
// A machine is saved while a job stands preempted in the middle of a micro-op: where it was goes
// with the machine, or what has been done would be done twice.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <memory>

#include "rig.hpp"
#include "transfer.hpp"

namespace skald::qtest {
namespace {

constexpr std::uint32_t kOutputs = 2048, kInputs = 512;
constexpr std::uint64_t kRows = 512;  // those of one visit to the weights
constexpr std::uint8_t kRowsRegister = 2;
constexpr isa::WeightFormat kFormat = isa::WeightFormat::I8B32;
constexpr std::uint64_t kX = kData + kBigPage, kW = kX + kBigPage, kY = kW + 2 * kBigPage;
constexpr std::uint64_t kYBytes = kRows * kOutputs * 4;
static_assert(kRows * kInputs * 4 <= kBigPage && kY + kYBytes <= kDataEnd);

const std::string kCard = "memory-size=64M,simd=scalar,threads=1";

// y = y + x W: what is done twice shows.
std::vector<isa::MicroOp> product() {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    op.fmt = static_cast<std::uint8_t>(kFormat);
    op.flags = isa::kFlagAccumulate;
    op.rows = kRowsRegister;
    op.dim = {kOutputs, kInputs};
    op.op[0].offset = kX;
    op.op[1].offset = kW;
    op.op[2].offset = kY;
    return {op, end()};
}

class Partial : public testing::Test {
  protected:
    Partial() {
        board->boot();
        rig = std::make_unique<Rig>(*board);
        urgent = std::make_unique<JobQueue>(rig->urgent_queue());
        Machine& machine = board->machine;
        machine.write(kMemory + kArguments + 8 * kRowsRegister, 8, kRows);
        std::vector<float> x(kRows * kInputs);
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = static_cast<float>(i * 40503 % 1000) / 500.0f - 1.0f;
        machine.write_block(kMemory + kX, std::as_bytes(std::span(x)));
        // Small positive numbers, scales included.
        std::vector<std::byte> w(isa::matrix_bytes(kFormat, kOutputs, kInputs));
        for (std::size_t i = 0; i < w.size(); ++i)
            w[i] = static_cast<std::byte>(0x30 + i % 3);
        machine.write_block(kMemory + kW, w);
    }
    void clear_y() { board->machine.write_block(kMemory + kY, std::vector<std::byte>(kYBytes)); }
    std::vector<std::byte> y() { return board->machine.read_block(kMemory + kY, kYBytes); }
    // An output of row 0; rows are done together, a few outputs after the other.
    std::uint64_t output(std::uint32_t number) {
        return board->machine.read(kMemory + kY + std::uint64_t{number} * 4, 4);
    }
    std::vector<std::byte> undisturbed() {
        clear_y();
        const skald_completion done = rig->wait_completion(rig->submit(product()));
        EXPECT_EQ(done.status, SKALD_JOB_DONE) << done.reason;
        return y();
    }
    // Until a product stands in its middle while an urgent job waits for the word at kData. Of one
    // that was done before the urgent job had come nothing is wanted.
    void leave_in_the_middle() {
        constexpr int kTries = 20;
        for (int i = 0; i < kTries; ++i) {
            clear_y();
            board->machine.write(kMemory + kData, 8, 0);
            product_job = rig->submit(product());
            wait_until("its first outputs", [&] { return output(0) != 0; });
            urgent_job = urgent->submit(wait_for_ever());
            wait_until("the urgent job", [&] {
                return board->reg(SKALD_REG_ENGINE_STATE) == 1 &&
                       board->reg(SKALD_REG_ENGINE_QUEUE) == kUrgentQueue.id;
            });
            if (!rig->has_ended(product_job) && output(kOutputs - 1) == 0)
                return;
            end_urgent();
        }
        FAIL() << "no product was left in its middle";
    }
    void end_urgent() {
        board->machine.write(kMemory + kData, 8, 1);
        EXPECT_EQ(urgent->wait_completion(urgent_job).status, SKALD_JOB_DONE);
    }
    void expect_end(const std::vector<std::byte>& expected) {
        EXPECT_FALSE(rig->has_ended(product_job));
        end_urgent();
        const skald_completion done = rig->wait_completion(product_job);
        EXPECT_EQ(done.status, SKALD_JOB_DONE) << done.reason;
        EXPECT_EQ(done.micro_ops, 2u) << "however often it was begun";
        EXPECT_TRUE(y() == expected) << "a part of it is missing, or was done twice";
    }

    Folder folder;
    std::unique_ptr<Board> board = std::make_unique<Board>(kCard);
    std::unique_ptr<Rig> rig;
    std::unique_ptr<JobQueue> urgent;
    std::uint64_t product_job = 0, urgent_job = 0;
};

TEST_F(Partial, AMicroOpThatWasLeftInItsMiddleGoesOnThereInAnotherQemu) {
    const std::vector<std::byte> expected = undisturbed();
    ASSERT_NO_FATAL_FAILURE(leave_in_the_middle());
    const auto before = y();
    EXPECT_NE(output(0), 0u);
    create_disk(board->machine, folder.file("disk"));
    save_snapshot(board->machine, "middle");
    rig.reset();
    urgent.reset();
    board.reset();

    board = std::make_unique<Board>(kCard, with_disk(folder.file("disk")));
    rig = std::make_unique<Rig>(Rig::going_on(*board, product_job));
    urgent = std::make_unique<JobQueue>(*board, kUrgentQueue, urgent_job);
    load_snapshot(board->machine, "middle");
    EXPECT_TRUE(y() == before);
    expect_end(expected);
}

TEST_F(Partial, AMicroOpThatWasLeftInItsMiddleGoesOnThereAfterGoingBackInTime) {
    const std::vector<std::byte> expected = undisturbed();
    ASSERT_NO_FATAL_FAILURE(leave_in_the_middle());
    create_disk(board->machine, folder.file("disk"));
    save_snapshot(board->machine, "middle");
    expect_end(expected);
    load_snapshot(board->machine, "middle");
    EXPECT_EQ(output(kOutputs - 1), 0u);
    expect_end(expected);
}

}  // namespace
}  // namespace skald::qtest
