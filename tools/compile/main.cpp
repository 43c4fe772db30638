// SPDX-License-Identifier: MIT
// llm-compile: a model in, a compiled model out. Exit codes: 0 done, 1 the model cannot be compiled
// or a file cannot be read or written, 2 wrong usage.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <optional>

#include "backend/disassemble.hpp"
#include "backend/gguf_writer.hpp"
#include "backend/onnx_writer.hpp"
#include "chat/chat_source.hpp"
#include "check/check.hpp"
#include "check/print.hpp"
#include "check/scratch_folder.hpp"
#include "chip/report.hpp"
#include "chip/run.hpp"
#include "chip/runnable.hpp"
#include "compile.hpp"
#include "console/arguments.hpp"
#include "console/standard_streams.hpp"
#include "container/container.hpp"
#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "model/family.hpp"
#include "passes/weight_formats.hpp"
#include "progress_bar.hpp"
#include "raise/graph_model.hpp"

namespace skald::compiler {
namespace {

constexpr int kFailed = 1, kUsage = 2;

struct Arguments {
    std::filesystem::path model, out, random, shape, calibrate, lora, chat_template, tokenizer,
        explain;
    std::optional<std::string> check;  // a text, or @FILE
    std::string chip;                  // that the compiled model is timed on; empty: none
    std::uint64_t seed = 1;
    std::vector<std::string> gguf;  // file, then perhaps a type
    std::filesystem::path onnx;
    std::optional<DType> gguf_type;
    WeightChoice weights = WeightChoice::kKeep;
    std::string weights_name = "keep", kv_name;
    std::vector<std::string> tensor_names;  // PATTERN=FORMAT
    std::vector<TensorRule> tensors;
    std::string split_name;  // tensor=T,pipeline=P; empty: one card
    Split split;
    std::optional<std::uint32_t> context, sequences;
    unsigned threads = 0;
    bool disasm = false, report = false, json = false, list = false;
    std::vector<std::string> dump;
};

bool is_container(const std::filesystem::path& path) {
    std::uint64_t magic = 0;
    std::FILE* file =
        std::filesystem::is_regular_file(path) ? std::fopen(path.c_str(), "rb") : nullptr;
    if (!file)
        return false;
    const bool read = std::fread(&magic, sizeof magic, 1, file) == 1;
    std::fclose(file);
    return read && magic == container::kMagic;
}

void print_report(const CompileReport& r) {
    constexpr auto kRow = "{:<28} {:>12} {:<10} {:<7} {:>12} {:>6} {:>10} {:>10}\n";
    const auto row = [&](std::string_view name, const std::string& shape, std::string_view source,
                         std::string_view format, std::uint64_t bytes, double bits,
                         const TileError& e) {
        fmt::print(fmt::runtime(kRow), name, shape, source, format, bytes,
                   fmt::format("{:.2f}", bits), fmt::format("{:.3g}", e.relative()),
                   fmt::format("{:.3g}", e.largest_error));
    };
    fmt::print(fmt::runtime(kRow), "tensor", "shape", "source", "stored", "bytes", "bits",
               "rel. error", "max error");
    for (const TensorReport& t : r.tensors)
        row(t.name,
            t.experts == 0 ? fmt::format("{}x{}", t.n, t.k)
                           : fmt::format("{}x{}x{}", t.experts, t.n, t.k),
            t.source_types.empty() ? "computed" : t.source_types, t.format, t.bytes,
            t.bits_per_weight(), t.error);
    const MatrixTotals m = totals(r);
    row("all matrices", std::to_string(m.weights), "", "", m.bytes, m.bits_per_weight(), m.error);
    fmt::print(
        "parameters {}, weights {} bytes ({} read for a token), file {} bytes, context {}, {} rows "
        "a step, KV {} ({} bytes for 64 positions)\nprogram of {} micro-ops, version {}.{}\n"
        "content {}\n",
        r.parameters, r.weight_bytes, r.token_bytes, r.file_bytes, r.context, r.max_rows,
        kv_choice_name(r.kv), r.kv_block_bytes, r.micro_ops, r.isa_version >> 16,
        r.isa_version & 0xffff, r.content_hash);
}

Calibration calibration_by(const std::filesystem::path& text, const Model& model,
                           unsigned threads) {
    const FileBytes file(text);
    std::optional<Calibration> calibration;
    try {
        ProgressBar bar;
        calibration = calibrate(
            model, file.text(), threads,
            [&](std::uint64_t done, std::uint64_t total) { bar.show(done, total, "the text"); });
    } catch (const CompileError& e) {
        fail("{}: {}", text.string(), e.what());
    }
    if (!calibration->of_whole_text())
        console::say("llm-compile: {}: is longer than {} tokens, the rest of it is not used\n",
                     text.string(), kMostCalibrationTokens);
    return *std::move(calibration);
}

// A model that is compiled already can only be printed.
void check_container(const Arguments& args) {
    if (!args.out.empty())
        throw CLI::ValidationError("-o", args.model.string() + " is a compiled model already");
    if (!args.dump.empty())
        throw CLI::ValidationError("--dump", "a compiled model has no passes");
    if (args.check)
        throw CLI::ValidationError("--check", "needs the model that was compiled");
    if (!args.onnx.empty())
        throw CLI::ValidationError("--write-onnx", "needs the model that was compiled");
}

CompileOptions options_of(const Arguments& args) {
    CompileOptions options;
    options.weights = args.weights;
    options.tensors = args.tensors;
    options.kv = parse_kv_choice(args.kv_name);  // nothing where nothing is said
    options.context = args.context;
    options.split = args.split;
    options.sequences = args.sequences;
    options.shape = !args.shape.empty();
    options.threads = args.threads;
    options.tool_options = fmt::format("--weights {}", args.weights_name);
    for (const std::string& rule : args.tensor_names)
        options.tool_options += fmt::format(" --tensor '{}'", rule);
    options.tool_options += fmt::format(" --kv {}", kv_choice_name(options.kv_format()));
    if (!args.random.empty())
        options.tool_options += fmt::format(" --random --seed {}", args.seed);
    if (options.shape)
        options.tool_options += " --shape";
    if (args.sequences)
        options.tool_options += fmt::format(" --sequences {}", *args.sequences);
    if (!args.lora.empty())
        options.tool_options +=
            fmt::format(" --lora {}", args.lora.lexically_normal().filename().string());
    if (!args.calibrate.empty())
        options.tool_options += fmt::format(" --calibrate {}", args.calibrate.filename().string());
    if (!args.chat_template.empty())
        options.tool_options +=
            fmt::format(" --chat-template {}", args.chat_template.filename().string());
    if (!args.split_name.empty())
        options.tool_options += fmt::format(" --split tensor={},pipeline={}{}", args.split.tensor,
                                            args.split.pipeline, args.split.sums ? ",sums" : "");
    if (args.context)
        options.tool_options += fmt::format(" --context {}", *args.context);
    return options;
}

// Where a model's templates are.
std::filesystem::path chat_of(const Arguments& args) {
    const auto graph = graph_at(args.model);
    if (!graph)
        return args.model;
    return args.tokenizer.empty() ? folder_of(*graph) : args.tokenizer;
}

// A template that was asked for must be good; one that comes with the model is left out if not.
std::string chat_section(const Arguments& args, const Model& model) {
    rt::ChatSection chat = read_chat(chat_of(args), model.tokenizer);
    if (!args.chat_template.empty())
        chat.templates = {{"default", read_template(args.chat_template)}};
    else
        for (const std::string& fault : drop_bad_templates(chat))
            console::say("llm-compile: {}: {}\n", args.model.string(), fault);
    return chat.templates.empty() ? std::string() : rt::serialize(chat);
}

void say_context(const Arguments& args, std::uint32_t context) {
    if (args.context && *args.context != context)
        console::say("llm-compile: a context of {} is rounded down to {}\n", *args.context,
                     context);
}

CompileReport compile_with_bar(Model& model, CompileOptions& options,
                               const std::filesystem::path& out) {
    ProgressBar bar;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        bar.show(done, total, fmt::format("{:.1f} MB", static_cast<double>(total) / 1e6));
    };
    return compile(model, options, out);
}

std::string check_text(const std::string& argument) {
    if (!argument.starts_with('@'))
        return argument;
    return std::string(FileBytes(argument.substr(1)).text());
}

checking::Report check_with_bar(Model& model, CompileOptions options,
                                const std::filesystem::path& compiled, const std::string& text) {
    options.after_pass = {};  // it has been told already
    const Plan p = plan(model, options);
    ProgressBar bar;
    checking::Options how;
    how.threads = thread_count(options);
    how.calibration = options.calibration ? &*options.calibration : nullptr;
    how.progress = [&](std::uint64_t done, std::uint64_t total) {
        bar.show(done, total, "the layers");
    };
    return checking::check(model, p, compiled, text, how);
}

chip::Group group_of(const Split& split) {
    return {split.tensor, split.pipeline, split.sums};
}

// As llm-chip run has it, of one request of the usual lengths, or as long as a sequence may be.
chip::Outcome on_chip(const Arguments& args, const std::filesystem::path& compiled,
                      std::uint32_t context) {
    chip::RunOptions run;
    run.chip = args.chip;
    run.model = compiled.string();
    run.group = group_of(args.split);
    const std::uint32_t most = std::min(context, run.prompt + run.generated);
    run.generated = std::min(run.generated, std::max(most / 4, 1u));
    run.prompt = std::max(most - run.generated, 1u);
    return chip::run(run);
}

void print_result(const Arguments& args, const CompileReport& report,
                  const std::optional<checking::Report>& checked,
                  const std::optional<chip::Outcome>& timed) {
    if (args.json && (checked || timed)) {
        Json j = Json::parse(to_json(report));
        if (checked)
            j["check"] = checking::to_json(*checked);
        if (timed)
            j["modelled"] = Json::parse(chip::report(*timed, chip::Format::kJson));
        fmt::print("{}\n", j.dump(1));
    } else if (args.json) {
        fmt::print("{}", to_json(report));
    } else {
        if (args.report)
            print_report(report);
        if (checked)
            fmt::print("{}", checking::table(*checked));
        if (timed)
            fmt::print("{}", chip::report(*timed, chip::Format::kText));
    }
}

// Into -o, or a file that nobody keeps.
void compile_and_print(const Arguments& args, Model& model, CompileOptions& options) {
    std::optional<checking::ScratchFolder> scratch;
    const std::filesystem::path out =
        args.out.empty() ? scratch.emplace().path() / "checked.skald" : args.out;
    const std::string text = args.check ? check_text(*args.check) : "";
    if (!args.chip.empty())  // before anything is written
        (void)chip::runnable_chip(args.chip, {}, group_of(args.split));
    const CompileReport report = compile_with_bar(model, options, out);
    say_context(args, report.context);
    std::optional<checking::Report> checked;
    if (args.check)
        checked = check_with_bar(model, options, out, text);
    model.check();
    if (checked && !checked->whole_text)
        console::say(
            "llm-compile: --check: the text is longer than {} tokens, the rest of it is "
            "not used\n",
            checked->tokens);
    std::optional<chip::Outcome> timed;
    if (!args.chip.empty())
        timed = on_chip(args, out, report.context);
    print_result(args, report, checked, timed);
    if (args.disasm)
        fmt::print("{}",
                   disassemble(
                       rt::Container(args.split.ranks() == 1 ? out : rank_file(out, 0)).program()));
    if (checked && !checked->finite())
        fail("--check: there are numbers that are not finite");
}

// By family what it goes by in both kinds of source, and what was tried of it.
void print_families(bool json) {
    const auto joined = [](const std::vector<std::string_view>& names) {
        return names.empty() ? std::string("-") : fmt::format("{}", fmt::join(names, ", "));
    };
    Json list = Json::array();
    if (!json)
        fmt::print("{:<16} {:<26} {:<16} {}\n", "family", "config.json: model_type",
                   "GGUF architecture", "models of it");
    for (const Family& f : families()) {
        if (json) {
            list.push_back({{"family", f.name},
                            {"model_types", f.model_types},
                            {"gguf_architectures", f.architectures},
                            {"models", f.examples},
                            {"needs", f.needs}});
            continue;
        }
        fmt::print(
            "{:<16} {:<26} {:<16} {}\n", f.name, joined(f.model_types), joined(f.architectures),
            f.needs.empty() ? std::string(f.examples) : fmt::format("refused: needs {}", f.needs));
    }
    if (json)
        fmt::print("{}\n", list.dump(1));
    else
        fmt::print(
            "\nThose not refused have been tried as small folders: with f32 weights the logits are "
            "those\nof an independent reference within 2 thousandths of their spread. Of the GGUF "
            "forms\nonly some have been.\n");
}

bool dumps(const Arguments& args, std::string_view what) {
    return std::ranges::find(args.dump, what) != args.dump.end();
}

Model load_graph_of(const Arguments& args, const GraphFiles& files) {
    GraphOptions options;
    options.tokenizer = args.tokenizer;
    if (dumps(args, "import"))
        options.imported = [](const std::string& text) { fmt::print("-- import\n{}", text); };
    if (dumps(args, "raise"))
        options.raised = [](const std::string& text) { fmt::print("-- raise\n{}", text); };
    return load_graph(files, options);
}

Model load(const Arguments& args) {
    if (!args.random.empty())
        return load_random(args.random, args.seed);
    if (!args.shape.empty())
        return load_random(args.shape, args.seed);
    const auto graph = graph_at(args.model);
    return graph ? load_graph_of(args, *graph) : load_model(args.model, args.lora);
}

void compile_model(const Arguments& args, Model& model) {
    for (const std::string& remark : model.tokenizer.remarks)
        console::say("llm-compile: {}\n", remark);
    CompileOptions options = options_of(args);
    if (!args.calibrate.empty()) {
        plan(model, options);  // what cannot be compiled is told before the text is read
        options.calibration = calibration_by(args.calibrate, model, thread_count(options));
    }
    options.after_pass = [&](std::string_view pass, const ir::Graph& graph) {
        if (dumps(args, pass))
            fmt::print("-- after {}\n{}", pass, ir::to_string(graph));
    };
    if (!args.gguf.empty()) {
        choose_formats(model.spec, {options.weights, options.tensors}, model.config.source);
        write_gguf(model, args.gguf_type, thread_count(options), args.gguf.front(),
                   options.calibration ? &*options.calibration : nullptr);
    }
    if (!args.onnx.empty())
        write_onnx(model, args.onnx);
    options.chat = chat_section(args, model);
    if (!args.out.empty() || args.check)
        return compile_and_print(args, model, options);
    const Plan p = plan(model, options);
    say_context(args, p.graph.context);
    if (args.disasm)
        fmt::print("{}", disassemble(p.program));
}

void run(const Arguments& args) {
    if (args.list)
        return print_families(args.json);
    if (!args.explain.empty()) {
        const auto graph = graph_at(args.explain);
        if (!graph)
            fail("{}: is no ONNX or .pt2 file, nor a folder with one", args.explain.string());
        for (const std::string& line : explain_graph(*graph))
            fmt::print("{}\n", line);
        return;
    }
    if (is_container(args.model)) {
        check_container(args);
        fmt::print("{}", disassemble(rt::Container(args.model).program()));
        return;
    }
    Model model = load(args);
    rt::checked(model, [&] { compile_model(args, model); });
}

std::string pass_names() {
    std::string names = "build";
    for (const Pass& pass : kPasses)
        names += fmt::format(", {}", pass.name);
    return names;
}

WeightChoice parse_format(const char* option, std::string_view text) {
    const auto choice = parse_weight_choice(text);
    if (!choice)
        throw CLI::ValidationError(
            option, fmt::format("{} is unknown; there are {}", text, weight_choice_names()));
    return *choice;
}

void parse_weights(Arguments& args) {
    args.weights = parse_format("--weights", args.weights_name);
    for (const std::string& rule : args.tensor_names) {
        const std::size_t equal = rule.rfind('=');
        if (equal == std::string::npos || equal == 0)
            throw CLI::ValidationError("--tensor", rule + " is not PATTERN=FORMAT");
        args.tensors.push_back(
            {rule.substr(0, equal), parse_format("--tensor", rule.substr(equal + 1))});
    }
}

void parse_split_name(Arguments& args) {
    if (args.split_name.empty())
        return;
    const auto split = parse_split(args.split_name);
    if (!split)
        throw CLI::ValidationError("--split", fmt::format("{} is not tensor=T,pipeline=P with at "
                                                          "most {} cards",
                                                          args.split_name, isa::kMaxRanks));
    args.split = *split;
    if (args.check && split->ranks() > 1)
        throw CLI::ValidationError("--check",
                                   "runs a model on one card: it cannot go with --split");
}

void check_source(Arguments& args) {
    const int sources = !args.model.empty() + !args.random.empty() + !args.shape.empty();
    if (sources != 1)
        throw CLI::ValidationError(
            "MODEL", "one model is needed: MODEL, --random CONFIG.json or --shape CONFIG.json");
    if (!args.lora.empty() && args.model.empty())
        throw CLI::ValidationError("--lora", "needs MODEL: random weights have no adapters");
    if (!args.shape.empty() && (args.check || args.report || !args.calibrate.empty()))
        throw CLI::ValidationError("--shape", "has no weights to check, report or calibrate");
    if (!args.lora.empty() && graph_at(args.model))
        throw CLI::ValidationError("--lora", "an adapter is merged into a checkpoint, not a graph");
    if (!args.tokenizer.empty() && (args.model.empty() || !graph_at(args.model)))
        throw CLI::ValidationError("--tokenizer", "is of graphs; checkpoints have their own");
    if (args.gguf.empty())
        return;
    if (args.random.empty())
        throw CLI::ValidationError("--write-gguf", "needs --random");
    if (args.gguf.size() < 2)
        return;
    for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kTQ2_0, DType::kF16})
        if (name_of(type) == args.gguf[1])
            args.gguf_type = type;
    if (!args.gguf_type)
        throw CLI::ValidationError(
            "--write-gguf", args.gguf[1] + " is unknown; there are q8_0, q4_0, tq2_0 and f16");
}

