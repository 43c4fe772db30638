// SPDX-License-Identifier: MIT
// Holds a conversation. A reply is stopped by Ctrl-C and kept as far as it came.
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "console/standard_streams.hpp"
#include "libskald/error.hpp"
#include "run/chat_input.hpp"
#include "run/commands.hpp"
#include "run/conversation.hpp"
#include "run/held_session.hpp"
#include "run/interruption.hpp"
#include "run/report.hpp"
#include "run/sequence.hpp"
#include "run/standard_output.hpp"

namespace skald::run {
namespace {

constexpr std::string_view kHelp = R"(/clear        begin anew, with the same system message
/save FILE    write the conversation, for --messages FILE
/exit         or Ctrl-D
A line that ends in \ goes on in the next one; """ begins and ends a text of several lines; //
begins a message with /. Ctrl-C stops a reply; what was said of it stays.
)";

rt::SessionOptions session_options(const Options& options) {
    rt::SessionOptions session;
    session.chunk = options.chunk;
    return session;
}

class Chat {
  public:
    Chat(const Options& options, const Loaded& loaded)
        : options_(options),
          loaded_(loaded),
          conversation_(*loaded.conversation),
          reader_(LineReader::of_standard_input()),
          held_(loaded.model, session_options(options)),
          stops_(stop_ids(options, loaded.model.info(), loaded.tokenizer)) {}

    int run() {
        if (reader_->is_terminal())
            console::say("{}\n", "/help lists commands, Ctrl-D ends.");
        while (!done_ && !output_.closed())
            take(read_chat_input(*reader_));
        return status_;
    }

  private:
    using Kind = ChatInput::Kind;

    void take(const ChatInput& input) {
        const bool asked_before = std::exchange(asked_, false);
        switch (input.kind) {
            case Kind::kEnd:
                if (reader_->is_terminal())
                    output_.write("\n");
                done_ = true;
                break;
            case Kind::kInterrupt:
                done_ = asked_before;
                asked_ = true;
                if (!done_)
                    console::say("{}\n", "Ctrl-C again or Ctrl-D ends.");
                break;
            case Kind::kNothing:
                break;
            case Kind::kCommand:
                command(input);
                break;
            case Kind::kMessage:
                turn(input.text);
                break;
        }
    }

    void command(const ChatInput& input) {
        if (input.command == "/exit" || input.command == "/quit") {
            done_ = true;
        } else if (input.command == "/clear") {
            conversation_.clear();
        } else if (input.command == "/help") {
            console::say("{}", kHelp);
        } else if (input.command == "/save") {
            save(input.argument);
        } else {
            console::say("llm-run: there is no {}; /help lists what there is\n", input.command);
        }
    }

    void save(const std::string& path) {
        if (path.empty()) {
            console::say("{}\n", "llm-run: /save wants the name of a file");
            return;
        }
        std::ofstream file(path, std::ios::binary);
        file << conversation_.to_text() << std::flush;
        if (!file)
            console::say("llm-run: cannot write {}: {}\n", path, rt::errno_text(errno));
    }

    // What cannot be answered is taken back, so that one can say something else.
    void turn(const std::string& text) {
        conversation_.say("user", text);
        try {
            if (!reply(conversation_.prompt()))
                conversation_.take_back();
            return;
        } catch (const rt::TemplateError& error) {
            console::say("llm-run: the chat template refuses this: {}\n", error.what());
            status_ = kExitFailed;
        } catch (const rt::Error& error) {
            if (error.code() != EMSGSIZE)
                throw;
            console::say("llm-run: {}; /clear begins anew\n", error.what());
            status_ = kExitContextFull;
        }
        conversation_.take_back();
        if (reader_->is_terminal())
            status_ = kExitDone;
    }

    // False if nothing was said.
    bool reply(const Prompt& prompt) {
        const container::ModelInfo& info = loaded_.model.info();
        check_fits(options_, info, prompt.ids.size(), "");
        const Interruption interruption;
        TextMaker text(loaded_.tokenizer, prompt.ids, options_.stop, stops_);
        rt::GenerateRequest request{request_for(options_, info, prompt.ids, stops_),
                                    interruption.fd()};
        request.on_tokens = [&](std::span<const rt::Token> tokens) {
            rt::Taken taken;
            output_.write(text.push(tokens, taken));
            taken.more = taken.more && !output_.closed();
            return taken;
        };
        const CounterSpan counters(loaded_.model.device(), [&] { return held_.session().stats(); });
        GenerateReport report;
        report.result = held_.generate(request);
        output_.write(text.finish() + "\n");
        report.counters = counters.read();
        report.startup = startup_of(report.result);
        report.cached = held_.reused();
        report.stop_reason = stop_text(report.result, text);
        report.text = text.text();
        report.prompt = prompt.text;
        report.prompt_ids = prompt.ids;
        report.ids = text.ids();
        report.seed = request.sampling.seed;
        report.chunk = held_.session().chunk();
        if (options_.json)
            output_.write(json_line(report, info.name, loaded_.model.device()) + "\n");
        const int signal = interruption.signal();
        if (signal != 0 && !(signal == SIGINT && reader_->is_terminal())) {
            done_ = true;
            status_ = kExitSignal + signal;
        }
        if (text.ids().empty())
            return false;
        conversation_.say("assistant", text.text());
        return true;
    }

    // The way to the first token is that of the first turn; later ones begin where they are asked.
    Startup startup_of(const rt::GenerateResult& result) {
        const Startup now{result.start_ns, result.start_ns, result.start_ns, result.start_ns};
        return std::exchange(replied_, true) ? now : loaded_.startup;
    }

    const Options& options_;
    const Loaded& loaded_;
    Conversation& conversation_;
    std::unique_ptr<LineReader> reader_;
    HeldSession held_;
    std::vector<std::uint32_t> stops_;
    StandardOutput output_;
    bool done_ = false, asked_ = false, replied_ = false;
    int status_ = kExitDone;
};

}  // namespace

int chat(const Options& options, const Loaded& loaded) {
    check_chunk(options, loaded.model.info(), 1);
    (void)options.sampling.with_defaults_of(loaded.model.info());
    return Chat(options, loaded).run();
}

}  // namespace skald::run
