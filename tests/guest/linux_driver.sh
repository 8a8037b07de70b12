# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: uses every disk of vscsi-target through Linux's own virtio_scsi driver.
# linux_driver.py is the host's side: it compares the results, and executes requests in lines that
# start with ASK before it replies.

WAIT=60 # timeout in seconds

fail() {
	echo "FAIL $*"
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

# The name of the disk with this target and LUN, such as sda.
disk() {
	local block
	for block in /sys/block/sd*; do
		case $(readlink $block/device) in
		*:0:$1) basename $block && return ;;
		esac
	done
	return 1
}

# Nothing at this address: neither a disk nor a device that is being removed.
gone() {
	! ls -d /sys/class/scsi_device/*:0:$1
}

has_size() {
	[ "$(cat /sys/block/"$(disk $1)"/size)" = $2 ]
}

count_is() {
	[ "$(ls -d /sys/block/sd* 2>/dev/null | wc -l)" = $1 ]
}

list() {
	local block queue thin
	echo "FEATURES $(cat /sys/bus/virtio/devices/virtio0/features)"
	echo "QUEUES $(ls /sys/block/"$(disk 0:0)"/mq | wc -l)"
	for block in /sys/block/sd*; do
		queue=$block/queue
		thin=$([ "$(cat $queue/discard_max_bytes)" -gt 0 ] && echo thin || echo thick)
		echo "DISK $(basename "$(readlink $block/device)" | cut -d: -f3-)" \
			"$(cat $block/size) $(cat $queue/logical_block_size) $(cat $block/ro) $thin"
	done
}

sum() {
	sha256sum | cut -d' ' -f1
}

# Files of odd sizes and a large one, each with fsync.
ext4() {
	local number
	mount -t ext4 /dev/"$(disk 0:0)" /mnt || fail "ext4 can't be mounted"
	for number in 0 1 2 3 4 5 6 7 8 9; do
		dd if=/dev/urandom of=/mnt/small$number bs=$((number * 1777 + 1)) count=3 conv=fsync \
			2>/dev/null || fail "writing small$number"
	done
	dd if=/dev/urandom of=/mnt/large bs=1M count=12 conv=fsync 2>/dev/null || fail "writing large"
	mkdir /mnt/folder && ln /mnt/small1 /mnt/folder/link && sync -f /mnt || fail "creating a directory"
	(cd /mnt && sha256sum small* large) >/tmp/sums
	umount /mnt || fail "unmounting"
	echo 3 >/proc/sys/vm/drop_caches
	mount -t ext4 -o ro /dev/"$(disk 0:0)" /mnt || fail "mounting again"
	(cd /mnt && sha256sum -sc /tmp/sums) || fail "files differ after remounting"
	umount /mnt
	while read -r checksum name; do
		echo "SUM $checksum $name"
	done </tmp/sums
}

# Whole-disk transfers with O_DIRECT: large ones that the block layer splits.
raw() {
	local device=/dev/$(disk $1) size=$(($2 * 1048576))
	head -c $size /dev/urandom >/tmp/pattern
	dd if=/tmp/pattern of=$device bs=2M oflag=direct 2>/dev/null || fail "writing $1"
	dd if=$device of=/tmp/back bs=2M iflag=direct count=$(($2 / 2)) 2>/dev/null ||
		fail "reading $1"
	cmp /tmp/pattern /tmp/back || fail "$1 differs after reading back"
	echo "RAW $1 $(sum </tmp/pattern)"
	rm /tmp/pattern /tmp/back
}

# Several processes at once use more than one queue.
parallel() {
	local device=/dev/$(disk $1) worker pids= back
	for worker in 0 1 2 3; do
		(head -c 1048576 /dev/urandom >/tmp/part$worker
		dd if=/tmp/part$worker of=$device bs=4k seek=$((worker * 256)) oflag=direct 2>/dev/null) &
		pids="$pids $!"
	done
	for worker in $pids; do
		wait $worker || fail "a parallel writer of $1 failed"
	done
	back=$(dd if=$device bs=1M count=4 iflag=direct 2>/dev/null | sum)
	[ "$(cat /tmp/part? | sum)" = "$back" ] || fail "parallel writes of $1 differ when read back"
	rm /tmp/part?
}

read_only() {
	local device=/dev/$(disk 2:0)
	echo "READONLY $(sum <$device)"
	! dd if=/dev/zero of=$device bs=512 count=1 conv=fsync 2>/dev/null ||
		fail "the read-only disk was written"
	# sg bypasses Linux's own check, so that the target must reject the write.
	sg_dd if=/dev/zero of="$(sg 2:0)" bs=512 count=1 2>&1 | grep -qi "protect" ||
		fail "the target does not report that the disk is write-protected"
}

thin() {
	local device=/dev/$(disk 2:16684)
	mount -t ext4 $device /mnt || fail "the thin disk can't be mounted"
	dd if=/dev/urandom of=/mnt/file bs=1M count=16 conv=fsync 2>/dev/null || fail "filling"
	ask allocated filled
	rm /mnt/file && sync -f /mnt && /bin/fstrim /mnt || fail "fstrim"
	ask allocated trimmed
	umount /mnt
	shows '' /bin/blkdiscard -f $device
	ask allocated discarded
	[ "$(head -c 1048576 $device | tr -d '\0' | wc -c)" = 0 ] || fail "discarded blocks are not zero"
	dd if=/dev/urandom of=$device bs=1M count=2 oflag=direct 2>/dev/null || fail "refilling"
	shows '' /bin/blkdiscard -fz -o 4096 -l 1044480 $device
	[ "$(dd if=$device bs=4k skip=1 count=255 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" = 0 ] ||
		fail "zeroed blocks are not zero"
	[ "$(dd if=$device bs=4k count=1 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" -gt 3000 ] ||
		fail "the block before the zeroed ones was changed"
}

plug() {
	ask control add 3:0,ram=8M
	await disk 3:0
	raw 3:0 8
	ask control remove 3:0
	await gone 3:0
	ask control resize 0:1 24M
	await has_size 0:1 49152
	# Add a target: the rescan must not affect the others.
	ask control add 1:5,ram=4M
	await disk 1:5
	disk 1:0 >/dev/null || fail "1:0 disappeared when 1:5 was added"
	ask control remove 1:5
	await gone 1:5
	disk 1:0 >/dev/null || fail "1:0 disappeared with 1:5"
}

# Unloading resets the device and stops its rings; loading starts them again. Repeated, because a
# request may arrive before or after the target has read all messages of the start.
reload() {
	local round
	for round in 1 2 3 4; do
		# The kernel releases disks some time after their last user has closed them.
		await rmmod virtio_scsi
		count_is 0 || fail "disks are still present without a driver"
		insmod /modules/virtio_scsi.ko || fail "driver load $round"
		await count_is $disks
	done
	raw 0:1 4
}

. /scsi_tools.sh
disks=$2
await count_is $disks
list
ext4
parallel 0:1
parallel 1:0
raw 0:1 8
raw 1:0 16
if [ $1 = full ]; then
	read_only
	thin
	tools
	plug
	reload
fi
echo DONE
