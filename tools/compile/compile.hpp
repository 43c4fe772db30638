// SPDX-License-Identifier: MIT
// From a model to a compiled model: front end, graph, passes, program, container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/layout.hpp"
#include "backend/tile.hpp"
#include "calibrate/calibration.hpp"
#include "model/model.hpp"
#include "passes/kv_choice.hpp"
#include "passes/passes.hpp"
#include "passes/weight_choice.hpp"
#include "skald/container.hpp"
#include "skald/isa.hpp"
#include "split/split.hpp"

namespace skald::compiler {

struct CompileOptions {
    WeightChoice weights = WeightChoice::kKeep;
    std::vector<TensorRule> tensors;  // exceptions; the last that fits a tensor wins
    std::optional<isa::KvFormat> kv;  // default: default_kv()
    std::optional<std::uint32_t>
        context;  // positions, rounded down to a multiple of 4; default: what the model was
                  // trained for, at most kDefaultContext
    Split split;
    std::optional<Calibration> calibration;  // for the search of scales
    std::optional<std::uint32_t> sequences;  // that decode together; default: kDefaultSequences
    std::optional<std::uint32_t> rows;       // of a step, whatever workspace that takes
    bool shape = false;                      // no weights are made: addresses alone
    unsigned threads = 0;                    // 0: as many as the machine has
    std::string tool_options;                // as typed, for the notes
    std::string chat;                        // the chat section; empty: none
    std::function<void(std::string_view pass, const ir::Graph&)> after_pass;
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes of weights

    isa::KvFormat kv_format() const { return kv.value_or(default_kv(weights)); }
};

// Rotary table and block table grow with the context; who needs more says --context.
inline constexpr std::uint32_t kDefaultContext = 8192;

// Sequences that decode together: a row each in every step, and of the logits as well.
inline constexpr std::uint32_t kDefaultSequences = 64;
inline constexpr std::uint32_t kMostSequences = 4096;

// A program and where its weights go, before any weight has been read.
struct Plan {
    ir::Graph graph;
    WeightLayout layout;
    std::vector<isa::MicroOp> program;
};

// The plans of all cards of a split, which agree in how many rows a step has.
class Planner {
  public:
    // `model`: its matrices get their formats. Both outlive it.
    Planner(Model& model, const CompileOptions& options);
    Plan plan(std::uint32_t rank) const;

  private:
    ir::Graph graph(std::uint32_t rank, std::uint32_t rows, bool tell) const;

    const Model& model_;
    const CompileOptions& options_;
    std::uint32_t context_ = 0;
    std::uint32_t sequences_;
    std::uint32_t rows_;  // of a step, of every card
};

// Of a model that is not split, or of the first card.
Plan plan(Model& model, const CompileOptions& options);

// What the container says of it.
container::ModelInfo model_info(const Model& model, const Plan& plan);

struct TensorReport {
    std::string name;  // "layer 3 q|k|v"
    std::string source_types, format;
    std::uint32_t n, k;
    std::uint32_t experts;  // of that shape; 0: none
    std::uint64_t bytes;
    TileError error;

    std::uint64_t weights() const { return std::uint64_t{n} * k * (experts == 0 ? 1 : experts); }

    double bits_per_weight() const {
        return 8.0 * static_cast<double>(bytes) / static_cast<double>(weights());
    }
};

struct CompileReport {
    std::vector<TensorReport> tensors;
    std::uint64_t parameters = 0, weight_bytes = 0, file_bytes = 0;
    std::uint64_t token_bytes = 0;  // of weights that a decode step of one sequence reads
    std::uint32_t context = 0, max_rows = 0, isa_version = 0;
    isa::KvFormat kv = isa::KvFormat::F16;
    std::uint64_t kv_block_bytes = 0;  // of 64 positions, all layers
    std::size_t micro_ops = 0;
    std::string content_hash;
};

// Over all matrices; a tied one counts once.
struct MatrixTotals {
    std::uint64_t weights = 0, bytes = 0;
    TileError error;

    double bits_per_weight() const {
        return weights ? 8.0 * static_cast<double>(bytes) / static_cast<double>(weights) : 0;
    }
};
MatrixTotals totals(const CompileReport& report);

std::string to_json(const CompileReport& report);

unsigned thread_count(const CompileOptions& options);

// Of a split model a file for each card: what `out` is called, with .rankN before its last suffix.
std::filesystem::path rank_file(const std::filesystem::path& out, std::uint32_t rank);

// Writes `out` (under a temporary name until complete), or the files of all ranks; the report is of
// the first. Throws CompileError.
CompileReport compile(Model& model, const CompileOptions& options,
                      const std::filesystem::path& out);

}  // namespace skald::compiler
