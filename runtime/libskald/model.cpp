// SPDX-License-Identifier: MIT
// Weights at the start of one card buffer, the program behind them.
#include "libskald/model.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

constexpr std::uint64_t kProgramAlign = 4096;

double mebibytes(std::uint64_t bytes) {
    return static_cast<double>(bytes) / (1 << 20);
}

Buffer allocate(Device& device, std::uint64_t bytes) {
    try {
        return Buffer::card(device, bytes);
    } catch (const Error& error) {
        if (error.code() != ENOSPC)
            throw;
        // What others have there counts for nothing: it would make room.
        throw Error(
            fmt::format("the model does not fit: it needs {:.1f} MiB{}, the card has {:.1f} MiB of "
                        "memory",
                        mebibytes(bytes),
                        bytes > device.info().mem_size
                            ? ""
                            : " beside what this program and the firmware have on the card",
                        mebibytes(device.info().mem_size)),
            ENOSPC);
    }
}

// The device, if it can run that model.
Device& fit_for(const ModelImage& image, Device& device) {
    if (image.shape_bytes != 0 && !device.timing_only())
        throw Error(
            "the model is a shape without weights, of which only times can be had (llm-chip run)",
            EINVAL);
    // A card by itself would wait for others that are not there.
    const container::ModelInfo& info = image.info;
    if (info.tensor != 0 && !device.linked() && !device.timing_only())
        throw Error(
            fmt::format("this is rank {} of a model that is split among {} cards (tensor {}, "
                        "pipeline {}); this card has no link to others",
                        info.rank, info.tensor * info.pipeline, info.tensor, info.pipeline),
            ENOTSUP);
    return device;
}

}  // namespace

Model::Model(Device& device, const ModelImage& image)
    : image_(image),
      space_(fit_for(image, device)),
      program_offset_((image.weight_bytes() + kProgramAlign - 1) / kProgramAlign * kProgramAlign),
      memory_(allocate(device, program_offset_ + image.program.size_bytes())),
      binding_(space_, memory_) {
    Uploader uploader(space_);
    if (!device.timing_only())
        uploader.copy(weights_va(), image.weights, image.weights_file);
    uploader.copy(program_va(), std::as_bytes(image.program));
}

}  // namespace skald::rt
