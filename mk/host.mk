# SPDX-License-Identifier: MIT
# Programs for the build machine: build/host/firn-check applies Firn's own configuration parser and
# guest loaders to files, for tools/mkimage.

FIRN_CHECK_SRC := tools/firn-check.c $(wildcard core/config*.c core/suggest.c core/err.c core/loader/*.c)
FIRN_CHECK_OBJ := $(FIRN_CHECK_SRC:%=build/host/obj/%.o)
HOST_TOOLS := build/host/firn-check

build/host/firn-check: $(FIRN_CHECK_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -o $@ $^

build/host/obj/%.o: % $(ZYDIS).stamp | build/version.h
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

-include $(FIRN_CHECK_OBJ:.o=.d)
