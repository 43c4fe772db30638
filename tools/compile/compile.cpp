// SPDX-License-Identifier: MIT
#include "compile.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <thread>

#include "backend/container_writer.hpp"
#include "backend/decoder_program.hpp"
#include "backend/isa_version.hpp"
#include "backend/weight_image.hpp"
#include "error.hpp"
#include "input/json.hpp"
#include "skald/container.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::compiler {
namespace {

namespace ct = skald::container;

// Sequences of a batch: a decode step has one selected row for each.
std::uint32_t max_sequences(const ir::Graph& graph) {
    return graph.max_selected;
}

// Whole characters, whatever the name of a file has in it; the field was zero before.
template <std::size_t N>
void put_text(char (&field)[N], const std::string& name) {
    const std::string text = rt::utf8::sanitize(name);
    std::size_t size = std::min(text.size(), N - 1);
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
        --size;
    std::memcpy(field, text.data(), size);
}

std::string_view format_name(const ir::Constant& c) {
    return c.kind == ir::ConstantKind::kMatrix ? isa::weight_info(c.format).name : "f32";
}

// Of most weights in matrices.
isa::WeightFormat main_format(const Plan& plan) {
    std::map<isa::WeightFormat, std::uint64_t> weights;
    for (const WeightLayout::Item& item : plan.layout.items)
        if (const ir::Constant& c = plan.graph.constants[item.constant];
            c.kind == ir::ConstantKind::kMatrix)
            weights[c.format] += std::uint64_t{c.n} * c.k * c.copies();
    return std::max_element(weights.begin(), weights.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
}

std::string item_name(const ir::Constant& c, const WeightLayout::Item& item) {
    return c.layers.count != 0 ? fmt::format("layers.{}.{}", c.layers.at(item.round), c.name)
                               : c.name;
}

std::uint64_t parameters_of(const Plan& plan) {
    std::uint64_t total = 0;
    for (const WeightLayout::Item& item : plan.layout.items) {
        const ir::Constant& c = plan.graph.constants[item.constant];
        if (c.kind != ir::ConstantKind::kRotaryTable)
            total += std::uint64_t{c.n} * c.k * c.copies();
    }
    return total;
}

// Of a decode step of one sequence: of the embedding a row, of experts those that it chooses.
std::uint64_t token_bytes_of(const Plan& plan) {
    const ir::Graph& g = plan.graph;
    std::vector<bool> looked_up(g.constants.size()), multiplied(g.constants.size());
    for (const ir::Block& block : g.blocks)
        for (const ir::Node& node : block.nodes)
            if (node.weight != ir::kNone)
                (node.op == ir::Op::kGather || node.op == ir::Op::kRope ? looked_up
                                                                        : multiplied)[node.weight] =
                    true;
    std::uint64_t total = 0;
    for (const WeightLayout::Item& item : plan.layout.items) {
        const ir::Constant& c = g.constants[item.constant];
        if (looked_up[item.constant] && !multiplied[item.constant])
            total += item.bytes / c.n;
        else
            total += c.experts == 0 ? item.bytes : item.bytes / c.experts * g.chosen;
    }
    return total;
}

// What the model's first layer with attention has, for people.
const Attention* attention_of(const DecoderSpec& spec) {
    for (const Layer& layer : spec.layers)
        if (const auto* a = std::get_if<Attention>(&layer.mixer))
            return a;
    return nullptr;
}

std::uint32_t ffn_of(const Layer& layer) {
    if (const auto* experts = std::get_if<Experts>(&layer.ffn))
        return experts->expert.up.weight.n();
    return std::get<FeedForward>(layer.ffn).up.weight.n();
}

std::vector<ct::TensorEntry> tensor_entries(const Plan& plan) {
    std::vector<ct::TensorEntry> entries;
    for (const WeightLayout::Item& item : plan.layout.items) {
        const ir::Constant& c = plan.graph.constants[item.constant];
        ct::TensorEntry& e = entries.emplace_back();
        put_text(e.name, item_name(c, item));
        e.offset = item.offset;
        e.bytes = item.bytes;
        e.format = c.kind == ir::ConstantKind::kMatrix ? static_cast<std::uint32_t>(c.format) : 0;
        e.n = c.n;
        e.k = c.k;
    }
    return entries;
}

std::vector<TensorReport> tensor_reports(const Plan& plan, const WeightImage& image) {
    std::vector<TensorReport> reports;
    for (std::size_t i = 0; i < plan.layout.items.size(); ++i) {
        const WeightLayout::Item& item = plan.layout.items[i];
        const ir::Constant& c = plan.graph.constants[item.constant];
        reports.push_back({item_name(c, item), image.source_types(item),
                           std::string(format_name(c)), c.n, c.k, c.experts, item.bytes,
                           image.errors()[i]});
    }
    return reports;
}

Json to_json(const TensorReport& t) {
    Json j = {{"name", t.name},
              {"source", t.source_types},
              {"format", t.format},
              {"shape", {t.n, t.k}},
              {"bytes", t.bytes},
              {"bits_per_weight", t.bits_per_weight()},
              {"relative_error", t.error.relative()},
              {"largest_error", t.error.largest_error}};
    if (t.experts != 0)
        j["experts"] = t.experts;
    return j;
}

std::string notes(const Model& model, const CompileOptions& options, const CompileReport& report) {
    Json j;
    j["tool"] = "llm-compile";
    // Not the path: the same model compiles to the same bytes wherever it lies.
    j["source"] = std::filesystem::path(model.config.source).lexically_normal().filename().string();
    j["options"] = options.tool_options;
    Json& tensors = j["tensors"] = Json::array();
    for (const TensorReport& t : report.tensors)
        tensors.push_back(to_json(t));
    // Names of files are bytes, JSON is UTF-8.
    return j.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

template <typename T>
void write_section(ContainerWriter& out, ct::SectionType type, std::span<T> records) {
    out.begin_section(type);
    out.write(std::as_bytes(records));
    out.end_section();
}

// Bytes of weights that are written before what was read for them is forgotten: pages of files that
// nobody needs would count as this process's memory, and be those of the whole model in the end.
constexpr std::uint64_t kForgetAfter = 32u << 20;

// Bytes of weights that are written, of this file and all that came before it.
using Progress = std::function<void(std::uint64_t done)>;

void write_weights(ContainerWriter& out, WeightImage& image, const Model& model,
                   const CompileOptions& options, const Progress& progress) {
    std::uint64_t done = 0, forgotten = 0;
    out.begin_section(ct::SectionType::Weights);
    image.write(thread_count(options), [&](std::span<const std::byte> bytes) {
        model.check();
        out.write(bytes);
        done += bytes.size();
        if (done >= forgotten + kForgetAfter) {
            model.forget();
            forgotten = done;
        }
        progress(done);
    });
    out.end_section();
}

void write_shape(ContainerWriter& out, std::uint64_t total) {
    if (total > ct::kMaxShapeBytes)
        fail("a shape of {} bytes of weights is too large, {} are the most", total,
             ct::kMaxShapeBytes);
    const ct::ShapeInfo shape{total, {}};
    write_section(out, ct::SectionType::Shape, std::span(&shape, 1));
}

}  // namespace

ct::ModelInfo model_info(const Model& model, const Plan& plan) {
    const ir::Graph& g = plan.graph;
    ct::ModelInfo info{};
    info.layers = g.layers;
    if (g.share.ranks() > 1) {
        info.tensor = g.share.tensor;
        info.pipeline = g.share.pipeline;
        info.rank = g.share.rank();
    }
    info.hidden = g.hidden;
    if (const Attention* a = attention_of(model.spec)) {
        info.heads = a->heads;
        info.kv_heads = a->kv_heads;
        info.head_dim = a->k_dim;
    }
    info.ffn = ffn_of(model.spec.layers.front());
    info.vocabulary = g.vocabulary;
    info.context = g.context;
    info.max_rows = g.max_rows;
    info.max_selected = g.max_selected;
    info.max_sequences = max_sequences(g);
    info.blocks_per_sequence = blocks_per_sequence(g.context);
    info.block_bytes = g.block_bytes;
    info.workspace_bytes = g.workspace_bytes;
    info.parameters = parameters_of(plan);
    info.kv_format = static_cast<std::uint32_t>(g.kv_format);
    info.weight_format = static_cast<std::uint32_t>(main_format(plan));
    info.bos_id = model.config.bos_id.value_or(ct::kNoToken);
    info.n_stop = static_cast<std::uint32_t>(model.config.eos_ids.size());
    std::copy(model.config.eos_ids.begin(), model.config.eos_ids.end(), info.stop);
    put_text(info.architecture, model.config.architecture);
    put_text(info.name, model.config.name);
    constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();
    info.temperature = model.config.temperature.value_or(kNothing);
    info.top_p = model.config.top_p.value_or(kNothing);
    info.repeat_penalty = model.config.repeat_penalty.value_or(kNothing);
    info.top_k = model.config.top_k.value_or(0);
    for (const RotaryTable& table : model.spec.rotary)
        if (!table.long_frequencies.empty())
            info.short_context = table.short_limit;
    return info;
}

namespace {

CompileReport compile_one(Model& model, const CompileOptions& options, const Plan& p,
                          const std::filesystem::path& path, const Progress& progress) {
    const ct::ModelInfo info = model_info(model, p);
    const auto entries = tensor_entries(p);
    const auto tokenizer = rt::serialize(model.tokenizer);

    ContainerWriter out(path, options.chat.empty() ? 6 : 7, isa_version_of(p.program));
    write_section(out, ct::SectionType::Model, std::span(&info, 1));
    write_section(out, ct::SectionType::Program, std::span(p.program));
    write_section(out, ct::SectionType::Tokenizer, std::span(tokenizer));
    if (!options.chat.empty())
        write_section(out, ct::SectionType::Chat,
                      std::span(options.chat.data(), options.chat.size()));
    write_section(out, ct::SectionType::Tensors, std::span(entries));

    WeightImage image(p.graph, p.layout, options.calibration ? &*options.calibration : nullptr);
    if (options.shape)
        write_shape(out, p.layout.bytes);
    else
        write_weights(out, image, model, options, progress);

    CompileReport report;
    report.tensors = tensor_reports(p, image);
    report.parameters = info.parameters;
    report.weight_bytes = p.layout.bytes;
    report.token_bytes = token_bytes_of(p);
    report.context = p.graph.context;
    report.max_rows = p.graph.max_rows;
    report.kv = p.graph.kv_format;
    report.kv_block_bytes = info.block_bytes;
    report.isa_version = isa_version_of(p.program);
    report.micro_ops = p.program.size();
    const std::string text = notes(model, options, report);
    write_section(out, ct::SectionType::Notes, std::span(text.data(), text.size()));
    model.check();
    out.commit();
    report.file_bytes = out.size();
    report.content_hash = out.content_hash();
    return report;
}

}  // namespace

std::filesystem::path rank_file(const std::filesystem::path& out, std::uint32_t rank) {
    std::filesystem::path file = out;
    return file.replace_extension(fmt::format(".rank{}{}", rank, out.extension().string()));
}

CompileReport compile(Model& model, const CompileOptions& options,
                      const std::filesystem::path& path) {
    const Planner planner(model, options);
    const std::uint32_t ranks = options.split.ranks();
    std::vector<std::uint64_t> bytes;
    for (std::uint32_t rank = 0; options.progress && rank < ranks; ++rank)
        bytes.push_back(planner.plan(rank).layout.bytes);
    const std::uint64_t total = std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
    std::uint64_t before = 0;
    CompileReport first;
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
        const Plan p = planner.plan(rank);
        const CompileReport report = compile_one(
            model, options, p, ranks == 1 ? path : rank_file(path, rank), [&](std::uint64_t done) {
                if (options.progress)
                    options.progress(before + done, total);
            });
        before += p.layout.bytes;
        if (rank == 0)
            first = report;
    }
    return first;
}

unsigned thread_count(const CompileOptions& options) {
    return options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

std::string to_json(const CompileReport& r) {
    Json j;
    Json& tensors = j["tensors"] = Json::array();
    for (const TensorReport& t : r.tensors)
        tensors.push_back(to_json(t));
    const MatrixTotals m = totals(r);
    j["matrices"] = {{"weights", m.weights},
                     {"bytes", m.bytes},
                     {"bits_per_weight", m.bits_per_weight()},
                     {"relative_error", m.error.relative()},
                     {"largest_error", m.error.largest_error}};
    j["parameters"] = r.parameters;
    j["weight_bytes"] = r.weight_bytes;
    j["token_bytes"] = r.token_bytes;
    j["file_bytes"] = r.file_bytes;
    j["context"] = r.context;
    j["max_rows"] = r.max_rows;
    j["kv"] = kv_choice_name(r.kv);
    j["kv_block_bytes"] = r.kv_block_bytes;
    j["isa_version"] = fmt::format("{}.{}", r.isa_version >> 16, r.isa_version & 0xffff);
    j["micro_ops"] = r.micro_ops;
    j["content_hash"] = r.content_hash;
    return j.dump(1) + "\n";
}

MatrixTotals totals(const CompileReport& report) {
    MatrixTotals m;
    for (const TensorReport& t : report.tensors)
        if (t.n > 1 && !t.source_types.empty()) {
            m.weights += t.weights();
            m.bytes += t.bytes;
            m.error += t.error;
        }
    return m;
}

}  // namespace skald::compiler
