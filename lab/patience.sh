# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# When a VM that says nothing hangs, and when its host is just busy. Sourced by lab/run and lab/batch.
# Needs qemu_pid. They count polls instead of time, so that a stall of the host does not count.

patience=6	# times a limit on a busy host that gives QEMU little CPU time

# cpu_time: sets used to the CPU time of QEMU in seconds. Fields 14 and 15 of its stat are in ticks, 100 a
# second for user space; its name, the second field, may contain blanks.
cpu_time()
{
	local stat

	used=0
	# shellcheck disable=SC2154 # set by those who source it
	read -r stat 2> /dev/null < "/proc/$qemu_pid/stat" || return 0
	read -r -a stat <<< "${stat##*) }"
	used=$(((stat[11] + stat[12]) / 100))
}

# expired LIMIT SECONDS BEFORE: whether SECONDS of polls are too long. On a busy host, QEMU must also have
# used half of LIMIT of CPU time since it had used BEFORE, or the limit is longer.
expired()
{
	[ "$2" -ge "$1" ] || return 1
	cpu_time
	[ $((used - $3)) -lt $(($1 / 2)) ] || return 0
	[ "$2" -lt $(($1 * patience)) ] || return 0
	awk -v cpus="$(nproc)" '{ exit $1 > cpus }' /proc/loadavg
}
