// SPDX-License-Identifier: MIT
#include "import/join.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "error.hpp"

namespace skald::compiler::graphs {
namespace {

// What the weights of all parts point into.
struct Parts final : InputFiles {
    std::deque<TensorGraph> all;  // moved as a whole: constants point into them

    void check() const override {
        for (const TensorGraph& part : all)
            if (part.files)
                part.files->check();
    }
    void forget() const override {
        for (const TensorGraph& part : all)
            if (part.files)
                part.files->forget();
    }
};

class Joiner {
  public:
    TensorGraph run(std::deque<TensorGraph> parts) {
        auto files = std::make_shared<Parts>();
        files->all = std::move(parts);
        for (const TensorGraph& part : files->all)
            name(part);
        for (std::size_t i = 0; i < files->all.size(); ++i)
            add(files->all[i], firsts_[i]);
        for (const auto& [name, id] : made_)
            if (!read_.contains(id))
                out_.outputs.push_back(id);
        if (out_.outputs.empty())
            fail("{}: has no outputs", out_.file);
        out_.files = std::move(files);
        verify(out_);
        return std::move(out_);
    }

  private:
    // Values get their numbers, outputs are known by name: the order of files does not matter.
    void name(const TensorGraph& part) {
        if (out_.file.empty()) {
            out_.file = part.file;
            out_.producer = part.producer;
            out_.opset = part.opset;
        } else {
            out_.file += " + " + std::filesystem::path(part.file).filename().string();
        }
        if (part.opset != out_.opset)
            fail("{}: is of opset {}, the files that it belongs to are of {}", part.file,
                 part.opset, out_.opset);
        const auto first = static_cast<Id>(out_.names.size());
        firsts_.push_back(first);
        out_.names.insert(out_.names.end(), part.names.begin(), part.names.end());
        for (const Id id : part.outputs)
            if (!made_.emplace(part.names[id], first + id).second)
                fail("{}: its output {} is another file's as well", part.file, part.names[id]);
    }

    void add(const TensorGraph& part, Id first) {
        std::map<Id, Id> given;  // inputs that others make, or have already
        for (Input input : part.inputs) {
            const std::string& name = part.names[input.value];
            if (const auto made = made_.find(name); made != made_.end()) {
                given[input.value] = made->second;
                read_.insert(made->second);
            } else if (const auto known = inputs_.find(name); known != inputs_.end()) {
                given[input.value] = known->second;
            } else {
                inputs_[name] = input.value += first;
                out_.inputs.push_back(std::move(input));
            }
        }
        const auto here = [&](Id id) {
            if (id == kAbsent)
                return id;
            const auto it = given.find(id);
            return it == given.end() ? first + id : it->second;
        };
        for (const auto& [id, value] : part.constants)
            out_.constants.emplace(here(id), value);
        const std::string stem = std::filesystem::path(part.file).stem().string();
        for (Node node : part.nodes) {
            for (std::vector<Id>* ids : {&node.inputs, &node.outputs})
                std::ranges::transform(*ids, ids->begin(), here);
            node.path = stem + ": " + node.path;
            out_.nodes.push_back(std::move(node));
        }
    }

    TensorGraph out_;
    std::vector<Id> firsts_;  // by part
    std::map<std::string, Id> made_, inputs_;
    std::set<Id> read_;
};

}  // namespace

TensorGraph joined(std::deque<TensorGraph> parts) {
    if (parts.size() == 1)
        return std::move(parts.front());
    return Joiner().run(std::move(parts));
}

}  // namespace skald::compiler::graphs
