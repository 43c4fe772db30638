// SPDX-License-Identifier: MIT
#include "reference_machine.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "input/half.hpp"
#include "skald/ring.h"
#include "tile_reader.hpp"

namespace skald::test {

using compiler::f16_to_f32;
using compiler::f32_to_f16;
using isa::MicroOp;
using isa::Opcode;

std::uint64_t ReferenceMachine::add_buffer(std::size_t bytes) {
    const std::uint64_t address = next_;
    buffers_[address].resize(bytes);
    next_ += (bytes + (1ull << 32)) & ~((1ull << 32) - 1);  // never adjacent
    return address;
}

std::uint64_t ReferenceMachine::add_buffer(std::span<const std::byte> content) {
    const std::uint64_t address = add_buffer(content.size());
    buffers_[address].assign(content.begin(), content.end());
    return address;
}

const std::byte* ReferenceMachine::at(std::uint64_t address, std::size_t bytes) const {
    auto it = buffers_.upper_bound(address);
    if (it == buffers_.begin())
        throw std::out_of_range("address 0x" + std::to_string(address));
    --it;
    const std::uint64_t offset = address - it->first;
    if (offset > it->second.size() || it->second.size() - offset < bytes)
        throw std::out_of_range(std::to_string(bytes) + " bytes at offset " +
                                std::to_string(offset) + " of a buffer of " +
                                std::to_string(it->second.size()));
    return it->second.data() + offset;
}

std::span<const std::byte> ReferenceMachine::rest_of_buffer(std::uint64_t address) const {
    const std::byte* begin = at(address, 0);
    const auto& buffer = std::prev(buffers_.upper_bound(address))->second;
    return {begin, static_cast<std::size_t>(buffer.data() + buffer.size() - begin)};
}

std::uint64_t ReferenceMachine::address(const isa::Operand& o) const {
    return r_[o.base] + o.offset + r_[o.index] * o.stride;
}

std::uint64_t ReferenceMachine::row(const MicroOp& op, std::size_t i, std::uint64_t r,
                                    std::uint64_t dense) const {
    const std::uint64_t pitch = op.op[i].pitch ? op.op[i].pitch * 16ull : dense;
    if (pitch < dense)
        throw std::logic_error("a pitch shorter than the row");
    return address(op.op[i]) + r * pitch;
}

isa::EndStatus ReferenceMachine::run(std::span<const MicroOp> program, std::uint64_t arguments) {
    for (std::size_t i = 0; i < r_.size(); ++i)
        r_[i] = read<std::uint64_t>(arguments + 8 * i);
    r_[isa::kRegZero] = 0;
    r_[isa::kRegArgs] = arguments;
    for (std::size_t pc = 0;;) {
        const MicroOp& op = program[pc++];
        ++executed;
        switch (static_cast<Opcode>(op.opcode)) {
            case Opcode::End:
                for (std::size_t i = 1; i < 63; ++i)
                    if ((op.imm >> i & 1) != 0)
                        write<std::uint64_t>(arguments + 8 * i, r_[i]);
                return static_cast<isa::EndStatus>(op.aux);
            case Opcode::Branch:
                pc = taken(op) ? op.dim[0] : pc;
                break;
            case Opcode::Loop:
                pc = --r_[op.rd] != 0 ? op.dim[0] : pc;
                break;
            case Opcode::Budget:
                ++boundaries_;
                pc = budget_at != 0 && boundaries_ % budget_at == 0 ? op.dim[0] : pc;
                break;
            default:
                execute(op);
        }
        r_[isa::kRegZero] = 0;
    }
}

bool ReferenceMachine::taken(const MicroOp& op) const {
    const std::uint64_t a = r_[op.ra], b = (op.flags & isa::kFlagImm) != 0 ? op.imm : r_[op.rb];
    switch (static_cast<isa::Condition>(op.aux)) {
        case isa::Condition::Always:
            return true;
        case isa::Condition::Equal:
            return a == b;
        case isa::Condition::NotEqual:
            return a != b;
        case isa::Condition::Below:
            return a < b;
        case isa::Condition::AboveEqual:
            return a >= b;
    }
    throw std::logic_error("condition");
}

void ReferenceMachine::alu(const MicroOp& op) {
    const std::uint64_t a = r_[op.ra], b = (op.flags & isa::kFlagImm) != 0 ? op.imm : r_[op.rb];
    std::uint64_t& d = r_[op.rd];
    switch (static_cast<isa::AluOp>(op.aux)) {
        case isa::AluOp::Mov:
            d = b;
            break;
        case isa::AluOp::Add:
            d = a + b;
            break;
        case isa::AluOp::Sub:
            d = a - b;
            break;
        case isa::AluOp::Mul:
            d = a * b;
            break;
        case isa::AluOp::And:
            d = a & b;
            break;
        case isa::AluOp::Or:
            d = a | b;
            break;
        case isa::AluOp::Xor:
            d = a ^ b;
            break;
        case isa::AluOp::Shl:
            d = a << (b & 63);
            break;
        case isa::AluOp::Shr:
            d = a >> (b & 63);
            break;
        case isa::AluOp::Min:
            d = std::min(a, b);
            break;
        case isa::AluOp::Max:
            d = std::max(a, b);
            break;
    }
}

void ReferenceMachine::execute(const MicroOp& op) {
    switch (static_cast<Opcode>(op.opcode)) {
        case Opcode::Alu:
            return alu(op);
        case Opcode::Load:
            r_[op.rd] = op.fmt == static_cast<std::uint8_t>(isa::Width::U32)
                            ? read<std::uint32_t>(address(op.op[0]))
                            : read<std::uint64_t>(address(op.op[0]));
            return;
        case Opcode::Gather:
            return gather(op);
        case Opcode::Copy:
        case Opcode::GatherRows:
            return copy_rows(op);
        case Opcode::KvAppend:
            return kv_append(op);
        case Opcode::RowStep:
            for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
                const std::uint64_t p = row(op, 0, t, sizeof(isa::Row)) + 4;
                if ((op.flags & isa::kFlagSequences) != 0 &&
                    (read<isa::Sequence>(address(op.op[1]) +
                                         read<std::uint32_t>(p - 4) * sizeof(isa::Sequence))
                         .flags &
                     isa::kSequenceStopped) != 0)
                    continue;
                write(p, static_cast<std::uint32_t>(read<std::uint32_t>(p) + op.imm));
            }
            return;
        case Opcode::MatMul:
            return matmul(op);
        case Opcode::RmsNorm:
            return rms_norm(op);
        case Opcode::Rope:
            return rope(op);
        case Opcode::Glu:
            return glu(op);
        case Opcode::Add:
            return add(op);
        case Opcode::Attention:
            return attention(op);
        case Opcode::Sample:
            return sample(op);
        case Opcode::LogProb:
            return log_prob(op);
        case Opcode::TokenOut:
            return token_out(op);
        default:
            throw std::logic_error("micro-op " + std::to_string(op.opcode));
    }
}

