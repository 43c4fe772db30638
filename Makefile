# SPDX-License-Identifier: MIT
# The only entry point. Each room builds with its own tool (CMake, kbuild, Meson, a riscv makefile);
# this file strings them together. Everything here is cheap when nothing changed. V=1 shows it all.
MODEL ?= models/kjv-2m
PROMPT ?= In the beginning
N ?= 120
KERNEL ?= stock
ARGS ?=
# Who compiles the sanitized tests: g++ or clang, see tests/README.md.
export SANITIZER ?= clang
$(if $(filter-out 1,$(words $(SANITIZER)))$(filter-out g++ clang,$(SANITIZER)),$(error skald: SANITIZER is '$(SANITIZER)', must be clang or g++))

export V ?= 0
export SKALD_BUILD ?= $(CURDIR)/build
SETUP := tools/setup
BUILD := $(SKALD_BUILD)
JOBS := $(shell nproc)

# make, kbuild and the shell take names apart at these: better one line now than an obscure one in the middle.
SPECIAL := : ; & | < > ( ) [ ] { } * ? ! ' " ` \ \# $$
special_in = $(strip $(filter-out 1,$(words $(1)))$(foreach c,$(SPECIAL),$(findstring $(c),$(1))))
refuse_special = $(if $(call special_in,$(1)),$(error skald: cannot be built in '$(1)': no space in a path, and none of $(SPECIAL)))
$(call refuse_special,$(CURDIR))
$(call refuse_special,$(SKALD_BUILD))
$(call refuse_special,$(or $(XDG_CACHE_HOME),$(HOME)/.cache))

HOST_OPTIONS := -DSKALD_BIN_DIR=$(BUILD)/bin -DCMAKE_BUILD_TYPE=RelWithDebInfo

# The inner make runs the rooms side by side; its own messages would only be in the way.
MAKEFLAGS += --no-print-directory --no-builtin-rules
PARALLEL = $(MAKE) -j$(JOBS)
.DEFAULT_GOAL := help

help: ## this list
	@echo "Skald: an emulated LLM inference card, its driver, runtime and compiler."; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
	@echo; echo "  run takes PROMPT=\"...\" N=tokens MODEL=Hugging Face folder or GGUF file, ARGS=\"llm-run options\";"
	@echo "  run and shell take KERNEL=stock|debug|debug-7.3. V=1 shows every command's output."

run: build ## boot a guest with the card and let a model write: PROMPT= MODEL= N=
	@tools/vm/run-model.sh "$$SKALD_MODEL" "$$SKALD_PROMPT" "$$SKALD_TOKENS" $(ARGS)
# Through the environment: as text of a shell command they would be read by make and by the shell.
run: export SKALD_MODEL = $(value MODEL)
run: export SKALD_PROMPT = $(value PROMPT)
run: export SKALD_TOKENS = $(value N)
run: export SKALD_KERNEL = $(KERNEL)

shell: build ## a shell in the guest, with the card and MODEL=; this directory is shared
	@tools/vm/shell.sh "$$SKALD_MODEL"
shell: export SKALD_MODEL = $(value MODEL)
shell: export SKALD_KERNEL = $(KERNEL)

KERNELS := stock debug debug-7.3

build: ## everything that run needs, without booting
	@: $(if $(filter $(KERNELS),$(KERNEL)),,$(error skald: there is no kernel '$(KERNEL)'; there are: $(KERNELS)))
	@$(PARALLEL) stage-guest stage-qemu
ifneq ($(KERNEL),stock)
	@$(PARALLEL) stage-guest-$(KERNEL)
endif

setup: ## packages and the guest's kernel, nothing built
	@$(MAKE) stage-kernel

test: ## all checks and tests; ends with one line of counts. SUITES="lint host sanitized fuzz qtest package vm": only those, see tests
	@tests/run-all.sh $(SUITES)

lint: ## formatters, checkpatch, sparse, clang-tidy over everything: some minutes more than in test
	@$(PARALLEL) stage-driver stage-host stage-qemu
	@SKALD_LINT_ALL=1 tests/lint/lint.sh

fuzz: ## libFuzzer and a random guest look for crashes: TIME=seconds for each, TARGET= one, see tests/fuzz
	@$(PARALLEL) stage-fuzz $(if $(filter qtest,$(or $(TARGET),qtest)),stage-host stage-qemu)
	@tests/fuzz/run --time "$$SKALD_FUZZ_TIME" $(TARGET)
