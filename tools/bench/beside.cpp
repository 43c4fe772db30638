// SPDX-License-Identifier: MIT
// --beside: short answers at high priority while another model reads a prompt at low priority, then
// as many alone; again and again, so that what else the machine does befalls both alike.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <thread>
#include <vector>

#include "bench/commands.hpp"
#include "bench/printer.hpp"
#include "bench/progress.hpp"
#include "bench/runner.hpp"
#include "bench/samples.hpp"
#include "libskald/error.hpp"

namespace skald::bench {
namespace {

constexpr unsigned kWarmUp = 10;  // requests

struct Measured {
    std::vector<double> alone, beside;  // ns of each request
    std::vector<double> prompts;        // ns of each prompt that was read beside
    double prompt_alone = 0;            // ns
};

// A client: a card of its own opening, and a model there.
class Client {
  public:
    Client(const Options& options, const rt::Container& container, const Case& test,
           std::uint32_t chunk, std::uint32_t priority)
        : card_(local::open_card(rt::linux_os(), options.card, 0)),
          model_(*card_, local::image_of(container, options.card)),
          runner_(model_, test, chunk, false, priority) {}

    // Nanoseconds of one request.
    [[nodiscard]] double request() { return static_cast<double>(runner_.repeat()); }
    [[nodiscard]] const std::string& device() const { return card_->name(); }

  private:
    std::unique_ptr<rt::Device> card_;
    rt::Model model_;
    Runner runner_;
};

// Reads a prompt in a thread of its own.
class Reader {
  public:
    explicit Reader(Client& client)
        : thread_([this, &client] {
              try {
                  ns_ = client.request();
              } catch (...) {
                  failed_ = std::current_exception();
              }
              done_.store(true);
          }) {}
    [[nodiscard]] bool done() const { return done_.load(); }
    // Nanoseconds it took. Throws what went wrong.
    double finish() {
        thread_.join();
        if (failed_)
            std::rethrow_exception(failed_);
        return ns_;
    }

  private:
    double ns_ = 0;
    std::exception_ptr failed_;
    std::atomic<bool> done_{false};
    std::jthread thread_;
};

// Requests with pauses between them that are as long as one takes alone: who asks reads, too.
class Asker {
  public:
    explicit Asker(Client& client) : client_(client) {
        std::vector<double> samples;
        for (unsigned i = 0; i < kWarmUp; ++i)
            samples.push_back(client_.request());
        pause_ = std::chrono::nanoseconds(static_cast<std::int64_t>(quantile(samples, 0.5)));
    }
    void ask(std::vector<double>& samples) {
        samples.push_back(client_.request());
        std::this_thread::sleep_for(pause_);
    }

  private:
    Client& client_;
    std::chrono::nanoseconds pause_{0};
};

Measured measure(Client& mine, Client& other, std::uint32_t rounds) {
    Progress progress;
    Measured out;
    progress.show("a prompt alone");
    out.prompt_alone = other.request();
    Asker asker(mine);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        progress.show(fmt::format("round {} of {}: beside a prompt", round + 1, rounds));
        const std::size_t before = out.beside.size();
        Reader reader(other);
        while (!reader.done())
            asker.ask(out.beside);
        out.prompts.push_back(reader.finish());
        progress.show(fmt::format("round {} of {}: alone", round + 1, rounds));
        for (std::size_t i = before; i < out.beside.size(); ++i)
            asker.ask(out.alone);
    }
    return out;
}

std::string ms(double ns) {
    return fmt::format("{:.2f}", ns * 1e-6);
}

std::string name_of(const std::string& path) {
    return std::filesystem::path(path).filename().string();
}

void print(const Options& options, const Case& request, const Case& prompt,
           const std::string& device, const Measured& m) {
    const double p50 = quantile(m.alone, 0.5), p99 = quantile(m.alone, 0.99);
    const double beside50 = quantile(m.beside, 0.5), beside99 = quantile(m.beside, 0.99);
    const double read = prompt.prompt * 1e9 / quantile(m.prompts, 0.5);
    const double read_alone = prompt.prompt * 1e9 / m.prompt_alone;
    Printer printer(stdout, options.format,
                    {{"model", 20, false},
                     {"test", 8, false},
                     {"beside", 20, false},
                     {"test", 8, false},
                     {"samples", 7, true},
                     {"p50 alone, ms", 13, true},
                     {"p99", 9, true},
                     {"p50 beside", 10, true},
                     {"p99", 9, true},
                     {"p99/p50 alone", 13, true},
                     {"t/s beside", 10, true},
                     {"alone", 8, true}});
    printer.print({{"what", "beside"},
                   {"device", device},
                   {"model_filename", options.models.front()},
                   {"n_gen", request.answer},
                   {"beside_filename", options.beside},
                   {"n_prompt", prompt.prompt},
                   {"samples", m.beside.size()},
                   {"rounds", m.prompts.size()},
                   {"alone_p50_ns", p50},
                   {"alone_p99_ns", p99},
                   {"beside_p50_ns", beside50},
                   {"beside_p99_ns", beside99},
                   {"ratio", beside99 / p50},
                   {"beside_ts", read},
                   {"beside_alone_ts", read_alone}},
                  {name_of(options.models.front()), request.name(), name_of(options.beside),
                   prompt.name(), std::to_string(m.beside.size()), ms(p50), ms(p99), ms(beside50),
                   ms(beside99), fmt::format("{:.2f}", beside99 / p50), fmt::format("{:.1f}", read),
                   fmt::format("{:.1f}", read_alone)});
}

}  // namespace

void bench_beside(const Options& options) {
    const rt::Container mine(options.models.front()), other(options.beside);
    const Options fitted = fitted_to(other.model(), options);
    const Case request{.answer = options.answers.front()}, prompt{.prompt = fitted.prompts.front()};
    Options whole_steps = options;
    whole_steps.chunk = 0;
    check_fits(request, whole_steps, mine.model(), options.models.front());
    check_fits(prompt, options, other.model(), options.beside);
    Client asking(options, mine, request, 0, DRM_SKALD_PRIORITY_HIGH);
    Client reading(options, other, prompt, options.chunk, DRM_SKALD_PRIORITY_LOW);
    const Measured measured = measure(asking, reading, options.repetitions);
    print(options, request, prompt, asking.device(), measured);
}

}  // namespace skald::bench
