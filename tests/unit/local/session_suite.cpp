// SPDX-License-Identifier: MIT
// Sessions: the same tokens however they are cut into steps, jobs and requests; ends, cancels and
// mistakes.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "job_fixture.hpp"
#include "libskald/session.hpp"
#include "skald/fault.h"
#include "test_model.hpp"

namespace skald::test {
namespace {

using Ids = std::vector<rt::TokenId>;

class SessionTest : public JobTest {
  protected:
    LoadedModel loaded{*device};
    Ids prompt = loaded.tokenizer.encode("And the king said unto his servants, Go ye");

    struct Outcome {
        Ids ids;
        std::vector<float> logits;
        rt::GenerateResult result;
    };
    // Samples with a seed, so that more than the best token matters.
    static rt::GenerateRequest request_for(const Ids& prompt, std::uint32_t tokens) {
        rt::GenerateRequest request;
        request.prompt = prompt;
        request.max_tokens = tokens;
        request.sampling.temperature = 0.9f;
        request.sampling.top_p = 0.95f;
        request.sampling.repeat_penalty = 1.1f;
        request.sampling.seed = 7;
        return request;
    }
    static Outcome generate(rt::Session& session, rt::GenerateRequest request,
                            bool want_logits = false) {
        Outcome out;
        request.on_tokens = [&](std::span<const rt::Token> tokens) {
            for (const rt::Token& token : tokens)
                out.ids.push_back(token.id);
            return rt::Taken{tokens.size(), true};
        };
        if (want_logits)
            request.on_logits = [&](std::span<const float> rows) {
                out.logits.insert(out.logits.end(), rows.begin(), rows.end());
            };
        out.result = session.generate(request);
        return out;
    }
    Outcome generate(const rt::SessionOptions& options, std::uint32_t tokens,
                     bool want_logits = false) {
        rt::Session session(loaded.model, options);
        return generate(session, request_for(prompt, tokens), want_logits);
    }
};

TEST_F(SessionTest, ChunksDoNotChangeTokensOrLogits) {
    rt::SessionOptions options;
    options.dump_rows = 64;
    const Outcome whole = generate(options, 30, true);
    EXPECT_EQ(whole.ids.size(), 30u);
    EXPECT_EQ(whole.logits.size(), 30u * loaded.model.info().vocabulary);
    for (const std::uint32_t chunk : {1u, 3u, 7u}) {
        options.chunk = chunk;
        const Outcome cut = generate(options, 30, true);
        EXPECT_EQ(cut.ids, whole.ids) << "chunk " << chunk;
        EXPECT_TRUE(cut.logits == whole.logits) << "chunk " << chunk;
    }
}

TEST_F(SessionTest, JobsThatEndEarlyDoNotChangeTokens) {
    const Outcome whole = generate({}, 60);
    rt::SessionOptions options;
    options.chunk = 1;
    options.time_budget_ns = 1;  // each job ends at its first token boundary
    rt::Session session(loaded.model, options);
    EXPECT_EQ(generate(session, request_for(prompt, 60)).ids, whole.ids);
    EXPECT_GE(session.stats().submitted, 60u);
}

TEST_F(SessionTest, ALongRequestTakesFewSubmissions) {
    rt::Session session(loaded.model, {});
    const Outcome out = generate(session, request_for(prompt, 200));
    const double seconds = static_cast<double>(out.result.last_ns - out.result.start_ns) * 1e-9;
    EXPECT_LE(static_cast<double>(session.stats().submitted), std::max(10.0, 3 + seconds));
}

TEST_F(SessionTest, TheDumpMayHoldFewRowsOrMany) {
    rt::SessionOptions options;
    options.dump_rows = 64;
    const Outcome whole = generate(options, 20, true);
    for (const std::uint32_t rows : {1u, 7u, 20u}) {
        options.dump_rows = rows;
        const Outcome parts = generate(options, 20, true);
        EXPECT_EQ(parts.ids, whole.ids) << rows;
        EXPECT_TRUE(parts.logits == whole.logits) << rows;
    }
}

TEST_F(SessionTest, TheBestTokenIsTheOneWithTheHighestLogit) {
    rt::SessionOptions options;
    options.dump_rows = 8;
    rt::Session session(loaded.model, options);
    rt::GenerateRequest request;
    request.prompt = prompt;
    request.max_tokens = 8;
    const Outcome out = generate(session, request, true);
    const std::size_t vocabulary = loaded.model.info().vocabulary;
    for (std::size_t i = 0; i < 8; i++) {
        const auto row = std::span(out.logits).subspan(i * vocabulary, vocabulary);
        EXPECT_EQ(std::ranges::max_element(row) - row.begin(), out.ids[i]);
    }
}

TEST_F(SessionTest, ARequestContinuesTheOneBefore) {
    rt::Session session(loaded.model, {});
    const Outcome first = generate(session, request_for(prompt, 10));
    const Ids more = {5, 6, 7};
    const Outcome second = generate(session, request_for(more, 10));

    Ids all = prompt;
    all.insert(all.end(), first.ids.begin(), first.ids.end());
    all.insert(all.end(), more.begin(), more.end());
    rt::Session fresh(loaded.model, {});
    EXPECT_EQ(generate(fresh, request_for(all, 10)).ids, second.ids);
}

TEST_F(SessionTest, ARollbackForgets) {
    rt::Session session(loaded.model, {});
    const Outcome first = generate(session, request_for(prompt, 25));
    EXPECT_EQ(session.position(), prompt.size() + 24);
    session.rollback(0);
    EXPECT_EQ(generate(session, request_for(prompt, 25)).ids, first.ids);
    const auto half = static_cast<std::uint32_t>(prompt.size() / 2);
    session.rollback(half);
    const Ids rest(prompt.begin() + half, prompt.end());
    EXPECT_EQ(generate(session, request_for(rest, 25)).ids, first.ids);
    EXPECT_EQ(error_of([&] { session.rollback(500); }).code(), EINVAL);
}

TEST_F(SessionTest, AfterARollbackIntoTheAnswerTheSameTokensComeAgain) {
    rt::Session session(loaded.model, {});
    const Outcome first = generate(session, request_for(prompt, 25));
    for (const std::uint32_t keep : {24u, 10u, 0u}) {
        session.rollback(static_cast<std::uint32_t>(prompt.size()) + keep);
        EXPECT_EQ(generate(session, request_for({}, 25 - keep)).ids,
                  Ids(first.ids.begin() + keep, first.ids.end()))
            << keep;
    }
}

TEST_F(SessionTest, SavedKeysAndValuesGiveTheSameBitsInAnotherSession) {
    rt::SessionOptions options;
    options.dump_rows = 16;
    Ids text;  // more than one block of the cache
    while (text.size() < 150)
        text.insert(text.end(), prompt.begin(), prompt.end());
    rt::Session writer(loaded.model, options);
    const Outcome whole = generate(writer, request_for(text, 30), true);
    for (const std::uint32_t kept : {1u, 63u, 64u, 65u, 149u}) {
        const auto kv = writer.save(kept);
        EXPECT_EQ(kv.size(), (kept + 63) / 64 * loaded.model.info().block_bytes);
        rt::Session reader(loaded.model, options);
        reader.restore(std::span(text).first(kept), kv);
        EXPECT_EQ(reader.position(), kept);
        const Ids rest(text.begin() + kept, text.end());
        const Outcome again = generate(reader, request_for(rest, 30), true);
        EXPECT_EQ(again.ids, whole.ids) << kept;
        EXPECT_TRUE(again.logits == whole.logits) << kept;
    }
    const auto kv = writer.save(100);
    rt::Session reader(loaded.model, options);
    EXPECT_EQ(error_of([&] { reader.restore(std::span(text).first(129), kv); }).code(), EINVAL);
    EXPECT_EQ(error_of([&] { (void)reader.save(1); }).code(), EINVAL);
    const Ids huge(loaded.model.info().context + 1, 5);
    EXPECT_EQ(error_of([&] { reader.restore(huge, kv); }).code(), EMSGSIZE);
    EXPECT_EQ(reader.position(), 0u);
    EXPECT_EQ(generate(reader, request_for(text, 30)).ids, whole.ids);
}

TEST_F(SessionTest, SessionsOfOneModelDoNotDisturbEachOther) {
    const Outcome alone = generate({}, 20);
    rt::Session one(loaded.model, {}), two(loaded.model, {});
    const Ids other = loaded.tokenizer.encode("In the beginning");
    (void)generate(two, request_for(other, 5));
    EXPECT_EQ(generate(one, request_for(prompt, 20)).ids, alone.ids);
    (void)generate(two, request_for(other, 5));
    one.rollback(0);
    EXPECT_EQ(generate(one, request_for(prompt, 20)).ids, alone.ids);
}

TEST_F(SessionTest, StopTokensEndTheText) {
    const Outcome whole = generate({}, 20);
    const auto at =
        static_cast<std::size_t>(std::ranges::find(whole.ids, whole.ids[12]) - whole.ids.begin());
    rt::Session session(loaded.model, {});
    rt::GenerateRequest request = request_for(prompt, 20);
    const std::uint32_t stop = whole.ids[12];
    request.stop_ids = {&stop, 1};
    const Outcome out = generate(session, request);
    EXPECT_EQ(out.result.reason, rt::StopReason::kStopToken);
    EXPECT_EQ(out.ids, Ids(whole.ids.begin(), whole.ids.begin() + static_cast<long>(at) + 1));
}

TEST_F(SessionTest, TheCallerCanStopInsideABatchAndGoOn) {
    rt::SessionOptions options;
    options.dump_rows = 64;
    const Outcome whole = generate(options, 40, true);
    rt::Session session(loaded.model, options);
    rt::GenerateRequest request = request_for(prompt, 400);
    Outcome out;
    request.on_tokens = [&](std::span<const rt::Token> tokens) {
        const std::size_t count = std::min<std::size_t>(tokens.size(), 11 - out.ids.size());
        for (const rt::Token& token : tokens.first(count))
            out.ids.push_back(token.id);
        return rt::Taken{count, out.ids.size() < 11};
    };
    request.on_logits = [&](std::span<const float> rows) {
        out.logits.insert(out.logits.end(), rows.begin(), rows.end());
    };
    out.result = session.generate(request);
    EXPECT_EQ(out.result.reason, rt::StopReason::kCaller);
    EXPECT_EQ(out.result.tokens, 11u);
    EXPECT_EQ(out.ids, Ids(whole.ids.begin(), whole.ids.begin() + 11));
    EXPECT_TRUE(std::ranges::equal(
        out.logits, std::span(whole.logits).first(11u * loaded.model.info().vocabulary)));
    // What the card made beyond that is forgotten: the next request goes on from the eleventh.
    const Ids twelfth = {whole.ids[11]};
    const Outcome rest = generate(session, request_for(twelfth, 28));
    EXPECT_EQ(rest.ids, Ids(whole.ids.begin() + 12, whole.ids.end()));
}

TEST_F(SessionTest, ACancelEndsARequestAtATokenBoundary) {
    rt::Session session(loaded.model, {});
    const int event = device->os().eventfd();
    ASSERT_GE(event, 0);
    device->os().signal_event(event);
    rt::GenerateRequest request = request_for(prompt, 400);
    request.cancel_fd = event;
    EXPECT_EQ(generate(session, request).result.reason, rt::StopReason::kCancelled);
    const rt::Score cancelled = session.score(prompt, event);
    EXPECT_TRUE(cancelled.cancelled);
    EXPECT_LE(cancelled.log_probs.size(), prompt.size() - 1);
    device->os().close(event);
    // And the session still works.
    session.rollback(0);
    EXPECT_EQ(generate(session, request_for(prompt, 20)).ids, generate({}, 20).ids);
}

TEST_F(SessionTest, ACancelDescriptorWithoutAWriterCancels) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    ::close(pipe[1]);  // poll gives POLLHUP alone, and does so for ever
    rt::Session session(loaded.model, {});
    rt::GenerateRequest request = request_for(prompt, 400);
    request.cancel_fd = pipe[0];
    EXPECT_EQ(generate(session, request).result.reason, rt::StopReason::kCancelled);
    ::close(pipe[0]);
    session.rollback(0);
    EXPECT_EQ(generate(session, request_for(prompt, 20)).ids, generate({}, 20).ids);
}

TEST_F(SessionTest, TheContextIsUsedToItsLastPosition) {
    rt::SessionOptions options;
    options.positions = static_cast<std::uint32_t>(prompt.size()) + 70;  // more than a KV block
    const Outcome out = generate(options, 1000);
    EXPECT_EQ(out.result.reason, rt::StopReason::kContext);
    EXPECT_EQ(out.ids.size(), 70u);
    EXPECT_EQ(out.ids, generate({}, 70).ids);
}

TEST_F(SessionTest, RefusesWhatDoesNotFit) {
    rt::SessionOptions options;
    options.positions = static_cast<std::uint32_t>(prompt.size());
    rt::Session small(loaded.model, options);
    const auto error = error_of([&] { (void)generate(small, request_for(prompt, 5)); });
    EXPECT_EQ(error.code(), EMSGSIZE) << error.what();
    EXPECT_EQ(error_of([&] { (void)generate(small, request_for({}, 5)); }).code(), EINVAL);
    EXPECT_EQ(error_of([&] { (void)small.score(Ids(1)); }).code(), EINVAL);
    EXPECT_EQ(error_of([&] { (void)small.score(Ids(1000, 5)); }).code(), EMSGSIZE);
    options.chunk = loaded.model.info().max_rows + 1;
    EXPECT_EQ(error_of([&] { rt::Session session(loaded.model, options); }).code(), EINVAL);
    rt::GenerateRequest request = request_for(prompt, 5);
    const std::vector<std::uint32_t> stops(isa::kMaxStop + 1);
    request.stop_ids = stops;
    rt::Session session(loaded.model, {});
    EXPECT_EQ(error_of([&] { (void)generate(session, request); }).code(), EINVAL);
    EXPECT_EQ(generate(session, request_for(prompt, 5)).ids.size(), 5u);
}

TEST_F(SessionTest, NoTokensWantedIsNoWork) {
    rt::Session session(loaded.model, {});
    EXPECT_EQ(generate(session, request_for(prompt, 0)).result.tokens, 0u);
    EXPECT_EQ(session.stats().submitted, 0u);
}

TEST_F(SessionTest, ScoresDoNotDependOnChunksAndMatchTheLogits) {
    rt::SessionOptions options;
    options.dump_rows = 5;
    rt::Session session(loaded.model, options);
    std::vector<float> logits;
    const std::vector<float> whole =
        session
            .score(prompt, -1,
                   [&](std::span<const float> rows) {
                       logits.insert(logits.end(), rows.begin(), rows.end());
                   })
            .log_probs;
    ASSERT_EQ(whole.size(), prompt.size() - 1);
    const std::size_t vocabulary = loaded.model.info().vocabulary;
    ASSERT_EQ(logits.size(), whole.size() * vocabulary);
    for (std::size_t i = 0; i < whole.size(); i++) {
        const auto row = std::span(logits).subspan(i * vocabulary, vocabulary);
        double sum = 0;
        for (const float logit : row)
            sum += std::exp(double{logit});
        EXPECT_NEAR(whole[i], row[prompt[i + 1]] - std::log(sum), 1e-4);
    }
    for (const std::uint32_t chunk : {1u, 4u}) {
        options.chunk = chunk;
        options.dump_rows = 0;
        rt::Session cut(loaded.model, options);
        EXPECT_EQ(cut.score(prompt).log_probs, whole) << "chunk " << chunk;
    }
}

TEST_F(SessionTest, TheProfileCountsEveryMicroOp) {
    rt::SessionOptions options;
    options.profile = true;
    rt::Session session(loaded.model, options);
    (void)generate(session, request_for(prompt, 10));
    std::uint64_t count = 0, cycles = 0, bytes = 0;
    for (const skald_profile& record : session.profile()) {
        count += record.count;
        cycles += record.cycles;
        bytes += record.bytes;
    }
    const drm_skald_queue_query stats = session.stats();
    EXPECT_EQ(count, stats.micro_ops);
    EXPECT_EQ(cycles, stats.cycles);
    EXPECT_EQ(bytes, stats.bytes);

    std::uint64_t energy_fj = 0, time_ps = 0;
    ASSERT_EQ(session.profile_model().size(), session.profile().size());
    for (const skald_profile_model& record : session.profile_model()) {
        energy_fj += record.energy_fj;
        for (const std::uint64_t part : record.bound_ps)
            time_ps += part;
    }
    // Jobs tell whole nanoseconds and picojoules.
    EXPECT_NEAR(static_cast<double>(time_ps) * 1e-3, static_cast<double>(stats.cycles),
                static_cast<double>(stats.completed));
    EXPECT_NEAR(static_cast<double>(energy_fj) * 1e-3, static_cast<double>(stats.energy_pj),
                static_cast<double>(stats.completed));
}

TEST_F(SessionTest, ABrokenProgramIsNamedAndTheNextModelRuns) {
    std::vector<isa::MicroOp> program(loaded.container.program().begin(),
                                      loaded.container.program().end());
    const auto matmul = std::ranges::find(program, static_cast<std::uint8_t>(isa::Opcode::MatMul),
                                          &isa::MicroOp::opcode);
    ASSERT_NE(matmul, program.end());
    matmul->op[1].offset += 1ull << 40;  // weights that are not there
    {
        rt::Model model(*device, {loaded.container.model(), program, loaded.container.weights()});
        rt::Session session(model, {});
        const auto error = error_of([&] { (void)generate(session, request_for(prompt, 5)); });
        EXPECT_EQ(error.code(), ENOTRECOVERABLE);
        EXPECT_TRUE(contains(error, "unmapped") && contains(error, "matmul")) << error.what();
        EXPECT_THROW((void)generate(session, request_for(prompt, 5)), rt::Error);
    }
    EXPECT_EQ(generate({}, 5).ids.size(), 5u);
}

}  // namespace
}  // namespace skald::test
