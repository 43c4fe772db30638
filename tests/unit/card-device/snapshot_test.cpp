// SPDX-License-Identifier: MIT
// A card is saved, and goes on in another one as if nothing had been.
#include <sodium.h>

#include <algorithm>
#include <random>

#include "moving_card.hpp"

namespace skald::card::test {
namespace {

using isa::AluOp;

// Says what is wrong with the snapshot, "" if nothing is.
std::string verdict(Card& card, const std::vector<std::byte>& snapshot) {
    try {
        card.load(snapshot);
        return "";
    } catch (const snapshot::Error& error) {
        return error.what();
    }
}

// As who changes a snapshot on purpose: its checksum is right.
void seal(std::vector<std::byte>& snapshot) {
    const std::size_t body = snapshot.size() - crypto_hash_sha256_BYTES;
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(snapshot.data() + body),
                       reinterpret_cast<const unsigned char*>(snapshot.data()), body);
}

std::size_t find(const std::vector<std::byte>& snapshot, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    const auto at = std::search(snapshot.begin(), snapshot.end(), bytes.begin(), bytes.end());
    EXPECT_NE(at, snapshot.end()) << text;
    return static_cast<std::size_t>(at - snapshot.begin());
}

constexpr std::size_t kVersionOfSection = 16;  // bytes behind its name

class Snapshot : public MovingCard {
  protected:
    // Of a card in the middle of a job, with another one behind it.
    std::vector<std::byte> busy_card() {
        boot();
        EXPECT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
        EXPECT_EQ(driver->create_queue({.id = 1, .priority = SKALD_FW_PRIO_LOW}), SKALD_MBOX_OK);
        submit(0, counting(1ull << 40, kData));
        submit(1, counting(10, kData + 8));
        wait_until_running(0);
        stop();
        return card->save();
    }
    void reset_to_load() {
        driver->reset();
        ASSERT_TRUE(host.wait([&] { return card->paused(); }));
    }
};

// Mixes everything a job keeps: registers, scratch, a word in card memory, one in host memory.
Program mixing(std::uint64_t turns) {
    isa::MicroOp loop = ops::base(isa::Opcode::Loop);
    loop.rd = 1;
    loop.dim[0] = 2;
    isa::MicroOp mix = ops::base(isa::Opcode::Alu);
    mix.aux = static_cast<std::uint8_t>(AluOp::Add);
    mix.rd = 2;
    mix.ra = 2;
    mix.rb = 3;
    const std::uint64_t scratch = SKALD_SCRATCH_VA + 4088;
    return {ops::alu_imm(AluOp::Mov, 1, 0, turns),
            ops::store(0, scratch),
            ops::load(3, scratch),
            ops::alu_imm(AluOp::Mul, 2, 2, 6364136223846793005ull),
            mix,
            ops::store(2, scratch),
            ops::store(2, kData),
            ops::sem_set(kHostVa, 5),
            loop,
            ops::store(2, kData + 8),
            ops::end(isa::EndStatus::Continue, 1 << 2)};
}

TEST_F(Snapshot, AJobEndsInAnotherCardAsItWouldHaveInItsOwn) {
    constexpr std::uint64_t kTurns = 30000;
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const auto whole = driver->completion(0, submit(0, mixing(kTurns)));
    ASSERT_EQ(whole.status, SKALD_JOB_CONTINUE) << whole.reason << " at " << whole.op_index;
    const std::uint64_t wanted = card_word(host, kData + 8);
    const std::uint32_t retired = driver->reg(SKALD_REG_RETIRED_LO);

    std::mt19937 random(12);
    int hops = 0;
    const std::uint64_t job = submit(0, mixing(kTurns));
    while (!driver->poll(0, job) && hops < 50) {
        for (auto pause = random() % 4096; pause != 0; --pause)
            card_word(host, kData);
        hop();
        ++hops;
    }
    const auto record = driver->completion(0, job);
    EXPECT_GT(hops, 1);
    EXPECT_EQ(record.status, SKALD_JOB_CONTINUE) << record.reason << " at " << record.op_index;
    EXPECT_EQ(record.micro_ops, whole.micro_ops);
    EXPECT_EQ(record.cycles, whole.cycles);
    EXPECT_EQ(card_word(host, kData + 8), wanted);
    EXPECT_EQ(card_word(host, kArgs + 2 * 8), wanted);
    EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_LO), 2 * retired);
}

// Work of which each turn waits for the one before.
Program adding(std::uint64_t turns) {
    isa::MicroOp add = ops::base(isa::Opcode::Add);
    add.rows = 2;
    add.dim[0] = 64;
    add.op[0].offset = add.op[2].offset = SKALD_SCRATCH_VA;
    add.op[1].offset = SKALD_SCRATCH_VA + 1024;
    isa::MicroOp loop = ops::base(isa::Opcode::Loop);
    loop.rd = 1;
    loop.dim[0] = 2;
    return {ops::alu_imm(AluOp::Mov, 1, 0, turns), ops::alu_imm(AluOp::Mov, 2, 0, 1), add, loop,
            ops::end()};
}

