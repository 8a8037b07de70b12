# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: shows that a function bound to vfio-pci can be opened as VFIO users need it.
# Not here: VFIO itself, which is the library's.

function=$1
device=/sys/bus/pci/devices/$function

fail() {
	echo "vfio-ready: $*"
	exit 1
}

[ -d $device ] || fail "no PCI function $function"
[ "$(basename "$(readlink $device/driver)")" = vfio-pci ] || fail "$function is not vfio-pci's"
[ -e $device/iommu_group ] || fail "$function is in no IOMMU group"
group=$(basename "$(readlink $device/iommu_group)")
[ "$(ls $device/iommu_group/devices)" = $function ] || fail "group $group has other functions too"
[ -c /dev/vfio/vfio ] && : </dev/vfio/vfio || fail "/dev/vfio/vfio can't be opened"
[ -c /dev/vfio/$group ] && : </dev/vfio/$group || fail "/dev/vfio/$group can't be opened"
# Behind a root port the function has a reset of its own; directly on the root bus it has none.
[ -e $device/reset ] || fail "$function has no reset"
echo "$function is /dev/vfio/$group"