// The file that a path leads to, whether it is there or not.
std::filesystem::path file_of(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
}

// What of the sources an output would replace; empty: nothing. A compiled model in the folder of
// its source is no part of it.
std::filesystem::path lost_for(const Arguments& args, const std::filesystem::path& out) {
    std::error_code ignored;
    if (out.empty() || !std::filesystem::is_regular_file(out, ignored))
        return {};
    const std::filesystem::path target = file_of(out);
    for (const std::filesystem::path& source :
         {args.model, args.random, args.shape, args.calibrate, args.lora, args.chat_template})
        if (!source.empty() && file_of(source) == target)
            return source;
    const bool in_model = !args.model.empty() && file_of(args.model) == target.parent_path();
    return in_model && !is_container(target) ? out : std::filesystem::path();
}

// Outputs are renamed into place at the end, over whatever has the name.
void check_outputs(const Arguments& args) {
    const std::filesystem::path gguf = args.gguf.empty() ? "" : args.gguf.front();
    const std::filesystem::path beside =
        args.onnx.empty() ? "" : std::filesystem::path(args.onnx.string() + ".data");
    const std::vector<std::pair<const char*, std::filesystem::path>> outputs{
        {"-o", args.out},
        {"--write-gguf", gguf},
        {"--write-onnx", args.onnx},
        {"--write-onnx", beside}};
    for (const auto& [option, out] : outputs)
        if (const auto lost = lost_for(args, out); !lost.empty())
            throw CLI::ValidationError(option, lost.string() + " is read, it would be replaced");
    for (std::size_t i = 0; i < outputs.size(); ++i)
        for (std::size_t earlier = 0; earlier < i; ++earlier) {
            const auto& [option, out] = outputs[i];
            const auto& [other, name] = outputs[earlier];
            if (!out.empty() && !name.empty() && file_of(out) == file_of(name))
                throw CLI::ValidationError(
                    option, fmt::format("{} is what {} writes", out.string(), other));
        }
}

