# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Fetches packages from the Debian mirror that this machine already uses. apt verifies them, but
# with its own sources, lists and cache in a separate folder: the machine's apt state stays
# untouched. Works for any user. Needs lib.sh.

# apt_init DIR [DEBARCH]: DIR holds everything; the caller removes it.
apt_init()
{
	apt_dir=$1
	apt_arch=${2:-$(dpkg --print-architecture)}
	apt_keys=
	local key

	gm_need_tool apt-get apt-cache dpkg-deb
	for key in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		if [ -r "$key" ]; then
			apt_keys=$key
			break
		fi
	done
	[ -n "$apt_keys" ] ||
		gm_die "no Debian archive keys: install debian-archive-keyring, or give a kernel tree with KSRC="
	mkdir -p "$apt_dir/state/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/etc"
	: > "$apt_dir/status"
	: > "$apt_dir/sources.list"
}

# apt_own TOOL ARGS...: an apt tool with our folders only. Proxy settings stay those of the user.
apt_own()
{
	local tool=$1

	shift
	"$tool" -o Dir::Etc::SourceList="$apt_dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$apt_dir/state" -o Dir::State::Lists="$apt_dir/state/lists" \
		-o Dir::State::status="$apt_dir/status" \
		-o Dir::Cache="$apt_dir/cache" -o Dir::Cache::archives="$apt_dir/cache/archives" \
		-o APT::Architecture="$apt_arch" -o APT::Architectures::="$apt_arch" \
		-o APT::Sandbox::User="" -o APT::Default-Release="" \
		-o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::= \
		-o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

# apt_mirrors: the addresses from which this machine fetches its Debian release, best first. If the
# lists were never fetched, apt knows no origin yet, so the name of the release decides. A wrong
# guess is harmless: its signature does not verify. shellcheck disable=SC2016 # apt expands these,
# not the shell
apt_mirrors()
{
	local release

	# shellcheck disable=SC1091
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	{
		apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(CODENAME)' \
			'Created-By: Packages' 'Component: main' |
			awk -v r="$release" 'NF == 4 && $2 == "Debian" && $3 == "Debian" && $4 == r { print $1 }'
		apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' \
			'Created-By: Packages' 'Component: main' |
			awk 'NF == 3 && $2 == "Debian" && $3 == "Debian" { print $1 }'
		apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' \
			'Created-By: Packages' 'Component: main' |
			awk -v r="$release" 'NF == 2 && $2 == r { print $1 }'
	} 2> /dev/null | awk '!seen[$0]++'
}

# apt_suites TARGET MIRROR SUITE...: sets the sources to these suites of MIRROR. TARGET is Packages,
# or None to get only the signed Release files.
apt_suites()
{
	local target=$1 mirror=$2 suite

	shift 2
	for suite; do
		echo "deb [signed-by=$apt_keys target=$target] $mirror $suite main"
	done > "$apt_dir/sources.list"
}

# apt_fetch_lists: fetches and verifies the lists; skips a suite that the mirror lacks. Fails, and
# prints why, if it gets none: apt-get itself only warns when there is no network.
apt_fetch_lists()
{
	local log=$apt_dir/update.log

	apt_own apt-get update -q > "$log" 2>&1 || :
	if ! compgen -G "$apt_dir/state/lists/*Release" > "$log.found"; then
		gm_say "$(grep -m 1 '^[EW]:' "$log" || tail -n 1 "$log")"
		return 1
	fi
}

# apt_codename SUITE: the codename of a suite like stable or testing.
apt_codename()
{
	local file

	for file in "$apt_dir/state/lists/"*"_dists_$1_InRelease" "$apt_dir/state/lists/"*"_dists_$1_Release"; do
		if [ -r "$file" ]; then
			awk '$1 == "Codename:" { print $2; exit }' "$file"
			return
		fi
	done
}
