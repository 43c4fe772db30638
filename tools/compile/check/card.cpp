// SPDX-License-Identifier: MIT
#include "check/card.hpp"

#include <algorithm>

#include "libskald/batch.hpp"
#include "libskald/os.hpp"
#include "libskald/step_plan.hpp"
#include "local/card_choice.hpp"
#include "skald/program.hpp"
#include "skald/regs.h"

namespace skald::compiler::checking {

Card::Card(const rt::Container& container, unsigned threads) : container_(container) {
    local::CardChoice choice;
    choice.local = true;
    choice.threads = std::min<unsigned>(threads, SKALD_ENGINE_THREADS_MAX);
    device_ = local::open_card(rt::linux_os(), choice, container.weights().size());
}

void Card::read(std::span<const isa::MicroOp> program, std::span<const rt::TokenId> ids,
                std::size_t floats_per_row, std::uint64_t mode, const OnStep& on_step) {
    rt::Model model(*device_, {container_.model(),
                               program,
                               container_.weights(),
                               {container_.file(), container_.weights_offset(), false}});
    const container::ModelInfo& info = model.info();
    const auto chunk = static_cast<std::uint32_t>(
        std::min<std::size_t>({info.max_rows, info.max_selected, ids.size()}));
    rt::BatchOptions options;
    options.positions = {static_cast<std::uint32_t>(ids.size())};
    options.chunk = chunk;
    // The area for dumps is counted in rows of logits.
    options.dump_rows = static_cast<std::uint32_t>(
        isa::ceil_div(std::uint64_t{chunk} * floats_per_row, info.vocabulary));
    rt::Batch batch(model, options);
    rt::Decoder& decoder = batch.decoder();
    rt::DecoderMemory& memory = decoder.memory();
    decoder.begin(program::kModeDump | mode, static_cast<std::uint32_t>(ids.size()));
    const std::uint32_t steps =
        rt::write_scoring(memory, rt::Run{0, 0, {ids.begin(), ids.end()}}, chunk);
    for (std::uint32_t step = 0; step < steps; ++step) {
        memory.args.set(program::kStepsLeft, 1);
        memory.args.set(program::kDump, memory.dump.va);
        static_cast<void>(decoder.run_silent(-1));  // nothing cancels it
        const std::size_t first = std::size_t{step} * chunk;
        const std::size_t rows = std::min<std::size_t>(chunk, ids.size() - first);
        on_step(first, rows, memory.dump.items.first(rows * floats_per_row));
    }
}

}  // namespace skald::compiler::checking
