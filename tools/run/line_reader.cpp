// SPDX-License-Identifier: MIT
// libedit has the terminal in its own mode only while it reads a line, so that Ctrl-C during a
// reply is a signal as anywhere else. During a line it is a key.
#include "run/line_reader.hpp"

#include <histedit.h>
#include <langinfo.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <new>
#include <string_view>

#include "libskald/error.hpp"

namespace skald::run {
namespace {

class PipeReader final : public LineReader {
  public:
    Event read(std::string& line, bool) override {
        for (;;) {
            const std::size_t end = rest_.find('\n');
            if (end != std::string::npos || ended_) {
                if (end == std::string::npos && rest_.empty())
                    return Event::kEnd;
                line = rest_.substr(0, end);
                rest_.erase(0, end == std::string::npos ? end : end + 1);
                if (line.ends_with('\r'))
                    line.pop_back();
                return Event::kLine;
            }
            std::array<char, 4096> part;
            const ssize_t n = ::read(STDIN_FILENO, part.data(), part.size());
            if (n < 0 && errno != EINTR)
                throw rt::system_error(errno, "cannot read standard input");
            ended_ = n == 0;
            if (n > 0)
                rest_.append(part.data(), static_cast<std::size_t>(n));
        }
    }
    void remember(const std::string&) override {}
    [[nodiscard]] bool is_terminal() const override { return false; }

  private:
    std::string rest_;
    bool ended_ = false;
};

// libedit takes keys for characters as the locale says; models read UTF-8 in any case.
void use_utf8() {
    const char* chosen = std::setlocale(LC_CTYPE, "");
    if (chosen == nullptr || std::string_view(::nl_langinfo(CODESET)) != "UTF-8")
        std::setlocale(LC_CTYPE, "C.UTF-8");
}

class Editor final : public LineReader {
  public:
    explicit Editor(std::FILE* screen)
        : edit_(::el_init("llm-run", stdin, screen, stderr)),
          history_(::history_init()),
          screen_(screen) {
        if (!edit_ || !history_)
            throw std::bad_alloc();
        HistEvent event;
        ::history(history_.get(), &event, H_SETSIZE, 1000);
        ::history(history_.get(), &event, H_SETUNIQUE, 1);
        ::el_set(edit_.get(), EL_CLIENTDATA, this);
        ::el_set(edit_.get(), EL_PROMPT, prompt);
        ::el_set(edit_.get(), EL_HIST, ::history, history_.get());
        ::el_set(edit_.get(), EL_EDITOR, "emacs");
        ::el_set(edit_.get(), EL_SIGNAL, 1);  // the terminal is put right before a signal ends us
        ::el_set(edit_.get(), EL_SETTY, "-d", "-isig", nullptr);
        // Wide, as libedit keeps them: the narrow call makes copies that el_end does not free.
        ::el_wset(edit_.get(), EL_ADDFN, L"interrupt", L"Give up this line", interrupt);
        ::el_wset(edit_.get(), EL_ADDFN, L"suspend", L"Back to the shell", suspend);
        ::el_source(edit_.get(), nullptr);  // ~/.editrc
        ::el_set(edit_.get(), EL_BIND, "^C", "interrupt", nullptr);
        ::el_set(edit_.get(), EL_BIND, "^Z", "suspend", nullptr);
        ::el_set(edit_.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
    }

    Event read(std::string& line, bool more) override {
        more_ = more;
        interrupted_ = false;
        line.clear();
        int size = 0;
        // Before the prompt invites somebody to type: libedit by itself does it behind that, and a
        // Ctrl-C or Ctrl-D that comes between would be the terminal's.
        ::el_set(edit_.get(), EL_PREP_TERM, 1);
        const char* text = ::el_gets(edit_.get(), &size);
        if (text == nullptr && !interrupted_)
            return Event::kEnd;
        if (interrupted_) {
            line = given_up_;
            std::fputs("^C\n", screen_);
            std::fflush(screen_);
            return Event::kInterrupt;
        }
        line.assign(text, static_cast<std::size_t>(size));
        if (line.ends_with('\n'))
            line.pop_back();
        return Event::kLine;
    }
    void remember(const std::string& text) override {
        HistEvent event;
        ::history(history_.get(), &event, H_ENTER, text.c_str());
    }
    [[nodiscard]] bool is_terminal() const override { return true; }

  private:
    static Editor& of(EditLine* edit) {
        void* self = nullptr;
        ::el_get(edit, EL_CLIENTDATA, &self);
        return *static_cast<Editor*>(self);
    }
    static char* prompt(EditLine* edit) {
        // libedit reads them and wants them writable.
        static char first[] = "> ", next[] = ". ";
        return of(edit).more_ ? next : first;
    }
    static unsigned char interrupt(EditLine* edit, wint_t) {
        const LineInfo* line = ::el_line(edit);
        of(edit).given_up_.assign(line->buffer, line->lastchar);
        of(edit).interrupted_ = true;
        return CC_EOF;
    }
    static unsigned char suspend(EditLine* edit, wint_t) {
        ::el_set(edit, EL_PREP_TERM, 0);
        ::kill(0, SIGTSTP);
        ::el_set(edit, EL_PREP_TERM, 1);
        return CC_REDISPLAY;
    }
    struct End {
        void operator()(EditLine* edit) const { ::el_end(edit); }
        void operator()(History* history) const { ::history_end(history); }
    };
    std::unique_ptr<EditLine, End> edit_;
    std::unique_ptr<History, End> history_;
    std::FILE* screen_;
    std::string given_up_;
    bool more_ = false, interrupted_ = false;
};

std::unique_ptr<LineReader> utf8_editor(std::FILE* screen) {
    use_utf8();
    return std::make_unique<Editor>(screen);
}

}  // namespace

std::unique_ptr<LineReader> LineReader::of_standard_input() {
    if (::isatty(STDIN_FILENO) != 0)
        for (std::FILE* screen : {stdout, stderr})
            if (::isatty(::fileno(screen)) != 0)
                return utf8_editor(screen);
    return std::make_unique<PipeReader>();
}

}  // namespace skald::run
