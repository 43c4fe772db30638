// SPDX-License-Identifier: MIT
#include "input/safetensors.hpp"

#include <set>

#include "error.hpp"
#include "input/byte_reader.hpp"
#include "input/json.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRank = 8;

std::optional<DType> dtype_of(const std::string& name) {
    if (name == "F32")
        return DType::kF32;
    if (name == "F16")
        return DType::kF16;
    if (name == "BF16")
        return DType::kBF16;
    return std::nullopt;
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
    ByteReader in(file.name(), file.bytes());
    const auto header_bytes = in.get<std::uint64_t>("the header length");
    const auto header_text = in.take(header_bytes, "the header");
    const auto data = in.take(in.left(), "the data");
    const Json header = parse_json_object(file.name(), header_text);
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
            fail("{}: tensor {} is in another shard as well", file.name(), name);
    }
}

SafeTensors SafeTensors::open_file(const fs::path& path) {
    SafeTensors result;
    result.add_file(path);
    return result;
}

SafeTensors SafeTensors::open_folder(const fs::path& folder) {
    const fs::path single = folder / "model.safetensors";
    const fs::path index = folder / "model.safetensors.index.json";
    std::error_code ignored;
    if (fs::exists(single, ignored))
        return open_file(single);
    if (!fs::exists(index, ignored))
        fail("{}: has neither model.safetensors nor model.safetensors.index.json", folder.string());

    const MappedFile file(index);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject map = JsonObject(file.name(), "", json).object("weight_map");
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : map.json().items()) {
        if (!shard.is_string())
            map.reject(tensor, "must be a string");
        const auto name = shard.get<std::string>();
        if (name.empty() || fs::path(name).filename() != name)  // no way out of the folder
            map.reject(tensor, "must be the name of a file in the same folder");
        shards.insert(name);
    }
    SafeTensors result;
    for (const std::string& shard : shards)
        result.add_file(folder / shard);
    for (const auto& [tensor, shard] : map.json().items())
        if (!result.tensors_.contains(tensor))
            map.reject(tensor, fmt::format("is not in {}", shard.get<std::string>()));
    return result;
}

const Tensor* SafeTensors::find(const std::string& name) const {
    const auto it = tensors_.find(name);
    if (it == tensors_.end())
        return nullptr;
    if (!it->second.unsupported_type.empty())
        fail("{}: tensor {} has type {}, which is not supported (F32, F16, BF16 are)",
             it->second.file, name, it->second.unsupported_type);
    return &it->second.tensor;
}

std::vector<std::string> SafeTensors::names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : tensors_)
        names.push_back(name);
    return names;
}

}  // namespace skald::compiler
