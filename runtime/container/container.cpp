// SPDX-License-Identifier: MIT
#include "container/container.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace skald::rt {
namespace {

constexpr std::uint32_t kBlockUnit = 64;  // bytes: what KV_APPEND asks of a block

namespace ct = skald::container;

std::string text(std::uint64_t value) {
    return std::to_string(value);
}

std::string version_text(std::uint32_t v) {
    return text(v >> 16) + "." + text(v & 0xffff);
}

const char* name_of(ct::SectionType type) {
    switch (type) {
        case ct::SectionType::Model:
            return "model";
        case ct::SectionType::Program:
            return "program";
        case ct::SectionType::Weights:
            return "weights";
        case ct::SectionType::Tokenizer:
            return "tokenizer";
        case ct::SectionType::Tensors:
            return "tensors";
        case ct::SectionType::Notes:
            return "notes";
        case ct::SectionType::Chat:
            return "chat";
        case ct::SectionType::Shape:
            return "shape";
    }
    return nullptr;
}

// A disk that holds a container is as long as the container says, up to its last sector.
std::span<const std::byte> content_of(const MappedFile& file) {
    ct::FileHeader header;
    if (!file.is_disk() || file.bytes().size() < sizeof header)
        return file.bytes();
    file.read_at(0, std::as_writable_bytes(std::span(&header, 1)));
    return header.magic == ct::kMagic && header.file_size <= file.bytes().size()
               ? file.bytes().first(header.file_size)
               : file.bytes();
}

template <std::size_t N>
bool terminated(const char (&field)[N]) {
    return std::memchr(field, 0, N) != nullptr;
}

template <typename T>
std::span<const T> records(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace

Container::Container(const std::filesystem::path& path, Verify verify) : name_(path.string()) {
    try {
        file_ = std::make_unique<MappedFile>(name_);
        bytes_ = content_of(*file_);
        if (bytes_.empty())
            reject("is not a file with content");
        read(verify);
    } catch (const FileError& error) {
        throw ContainerError(error.what());
    }
}

Container::Container(std::string name, std::span<const std::byte> bytes, Verify verify)
    : name_(std::move(name)), bytes_(bytes) {
    read(verify);
}

Container::~Container() = default;
Container::Container(Container&& other) noexcept = default;
Container& Container::operator=(Container&& other) noexcept = default;

void Container::reject(const std::string& what) const {
    throw ContainerError(name_ + ": " + what);
}

std::span<const std::byte> Container::steady(std::uint64_t offset, std::uint64_t bytes) {
    if (!file_ || bytes == 0)
        return bytes_.subspan(offset, bytes);
    const std::uint64_t whole = isa::ceil_div(bytes, ct::kSectionAlign) * ct::kSectionAlign;
    std::unique_ptr<std::byte, Free> copy(
        static_cast<std::byte*>(std::aligned_alloc(ct::kSectionAlign, whole)));
    if (!copy)
        reject("there is no memory for " + text(bytes) + " bytes at " + text(offset));
    std::memset(copy.get() + bytes, 0, whole - bytes);
    file_->read_at(offset, {copy.get(), bytes});
    return {copies_.emplace_back(std::move(copy)).get(), bytes};
}

void Container::read(Verify verify) {
    check_header();
    const auto table = read_table();
    for (const ct::Section& section : table)
        take(section);
    for (const auto& [there, type] :
         {std::pair(model_ != nullptr, ct::SectionType::Model),
          {!program_.empty(), ct::SectionType::Program},
          {weights_section_ != nullptr || is_shape(), ct::SectionType::Weights},
          {!tokenizer_.empty(), ct::SectionType::Tokenizer}})
        if (!there)
            reject(std::string("has no ") + name_of(type) + " section");
    if (weights_section_ != nullptr && is_shape())
        reject("has a weights section and a shape section, which stands for one");
    check_model();
    if (verify == Verify::kWeights)
        verify_weights();
}

void Container::check_header() {
    if (bytes_.size() < sizeof(ct::FileHeader))
        reject("is " + text(bytes_.size()) + " bytes long, shorter than a header");
    header_ = reinterpret_cast<const ct::FileHeader*>(steady(0, sizeof *header_).data());
    const ct::FileHeader& h = *header_;
    if (h.magic != ct::kMagic)
        reject("is not a compiled model (byte 0: wrong magic)");
    if (h.version >> 16 != ct::kVersion >> 16)
        reject("has container version " + version_text(h.version) + ", this program reads " +
               version_text(ct::kVersion));
    if (h.isa_version >> 16 != isa::kVersion >> 16 || h.isa_version > isa::kVersion)
        reject("needs micro-op version " + version_text(h.isa_version) + ", this program knows " +
               version_text(isa::kVersion));
    if (h.header_bytes != sizeof(ct::FileHeader))
        reject("byte 28: header of " + text(h.header_bytes) + " bytes");
    if (h.file_size != bytes_.size())
        reject("is " + text(bytes_.size()) + " bytes long, should be " + text(h.file_size));
    if (h.n_sections == 0 || h.n_sections > ct::kMaxSections)
        reject("byte 24: " + text(h.n_sections) + " sections");
    if (std::any_of(std::begin(h.reserved), std::end(h.reserved), [](auto b) { return b != 0; }))
        reject("byte 64: reserved bytes of the header are not zero");
}

std::span<const ct::Section> Container::read_table() {
    const std::size_t table_bytes = header_->n_sections * sizeof(ct::Section);
    const std::size_t table_end = sizeof(ct::FileHeader) + table_bytes;
    if (table_end > bytes_.size())
        reject("ends inside the section table");
    const auto raw = steady(sizeof(ct::FileHeader), table_bytes);
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
    if (std::memcmp(hash.data(), header_->content_hash, hash.size()) != 0)
        reject("the section table does not have the hash the header names");
    const auto table = records<ct::Section>(raw);
    std::uint64_t end = table_end;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const ct::Section& s = table[i];
        const std::string where = "section " + text(i);
        if (s.reserved != 0 || s.reserved2 != 0)
            reject(where + ": reserved fields are not zero");
        if (s.offset % ct::kSectionAlign != 0)
            reject(where + ": offset " + text(s.offset) + " is not a multiple of " +
                   text(ct::kSectionAlign));
        if (s.offset < end)
            reject(where + ": offset " + text(s.offset) + " lies inside what comes before it");
        if (s.offset > bytes_.size() || s.bytes > bytes_.size() - s.offset)
            reject(where + ": " + text(s.bytes) + " bytes at " + text(s.offset) +
                   " are outside the file");
        end = s.offset + s.bytes;
    }
    return table;
}

void Container::check_hash(const ct::Section& section, std::span<const std::byte> content) const {
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(content.data()),
                       content.size());
    if (std::memcmp(hash.data(), section.sha256, hash.size()) != 0)
        reject(std::string("the ") + name_of(section.type) + " section (byte " +
               text(section.offset) + ") is corrupted: wrong hash");
}

