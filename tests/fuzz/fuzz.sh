#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh PROGRAM SEEDS: runs a libFuzzer program for VSCSI_FUZZ_SECONDS (20) and reports what it
# did. Inputs that fail are left in found/ next to the program: add them to SEEDS with the fix.
set -u
program=$1 seeds=$2
seconds=${VSCSI_FUZZ_SECONDS:-20}
home=$(dirname "$program")
name=$(basename "$program")
corpus=$home/corpus/$name
log=$home/$name.log
# What is undefined ends the program too.
export UBSAN_OPTIONS=${UBSAN_OPTIONS-halt_on_error=1:print_stacktrace=1}
mkdir -p "$corpus" "$home/found"

# The targets print what the library and the tools say, which is much: only the fuzzer's own is
# kept.
timeout $((seconds + 120)) "$program" -max_total_time="$seconds" -timeout=20 -max_len=4096 \
	-rss_limit_mb=3000 -entropic=0 -close_fd_mask=3 -print_final_stats=1 \
	-artifact_prefix="$home/found/$name-" "$corpus" "$seeds" >"$log" 2>&1
status=$?
if [ $status -ne 0 ]; then
	tail -n 60 "$log"
	exit 1
fi
awk -v name="$name" '
	/DONE/ {for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1)}
	/number_of_executed_units/ {runs = $2}
	/new_units_added/ {kept = $2}
	END {
		printf "%s: %d runs, %d edges reached, %d inputs kept\n", name, runs, edges, kept
	}' "$log"
