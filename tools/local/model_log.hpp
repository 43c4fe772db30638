// SPDX-License-Identifier: MIT
// Hears of every micro-op that a local card's modelled chip has ended, for tools that want to know
// more of a run than its sums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skald::card::model {
class Observer;
}

namespace skald::local {

// A micro-op's time, in picoseconds since its run began.
struct ModelSlice {
    std::string_view name;
    std::string_view engine;
    std::string_view bound;
    std::uint32_t op_index = 0;
    std::uint64_t issued = 0, begin = 0, end = 0, moved = 0;
    std::uint64_t rows = 0, dram_bytes = 0;
    std::uint64_t macs = 0;
    std::uint64_t read_bytes = 0;  // of weights and cache, wherever they lie; of the ISA's width
    std::optional<std::uint64_t> experts;  // that have rows, of a product of experts

    bool operator==(const ModelSlice&) const = default;
};

class ModelLog {
  public:
    static constexpr std::size_t kBounds = 7, kParts = 6;
    [[nodiscard]] static std::string_view bound_name(std::size_t bound);
    [[nodiscard]] static std::string_view part_name(std::size_t part);

    struct Sums {
        std::array<std::uint64_t, kBounds> moved{};  // ps that each was to blame for
        std::array<std::uint64_t, kParts> energy{};  // fJ
        std::uint64_t time = 0;                      // ps, all that was moved
        std::uint64_t waited = 0;                    // of it for what other chips were to send
        std::uint64_t dram_bytes = 0;
    };

    explicit ModelLog(bool keep_slices = false);

    // Forgets what was before.
    void begin();
    [[nodiscard]] Sums sums() const;
    [[nodiscard]] std::vector<ModelSlice> slices() const;
    // A run of which nothing is computed routes as this one did: as many experts in each product,
    // in turn, instead of those that would be drawn.
    void route_as(const std::vector<ModelSlice>& run);
    // For the card.
    [[nodiscard]] std::shared_ptr<card::model::Observer> observer() const;

  private:
    class Listener;
    std::shared_ptr<Listener> listener_;
};

// The slices as a trace that Perfetto shows: engines are threads.
[[nodiscard]] std::string perfetto_trace(const std::vector<ModelSlice>& slices,
                                         std::string_view name);

}  // namespace skald::local
