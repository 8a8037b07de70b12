# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: binds functions to vfio-pci and back with vscsi-bind, as root and as a user, and
# uses functions that lack a feature. pci_bind.py is the host's side.

WAIT=60 # timeout in seconds
first=0000:01:00.0
no_indirect=0000:02:00.0 no_event_idx=0000:03:00.0 packed=0000:04:00.0
left=0000:06:01.0 right=0000:06:02.0 bridged=06:00.0 # what requests through the bridge come from

fail() {
	echo "FAILED $*"
	exit 1
}

ask() {
	echo "ASK $*"
	read -r answer
	[ "$answer" = ok ] || fail "the reply to $* was '$answer'"
}

# Repeat a command until it succeeds or times out.
await() {
	local end=$(($(date +%s) + WAIT))
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $end ] || fail "timed out after $WAIT s: $*"
		usleep 20000
	done
}

# refused STATUS WORD COMMAND...: it fails with this status and a message with this word.
refused() {
	local status=$1 word=$2 said
	shift 2
	said=$("$@" 2>&1)
	[ $? = $status ] || fail "$* did not fail with $status: $said"
	case $said in
	*"$word"*) echo "REFUSED $word" ;;
	*) fail "$*: $said" ;;
	esac
}

# The kernel's name of a function's disk.
disk() {
	basename "$(ls -d /sys/bus/pci/devices/$1/virtio*/host*/target*/*/block/sd* 2>/dev/null)"
}

has_disk() {
	[ -b /dev/"$(disk $1)" ]
}

# as_user COMMAND: runs it without root's privileges.
as_user() {
	su -s /bin/sh user -c "$1"
}

refuse_used() {
	local device
	device=/dev/$(disk $first)
	mke2fs $device >/dev/null 2>&1 || fail "creating a file system"
	mount -t ext4 $device /mnt || fail "mounting"
	echo "written through the kernel's driver" >/mnt/file
	refused 4 "$device is mounted at /mnt" vscsi-bind take $first
	vscsi-bind list --json >/tmp/mounted.json
	umount /mnt

	# A mount in another namespace is not visible in this one's procfs.
	mkfifo /tmp/end
	unshare -m sh -c "mount -t ext4 $device /mnt; echo >/tmp/there; cat /tmp/end" &
	await [ -e /tmp/there ]
	refused 4 "another mount namespace" vscsi-bind take $first
	echo >/tmp/end
	wait $!

	device=/dev/$(disk $packed)
	mkswap $device >/dev/null
	swapon $device || fail "swapon"
	refused 4 "$device is swap space" vscsi-bind take $packed
	swapoff $device
}

# Take it, use it, fail to give it back while in use, give it back with unchanged data.
go_and_return() {
	vscsi-bind take $first || fail "taking"
	has_disk $first && fail "the kernel still has its disk"
	vscsi-info pci:$first >/dev/null || fail "using the function"
	pci_app keep pci:$first </tmp/end >/tmp/kept &
	exec 7>/tmp/end
	await grep OPEN /tmp/kept
	refused 4 "a program has /dev/vfio/" vscsi-bind give-back $first
	exec 7>&-
	wait $!
	vscsi-bind give-back $first || fail "giving back"
	await has_disk $first
	mount -t ext4 /dev/"$(disk $first)" /mnt || fail "mounting the disk afterwards"
	echo "KEPT $(cat /mnt/file)"
	umount /mnt
}

# Missing permissions are reported one by one; then a user needs no root privileges.
be_user() {
	local group
	group=/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/$first/iommu_group)")
	echo "user:x:1000:1000::/:/bin/sh" >>/etc/passwd
	refused 1 "it is bound to virtio-pci" not_bound
	refused 5 "requires root" as_user "vscsi-bind take $first"
	vscsi-bind take $first || fail "taking for a user"
	refused 1 "opening $group for $first: Permission denied; let this user" \
		as_user "vscsi-info pci:$first"
	chown user $group
	refused 1 "needs 16384 KiB more of locked memory and the limit is 1024 KiB" \
		as_user "ulimit -l 1024; vscsi-info pci:$first"
	ulimit -l 65536
	as_user "vscsi-info pci:$first" >/dev/null || fail "a user can't use it"
	echo USED_BY_USER
}

not_bound() {
	vscsi-info pci:$first 2>&1 | sed "s/$first is bound/it is bound/"
	return 1
}

# With some kernels no function below such a bridge can do DMA: the group's mappings are not those
# that the IOMMU uses for it, and it reports this. Linux 6.12.95 is one, 6.1 and 6.12.117 are not.
pair() {
	pci_app pair pci:$left pci:$right && return
	dmesg | grep -q "DMAR: .* Request device \[$bridged\] fault" || fail "both in one program"
	echo "NO_DMA on $(uname -r)"
}

# Both functions below a conventional PCI bridge are in one group, which one program can use.
share_group() {
	refused 5 "$left shares IOMMU group" vscsi-bind take $left
	vscsi-bind take $left $right || fail "taking both"
	pair
	pci_app keep pci:$left </tmp/end >/tmp/kept &
	exec 7>/tmp/end
	await grep OPEN /tmp/kept
	refused 1 "$right is in use: another program" vscsi-info pci:$right
	exec 7>&-
	wait $!
	vscsi-bind give-back $right || fail "giving one back"
	refused 1 "with $right, which is bound to virtio-pci" vscsi-info pci:$left
}

# One job, then four, each with its own queue and a quarter of the region.
verify() {
	vscsi-info --json "pci:$1?queues=4" >/tmp/info-$2.json || fail "vscsi-info of $2"
	for jobs in 1 4; do
		vscsi-perf --eta=never --name=$2 --address="pci:$1?queues=4" --rw=randwrite --bs=4k \
			--iodepth=32 --numjobs=$jobs --size=2m \
			--verify=crc32c --output-format=json --output=/tmp/perf-$2-$jobs.json ||
			fail "vscsi-perf of $2 with $jobs jobs"
	done
}

# The same I/O with and without event index; the host counts notifications.
notify() {
	ask "count $1"
	vscsi-perf --eta=never --name=$1 --address="pci:$first?event_idx=$1" --rw=randread --bs=4k \
		--iodepth=32 --number_ios=4000 --size=4m --time_based=1 --runtime=60 \
		--output-format=json --output=/tmp/notify-$1.json || fail "vscsi-perf with $1"
	ask "counted $1"
}

for function in $first $no_indirect $no_event_idx $packed $left $right; do
	await has_disk $function
done
vscsi-bind list || fail "listing"
vscsi-bind list --json >/tmp/list.json || fail "listing in JSON"
refuse_used
go_and_return
be_user
share_group
vscsi-bind take $no_indirect $no_event_idx $packed || fail "taking three"
verify $no_indirect no_indirect
verify $no_event_idx no_event_idx
verify $packed packed
notify on
notify off
exit 0
