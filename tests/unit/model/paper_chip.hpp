// SPDX-License-Identifier: MIT
// A chip whose figures are ones, so that times can be worked out on paper: a byte, a product and an
// element operation take a nanosecond each, and nothing else takes any. Tests change what they are
// about.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "card/model/apart.hpp"
#include "card/model/chip.hpp"

namespace skald::test {

namespace model = card::model;
using model::Key;

inline model::ChipProfile paper_profile() {
    constexpr std::string_view kText = R"(
sram_mb = 1000         # assumed: a test
prefetch_mb = 500      # assumed: a test
dram_gb = 1            # assumed: a test
dram_gbs = 1           # assumed: a test
int8_tops = 0.002      # assumed: a test
narrow_tops = 0.004    # assumed: a test
f16_tops = 0.002       # assumed: a test
f32_tops = 0.002       # assumed: a test
attention_tops = 0.002 # assumed: a test
vector_gops = 1        # assumed: a test
issue_window = 32      # assumed: a test
)";
    return model::ChipProfile::parse(kText, "paper.chip");
}

// Micro-ops on a timeline, one after the other, with rows in R1.
class Paper {
  public:
    explicit Paper(std::initializer_list<std::pair<Key, double>> changes = {},
                   const model::Widths& widths = {}) {
        model::ChipProfile profile = paper_profile();
        for (const auto& [key, value] : changes)
            profile.set(key, value, model::Provenance::kAssumed, "a test");
        chip_ = std::make_unique<model::Chip>(std::move(profile), widths);
        timeline_ = std::make_unique<model::Timeline>(chip_->rates);
    }

    static isa::MicroOp make(isa::Opcode opcode, std::array<std::uint32_t, 4> dims = {}) {
        isa::MicroOp op;
        op.opcode = static_cast<std::uint8_t>(opcode);
        op.dim = dims;
        op.rows = 1;
        return op;
    }
    static isa::Operand at(std::uint64_t va, std::uint64_t pitch_bytes = 0) {
        isa::Operand operand;
        operand.offset = va;
        operand.pitch = static_cast<std::uint16_t>(pitch_bytes / 16);
        return operand;
    }
    // y = x w, 16 outputs of 64: 1,088 bytes of weights, 1,024 products and 64 to quantise a row.
    static isa::MicroOp matmul(std::uint64_t x, std::uint64_t y) {
        isa::MicroOp op = make(isa::Opcode::MatMul, {16, 64});
        op.fmt = static_cast<std::uint8_t>(isa::WeightFormat::I8B32);
        op.op[0] = at(x);
        op.op[1] = at(0x700000);
        op.op[2] = at(y);
        return op;
    }
    // y = a + b over rows of so many elements.
    static isa::MicroOp add(std::uint64_t a, std::uint64_t b, std::uint64_t y,
                            std::uint32_t width) {
        isa::MicroOp op = make(isa::Opcode::Add, {width});
        op.op[0] = at(a);
        op.op[1] = at(b);
        op.op[2] = at(y);
        return op;
    }

    // sent: when what it receives had left the other chip. track: what was kept of the micro-op;
    // null: nothing.
    model::Timing run(const isa::MicroOp& op, isa::Counts counts = {}, model::Ps sent = 0,
                      model::Track* track = nullptr) {
        const isa::OpInfo& info = *isa::find_op(op.opcode);
        const model::Footprint footprint = model::make_footprint(info, op);
        model::Timing timing;
        if (!info.costs) {
            timeline_->control(info, footprint, op, reg, &timing);
            return timing;
        }
        reg[1] = counts.rows;
        model::Track unknown;
        model::Track& kept = track != nullptr ? *track : unknown;
        if (moving_ == kAll)
            ++epoch_;
        if (!model::Timeline::located(kept, epoch_, counts.rows))
            model::Timeline::locate(footprint, op, {reg, epoch_, moving_}, counts.rows, kept);
        timeline_->retire(footprint, op, model::demand_of(info.work(op, counts), chip_->rates),
                          kept, sent, timing);
        return timing;
    }

    // From here on a register is another one only if it is written so, as it is on a card; before,
    // any may be each time.
    void forget_registers() {
        moving_ = 0;
        ++epoch_;
    }
    void write_register(unsigned index, std::uint64_t value) {
        reg[index] = value;
        epoch_ += (moving_ >> index & 1) == 0 ? 1 : 0;
        moving_ |= 1ull << index;
    }

    [[nodiscard]] model::Timeline& timeline() { return *timeline_; }
    [[nodiscard]] const model::Rates& rates() const { return chip_->rates; }

    std::array<std::uint64_t, isa::kRegisters> reg{};

  private:
    std::unique_ptr<model::Chip> chip_;
    std::unique_ptr<model::Timeline> timeline_;
    static constexpr std::uint64_t kAll = ~0ull;
    std::uint64_t epoch_ = 0;
    std::uint64_t moving_ = kAll;
};

constexpr model::Ps ns(std::uint64_t n) {
    return n * 1000;
}

}  // namespace skald::test
