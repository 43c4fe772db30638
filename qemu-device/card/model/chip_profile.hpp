// SPDX-License-Identifier: MIT
// A chip as a text file: figures, each with where it comes from. The keys, their units, meanings
// and ranges are one table here; qemu-device/chips/ has the files, README.md there the format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace skald::card::model {

// How a figure is known. kNotPublic: it was looked for and is not.
enum class Provenance : std::uint8_t { kPublished, kDerived, kFitted, kAssumed, kNotPublic };
[[nodiscard]] std::string_view name(Provenance provenance);

enum class Key : std::uint8_t {
    kSramMb,
    kPrefetchMb,
    kSramGbs,
    kDramGb,
    kDramGbs,
    kDramEfficiency,
    kDramLatencyNs,
    kInt8Tops,
    kNarrowTops,
    kF16Tops,
    kF32Tops,
    kAttentionTops,
    kArrayEfficiency,
    kArrayRows,
    kArrayFillNs,
    kArrayEntryPs,
    kVectorGops,
    kUnpackGops,
    kIssueNs,
    kIssueWindow,
    kLaunchNs,
    kBoundaryNs,
    kLinkGbs,
    kLinkLatencyNs,
    kSyncNs,
    kHostGbs,
    kHostLatencyNs,
    kPjMacInt8,
    kPjMacNarrow,
    kPjMacF16,
    kPjMacF32,
    kPjMacAttention,
    kPjVector,
    kPjBitSram,
    kPjBitDram,
    kPjBitLink,
    kPjBitHost,
    kStaticW,
    kIdleW,
    kRatedW,
};

struct KeyInfo {
    Key key;
    std::string_view name;
    std::string_view unit;
    double least;
    double most;
    // What a file that leaves it out means, if that is nothing special; none: a run that needs it
    // is refused.
    std::optional<double> neutral;
    std::string_view meaning;
};
// In the order of Key.
[[nodiscard]] std::span<const KeyInfo> keys();
[[nodiscard]] const KeyInfo& info(Key key);

enum class TextKey : std::uint8_t { kTitle, kMaker, kProcess, kBoundary, kResident };
struct TextKeyInfo {
    TextKey key;
    std::string_view name;
    std::string_view meaning;
};
[[nodiscard]] std::span<const TextKeyInfo> text_keys();

// Its text names the file and the line, or the chip.
class ProfileError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

template <class Value>
struct Figure {
    Value value{};  // of kNotPublic: nothing
    Provenance provenance = Provenance::kAssumed;
    std::string source;
    unsigned line = 0;
};

class ChipProfile {
  public:
    // `name` is what messages call the file. Throws ProfileError.
    static ChipProfile parse(std::string_view text, std::string_view name);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::optional<Figure<double>>& figure(Key key) const {
        return figures_[static_cast<std::size_t>(key)];
    }
    [[nodiscard]] const std::optional<Figure<std::string>>& figure(TextKey key) const {
        return texts_[static_cast<std::size_t>(key)];
    }
    // The file's, else the neutral value; none if there is neither.
    [[nodiscard]] std::optional<double> find(Key key) const;
    // The same where it must be there. Throws ProfileError, which names what is missing.
    [[nodiscard]] double get(Key key) const;
    [[nodiscard]] std::string_view text(TextKey key) const;
    [[nodiscard]] bool weights_resident() const { return weights_resident_; }
    [[nodiscard]] bool cache_resident() const { return cache_resident_; }

    // Of these keys those without a value, in their order.
    [[nodiscard]] std::vector<Key> missing(std::span<const Key> wanted) const;
    // Throws ProfileError with the list if there are some.
    void require(std::span<const Key> wanted) const;

    // As if the file said so: what fits and searches change.
    void set(Key key, double value, Provenance provenance, std::string source);
    void forget(Key key) { figures_[static_cast<std::size_t>(key)].reset(); }

  private:
    friend class ProfileReader;
    static constexpr std::size_t kKeys = static_cast<std::size_t>(Key::kRatedW) + 1;
    static constexpr std::size_t kTexts = static_cast<std::size_t>(TextKey::kResident) + 1;

    std::string name_;
    std::array<std::optional<Figure<double>>, kKeys> figures_;
    std::array<std::optional<Figure<std::string>>, kTexts> texts_;
    bool weights_resident_ = false;
    bool cache_resident_ = false;
};

// What every run needs: a rate for each kind of product, for what is not a product, and for the
// memory that holds the weights.
[[nodiscard]] std::vector<Key> keys_of_a_run(const ChipProfile& profile);

}  // namespace skald::card::model