TEST_F(Snapshot, TheModelledTimeGoesOnInAnotherCard) {
    constexpr std::uint64_t kTurns = 100000;
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const auto whole = driver->completion(0, submit(0, adding(kTurns)));
    ASSERT_EQ(whole.status, SKALD_JOB_DONE) << whole.reason << " at " << whole.op_index;
    const std::uint64_t job = submit(0, adding(kTurns));
    int hops = 0;
    while (!driver->poll(0, job) && hops < 50) {
        hop();
        ++hops;
    }
    const auto record = driver->completion(0, job);
    EXPECT_GT(hops, 1);
    EXPECT_EQ(record.cycles, whole.cycles);
    EXPECT_EQ(record.bytes, whole.bytes);
    EXPECT_EQ(record.energy_pj, whole.energy_pj);
    card->reg_write(SKALD_REG_MODEL_SAMPLE, 0);
    EXPECT_LE(driver->reg(SKALD_REG_MODEL_TIME_LO) - 2 * whole.cycles, 1u) << "of fractions";
    EXPECT_EQ(driver->reg(SKALD_REG_MODEL_JOBS_LO), 2u);
}

TEST_F(Snapshot, JobsThatTakeTurnsGoOnTakingTurns) {
    constexpr std::uint64_t kTurns = 400000;
    boot();
    for (std::uint32_t queue = 0; queue < 3; ++queue)
        ASSERT_EQ(driver->create_queue({.id = queue}), SKALD_MBOX_OK);
    std::array<std::uint64_t, 3> jobs{};
    for (std::uint32_t queue = 0; queue < 3; ++queue)
        jobs[queue] = submit(queue, counting(kTurns, kData + 8 * queue));
    for (int hops = 0; hops < 12; ++hops)
        hop();
    for (std::uint32_t queue = 0; queue < 3; ++queue) {
        const auto record = driver->completion(queue, jobs[queue]);
        EXPECT_EQ(record.status, SKALD_JOB_DONE) << record.reason;
        EXPECT_EQ(record.micro_ops, 2 + 2 * kTurns);
        EXPECT_EQ(card_word(host, kData + 8 * queue), kTurns);
    }
}

TEST_F(Snapshot, WhatWasAskedForIsDoneAfterwards) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const std::uint64_t hung = submit(0, waiting(kData + 8));
    wait_until_running(0);
    stop();
    driver->post({SKALD_MBOX_CTX_INVALIDATE, 0});
    const std::uint64_t behind = submit(0, counting(5, kData));
    replace();
    EXPECT_FALSE(driver->answered());
    card->end_pause();
    EXPECT_EQ(driver->answer()[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    set_card_word(host, kData + 8, 1);
    EXPECT_EQ(driver->completion(0, hung).status, SKALD_JOB_DONE);
    EXPECT_EQ(driver->completion(0, behind).status, SKALD_JOB_DONE);
    EXPECT_EQ(card_word(host, kData), 5u);
}

TEST_F(Snapshot, AKilledContextStaysBanned) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, submit(0, {ops::load(1, 0x5'0000'0008), ops::end()})).status,
              SKALD_JOB_FAULT);
    hop();
    EXPECT_EQ(driver->completion(0, submit(0, {ops::end()})).status, SKALD_JOB_BANNED);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_FAULT, 0})[SKALD_CF_REASON], SKALD_FAULT_UNMAPPED);
}

TEST_F(Snapshot, StatesWithoutFirmwareAreKept) {
    hop();
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    driver->start_boot(std::vector<std::byte>(4096));
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_BOOT_FAILED; }));
    hop();
    EXPECT_EQ(driver->status(), SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_MAGIC);
    stop();
    driver->start_boot(firmware_image());
    replace();
    EXPECT_EQ(driver->status(), SKALD_STATE_BOOTING);
    card->end_pause();
    EXPECT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_RUNNING; }));
    driver->post({SKALD_MBOX_HALT});
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_DEAD; }));
    hop();
    EXPECT_EQ(driver->status(), SKALD_STATE_DEAD);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HALT);
    driver->reset();
    boot();
}

TEST_F(Snapshot, TheClockGoesOnWhereItWas) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const std::uint64_t job =
        submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 1), ops::sem_wait(kData, 1), ops::end()});
    ASSERT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_RETIRED_LO) == 1; }));
    stop();
    const std::uint64_t before = driver->reg(SKALD_REG_CLOCK_LO);
    replace();
    const std::uint64_t after = driver->reg(SKALD_REG_CLOCK_LO);
    card->end_pause();
    EXPECT_GE(after, before);
    set_card_word(host, kData, 1);
    driver->completion(0, job);
    const skald_stamps stamps = driver->stamps(0, job);
    EXPECT_LE(stamps.began, before);
    EXPECT_GE(stamps.ended, stamps.began);
    EXPECT_GE(stamps.written, stamps.ended);
}

