// SPDX-License-Identifier: MIT
#include "local/link_group.hpp"

namespace skald::local {
namespace {

// What may wait of one rank's at another: a card far ahead of the next stops there. One message is
// taken whatever its size.
constexpr std::uint64_t kMostBytes = 64ull << 20;
// What one without data counts as.
constexpr std::uint64_t kLeastBytes = 64;

}  // namespace

class LinkGroup::End final : public card::Links {
  public:
    End(LinkGroup& group, std::uint32_t rank) : group_(group), rank_(rank) {}

    [[nodiscard]] std::uint32_t rank() const override { return rank_; }
    [[nodiscard]] std::uint32_t ranks() const override { return group_.ranks(); }

    [[nodiscard]] bool room(std::uint32_t to, std::uint64_t bytes) override {
        Inbox& inbox = *group_.inboxes_[to];
        const std::scoped_lock guard(inbox.lock);
        const std::uint64_t waiting = inbox.bytes[rank_];
        return waiting == 0 || waiting + bytes <= kMostBytes;
    }

    void send(std::uint32_t to, std::uint64_t channel, card::LinkMessage message) override {
        Inbox& inbox = *group_.inboxes_[to];
        const std::scoped_lock guard(inbox.lock);
        inbox.bytes[rank_] += weight(message);
        inbox.messages[{rank_, channel}].push_back(std::move(message));
    }

    [[nodiscard]] std::optional<card::LinkMessage> receive(std::uint32_t from,
                                                           std::uint64_t channel) override {
        Inbox& inbox = *group_.inboxes_[rank_];
        const std::scoped_lock guard(inbox.lock);
        const auto queue = inbox.messages.find({from, channel});
        if (queue == inbox.messages.end() || queue->second.empty())
            return std::nullopt;
        card::LinkMessage message = std::move(queue->second.front());
        queue->second.pop_front();
        inbox.bytes[from] -= weight(message);
        return message;
    }

  private:
    static std::uint64_t weight(const card::LinkMessage& message) {
        return message.data.size() + kLeastBytes;
    }

    LinkGroup& group_;
    const std::uint32_t rank_;
};

LinkGroup::LinkGroup(std::uint32_t ranks) {
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
        inboxes_.push_back(std::make_unique<Inbox>());
        ends_.push_back(std::make_unique<End>(*this, rank));
    }
}

LinkGroup::~LinkGroup() = default;

card::Links& LinkGroup::of(std::uint32_t rank) {
    return *ends_.at(rank);
}

}  // namespace skald::local
