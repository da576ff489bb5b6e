# SPDX-License-Identifier: GPL-2.0-only
# gm-doctor: the library's platform probes, without the selftests framework.

GM_DOCTOR_OBJ := $(patsubst %.c,$(GM_OUT)/obj/%.o,$(wildcard doctor/*.c))

$(GM_OUT)/bin/gm-doctor: $(GM_DOCTOR_OBJ) $(GM_OUT)/libplain.a
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) -o $@ $^ -ljansson -lcap

# The doctor's own sources, without the framework's include paths.
$(GM_OUT)/obj/doctor/%.o: doctor/%.c $(GM_FW)/headers.stamp doctor/doctor.mk
	$(GM_SAY) "  CC      $<"
	@mkdir -p $(@D)
	@$(CC) $(GM_CFLAGS) $(GM_KHDR_CFLAGS) $(call gm_see,$(GM_RUN_ROOMS)) -fno-PIE -MMD -MP -c $< -o $@

-include $(GM_DOCTOR_OBJ:.o=.d)
