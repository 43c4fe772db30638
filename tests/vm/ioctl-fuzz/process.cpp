// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <vector>

#include "calls.hpp"
#include "options.hpp"

namespace skald::test {
namespace {

constexpr int kAlone = 60;  // calls before there may be a twin
constexpr int kLife = 150;  // calls after, then it is closed with all it has
constexpr std::size_t kMostBuffers = 24;
static_assert(kAlone + kLife <= Sequence::kMost);

void close_some(Client& client) {
    while (client.buffers.size() > kMostBuffers) {
        drm_gem_close args{client.buffers.front(), 0};
        client.ioctl("GEM_CLOSE", DRM_IOCTL_GEM_CLOSE, &args);
        client.buffers.erase(client.buffers.begin());
    }
}

Breeder breeder() {
    std::vector<unsigned> weights;
    for (const Call& call : calls())
        weights.push_back(call.weight);
    return Breeder(weights);
}

// So many calls of each process, or so long.
class Budget {
  public:
    bool goes_on() const {
        return fuzz_options().seconds != 0 ? monotonic_ns() < end_ns_
                                           : done_ < fuzz_options().calls;
    }
    void called() { ++done_; }

  private:
    std::uint64_t done_ = 0;
    std::int64_t end_ns_ =
        monotonic_ns() + static_cast<std::int64_t>(fuzz_options().seconds) * 1000000000;
};

}  // namespace

Outcomes random_calls(std::uint64_t seed, Knowledge& all) {
    Random random(seed);
    Breeder breed = breeder();
    Arena arena;
    Outcomes outcomes;
    Explorer explorer(all);
    for (Budget budget; budget.goes_on();) {
        pid_t twin = -1;
        {
            const bool begins = !random.one_in(8);
            Client client(arena, outcomes);
            explorer.opened(begins);
            const auto live = [&](int calls) {
                for (int i = 0; i < calls; ++i, budget.called()) {
                    const Step step = breed.step(random);
                    client.make(step);
                    explorer.called(step);
                    close_some(client);
                }
            };
            if (begins)
                client.begin();
            live(kAlone);
            twin = random.one_in(2) ? ::fork() : -1;
            if (twin == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                random = Random(random() ^ 1);
                explorer.begin_anew();
                client.rings.clear();
            }
            live(kLife);
            if (twin == 0) {  // with all that is open
                explorer.closed();
                ::_exit(0);
            }
        }
        explorer.closed();
        int status = 0;
        if (twin > 0 && (::waitpid(twin, &status, 0) != twin || status != 0))
            throw std::runtime_error(fmt::format("a twin ended with status {:#x}", status));
    }
    return outcomes;
}

Outcomes guided_calls(std::uint64_t seed, Knowledge& all) {
    Random random(seed);
    Breeder breed = breeder();
    Arena arena;
    Outcomes outcomes;
    Explorer explorer(all);
    for (Budget budget; budget.goes_on();) {
        const std::optional<Sequence> one = all.corpus.pick(random),
                                      other = all.corpus.pick(random);
        const Sequence next = one && other && !random.one_in(8)
                                  ? breed.changed(*one, *other, random)
                                  : breed.fresh(random);
        {
            Client client(arena, outcomes);
            explorer.opened(next.begins);
            if (next.begins)
                client.begin();
            for (const Step& step : next.steps) {
                client.make(step);
                explorer.called(step);
                close_some(client);
                budget.called();
            }
        }
        explorer.closed();
    }
    return outcomes;
}

}  // namespace skald::test
