// SPDX-License-Identifier: MIT
// The micro-ops, one function each, by the file they live in. What they do: uapi/doc/isa.md.
#pragma once

#include "card/ops/machine.hpp"

namespace skald::card::ops {

// The function of an opcode that check_encoding() accepts (dispatch.cpp).
[[nodiscard]] Execute find_execute(isa::Opcode opcode);

// op_control.cpp
Fault end(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault alu(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault load(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault store(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault branch(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault loop(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault budget(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_semaphore.cpp
Fault sem_wait(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault sem_signal(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_token_out.cpp
Fault token_out(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_copy.cpp
Fault copy(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_gather.cpp
Fault gather(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault gather_rows(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault row_step(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_quant.cpp
Fault quant(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault dequant(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_matmul.cpp
Fault matmul(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_norm.cpp
Fault rms_norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault layer_norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_elementwise.cpp
Fault add(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault mul(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault act(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault glu(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_rope.cpp
Fault rope(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_combine.cpp, op_route.cpp
Fault combine(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault route(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_conv.cpp, op_kv_append.cpp, op_attention.cpp
Fault conv(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault kv_append(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault attention(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_exchange.cpp
Fault send(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault recv(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault all_gather(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault all_reduce(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

// op_logits.cpp, op_sample.cpp
Fault argmax(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault logprob(Machine& m, const isa::MicroOp& op, std::uint64_t rows);
Fault sample(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

}  // namespace skald::card::ops
