// SPDX-License-Identifier: MIT
// Chosen fields as comma-separated values, as nvidia-smi has them: "name, memory.used [MiB]".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smi/fields.hpp"

namespace skald::smi {

struct CsvFormat {
    bool header = true, units = true;
};

// "csv[,noheader][,nounits]"; throws std::invalid_argument with a sentence.
[[nodiscard]] CsvFormat parse_csv_format(std::string_view text);
// "index,memory.used"; throws std::invalid_argument naming what is no field.
[[nodiscard]] std::vector<const CardField*> parse_card_fields(std::string_view text);
[[nodiscard]] std::vector<const ClientField*> parse_client_fields(std::string_view text);

[[nodiscard]] std::string csv_header(std::span<const CardField* const> fields);
[[nodiscard]] std::string csv_header(std::span<const ClientField* const> fields);
[[nodiscard]] std::string csv_of_cards(std::span<const CardStatus> cards,
                                       std::span<const CardField* const> fields,
                                       const CsvFormat& format);
[[nodiscard]] std::string csv_of_clients(std::span<const CardStatus> cards,
                                         std::span<const ClientField* const> fields,
                                         const CsvFormat& format);

}  // namespace skald::smi
