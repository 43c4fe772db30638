// SPDX-License-Identifier: MIT
// Faults, errors and sampling parameters in words.
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "libskald/error.hpp"
#include "libskald/fault_text.hpp"
#include "libskald/sampling.hpp"
#include "skald/fault.h"

namespace skald::rt {
namespace {

TEST(FaultText, EachReasonHasAWordingOfItsOwn) {
    std::set<std::string_view> texts;
    for (std::uint32_t reason = SKALD_FAULT_NONE; reason <= SKALD_FAULT_LAST; reason++)
        texts.insert(fault_reason_text(reason));
    EXPECT_EQ(texts.size(), SKALD_FAULT_LAST + 1u);
    EXPECT_FALSE(texts.contains(fault_reason_text(SKALD_FAULT_LAST + 1)));
}

TEST(FaultText, AMicroOpBeyondTheProgramIsSaidToBe) {
    drm_skald_vm_query fault{};
    fault.reason = SKALD_FAULT_PROGRAM_END;
    fault.op_index = 7;
    const std::vector<isa::MicroOp> program(3);
    EXPECT_NE(fault_text(fault, program).find("not part of the program"), std::string::npos);
    EXPECT_EQ(fault_text(fault, {}).find("not part"), std::string::npos);
}

TEST(FaultText, KeysBeyondF16AreToldWithTheWayOut) {
    drm_skald_vm_query fault{};
    fault.reason = SKALD_FAULT_NONFINITE;
    std::vector<isa::MicroOp> program(1);
    program[0].opcode = static_cast<std::uint8_t>(isa::Opcode::KvAppend);
    program[0].fmt = static_cast<std::uint8_t>(isa::KvFormat::F16);
    EXPECT_NE(fault_text(fault, program).find("--kv int8"), std::string::npos);
    for (const isa::KvFormat format : {isa::KvFormat::I8, isa::KvFormat::F32}) {
        program[0].fmt = static_cast<std::uint8_t>(format);
        EXPECT_EQ(fault_text(fault, program).find("--kv int8"), std::string::npos);
    }
}

TEST(FaultText, AResetIsNoFaultOfTheProgram) {
    EXPECT_NE(fault_text({}, {}).find("without a fault"), std::string::npos);
}

TEST(Error, CarriesTheErrnoAndItsText) {
    const Error error = system_error(ENOSPC, "cannot do it");
    EXPECT_EQ(error.code(), ENOSPC);
    EXPECT_STREQ(error.what(), "cannot do it: No space left on device (ENOSPC)");
    EXPECT_EQ(errno_text(123456), "error 123456");
}

TEST(Sampling, ATemperatureNearNothingIsNone) {
    isa::Sequence sequence{};
    for (const float temperature : {1e-40f, 1e-38f, 1e-21f, -0.0f}) {
        Sampling sampling;
        sampling.temperature = temperature;
        check(sampling);
        apply(sampling, sequence);
        EXPECT_EQ(sequence.temperature, 0.0f) << temperature;
        EXPECT_FALSE(std::signbit(sequence.temperature));
    }
    Sampling sampling;
    sampling.temperature = 1e-6f;
    apply(sampling, sequence);
    EXPECT_EQ(sequence.temperature, 1e-6f);
    for (const float penalty : {1e-40f, 1e-7f, 1e7f}) {
        sampling.repeat_penalty = penalty;
        EXPECT_THROW(check(sampling), Error) << penalty;
    }
}

TEST(Sampling, RefusesWhatTheCardWouldFaultOn) {
    const auto refused = [](auto change) {
        Sampling sampling;
        change(sampling);
        EXPECT_THROW(check(sampling), Error);
    };
    EXPECT_NO_THROW(check(Sampling{}));
    refused([](Sampling& s) { s.temperature = -1; });
    refused([](Sampling& s) { s.temperature = NAN; });
    refused([](Sampling& s) { s.temperature = INFINITY; });
    refused([](Sampling& s) { s.top_p = 0; });
    refused([](Sampling& s) { s.top_p = 1.5f; });
    refused([](Sampling& s) { s.min_p = -0.1f; });
    refused([](Sampling& s) { s.min_p = NAN; });
    refused([](Sampling& s) { s.repeat_penalty = 0; });
}

TEST(Sampling, FillsTheSequenceTable) {
    Sampling sampling;
    sampling.temperature = 0.5f;
    sampling.top_k = 3;
    sampling.top_p = 0.25f;
    sampling.min_p = 0.125f;
    sampling.repeat_penalty = 1.5f;
    sampling.repeat_last_n = 9;
    sampling.seed = 42;
    isa::Sequence sequence{};
    apply(sampling, sequence);
    EXPECT_EQ(sequence.temperature, 0.5f);
    EXPECT_EQ(sequence.top_k, 3u);
    EXPECT_EQ(sequence.top_p, 0.25f);
    EXPECT_EQ(sequence.min_p, 0.125f);
    EXPECT_EQ(sequence.repeat_penalty, 1.5f);
    EXPECT_EQ(sequence.repeat_last_n, 9u);
    EXPECT_EQ(sequence.seed, 42u);
}

}  // namespace
}  // namespace skald::rt
