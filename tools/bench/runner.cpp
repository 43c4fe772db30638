// SPDX-License-Identifier: MIT
// Requests of random tokens.
#include "bench/runner.hpp"

#include <fmt/format.h>

#include <random>
#include <vector>

#include "libskald/error.hpp"
#include "libskald/session.hpp"

namespace skald::bench {
namespace {

// The same tokens in every run of the program, others in every repetition.
class RandomTokens {
  public:
    explicit RandomTokens(const container::ModelInfo& info)
        : bos_(info.bos_id), any_(0, info.vocabulary - 1) {}

    std::vector<rt::TokenId> next(std::size_t count, bool from_the_start) {
        std::vector<rt::TokenId> tokens(count);
        for (rt::TokenId& token : tokens)
            token = any_(random_);
        if (from_the_start && bos_ != container::kNoToken && count != 0)
            tokens[0] = bos_;
        return tokens;
    }

  private:
    rt::TokenId bos_;
    std::mt19937 random_;
    std::uniform_int_distribution<rt::TokenId> any_;
};

class SessionRunner final : public Runner {
  public:
    SessionRunner(rt::Model& model, const Case& test, std::uint32_t chunk)
        : test_(test), tokens_(model.info()), session_(model, session_options(test, chunk)) {
        if (test.depth != 0)
            generate(test.depth, 1);
    }

    std::int64_t repeat() override {
        session_.rollback(test_.depth);
        const rt::GenerateResult result = generate(test_.given(), test_.chosen());
        return result.last_ns - result.start_ns;
    }
    [[nodiscard]] std::uint32_t chunk() const override { return session_.chunk(); }

  private:
    static rt::SessionOptions session_options(const Case& test, std::uint32_t chunk) {
        rt::SessionOptions options;
        options.positions = static_cast<std::uint32_t>(test.positions());
        options.chunk = chunk;
        return options;
    }

    rt::GenerateResult generate(std::uint32_t given, std::uint32_t chosen) {
        const auto prompt = tokens_.next(given, session_.position() == 0);
        rt::GenerateRequest request;
        request.prompt = prompt;
        request.max_tokens = chosen;
        const rt::GenerateResult result = session_.generate(request);
        if (result.tokens != chosen)
            throw rt::Error(fmt::format("{}: the card wrote {} tokens instead of {}", test_.name(),
                                        result.tokens, chosen));
        return result;
    }

    Case test_;
    RandomTokens tokens_;
    rt::Session session_;
};

}  // namespace

std::unique_ptr<Runner> make_runner(rt::Model& model, const Case& test, std::uint32_t chunk) {
    return std::make_unique<SessionRunner>(model, test, chunk);
}

}  // namespace skald::bench
