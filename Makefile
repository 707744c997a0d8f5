# Sluice: one non-recursive Makefile; outputs only in build/. `make help` lists the targets.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# ---- variants: plain, SAN=1 (address and undefined behaviour), TSAN=1 (threads) ------------------
ifdef SAN
OUT := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifdef FUZZ
OUT := build/fuzzing
SANFLAGS := -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer
else ifdef TSAN
OUT := build/tsan
# -Wno-tsan: fences only guard memory shared with the kernel or another process, which it cannot see
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan
else
OUT := build
SANFLAGS :=
endif

CC := $(if $(FUZZ),clang,gcc)
CLANG := clang
VERSION := 0.1.0

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wwrite-strings -Wundef -Wformat=2 -Wno-format-nonliteral -Wimplicit-fallthrough
# gcc is the compiler; clang, used for fuzzing, warns of GNU forms that this code uses on purpose, and
# of variables that only their cleanup uses
WARN += $(if $(FUZZ),-Wno-gnu -Wno-unknown-warning-option -Wno-missing-field-initializers -Wno-unused-variable)
# under a sanitizer -g1: its stacks name files and lines, and the build takes a fifth less
CFLAGS := -std=gnu11 $(if $(FUZZ)$(SAN),-O1,-O2) $(if $(FUZZ)$(SAN),-g1,-g) -fstack-protector-strong -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' \
	-pthread $(WARN) $(SANFLAGS)
ifeq ($(SANFLAGS),)
CFLAGS += -D_FORTIFY_SOURCE=2 -fPIE
LDFLAGS += -pie -Wl,-z,relro,-z,now
endif
CPPFLAGS := -I. -MMD -MP
LDFLAGS += -pthread $(SANFLAGS)

