# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: checks that a function bound to vfio-pci can be opened.

function=$1
device=/sys/bus/pci/devices/$function

fail() {
	echo "vfio-ready: $*"
	exit 1
}

[ -d $device ] || fail "no PCI function $function"
[ "$(basename "$(readlink $device/driver)")" = vfio-pci ] || fail "$function is not bound to vfio-pci"
[ -e $device/iommu_group ] || fail "$function has no IOMMU group"
group=$(basename "$(readlink $device/iommu_group)")
[ "$(ls $device/iommu_group/devices)" = $function ] || fail "group $group has other functions"
[ -c /dev/vfio/vfio ] && : </dev/vfio/vfio || fail "/dev/vfio/vfio can't be opened"
[ -c /dev/vfio/$group ] && : </dev/vfio/$group || fail "/dev/vfio/$group can't be opened"
# The function has a reset only below a root port, not directly on the root bus.
[ -e $device/reset ] || fail "$function has no reset"
echo "$function is /dev/vfio/$group"
