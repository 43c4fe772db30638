// SPDX-License-Identifier: MIT
#include "local/changed_chip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "card/model/chips.hpp"
#include "libskald/error.hpp"

namespace skald::local {

namespace model = card::model;

model::ChipProfile changed_chip(const std::string& name_or_file, const ChipChanges& changes) {
    model::ChipProfile profile = model::load_chip(name_or_file);
    for (const ChipChange& change : changes) {
        const auto keys = model::keys();
        const auto key = std::ranges::find(keys, change.key, &model::KeyInfo::name);
        if (key == keys.end())
            throw rt::Error(fmt::format("profiles have no key '{}'", change.key), EINVAL);
        if (!(change.value >= key->least && change.value <= key->most))
            throw rt::Error(fmt::format("{} = {} is out of range: it may be {} to {} {}", key->name,
                                        change.value, key->least, key->most, key->unit),
                            EINVAL);
        profile.set(key->key, change.value, model::Provenance::kAssumed, "set for this run");
    }
    return profile;
}

}  // namespace skald::local
