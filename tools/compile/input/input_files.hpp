// SPDX-License-Identifier: MIT
// The mapped files that the weights of a model point into.
#pragma once

namespace skald::compiler {

class InputFiles {
  public:
    virtual ~InputFiles() = default;
    // Throws CompileError if something in one of them could not be read so far: it was zeros.
    virtual void check() const = 0;
};

}  // namespace skald::compiler
