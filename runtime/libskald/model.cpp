// SPDX-License-Identifier: MIT
// Weights at the start of one card buffer, the program behind them.
#include "libskald/model.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

constexpr std::uint64_t kProgramAlign = 4096;

Buffer allocate(Device& device, std::uint64_t bytes) {
    try {
        return Buffer::card(device, bytes);
    } catch (const Error& error) {
        if (error.code() != ENOSPC)
            throw;
        throw Error(
            fmt::format("the model does not fit: it needs {} MiB, the card has {} MiB of "
                        "memory, of which {} MiB are in use",
                        bytes >> 20, device.info().mem_size >> 20, device.usage().mem_used >> 20),
            ENOSPC);
    }
}

}  // namespace

Model::Model(Device& device, const ModelImage& image)
    : image_(image),
      space_(device),
      program_offset_((image.weights.size() + kProgramAlign - 1) / kProgramAlign * kProgramAlign),
      memory_(allocate(device, program_offset_ + image.program.size_bytes())),
      binding_(space_, memory_) {
    Uploader uploader(space_);
    uploader.copy(weights_va(), image.weights, image.weights_file);
    uploader.copy(program_va(), std::as_bytes(image.program));
}

}  // namespace skald::rt