void check_dump(const Arguments& args) {
    for (const std::string& name : args.dump) {
        const bool known = name == "build" ||
                           (graph_at(args.model) && (name == "import" || name == "raise")) ||
                           std::any_of(kPasses.begin(), kPasses.end(),
                                       [&](const Pass& pass) { return pass.name == name; });
        if (!known)
            throw CLI::ValidationError("--dump",
                                       name + " is not a pass; there are " + pass_names());
    }
}

// That what is asked for comes about.
void check_results(const Arguments& args) {
    if (args.json && (args.disasm || !args.dump.empty()))
        throw CLI::ValidationError("--json", "cannot go with --disasm or --dump, which print text");
    if (!args.out.empty() || args.check)
        return;
    if (!args.chip.empty())
        throw CLI::ValidationError("--chip", "needs -o: the compiled model is what is timed");
    if (args.report || args.json)
        throw CLI::ValidationError(args.report ? "--report" : "--json",
                                   "needs -o: errors are known once the weights are written");
    if (!args.chat_template.empty())
        throw CLI::ValidationError("--chat-template", "needs -o");
    if (!args.gguf.empty())
        return;
    if (!args.onnx.empty() && args.calibrate.empty())
        return;
    if (!args.calibrate.empty())
        throw CLI::ValidationError("--calibrate",
                                   "needs -o or --write-gguf: it only changes weights");
    if (!args.disasm && args.dump.empty())
        throw CLI::ValidationError(
            "-o",
            "is required unless --check, --write-gguf, --write-onnx, --disasm or --dump says what "
            "to do");
}

