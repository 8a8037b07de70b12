# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: sets up the kernel's SCSI target (LIO) and uses it through /dev/vhost-scsi.
# Results for lio.py are printed, or written to /tmp.
#
#   naa.…01  0:0 file a, 0:1 file b, 2:0 scsi_debug by pscsi
#   naa.…02  1:0 file a

core=/sys/kernel/config/target/core
vhost=/sys/kernel/config/target/vhost
first=naa.5001405000000001
second=naa.5001405000000002
device=vhost-scsi:$first

fail() {
	echo "FAILED $*"
	exit 1
}

# refused WORD ADDRESS: opening must fail with one message, which has this word.
refused() {
	said=$(vscsi-info "$2" 2>&1) && fail "$2 was opened"
	case $said in
	*"$1"*) echo "REFUSED $said" ;;
	*) fail "$2: $said" ;;
	esac
}

# file NAME: a backstore in a file, with names, and all that LIO can do with it.
file() {
	mkdir -p $core/fileio_0/$1
	truncate -s 16M /tmp/$1.img
	echo fd_dev_name=/tmp/$1.img,fd_dev_size=16777216 >$core/fileio_0/$1/control
	echo 5001405-$1 >$core/fileio_0/$1/wwn/vpd_unit_serial
	echo 1 >$core/fileio_0/$1/enable || fail "enabling $1"
	echo 1 >$core/fileio_0/$1/attrib/emulate_tpu
	echo 1 >$core/fileio_0/$1/attrib/emulate_tpws
}

# link TARGET TPGT LUN BACKSTORE
link() {
	mkdir -p $vhost/$1/tpgt_$2/lun/lun_$3
	ln -s $core/$4 $vhost/$1/tpgt_$2/lun/lun_$3/link || fail "linking $1 $2:$3"
	# Of the same length and hexadecimal: the initiator's name.
	[ "$(cat $vhost/$1/tpgt_$2/nexus 2>/dev/null)" ] || echo "${1%0?}1$2" >$vhost/$1/tpgt_$2/nexus
}

mount -t configfs configfs /sys/kernel/config || fail "no configfs"
# LIO keeps registrations below the second one.
mkdir -p /sys/kernel/config/target /var/target/pr
refused "LIO has no target" $device
file a
file b
file c
mkdir -p $core/pscsi_0/debug
disk=$(basename /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/[0-9]*)
echo "scsi_host_id=${disk%%:*},scsi_channel_id=0,scsi_target_id=0,scsi_lun_id=0" \
	>$core/pscsi_0/debug/control
echo /dev/"$(ls /sys/bus/scsi/devices/$disk/block)" >$core/pscsi_0/debug/udev_path
echo 1 >$core/pscsi_0/debug/enable || fail "enabling pscsi"
link $first 0 0 fileio_0/a
link $first 0 1 fileio_0/b
link $first 2 0 pscsi_0/debug
link $second 1 0 fileio_0/a

vscsi-info --json "$device?queues=4" >/tmp/info.json || fail "vscsi-info"
# verify NAME LUN JOBS OPTIONS WORKLOAD...
verify() {
	name=$1 lun=$2 jobs=$3 options=$4
	shift 4
	vscsi-perf --eta=never --name=verify --address="$device?queues=4&$options" --lun=$lun \
		--rw=randwrite --numjobs=$jobs --verify=crc32c "$@" --output-format=json \
		--output=/tmp/perf-$name-$jobs.json || fail "vscsi-perf on $name with $jobs"
}
verify file 0:0 1 event_idx=on --bs=4k --iodepth=32 --size=1m
verify file 0:0 3 event_idx=off --bs=4k --iodepth=32 --size=1m
verify pscsi 2:0 2 indirect=off --bs=4k --iodepth=32 --size=1m
# As long as a request can be: 2016 pages.
verify long 0:0 1 mem=64M --bs=8257536 --iodepth=1 --size=8257536
# The kernel's module has fewer, and 160 KiB for each of their entries.
VSCSI_LOG=info vscsi-info "$device?queues=200&queue_size=4" 2>&1 | grep "queues, not" ||
	fail "too many queues"
# LUNs aren't reset, see libvirtioscsi-limits(7).
capabilities "$device?queues=4" 0:0 --without=lun-reset || fail "capabilities"
pci_app sleep "$device?queues=2" || fail "sleeping"
lio_app memory $device || fail "memory"
lio_app scsi $device vhost-scsi:$second $core/fileio_0/a/alua/default_tg_pt_gp || fail "commands"
lio_app plug $device $vhost/$first/tpgt_0/lun/lun_5 $core/fileio_0/c || fail "hot-plug"
lio_app busy $device $vhost/$first/tpgt_2 || fail "a group in use"
lio_app late $device || fail "a late request"
lio_app fail $device || fail "a device that fails"

# Without a nexus, then without a target, without permission, and without a device.
rm $vhost/$second/tpgt_1/lun/lun_0/link
echo NULL >$vhost/$second/tpgt_1/nexus
refused "a TPG with a nexus" vhost-scsi:$second
rmdir $vhost/$second/tpgt_1/lun/lun_0 $vhost/$second/tpgt_1 || fail "removing a free group"
refused "LIO has no target" vhost-scsi:$second
echo "user:x:1000:1000::/:/bin/sh" >>/etc/passwd
chmod 600 /dev/vhost-scsi
said=$(su -s /bin/sh user -c "vscsi-info $device" 2>&1)
echo "REFUSED $said"
mv /dev/vhost-scsi /dev/elsewhere
refused "load the kernel's module" $device
