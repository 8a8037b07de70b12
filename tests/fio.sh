#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Fetches the sources of the installed fio, whose headers its engine is built with, because Debian
# has no package of them; configures them below build/, and prints the folder. Changes nothing
# outside build/. Exit status 1 with a reason if there are none.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/source.sh
. tests/source.sh

give_up() {
	echo "no sources of fio: $*" >&2
	exit 1
}

version=$(dpkg-query -W -f '${source:Version}' fio 2>/dev/null) || give_up "it is not installed"
folder=$PWD/build/fio-$version
if [ ! -f "$folder/config-host.h" ]; then
	mkdir -p build
	work=$(mktemp -d "$PWD/build/fio.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	fetch_source fio "$work/fio" || give_up "apt-get source fio=$version failed"
	# As Debian's, in what the headers depend on.
	(cd "$work/fio" && timeout 120 ./configure --disable-native >/dev/null 2>&1) ||
		give_up "its ./configure failed"
	mv "$work/fio" "$folder" || give_up "$folder is in the way"
fi
echo "$folder"
