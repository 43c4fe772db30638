// SPDX-License-Identifier: MIT
// Everything that can be asked of a card or a client by name: one table each, from which come
// --query-card, --query-clients, -q and the help about them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "smi/status.hpp"

namespace skald::smi {

// Without a value: nobody knows it here.
using Value = std::variant<std::monostate, std::uint64_t, double, std::string>;

// "N/A" where there is none; numbers that are not whole with one digit behind the point.
[[nodiscard]] std::string text_of(const Value& value);

struct CardField {
    std::string_view name, unit, what;
    Value (*get)(const CardStatus& card);
};

struct ClientField {
    std::string_view name, unit, what;
    Value (*get)(const CardStatus& card, const Client& client);
};

[[nodiscard]] std::span<const CardField> card_fields();
[[nodiscard]] std::span<const ClientField> client_fields();

// nullptr: there is no such field.
[[nodiscard]] const CardField* find_card_field(std::string_view name);
[[nodiscard]] const ClientField* find_client_field(std::string_view name);

}  // namespace skald::smi
