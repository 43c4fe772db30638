// SPDX-License-Identifier: MIT
#include "container/container.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "image.hpp"

namespace skald::rt {
namespace {

using test::Image;
using test::Pages;
namespace ct = skald::container;
using ct::SectionType;

void expect_refused(const std::vector<std::byte>& bytes, std::initializer_list<const char*> words) {
    const Pages pages(bytes);
    try {
        const Container c("file", pages.bytes(), Container::Verify::kWeights);
        ADD_FAILURE() << "accepted, expected " << *words.begin();
    } catch (const ContainerError& e) {
        const std::string what = e.what();
        EXPECT_EQ(what.rfind("file: ", 0), 0u) << what;
        EXPECT_EQ(what.find('\n'), std::string::npos) << what;
        for (const char* word : words)
            EXPECT_NE(what.find(word), std::string::npos)
                << "\"" << what << "\" should say \"" << word << "\"";
    }
}

// Changes the content before offsets and hashes are made.
template <typename F>
void refuse_content(F change, std::initializer_list<const char*> words) {
    Image image;
    change(image);
    image.layout();
    expect_refused(image.bytes(), words);
}

// Changes header or table after; the table's own hash is right all the same.
template <typename F>
void refuse_frame(F change, std::initializer_list<const char*> words) {
    Image image;
    image.layout();
    const std::uint64_t size = image.header.file_size;
    change(image.header, image.table);
    const std::uint64_t claimed = std::exchange(image.header.file_size, size);
    auto bytes = image.bytes();
    std::memcpy(bytes.data() + offsetof(ct::FileHeader, file_size), &claimed, sizeof claimed);
    expect_refused(bytes, words);
}

TEST(Container, GivesOutWhatIsInTheFile) {
    Image image;
    image.layout();
    const Pages pages(image.bytes());
    const Container c("file", pages.bytes(), Container::Verify::kWeights);
    EXPECT_EQ(c.model().vocabulary, 100u);
    EXPECT_STREQ(c.model().name, "hand-made");
    EXPECT_EQ(c.program().size(), 2u);
    EXPECT_EQ(c.tokenizer().size(), 10u);
    EXPECT_EQ(c.tensors().size(), 1u);
    EXPECT_EQ(c.weights().size(), 5000u);
    EXPECT_EQ(c.weights_offset() % ct::kSectionAlign, 0u);
    EXPECT_EQ(c.notes(), "xx");
    EXPECT_EQ(c.content_hash().size(), 64u);
}

TEST(Container, MovesWithItsViews) {
    Image image;
    image.layout();
    const Pages pages(image.bytes());
    Container a("a", pages.bytes());
    const auto* model = &a.model();
    Container b(std::move(a));
    EXPECT_EQ(&b.model(), model);
    Container c("c", pages.bytes());
    c = std::move(b);
    EXPECT_EQ(&c.model(), model);
    EXPECT_EQ(c.name(), "a");
}

TEST(Container, DoesWithoutTheOptionalSectionsAndWithLaterOnes) {
    Image image;
    std::erase_if(image.parts, [](const auto& p) {
        return p.type == SectionType::Tensors || p.type == SectionType::Notes;
    });
    image.parts.push_back({static_cast<SectionType>(77), std::vector<std::byte>(3)});
    image.layout();
    const Pages pages(image.bytes());
    const Container c("file", pages.bytes());
    EXPECT_TRUE(c.tensors().empty());
    EXPECT_TRUE(c.notes().empty());
}

// Addresses of weights, and no weights.
Image shape_image(std::uint64_t weight_bytes) {
    Image image;
    const ct::ShapeInfo shape{weight_bytes, {}};
    const auto* bytes = reinterpret_cast<const std::byte*>(&shape);
    for (Image::Part& part : image.parts)
        if (part.type == SectionType::Weights)
            part = {SectionType::Shape, std::vector<std::byte>(bytes, bytes + sizeof shape)};
    return image;
}

TEST(Container, AShapeStandsForTheWeights) {
    Image image = shape_image(70'000'000'000);
    image.layout();
    const Pages pages(image.bytes());
    const Container c("file", pages.bytes(), Container::Verify::kWeights);
    EXPECT_TRUE(c.is_shape());
    EXPECT_EQ(c.weight_bytes(), 70'000'000'000u);
    EXPECT_TRUE(c.weights().empty());
}

TEST(Container, AShapeIsInsteadOfWeightsAndOfAPossibleSize) {
    for (const std::uint64_t bytes : {std::uint64_t{0}, ct::kMaxShapeBytes + 1}) {
        Image image = shape_image(bytes);
        image.layout();
        expect_refused(image.bytes(), {"the shape's weights are"});
    }
    Image both = shape_image(5000);
    both.parts.push_back({SectionType::Weights, std::vector<std::byte>(5000)});
    both.layout();
    expect_refused(both.bytes(), {"a weights section and a shape section"});
}

TEST(Container, LooksAtTheWeightsOnlyWhenAsked) {
    Image image;
    image.layout();
    auto bytes = image.bytes();
    bytes[image.table[4].offset + 100] ^= std::byte{1};
    const Pages pages(bytes);
    const Container c("file", pages.bytes());
    EXPECT_THROW(c.verify_weights(), ContainerError);
    expect_refused(bytes, {"weights", "corrupted"});
}

TEST(Container, RefusesAWrongHeader) {
    using H = ct::FileHeader;
    using T = std::vector<ct::Section>;
    refuse_frame([](H& h, T&) { h.magic ^= 1; }, {"not a compiled model"});
    refuse_frame([](H& h, T&) { h.version += 1u << 16; }, {"container version 2.2", "reads 1.2"});
    refuse_frame([](H& h, T&) { h.isa_version += 1u << 16; }, {"micro-op version 2."});
    const std::string next = "micro-op version " + std::to_string(isa::kVersion >> 16) + "." +
                             std::to_string((isa::kVersion & 0xffff) + 1);
    refuse_frame([](H& h, T&) { h.isa_version += 1; }, {next.c_str()});
    refuse_frame([](H& h, T&) { h.file_size += 1; }, {"should be"});
    refuse_frame([](H& h, T&) { h.header_bytes = 128; }, {"header of 128"});
    refuse_frame([](H& h, T&) { h.n_sections = 0; }, {"0 sections"});
    refuse_frame([](H& h, T&) { h.n_sections = 1000; }, {"1000 sections"});
    refuse_frame([](H& h, T&) { h.reserved[5] = 1; }, {"reserved"});
}

TEST(Container, RefusesAWrongTable) {
    using H = ct::FileHeader;
    using T = std::vector<ct::Section>;
    refuse_frame([](H&, T& t) { t[1].offset += 64; }, {"section 1", "multiple of 4096"});
    refuse_frame([](H&, T& t) { t[2].offset = t[1].offset; }, {"section 2", "lies inside"});
    refuse_frame([](H&, T& t) { t[0].offset = 0; }, {"section 0", "lies inside"});
    refuse_frame([](H&, T& t) { std::swap(t[1], t[2]); }, {"section 2", "lies inside"});
    refuse_frame([](H&, T& t) { t[5].bytes += 1; }, {"section 5", "outside the file"});
    refuse_frame([](H&, T& t) { t[5].offset = ~std::uint64_t{4095}; },
                 {"section 5", "outside the file"});
    refuse_frame([](H&, T& t) { t[3].bytes = ~std::uint64_t{0}; },
                 {"section 3", "outside the file"});
    refuse_frame([](H&, T& t) { t[3].reserved = 1; }, {"section 3", "reserved"});
    refuse_frame([](H&, T& t) { t[3].reserved2 = 1; }, {"section 3", "reserved"});
    refuse_frame([](H&, T& t) { t[1].sha256[0] ^= 1; }, {"program", "corrupted"});
    refuse_frame([](H&, T& t) { t[1].type = static_cast<SectionType>(99); },
                 {"no program section"});
}

TEST(Container, RefusesWrongSections) {
    refuse_content([](Image& i) { i.parts.erase(i.parts.begin()); }, {"no model section"});
    refuse_content([](Image& i) { i.parts.erase(i.parts.begin() + 2); }, {"no tokenizer section"});
    refuse_content([](Image& i) { i.parts.erase(i.parts.begin() + 4); }, {"no weights section"});
    refuse_content([](Image& i) { i.parts.push_back(i.parts[1]); }, {"two program sections"});
    refuse_content([](Image& i) { i.parts[0].bytes.resize(511); }, {"model section has 511 bytes"});
    refuse_content([](Image& i) { i.parts[1].bytes.resize(129); },
                   {"program section has 129 bytes"});
    refuse_content([](Image& i) { i.parts[3].bytes.resize(127); },
                   {"tensors section has 127 bytes"});
    refuse_content([](Image& i) { std::memset(i.parts[3].bytes.data(), 'a', 96); },
                   {"tensor of the list"});
    refuse_content([](Image& i) { i.parts[3].bytes[107] = std::byte{1}; },
                   {"tensor of the list is outside"});
}

TEST(Container, RefusesImpossibleModels) {
    const auto refuse_model = [](auto change, const char* word) {
        refuse_content([&](Image& i) { change(i.model); }, {word});
    };
    using M = ct::ModelInfo;
    refuse_model([](M& m) { m.layers = 0; }, "number of layers is 0");
    refuse_model([](M& m) { m.hidden = 0; }, "hidden size");
    refuse_model([](M& m) { m.heads = 5000; }, "number of heads");
    refuse_model([](M& m) { m.kv_heads = 5; }, "KV heads");
    refuse_model([](M& m) { m.head_dim = 1000; }, "head size");
    refuse_model([](M& m) { m.ffn = 0; }, "feed-forward");
    refuse_model([](M& m) { m.vocabulary = 0; }, "vocabulary");
    refuse_model([](M& m) { m.context = 0; }, "context");
    refuse_model([](M& m) { m.max_rows = 1u << 20; }, "number of rows");
    refuse_model([](M& m) { m.rank = 1; }, "number of cards of a stage is 0");
    refuse_model([](M& m) { m.tensor = 2; }, "number of stages is 0");
    refuse_model([](M& m) { m.tensor = m.pipeline = 1000; }, "number of stages is 1000");
    refuse_model([](M& m) { m.tensor = 2, m.pipeline = 3, m.rank = 6; },
                 "rank is 6, must be 0 to 5");
    refuse_model([](M& m) { m.max_selected = 0; }, "selected rows");
    refuse_model([](M& m) { m.max_sequences = 0; }, "sequences");
    refuse_model([](M& m) { m.blocks_per_sequence = 0; }, "block table row");
    refuse_model([](M& m) { m.blocks_per_sequence = 5; }, "multiple of 4");
    refuse_model([](M& m) { m.workspace_bytes = 0; }, "workspace");
    refuse_model([](M& m) { m.block_bytes += 32; }, "KV block");
    refuse_model([](M& m) { m.block_bytes = 0; }, "KV block");
    for (const std::uint32_t format : {0u, 4u, 9u})
        refuse_model([format](M& m) { m.kv_format = format; }, "KV format");
    refuse_model([](M& m) { m.n_stop = 17; }, "stop ids");
    refuse_model([](M& m) { m.stop[0] = 100; }, "stop id is 100");
    refuse_model([](M& m) { m.bos_id = 100; }, "begin-of-sequence");
    refuse_model([](M& m) { std::memset(m.name, 'a', sizeof m.name); }, "name has no end");
}

TEST(Container, SurvivesDamageBehindCorrectHashes) {
    std::mt19937 random(23);
    for (int round = 0; round < 3000; ++round) {
        Image image;
        const auto flip = [&](auto& record) {
            auto* p = reinterpret_cast<unsigned char*>(&record);
            p[random() % sizeof record] ^= static_cast<unsigned char>(1u << random() % 8);
        };
        for (unsigned n = random() % 3; n > 0; --n)
            flip(image.model);
        image.layout();
        const std::uint64_t size = image.header.file_size;
        for (unsigned n = random() % 3; n > 0; --n)
            flip(image.table[random() % image.table.size()]);
        if (random() % 4 == 0)
            flip(image.header);
        if (image.header.file_size != size)
            continue;  // tested above; the image cannot be made that long
        const Pages pages(image.bytes());
        try {
            const Container c("file", pages.bytes(), Container::Verify::kWeights);
            EXPECT_EQ(c.program().size_bytes() % sizeof(isa::MicroOp), 0u);
        } catch (const ContainerError& e) {
            EXPECT_NE(std::string(e.what()), "");
        }
    }
}

TEST(Container, SaysThatAFileIsMissingOrEmpty) {
    EXPECT_THROW(Container(std::filesystem::path("/nonexistent/x.skald")), ContainerError);
    EXPECT_THROW(Container(std::filesystem::path("/dev/null")), ContainerError);
    EXPECT_THROW(Container(std::filesystem::path("/tmp")), ContainerError);
}

// A container of a file; the file can be cut while it is open.
class ContainerFile : public testing::Test {
  protected:
    ContainerFile() : path_(testing::TempDir() + "skald-container-XXXXXX") {
        image_.layout();
        const auto bytes = image_.bytes();
        const int fd = ::mkstemp(path_.data());
        EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
        ::close(fd);
    }
    ~ContainerFile() override { ::unlink(path_.c_str()); }
    void cut(std::uint64_t bytes) const {
        EXPECT_EQ(::truncate(path_.c_str(), static_cast<off_t>(bytes)), 0);
    }
    std::string unreadable() const {
        return "cannot read " + path_ + ": Input/output error: the file became shorter meanwhile";
    }

    Image image_;
    std::string path_;
};

TEST_F(ContainerFile, HasWhatTheSameBytesInMemoryHave) {
    const Pages pages(image_.bytes());
    const Container memory("memory", pages.bytes()), file(path_, Container::Verify::kWeights);
    EXPECT_TRUE(std::ranges::equal(file.weights(), memory.weights()));
    EXPECT_TRUE(std::ranges::equal(file.tokenizer(), memory.tokenizer()));
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(file.program()), std::as_bytes(memory.program())));
    EXPECT_EQ(file.notes(), memory.notes());
    EXPECT_EQ(file.content_hash(), memory.content_hash());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.program().data()) % ct::kSectionAlign, 0u);
    ASSERT_NE(file.file(), nullptr);
    std::vector<std::byte> read(file.weights().size());
    file.file()->read_at(file.weights_offset(), read);
    EXPECT_TRUE(std::ranges::equal(read, file.weights()));
}

