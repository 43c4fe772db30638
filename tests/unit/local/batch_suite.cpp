// SPDX-License-Identifier: MIT
// Batches: what a sequence says in company is, bit for bit, what it says alone, whoever joins it,
// stops early or is rolled back.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "job_fixture.hpp"
#include "libskald/batch.hpp"
#include "libskald/session.hpp"
#include "test_model.hpp"

namespace skald::test {
namespace {

using Ids = std::vector<rt::TokenId>;

// One sequence: what is asked, and what came.
struct Member {
    Ids prompt;
    rt::Sampling sampling;
    std::uint32_t tokens = 0;
    Ids stop_ids;
    std::uint32_t take = UINT32_MAX;  // the caller wants no more after so many

    Ids ids = {};
    std::vector<float> logits = {};
    rt::GenerateResult result = {};

    [[nodiscard]] rt::GenerateRequest request(bool want_logits) {
        rt::GenerateRequest request;
        request.prompt = prompt;
        request.sampling = sampling;
        request.max_tokens = tokens;
        request.stop_ids = stop_ids;
        request.on_tokens = [this](std::span<const rt::Token> more) {
            const std::size_t count = std::min<std::size_t>(more.size(), take - ids.size());
            for (const rt::Token& token : more.first(count))
                ids.push_back(token.id);
            return rt::Taken{count, ids.size() < take};
        };
        if (want_logits)
            request.on_logits = [this](std::span<const float> rows) {
                logits.insert(logits.end(), rows.begin(), rows.end());
            };
        return request;
    }
};

void expect_same(const std::vector<Member>& got, const std::vector<Member>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); i++) {
        EXPECT_EQ(got[i].ids, expected[i].ids) << "sequence " << i;
        EXPECT_TRUE(got[i].logits == expected[i].logits) << "sequence " << i;
        EXPECT_EQ(got[i].result.reason, expected[i].result.reason) << "sequence " << i;
        EXPECT_EQ(got[i].result.tokens, expected[i].ids.size()) << "sequence " << i;
        EXPECT_EQ(got[i].result.prompt_tokens, got[i].prompt.size());
    }
}

class BatchTest : public JobTest {
  protected:
    static constexpr std::uint32_t kRoom = 128;
    LoadedModel loaded{*device};
    Ids words = loaded.tokenizer.encode(
        "And the king said unto his servants, Go ye and bring me the men that came out of the "
        "land, that I may know what they have seen and what the people of the city say of it");

    // Prompts of all lengths; every third member takes the best token, the others draw.
    Member member(std::size_t i) const {
        Member m;
        m.prompt.assign(words.begin(), words.begin() + 1 + static_cast<long>(i * 7 % 31));
        m.tokens = 12 + static_cast<std::uint32_t>(i * 5 % 23);
        m.sampling.seed = 100 + i;
        if (i % 3 != 0) {
            m.sampling.temperature = 0.9f;
            m.sampling.top_p = 0.95f;
            m.sampling.repeat_penalty = 1.1f;
        }
        return m;
    }
    std::vector<Member> members(std::size_t n) const {
        std::vector<Member> all;
        for (std::size_t i = 0; i < n; i++)
            all.push_back(member(i));
        return all;
    }
    static rt::BatchOptions options_for(std::size_t n, std::uint32_t dump_rows = 0) {
        rt::BatchOptions options;
        options.positions.assign(n, kRoom);
        options.dump_rows = dump_rows;
        return options;
    }
    // Each in a session of its own.
    std::vector<Member> alone(std::vector<Member> all, bool want_logits = false) {
        for (Member& m : all) {
            rt::SessionOptions options;
            options.positions = kRoom;
            options.dump_rows = want_logits ? 16 : 0;
            rt::Session session(loaded.model, options);
            m.result = session.generate(m.request(want_logits));
        }
        return all;
    }
    static void run(rt::Batch& batch, std::vector<Member>& all, bool want_logits = false) {
        std::vector<rt::SequenceRequest> requests;
        for (Member& m : all)
            requests.push_back(m.request(want_logits));
        const auto results = batch.generate(requests);
        ASSERT_EQ(results.size(), all.size());
        for (std::size_t i = 0; i < all.size(); i++)
            all[i].result = results[i];
    }
    std::vector<Member> together(std::vector<Member> all, const rt::BatchOptions& options) {
        rt::Batch batch(loaded.model, options);
        run(batch, all, options.dump_rows != 0);
        return all;
    }
};

