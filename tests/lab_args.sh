#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the lab's scripts say of wrong values, and which options a kernel of each age gets. Needs no
# network, and builds and boots nothing. Prints TAP.
set -u
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
nr=0

# say NAME STATUS: one line of TAP for a command that ended with STATUS.
say()
{
	nr=$((nr + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $nr - $1"
	else
		echo "not ok $nr - $1"
		sed 's/^/# /' "$dir/out"
	fi
}

# refuses TEXT COMMAND...: it ends with 2, and prints one line, with TEXT in it.
refuses()
{
	local text=$1 status=0

	shift
	env "$@" > "$dir/out" 2>&1 < /dev/null || status=$?
	[ "$status" -eq 2 ] && [ "$(wc -l < "$dir/out")" -eq 1 ] && grep -qF -- "$text" "$dir/out"
	say "$*: $text" $?
}

# tree VERSION: what lab/ktree looks at in a kernel tree.
tree()
{
	mkdir -p "$dir/$1/virt/kvm"
	: > "$dir/$1/Kbuild"
	: > "$dir/$1/virt/kvm/kvm_main.c"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 1\n' "${1%.*}" "${1#*.}" > "$dir/$1/Makefile"
}

# option VERSION NAME yes|no: whether a kernel of this version is built with CONFIG_NAME.
option()
{
	local has=no

	KTREE=$dir/$1 ARCH=x86 lab/kernel --options > "$dir/out" 2>&1
	! grep -q "^CONFIG_$2=" "$dir/out" || has=yes
	[ "$has" = "$3" ] && grep -q '^CONFIG_KVM=y' "$dir/out"
	say "Linux $1: CONFIG_$2: $3" $?
}

for version in 6.9 6.12 6.18 6.19 7.3; do
	tree $version
done
refuses "KTREE=/nowhere is not a folder" KTREE=/nowhere lab/ktree --check
refuses "is not a kernel source tree" "KTREE=$dir" lab/ktree --check
refuses "is Linux 6.9, too old" "KTREE=$dir/6.9" lab/ktree --check
refuses "KTREE=debian:6.9 is too old" KTREE=debian:6.9 lab/ktree --check
refuses "like debian:6.12" KTREE=debian:sid lab/ktree --check
refuses "like debian:6.12" KTREE=debian: lab/ktree --check
refuses "like debian:6.12" KTREE=debian:6.12.1 lab/ktree --check
refuses "usage:" lab/ktree --fetch
refuses "KTREE= needs a build" KTREE=debian:6.12 "KERNEL=$PWD/Makefile" lab/check
refuses "lab/matrix runs boots or params" lab/matrix all bin gm-run
refuses "kvm.foo is not one of" PARAMS=kvm.foo=1 lab/matrix params bin gm-run
refuses "give values like" PARAMS=kvm.tdp_mmu lab/matrix params bin gm-run
refuses "give values like" "PARAMS=kvm.tdp_mmu=0|" lab/matrix params bin gm-run
refuses "KTREE=debian:6.9 is too old" "KERNELS=debian:7.3 debian:6.9" lab/matrix params bin gm-run
refuses "KTREE=/nowhere is not a folder" KERNELS=/nowhere lab/matrix params bin gm-run
refuses "LAB_DEBUG: asan is not" KERNELS=debian:7.3+asan lab/matrix params bin gm-run
refuses "leave out KERNEL= and KTREE=" KERNELS=debian:7.3 KTREE=debian:6.12 lab/matrix params bin gm-run

option 6.12 IOMMUFD_TEST yes
option 6.12 GENERIC_PT no
option 6.18 GENERIC_PT no
option 6.19 GENERIC_PT yes
option 6.19 LIVEUPDATE_MEMFD no
option 7.3 LIVEUPDATE_MEMFD yes
grep -hE '^CONFIG_.*# since' configs/*.config | grep -vE '# since [0-9]+\.[0-9]+[:,] ' > "$dir/out"
say "each line with since names a version" $((! $?))
echo "1..$nr"