TEST_F(ContainerFile, KeepsAllButTheWeightsWhenTheFileGoes) {
    const Container c(path_);
    const std::string hash = c.content_hash();
    cut(0);
    EXPECT_EQ(c.model().vocabulary, 100u);
    EXPECT_EQ(c.program().size(), 2u);
    EXPECT_EQ(c.notes(), "xx");
    EXPECT_EQ(c.content_hash(), hash);
    EXPECT_NO_THROW(c.file()->check());
}

TEST_F(ContainerFile, SaysThatItCannotBeReadAndNotThatItIsCorrupted) {
    const Container c(path_);
    cut(c.weights_offset());
    try {
        c.verify_weights();
        ADD_FAILURE() << "weights that are gone were verified";
    } catch (const ContainerError& error) {
        EXPECT_EQ(error.what(), unreadable());
    }
}

TEST(Container, AnEmptyFileAndAFolderAreNamed) {
    const auto error_of = [](const char* path) {
        try {
            const Container c(path);
        } catch (const ContainerError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(error_of("/proc/self/mem"), "/proc/self/mem: is not a file with content");
    EXPECT_EQ(error_of("/tmp"), "/tmp: is not a regular file");
    EXPECT_EQ(error_of("/none.skald"), "/none.skald: cannot open: No such file or directory");
}

}  // namespace
}  // namespace skald::rt
