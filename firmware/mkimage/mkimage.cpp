// SPDX-License-Identifier: MIT
// Host tool: puts the header of fw_image.h with its SHA-256 in front of a raw binary.
//   mkimage --name NAME --version MAJOR.MINOR.PATCH --load ADDRESS --entry ADDRESS PAYLOAD IMAGE
#include <sodium.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "skald/fw_image.h"
#include "skald/regs.h"

namespace {

struct Arguments {
    std::map<std::string, std::string> options;
    std::vector<std::string> files;
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.rfind("--", 0) != 0) {
            arguments.files.push_back(word);
        } else if (++i < argc) {
            arguments.options[word.substr(2)] = argv[i];
        } else {
            throw std::runtime_error(word + " needs a value");
        }
    }
    if (arguments.files.size() != 2) {
        throw std::runtime_error(
            "usage: mkimage --name N --version A.B.C --load X --entry X PAYLOAD IMAGE");
    }
    return arguments;
}

const std::string& option(const Arguments& arguments, const std::string& name) {
    const auto found = arguments.options.find(name);
    if (found == arguments.options.end()) {
        throw std::runtime_error("--" + name + " is missing");
    }
    return found->second;
}

std::uint32_t number(const std::string& text) {
    std::size_t used = 0;
    const unsigned long value = std::stoul(text, &used, 0);
    if (used != text.size() || value > 0xffffffffu) {
        throw std::runtime_error("'" + text + "' is not a 32-bit number");
    }
    return static_cast<std::uint32_t>(value);
}

std::uint32_t version(const std::string& text) {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    char rest = 0;
    if (std::sscanf(text.c_str(), "%u.%u.%u%c", &major, &minor, &patch, &rest) != 3 ||
        major > 255 || minor > 255 || patch > 65535) {
        throw std::runtime_error("'" + text + "' is not a version MAJOR.MINOR.PATCH");
    }
    return major << 24 | minor << 16 | patch;
}

std::vector<char> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

skald_fw_header header_of(const Arguments& arguments, const std::vector<char>& payload) {
    const std::string name = option(arguments, "name");
    skald_fw_header header{};
    if (name.size() >= sizeof(header.name)) {
        throw std::runtime_error("the name is too long");
    }
    header.magic = SKALD_FW_MAGIC;
    header.header_size = sizeof(header);
    header.device_abi = SKALD_DEVICE_ABI;
    header.fw_abi = SKALD_FW_ABI;
    header.fw_version = version(option(arguments, "version"));
    header.payload_size = static_cast<std::uint32_t>(payload.size());
    header.load_addr = number(option(arguments, "load"));
    header.entry = number(option(arguments, "entry"));
    std::memcpy(header.name, name.data(), name.size());

    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(&header),
                              offsetof(skald_fw_header, sha256));
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(payload.data()),
                              payload.size());
    crypto_hash_sha256_final(&state, header.sha256);
    return header;
}

void write_image(const std::string& path, const skald_fw_header& header,
                 const std::vector<char>& payload) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    file.write(payload.data(), static_cast<std::streamsize>(payload.size()));
    if (!file.flush()) {
        throw std::runtime_error("cannot write " + path);
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse(argc, argv);
        const std::vector<char> payload = read_file(arguments.files[0]);
        write_image(arguments.files[1], header_of(arguments, payload), payload);
        return EXIT_SUCCESS;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "mkimage: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
