// SPDX-License-Identifier: MIT
#include "card/model/chips.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace skald::card::model {

std::shared_ptr<const Chip> default_chip() {
    static const auto chip = std::make_shared<const Chip>(load_chip(kDefaultChip));
    return chip;
}

std::shared_ptr<const Chip> choose_chip(std::string_view name_or_file) {
    if (name_or_file == kNoChip)
        return nullptr;
    return std::make_shared<const Chip>(load_chip(name_or_file));
}

ChipProfile load_chip(std::string_view name_or_file) {
    std::string known;
    for (const BuiltinChip& chip : builtin_chips()) {
        if (chip.name == name_or_file)
            return ChipProfile::parse(chip.text, std::string(chip.name) + ".chip");
        known += known.empty() ? "" : ", ";
        known += chip.name;
    }
    const std::string file(name_or_file);
    if (file.find_first_of("/.") == std::string::npos)
        throw ProfileError("there is no chip '" + file + "', only " + known +
                           " and files, whose name has a '/' or a '.' in it");
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf()))
        throw ProfileError(file + ": cannot be read");
    return ChipProfile::parse(text.str(), file);
}

}  // namespace skald::card::model
