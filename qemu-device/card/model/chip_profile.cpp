// SPDX-License-Identifier: MIT
#include "card/model/chip_profile.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace skald::card::model {
namespace {

constexpr std::optional<double> kNone = std::nullopt;

constexpr KeyInfo kKeys[] = {
    {Key::kSramMb, "sram_mb", "MB", 0, 1e6, kNone,
     "memory on the chip for activations, for what streams ahead and for what is resident"},
    {Key::kPrefetchMb, "prefetch_mb", "MB", 0, 1e6, 0.0,
     "of sram_mb: weights that have streamed in before their micro-op begins; 0: none"},
    {Key::kSramGbs, "sram_gbs", "GB/s", 1e-3, 1e9, 0.0,
     "bandwidth of that memory; left out: it is never what bounds"},
    {Key::kDramGb, "dram_gb", "GB", 0, 1e6, kNone, "memory beside the chip; 0: there is none"},
    {Key::kDramGbs, "dram_gbs", "GB/s", 1e-3, 1e9, kNone, "its bandwidth, of all channels"},
    {Key::kDramEfficiency, "dram_efficiency", "", 1e-3, 1, 1.0,
     "the part of dram_gbs that is reached"},
    {Key::kDramLatencyNs, "dram_latency_ns", "ns", 0, 1e6, 0.0, "from a request to its first byte"},
    {Key::kInt8Tops, "int8_tops", "TOPS", 1e-3, 1e9, kNone, "products of 8 bits, a MAC being two"},
    {Key::kNarrowTops, "narrow_tops", "TOPS", 1e-3, 1e9, kNone, "products of 4 bits and fewer"},
    {Key::kF16Tops, "f16_tops", "TFLOPS", 1e-3, 1e9, kNone, "products of f16 weights"},
    {Key::kF32Tops, "f32_tops", "TFLOPS", 1e-3, 1e9, kNone, "products of f32 weights"},
    {Key::kAttentionTops, "attention_tops", "TFLOPS", 1e-3, 1e9, kNone,
     "products of queries with keys, and of weights with values"},
    {Key::kArrayEfficiency, "array_efficiency", "", 1e-3, 1, 1.0,
     "the part of the products' peaks that is reached when the array is full"},
    {Key::kArrayRows, "array_rows", "rows", 1, 65536, 1.0,
     "rows that a product needs to fill the array; with fewer it takes as long as with these"},
    {Key::kArrayFillNs, "array_fill_ns", "ns", 0, 1e6, 0.0, "to fill and drain the array"},
    {Key::kArrayEntryPs, "array_entry_ps", "ps", 0, 1e6, 0.0,
     "of each element of a row that enters the array; the rows behind it follow in its shade"},
    {Key::kVectorGops, "vector_gops", "Gop/s", 1e-3, 1e9, kNone,
     "element operations: norms, activations, softmax, quantisation, sampling"},
    {Key::kUnpackGops, "unpack_gops", "G/s", 1e-3, 1e9, 0.0,
     "weights that are turned into the kind of their products, which then begin; left out: no "
     "time"},
    {Key::kIssueNs, "issue_ns", "ns", 0, 1e6, 0.0, "of the sequencer, for each micro-op"},
    {Key::kIssueWindow, "issue_window", "micro-ops", 1, 32, 1.0,
     "that are issued and not ended: how far the sequencer runs ahead"},
    {Key::kLaunchNs, "launch_ns", "ns", 0, 1e6, 0.0,
     "from when operands and engine are there to when a micro-op begins"},
    {Key::kBoundaryNs, "boundary_ns", "ns", 0, 1e9, 0.0,
     "of the sequencer between two steps, instead of the control micro-ops there"},
    {Key::kLinkGbs, "link_gbs", "GB/s", 1e-3, 1e9, kNone,
     "to all other chips of the group, in each direction"},
    {Key::kLinkLatencyNs, "link_latency_ns", "ns", 0, 1e6, 0.0, "from chip to chip"},
    {Key::kSyncNs, "sync_ns", "ns", 0, 1e9, 0.0, "of an exchange between chips, whatever its size"},
    {Key::kHostGbs, "host_gbs", "GB/s", 1e-3, 1e9, 0.0,
     "to host memory; left out: it is never what bounds"},
    {Key::kHostLatencyNs, "host_latency_ns", "ns", 0, 1e9, 0.0, "to host memory"},
    {Key::kPjMacInt8, "pj_mac_int8", "pJ", 0, 1e6, kNone, "of a product and its sum"},
    {Key::kPjMacNarrow, "pj_mac_narrow", "pJ", 0, 1e6, kNone, "of one of 4 bits and fewer"},
    {Key::kPjMacF16, "pj_mac_f16", "pJ", 0, 1e6, kNone, "of one with f16 weights"},
    {Key::kPjMacF32, "pj_mac_f32", "pJ", 0, 1e6, kNone, "of one with f32 weights"},
    {Key::kPjMacAttention, "pj_mac_attention", "pJ", 0, 1e6, kNone, "of one of attention"},
    {Key::kPjVector, "pj_vector", "pJ", 0, 1e6, kNone, "of an element operation"},
    {Key::kPjBitSram, "pj_bit_sram", "pJ/bit", 0, 1e6, kNone, "of memory on the chip"},
    {Key::kPjBitDram, "pj_bit_dram", "pJ/bit", 0, 1e6, kNone, "of memory beside it"},
    {Key::kPjBitLink, "pj_bit_link", "pJ/bit", 0, 1e6, kNone, "between chips"},
    {Key::kPjBitHost, "pj_bit_host", "pJ/bit", 0, 1e6, 0.0, "to the host"},
    {Key::kStaticW, "static_w", "W", 0, 1e6, kNone, "drawn in all of the time that a run takes"},
    {Key::kIdleW, "idle_w", "W", 0, 1e6, kNone, "drawn when nothing runs: no mean is lower"},
    {Key::kRatedW, "rated_w", "W", 0, 1e6, kNone, "that the maker allows: no mean is higher"},
};

constexpr TextKeyInfo kTextKeys[] = {
    {TextKey::kTitle, "title", "what people call it"},
    {TextKey::kMaker, "maker", "who makes it"},
    {TextKey::kProcess, "process", "in which silicon"},
    {TextKey::kBoundary, "boundary", "what the power is of: chip, board or system"},
    {TextKey::kResident, "resident",
     "what stays on the chip: weights, kv, both (with a comma) or none"},
};

constexpr std::string_view kProvenances[] = {"published", "derived", "fitted", "assumed",
                                             "not-public"};
constexpr std::string_view kUnknown = "unknown";

std::string_view trim(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string quoted(std::string_view text) {
    std::string all(1, '\'');
    all.append(text).push_back('\'');
    return all;
}

// As short as it can be said.
std::string number(double value) {
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
    return {std::begin(text), end};
}

}  // namespace

std::string_view name(Provenance provenance) {
    return kProvenances[static_cast<std::size_t>(provenance)];
}

std::span<const KeyInfo> keys() {
    return kKeys;
}

const KeyInfo& info(Key key) {
    return kKeys[static_cast<std::size_t>(key)];
}

std::span<const TextKeyInfo> text_keys() {
    return kTextKeys;
}

// Line by line: "key = value  # provenance: source", empty lines, and lines that begin with "#".
class ProfileReader {
  public:
    explicit ProfileReader(std::string_view name) { profile_.name_ = name; }

