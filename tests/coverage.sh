#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures which lines and branches of src/ the tests run, in build/test-coverage.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/packages.sh
. tests/packages.sh

usage() {
	cat <<-TEXT
	usage: tests/coverage.sh [--branches=PERCENT] [--lines=PERCENT] [--keep]

	  --branches=PERCENT  exit with 1 when fewer branches of src/ are taken (90)
	  --lines=PERCENT     likewise for lines (0)
	  --keep              no tests: tell again what the last run left
	  --help              this text

	Runs the unit and integration tests, hostile back-ends included, and prints lines and
	branches for each folder; every branch that no test takes is listed in
	build/test-coverage/branches.txt.
	Exit status: 0 all well, 1 a test failed or too little is covered, 2 for a wrong option.
	TEXT
}

dir=build/test-coverage
limits=(--branches=90)
keep=false
for option; do
	case $option in
	--branches=* | --lines=*) limits+=("$option") ;;
	--keep) keep=true ;;
	--help) usage; exit 0 ;;
	*) echo "tests/coverage.sh: unknown option $option; see --help" >&2; exit 2 ;;
	esac
done

# shellcheck disable=SC2086 # lists of words
need_packages $PACKAGES_BUILD $PACKAGES_TEST $PACKAGES_COVERAGE || exit 1

# Counters of threads are lost unless they are atomic; ThreadSanitizer would see races in them, too.
# Being atomic they are fences, so that the test of what happens without any can't run. Optimization
# would join branches. Functions of the hot path that are always inlined have copies for constant
# arguments, each with branches that can't be taken there: not inlined, they are counted once.
arguments="-fprofile-update=atomic -Dalways_inline=unused"
measure() {
	local names status
	mkdir -p build
	if [ ! -f $dir/build.ninja ] && ! CC=gcc meson setup $dir -Dwerror=true \
		-Dbuildtype=debug -Db_coverage=true -Dc_args="$arguments" >$dir.log 2>&1; then
		tail -n 5 $dir.log
		return 1
	fi
	if ! ninja --quiet -C $dir >$dir.log 2>&1; then
		head -n 60 $dir.log
		return 1
	fi
	find $dir -name '*.gcda' -delete
	mapfile -t names < <(meson test -C $dir --list --suite unit --suite integration \
		2>/dev/null | sed -n 's|.* / ||p')
	meson test -C $dir --no-rebuild --timeout-multiplier 4 "${names[@]}" >$dir.log 2>&1
	status=$?
	grep -E '^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT|ERROR)' $dir.log
	return $status
}

status=0
$keep || measure || status=1
# Only the functions of src/: inline functions of system headers don't count.
gcovr --root . --filter 'src/' --exclude-throw-branches --gcov-ignore-parse-errors \
	--object-directory $dir --json $dir/coverage.json $dir/src $dir/tests $dir/examples \
	>$dir/gcovr.log 2>&1 || { tail -n 5 $dir/gcovr.log; exit 1; }
python3 tests/coverage.py "${limits[@]}" $dir/coverage.json $dir/branches.txt || status=1
exit $status
