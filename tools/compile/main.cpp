// SPDX-License-Identifier: MIT
// llm-compile: a model in, a compiled model out. Exit codes: 0 done, 1 the model cannot be compiled
// or a file cannot be read or written, 2 wrong usage.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <new>
#include <optional>

#include "backend/disassemble.hpp"
#include "compile.hpp"
#include "container/container.hpp"
#include "error.hpp"

namespace skald::compiler {
namespace {

constexpr int kFailed = 1, kUsage = 2;

struct Arguments {
    std::filesystem::path model, out;
    WeightChoice weights = WeightChoice::kKeep;
    std::string weights_name = "keep";
    std::optional<std::uint32_t> context;
    unsigned threads = 0;
    bool disasm = false, report = false;
    std::vector<std::string> dump;
};

// A bar on the terminal's last line; nothing at all when stderr is not a terminal.
class ProgressBar {
  public:
    void show(std::uint64_t done, std::uint64_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (!on_ || total == 0 || (done < total && now - last_ < std::chrono::milliseconds(100)))
            return;
        last_ = now;
        constexpr std::uint64_t kWidth = 40;
        const std::uint64_t filled = done * kWidth / total;
        fmt::print(stderr, "\r[{:<40}] {:3}% of {:.1f} MB", std::string(filled, '#'),
                   done * 100 / total, static_cast<double>(total) / 1e6);
        drawn_ = true;
    }
    ~ProgressBar() {
        if (drawn_)
            fmt::print(stderr, "\r\033[K");
    }

  private:
    const bool on_ = ::isatty(STDERR_FILENO) != 0;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_{};
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
    fmt::print("{:<28} {:>12} {:<10} {:<6} {:>12} {:>12} {:>12}\n", "tensor", "shape", "source",
               "stored", "bytes", "rel. error", "max error");
    for (const TensorReport& t : r.tensors)
        fmt::print("{:<28} {:>12} {:<10} {:<6} {:>12} {:>12.3g} {:>12.3g}\n", t.name,
                   fmt::format("{}x{}", t.n, t.k),
                   t.source_types.empty() ? "computed" : t.source_types, t.format, t.bytes,
                   t.error.relative(), t.error.largest_error);
    fmt::print(
        "parameters {}, weights {} bytes, file {} bytes, context {}, program of {} "
        "micro-ops\ncontent {}\n",
        r.parameters, r.weight_bytes, r.file_bytes, r.context, r.micro_ops, r.content_hash);
}

void run(const Arguments& args) {
    if (args.disasm && is_container(args.model)) {
        fmt::print("{}", disassemble(rt::Container(args.model).program()));
        return;
    }
    const Model model = load_model(args.model);
    CompileOptions options;
    options.weights = args.weights;
    options.context = args.context;
    options.threads = args.threads;
    options.tool_options = fmt::format("--weights {}", args.weights_name);
    if (args.context)
        options.tool_options += fmt::format(" --context {}", *args.context);
    options.after_pass = [&](std::string_view pass, const ir::Graph& graph) {
        if (std::find(args.dump.begin(), args.dump.end(), pass) != args.dump.end())
            fmt::print("-- after {}\n{}", pass, ir::to_string(graph));
    };
    if (args.out.empty()) {
        const Plan p = plan(model, options);
        if (args.disasm)
            fmt::print("{}", disassemble(p.program));
        return;
    }
    ProgressBar bar;
    options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.show(done, total); };
    const CompileReport report = compile(model, options, args.out);
    if (args.report)
        print_report(report);
    if (args.disasm)
        fmt::print("{}", disassemble(rt::Container(args.out).program()));
}

std::string pass_names() {
    std::string names = "build";
    for (const Pass& pass : kPasses)
        names += fmt::format(", {}", pass.name);
    return names;
}

void parse_weights(Arguments& args) {
    static const std::map<std::string, WeightChoice> kChoices{{"keep", WeightChoice::kKeep},
                                                              {"int8", WeightChoice::kInt8},
                                                              {"f16", WeightChoice::kF16},
                                                              {"f32", WeightChoice::kF32}};
    if (args.weights_name == "int4" || args.weights_name == "ternary")
        throw CLI::ValidationError(
            "--weights", args.weights_name + " is not supported yet; keep, int8, f16 and f32 are");
    const auto it = kChoices.find(args.weights_name);
    if (it == kChoices.end())
        throw CLI::ValidationError(
            "--weights", args.weights_name + " is unknown; keep, int8, f16 and f32 are supported");
    args.weights = it->second;
}

void check_dump(const Arguments& args) {
    for (const std::string& name : args.dump) {
        const bool known =
            name == "build" || std::any_of(kPasses.begin(), kPasses.end(),
                                           [&](const Pass& pass) { return pass.name == name; });
        if (!known)
            throw CLI::ValidationError("--dump",
                                       name + " is not a pass; there are " + pass_names());
    }
}

Arguments parse(CLI::App& app, int argc, char** argv) {
    Arguments args;
    app.add_option("MODEL", args.model,
                   "Hugging Face folder or GGUF file; with --disasm also a compiled model")
        ->required();
    app.add_option("-o,--output", args.out, "the compiled model to write (OUT.skald)");
    app.add_option(
           "--weights", args.weights_name,
           "keep: q8_0 stays as it is, floats become int8; int8; f16, f32: the slow float form")
        ->capture_default_str();
    app.add_option(
        "--context", args.context,
        fmt::format("positions of a sequence (default: the model's, at most {})", kDefaultContext));
    app.add_option("--threads", args.threads, "threads that convert weights (default: all)");
    app.add_flag("--disasm", args.disasm, "print the program");
    app.add_flag("--report", args.report, "print what became of each tensor, with the error");
    app.add_option("--dump", args.dump, "print the graph after a pass: " + pass_names());
    app.parse(argc, argv);
    parse_weights(args);
    check_dump(args);
    if (args.out.empty() && !args.disasm && args.dump.empty())
        throw CLI::ValidationError("-o",
                                   "is required unless --disasm or --dump says what to print");
    if (args.out.empty() && args.report)
        throw CLI::ValidationError("--report",
                                   "needs -o: errors are known once the weights are written");
    return args;
}

int main(int argc, char** argv) {
    CLI::App app("Compiles a language model for the card.", "llm-compile");
    try {
        run(parse(app, argc, argv));
        return 0;
    } catch (const CLI::Success& e) {  // --help
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        fmt::print(stderr, "llm-compile: {}\n", e.what());
        return kUsage;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "llm-compile: out of memory\n");
    } catch (const std::exception& e) {
        fmt::print(stderr, "llm-compile: {}\n", e.what());
    }
    return kFailed;
}

}  // namespace
}  // namespace skald::compiler

int main(int argc, char** argv) {
    return skald::compiler::main(argc, argv);
}
