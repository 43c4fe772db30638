// SPDX-License-Identifier: MIT
#include "transfer.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <stdexcept>

namespace skald::qtest {
namespace {

constexpr const char* kNode = "snapshots";

// Of a job of the monitor that was just started.
void wait_job(Machine& machine, const std::string& id) {
    std::string error;
    wait_until("job " + id, [&] {
        for (const auto& job : machine.qmp("query-jobs")) {
            if (job["id"] == id && job["status"] == "concluded") {
                error = job.value("error", "");
                return true;
            }
        }
        return false;
    });
    machine.qmp("job-dismiss", {{"id", id}});
    if (!error.empty()) {
        throw std::runtime_error(error);
    }
}

void snapshot_job(Machine& machine, const char* command, const std::string& tag) {
    machine.qmp(command, {{"job-id", "snapshot"},
                          {"tag", tag},
                          {"vmstate", kNode},
                          {"devices", nlohmann::json::array({kNode})}});
    wait_job(machine, "snapshot");
}

// True: complete. Throws when it failed.
bool migrated(Machine& machine) {
    const nlohmann::json state = machine.qmp("query-migrate");
    const std::string status = state.value("status", "none");
    if (status == "failed") {
        throw std::runtime_error("migration: " + state.value("error-desc", "failed"));
    }
    return status == "completed";
}

}  // namespace

Folder::Folder() {
    std::string name = testing::TempDir() + "skald-qtest-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("no temporary folder " + name);
    }
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

void create_disk(Machine& machine, const std::string& file) {
    const auto create = [&](const nlohmann::json& options) {
        machine.qmp("blockdev-create", {{"job-id", "create"}, {"options", options}});
        wait_job(machine, "create");
    };
    create({{"driver", "file"}, {"filename", file}, {"size", 0}});
    machine.qmp("blockdev-add",
                {{"driver", "file"}, {"node-name", "protocol"}, {"filename", file}});
    create({{"driver", "qcow2"}, {"file", "protocol"}, {"size", 1 << 20}});
    machine.qmp("blockdev-add", {{"driver", "qcow2"}, {"node-name", kNode}, {"file", "protocol"}});
}

std::vector<std::string> with_disk(const std::string& file) {
    return {"-blockdev", std::string("driver=qcow2,node-name=") + kNode +
                             ",file.driver=file,file.filename=" + file};
}

void save_snapshot(Machine& machine, const std::string& tag) {
    snapshot_job(machine, "snapshot-save", tag);
}

void load_snapshot(Machine& machine, const std::string& tag) {
    snapshot_job(machine, "snapshot-load", tag);
}

void migrate(Machine& machine, const std::string& uri) {
    machine.qmp("migrate", {{"uri", uri}});
    wait_until("the end of the migration", [&] { return migrated(machine); });
}

void receive(Machine& machine, const std::string& uri) {
    machine.qmp("migrate-incoming", {{"uri", uri}, {"exit-on-error", false}});
    if (uri.starts_with("file:")) {
        wait_until("the machine's state", [&] { return migrated(machine); });
    }
}

}  // namespace skald::qtest
