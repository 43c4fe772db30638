// SPDX-License-Identifier: MIT
// A small compiled model put together by hand, so that every field of it can be made wrong while
// its hashes are right.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skald/container.hpp"
#include "skald/isa.hpp"

namespace skald::test {

namespace ct = skald::container;

struct Image {
    struct Part {
        ct::SectionType type;
        std::vector<std::byte> bytes;
    };
    ct::FileHeader header{};
    ct::ModelInfo model{};
    std::vector<Part> parts;         // Model first; its bytes are taken from `model`
    std::vector<ct::Section> table;  // made by layout()

    Image() {
        header.magic = ct::kMagic;
        header.version = ct::kVersion;
        header.isa_version = isa::kVersion;
        header.header_bytes = sizeof header;
        model.layers = 2;
        model.hidden = 32;
        model.heads = 4;
        model.kv_heads = 2;
        model.head_dim = 8;
        model.ffn = 40;
        model.vocabulary = 100;
        model.context = 64;
        model.max_rows = 16;
        model.max_selected = 8;
        model.max_sequences = 8;
        model.blocks_per_sequence = 4;
        model.block_bytes = 2 * isa::kv_layer_bytes(isa::KvFormat::F16, 2, 8);
        model.workspace_bytes = 4096;
        model.kv_format = static_cast<std::uint32_t>(isa::KvFormat::F16);
        model.bos_id = ct::kNoToken;
        model.n_stop = 1;
        model.stop[0] = 3;
        std::strcpy(model.name, "hand-made");
        parts = {{ct::SectionType::Model, {}},
                 {ct::SectionType::Program, std::vector<std::byte>(2 * sizeof(isa::MicroOp))},
                 {ct::SectionType::Tokenizer, std::vector<std::byte>(10)},
                 {ct::SectionType::Tensors, std::vector<std::byte>(sizeof(ct::TensorEntry))},
                 {ct::SectionType::Weights, std::vector<std::byte>(5000, std::byte{7})},
                 {ct::SectionType::Notes, std::vector<std::byte>(2, std::byte{'x'})}};
    }

    // Offsets, sizes and hashes of the sections.
    void layout() {
        const auto* p = reinterpret_cast<const std::byte*>(&model);
        if (!parts.empty() && parts[0].type == ct::SectionType::Model && parts[0].bytes.empty())
            parts[0].bytes.assign(p, p + sizeof model);
        table.clear();
        std::uint64_t at = sizeof header + parts.size() * sizeof(ct::Section);
        for (const Part& part : parts) {
            ct::Section& s = table.emplace_back();
            s = {};
            at = (at + ct::kSectionAlign - 1) / ct::kSectionAlign * ct::kSectionAlign;
            s.type = part.type;
            s.offset = at;
            s.bytes = part.bytes.size();
            crypto_hash_sha256(s.sha256, reinterpret_cast<const unsigned char*>(part.bytes.data()),
                               part.bytes.size());
            at += part.bytes.size();
        }
        header.n_sections = static_cast<std::uint32_t>(parts.size());
        header.file_size = at;
    }

    // The file, with the hash of the table as it is now.
    std::vector<std::byte> bytes() const {
        ct::FileHeader h = header;
        crypto_hash_sha256(h.content_hash, reinterpret_cast<const unsigned char*>(table.data()),
                           table.size() * sizeof(ct::Section));
        std::vector<std::byte> out(h.file_size);
        std::memcpy(out.data(), &h, sizeof h);
        std::memcpy(out.data() + sizeof h, table.data(), table.size() * sizeof(ct::Section));
        for (std::size_t i = 0; i < parts.size(); ++i) {
            std::uint64_t at = sizeof header + parts.size() * sizeof(ct::Section);
            for (std::size_t j = 0; j <= i; ++j) {
                at = (at + ct::kSectionAlign - 1) / ct::kSectionAlign * ct::kSectionAlign;
                if (j < i)
                    at += parts[j].bytes.size();
            }
            std::copy(parts[i].bytes.begin(), parts[i].bytes.end(), out.data() + at);
        }
        return out;
    }
};

// Bytes at a page boundary, as a mapping has them, and not one byte more than the file.
class Pages {
  public:
    explicit Pages(std::span<const std::byte> bytes)
        : memory_(static_cast<std::byte*>(
                      std::aligned_alloc(4096, (bytes.size() + 4096) / 4096 * 4096)),
                  std::free),
          size_(bytes.size()) {
        std::memcpy(memory_.get(), bytes.data(), bytes.size());
    }
    std::span<const std::byte> bytes() const { return {memory_.get(), size_}; }

  private:
    std::unique_ptr<std::byte, void (*)(void*)> memory_;
    std::size_t size_;
};

}  // namespace skald::test