namespace {

// Rounds to whole multiples of a step of 1/127 of the largest, group by group; returns the step of
// the last.
float quantise(std::span<float> x, std::size_t group) {
    float step = 0;
    for (std::size_t begin = 0; begin < x.size(); begin += group) {
        const auto part = x.subspan(begin, std::min(group, x.size() - begin));
        float amax = 0;
        for (const float v : part)
            amax = std::max(amax, std::abs(v));
        step = amax / 127;
        const float id = amax > 0 ? 127 / amax : 0;
        for (float& v : part)
            v = std::nearbyint(v * id) * step;
    }
    return step;
}

}  // namespace

void ReferenceMachine::gather(const MicroOp& op) {
    const auto w = rest_of_buffer(address(op.op[1]));
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto id = read<std::uint32_t>(address(op.op[0]) + 4 * t);
        if (id >= op.dim[0])
            throw std::out_of_range("token id");
        for (std::uint64_t k = 0; k < op.dim[1]; ++k)
            write(row(op, 2, t, op.dim[1] * 4ull) + 4 * k,
                  tile_weight(static_cast<isa::WeightFormat>(op.fmt), w, op.dim[1], id, k));
    }
}

void ReferenceMachine::matmul(const MicroOp& op) {
    const std::uint64_t n_rows = op.dim[0], k_len = op.dim[1];
    const auto format = static_cast<isa::WeightFormat>(op.fmt);
    const auto tiles = rest_of_buffer(address(op.op[1]));
    std::vector<float> w(std::size_t{n_rows} * k_len), x(k_len);
    for (std::uint64_t n = 0; n < n_rows; ++n)
        for (std::uint64_t k = 0; k < k_len; ++k)
            w[std::size_t{n} * k_len + k] = tile_weight(format, tiles, k_len, n, k);
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        for (std::uint64_t k = 0; k < k_len; ++k)
            x[k] = read<float>(row(op, 0, t, k_len * 4) + 4 * k);
        if (format != isa::WeightFormat::F16 && format != isa::WeightFormat::F32)
            quantise(x, isa::weight_info(format).group == isa::QuantGroup::Row ? k_len
                                                                               : isa::kQuantBlock);
        for (std::uint64_t n = 0; n < n_rows; ++n) {
            double sum = 0;
            for (std::uint64_t k = 0; k < k_len; ++k)
                sum += double{w[std::size_t{n} * k_len + k]} * x[k];
            const std::uint64_t y = row(op, 2, t, n_rows * 4) + 4 * n;
            if ((op.flags & isa::kFlagBias) != 0)
                sum += read<float>(address(op.op[3]) + 4 * n);
            if ((op.flags & isa::kFlagAccumulate) != 0)
                sum += read<float>(y);
            write(y, static_cast<float>(sum));
        }
    }
}

