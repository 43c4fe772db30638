// SPDX-License-Identifier: MIT
// The file, little-endian: Header, tokens u32 [n], blocks.
#include "libskald/prompt_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMagic = 0x3130564b444c4b53ull;  // "SKLDKV01"

struct Header {
    std::uint64_t magic;
    std::uint32_t tokens;
    std::uint32_t kv_format;
    std::uint64_t block_bytes;
    std::uint64_t kv_bytes;
    std::array<std::uint8_t, 32> model;
    std::array<std::uint8_t, 32> hash;  // BLAKE2b of the whole file, with zeros here
};
static_assert(sizeof(Header) == 96);

using Hash = decltype(Header::hash);

Hash hash_of(Header header, std::span<const std::byte> tokens, std::span<const std::byte> kv) {
    header.hash = {};
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, sizeof(Hash));
    for (const auto part : {std::as_bytes(std::span(&header, 1)), tokens, kv})
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                                  part.size());
    Hash hash;
    crypto_generichash_final(&state, hash.data(), hash.size());
    return hash;
}

std::uint64_t kv_bytes_for(std::uint32_t tokens, std::uint64_t block_bytes) {
    return isa::ceil_div(tokens, isa::kKvPositions) * block_bytes;
}

PromptCacheRead fault(std::string sentence, bool foreign = false) {
    return {std::nullopt, PromptCacheFault{std::move(sentence), foreign}};
}

class File {
  public:
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] int fd() const { return fd_; }

    // 0, or an errno value.
    [[nodiscard]] int read_all(std::vector<std::byte>& bytes) const {
        struct stat status{};
        if (::fstat(fd_, &status) != 0)
            return errno;
        if (!S_ISREG(status.st_mode))
            return EISDIR;
        bytes.resize(static_cast<std::size_t>(status.st_size));
        std::size_t got = 0;
        while (got < bytes.size()) {
            const ssize_t n = ::read(fd_, bytes.data() + got, bytes.size() - got);
            if (n == 0)
                break;  // it became shorter meanwhile: the hash will tell
            if (n > 0)
                got += static_cast<std::size_t>(n);
            else if (errno != EINTR)
                return errno;
        }
        bytes.resize(got);
        return 0;
    }
    [[nodiscard]] int write(std::span<const std::byte> bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n >= 0)
                bytes = bytes.subspan(static_cast<std::size_t>(n));
            else if (errno != EINTR)
                return errno;
        }
        return 0;
    }

  private:
    int fd_;
};

}  // namespace

PromptCacheKey PromptCacheKey::of(const container::FileHeader& header,
                                  const container::ModelInfo& info) {
    PromptCacheKey key{{}, info.kv_format, info.block_bytes};
    std::ranges::copy(header.content_hash, key.model.begin());
    return key;
}

PromptCacheRead parse_prompt_cache(std::span<const std::byte> file, const PromptCacheKey& key) {
    Header header;
    std::uint64_t magic = kMagic;
    // No memcpy: the bytes of an empty file have no address.
    std::ranges::copy(file.first(std::min(file.size(), sizeof magic)),
                      std::as_writable_bytes(std::span(&magic, 1)).begin());
    if (magic != kMagic)
        return fault("this is no prompt cache; it is left as it is", true);
    if (file.size() < sizeof header)
        return fault("it is cut off");
    std::memcpy(&header, file.data(), sizeof header);
    if (header.model != key.model)
        return fault("it is of another model");
    if (header.kv_format != key.kv_format || header.block_bytes != key.block_bytes)
        return fault("its keys and values have another format");
    const std::uint64_t token_bytes = std::uint64_t{header.tokens} * sizeof(TokenId);
    if (header.tokens == 0 || header.kv_bytes != kv_bytes_for(header.tokens, key.block_bytes))
        return fault("it is damaged");
    if (file.size() != sizeof header + token_bytes + header.kv_bytes)
        return fault(file.size() < sizeof header + token_bytes + header.kv_bytes ? "it is cut off"
                                                                                 : "it is damaged");
    const auto tokens = file.subspan(sizeof header, token_bytes);
    const auto kv = file.subspan(sizeof header + token_bytes);
    if (hash_of(header, tokens, kv) != header.hash)
        return fault("it is damaged");
    CachedPrompt prompt;
    prompt.tokens.resize(header.tokens);
    std::memcpy(prompt.tokens.data(), tokens.data(), tokens.size());
    prompt.kv.assign(kv.begin(), kv.end());
    return {std::move(prompt), std::nullopt};
}

PromptCacheRead read_prompt_cache(const std::string& path, const PromptCacheKey& key) {
    std::error_code ignored;
    if (fs::is_other(fs::status(path, ignored)))
        return fault("it cannot be read: it is not a regular file", true);
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.fd() < 0 && errno == ENOENT)
        return {};
    std::vector<std::byte> bytes;
    const int error = file.fd() < 0 ? errno : file.read_all(bytes);
    if (error != 0)
        return fault("it cannot be read: " + errno_text(error), true);
    return parse_prompt_cache(bytes, key);
}

void write_prompt_cache(const std::string& path, const PromptCacheKey& key,
                        const CachedPrompt& prompt) {
    Header header{kMagic,
                  static_cast<std::uint32_t>(prompt.tokens.size()),
                  key.kv_format,
                  key.block_bytes,
                  prompt.kv.size(),
                  key.model,
                  {}};
    const auto tokens = std::as_bytes(std::span(prompt.tokens));
    header.hash = hash_of(header, tokens, prompt.kv);
    const auto failed = [&](int error) {
        return system_error(error, fmt::format("cannot write the prompt cache {}", path));
    };
    // A link stays: what it leads to is replaced.
    std::error_code ignored;
    const fs::path whole = fs::canonical(path, ignored);
    const std::string target = whole.empty() ? path : whole.string();
    std::string temporary = target + ".XXXXXX";
    const File file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.fd() < 0)
        throw failed(errno);
    int error = 0;
    for (const auto part :
         {std::as_bytes(std::span(&header, 1)), tokens, std::span<const std::byte>(prompt.kv)})
        if (error == 0)
            error = file.write(part);
    if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0)
        error = errno;
    if (error != 0) {
        ::unlink(temporary.c_str());
        throw failed(error);
    }
}

}  // namespace skald::rt
