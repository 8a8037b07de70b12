#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Demonstrates the library in a few minutes: builds it, serves a disk with vscsi-target, lists and
# copies the disk through the library, verifies that the copy is identical, and measures. Creates
# files only under build/quickstart, and stops everything that it starts.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh

build=$PWD/build/quickstart
work=$build/run
# A relative path, because a socket's path is limited to 107 bytes.
socket=build/quickstart/run/vscsi.sock
address=vhost-user:$socket
hugepages=/sys/kernel/mm/hugepages/hugepages-2048kB
target=
reserved=0
export PATH=$PATH:/usr/sbin:/sbin

step() {
	printf '\n== %s\n' "$*"
}

die() {
	echo "quickstart: $*" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	if [ -n "$target" ]; then
		kill "$target" 2>/dev/null || :
		wait "$target" 2>/dev/null || :
	fi
	# Release only what was reserved here.
	[ "$reserved" -eq 0 ] ||
		echo $(($(cat $hugepages/nr_hugepages) - reserved)) >$hugepages/nr_hugepages
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Hugepages of 2 MiB for DMA memory. Without them the library uses ordinary pages.
prepare_hugepages() {
	local free before
	free=$(cat $hugepages/free_hugepages 2>/dev/null || echo 0)
	if [ "$free" -lt 8 ] && [ -w $hugepages/nr_hugepages ]; then
		before=$(cat $hugepages/nr_hugepages)
		echo $((before + 8 - free)) 2>/dev/null >$hugepages/nr_hugepages || :
		reserved=$(($(cat $hugepages/nr_hugepages) - before))
		free=$((free + reserved))
	fi
	if [ "$free" -ge 8 ]; then
		echo "8 hugepages of 2 MiB are available; $reserved were reserved for this run"
	else
		echo "no hugepages are available: using ordinary pages"
	fi
}

# Collects some thousand small files of this system.
gather_files() {
	local from count=0
	for from in /usr/share/doc /usr/include /usr/share /usr/lib; do
		[ -d $from ] || continue
		count=$(find $from -xdev -type f -size -256k -readable 2>/dev/null | wc -l)
		[ "$count" -lt 2000 ] || break
	done
	mkdir -p "$work/files"
	find "$from" -xdev -type f -size -256k -readable -print0 2>/dev/null |
		{ head -z -n 4000; cat >/dev/null; } |
		tar -c --null -T - 2>/dev/null | tar -x -C "$work/files"
	(cd "$work/files" && find . -type f -print0 | xargs -0 sha256sum) >"$work/files.sha256"
	count=$(wc -l <"$work/files.sha256")
	echo "$count files from $from, $(du -sm "$work/files" | cut -f 1) MiB"
}

# Waits for the target's message that it is ready.
start_target() {
	local line
	mkfifo "$work/target.out"
	"$build/examples/target/vscsi-target" --socket=$socket \
		--lun=0:0,file="$work/disk.img",ro --lun=0:1,ram=64M >"$work/target.out" &
	target=$!
	exec 3<"$work/target.out"
	line=$(timeout 20 head -n 1 <&3) || :
	case $line in
	"listening on "*) echo "$line" ;;
	*) die "vscsi-target didn't start: $line" ;;
	esac
}

stop_target() {
	local status=0
	kill "$target"
	wait "$target" || status=$?
	target=
	[ $status -eq 0 ] || die "vscsi-target ended with status $status"
}

step "check the required packages"
# shellcheck disable=SC2086 # a list of words
need_packages $PACKAGES_BUILD e2fsprogs || exit 1
echo "all packages are installed"
prepare_hugepages

step "build"
mkdir -p "$build"
again=
[ ! -f "$build/build.ninja" ] || again=--reconfigure
# shellcheck disable=SC2086 # nothing or one word
meson setup $again "$build" -Dbuildtype=release -Dtests=false >"$build/setup.log" ||
	{ cat "$build/setup.log"; die "meson setup failed"; }
ninja --quiet -C "$build"
echo "built in build/quickstart"
PATH=$build/examples:$build/examples/copy:$build/examples/info:$build/examples/perf:$PATH

step "create a disk with an ext4 file system"
rm -rf "$work"
mkdir "$work"
gather_files
size=$(($(du -sm "$work/files" | cut -f 1) * 5 / 4 + 64))
mke2fs -q -t ext4 -d "$work/files" "$work/disk.img" ${size}M
echo "disk.img has $size MiB"

step "serve it: 0:0 is the disk, read-only, 0:1 is memory"
start_target

step "list it"
vscsi-info "$address"
vscsi-info "$address" 0:0

step "copy it out through the library"
vscsi-copy "$address" 0:0 "$work/copy.img"

step "verify the copy"
(cd "$work" && sha256sum disk.img copy.img)
cmp "$work/disk.img" "$work/copy.img"
e2fsck -fn "$work/copy.img"
mkdir "$work/extracted"
debugfs -R "rdump / $work/extracted" "$work/copy.img" >"$work/debugfs.log" 2>&1
(cd "$work/extracted" && sha256sum --quiet -c ../files.sha256)
echo "identical, and all $(wc -l <"$work/files.sha256") files in it match the originals"

step "measure: random reads of 4 KiB"
vscsi-perf --address="$address" --name=randread --rw=randread --bs=4k --iodepth=32 \
	--runtime=5 --time_based --ramp_time=1

step "measure: random writes with verification"
vscsi-perf --address="$address" --name=randwrite --lun=0:1 --rw=randwrite --bs=4k --iodepth=32 \
	--size=64m --verify=crc32c

step "stop"
stop_target
rm -rf "$work"
echo "quickstart: success"