void ReferenceMachine::rms_norm(const MicroOp& op) {
    const std::uint64_t k_len = op.dim[0];
    const auto eps = std::bit_cast<float>(static_cast<std::uint32_t>(op.imm));
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const std::uint64_t x = row(op, 0, t, k_len * 4), y = row(op, 2, t, k_len * 4);
        double ss = 0;
        for (std::uint64_t k = 0; k < k_len; ++k)
            ss += std::pow(double{read<float>(x + 4 * k)}, 2);
        const double r = 1 / std::sqrt(ss / k_len + eps);
        for (std::uint64_t k = 0; k < k_len; ++k)
            write(y + 4 * k, static_cast<float>(read<float>(x + 4 * k) * r *
                                                read<float>(address(op.op[1]) + 4 * k)));
    }
}

void ReferenceMachine::rope(const MicroOp& op) {
    const std::uint64_t heads = op.dim[0], head_dim = op.dim[1], rot = op.dim[2];
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto where = read<isa::Row>(row(op, 2, t, sizeof(isa::Row)));
        if (where.position >= op.dim[3])
            throw std::out_of_range("rotary position");
        const std::uint64_t table = address(op.op[1]) + std::uint64_t{where.position} * rot * 4;
        for (std::uint64_t h = 0; h < heads; ++h)
            for (std::uint64_t i = 0; i < rot / 2; ++i) {
                const std::uint64_t a = row(op, 0, t, heads * head_dim * 4) +
                                        4 * (h * head_dim + i),
                                    b = a + 2 * rot;
                const float c = read<float>(table + 4 * i),
                            s = read<float>(table + 4 * (rot / 2 + i));
                const float va = read<float>(a), vb = read<float>(b);
                write(a, va * c - vb * s);
                write(b, vb * c + va * s);
            }
    }
}

void ReferenceMachine::glu(const MicroOp& op) {
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t)
        for (std::uint64_t k = 0; k < op.dim[0]; ++k) {
            const float g = read<float>(row(op, 0, t, op.dim[0] * 4ull) + 4 * k);
            const float u = read<float>(row(op, 1, t, op.dim[0] * 4ull) + 4 * k);
            write(row(op, 2, t, op.dim[0] * 4ull) + 4 * k, g / (1 + std::exp(-g)) * u);
        }
}

void ReferenceMachine::add(const MicroOp& op) {
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t)
        for (std::uint64_t k = 0; k < op.dim[0]; ++k)
            write(row(op, 2, t, op.dim[0] * 4ull) + 4 * k,
                  read<float>(row(op, 0, t, op.dim[0] * 4ull) + 4 * k) +
                      read<float>(row(op, 1, t, op.dim[0] * 4ull) + 4 * k));
}

std::uint64_t ReferenceMachine::kv_head(const MicroOp& op, std::size_t pool, std::size_t blocks,
                                        std::uint64_t sequence, std::uint64_t position,
                                        std::uint64_t head) const {
    const std::uint64_t pitch = op.op[blocks].pitch * 16ull;
    if (position / 64 * 4 >= pitch)
        throw std::out_of_range("position beyond the block table's row");
    const auto block =
        read<std::uint32_t>(address(op.op[blocks]) + sequence * pitch + position / 64 * 4);
    if (block >= r_[op.rb])
        throw std::out_of_range("block");
    const std::uint64_t head_bytes =
        is_int8(op) ? 128ull * (op.dim[2] + 4) : 128ull * float_bytes(op) * op.dim[2];
    return address(op.op[pool]) + std::uint64_t{block} * op.dim[3] + head * head_bytes;
}

