// SPDX-License-Identifier: MIT
// One line on standard error that says what is going on, where that is a terminal; else nothing.
#pragma once

#include <string>

namespace skald::bench {

class Progress {
  public:
    Progress();
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(const std::string& text);
    void clear();  // before anything else is written to the terminal

  private:
    bool terminal_;
    bool shown_ = false;
};

}  // namespace skald::bench
