# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Kernel source trees: checks those of the user, and fetches Debian's linux-source packages into the
# cache. Needs lib.sh and apt.sh.

unpacked_mb=2200	# 1.7 GB of tree, 0.2 GB of package, lists

# tree_version DIR: prints VERSION.PATCHLEVEL, or nothing if DIR is not a kernel tree.
tree_version()
{
	if [ -r "$1/Kbuild" ] && [ -r "$1/Makefile" ] && [ -r "$1/virt/kvm/kvm_main.c" ]; then
		awk '$1 == "VERSION" { v = $3 } $1 == "PATCHLEVEL" { print v "." $3; exit }' "$1/Makefile"
	fi
}

# tree_at_least MIN VERSION
tree_at_least()
{
	[ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# tree_given NAME DIR MIN WHY: checks and prints the user's tree, that of the variable NAME.
tree_given()
{
	local name=$1 dir=$2 min=$3 why=$4 version

	[ -d "$dir" ] || gm_die "$name=$dir is not a folder: give the top of a Linux $min (or later) source tree"
	{ [ -r "$dir" ] && [ -x "$dir" ]; } || gm_die "$name=$dir cannot be read: check its permissions"
	version=$(tree_version "$dir")
	[ -n "$version" ] ||
		gm_die "$name=$dir is not a kernel source tree: give the top of a Linux $min (or later) tree"
	tree_at_least "$min" "$version" ||
		gm_die "$name=$dir is Linux $version, too old: $why $min or later"
	(cd "$dir" && pwd)
}

# tree_cached WANT MIN: prints the cached tree of linux-source-WANT; without WANT the newest one that
# is MIN or later. Fails if there is none.
tree_cached()
{
	local dir best=

	while IFS= read -r dir; do
		if tree_at_least "$2" "${dir##*-}" && [ -n "$(tree_version "$dir")" ]; then
			best=$dir
		fi
	done < <(compgen -G "$cache/linux-source-${1:-*}" | sort -V)
	[ -n "$best" ] && echo "$best"
}

# search_suites WANT MIN SUITES...: sets package and version to the newest that the mirror has of
# linux-source-WANT, or of all from MIN on; adds the versions that it sees to offered. Fails if there
# is none.
search_suites()
{
	local want=$1 min=$2 names name v

	package='' version=''
	apt_suites Packages "$mirror" "${@:3}"
	apt_fetch_lists || return 1
	mapfile -t names < <(apt_own apt-cache pkgnames linux-source- | grep -xE 'linux-source-[0-9.]+' | sort -V)
	offered+=("${names[@]#linux-source-}")
	[ "${#names[@]}" -ne 0 ] || return 1
	while read -r name _ v _; do
		[ -z "$want" ] || [ "$name" = "linux-source-$want" ] || continue
		if dpkg --compare-versions "$v" ge "$min" && dpkg --compare-versions "$v" gt "${version:-0}"; then
			package=$name version=$v
		fi
	done < <(apt_own apt-cache madison "${names[@]}")
	[ -n "$package" ]
}

# find_package WANT MIN: sets mirror, package and version, or ends with an error.
find_package()
{
	local want=$1 min=$2 found='' what=">= $2" stable testing own

	offered=()
	[ -z "$want" ] || what=$want
	# shellcheck disable=SC1091
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	for mirror in $(apt_mirrors); do
		gm_say "looking for linux-source $what at $mirror"
		# Use the backports of the current stable release, whatever release this machine
		# runs; the alias stable-backports may point to an older one.
		apt_suites None "$mirror" stable testing
		apt_fetch_lists || continue
		found=1
		stable=$(apt_codename stable) testing=$(apt_codename testing)
		# shellcheck disable=SC2046
		if search_suites "$want" "$min" $(printf '%s\n' ${stable:+"$stable-backports"} \
				${own:+"$own-backports"} ${testing:+"$testing-backports"} stable testing unstable | sort -u); then
			return
		fi
		# Experimental has release candidates: only if no other suite has a package.
		if search_suites "$want" "$min" experimental; then
			return
		fi
	done
	if [ -z "$found" ]; then
		gm_die "no Debian mirror could be reached: check the network, or give a kernel tree with $variable="
	elif [ -n "$want" ]; then
		gm_die "$variable=debian:$want: Debian has no such linux-source, only" \
			"$(printf '%s\n' "${offered[@]}" | sort -uV | paste -s -d ' ')"
	else
		gm_die "Debian offers no linux-source >= $min here: give a kernel tree with $variable="
	fi
}

# tree_debian VARIABLE WANT MIN: prints the cached tree of linux-source-WANT (of the newest from MIN
# on). If there is none, fetches and unpacks it into the cache, all or nothing.
tree_debian()
{
	local variable=$1 want=$2 min=$3 cache tmp deb tarball

	cache=$(gm_cache)
	! tree_cached "$want" "$min" || return 0
	command -v apt-get > /dev/null ||
		gm_die "this is not Debian: give the top of a Linux $min (or later) source tree with $variable="
	gm_need_tool dpkg-deb tar xz flock
	gm_lock "$cache/lock.ksrc" "fetches the kernel source"
	! tree_cached "$want" "$min" || return 0
	gm_need_space "$cache" "$unpacked_mb" "the kernel source"
	# Leftovers of a killed run: we have the lock, so no other run uses them.
	rm -rf "$cache"/tmp.ksrc.*
	tmp=$(mktemp -d "$cache/tmp.ksrc.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	apt_init "$tmp/apt"
	find_package "$want" "$min"
	gm_say "fetching $package $version"
	(cd "$tmp" && apt_own apt-get download "$package=$version" >&2 9>&-) ||
		gm_die "fetching $package failed: check the network and the free space, or give a tree with $variable="
	deb=$(compgen -G "$tmp/$package"_*.deb)
	tarball=$(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -m 1 '/linux-source-[^/]*\.tar\.xz$' || :)
	[ -n "$tarball" ] || gm_die "$package $version has no source tarball: give a tree with $variable="
	mkdir "$tmp/tree"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "$tarball" |
		tar -xJv -C "$tmp/tree" --strip-components=1 | gm_count "unpacking $package, files" ||
		gm_die "unpacking $package failed: is $cache full?"
	[ -n "$(tree_version "$tmp/tree")" ] || gm_die "$package $version is not a kernel tree: give one with $variable="
	echo "$package $version" > "$tmp/tree/.lab-version"
	mv "$tmp/tree" "$cache/$package"
	gm_say "kernel source: $cache/$package ($version)"
	echo "$cache/$package"
}
