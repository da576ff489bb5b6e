# SPDX-License-Identifier: GPL-2.0-only
# gm-doctor: the library's platform probes, without the selftests framework.

GM_DOCTOR_SRC := $(wildcard doctor/*.c lib/platform*.c) lib/$(ARCH)/platform.c lib/facts.c lib/kconfig.c lib/need.c lib/provider.c lib/caps.c
GM_DOCTOR_OBJ := $(GM_DOCTOR_SRC:%.c=$(GM_OUT)/obj/%.o)

$(GM_OUT)/bin/gm-doctor: $(GM_DOCTOR_OBJ)
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) -o $@ $^ -ljansson -lcap

# The doctor's own sources, without the framework's include paths.
$(GM_OUT)/obj/doctor/%.o: doctor/%.c $(GM_FW)/headers.stamp doctor/doctor.mk
	$(GM_SAY) "  CC      $<"
	@mkdir -p $(@D)
	@$(CC) $(GM_CFLAGS) $(GM_KHDR_CFLAGS) -fno-PIE -MMD -MP -c $< -o $@

-include $(patsubst %.c,$(GM_OUT)/obj/%.d,$(wildcard doctor/*.c))
