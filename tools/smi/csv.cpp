// SPDX-License-Identifier: MIT
#include "smi/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace skald::smi {
namespace {

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto comma = text.find(',');
        std::string_view part = text.substr(0, comma);
        part.remove_prefix(std::min(part.size(), part.find_first_not_of(' ')));
        parts.push_back(part.substr(0, part.find_last_not_of(' ') + 1));
        if (comma == std::string_view::npos)
            return parts;
        text.remove_prefix(comma + 1);
    }
}

template <class Field>
std::vector<const Field*> parse(std::string_view text, const Field* (*find)(std::string_view),
                                const char* option) {
    std::vector<const Field*> fields;
    for (const std::string_view name : split(text)) {
        fields.push_back(find(name));
        if (fields.back() == nullptr)
            throw std::invalid_argument(
                fmt::format("{}: there is no field '{}'; --help-fields lists them", option, name));
    }
    return fields;
}

// A value with a comma or a quote in it is quoted, as RFC 4180 has it.
std::string quoted(std::string text) {
    if (text.find_first_of(",\"") == std::string::npos)
        return text;
    std::string out = "\"";
    for (const char c : text)
        out.append(c == '"' ? 2 : 1, c);
    return out + '"';
}

std::string cell(const Value& value, std::string_view unit, const CsvFormat& format) {
    std::string text = quoted(text_of(value));
    if (format.units && !unit.empty() && value.index() != 0)
        text += fmt::format(" {}", unit);
    return text;
}

template <class Field>
std::string header_of(std::span<const Field* const> fields) {
    std::string out;
    for (const Field* field : fields)
        out += fmt::format("{}{}{}", out.empty() ? "" : ", ", field->name,
                           field->unit.empty() ? "" : fmt::format(" [{}]", field->unit));
    return out + '\n';
}

template <class Field, class Get>
std::string line_of(std::span<const Field* const> fields, const CsvFormat& format, Get get) {
    std::string out;
    for (const Field* field : fields)
        out += (field == fields.front() ? "" : ", ") + cell(get(*field), field->unit, format);
    return out + '\n';
}

}  // namespace

CsvFormat parse_csv_format(std::string_view text) {
    const auto parts = split(text);
    CsvFormat format;
    if (parts.front() != "csv")
        throw std::invalid_argument(
            fmt::format("--format: '{}' is not csv[,noheader][,nounits]", text));
    for (const std::string_view part : std::span(parts).subspan(1)) {
        if (part == "noheader")
            format.header = false;
        else if (part == "nounits")
            format.units = false;
        else
            throw std::invalid_argument(
                fmt::format("--format: '{}' is neither noheader nor nounits", part));
    }
    return format;
}

std::vector<const CardField*> parse_card_fields(std::string_view text) {
    return parse(text, find_card_field, "--query-card");
}

std::vector<const ClientField*> parse_client_fields(std::string_view text) {
    return parse(text, find_client_field, "--query-clients");
}

std::string csv_header(std::span<const CardField* const> fields) {
    return header_of(fields);
}

std::string csv_header(std::span<const ClientField* const> fields) {
    return header_of(fields);
}

std::string csv_of_cards(std::span<const CardStatus> cards,
                         std::span<const CardField* const> fields, const CsvFormat& format) {
    std::string out;
    for (const CardStatus& card : cards)
        out += line_of(fields, format, [&](const CardField& field) { return field.get(card); });
    return out;
}

std::string csv_of_clients(std::span<const CardStatus> cards,
                           std::span<const ClientField* const> fields, const CsvFormat& format) {
    std::string out;
    for (const CardStatus& card : cards)
        for (const Client& client : card.clients)
            out += line_of(fields, format,
                           [&](const ClientField& field) { return field.get(card, client); });
    return out;
}

}  // namespace skald::smi
