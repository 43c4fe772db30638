// SPDX-License-Identifier: MIT
// An operand as kernels want it: rows at a pitch, each piece of a row as plain memory. Rows that
// are scattered over pages go through a buffer of the worker, piece by piece.
#pragma once

#include <cstdint>
#include <cstring>

#include "card/mmu/extents.hpp"

namespace skald::card {

// What out() returns: where to write, and what to do when it is written.
template <class T>
class OutPiece {
  public:
    OutPiece(T* data) : data_(data) {}
    OutPiece(T* data, const Extents& extents, std::uint64_t va, std::size_t bytes)
        : data_(data), extents_(&extents), va_(va), bytes_(bytes) {}
    [[nodiscard]] T* data() const { return data_; }
    void commit() const {
        if (extents_ != nullptr)
            extents_->write(va_, data_, bytes_, 0, extents_->size());
    }

  private:
    T* data_;
    const Extents* extents_ = nullptr;  // null: data is the operand itself
    std::uint64_t va_ = 0;
    std::size_t bytes_ = 0;
};

struct View {
    std::byte* base = nullptr;         // row 0, if all rows lie in one run
    const Extents* extents = nullptr;  // else
    std::uint64_t va = 0;              // of row 0
    std::uint64_t pitch = 0;           // bytes from row to row

    [[nodiscard]] std::uint64_t address(std::uint64_t row, std::uint64_t offset = 0) const {
        return va + row * pitch + offset;
    }

    // `count` elements at byte `offset` of a row, in place or copied to buffer.
    template <class T>
    [[nodiscard]] const T* in(std::uint64_t row, std::uint64_t offset, std::size_t count,
                              T* buffer) const {
        if (base != nullptr)
            return reinterpret_cast<const T*>(base + row * pitch + offset);
        const std::uint64_t at = address(row, offset);
        const Mapping& run = extents->find(at, 0, extents->size());
        if (run.end - at >= count * sizeof(T))
            return reinterpret_cast<const T*>(run.at(at));
        extents->read(at, buffer, count * sizeof(T), 0, extents->size());
        return buffer;
    }

    // Where to write them; keep: what is there now can be read first.
    template <class T>
    [[nodiscard]] OutPiece<T> out(std::uint64_t row, std::uint64_t offset, std::size_t count,
                                  T* buffer, bool keep = false) const {
        if (base != nullptr)
            return {reinterpret_cast<T*>(base + row * pitch + offset)};
        const std::uint64_t at = address(row, offset);
        const Mapping& run = extents->find(at, 0, extents->size());
        if (run.end - at >= count * sizeof(T))
            return {reinterpret_cast<T*>(run.at(at))};
        if (keep)
            extents->read(at, buffer, count * sizeof(T), 0, extents->size());
        return {buffer, *extents, at, count * sizeof(T)};
    }

    // One element, read or written once.
    template <class T>
    [[nodiscard]] T get(std::uint64_t row, std::uint64_t offset = 0) const {
        T copy;
        std::memcpy(&copy, in<T>(row, offset, 1, &copy), sizeof(T));
        return copy;
    }
    template <class T>
    void set(std::uint64_t row, std::uint64_t offset, const T& value) const {
        T buffer;
        const OutPiece<T> piece = out<T>(row, offset, 1, &buffer);
        std::memcpy(piece.data(), &value, sizeof(T));
        piece.commit();
    }
};

}  // namespace skald::card
