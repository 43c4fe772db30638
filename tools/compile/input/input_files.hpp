// SPDX-License-Identifier: MIT
// The mapped files that the weights of a model point into.
#pragma once

namespace skald::compiler {

class InputFiles {
  public:
    virtual ~InputFiles() = default;
    // Throws CompileError if something in one of them could not be read so far: it was zeros.
    virtual void check() const = 0;
    // What was read of them need not stay in memory: who asks for it again reads it again.
    virtual void forget() const = 0;
};

}  // namespace skald::compiler
