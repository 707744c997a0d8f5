# The programs of `make bench`: make -f tests/bench/build.mk bench-programs
include Makefile

BENCH_LINK = $(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group
bench_archives = $(foreach m,$(1),$(call archive,$(m)))

.PHONY: bench-programs
bench-programs: all $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(wildcard tests/bench/bench_*.c))

$(OUT)/bench/bench_datapath: $(OUT)/obj/tests/bench/bench_datapath.o
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) -lbpf -lelf -lz
$(OUT)/bench/bench_user: $(OUT)/obj/tests/bench/bench_user.o $(call bench_archives,capture util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,capture util)
$(OUT)/bench/bench_rules: $(OUT)/obj/tests/bench/bench_rules.o $(call bench_archives,capture util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,capture util)
$(OUT)/bench/bench_store: $(OUT)/obj/tests/bench/bench_store.o $(call bench_archives,store util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,store util)
$(OUT)/bench/bench_flow: $(OUT)/obj/tests/bench/bench_flow.o $(call bench_archives,flow detect util)
	@mkdir -p $(@D)
	$(Q)$(BENCH_LINK) $(call libs,util)

-include $(patsubst tests/bench/%.c,$(OUT)/obj/tests/bench/%.d,$(wildcard tests/bench/bench_*.c))
