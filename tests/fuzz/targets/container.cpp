// SPDX-License-Identifier: MIT
// Compiled models. Hashes keep damaged bytes away from everything behind them, so the input is what
// a container is made of, and the hashes are made right for it: a byte n, n times (type, two bytes
// of length, content), then until its end changes (place, eight bytes of bits that turn over) to
// the section table, before it is hashed, or behind it to the header. With n = 0 the rest is the
// file as it is.
#include <algorithm>
#include <new>

#include "backend/disassemble.hpp"
#include "fixture.hpp"
#include "image.hpp"
#include "specs.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"

namespace skald::fuzz {
namespace {

namespace ct = skald::container;

constexpr std::uint8_t kMostSections = 12;
constexpr std::size_t kMostText = 64;

struct Change {
    std::uint16_t place;
    std::uint64_t bits;
};

void apply(const Change& change, std::span<std::byte> bytes, std::size_t place) {
    const auto part =
        bytes.subspan(place).first(std::min(sizeof change.bits, bytes.size() - place));
    for (std::size_t i = 0; i < part.size(); ++i)
        part[i] ^= static_cast<std::byte>(change.bits >> 8 * i);
}

Bytes assemble(Source& source, std::size_t sections) {
    test::Image image;
    image.parts.clear();
    for (std::size_t i = 0; i < sections; ++i) {
        const auto type = static_cast<ct::SectionType>(source.byte());
        const auto content = source.bytes(source.take<std::uint16_t>());
        image.parts.push_back({type, Bytes(content.begin(), content.end())});
    }
    image.layout();
    const auto table = std::as_writable_bytes(std::span(image.table));
    std::vector<Change> of_header;
    while (!source.empty()) {
        const Change change{source.take<std::uint16_t>(), source.take<std::uint64_t>()};
        const std::size_t place = change.place % (table.size() + sizeof(ct::FileHeader));
        if (place < table.size())
            apply(change, table, place);
        else
            of_header.push_back({static_cast<std::uint16_t>(place - table.size()), change.bits});
    }
    Bytes file = image.bytes();
    for (const Change& change : of_header)
        apply(change, std::span(file).first(sizeof(ct::FileHeader)), change.place);
    return file;
}

// At a page boundary, as a mapping is, and not a byte longer.
class Aligned {
  public:
    explicit Aligned(std::span<const std::byte> bytes)
        : memory_(static_cast<std::byte*>(::operator new(bytes.size(), kPage))),
          size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), memory_);
    }
    ~Aligned() { ::operator delete(memory_, kPage); }
    Aligned(const Aligned&) = delete;
    Aligned& operator=(const Aligned&) = delete;
    [[nodiscard]] std::span<const std::byte> bytes() const { return {memory_, size_}; }

  private:
    static constexpr std::align_val_t kPage{4096};
    std::byte* memory_;
    std::size_t size_;
};

void use(const rt::Container& container) {
    promise(container.content_hash().size() == 64, "a container has a hash");
    promise(!compiler::disassemble(container.program()).empty(), "a program can be listed");
    for (const ct::TensorEntry& tensor : container.tensors())
        promise(std::string_view(tensor.name).size() < sizeof tensor.name &&
                    tensor.offset + tensor.bytes <= container.weight_bytes(),
                "what the list names lies in the weights");
    const rt::Tokenizer tokenizer(container.tokenizer());
    use_tokenizer(tokenizer, container.notes().substr(0, kMostText));
}

Bytes parts_of(const test::Image& image) {
    Sink out;
    out.byte(static_cast<unsigned>(image.parts.size()));
    for (const test::Image::Part& part : image.parts)
        out.byte(static_cast<unsigned>(part.type))
            .half(static_cast<unsigned>(part.bytes.size()))
            .put(part.bytes);
    return out.bytes();
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::size_t sections = source.byte();
    const auto as_it_is = sections == 0 ? source.rest() : std::span<const std::byte>();
    const Bytes file = sections == 0
                           ? Bytes(as_it_is.begin(), as_it_is.end())
                           : assemble(source, std::min<std::size_t>(sections, kMostSections));
    may_refuse([&] {
        const Aligned memory(file);
        use(rt::Container("in memory", memory.bytes(), rt::Container::Verify::kWeights));
    });
    may_refuse([&] {
        const MemoryFile mapped(file);
        rt::Container first(mapped.path(), rt::Container::Verify::kQuick);
        const rt::Container second = std::move(first);
        use(second);
    });
}

std::vector<Bytes> seeds() {
    test::Image image;
    image.parts[2].bytes = rt::serialize(test::llama2());
    image.layout();  // fills in the model
    test::Image least = image;
    least.parts = {image.parts[0], image.parts[1], image.parts[2], image.parts[4]};
    const Bytes whole = image.bytes();
    return {parts_of(image), parts_of(least), Sink().byte(0).put(whole).bytes()};
}

}  // namespace skald::fuzz
