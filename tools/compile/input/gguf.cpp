// SPDX-License-Identifier: MIT
#include "input/gguf.hpp"

#include <fmt/ranges.h>

#include <bit>

#include "error.hpp"
#include "input/byte_reader.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxRank = 4;

enum class Type : std::uint32_t {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64
};

// The smallest encoding of a value: bounds how many an array of the rest of the file can hold.
std::uint64_t least_bytes(Type type) {
    switch (type) {
        case Type::U8:
        case Type::I8:
        case Type::Bool:
            return 1;
        case Type::U16:
        case Type::I16:
            return 2;
        case Type::U32:
        case Type::I32:
        case Type::F32:
            return 4;
        default:
            return 8;
    }
}

std::optional<DType> dtype_of(std::uint32_t number) {
    for (const TypeInfo& info : kTypes)
        if (info.gguf == number && number != kNoNumber)
            return info.type;
    return std::nullopt;
}

// Names of the tensor types that are not read, for the message that says so.
std::string type_name(std::uint32_t type) {
    static constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
        {4, "q4_2"},        {5, "q4_3"},      {9, "q8_1"},        {15, "q8_k"},
        {16, "iq2_xxs"},    {17, "iq2_xs"},   {18, "iq3_xxs"},    {19, "iq1_s"},
        {21, "iq3_s"},      {22, "iq2_s"},    {29, "iq1_m"},      {31, "q4_0_4_4"},
        {32, "q4_0_4_8"},   {33, "q4_0_8_8"}, {36, "iq4_nl_4_4"}, {37, "iq4_nl_4_8"},
        {38, "iq4_nl_8_8"}, {40, "nvfp4"},    {41, "q1_0"},       {42, "q2_0"}};
    for (const auto& [number, name] : kNames)
        if (number == type)
            return std::string(name);
    return fmt::format("number {}", type);
}

std::vector<std::string_view> supported_types() {
    std::vector<std::string_view> names;
    for (const TypeInfo& info : kTypes)
        if (info.gguf != kNoNumber && info.weights)
            names.push_back(info.name);
    return names;
}

}  // namespace

class Gguf::Parser {
  public:
    explicit Parser(Gguf& out) : out_(out), in_(out.file_.name(), out.file_.bytes()) {}

    void run() {
        if (in_.get<std::uint32_t>("the magic") != kMagic)
            fail("{}: byte 0: is not a GGUF file, nor a model folder{}", in_.file(),
                 in_.file().ends_with(".json") ? "; --random takes the config.json of one" : "");
        const auto version = in_.get<std::uint32_t>("the version");
        if (version != kVersion)
            fail("{}: byte 4: GGUF version {}, only version 3 is supported", in_.file(), version);
        const auto tensors = in_.get<std::uint64_t>("the tensor count");
        const auto values = in_.get<std::uint64_t>("the metadata count");
        for (std::uint64_t i = 0; i < values; ++i)
            read_value();
        read_alignment();
        for (std::uint64_t i = 0; i < tensors; ++i)
            read_tensor();
        locate_data();
    }

