// SPDX-License-Identifier: MIT
#include "input/gguf_part.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "error.hpp"
#include "input/byte_reader.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;                  // "GGUF"
constexpr std::uint32_t kFirstVersion = 2, kLastVersion = 3;  // alike in all that is read here
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxRank = 4;

// What else people have at hand, by its first bytes.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOtherFiles{{
    {"PK\x03\x04", "a zip archive, as PyTorch's checkpoints are"},
    {"lmgg", "a file of ggml, from before GGUF"},
    {"fmgg", "a file of ggml, from before GGUF"},
    {"tjgg", "a file of ggml, from before GGUF"},
    {"FUGG", "a big-endian file"},
}};

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

class Parser {
  public:
    explicit Parser(GgufPart& out) : out_(out), in_(out.file.name(), out.file.bytes()) {}

    void run() {
        check_magic();
        check_version();
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
    void check_magic() {
        const auto begin = out_.file.bytes();
        for (const auto& [bytes, name] : kOtherFiles)
            if (begin.size() >= bytes.size() &&
                std::memcmp(begin.data(), bytes.data(), bytes.size()) == 0)
                fail("{}: is {}, not a GGUF file", in_.file(), name);
        if (in_.get<std::uint32_t>("the magic") == kMagic)
            return;
        const std::string& name = in_.file();
        fail("{}: byte 0: is not a GGUF file, nor a model folder{}", name,
             name.ends_with(".json")          ? "; --random takes the config.json of one"
             : name.ends_with(".safetensors") ? "; the folder around it may be one"
                                              : "");
    }

    void check_version() {
        const auto version = in_.get<std::uint32_t>("the version");
        if (version != 0 && version % 0x10000 == 0)
            fail("{}: byte 4: is a big-endian GGUF file, only little-endian ones are supported",
                 in_.file());
        if (version < kFirstVersion || version > kLastVersion)
            fail("{}: byte 4: GGUF version {}, only versions {} and {} are supported", in_.file(),
                 version, kFirstVersion, kLastVersion);
    }

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

    GgufValue read_scalar(Type type) {
        constexpr std::string_view what = "a metadata value";
        const auto u = [](auto v) { return GgufValue(std::uint64_t{v}); };
        const auto i = [](auto v) { return GgufValue(std::int64_t{v}); };
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
                return GgufValue(double{in_.get<float>(what)});
            case Type::F64:
                return GgufValue(in_.get<double>(what));
            case Type::Bool:
                return GgufValue(in_.get<std::uint8_t>(what) != 0);
            case Type::String:
                return GgufValue(read_string(what));
            case Type::Array:
                break;
        }
        in_.reject("an array of arrays is not supported");
    }

    static double number_of(const GgufValue& value) {
        if (const auto* u = std::get_if<std::uint64_t>(&value))
            return static_cast<double>(*u);
        if (const auto* i = std::get_if<std::int64_t>(&value))
            return static_cast<double>(*i);
        if (const auto* b = std::get_if<bool>(&value))
            return *b ? 1 : 0;
        return std::get<double>(value);
    }

    GgufValue read_array() {
        const Type type = read_type();
        const auto count = in_.get<std::uint64_t>("an array length");
        if (count > in_.left() / least_bytes(type))
            in_.reject(fmt::format("an array of {} elements is longer than the file", count));
        if (type == Type::String) {
            std::vector<std::string> strings;
            strings.reserve(count);
            for (std::uint64_t i = 0; i < count; ++i)
                strings.push_back(read_string("a string of an array"));
            return GgufValue(std::move(strings));
        }
        std::vector<double> numbers;
        for (std::uint64_t i = 0; i < count; ++i)
            numbers.push_back(number_of(read_scalar(type)));
        return GgufValue(std::move(numbers));
    }

    void read_value() {
        std::string key = read_string("a metadata key");
        const Type type = read_type();
        GgufValue value = type == Type::Array ? read_array() : read_scalar(type);
        if (!out_.values.emplace(key, std::move(value)).second)
            in_.reject(fmt::format("metadata key {} appears twice", key));
    }

    void read_alignment() {
        const auto it = out_.values.find("general.alignment");
        if (it == out_.values.end())
            return;
        const auto* alignment = std::get_if<std::uint64_t>(&it->second);
        if (!alignment || *alignment < 8 || *alignment > (1u << 20) ||
            !std::has_single_bit(*alignment))
            fail("{}: general.alignment is not a power of two from 8", in_.file());
        alignment_ = *alignment;
    }

    void read_tensor() {
        const std::string name = read_string("a tensor name");
        const auto rank = in_.get<std::uint32_t>("a tensor rank");
        if (rank == 0 || rank > kMaxRank)
            in_.reject(fmt::format("tensor {} has {} dimensions", name, rank));
        GgufTensor entry;
        entry.tensor.name = name;
        entry.tensor.shape.resize(rank);
        for (std::uint32_t d = 0; d < rank; ++d)  // innermost first in the file
            entry.tensor.shape[rank - 1 - d] = in_.get<std::uint64_t>("a tensor dimension");
        const auto type = in_.get<std::uint32_t>("a tensor type");
        if (const auto dtype = dtype_of(type))
            entry.tensor.type = *dtype;
        else
            entry.unsupported_type = type;
        const auto offset = in_.get<std::uint64_t>("a tensor offset");
        if (offset % alignment_ != 0)
            in_.reject(fmt::format("tensor {} has offset {}, not a multiple of {}", name, offset,
                                   alignment_));
        offsets_[name] = offset;
        if (!out_.tensors.emplace(name, std::move(entry)).second)
            in_.reject(fmt::format("tensor {} appears twice", name));
    }

    void locate_data() {
        const std::uint64_t begin = (in_.at() + alignment_ - 1) / alignment_ * alignment_;
        const auto file = out_.file.bytes();
        for (auto& [name, entry] : out_.tensors) {
            if (entry.unsupported_type)
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

    GgufPart& out_;
    ByteReader in_;
    std::uint64_t alignment_ = kDefaultAlignment;
    std::map<std::string, std::uint64_t> offsets_;
};

}  // namespace

GgufPart::GgufPart(const std::filesystem::path& path) : file(path) {
    rt::checked(file, [&] { Parser(*this).run(); });
}

// Names of the tensor types that are not read, for the message that says so.
std::string gguf_type_name(std::uint32_t type) {
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

}  // namespace skald::compiler
