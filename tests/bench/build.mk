# The programs of `make bench`: make -f tests/bench/build.mk bench-programs
include Makefile

BENCH_LINK = $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
bench_archives = $(foreach m,$(1),$(call archive,$(m)))
bench_objects = $(patsubst %,$(OUT)/obj/tests/bench/%.o,$(1))

.PHONY: bench-programs
bench-programs: all build/bpf/vary.bpf.o $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(wildcard tests/bench/bench_*.c))

build/bpf/vary.bpf.o: tests/bench/vary.bpf.c tests/bench/vary.h
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# A reference prototype of the datapath, where its source lies beside the project: as large a flow
# table as the product's.
PROTOTYPE := ../shared/tools/datapath/proto.bpf.c
ifneq ($(wildcard $(PROTOTYPE)),)
bench-programs: build/bpf/proto.bpf.o
build/bpf/proto.bpf.o: $(PROTOTYPE)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Wno-missing-field-initializers -DSLOTS=8192 -c $< -o $@
endif

$(OUT)/bench/bench_datapath $(OUT)/bench/bench_many_flows: $(OUT)/bench/%: $(call bench_objects,%) $(call bench_objects,program blocklist)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) -lbpf -lelf -lz
$(OUT)/bench/bench_wire $(OUT)/bench/bench_flood: $(OUT)/bench/%: $(call bench_objects,%) $(call bench_objects,program blocklist wire)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) -lbpf -lelf -lz
$(OUT)/bench/bench_user $(OUT)/bench/bench_rules: $(OUT)/bench/%: $(call bench_objects,%) $(call bench_archives,capture util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,capture util)
$(OUT)/bench/bench_store: $(call bench_objects,bench_store) $(call bench_archives,store query util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,store query util)
$(OUT)/bench/bench_search: $(call bench_objects,bench_search) $(call bench_archives,store query util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,store query util)
$(OUT)/bench/bench_export: $(call bench_objects,bench_export) $(call bench_archives,export names util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,names util)
$(OUT)/bench/bench_report: $(call bench_objects,bench_report) $(call bench_archives,report store query util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,report store query util)
$(OUT)/bench/bench_flow: $(call bench_objects,bench_flow) $(call bench_archives,flow detect util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,detect util)
$(OUT)/bench/bench_detect: $(call bench_objects,bench_detect) $(call bench_archives,detect model util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,detect util)
$(OUT)/bench/bench_watch: $(call bench_objects,bench_watch watch_world) $(call bench_archives,model detect util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,detect util)
$(OUT)/bench/bench_model: $(OUT)/obj/tests/bench/bench_model.o $(call bench_archives,model util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,util)

-include $(patsubst tests/bench/%.c,$(OUT)/obj/tests/bench/%.d,$(wildcard tests/bench/*.c))