  private:
    std::string read_string(std::string_view what) {
        const auto length = in_.get<std::uint64_t>(what);
        const auto bytes = in_.take(length, what);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    Type read_type() {
        const auto type = in_.get<std::uint32_t>("a metadata type");
        if (type > static_cast<std::uint32_t>(Type::F64))
            in_.reject(fmt::format("unknown metadata type {}", type));
        return static_cast<Type>(type);
    }

    Value read_scalar(Type type) {
        constexpr std::string_view what = "a metadata value";
        const auto u = [](auto v) { return Value(std::uint64_t{v}); };
        const auto i = [](auto v) { return Value(std::int64_t{v}); };
        switch (type) {
            case Type::U8:
                return u(in_.get<std::uint8_t>(what));
            case Type::U16:
                return u(in_.get<std::uint16_t>(what));
            case Type::U32:
                return u(in_.get<std::uint32_t>(what));
            case Type::U64:
                return u(in_.get<std::uint64_t>(what));
            case Type::I8:
                return i(in_.get<std::int8_t>(what));
            case Type::I16:
                return i(in_.get<std::int16_t>(what));
            case Type::I32:
                return i(in_.get<std::int32_t>(what));
            case Type::I64:
                return i(in_.get<std::int64_t>(what));
            case Type::F32:
                return Value(double{in_.get<float>(what)});
            case Type::F64:
                return Value(in_.get<double>(what));
            case Type::Bool:
                return Value(in_.get<std::uint8_t>(what) != 0);
            case Type::String:
                return Value(read_string(what));
            case Type::Array:
                break;
        }
        in_.reject("an array of arrays is not supported");
    }

    static double number_of(const Value& value) {
        if (const auto* u = std::get_if<std::uint64_t>(&value))
            return static_cast<double>(*u);
        if (const auto* i = std::get_if<std::int64_t>(&value))
            return static_cast<double>(*i);
        if (const auto* b = std::get_if<bool>(&value))
            return *b ? 1 : 0;
        return std::get<double>(value);
    }

    Value read_array() {
        const Type type = read_type();
        const auto count = in_.get<std::uint64_t>("an array length");
        if (count > in_.left() / least_bytes(type))
            in_.reject(fmt::format("an array of {} elements is longer than the file", count));
        if (type == Type::String) {
            std::vector<std::string> strings;
            strings.reserve(count);
            for (std::uint64_t i = 0; i < count; ++i)
                strings.push_back(read_string("a string of an array"));
            return Value(std::move(strings));
        }
        std::vector<double> numbers;
        for (std::uint64_t i = 0; i < count; ++i)
            numbers.push_back(number_of(read_scalar(type)));
        return Value(std::move(numbers));
    }

    void read_value() {
        std::string key = read_string("a metadata key");
        const Type type = read_type();
        Value value = type == Type::Array ? read_array() : read_scalar(type);
        if (!out_.values_.emplace(key, std::move(value)).second)
            in_.reject(fmt::format("metadata key {} appears twice", key));
    }

    void read_alignment() {
        alignment_ = out_.maybe_uint("general.alignment").value_or(kDefaultAlignment);
        if (alignment_ < 8 || alignment_ > (1u << 20) || !std::has_single_bit(alignment_))
            out_.reject("general.alignment",
                        fmt::format("is {}, not a power of two from 8", alignment_));
    }

    void read_tensor() {
        const std::string name = read_string("a tensor name");
        const auto rank = in_.get<std::uint32_t>("a tensor rank");
        if (rank == 0 || rank > kMaxRank)
            in_.reject(fmt::format("tensor {} has {} dimensions", name, rank));
        Entry entry;
        entry.tensor.name = name;
        entry.tensor.shape.resize(rank);
        for (std::uint32_t d = 0; d < rank; ++d)  // innermost first in the file
            entry.tensor.shape[rank - 1 - d] = in_.get<std::uint64_t>("a tensor dimension");
        const auto type = in_.get<std::uint32_t>("a tensor type");
        if (const auto dtype = dtype_of(type)) {
            entry.tensor.type = *dtype;
        } else {
            entry.supported = false;
            entry.unsupported_type = type;
        }
        const auto offset = in_.get<std::uint64_t>("a tensor offset");
        if (offset % alignment_ != 0)
            in_.reject(fmt::format("tensor {} has offset {}, not a multiple of {}", name, offset,
                                   alignment_));
        offsets_[name] = offset;
        if (!out_.tensors_.emplace(name, std::move(entry)).second)
            in_.reject(fmt::format("tensor {} appears twice", name));
    }

    void locate_data() {
        const std::uint64_t begin = (in_.at() + alignment_ - 1) / alignment_ * alignment_;
        const auto file = out_.file_.bytes();
        for (auto& [name, entry] : out_.tensors_) {
            if (!entry.supported)
                continue;
            const auto bytes = tensor_bytes(entry.tensor.type, entry.tensor.shape);
            if (!bytes)
                fail("{}: tensor {} of type {} cannot have shape {}", in_.file(), name,
                     name_of(entry.tensor.type), to_string(entry.tensor.shape));
            const std::uint64_t offset = offsets_[name];
            if (begin > file.size() || offset > file.size() - begin ||
                *bytes > file.size() - begin - offset)
                fail("{}: byte {}: tensor {} needs {} bytes, the file ends at {}", in_.file(),
                     begin + offset, name, *bytes, file.size());
            entry.tensor.data = file.subspan(begin + offset, *bytes);
        }
    }

    Gguf& out_;
    ByteReader in_;
    std::uint64_t alignment_ = kDefaultAlignment;
    std::map<std::string, std::uint64_t> offsets_;
};

Gguf::Gguf(const std::filesystem::path& path) : file_(path) {
    Parser(*this).run();
}

void Gguf::reject(const std::string& key, std::string_view what) const {
    fail("{}: {} {}", file(), key, what);
}

const Gguf::Value* Gguf::look_up(const std::string& key) const {
    const auto it = values_.find(key);
    if (it == values_.end())
        return nullptr;
    read_.insert(key);
    return &it->second;
}

std::vector<std::string> Gguf::unread_metadata(std::string_view prefix) const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : values_)
        if (key.starts_with(prefix) && !read_.contains(key))
            keys.push_back(key);
    return keys;
}

