// SPDX-License-Identifier: MIT
#include "input/safetensors.hpp"

#include <fmt/ranges.h>

#include <map>
#include <utility>

#include "error.hpp"
#include "input/byte_reader.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRank = 8;

// Exponents of MXFP4 (F8_E8M0) are bytes to us, as they are in files that call them U8.
constexpr std::pair<std::string_view, DType> kTypeNames[] = {
    {"F64", DType::kF64},    {"F32", DType::kF32},         {"F16", DType::kF16},
    {"BF16", DType::kBF16},  {"F8_E4M3", DType::kF8_E4M3}, {"F8_E5M2", DType::kF8_E5M2},
    {"F8_E8M0", DType::kU8}, {"U8", DType::kU8},           {"I8", DType::kI8},
    {"I16", DType::kI16},    {"I32", DType::kI32},         {"I64", DType::kI64},
    {"BOOL", DType::kBool}};

std::optional<DType> dtype_of(std::string_view name) {
    for (const auto& [text, type] : kTypeNames)
        if (text == name)
            return type;
    return std::nullopt;
}

std::vector<std::string_view> type_names() {
    std::vector<std::string_view> names;
    for (const auto& [text, type] : kTypeNames)
        names.push_back(text);
    return names;
}

std::vector<std::uint64_t> read_shape(const JsonObject& entry) {
    std::vector<std::uint64_t> shape;
    for (const Json& dim : entry.array("shape")) {
        if (!dim.is_number_unsigned())
            entry.reject("shape", "must hold whole numbers, not negative");
        shape.push_back(dim.get<std::uint64_t>());
    }
    if (shape.size() > kMaxRank)
        entry.reject("shape", fmt::format("has {} dimensions", shape.size()));
    return shape;
}

std::span<const std::byte> read_data(const JsonObject& entry, std::span<const std::byte> data) {
    const Json& offsets = entry.array("data_offsets");
    if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
        entry.reject("data_offsets", "must be two whole numbers");
    const auto begin = offsets[0].get<std::uint64_t>();
    const auto end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > data.size())
        entry.reject("data_offsets", fmt::format("[{},{}] is outside the {} bytes of data", begin,
                                                 end, data.size()));
    return data.subspan(begin, end - begin);
}

}  // namespace

void SafeTensors::add_file(const fs::path& path) {
    const MappedFile& file = files_.emplace_back(path);
    rt::checked(file, [&] { read_tensors(file); });
}

void SafeTensors::read_tensors(const MappedFile& file) {
    ByteReader in(file.name(), file.bytes());
    const auto header_bytes = in.get<std::uint64_t>("the header length");
    const auto header_text = in.take(header_bytes, "the header");
    const auto data = in.take(in.left(), "the data");
    const Json header = parse_json_object(file.name(), header_text, JsonKeys::kUnique);
    for (const auto& [name, value] : header.items()) {
        if (name == "__metadata__")
            continue;
        const JsonObject entry(file.name(), name, value);
        Entry e;
        e.file = file.name();
        e.tensor.name = name;
        e.tensor.shape = read_shape(entry);
        e.tensor.data = read_data(entry, data);
        const std::string dtype = entry.string("dtype");
        if (const auto type = dtype_of(dtype)) {
            e.tensor.type = *type;
            const auto bytes = tensor_bytes(*type, e.tensor.shape);
            if (!bytes || *bytes != e.tensor.data.size())
                entry.reject("data_offsets",
                             fmt::format("span {} bytes, which is not what shape {} of {} takes",
                                         e.tensor.data.size(), to_string(e.tensor.shape), dtype));
        } else {
            e.unsupported_type = dtype;
        }
        if (!tensors_.emplace(name, std::move(e)).second)
            fail("{}: tensor {} is in {} as well", file.name(), name, tensors_.at(name).file);
    }
}

SafeTensors SafeTensors::open_file(const fs::path& path) {
    SafeTensors result;
    result.add_file(path);
    return result;
}

SafeTensors SafeTensors::open_folder(const fs::path& folder, std::string_view stem) {
    const fs::path single = folder / fmt::format("{}.safetensors", stem);
    const fs::path index = folder / fmt::format("{}.safetensors.index.json", stem);
    std::error_code ignored;
    if (fs::exists(single, ignored))
        return open_file(single);
    if (!fs::exists(index, ignored))
        fail("{}: has neither {} nor {}", folder.string(), single.filename().string(),
             index.filename().string());
    SafeTensors result;
    result.add_shards(index);
    return result;
}

void SafeTensors::add_shards(const fs::path& index) {
    const FileBytes file(index);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject map = JsonObject(file.name(), "", json).object("weight_map");
    const fs::path folder = index.parent_path();
    std::map<std::string, std::string>
        shards;  // by name, the first tensor that is said to be there
    for (const auto& [tensor, shard] : map.json().items()) {
        if (!shard.is_string())
            map.reject(tensor, "must be a string");
        const auto name = shard.get<std::string>();
        if (name.empty() || fs::path(name).filename() != name)  // no way out of the folder
            map.reject(tensor, "must be the name of a file in the same folder");
        shards.emplace(name, tensor);
    }
    for (const auto& [shard, tensor] : shards) {
        std::error_code ignored;
        if (!fs::exists(folder / shard, ignored))
            map.reject(tensor, fmt::format("is in shard {}, which is missing", shard));
        add_file(folder / shard);
    }
    for (const auto& [tensor, shard] : map.json().items()) {
        const auto name = shard.get<std::string>();
        const auto it = tensors_.find(tensor);
        if (it == tensors_.end())
            map.reject(tensor, fmt::format("is not in {}", name));
        if (it->second.file != (folder / name).string())
            map.reject(tensor, fmt::format("is not in {}, but in {}", name, it->second.file));
    }
}

void SafeTensors::check() const {
    for (const MappedFile& file : files_)
        file.check();
}

void SafeTensors::forget() const {
    for (const MappedFile& file : files_)
        file.forget();
}

const Tensor* SafeTensors::find(const std::string& name) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end())
        return nullptr;
    if (!it->second.unsupported_type.empty())
        fail("{}: tensor {} has type {}, which is not supported ({} are)", it->second.file, name,
             it->second.unsupported_type, fmt::join(type_names(), ", "));
    return &it->second.tensor;
}

std::vector<std::string> SafeTensors::names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : tensors_)
        names.push_back(name);
    return names;
}

}  // namespace skald::compiler
