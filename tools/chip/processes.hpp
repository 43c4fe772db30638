// SPDX-License-Identifier: MIT
// Tasks in processes of their own, some at a time: each gives a text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace skald::chip {

// Calls `task` for 0 to count - 1, each in a child that has nothing but what this process had, and
// `done` here with what it gave, in the order in which they end. This process has one thread.
// Throws rt::Error if a child dies or its task throws, with its message.
void in_processes(std::size_t count, unsigned jobs,
                  const std::function<std::string(std::size_t)>& task,
                  const std::function<void(std::size_t, const std::string&)>& done);

[[nodiscard]] unsigned job_count(std::uint32_t asked);

}  // namespace skald::chip
