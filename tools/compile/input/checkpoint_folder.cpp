// SPDX-License-Identifier: MIT
#include "input/checkpoint_folder.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "error.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

using Names = std::set<std::string, std::less<>>;

constexpr std::string_view kConfig = "config.json", kParams = "params.json",
                           kAdapterConfig = "adapter_config.json";

Names names_in(const fs::path& folder) {
    Names names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        names.insert(it->path().filename().string());
    if (error)
        fail("{}: cannot list the folder: {}", folder.string(), error.message());
    return names;
}

bool has_weights(const Names& names, std::string_view stem) {
    return names.contains(fmt::format("{}.safetensors", stem)) ||
           names.contains(fmt::format("{}.safetensors.index.json", stem));
}

// "x-00002-of-00003.gguf", but for the first.
bool is_later_part(std::string_view name) {
    constexpr std::string_view kSample = "-00001-of-00003.gguf";
    if (name.size() < kSample.size())
        return false;
    const std::string_view end = name.substr(name.size() - kSample.size());
    return end[0] == '-' && end.substr(6, 4) == "-of-" && end.substr(1, 5) != "00001";
}

bool is_pickled(std::string_view name) {
    return name.ends_with(".pth") || name.ends_with(".pt") ||
           (name.ends_with(".bin") &&
            (name.starts_with("pytorch_model") || name.starts_with("adapter_model")));
}

FolderOffers offers_of(const Names& names) {
    FolderOffers offers;
    offers.hugging_face = names.contains(kConfig) && has_weights(names, "model");
    offers.mistral = names.contains(kParams) && has_weights(names, "consolidated");
    offers.lora = names.contains(kAdapterConfig) && has_weights(names, "adapter_model");
    for (const std::string& name : names) {
        if (name.ends_with(".gguf") && !is_later_part(name))
            offers.gguf.push_back(name);
        if (is_pickled(name))
            offers.pickled.push_back(name);
    }
    return offers;
}

// The first few of them.
std::string list(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 3;
    const std::vector<std::string> first(
        names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kMost, names.size())));
    return fmt::format("{}{}", fmt::join(first, ", "), names.size() > kMost ? ", ..." : "");
}

[[noreturn]] void refuse_pickled(const fs::path& folder, const FolderOffers& offers) {
    fail(
        "{}: has its weights only as PyTorch's pickled files ({}), which are not read: "
        "safetensors or GGUF are",
        folder.string(), list(offers.pickled));
}

}  // namespace

FolderOffers offers_of(const fs::path& folder) {
    return offers_of(names_in(folder));
}

Checkpoint model_in(const fs::path& folder) {
    const Names names = names_in(folder);
    const FolderOffers offers = offers_of(names);
    if (offers.hugging_face)
        return Checkpoint::kHuggingFace;
    if (offers.mistral)
        return Checkpoint::kMistral;
    const std::string name = folder.string();
    if (!offers.gguf.empty())
        fail("{}: is a folder of GGUF files, of which one has to be named: {}", name,
             list(offers.gguf));
    if (names.contains(kAdapterConfig))
        fail("{}: is a LoRA adapter, which --lora adds to the model it was made for", name);
    if (!offers.pickled.empty())
        refuse_pickled(folder, offers);
    if (has_weights(names, "model"))
        fail("{}: is a folder without {}", name, kConfig);
    if (has_weights(names, "consolidated"))
        fail("{}: has consolidated.safetensors, but neither {} nor {} with model.safetensors", name,
             kParams, kConfig);
    if (names.contains(kConfig))
        fail("{}: has {}, but neither model.safetensors nor model.safetensors.index.json", name,
             kConfig);
    fail(
        "{}: is a folder without a model: {} with model.safetensors, or {} with "
        "consolidated.safetensors",
        name, kConfig, kParams);
}

void require_adapter(const fs::path& folder) {
    const Names names = names_in(folder);
    const FolderOffers offers = offers_of(names);
    if (offers.lora)
        return;
    if (!names.contains(kAdapterConfig))
        fail("{}: is not a LoRA adapter: there is no {}", folder.string(), kAdapterConfig);
    if (!offers.pickled.empty())
        refuse_pickled(folder, offers);
    fail("{}: has {}, but no adapter_model.safetensors", folder.string(), kAdapterConfig);
}

}  // namespace skald::compiler