void Gguf::skip(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys)
        read_.emplace(key);
}

template <typename T>
const T* Gguf::get(const std::string& key, std::string_view type) const {
    const Value* value = look_up(key);
    if (!value)
        return nullptr;
    const T* typed = std::get_if<T>(value);
    if (!typed)
        reject(key, fmt::format("must be {}", type));
    return typed;
}

std::optional<std::uint64_t> Gguf::maybe_uint(const std::string& key) const {
    const Value* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* u = std::get_if<std::uint64_t>(value))
        return *u;
    const auto* i = std::get_if<std::int64_t>(value);
    if (!i || *i < 0)
        reject(key, "must be a whole number, not negative");
    return static_cast<std::uint64_t>(*i);
}

std::optional<double> Gguf::maybe_float(const std::string& key) const {
    const Value* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* d = std::get_if<double>(value))
        return *d;
    if (const auto* i = std::get_if<std::int64_t>(value))
        return static_cast<double>(*i);
    return static_cast<double>(uint(key));
}

std::optional<std::vector<double>> Gguf::maybe_one_or_more(const std::string& key) const {
    const Value* value = look_up(key);
    if (!value)
        return std::nullopt;
    if (const auto* numbers = std::get_if<std::vector<double>>(value))
        return *numbers;
    if (const auto* b = std::get_if<bool>(value))
        return std::vector<double>{*b ? 1.0 : 0.0};
    return std::vector<double>{number(key)};
}

std::optional<bool> Gguf::maybe_bool(const std::string& key) const {
    const bool* value = get<bool>(key, "a truth value");
    return value ? std::optional(*value) : std::nullopt;
}

const std::string* Gguf::maybe_string(const std::string& key) const {
    return get<std::string>(key, "a string");
}

const std::vector<std::string>* Gguf::maybe_strings(const std::string& key) const {
    return get<std::vector<std::string>>(key, "an array of strings");
}

const std::vector<double>* Gguf::maybe_numbers(const std::string& key) const {
    return get<std::vector<double>>(key, "an array of numbers");
}

std::uint64_t Gguf::uint(const std::string& key) const {
    const auto value = maybe_uint(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

double Gguf::number(const std::string& key) const {
    const auto value = maybe_float(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const std::string& Gguf::string(const std::string& key) const {
    const std::string* value = maybe_string(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const std::vector<std::string>& Gguf::strings(const std::string& key) const {
    const auto* value = maybe_strings(key);
    if (!value)
        reject(key, "is missing");
    return *value;
}

const Tensor* Gguf::find(const std::string& name) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end())
        return nullptr;
    if (!it->second.supported)
        fail("{}: tensor {} has type {}, which is not supported ({} are)", file(), name,
             type_name(it->second.unsupported_type), fmt::join(supported_types(), ", "));
    return &it->second.tensor;
}

std::vector<std::string> Gguf::tensor_names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : tensors_)
        names.push_back(name);
    return names;
}

}  // namespace skald::compiler
