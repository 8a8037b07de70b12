#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
#
# The guest's init process: sets up what /etc/settings specifies, runs /etc/command, powers off.
# Serial ports: ttyS0 kernel console, ttyS1 exit status, ttyS2 tar archive of the output files,
# ttyS3 the command's standard input and output.

busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /dev /proc /sys /tmp /mnt
# Busybox needs /proc/self/exe.
busybox mount -t proc proc /proc
busybox --install -s /bin 2>/dev/null
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TMPDIR=/tmp
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/hugepages
mount -t tmpfs tmpfs /dev/shm

# Kept open, so that the port settings are not reset.
exec 4<>/dev/ttyS1 5<>/dev/ttyS2 6<>/dev/ttyS3
for port in 1 2 3; do
	stty -F /dev/ttyS$port raw -echo
done

finish() {
	echo "exit $1" >&4
	# Closing waits until all bytes are sent; powering off would not.
	exec 4>&- 5>&- 6>&-
	poweroff -f
}

broken() {
	echo "guest: $*" >&6
	finish 125
}

MODULES='' BIND='' HUGEPAGES=0 OUT=''
# shellcheck source=/dev/null
. /etc/settings

for module in $MODULES; do
	insmod "$module" || broken "module $module can't be loaded"
done

if [ "$HUGEPAGES" -gt 0 ]; then
	echo "$HUGEPAGES" >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" = "$HUGEPAGES" ] ||
		broken "$HUGEPAGES huge pages don't fit in the guest's memory; increase it"
fi
mount -t hugetlbfs hugetlbfs /dev/hugepages

for function in $BIND; do
	device=/sys/bus/pci/devices/$function
	[ -d "$device" ] || broken "no PCI function $function; present: $(ls /sys/bus/pci/devices)"
	echo vfio-pci >"$device/driver_override"
	[ -e "$device/driver" ] && echo "$function" >"$device/driver/unbind"
	echo "$function" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "$device/driver")")" = vfio-pci ] ||
		broken "vfio-pci does not bind to $function (is there an IOMMU?)"
done

cd /tmp || broken "no /tmp"
sh /etc/command <&6 >&6 2>&1
status=$?
cd / || broken "no /"
# shellcheck disable=SC2086 # a list, may contain patterns
[ -z "$OUT" ] || tar -cf /dev/ttyS2 $OUT
finish $status
