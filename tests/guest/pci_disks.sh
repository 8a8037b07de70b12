# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: uses the device at $1 through the library, with options $2; $3 is "full" or
# "plain". Results for pci_disks.py are printed, or written to /tmp.

function=$1 options=$2 how=$3
second=0000:02:00.0
device=pci:$function$options

fail() {
	echo "FAILED $*"
	exit 1
}

# refused WORD ADDRESS: opening must fail with a message that has this word.
refused() {
	said=$(vscsi-info "$2" 2>&1) && fail "$2 was opened"
	case $said in
	*"$1"*) echo "REFUSED $1" ;;
	*) fail "$2: $said" ;;
	esac
}

echo "<3>guest: taking $function" >/dev/kmsg
vscsi-bind take $function || fail "taking $function"
vscsi-info --json "$device" >/tmp/info.json || fail "vscsi-info"
vscsi-info "$device" || fail "vscsi-info's table"
pci_app log "$device" | grep "LOG.*for the device" || fail "no mapping was logged"

# Both directions, through files in this guest's memory.
vscsi-copy "$device" 0:0 /tmp/read || fail "reading 0:0"
echo "READ $(sha256sum </tmp/read)"
head -c 8388608 /dev/urandom >/tmp/wrote
vscsi-copy /tmp/wrote "$device" 0:1 || fail "writing 0:1"
echo "WROTE $(sha256sum </tmp/wrote)"
rm /tmp/read /tmp/wrote

for jobs in 1 4; do
	[ $how = full ] || [ $jobs = 1 ] || continue
	vscsi-perf --eta=never --name=verify --address="$device" --lun=1:0 --rw=randwrite --bs=4k \
		--iodepth=32 --numjobs=$jobs --size=2m --verify=crc32c --group_reporting=1 \
		--output-format=json --output=/tmp/perf$jobs.json || fail "vscsi-perf with $jobs"
done

# QEMU's disk has no COMPARE AND WRITE, and reservations only through a helper of the host's.
without=compare-and-write,reservations
[ $how = full ] || without=$without,several-queues
capabilities "$device" 1:0 --without=$without || fail "capabilities"

# With a single request queue all handles share it, and none can sleep on it.
[ $how = full ] || exit 0
vscsi-bind take $second 0000:03:00.0 0000:00:10.0 0000:00:11.0 || fail "taking the others"
pci_app sleep "$device" || fail "sleeping"

# Kill a process with requests in flight, then use the device again.
vscsi-perf --eta=never --name=killed --address="$device" --lun=0:0 --rw=randread --bs=4k \
	--iodepth=32 --time_based=1 --runtime=60 >/dev/null 2>&1 &
sleep 1
kill -9 $!
wait $! 2>/dev/null
vscsi-info "$device" >/dev/null || fail "after kill -9"
echo KILLED

# Unbind from vfio-pci, which makes opening fail with a message, and bind again.
vscsi-bind give-back $function || fail "giving back"
refused vfio-pci $device
vscsi-bind take $function || fail "taking it again"
vscsi-info "$device" >/dev/null || fail "after binding again"

refused ACCESS_PLATFORM pci:0000:03:00.0
# A transitional function is detected; in QEMU these never use the IOMMU.
refused ACCESS_PLATFORM pci:0000:00:11.0
refused legacy pci:0000:00:10.0
refused "no PCI function" pci:0000:00:1e.7
refused "virtio-scsi" pci:0000:00:12.0

pci_app pair $device pci:$second || fail "two devices"
pci_app watch "$device" || fail "events"
pci_app lose "pci:$second?queues=4" || fail "losing a device"