class BatchOf : public BatchTest, public testing::WithParamInterface<unsigned> {};

TEST_P(BatchOf, EachSaysWhatItSaysAlone) {
    const auto all = members(GetParam());
    expect_same(together(all, options_for(all.size())), alone(all));
}

TEST_P(BatchOf, TheLogitsAreThoseOfEachAlone) {
    auto all = members(GetParam());
    for (std::size_t i = 8; i < all.size(); i++)
        all[i].tokens = 1;  // 64 rows in the step that ends the prompts, without 64 long dumps
    const auto expected = alone(all, true);
    for (const std::uint32_t steps : {1u, 5u, 64u})
        expect_same(together(all, options_for(all.size(), steps * GetParam())), expected);
}

INSTANTIATE_TEST_SUITE_P(Sizes, BatchOf, testing::Values(1u, 2u, 8u, 64u));

TEST_F(BatchTest, ChunksAndJobsDoNotMatter) {
    const auto all = members(7);
    const auto expected = alone(all);
    for (const std::uint32_t chunk : {7u, 8u, 33u}) {
        rt::BatchOptions options = options_for(7);
        options.chunk = chunk;
        options.time_budget_ns = 1;  // each job ends at its first token boundary
        expect_same(together(all, options), expected);
    }
}

// Stop tokens, callers that have enough, sequences that are full: at different times, so that the
// batch shrinks from eight rows to one.
TEST_F(BatchTest, MembersThatEndEarlyDoNotDisturbTheOthers) {
    auto all = members(8);
    for (Member& m : all)
        m.tokens = 60;
    const auto whole = alone(all);
    all[0].tokens = 1;
    all[1].take = 3;
    all[2].stop_ids = {whole[2].ids[5]};
    all[3].take = 17;
    all[4].tokens = 1000;  // until it is full
    all[5].stop_ids = {whole[5].ids[20], whole[5].ids[30]};
    all[6].tokens = 33;
    const auto expected = alone(all);
    for (const std::uint32_t dump_rows : {0u, 8u, 100u}) {
        auto got = together(all, options_for(8, dump_rows));
        for (Member& m : got)
            m.logits.clear();
        expect_same(got, expected);
    }
    const auto reason = [&](std::size_t i) { return expected[i].result.reason; };
    EXPECT_EQ(reason(1), rt::StopReason::kCaller);
    EXPECT_EQ(reason(2), rt::StopReason::kStopToken);
    EXPECT_EQ(reason(4), rt::StopReason::kContext);
    EXPECT_EQ(reason(6), rt::StopReason::kLength);
}

TEST_F(BatchTest, TellsOfEachEndOnce) {
    auto all = members(4);
    all[2].take = 2;
    all[3].tokens = 0;
    std::vector<int> ends(4);
    std::vector<rt::SequenceRequest> requests;
    for (std::size_t i = 0; i < 4; i++) {
        rt::SequenceRequest request = all[i].request(false);
        request.on_end = [&, i](const rt::GenerateResult& result) {
            ends[i]++;
            EXPECT_EQ(result.tokens, all[i].ids.size());
        };
        requests.push_back(std::move(request));
    }
    rt::Batch batch(loaded.model, options_for(4));
    (void)batch.generate(requests);
    EXPECT_EQ(ends, (std::vector<int>{1, 1, 1, 0}));
}