    ChipProfile read(std::string_view text) {
        while (!text.empty()) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            ++line_;
            read_line(trim(text.substr(0, end)));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        check_whole();
        return std::move(profile_);
    }

  private:
    [[noreturn]] void refuse(const std::string& why) const {
        throw ProfileError(profile_.name_ + ":" + std::to_string(line_) + ": " + why);
    }

    void read_line(std::string_view line) {
        if (line.empty() || line.front() == '#')
            return;
        const std::size_t hash = line.find('#');
        const std::size_t equals = line.substr(0, hash).find('=');
        if (equals == std::string_view::npos)
            refuse("expected 'key = value  # class: source'");
        const std::string_view key = trim(line.substr(0, equals));
        const std::string_view value = trim(line.substr(0, hash).substr(equals + 1));
        if (value.empty())
            refuse("the value of " + quoted(key) + " is missing");
        if (hash == std::string_view::npos)
            refuse(quoted(key) +
                   " has no class and source: '# published, derived, fitted, "
                   "assumed or not-public: where it is from'");
        const auto [provenance, source] = read_source(key, trim(line.substr(hash + 1)));
        if ((provenance == Provenance::kNotPublic) != (value == kUnknown))
            refuse("'unknown' and not-public go together, of " + quoted(key) + " one is said");
        for (const KeyInfo& one : kKeys)
            if (one.name == key)
                return put(profile_.figures_[static_cast<std::size_t>(one.key)], key,
                           provenance == Provenance::kNotPublic ? 0 : read_number(one, value),
                           provenance, source);
        for (const TextKeyInfo& one : kTextKeys)
            if (one.name == key) {
                if (one.key == TextKey::kResident)
                    read_resident(value);
                return put(profile_.texts_[static_cast<std::size_t>(one.key)], key,
                           std::string(value), provenance, source);
            }
        refuse("there is no key " + quoted(key));
    }

