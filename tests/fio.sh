#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Fetches the sources of the installed fio, whose headers its engine is built with, because Debian
# has no package of them; configures them below build/, and prints the folder. Changes nothing
# outside build/: lists of packages and downloads go there too. Exit status 1 with a reason if there
# are none.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

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
	mkdir -p "$work/sources" "$work/lists/partial" "$work/cache" "$work/fio"
	# Wherever packages come from, sources do too.
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		[ -f "$file" ] && sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" \
			>"$work/sources/$(basename "$file" .list).${file##*.}"
	done
	apt=(-qq -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/sources"
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
		-o "APT::Sandbox::User=root")
	# Other makers' sources may be missing.
	timeout 120 apt-get "${apt[@]}" update >/dev/null 2>&1 </dev/null || :
	(cd "$work" && timeout 120 apt-get "${apt[@]}" source --download-only "fio=$version" \
		>/dev/null 2>&1 </dev/null) || give_up "apt-get source fio=$version failed"
	tar -xf "$work"/fio_*.orig.tar.[gx]z -C "$work/fio" --strip-components=1 ||
		give_up "they could not be unpacked"
	# As Debian's, in what the headers depend on.
	(cd "$work/fio" && timeout 120 ./configure --disable-native >/dev/null 2>&1) ||
		give_up "its ./configure failed"
	mv "$work/fio" "$folder" || give_up "$folder is in the way"
fi
echo "$folder"
