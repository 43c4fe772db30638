// SPDX-License-Identifier: MIT
// llm-run: a compiled model continues a text, on a card behind the driver or in this process.
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "console/standard_streams.hpp"
#include "container/container.hpp"
#include "libskald/drm_device.hpp"
#include "libskald/error.hpp"
#include "run/commands.hpp"
#include "run/conversation.hpp"
#include "run/options.hpp"
#include "run/standard_output.hpp"

namespace skald::run {
namespace {

int run(const Options& options, Startup startup) {
    const auto now_ns = [] { return rt::linux_os().now_ns(); };
    using Verify = rt::Container::Verify;
    const rt::Container container(options.model,
                                  options.verify ? Verify::kWeights : Verify::kQuick);
    const rt::Tokenizer tokenizer(container.tokenizer());
    // Before the card: what the template refuses need not wait for it.
    std::optional<Conversation> conversation;
    if (options.chat.any())
        conversation.emplace(options.chat, options.model, container.chat(), tokenizer);
    if (options.chat.show_prompt && conversation) {
        StandardOutput().write(conversation->prompt().text);
        return kExitDone;
    }
    startup.opened_ns = now_ns();
    const std::unique_ptr<rt::Device> device =
        local::open_card(rt::linux_os(), options.card, container.weights().size());
    startup.card_ns = now_ns();
    rt::ModelImage image{container.model(), container.program(), container.weights()};
    if (!options.card.local)  // there the mapping is copied at once
        image.weights_file = {container.file(), container.weights_offset()};
    rt::Model model(*device, image);
    startup.uploaded_ns = now_ns();
    const Loaded loaded{model, tokenizer,
                        rt::PromptCacheKey::of(container.header(), container.model()), startup,
                        conversation ? &*conversation : nullptr};
    if (options.chat.chat)
        return chat(options, loaded);
    if (!options.nll_file.empty())
        return score(options, loaded);
    return options.batch() ? generate_batch(options, loaded) : generate(options, loaded);
}

int guarded(const Options& options, const Startup& startup) {
    // A reader that goes away ends the text, not the process.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(options, startup);
    } catch (const rt::Error& error) {
        console::say("llm-run: {}\n", error.what());
        return error.code() == EMSGSIZE ? kExitContextFull : kExitFailed;
    } catch (const UsageError& error) {
        console::say("llm-run: {} (llm-run --help explains)\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        console::say("llm-run: {}\n", error.what());
        return kExitFailed;
    }
}

}  // namespace
}  // namespace skald::run

int main(int argc, char** argv) {
    skald::console::fill_standard_streams();
    skald::run::Startup startup;
    startup.begin_ns = skald::rt::linux_os().now_ns();
    int status = 0;
    const auto options = skald::run::parse_options(argc, argv, status);
    if (options)
        status = skald::run::guarded(*options, startup);
    return skald::console::finish("llm-run", status);
}