bool ReferenceMachine::is_int8(const MicroOp& op) {
    return op.fmt == static_cast<std::uint8_t>(isa::KvFormat::I8);
}

// Of an element, where it is no int8.
std::uint64_t ReferenceMachine::float_bytes(const MicroOp& op) {
    return op.fmt == static_cast<std::uint8_t>(isa::KvFormat::F32) ? 4 : 2;
}

namespace {

// Places in a head's part of a block; p is the position within it. Of floats in elements, else in
// bytes.
std::uint64_t float_key(std::uint64_t dim, std::uint64_t p, std::uint64_t d) {
    return (p / 16 * dim + d) * 16 + p % 16;
}
std::uint64_t float_value(std::uint64_t dim, std::uint64_t p, std::uint64_t d) {
    return 64 * dim + p * dim + d;
}
std::uint64_t int8_key(std::uint64_t dim, std::uint64_t p, std::uint64_t d) {
    return ((p / 16 * (dim / 4) + d / 4) * 16 + p % 16) * 4 + d % 4;
}
std::uint64_t int8_value(std::uint64_t dim, std::uint64_t p, std::uint64_t d) {
    return 64 * dim + p * dim + d;
}
std::uint64_t int8_scale(std::uint64_t dim, std::uint64_t p, bool value) {
    return 128 * dim + (value ? 256 : 0) + 4 * p;
}

}  // namespace

void ReferenceMachine::kv_append(const MicroOp& op) {
    const std::uint64_t heads = op.dim[0], dim = op.dim[2];
    std::vector<float> x(dim);
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto where = read<isa::Row>(row(op, 3, t, sizeof(isa::Row)));
        const std::uint64_t p = where.position % 64;
        for (std::uint64_t h = 0; h < heads; ++h) {
            const std::uint64_t to = kv_head(op, 2, 4, where.sequence, where.position, h);
            for (const bool v : {false, true}) {
                for (std::uint64_t d = 0; d < dim; ++d)
                    x[d] = read<float>(row(op, v ? 1 : 0, t, heads * dim * 4) + 4 * (h * dim + d));
                if (!is_int8(op)) {
                    const std::uint64_t bytes = float_bytes(op);
                    for (std::uint64_t d = 0; d < dim; ++d) {
                        const std::uint64_t at =
                            to + bytes * (v ? float_value : float_key)(dim, p, d);
                        if (bytes == 4)
                            write(at, x[d]);
                        else
                            write(at, f32_to_f16(x[d]));
                    }
                    continue;
                }
                const float step = quantise(x, dim);
                write(to + int8_scale(dim, p, v), step);
                for (std::uint64_t d = 0; d < dim; ++d) {
                    const auto q = static_cast<int>(step > 0 ? std::lround(x[d] / step) : 0);
                    write(to + (v ? int8_value : int8_key)(dim, p, d),
                          static_cast<std::uint8_t>(v ? q : q + 128));
                }
            }
        }
    }
}

void ReferenceMachine::attention(const MicroOp& op) {
    const std::uint64_t heads = op.dim[0], group = heads / op.dim[1], dim = op.dim[2];
    const auto scale = std::bit_cast<float>(static_cast<std::uint32_t>(op.imm));
    const std::uint64_t window = op.imm >> 32;
    std::vector<float> q(dim);
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto where = read<isa::Row>(row(op, 3, t, sizeof(isa::Row)));
        const std::uint64_t end = where.position + 1ull;
        const std::uint64_t begin = window != 0 && window < end ? end - window : 0;
        const auto kv = [&](std::uint64_t p, std::uint64_t h, bool v, std::uint64_t d) {
            const std::uint64_t at = kv_head(op, 1, 4, where.sequence, p, h / group), i = p % 64;
            if (!is_int8(op)) {
                const std::uint64_t bytes = float_bytes(op);
                const std::uint64_t place = at + bytes * (v ? float_value : float_key)(dim, i, d);
                return double{bytes == 4 ? read<float>(place)
                                         : f16_to_f32(read<std::uint16_t>(place))};
            }
            const int number = v ? read<std::int8_t>(at + int8_value(dim, i, d))
                                 : read<std::uint8_t>(at + int8_key(dim, i, d)) - 128;
            return double{read<float>(at + int8_scale(dim, i, v))} * number;
        };
        for (std::uint64_t h = 0; h < heads; ++h) {
            for (std::uint64_t d = 0; d < dim; ++d)
                q[d] = read<float>(row(op, 0, t, heads * dim * 4) + 4 * (h * dim + d));
            if (is_int8(op))
                quantise(q, dim);
            std::vector<double> score(end - begin);
            for (std::uint64_t p = begin; p < end; ++p) {
                for (std::uint64_t d = 0; d < dim; ++d)
                    score[p - begin] += kv(p, h, false, d) * q[d];
                score[p - begin] *= scale;
            }
            const double most = *std::max_element(score.begin(), score.end());
            double total = 0;
            for (double& s : score)
                total += s = std::exp(s - most);
            for (std::uint64_t d = 0; d < dim; ++d) {
                double sum = 0;
                for (std::uint64_t p = begin; p < end; ++p)
                    sum += score[p - begin] * kv(p, h, true, d);
                write(row(op, 2, t, heads * dim * 4) + 4 * (h * dim + d),
                      static_cast<float>(sum / total));
            }
        }
    }
}

