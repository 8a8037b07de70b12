# SPDX-License-Identifier: BSD-3-Clause
#
# Part of linux_driver.sh: checks the target's SCSI commands with sg3_utils. Each check has the reply
# that the standards or the target's command line require.

# The SCSI generic device of an address, such as /dev/sg0.
sg() {
	echo /dev/"$(ls /sys/class/scsi_device/*:0:$1/device/scsi_generic)"
}

# shows TEXT COMMAND...: the command succeeds and its output has a line that matches TEXT.
shows() {
	local text=$1 output
	shift
	output=$("$@" 2>&1) || fail "$* failed: $output"
	echo "$output" | grep -Eqi -- "$text" || fail "$* shows no '$text' in: $output"
}

# refused TEXT COMMAND...: the command fails and prints TEXT.
refused() {
	local text=$1 output
	shift
	output=$("$@" 2>&1) && fail "$* succeeded: $output"
	echo "$output" | grep -Eqi -- "$text" || fail "$* failed without '$text': $output"
}

identity() {
	local disk=$(sg 0:0)
	shows 'PDT=0' sg_inq $disk
	shows 'Unit serial number: GUEST-0' sg_inq $disk
	shows 'Device identification' sg_vpd $disk
	shows 'GUEST-0' sg_vpd --page=0x80 $disk
	shows 'NAA' sg_vpd --page=0x83 $disk
	shows 'Maximum transfer length' sg_vpd --page=0xb0 $disk
	shows 'rotating' sg_vpd --page=0xb1 $disk
	shows 'Unmap command supported \(LBPU\): 1' sg_vpd --page=0xb2 "$(sg 2:16684)"
	shows 'Unmap command supported \(LBPU\): 0' sg_vpd --page=0xb2 $disk
	refused 'invalid field' sg_raw --request=255 $disk 12 01 cf 00 ff 00
	# LUNs of one target, and targets, must not be mistaken for the same disk.
	[ "$(for lun in 0:0 0:1 1:0 2:0; do
		sg_vpd --page=0x83 "$(sg $lun)" | grep -o '0x[0-9a-f]\{16,\}'
	done | sort -u | wc -l)" = 4 ] || fail "four LUNs do not have four NAA designators"
}

sizes() {
	shows 'Number of logical blocks=131072' sg_readcap --long "$(sg 0:0)"
	shows 'Logical block length=4096' sg_readcap --long "$(sg 1:0)"
	shows 'lbpme=1' sg_readcap --long "$(sg 2:16684)"
	shows 'lbpme=0' sg_readcap --long "$(sg 0:0)"
	shows 'length=512' sg_readcap "$(sg 0:0)"
	shows 'lun list length = 16' sg_luns "$(sg 0:0)"
	shows 'Caching' sg_modes --all "$(sg 0:0)"
	shows 'WP=1' sg_modes --all "$(sg 2:0)"
	shows 'WP=0' sg_modes --all "$(sg 0:0)"
}

blocks() {
	local ram=$(sg 0:1) block=/dev/$(disk 0:1)
	shows '' sg_turs $ram
	shows '' sg_sync $ram
	shows '' sg_verify --lba=0 --count=16 $ram
	dd if=/dev/urandom of=$block bs=512 count=16 oflag=direct 2>/dev/null
	head -c 512 /dev/urandom >/tmp/new
	dd if=$block bs=512 count=1 skip=3 iflag=direct 2>/dev/null | cat - /tmp/new >/tmp/pair
	shows '' sg_compare_and_write --in=/tmp/pair --lba=3 --num=1 --xferlen=1024 $ram
	[ "$(dd if=$block bs=512 count=1 skip=3 iflag=direct 2>/dev/null | sum)" = "$(sum </tmp/new)" ] ||
		fail "COMPARE AND WRITE did not write"
	# The block has changed, so the same pair must not match again.
	refused 'miscompare' sg_compare_and_write --in=/tmp/pair --lba=3 --num=1 --xferlen=1024 $ram
	shows '' sg_write_same --10 --in=/tmp/new --lba=4 --num=4 --xferlen=512 $ram
	shows '' sg_write_same --16 --in=/tmp/new --lba=8 --num=4 --xferlen=512 $ram
	[ "$(dd if=$block bs=512 count=9 skip=3 iflag=direct 2>/dev/null | sum)" = \
		"$(for copy in 1 2 3 4 5 6 7 8 9; do cat /tmp/new; done | sum)" ] ||
		fail "WRITE SAME did not write its data"
	rm /tmp/new /tmp/pair
}

errors() {
	local ram=$(sg 0:1)
	refused 'invalid command operation code' sg_raw $ram ff 00 00 00 00 00
	refused 'out of range' sg_raw --request=512 $ram 28 00 7f ff ff ff 00 00 01 00
	refused 'invalid field' sg_raw --request=255 $ram 12 00 80 00 ff 00
	refused 'not supported' sg_unmap --lba=0 --num=8 --force "$(sg 0:0)"
	shows '' sg_unmap --lba=0 --num=8 --force "$(sg 2:16684)"
	shows '' sg_requests $ram
}

# Task management: the LUN must still work afterwards.
resets() {
	local ram=$(sg 0:1)
	shows '' sg_reset --device $ram
	sg_turs --number=2 $ram >/dev/null 2>&1 # clears the unit attention, if Linux has not
	shows '' sg_turs $ram
}

tools() {
	identity
	sizes
	blocks
	errors
	resets
}
