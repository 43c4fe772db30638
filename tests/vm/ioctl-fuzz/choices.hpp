// SPDX-License-Identifier: MIT
// Values for fields: mostly such as get past the first check, often enough such as must not.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "device.hpp"
#include "random.hpp"
#include "sequence.hpp"

namespace skald::test {

class Choices {
  public:
    explicit Choices(const Step& step)
        : random_(step.seed), twisted_(step.twisted), twist_(step.twist) {}

    std::uint64_t any() {
        const std::uint64_t drawn = random_();
        return ++draws_ == twisted_ ? twist_ : drawn;
    }
    // 0 .. end - 1
    std::uint64_t below(std::uint64_t end) { return any() % end; }
    bool one_in(unsigned n) { return below(n) == 0; }
    template <typename T>
    T of(std::initializer_list<T> items) {
        return items.begin()[below(items.size())];
    }

    // Mostly one of those that exist.
    std::uint32_t handle(std::span<const std::uint32_t> known);
    // A combination of the known bits, at times with others.
    std::uint32_t flags(std::uint32_t known);
    std::uint32_t pad() { return one_in(12) ? static_cast<std::uint32_t>(any()) : 0; }
    std::uint64_t size();
    // Where something may be bound: mostly aligned to a page of either kind.
    std::uint64_t va();

  private:
    Random random_;
    std::uint32_t draws_ = 0, twisted_;
    std::uint64_t twist_;
};

// Memory for what calls point to. The last page before a hole lets arrays end where they end.
class Arena {
  public:
    Arena();
    // bytes at an address that a kernel has to check: inside, at the edge, over it, or nowhere.
    std::uint64_t place(Choices& choose, std::span<const std::uint8_t> content);
    // The same for what the kernel writes.
    std::uint64_t room(Choices& choose, std::size_t bytes);

  private:
    std::uint64_t address(Choices& choose, std::size_t bytes);
    Mapping map_;
    std::size_t next_ = 0;
};

}  // namespace skald::test
