# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A function that fetches the sources of a package. To be sourced.

# fetch_source PACKAGE FOLDER: unpacks the upstream sources of the version of an installed package
# of Debian in a new folder, and prints nothing. Changes nothing outside: lists of packages and
# downloads go into FOLDER.apt, which is removed. Non-zero if there are none.
fetch_source() {
	local package=$1 folder=$2 work=$2.apt file apt status
	mkdir -p "$folder" "$work/sources" "$work/lists/partial" "$work/cache"
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
	(cd "$work" && timeout 120 apt-get "${apt[@]}" source --download-only \
		"$(dpkg-query -W -f '${source:Package}=${source:Version}' "$package")" \
		>/dev/null 2>&1 </dev/null) &&
		tar -xf "$work"/*.orig.tar.[gx]z -C "$folder" --strip-components=1
	status=$?
	rm -rf "$work"
	return $status
}