void ReferenceMachine::copy_rows(const MicroOp& op) {
    const bool indexed = static_cast<Opcode>(op.opcode) == Opcode::GatherRows;
    const std::size_t src = 1, dst = indexed ? 2 : 0;
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const std::uint64_t from = indexed ? read<std::uint32_t>(address(op.op[0]) + 4 * t) : t;
        if (indexed && from >= r_[op.ra])
            throw std::out_of_range("row index");
        for (std::uint64_t i = 0; i < op.dim[0]; i += 4)
            write(row(op, dst, t, op.dim[0]) + i,
                  read<std::uint32_t>(row(op, src, from, op.dim[0]) + i));
    }
}

void ReferenceMachine::sample(const MicroOp& op) {  // the best token; nothing here needs chance
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto where = read<isa::Row>(row(op, 3, t, sizeof(isa::Row)));
        if (where.position >= op.dim[1])
            throw std::out_of_range("position beyond the history");
        std::uint32_t best = 0;
        const std::uint64_t logits = row(op, 0, t, op.dim[0] * 4ull);
        for (std::uint64_t n = 1; n < op.dim[0]; ++n)
            if (read<float>(logits + 4ull * n) > read<float>(logits + 4ull * best))
                best = n;
        write(address(op.op[2]) + 4 * t, best);
        write(address(op.op[4]) + std::uint64_t{where.sequence} * op.op[4].pitch * 16 +
                  where.position * 4ull,
              best);
    }
}

void ReferenceMachine::log_prob(const MicroOp& op) {
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const std::uint64_t logits = row(op, 0, t, op.dim[0] * 4ull);
        double most = -INFINITY, sum = 0;
        for (std::uint64_t n = 0; n < op.dim[0]; ++n)
            most = std::max(most, double{read<float>(logits + 4ull * n)});
        for (std::uint64_t n = 0; n < op.dim[0]; ++n)
            sum += std::exp(read<float>(logits + 4ull * n) - most);
        const auto target = read<std::uint32_t>(address(op.op[1]) + 4 * t);
        write(address(op.op[2]) + 4 * t,
              static_cast<float>(read<float>(logits + 4ull * target) - most - std::log(sum)));
    }
}

void ReferenceMachine::token_out(const MicroOp& op) {
    std::uint64_t active = 0;
    for (std::uint64_t t = 0; t < r_[op.rows]; ++t) {
        const auto where = read<isa::Row>(row(op, 3, t, sizeof(isa::Row)));
        const std::uint64_t at_sequence =
            address(op.op[1]) + where.sequence * sizeof(isa::Sequence);
        auto s = read<isa::Sequence>(at_sequence);
        if ((s.flags & isa::kSequenceStopped) != 0)
            continue;
        skald_token out{read<std::uint32_t>(address(op.op[0]) + 4 * t), where.sequence,
                        where.position, 0};
        s.remaining -= s.remaining != 0;
        const bool stop = std::find(s.stop, s.stop + s.n_stop, out.token) != s.stop + s.n_stop;
        if (stop || s.remaining == 0) {
            out.flags = SKALD_TOKEN_LAST | (stop ? SKALD_TOKEN_STOP : 0);
            s.flags |= isa::kSequenceStopped;
        }
        write(address(op.op[2]) + (r_[op.ra]++ & r_[op.rb]) * sizeof out, out);
        write(at_sequence, s);
        active += (s.flags & isa::kSequenceStopped) == 0;
    }
    r_[op.rd] = active;
}

}  // namespace skald::test