fuzz: export SKALD_FUZZ_TIME = $(or $(value TIME),60)

bench: build ## speed, beside llama-bench where there is one: BENCH= REPEATS= LLAMA_BENCH=, see tests/bench
	@tests/bench/run.sh

install: stage-programs stage-firmware ## programs, library, module source, udev rule, manual: DESTDIR= PREFIX=/usr/local
	@tools/package/install.sh
install: export DESTDIR ?=
install: export PREFIX ?= /usr/local

deb: stage-programs stage-firmware stage-qemu ## the same and QEMU with the card as Debian packages, in build/deb/
	@tools/package/deb.sh

clean: ## remove build/; what is cached outside stays (see tools/setup)
	rm -rf $(BUILD)

# --- stages of the build; each knows for itself whether there is something to do -------------------

stage-packages:
	@$(SETUP)/packages.sh

stage-kernel: stage-packages
	@$(SETUP)/kernel.sh

stage-card: stage-packages
	@$(SETUP)/host.sh host "building the card library" skald_card $(HOST_OPTIONS)

stage-programs: stage-card
	@$(SETUP)/host.sh host "building the host programs" programs $(HOST_OPTIONS)

stage-host: stage-programs
	@$(SETUP)/host.sh host "building the host tests" all $(HOST_OPTIONS)

stage-qemu: stage-card
	@$(SETUP)/qemu.sh $(BUILD)/host/qemu-device/card/libskald_card.a

stage-firmware: stage-packages
	@$(MAKE) -s -C firmware O=$(BUILD)/firmware

stage-driver: stage-kernel
	@$(SETUP)/driver.sh stock

stage-guest: stage-driver stage-programs stage-firmware
	@tools/vm/initramfs.sh stock

stage-kernel-debug: stage-kernel
	@$(SETUP)/debug-kernel.sh debug

stage-driver-debug: stage-kernel-debug
	@$(SETUP)/driver.sh debug

stage-guest-debug: stage-driver-debug stage-programs stage-firmware
	@tools/vm/initramfs.sh debug

stage-kernel-debug-7.3: stage-kernel
	@$(SETUP)/debug-kernel.sh debug-7.3

stage-driver-debug-7.3: stage-kernel-debug-7.3
	@$(SETUP)/driver.sh debug-7.3

stage-guest-debug-7.3: stage-driver-debug-7.3 stage-programs stage-firmware
	@tools/vm/initramfs.sh debug-7.3

stage-strangers: stage-packages
	@$(SETUP)/strangers.sh

stage-fresh-debian: deb
	@$(SETUP)/fresh-debian.sh

# clang: one tree for the sanitized tests and the fuzz targets, at half of the cost of compiling. With SANITIZER=g++ the fuzz
# targets, which need clang's libFuzzer, have a tree of their own.
CLANG_OPTIONS := -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DSKALD_SANITIZE=address,undefined

ifneq ($(SANITIZER),g++)
stage-sanitized: stage-packages
	@$(SETUP)/host.sh host-clang "building the host tests and fuzz targets with clang, ASan and UBSan" all \
		$(CLANG_OPTIONS) -DSKALD_FUZZ=ON

stage-fuzz: stage-packages
	@$(SETUP)/host.sh host-clang "building the fuzz targets with clang, ASan and UBSan" fuzz \
		$(CLANG_OPTIONS) -DSKALD_FUZZ=ON
else
stage-sanitized: stage-packages
	@$(SETUP)/host.sh host-sanitized "building the host tests with ASan and UBSan" all \
		-DSKALD_SANITIZE=address,undefined

stage-fuzz: stage-packages
	@$(SETUP)/host.sh fuzz "building the fuzz targets with clang, ASan and UBSan" fuzz \
		$(CLANG_OPTIONS) -DSKALD_FUZZ=ONLY
endif

stage-threads: stage-packages
	@$(SETUP)/host.sh host-threads "building the host tests with TSan" all -DSKALD_SANITIZE=thread

.PHONY: help run shell build setup test lint fuzz bench install deb clean $(shell sed -n 's/^\(stage-[a-z0-9.-]*\):.*/\1/p' Makefile)
