// SPDX-License-Identifier: MIT
// A card, an address space and a little memory to run hand-written programs in.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "libskald/address_space.hpp"
#include "libskald/error.hpp"
#include "libskald/queue.hpp"
#include "program.hpp"
#include "test_card.hpp"

namespace skald::test {

// Card memory with a program, its arguments and a page of data, in one address space.
class Workbench {
  public:
    static constexpr std::uint64_t kArgs = 64 * 1024, kData = 128 * 1024;

    explicit Workbench(rt::Device& device)
        : space(device), memory(rt::Buffer::card(device, 1)), binding(space, memory) {}

    [[nodiscard]] std::uint64_t data_va() const { return binding.va() + kData; }
    template <class T>
    T& data(std::uint64_t offset = 0) {
        return *reinterpret_cast<T*>(memory.map().data() + kData + offset);
    }
    [[nodiscard]] drm_skald_job job(const Program& program) {
        std::memcpy(memory.map().data(), program.ops().data(), program.ops().size_bytes());
        drm_skald_job job{};
        job.program_va = binding.va();
        job.args_va = binding.va() + kArgs;
        job.program_ops = program.size();
        return job;
    }
    // Runs it to its end; throws its fault.
    void run(const Program& program) {
        rt::Queue queue(space, {});
        queue.set_program(program.ops());
        queue.wait_job(queue.submit(job(program)));
    }

    rt::AddressSpace space;
    rt::Buffer memory;
    rt::Binding binding;
};

class JobTest : public testing::Test {
  protected:
    std::unique_ptr<rt::Device> device = open_test_card();
};

// The message of the rt::Error that a call throws, and its code.
template <class Call>
rt::Error error_of(Call call) {
    try {
        call();
    } catch (const rt::Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return rt::Error("");
}

inline bool contains(const rt::Error& error, const std::string& text) {
    return std::string(error.what()).find(text) != std::string::npos;
}

}  // namespace skald::test
