# SPDX-License-Identifier: BSD-3-Clause
#
# Runs in the guest: the suites on each SCSI generic device. suites.py is the host's side.
# usage: suites.sh COLUMN=VENDOR...
# /cases has lines NUMBER, REGULAR EXPRESSION, COMMAND, separated by tabs; the command may have $dev
# and $other. Writes /tmp/report/COLUMN: lines CASE NUMBER STATUS yes|no, and other files.

fail() {
	echo "FAIL $*"
	exit 1
}

# The SCSI generic devices of a vendor.
devices() {
	local sg
	for sg in /sys/class/scsi_generic/sg*; do
		case $(cat $sg/device/vendor) in
		"$1"*) echo /dev/"${sg##*/}" ;;
		esac
	done | sort -V
}

# Linux's own back-ends: scsi_debug, and LIO with its loopback fabric.
scsi_debug() {
	rmmod scsi_debug 2>/dev/null
	insmod /modules/scsi_debug.ko dev_size_mb=64 delay=0 max_luns=2 lbpu=1 lbpws=1 lbpws10=1 \
		lbprz=1 strict=1 || fail "scsi_debug"
}

lio() {
	local config=/sys/kernel/config/target number disk
	local portal=$config/loopback/naa.6001405000000001/tpgt_1
	mount -t configfs configfs /sys/kernel/config 2>/dev/null
	mkdir -p $portal || fail "LIO's loopback fabric"
	echo naa.6001405000000002 >$portal/nexus || fail "LIO's nexus"
	for number in 0 1; do
		truncate -s 64M /dev/shm/disk$number
		disk=$config/core/fileio_$number/disk
		mkdir -p $disk $portal/lun/lun_$number || fail "LIO's file"
		echo fd_dev_name=/dev/shm/disk$number,fd_dev_size=67108864 >$disk/control
		echo 1 >$disk/enable || fail "LIO's disk"
		echo 1 >$disk/attrib/emulate_tpu
		echo 1 >$disk/attrib/emulate_tpws
		ln -s $disk $portal/lun/lun_$number/disk || fail "LIO's LUN"
	done
}

# cases COLUMN: each line of /cases with the devices $dev and $other.
cases() {
	local number pattern command status
	while IFS=$(printf '\t') read -r number pattern command; do
		eval "timeout 30 $command" </dev/null >/tmp/output 2>&1
		status=$?
		if grep -Eq -- "$pattern" /tmp/output; then
			echo "CASE $number $status yes"
		else
			echo "CASE $number $status no"
			cat /tmp/output
		fi
	done </cases
}

column() {
	local number dev other
	set -- $1 $(devices "$2")
	[ $# -ge 3 ] || fail "$1 has $(($# - 1)) devices"
	dev=$2 other=$3
	for number in 1 2 3 4; do # what the devices have to report from their start
		sg_turs $dev >/dev/null 2>&1
		sg_turs $other >/dev/null 2>&1
	done
	mkdir -p /tmp/report
	echo "TIME $1 cases $(date +%s)"
	cases >/tmp/report/$1.sg3_utils
	sg_turs $dev >/dev/null 2>&1
	sg_turs $dev >/dev/null 2>&1
	echo "TIME $1 sweep $(date +%s)"
	sweep $dev </cdbs >/tmp/report/$1.cdb || fail "sweep on $1"
	if [ $1 = linux-vscsi-target ]; then
		iscsi-test-cu --dataloss --verbose --test=SCSI $dev >/tmp/report/$1.iscsi 2>&1
	fi
	echo "TIME $1 end $(date +%s)"
}

uname -sr
scsi_debug
lio
for argument; do
	column "${argument%%=*}" "${argument#*=}"
done
echo DONE