TEST_F(BatchTest, RowsOfMembersThatEndedAreDropped) {
    auto all = members(4);
    for (Member& m : all)
        m.tokens = 4;
    all[3].tokens = 90;
    rt::BatchOptions options = options_for(4);
    options.profile = true;
    options.time_budget_ns = 1;  // so that the host hears of every token
    rt::Batch batch(loaded.model, options);
    run(batch, all);
    rt::BatchOptions kept = options_for(4);
    kept.profile = true;
    rt::Batch full(loaded.model, kept);
    auto everyone = members(4);
    for (Member& m : everyone)
        m.tokens = 90;
    run(full, everyone);
    // Modelled traffic tells how many rows were computed, on any host.
    EXPECT_LT(batch.stats().cycles, full.stats().cycles);
    EXPECT_EQ(all[3].ids, everyone[3].ids);
}

TEST_F(BatchTest, ARequestContinuesTheOneBeforeAlsoWithOtherCompany) {
    auto all = members(5);
    rt::Batch batch(loaded.model, options_for(5));
    run(batch, all);
    auto second = members(5);
    for (std::size_t i = 0; i < 5; i++)
        second[i].prompt = {static_cast<rt::TokenId>(5 + i), 9};
    second[1].tokens = 0;  // left out
    second[3].prompt.clear();
    run(batch, second);
    auto expected = second;
    for (std::size_t i = 0; i < 5; i++) {
        Member& m = expected[i];
        m.ids.clear();
        m.prompt = all[i].prompt;
        m.prompt.insert(m.prompt.end(), all[i].ids.begin(), all[i].ids.end());
        m.prompt.insert(m.prompt.end(), second[i].prompt.begin(), second[i].prompt.end());
    }
    expected = alone(expected);
    for (std::size_t i = 0; i < 5; i++)
        EXPECT_EQ(second[i].ids, expected[i].ids) << i;
    EXPECT_TRUE(second[1].ids.empty());
}

TEST_F(BatchTest, AfterARollbackTheSameBitsComeAgain) {
    auto first = members(6);
    for (Member& m : first)
        m.tokens = 30;
    rt::Batch batch(loaded.model, options_for(6, 24));
    run(batch, first, true);
    const std::size_t vocabulary = loaded.model.info().vocabulary;
    for (const std::uint32_t keep : {29u, 13u, 1u, 0u}) {  // tokens of the answer that stay
        auto again = members(6);
        for (std::uint32_t q = 0; q < 6; q++) {
            const auto back = keep - keep * q / 6;  // another place in each
            batch.rollback(q, static_cast<std::uint32_t>(first[q].prompt.size()) + back);
            EXPECT_EQ(batch.position(q), first[q].prompt.size() + back);
            again[q].prompt.clear();
            again[q].tokens = 30 - back;
        }
        run(batch, again, true);
        for (std::uint32_t q = 0; q < 6; q++) {
            const auto back = keep - keep * q / 6;
            EXPECT_EQ(again[q].ids, Ids(first[q].ids.begin() + back, first[q].ids.end()))
                << keep << " in sequence " << q;
            EXPECT_TRUE(std::ranges::equal(again[q].logits,
                                           std::span(first[q].logits).subspan(back * vocabulary)));
        }
    }
    // Another text from the middle on, then the first one again.
    batch.rollback(2, 3);
    auto other = members(6);
    for (Member& m : other)
        m.tokens = 0;
    other[2].prompt = {7, 8, 9};
    other[2].tokens = 20;
    run(batch, other);
    EXPECT_NE(other[2].ids, Ids(first[2].ids.begin(), first[2].ids.begin() + 20));
    batch.rollback(2, 3);
    other[2] = members(6)[2];
    other[2].prompt.erase(other[2].prompt.begin(), other[2].prompt.begin() + 3);
    other[2].tokens = 30;
    run(batch, other);
    EXPECT_EQ(other[2].ids, first[2].ids);
}

TEST_F(BatchTest, ARollbackForwardIsRefused) {
    rt::Batch batch(loaded.model, options_for(2));
    const auto error = error_of([&] { batch.rollback(1, 1); });
    EXPECT_EQ(error.code(), EINVAL);
    EXPECT_TRUE(contains(error, "sequence 1: cannot roll back to position 1")) << error.what();
}

