# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by all scripts of the lab: messages, the cache, locks, progress.

# mkfs.ext4 and others are not in an ordinary user's path.
PATH=$PATH:/usr/sbin:/sbin

# gm_say TEXT: prints one line on stderr. Standard output is for results, mostly a path.
gm_say()
{
	printf 'lab: %s\n' "$*" >&2
}

# gm_die TEXT: exits with 2; TEXT says what is wrong with the input or the machine, and the remedy.
gm_die()
{
	printf 'lab: error: %s\n' "$*" >&2
	exit 2
}

# gm_need_tool TOOL...: stops if a program is not installed.
gm_need_tool()
{
	local tool

	for tool; do
		command -v "$tool" > /dev/null ||
			gm_die "$tool is not installed: run lab/packages lab, as root if possible"
	done
}

# gm_arch NAME: checks and prints the name of an architecture. Empty: this machine's.
gm_arch()
{
	case ${1:-$(uname -m)} in
	x86 | x86_64) echo x86 ;;
	arm64 | aarch64) echo arm64 ;;
	*) gm_die "ARCH=${1:-$(uname -m)} is not known: use ARCH=x86 or ARCH=arm64" ;;
	esac
}

# gm_pages ARCH SIZE: checks and prints the page size of the kernel. Empty: 4k.
gm_pages()
{
	case $1-${2:-4k} in
	*-4k | arm64-16k | arm64-64k) echo "${2:-4k}" ;;
	x86-*) gm_die "LAB_PAGES=$2: x86 has pages of 4 KiB only: leave it out" ;;
	*) gm_die "LAB_PAGES=$2: use 4k, 16k or 64k" ;;
	esac
}

# gm_debugs LIST: checks and prints the names of LAB_DEBUG, with blanks between.
gm_debugs()
{
	local name names

	IFS=, read -r -a names <<< "$1"
	for name in "${names[@]}"; do
		case $name in
		kasan | kcsan | kmemleak | lockdep) ;;
		*) gm_die "LAB_DEBUG: $name is not kasan, lockdep, kmemleak or kcsan" ;;
		esac
	done
	echo "${names[*]}"
}

# gm_cross ARCH: prints the CROSS_COMPILE prefix for ARCH; nothing if it is native.
gm_cross()
{
	if [ "$1" = "$(gm_arch "")" ]; then
		return
	elif [ "$1" = arm64 ]; then
		echo aarch64-linux-gnu-
	else
		echo x86_64-linux-gnu-
	fi
}

# gm_debarch ARCH: prints Debian's name of the architecture.
gm_debarch()
{
	if [ "$1" = x86 ]; then echo amd64; else echo arm64; fi
}

# gm_cache: makes and prints the cache folder, shared by all checkouts of this user.
gm_cache()
{
	local dir=${XDG_CACHE_HOME:-${HOME:-}/.cache}/kvm-gmem-tests

	case $dir in
	/.cache/*) gm_die "neither XDG_CACHE_HOME nor HOME is set: set XDG_CACHE_HOME to a folder with 4 GB free" ;;
	/*) ;;
	*) gm_die "XDG_CACHE_HOME=$XDG_CACHE_HOME is not an absolute path" ;;
	esac
	{ mkdir -p "$dir" && [ -w "$dir" ]; } 2> /dev/null ||
		gm_die "cannot write to the cache folder $dir: set XDG_CACHE_HOME to a folder with 4 GB free"
	echo "$dir"
}

# gm_need_space DIR MB WHAT [VARIABLE]: stops if DIR's file system has less than MB MiB free;
# VARIABLE is the variable that names DIR.
gm_need_space()
{
	local free

	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		gm_die "$3 needs $2 MB in $1, $free MB are free: make room, or point ${4:-XDG_CACHE_HOME} elsewhere"
}

# gm_lock FILE WHAT: takes a lock, on fd 9, until this process ends. Programs that may live longer
# are started with 9>&-.
gm_lock()
{
	exec 9>> "$1" || exit 2
	if ! flock -n 9; then
		gm_say "waiting for another run that $2"
		flock 9
	fi
}

# gm_count WHAT [TOTAL]: counts the lines of standard input, and shows the number: in a live line on
# a terminal, else every 30 s.
gm_count()
{
	local what=$1 total=${2:+/$2} n=0 start=$SECONDS shown=$SECONDS line

	while IFS= read -r line || [ -n "$line" ]; do
		n=$((n + 1))
		if [ -t 2 ]; then
			[ $((n % 100)) -ne 0 ] ||
				printf '\rlab: %s: %d%s, %d s \033[K' "$what" "$n" "$total" \
					$((SECONDS - start)) >&2
		elif [ $((SECONDS - shown)) -ge 30 ]; then
			shown=$SECONDS
			gm_say "$what: $n$total, $((SECONDS - start)) s"
		fi
	done
	if [ -t 2 ]; then
		printf '\r\033[K' >&2
	fi
}