TEST_F(Snapshot, OnlyACardAtRestIsSavedAndOnlyAResetOneLoaded) {
    const auto snapshot = busy_card();
    EXPECT_NE(verdict(*card, snapshot).find("was reset"), std::string::npos);
    card->end_pause();
    EXPECT_THROW(static_cast<void>(card->save()), snapshot::Error);
    EXPECT_NE(verdict(*card, snapshot).find("paused"), std::string::npos);
}

TEST_F(Snapshot, ADamagedOneIsRefusedWithASentenceAndChangesNothing) {
    auto snapshot = busy_card();
    reset_to_load();
    std::mt19937 random(7);
    for (int i = 0; i < 40; ++i) {
        auto damaged = snapshot;
        damaged[random() % damaged.size()] ^= static_cast<std::byte>(1u << random() % 8);
        EXPECT_NE(verdict(*card, damaged), "");
        auto shorter = snapshot;
        shorter.resize(random() % shorter.size());
        EXPECT_NE(verdict(*card, shorter), "");
    }
    EXPECT_NE(verdict(*card, {}), "");
    snapshot.resize(snapshot.size() + 1);
    EXPECT_NE(verdict(*card, snapshot), "");
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    card->end_pause();
    seq.fill(0);
    boot();
    ASSERT_EQ(driver->create_queue({.id = 1}), SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(1, submit(1, {ops::end()})).status, SKALD_JOB_DONE);
}

// Of a card that has done nothing.
struct Section {
    const char* name;
    std::uint32_t version;
    std::uint64_t bytes;
};
constexpr Section kSections[] = {{"time", 1, 8},
                                 {"device", 1, 87402},
                                 {"sram", 1, 294920},
                                 {"hart", 1, 223},
                                 {"engine", 5, 748}};

TEST_F(Snapshot, OneOfAnotherVersionOrCardIsRefusedWithASentence) {
    const auto snapshot = busy_card();
    reset_to_load();
    auto other = snapshot;
    other[8] = std::byte{9};  // the format's version, behind the magic
    EXPECT_EQ(verdict(*card, other), "the snapshot has format 9, and this card reads 1");
    for (const Section& section : kSections) {
        other = snapshot;
        other[find(other, section.name) + kVersionOfSection] = std::byte{7};
        seal(other);
        EXPECT_EQ(verdict(*card, other), std::string("the snapshot's section '") + section.name +
                                             "' has version 7, and this card reads " +
                                             std::to_string(section.version));
    }
    other = snapshot;
    const std::size_t memory_size = find(other, "device") + 32 + SKALD_REG_MEM_SIZE_LO;
    other[memory_size + 3] ^= std::byte{1};
    seal(other);
    EXPECT_EQ(verdict(*card, other),
              "the snapshot is of another kind of card: MEM_SIZE_LO is "
              "0x1800000 there, 0x800000 here");
    EXPECT_EQ(verdict(*card, snapshot), "");
}

// Whoever changes what is in a section counts its version up: this is how one would notice.
TEST_F(Snapshot, ItsSectionsAreThoseOfTheirVersions) {
    stop();
    const std::vector<std::byte> snapshot = card->save();
    std::size_t at = 24;
    for (const auto& [name, expected, bytes] : kSections) {
        std::uint32_t version = 0;
        std::uint64_t length = 0;
        ASSERT_LT(at + 32, snapshot.size());
        EXPECT_STREQ(reinterpret_cast<const char*>(snapshot.data() + at), name);
        std::memcpy(&version, snapshot.data() + at + kVersionOfSection, sizeof(version));
        std::memcpy(&length, snapshot.data() + at + 24, sizeof(length));
        EXPECT_EQ(version, expected) << name;
        EXPECT_EQ(length, bytes) << name;
        at += 32 + length;
    }
    EXPECT_EQ(at + crypto_hash_sha256_BYTES, snapshot.size());
}

// What a snapshot says may be anything, if somebody made it so: it is refused or it is harmless.
TEST_F(Snapshot, AForgedOneDoesNoHarm) {
    const auto snapshot = busy_card();
    std::mt19937 random(3);
    const std::size_t engine = find(snapshot, "engine");
    const std::size_t device = find(snapshot, "device");
    int loaded = 0;
    for (int i = 0; i < 100; ++i) {
        auto forged = snapshot;
        const std::size_t from = i % 2 ? engine : device;
        const std::size_t at = from + 32 + random() % 4096;
        if (at >= forged.size() - crypto_hash_sha256_BYTES)
            continue;
        forged[at] = static_cast<std::byte>(random());
        seal(forged);
        reset_to_load();
        if (verdict(*card, forged).empty()) {
            ++loaded;
            card->end_pause();
            stop();
        }
    }
    EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace skald::card::test