void Container::take(const ct::Section& section) {
    const char* what = name_of(section.type);
    if (!what)
        return;  // of a later minor version
    const bool weights = section.type == ct::SectionType::Weights;
    const auto content = weights ? bytes_.subspan(section.offset, section.bytes)
                                 : steady(section.offset, section.bytes);
    const auto once = [&](bool already) {
        if (already)
            reject(std::string("has two ") + what + " sections");
    };
    const auto sized = [&](std::size_t unit, bool exactly_one) {
        if (content.empty() || content.size() % unit != 0 ||
            (exactly_one && content.size() != unit))
            reject(std::string("the ") + what + " section has " + text(content.size()) + " bytes");
    };
    if (!weights)
        check_hash(section, content);
    switch (section.type) {
        case ct::SectionType::Model:
            once(model_ != nullptr);
            sized(sizeof(ct::ModelInfo), true);
            model_ = reinterpret_cast<const ct::ModelInfo*>(content.data());
            break;
        case ct::SectionType::Program:
            once(!program_.empty());
            sized(sizeof(isa::MicroOp), false);
            program_ = records<isa::MicroOp>(content);
            break;
        case ct::SectionType::Weights:
            once(weights_section_ != nullptr);
            weights_section_ = &section;
            weights_ = content;
            weights_offset_ = section.offset;
            break;
        case ct::SectionType::Tokenizer:
            once(!tokenizer_.empty());
            sized(1, false);
            tokenizer_ = content;
            break;
        case ct::SectionType::Tensors:
            once(!tensors_.empty());
            sized(sizeof(ct::TensorEntry), false);
            tensors_ = records<ct::TensorEntry>(content);
            break;
        case ct::SectionType::Notes:
            once(!notes_.empty());
            notes_ = {reinterpret_cast<const char*>(content.data()), content.size()};
            break;
        case ct::SectionType::Chat:
            once(!chat_.empty());
            sized(1, false);
            chat_ = {reinterpret_cast<const char*>(content.data()), content.size()};
            break;
        case ct::SectionType::Shape: {
            once(is_shape());
            sized(sizeof(ct::ShapeInfo), true);
            shape_bytes_ = records<ct::ShapeInfo>(content).front().weight_bytes;
            if (shape_bytes_ == 0 || shape_bytes_ > ct::kMaxShapeBytes)
                reject("the shape's weights are " + text(shape_bytes_) + " bytes, must be 1 to " +
                       text(ct::kMaxShapeBytes));
            break;
        }
    }
}

