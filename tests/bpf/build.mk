# The kernel half of the datapath's tests: one program that takes the object's path, linked against
# the shared libbpf so that it also runs from an initrd under another kernel.
BPF_TEST := $(OUT)/bpf/test_datapath
$(BPF_TEST): $(OUT)/obj/tests/bpf/test_datapath.o $(OUT)/obj/tests/bpf/kernel.o \
		$(call archive,capture) $(call archive,util)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lbpf -lelf -lz -lsodium
BPF_TEST_BLOCK := $(OUT)/bpf/test_block
$(BPF_TEST_BLOCK): $(OUT)/obj/tests/bpf/test_block.o $(OUT)/obj/tests/bpf/kernel.o \
		$(call archive,capture) $(call archive,util)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(call libs,capture util)
BPF_TEST_NAMES := $(OUT)/bpf/test_names
$(BPF_TEST_NAMES): $(OUT)/obj/tests/bpf/test_names.o $(OUT)/obj/tests/bpf/kernel.o \
		$(call archive,capture) $(call archive,util)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(call libs,capture util)
-include $(OUT)/obj/tests/bpf/test_block.d $(OUT)/obj/tests/bpf/test_names.d
-include $(OUT)/obj/tests/bpf/test_datapath.d $(OUT)/obj/tests/bpf/kernel.d

.PHONY: bpf-test
bpf-test: $(BPF_TEST) $(BPF_TEST_BLOCK) $(BPF_TEST_NAMES) $(BPF_OBJECT)
	$(BPF_TEST) $(BPF_OBJECT)
	$(BPF_TEST_BLOCK) $(BPF_OBJECT)
	$(BPF_TEST_NAMES) $(BPF_OBJECT)
