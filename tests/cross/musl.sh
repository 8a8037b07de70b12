#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds json-c with musl, from the sources of the installed one, because Debian's is linked with
# glibc; prints the folder for Meson's pkg_config_path, below build/root-musl. Changes nothing
# outside build/. Exit status 1 with a reason if that fails.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/source.sh
. tests/source.sh

root=$PWD/build/root-musl

give_up() {
	echo "no json-c for musl: $*" >&2
	exit 1
}

if [ ! -d "$root" ]; then
	for program in cmake musl-gcc; do
		command -v $program >/dev/null || give_up "there is no $program"
	done
	mkdir -p build
	work=$(mktemp -d "$PWD/build/musl.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	fetch_source libjson-c-dev "$work/json-c" || give_up "apt-get source json-c failed"
	{
		CC=musl-gcc \
			CFLAGS="-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu" \
			timeout 120 cmake -S "$work/json-c" -B "$work/build" -G Ninja \
			-DCMAKE_INSTALL_PREFIX="$root" -DCMAKE_INSTALL_LIBDIR=lib \
			-DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DBUILD_APPS=OFF &&
			timeout 120 ninja -C "$work/build" &&
			DESTDIR=$work/installed ninja -C "$work/build" install
	} >/dev/null 2>&1 || give_up "it could not be built"
	mv "$work/installed$root" "$root" || give_up "$root is in the way"
fi
echo "$root/lib/pkgconfig"