TEST_F(BatchTest, PromptsCanBeReadBefore) {
    auto all = members(5);
    const auto expected = alone(all);
    rt::BatchOptions options = options_for(5);
    options.chunk = 6;
    rt::Batch batch(loaded.model, options);
    std::vector<std::span<const rt::TokenId>> heads(5);
    for (std::size_t i = 0; i < 5; i++)  // the whole, all but one, half, nothing
        heads[i] = std::span(all[i].prompt).first(all[i].prompt.size() * (4 - i) / 4);
    ASSERT_TRUE(batch.prefill(heads));
    for (std::uint32_t i = 0; i < 5; i++) {
        EXPECT_EQ(batch.position(i), heads[i].size());
        all[i].prompt.erase(all[i].prompt.begin(),
                            all[i].prompt.begin() + static_cast<long>(heads[i].size()));
    }
    run(batch, all);
    for (std::size_t i = 0; i < 5; i++)
        EXPECT_EQ(all[i].ids, expected[i].ids) << i;
}

TEST_F(BatchTest, ACancelEndsAllAndTheBatchGoesOn) {
    rt::Batch batch(loaded.model, options_for(3));
    const int event = device->os().eventfd();
    ASSERT_GE(event, 0);
    device->os().signal_event(event);
    auto all = members(3);
    std::vector<rt::SequenceRequest> requests;
    for (Member& m : all)
        requests.push_back(m.request(false));
    for (const rt::GenerateResult& result : batch.generate(requests, event))
        EXPECT_EQ(result.reason, rt::StopReason::kCancelled);
    const std::span<const rt::TokenId> head = words;
    const std::uint32_t before = batch.position(0);
    EXPECT_FALSE(batch.prefill({&head, 1}, event));
    EXPECT_EQ(batch.position(0), before);
    device->os().close(event);
    for (std::uint32_t q = 0; q < 3; q++)
        batch.rollback(q, 0);
    auto again = members(3);
    run(batch, again);
    expect_same(again, alone(members(3)));
}

TEST_F(BatchTest, RefusesWhatCannotBe) {
    const auto refused = [&](const rt::BatchOptions& options) {
        return error_of([&] { rt::Batch batch(loaded.model, options); });
    };
    EXPECT_EQ(refused(options_for(0)).code(), EINVAL);
    const auto many = refused(options_for(65));
    EXPECT_EQ(many.code(), EINVAL);
    EXPECT_TRUE(contains(many, "1 to 64 sequences at a time, not 65")) << many.what();
    rt::BatchOptions narrow = options_for(8);
    narrow.chunk = 7;
    EXPECT_EQ(refused(narrow).code(), EINVAL);

    rt::BatchOptions options = options_for(2);
    options.positions[1] = 20;
    rt::Batch batch(loaded.model, options);
    EXPECT_EQ(batch.capacity(0), kRoom);
    auto all = members(2);
    all[1].prompt = Ids(20, 5);
    const auto error = error_of([&] { run(batch, all); });
    EXPECT_EQ(error.code(), EMSGSIZE);
    EXPECT_TRUE(contains(error, "sequence 1: the prompt of 20 tokens")) << error.what();
    EXPECT_EQ(batch.position(0), 0u);  // nothing was begun
    const std::vector<std::span<const rt::TokenId>> heads = {{}, words};
    EXPECT_EQ(error_of([&] { (void)batch.prefill(heads); }).code(), EMSGSIZE);
    EXPECT_EQ(error_of([&] { run(batch, all, true); }).code(), EINVAL);  // no room for logits
    auto three = members(3);
    EXPECT_EQ(error_of([&] { run(batch, three); }).code(), EINVAL);
    auto empty = members(2);
    empty[1].prompt.clear();
    EXPECT_TRUE(contains(error_of([&] { run(batch, empty); }), "sequence 1: there is nothing"));
    auto fine = members(2);
    fine[1].tokens = 5;
    fine[1].prompt.resize(8);
    run(batch, fine);
    EXPECT_EQ(fine[0].ids, alone(members(1))[0].ids);
}

}  // namespace
}  // namespace skald::test
