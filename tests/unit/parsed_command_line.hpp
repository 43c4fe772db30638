// SPDX-License-Identifier: MIT
// What a tool makes of a command line: options, or an exit status and what it says on stderr.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace skald::test {

template <class Options>
struct ParsedCommandLine {
    Options options;  // std::optional of the tool's
    int status = -1;
    std::string errors;
};

// `parse_options` of a tool with `words` behind the program's name.
template <class Options>
ParsedCommandLine<Options> parsed(std::string program, std::vector<std::string> words,
                                  Options (*parse_options)(int, char**, int&)) {
    words.insert(words.begin(), std::move(program));
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    ParsedCommandLine<Options> made;
    testing::internal::CaptureStderr();
    made.options = parse_options(static_cast<int>(argv.size()), argv.data(), made.status);
    made.errors = testing::internal::GetCapturedStderr();
    return made;
}

}  // namespace skald::test