void Container::check_model() const {
    const ct::ModelInfo& m = *model_;
    const auto bound = [&](const char* what, std::uint64_t value, std::uint64_t low,
                           std::uint64_t high) {
        if (value < low || value > high)
            reject(std::string("the model's ") + what + " is " + text(value) + ", must be " +
                   text(low) + " to " + text(high));
    };
    bound("number of layers", m.layers, 1, 1u << 16);
    bound("hidden size", m.hidden, 1, isa::kMaxK);
    bound("number of heads", m.heads, 1, isa::kMaxHeads);
    bound("number of KV heads", m.kv_heads, 1, m.heads);
    bound("head size", m.head_dim, 2, isa::kMaxKeyDim);
    bound("feed-forward size", m.ffn, 1, isa::kMaxK);
    bound("vocabulary size", m.vocabulary, 1, isa::kMaxN);
    bound("context length", m.context, 1, 1u << 24);
    bound("number of rows", m.max_rows, 1, isa::kMaxRows);
    bound("number of selected rows", m.max_selected, 1, isa::kMaxRows);
    bound("number of sequences", m.max_sequences, 1, isa::kMaxRows);
    bound("block table row", m.blocks_per_sequence, isa::ceil_div(m.context, isa::kKvPositions),
          1u << 20);
    bound("workspace", m.workspace_bytes, 1, std::uint64_t{1} << 48);
    if (m.tensor != 0 || m.pipeline != 0 || m.rank != 0) {
        bound("number of cards of a stage", m.tensor, 1, isa::kMaxRanks);
        bound("number of stages", m.pipeline, 1, isa::kMaxRanks / m.tensor);
        bound("rank", m.rank, 0, m.tensor * m.pipeline - 1);
    }
    bound("number of stop ids", m.n_stop, 0, ct::kMaxStopIds);
    bound("KV format", m.kv_format, static_cast<std::uint32_t>(isa::KvFormat::F16),
          static_cast<std::uint32_t>(isa::KvFormat::F32));
    bound("KV block", m.block_bytes, kBlockUnit, 0xffffffff);
    if (m.block_bytes % kBlockUnit != 0)
        reject("the model's KV block is " + text(m.block_bytes) + ", not a multiple of " +
               text(kBlockUnit));
    if (m.blocks_per_sequence % 4 != 0)
        reject("the model's block table row is " + text(m.blocks_per_sequence) +
               ", not a multiple of 4");
    for (std::uint32_t i = 0; i < m.n_stop; ++i)
        bound("stop id", m.stop[i], 0, m.vocabulary - 1);
    if (m.bos_id != ct::kNoToken)
        bound("begin-of-sequence id", m.bos_id, 0, m.vocabulary - 1);
    if (!terminated(m.architecture) || !terminated(m.name))
        reject("the model's name has no end");
    for (const ct::TensorEntry& t : tensors_)
        if (!terminated(t.name) || t.offset > weight_bytes() || t.bytes > weight_bytes() - t.offset)
            reject("a tensor of the list is outside the weights");
}

void Container::verify_weights() const {
    if (is_shape())
        return;
    const auto verify = [&] { check_hash(*weights_section_, weights_); };
    try {
        if (file_)
            checked(*file_, verify);
        else
            verify();
    } catch (const FileError& error) {
        throw ContainerError(error.what());
    }
}

std::string Container::content_hash() const {
    std::string hex(2 * sizeof header_->content_hash + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), header_->content_hash, sizeof header_->content_hash);
    hex.pop_back();
    return hex;
}

}  // namespace skald::rt