Arguments parse(CLI::App& app, int argc, char** argv) {
    Arguments args;
    app.add_option(
           "MODEL", args.model,
           "Hugging Face folder, GGUF file, or graph (.onnx, .pt2); with --disasm also a compiled "
           "model")
        ->check(console::file_name());
    app.add_option("--lora", args.lora,
                   "folder of a LoRA adapter (adapter_config.json, adapter_model.safetensors) that "
                   "is merged into the weights of MODEL")
        ->check(console::file_name());
    app.add_option("--tokenizer", args.tokenizer,
                   "folder with the tokenizer of an ONNX or .pt2 file, and with what else is known "
                   "of the model (config.json, generation_config.json, chat template); default: "
                   "the folder that the file is in")
        ->check(console::file_name());
    app.add_option("--explain", args.explain,
                   "an ONNX or .pt2 file: print what is recognised in it as what, and stop")
        ->check(console::file_name());
    app.add_flag("--list", args.list, "the families of models that can be compiled, and stop");
    auto* random = app.add_option("--random", args.random,
                                  "instead of MODEL: random weights in the shape of a config.json")
                       ->check(console::file_name());
    app.add_option("--shape", args.shape,
                   "instead of MODEL: the shape of a config.json, with addresses and no weights: "
                   "nothing but times can be had of it (llm-chip run)")
        ->check(console::file_name());
    app.add_option("--seed", args.seed, "of the random weights, below 2^32")
        ->transform(console::whole_number<std::uint32_t>())
        ->capture_default_str()
        ->needs(random);
    app.add_option(
           "--write-gguf", args.gguf,
           "FILE [q8_0|q4_0|tq2_0|f16]: the random model, which has to be of the family llama, as "
           "GGUF; without a type each matrix in the one that holds what --weights makes of it, or, "
           "where no type does or rows are not "
           "whole blocks, as f32 with the same numbers")
        ->expected(1, 2)
        ->check(console::file_name().application_index(0));
    app.add_option("--write-onnx", args.onnx,
                   "FILE: the model in floats as an ONNX graph, ids of tokens in, logits out; "
                   "much of weights lies in FILE.data beside it")
        ->check(console::file_name());
    app.add_option("-o,--output", args.out, "the compiled model to write (OUT.skald)")
        ->check(console::file_name());
    app.add_option("--weights", args.weights_name,
                   "format of the matrices. keep: integers stay as they are, floats become int8. "
                   "With fewer than 8 bits embedding and head are int8. One of " +
                       weight_choice_names())
        ->capture_default_str();
    app.add_option("--tensor", args.tensor_names,
                   "PATTERN=FORMAT: exception for matrices of the source with such names (a random "
                   "model's are Hugging Face's); the last that fits wins")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option(
           "--calibrate", args.calibrate,
           fmt::format(
               "a text file: the model reads it, and the search for scales weighs errors by what "
               "the weights are multiplied with. For formats of 4 bits: 8 hardly gain, ternary "
               "ones do not use it; some thousand tokens of what the model is for will do, and the "
               "first {} are used at most",
               kMostCalibrationTokens))
        ->check(console::file_name());
    app.add_option("--kv", args.kv_name,
                   "format of the KV cache (default: f16; with --weights f32, which is to be "
                   "exact, f32)")
        ->check(CLI::IsMember(kv_choice_names()));
    app.add_option("--chat-template", args.chat_template,
                   "a Jinja file for llm-run --chat and --messages, instead of the model's own")
        ->check(console::file_name());
    app.add_option("--context", args.context,
                   fmt::format("positions of a sequence, rounded down to a multiple of 4 (default: "
                               "the model's, at most {})",
                               kDefaultContext))
        ->transform(console::whole_number<std::uint32_t>());
    app.add_option(
           "--split", args.split_name,
           "tensor=T,pipeline=P: divide the model among T x P cards, the outputs of each "
           "matrix among T, the layers among P stages; OUT.skald becomes OUT.rank0.skald "
           "and so on, a file for each card (rank = stage x T + part). With ,sums behind it o and "
           "down are divided along k and added up: such files have times, but cannot be run "
           "with data. --report, --json, "
           "--dump and --disasm are of rank 0")
        ->type_name("SPLIT")
        ->check(console::not_empty("the split"));
    app.add_option("--sequences", args.sequences,
                   fmt::format("that can decode together (default: {})", kDefaultSequences))
        ->transform(console::whole_number(1, kMostSequences));
    app.add_option("--threads", args.threads, "threads that convert weights (default: all)")
        ->transform(console::whole_number(1, 256));
    app.add_option(
           "--check", args.check,
           fmt::format(
               "TEXT, or @FILE: the compiled model reads it on a card in this process, and what "
               "it computes is compared, layer by layer, with the model in floats: with its "
               "weights as they are in the source, and as they are stored. Errors are in units of "
               "the deviation of what is expected. The first {} tokens at most; without -o the "
               "compiled model is a temporary file",
               checking::kMostTokens))
        ->check(console::not_empty("the text"));
    app.add_option("--chip", args.chip,
                   "print what a request would take on a modelled chip, milliseconds and joules "
                   "of a token: a name that llm-chip list gives, or a file")
        ->type_name("CHIP")
        ->check(console::not_empty("the chip"));
    app.add_flag("--disasm", args.disasm, "print the program");
    app.add_flag("--report", args.report, "print what became of each tensor, with the error");
    app.add_flag("--json", args.json, "the report as JSON, and nothing else");
    app.add_option("--dump", args.dump, "print the graph after a pass: " + pass_names());
    app.footer(
        "Exit status: 0 done; 1 the model cannot be compiled, or a file cannot be read or written; "
        "2 wrong command line.\n\n"
        "Examples:\n"
        "  llm-compile model-Q4_K_M.gguf -o model.skald --report\n"
        "  llm-compile folder -o model.skald --weights int4 --calibrate text.txt\n"
        "  llm-compile folder --weights int4 --check 'Once upon a time there was'\n"
        "  llm-compile folder -o model.skald --weights int4 "
        "--tensor 'model.layers.[01].*=int8'\n"
        "  llm-compile folder -o model.skald --lora adapter\n"
        "  llm-compile --list\n"
        "  llm-compile folder -o model.skald --chat-template chat.jinja\n"
        "  llm-compile --random config.json -o random.skald --write-gguf random.gguf q8_0\n"
        "  llm-compile --shape config.json --weights int4 -o shape.skald");
    app.parse(argc, argv);
    if (args.list || !args.explain.empty())
        return args;
    parse_weights(args);
    parse_split_name(args);
    check_dump(args);
    check_source(args);
    check_outputs(args);
    check_results(args);
    return args;
}

int main(int argc, char** argv) {
    CLI::App app("Compiles a language model for the card.", "llm-compile");
    try {
        run(parse(app, argc, argv));
        return console::finish("llm-compile", 0);
    } catch (const CLI::Success& e) {  // --help
        return console::finish("llm-compile", app.exit(e));
    } catch (const CLI::ParseError& e) {
        console::say("llm-compile: {}\n", e.what());
        return kUsage;
    } catch (const std::bad_alloc&) {
        console::say("llm-compile: out of memory\n");
    } catch (const std::exception& e) {
        console::say("llm-compile: {}\n", e.what());
    }
    return kFailed;
}

}  // namespace
}  // namespace skald::compiler

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    return skald::compiler::main(argc, argv);
}