# one short line per step; V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# ---- modules: one archive each, the edges from tests/lint/layers.txt ------------------------------
SOURCES := $(wildcard agent/*/*.c)
MODULES := $(sort $(foreach s,$(SOURCES),$(word 2,$(subst /, ,$(s)))))
# "api:util api:config ...", read once
EDGES := $(shell awk -F'[: ]+' '!/^\#/ { for (i = 3; i <= NF; i++) print $$1 ":" $$i }' tests/lint/layers.txt)
uses = $(patsubst $(1):%,%,$(filter $(1):%,$(EDGES)))
archive = $(OUT)/lib/$(1).a
has = $(filter $(MODULES),$(1))

LIBS_util := -ljson-c -lsodium -lcap-ng -lseccomp -lz -lgnutls -lm
LIBS_config := -linih
LIBS_capture := -lbpf -lelf -lz -lpcap
LIBS_store := -lsqlite3
LIBS_front := -lmicrohttpd
LIBS_demo := -lm
LIBS_geo := -lmaxminddb
LIBS_report := -lhpdf -lm
LIBS_detect := -lm
libs = $(foreach m,$(1),$(LIBS_$(m)))

OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(SOURCES))
BPF_OBJECT := build/bpf/sluice.bpf.o

.PHONY: all run test lint bench fuzz soak install uninstall clean help
all: $(OUT)/sluice $(BPF_OBJECT) build/man/sluice.conf.5

define module_rule
$(call archive,$(1)): $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard agent/$(1)/*.c)) $(if $(filter front,$(1)),$(OUT)/obj/gen/assets.o) $(if $(filter capture,$(1)),$(OUT)/obj/gen/bpf_object.o) $(if $(filter report,$(1)),$(OUT)/obj/gen/fonts.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_rule,$(m))))

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(OUT)/obj/gen/%.o: build/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(OUT)/sluice: $(OUT)/obj/agent/main.o $(foreach m,$(MODULES),$(call archive,$(m)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(sort $(call libs,$(MODULES)))

# ---- for tests/net/test_upgrade.py: the same, as if its maps had another layout --------------------
LAYOUT := $(patsubst %.c,$(OUT)/successor/%.o,$(shell grep -l SLUICE_ABI agent/capture/*.c))
$(OUT)/successor/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -DSLUICE_ABI=1000 $(CFLAGS) -c $< -o $@
$(OUT)/successor/sluice: $(OUT)/obj/agent/main.o $(LAYOUT) $(foreach m,$(MODULES),$(call archive,$(m)))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LAYOUT) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(sort $(call libs,$(MODULES)))

# ---- the datapath: clang for the kernel; gcc builds the same headers in agent/capture ------------
# amd64 shows its stores in their order (bpf/env.h)
BPF_CFLAGS = -target bpf -mcpu=v3 $(if $(filter x86_64-%,$(shell gcc -dumpmachine)),-DSTORES_IN_ORDER) -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -I. \
	-I/usr/include/$(shell gcc -dumpmachine)
$(BPF_OBJECT): bpf/sluice.bpf.c $(wildcard bpf/*.h) include/abi.h include/not_flow.def
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp
	$(Q)llvm-strip -g $@.tmp -o $@
	@rm -f $@.tmp

# ---- what is embedded: web files (gzip) and the BPF object ---------------------------------------
build/options_page: tools/options_page.c agent/config/options.def agent/config/config.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -I. $(WARN) $< -o $@
build/man/sluice.conf.5: build/options_page
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)build/options_page > $@
build/embed: tools/embed.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -D_GNU_SOURCE $(WARN) $< -o $@ -lz
DYGRAPHS := /usr/share/javascript/dygraphs
build/gen/assets.c: build/embed $(shell find web -type f 2>/dev/null)
	@rm -rf build/gen/web
	@mkdir -p build/gen/web/vendor
	@cp -r web/. build/gen/web/
	@cp $(DYGRAPHS)/dygraph.min.js build/gen/web/vendor/dygraphs.min.js
	@cp $(DYGRAPHS)/dygraph.min.css build/gen/web/vendor/dygraphs.css
	$(Q)build/embed assets build/gen/web $@
build/gen/bpf_object.c: build/embed $(BPF_OBJECT)
	@mkdir -p $(@D)
	$(Q)build/embed object $(BPF_OBJECT) $@

FONTS := /usr/share/fonts/truetype/dejavu
$(OUT)/obj/gen/fonts.o: tools/fonts.S $(FONTS)/DejaVuSans.ttf $(FONTS)/DejaVuSans-Bold.ttf
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -I$(FONTS) -c $< -o $@

# ---- unit tests: tests/unit/<module>/test_*.c links the module and what it may use ---------------
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(UNIT_SOURCES))
unit_module = $(word 3,$(subst /, ,$(1)))
define unit_rule
$(patsubst tests/unit/%.c,$(OUT)/unit/%,$(1)): $(OUT)/obj/$(1:.c=.o) $(foreach m,$(call has,$(call unit_module,$(1)) $(call uses,$(call unit_module,$(1)))),$(call archive,$(m)))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(sort $(call libs,$(call unit_module,$(1)) $(call uses,$(call unit_module,$(1))))) -lcmocka
endef
$(foreach t,$(UNIT_SOURCES),$(eval $(call unit_rule,$(t))))
.PHONY: unit
unit: $(UNIT_TESTS)

# ---- kernel tests and fuzz targets ----------------------------------------------------------------
-include tests/bpf/build.mk
.PHONY: bpf-tests
bpf-tests: $(BPF_OBJECT) $(patsubst tests/bpf/%.c,build/bpf/%,$(wildcard tests/bpf/test_*.c))

build/fuzz/%: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(MAKE) --no-print-directory FUZZ=1 build/fuzzing/fuzz/$*
# the modules that the targets include, and what those may use: two thirds of the agent
reach = $(sort $(1) $(foreach m,$(1),$(call uses,$(m))))
FUZZED := $(patsubst "agent/%,%,$(if $(FUZZ),$(shell grep -ho '"agent/[a-z]*' tests/fuzz/*.c)))
FUZZED := $(call has,$(call reach,$(call reach,$(FUZZED))))
build/fuzzing/fuzz/%: build/fuzzing/obj/tests/fuzz/%.o $(foreach m,$(FUZZED),$(call archive,$(m)))
	@mkdir -p $(@D) build/fuzz
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o build/fuzz/$* $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(sort $(call libs,$(FUZZED)))

# ---- what people call ------------------------------------------------------------------------------
run:
	@tests/packages.sh run
	@$(MAKE) --no-print-directory -s -j2 all
	@tools/start.sh
test:
	@tests/packages.sh test
	@tests/run.sh $(if $(SAN),sanitized,$(if $(TSAN),threads))
lint:
	@tests/packages.sh lint
	@$(MAKE) --no-print-directory -s -j2 all
	@tests/lint/full.sh
fuzz:
	@tests/packages.sh test
	@tests/fuzz/run.sh $(or $(SECONDS),600)
soak: all build/unit/store/test_budget
	@tests/packages.sh test
	@SLUICE_SOAK=1 build/unit/store/test_budget
	@SLUICE_SOAK=1 /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/net/test_reliability.py tests/net/test_state.py tests/net/test_airplane.py tests/net/test_tls_flood.py tests/web/test_soak.py
bench:
	@tests/packages.sh bench
	@tests/bench/run.sh $(PART)
DESTDIR :=
install: all
	install -D -m 0755 build/sluice $(DESTDIR)/usr/sbin/sluice
	install -D -m 0644 systemd/sluice.service $(DESTDIR)/lib/systemd/system/sluice.service
	install -D -m 0644 systemd/sluice.sysusers $(DESTDIR)/usr/lib/sysusers.d/sluice.conf
	install -D -m 0644 systemd/sluice.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/sluice.conf
	install -D -m 0644 systemd/sluice.8 $(DESTDIR)/usr/share/man/man8/sluice.8
	install -D -m 0644 build/man/sluice.conf.5 $(DESTDIR)/usr/share/man/man5/sluice.conf.5
	install -D -m 0644 systemd/sluice.bash-completion $(DESTDIR)/usr/share/bash-completion/completions/sluice
	test -e $(DESTDIR)/etc/sluice/sluice.conf || install -D -m 0644 systemd/sluice.conf $(DESTDIR)/etc/sluice/sluice.conf
	@if [ -z "$(DESTDIR)" ]; then tools/installed.sh; fi
uninstall:
	@if [ -z "$(DESTDIR)" ]; then tools/uninstalling.sh; fi
	rm -f $(DESTDIR)/usr/sbin/sluice $(DESTDIR)/lib/systemd/system/sluice.service \
		$(DESTDIR)/usr/lib/sysusers.d/sluice.conf $(DESTDIR)/usr/lib/tmpfiles.d/sluice.conf \
		$(DESTDIR)/usr/share/man/man8/sluice.8 $(DESTDIR)/usr/share/man/man5/sluice.conf.5 \
		$(DESTDIR)/usr/share/bash-completion/completions/sluice
	@echo "kept: /etc/sluice and /var/lib/sluice (configuration, keys, history)"
help:
	@echo "make          build build/sluice and build/bpf/sluice.bpf.o"
	@echo "make run      install what is missing, build, serve: this machine's traffic as root, else the demo"
	@echo "make test     install what is missing, run every test; SAN=1, TSAN=1: sanitizer builds"
	@echo "make lint     house rules, clang-format, clang-tidy, cppcheck, gcc -fanalyzer, shellcheck"
	@echo "make bench    speed and memory against their bars"
	@echo "make fuzz     every fuzz target, SECONDS=600 each"
	@echo "make soak     the long forms of the reliability tests, as root: about 90 minutes"
	@echo "make install  into DESTDIR, with the systemd unit; make uninstall takes it away"
	@echo "make clean    remove build/"

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(LAYOUT:.o=.d) $(OUT)/obj/agent/main.d $(patsubst %.c,$(OUT)/obj/%.d,$(UNIT_SOURCES))
