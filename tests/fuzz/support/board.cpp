// SPDX-License-Identifier: MIT
#include "support/board.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "skald/fw_image.h"
#include "skald/page_table.h"
#include "support/target.hpp"

namespace skald::fuzz {
namespace {

using isa::MicroOp;
using isa::Opcode;

CardMemory& card_memory() {
    static CardMemory memory(kBoardMemory);
    return memory;
}

MicroOp make(Opcode opcode) {
    MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}

MicroOp end() {
    MicroOp op = make(Opcode::End);
    op.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    return op;
}

// Adds 1 to R1 for as long as its loops last.
std::vector<MicroOp> spinning() {
    MicroOp add = make(Opcode::Alu);
    add.aux = static_cast<std::uint8_t>(isa::AluOp::Add);
    add.flags = isa::kFlagImm;
    add.rd = add.ra = 1;
    add.imm = 1;
    MicroOp branch = make(Opcode::Branch);
    branch.aux = static_cast<std::uint8_t>(isa::Condition::Always);
    return {add, branch};
}

std::vector<MicroOp> waiting() {
    MicroOp wait = make(Opcode::SemWait);
    wait.aux = static_cast<std::uint8_t>(isa::Condition::AboveEqual);
    wait.flags = isa::kFlagImm;
    wait.imm = 1;
    wait.op[0].offset = kDataAt;
    return {wait, end()};
}

std::vector<MicroOp> copying() {
    MicroOp copy = make(Opcode::Copy);
    copy.rows = 1;
    copy.dim[0] = 4096;
    copy.op[0].offset = kHostVa;
    copy.op[1].offset = kDataAt;
    return {copy, end()};
}

// Uses the scratch at both ends.
std::vector<MicroOp> scratching() {
    MicroOp store = make(Opcode::Store);
    store.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    store.op[0].offset = SKALD_SCRATCH_VA;
    MicroOp load = make(Opcode::Load);
    load.fmt = store.fmt;
    load.rd = 2;
    load.op[0].offset = SKALD_SCRATCH_VA;
    load.op[0].base = 3;
    return {store, load, end()};
}

}  // namespace

Board::Board() : memory_(card_memory().bytes()), host_(std::make_unique<std::byte[]>(kHostBytes)) {
    card_memory().clear();
    put_tables();
    put_programs();
    card::CardOptions options;
    options.threads = 1;
    options.simd = card::Simd::kScalar;
    card_ = std::make_unique<card::Card>(memory_, card::CardPorts{*this, *this, *this},
                                         card::Hooks{}, options);
}

void Board::put_tables() {
    constexpr std::uint64_t kLeaf = SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_WRITE;
    const auto put = [&](std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
        std::memcpy(&memory_[table + index * 8], &entry, sizeof entry);
    };
    constexpr std::uint64_t kTables = kRootAt + 0x1000;
    put(kRootAt, 0, kTables | SKALD_PTE_VALID);
    put(kTables, 0, (kTables + 0x1000) | SKALD_PTE_VALID);
    put(kTables + 0x1000, 1, SKALD_BIG_PAGE_SIZE | kLeaf);
    put(kTables + 0x1000, kHostVa / SKALD_BIG_PAGE_SIZE, (kTables + 0x2000) | SKALD_PTE_VALID);
    for (std::uint64_t page = 0; page < kHostBytes / SKALD_PAGE_SIZE; ++page)
        put(kTables + 0x2000, page, (kHostBase + page * SKALD_PAGE_SIZE) | kLeaf | SKALD_PTE_HOST);
}

void Board::put_programs() {
    const std::vector<MicroOp> programs[kPrograms] = {{end()},   spinning(),   waiting(),
                                                      copying(), scratching(), {}};
    for (std::uint32_t i = 0; i < kPrograms; ++i)
        std::ranges::copy(std::as_bytes(std::span(programs[i])),
                          memory_.begin() + kProgramsAt + i * 4096);
    const std::uint64_t one = 1;
    std::memcpy(&memory_[kArgsAt + 8], &one, sizeof one);
}

void Board::boot(std::span<const std::byte> image) {
    std::ranges::copy(image, memory_.begin() + kImageAt);
    card_->reg_write(SKALD_REG_BOOT_ADDR_LO, kImageAt);
    card_->reg_write(SKALD_REG_BOOT_SIZE, static_cast<std::uint32_t>(image.size()));
    card_->reg_write(SKALD_REG_HOST_ABI, SKALD_FW_ABI);
    card_->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
}

void Board::rest() {
    std::this_thread::yield();
}

std::byte* Board::at(card::DmaAddr address, std::size_t bytes) {
    const std::uint64_t offset = address.value - kHostBase;
    if (refuse_ || address.value < kHostBase || offset > kHostBytes || bytes > kHostBytes - offset)
        return nullptr;
    return host_.get() + offset;
}

bool Board::read(card::DmaAddr from, std::span<std::byte> to) {
    const std::byte* memory = at(from, to.size());
    if (memory != nullptr)
        std::memcpy(to.data(), memory, to.size());
    return memory != nullptr;
}

bool Board::write(card::DmaAddr to, std::span<const std::byte> from) {
    std::byte* memory = at(to, from.size());
    if (memory != nullptr)
        std::memcpy(memory, from.data(), from.size());
    return memory != nullptr;
}

bool Board::load64(card::DmaAddr from, std::uint64_t& value) {
    promise(from.value % sizeof value == 0, "single accesses to host memory are aligned");
    const std::byte* memory = at(from, sizeof value);
    if (memory != nullptr)
        value = __atomic_load_n(reinterpret_cast<const std::uint64_t*>(memory), __ATOMIC_ACQUIRE);
    return memory != nullptr;
}

bool Board::store64(card::DmaAddr to, std::uint64_t value) {
    promise(to.value % sizeof value == 0, "single accesses to host memory are aligned");
    std::byte* memory = at(to, sizeof value);
    if (memory != nullptr)
        __atomic_store_n(reinterpret_cast<std::uint64_t*>(memory), value, __ATOMIC_RELEASE);
    return memory != nullptr;
}

void Board::raise(unsigned vector) {
    promise(vector < SKALD_NUM_VECTORS, "a vector that is raised exists");
}

std::uint64_t Board::now_ns() const {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

std::vector<std::byte> firmware_image(std::span<const std::byte> payload, std::uint32_t entry,
                                      std::span<const std::byte> header_bits) {
    skald_fw_header header{};
    header.magic = SKALD_FW_MAGIC;
    header.header_size = sizeof header;
    header.device_abi = SKALD_DEVICE_ABI;
    header.fw_abi = SKALD_FW_ABI;
    header.payload_size = static_cast<std::uint32_t>(payload.size());
    header.load_addr = SKALD_SRAM_BASE;
    header.entry = entry;
    const auto bytes = std::as_writable_bytes(std::span(&header, 1));
    for (std::size_t i = 0; i < header_bits.size() && i < offsetof(skald_fw_header, sha256); ++i)
        bytes[i] ^= header_bits[i];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()),
                              offsetof(skald_fw_header, sha256));
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(payload.data()),
                              payload.size());
    crypto_hash_sha256_final(&state, header.sha256);
    std::vector<std::byte> image(bytes.begin(), bytes.end());
    image.insert(image.end(), payload.begin(), payload.end());
    return image;
}

std::vector<std::byte> built_file(const char* path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.empty())
        throw std::runtime_error(std::string(path) + ": cannot be read");
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    return {data, data + bytes.size()};
}

}  // namespace skald::fuzz