    std::pair<Provenance, std::string_view> read_source(std::string_view key,
                                                        std::string_view comment) const {
        const std::size_t colon = comment.find(':');
        const std::string_view word = trim(comment.substr(0, colon));
        const auto* known = std::ranges::find(kProvenances, word);
        if (known == std::end(kProvenances))
            refuse("the class of " + quoted(key) + " is " + quoted(word) +
                   ", not published, derived, fitted, assumed or not-public");
        const std::string_view source =
            colon == std::string_view::npos ? "" : trim(comment.substr(colon + 1));
        if (source.empty())
            refuse(quoted(key) + " has no source: ': where it is from' after its class");
        return {static_cast<Provenance>(known - std::begin(kProvenances)), source};
    }

    double read_number(const KeyInfo& key, std::string_view text) const {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
            refuse(quoted(key.name) + " is " + quoted(text) + ", which is no number");
        if (value < key.least || value > key.most)
            refuse(quoted(key.name) + " is " + std::string(text) + ", but may be " +
                   number(key.least) + " to " + number(key.most) + " " + std::string(key.unit));
        return value;
    }

    void read_resident(std::string_view text) {
        if (text == "none")
            return;
        while (true) {
            const std::size_t comma = text.find(',');
            const std::string_view word = trim(text.substr(0, comma));
            if (word == "weights")
                profile_.weights_resident_ = true;
            else if (word == "kv")
                profile_.cache_resident_ = true;
            else
                refuse("'resident' names " + quoted(word) + ", not weights or kv");
            if (comma == std::string_view::npos)
                return;
            text.remove_prefix(comma + 1);
        }
    }

    template <class Value>
    void put(std::optional<Figure<Value>>& place, std::string_view key, Value value,
             Provenance provenance, std::string_view source) const {
        if (place)
            refuse(quoted(key) + " is said twice, first in line " + std::to_string(place->line));
        place = Figure<Value>{std::move(value), provenance, std::string(source), line_};
    }

    void check_whole() const {
        const auto sram = profile_.find(Key::kSramMb);
        const auto& ahead = profile_.figure(Key::kPrefetchMb);
        if (sram && ahead && ahead->value > *sram)
            throw ProfileError(profile_.name_ + ":" + std::to_string(ahead->line) +
                               ": 'prefetch_mb' is more than all of 'sram_mb'");
    }

    ChipProfile profile_;
    unsigned line_ = 0;
};

ChipProfile ChipProfile::parse(std::string_view text, std::string_view name) {
    return ProfileReader(name).read(text);
}

std::optional<double> ChipProfile::find(Key key) const {
    const auto& own = figure(key);
    if (own && own->provenance != Provenance::kNotPublic)
        return own->value;
    return own ? std::nullopt : info(key).neutral;
}

double ChipProfile::get(Key key) const {
    require(std::span(&key, 1));
    return find(key).value_or(0);
}

std::string_view ChipProfile::text(TextKey key) const {
    const auto& own = figure(key);
    return own && own->provenance != Provenance::kNotPublic ? std::string_view(own->value) : "";
}

std::vector<Key> ChipProfile::missing(std::span<const Key> wanted) const {
    std::vector<Key> none;
    std::ranges::copy_if(wanted, std::back_inserter(none), [&](Key key) { return !find(key); });
    return none;
}

void ChipProfile::require(std::span<const Key> wanted) const {
    const std::vector<Key> none = missing(wanted);
    if (none.empty())
        return;
    std::string list;
    for (Key key : none) {
        list += list.empty() ? "" : ", ";
        list += info(key).name;
        if (const auto& own = figure(key))
            list += " (not public: " + own->source + ")";
    }
    throw ProfileError("chip " + name_ + " cannot be run, its profile lacks " + list);
}

void ChipProfile::set(Key key, double value, Provenance provenance, std::string source) {
    figures_[static_cast<std::size_t>(key)] = {value, provenance, std::move(source), 0};
}

std::vector<Key> keys_of_a_run(const ChipProfile& profile) {
    std::vector<Key> wanted = {Key::kSramMb,        Key::kInt8Tops,  Key::kNarrowTops,
                               Key::kF16Tops,       Key::kF32Tops,   Key::kDramGb,
                               Key::kAttentionTops, Key::kVectorGops};
    const bool dram = profile.find(Key::kDramGb).value_or(1) != 0;
    if (dram || !profile.weights_resident() || !profile.cache_resident())
        wanted.push_back(Key::kDramGbs);
    return wanted;
}

}  // namespace skald::card::model
