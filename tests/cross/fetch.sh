#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fetch.sh ARCH: unpacks the libraries that the tests link, as Debian has them for another
# architecture, in build/root-ARCH, and notes that folder in build/root-ARCH.ini, for ARCH.ini. They
# are not installed: dpkg wants the same versions for all architectures that a machine has, and
# Debian's ports are not always at the same. Changes nothing outside build/. Exit status 1 with a
# reason if there are none.
set -u
cd "$(dirname "$0")/../.." || exit 1

[ $# -eq 1 ] || { echo "usage: tests/cross/fetch.sh ARCH" >&2; exit 2; }
arch=$1
root=$PWD/build/root-$arch

give_up() {
	echo "no libraries for $arch: $*" >&2
	exit 1
}

if [ ! -d "$root" ]; then
	command -v apt-get >/dev/null || give_up "there is no apt-get"
	mkdir -p build
	work=$(mktemp -d "$PWD/build/root.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/lists/partial" "$work/cache"
	apt=(-qq -o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
		-o "APT::Sandbox::User=root")
	# Other makers may have nothing for it.
	timeout 120 apt-get "${apt[@]}" update >/dev/null 2>&1 </dev/null || :
	(cd "$work" && timeout 120 apt-get "${apt[@]}" download libcmocka-dev libcmocka0 \
		libnuma-dev libnuma1 libjson-c-dev libjson-c5 >/dev/null 2>&1 </dev/null) ||
		give_up "apt-get download failed"
	for package in "$work"/*.deb; do
		dpkg-deb --extract "$package" "$work/root" || give_up "unpacking $package failed"
	done
	mv "$work/root" "$root" || give_up "$root is in the way"
fi
printf "[constants]\nroot = '%s'\n" "$root" >"$root.ini"
