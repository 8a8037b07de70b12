#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what is missing, builds, runs every test and ends with the line
# "N passed, N failed, N skipped". All that it makes lies under build/.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/packages.sh
. tests/packages.sh

usage() {
	cat <<-TEXT
	usage: tests/run.sh [--quick | --long]

	  --quick  no guest, valgrind, ThreadSanitizer, fuzzers, mutants, other architectures: what
	           to run while working
	  --long   gives the property tests more rounds (VSCSI_TEST_LONG=1), each fuzzer an hour
	           instead of 20 seconds (VSCSI_FUZZ_SECONDS), and the soak test ten minutes
	           instead of none (VSCSI_SOAK_SECONDS); measures coverage, and fails below 90%
	           of branches; tries all mutants instead of six; builds the Debian packages
	  --help   this text

	Builds: build/test (gcc, AddressSanitizer and UndefinedBehaviorSanitizer), build/test-plain
	(gcc, release; packaging, guest and valgrind), build/test-tsan (gcc, ThreadSanitizer),
	build/test-clang (clang, release; unit tests), build/test-fuzz (clang, libFuzzer), and
	build/test-arm64 and build/test-s390x (gcc; unit tests under qemu-user).
	Warnings are errors in all of them.
	Exit status: 0 when nothing failed, 1 otherwise, 2 for a wrong option.
	TEXT
}

quick=false
fuzz=false
cross=()
multiplier=3 # of time limits: machines of continuous integration are slow, and shared
limit=900
mutants=(--sample 6 --minutes 2)
case "${1-}" in
"") ;;
--quick) quick=true ;;
--long)
	export VSCSI_TEST_LONG=1 VSCSI_FUZZ_SECONDS="${VSCSI_FUZZ_SECONDS:-3600}"
	export VSCSI_SOAK_SECONDS="${VSCSI_SOAK_SECONDS:-600}"
	multiplier=10
	limit=86400
	mutants=()
	;;
--help) usage; exit 0 ;;
*) echo "tests/run.sh: unknown option $1; see tests/run.sh --help" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "tests/run.sh takes one option; see tests/run.sh --help" >&2; exit 2; }

# shellcheck disable=SC2086 # lists of words
need_packages $PACKAGES_BUILD $PACKAGES_TEST || exit 1
if ! $quick; then
	# Without them the guest tests are skipped, and say so.
	# shellcheck disable=SC2086
	need_packages $PACKAGES_GUEST || echo "going on without the guest tests"
	# shellcheck disable=SC2086
	need_packages $PACKAGES_PEERS || echo "going on without the back-ends of other makers"
	# shellcheck disable=SC2086
	need_packages $PACKAGES_FUZZ && fuzz=true || echo "going on without the fuzzers"
	# shellcheck disable=SC2086
	need_packages $PACKAGES_CROSS && cross=(arm64 s390x) ||
		echo "going on without other architectures"
fi
if [ -n "${VSCSI_TEST_LONG-}" ]; then
	# shellcheck disable=SC2086
	need_packages $PACKAGES_DEBIAN || echo "going on without the Debian packages"
	# shellcheck disable=SC2086
	need_packages $PACKAGES_MUSL || echo "going on without cmake"
fi

mkdir -p build
results=$(mktemp -d build/results.XXXXXX)
hugepages=/proc/sys/vm/nr_hugepages
reserved=0

# Some tests want 2 MiB pages. What was gained is given back, so that others' reservations stay.
reserve_hugepages() {
	local before after
	[ -w $hugepages ] || return 0
	before=$(cat $hugepages)
	echo $((before + 8)) 2>/dev/null >$hugepages || return 0
	after=$(cat $hugepages)
	reserved=$((after - before))
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ "$reserved" -le 0 ] || echo $(($(cat $hugepages) - reserved)) >$hugepages
	rm -rf "$results"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# With the seconds that have passed, which tell where the time goes.
heading() {
	printf '\n== %s (%d s)\n' "$*" "$SECONDS"
}

# build NAME COMPILER OPTION...: configures build/NAME, again where it is there, and compiles it.
# $only: a regular expression, of Perl's, for those of its programs to which that is limited.
build() {
	local dir=build/$1 compiler=$2 log=build/$1.log again='' programs=()
	shift 2
	heading "build $dir"
	[ ! -f "$dir/build.ninja" ] || again=--reconfigure
	if ! CC=$compiler timeout 120 meson setup $again "$dir" -Dwerror=true "$@" \
		>"$log" 2>&1; then
		tail -n 5 "$log"
	else
		[ -z "${only-}" ] || mapfile -t programs < <(ninja -C "$dir" -t targets all |
			sed -n 's/: c_LINKER$//p' | grep -P -e "$only")
		timeout 600 ninja --quiet -C "$dir" "${programs[@]}" >"$log" 2>&1 && return 0
		head -n 60 "$log"
	fi
	python3 tests/summary.py --broken "$results" "build $dir"
	return 1
}

# run NAME OPTION...: runs the tests of build/NAME and keeps their results, as TIME.NAME.json, or as
# TIME.NAME-SETUP.json if the tests ran under a test setup.
run() {
	local dir=build/$1 log
	shift
	heading "test $dir $*"
	rm -f "$dir"/meson-logs/testlog*.json
	timeout $limit meson test -C "$dir" --no-rebuild --timeout-multiplier "$multiplier" "$@" \
		>"$dir/meson-test.log" 2>&1
	local status=$?
	grep -E '^ *[0-9]+/[0-9]+ ' "$dir/meson-test.log"
	log=$(echo "$dir"/meson-logs/testlog*.json)
	if ! cp "$log" "$results/$(date +%s%N).${dir#build/}${log#*/testlog}" 2>/dev/null ||
		[ $status -ge 124 ]; then
		tail -n 20 "$dir/meson-test.log"
		python3 tests/summary.py --broken "$results" "meson test in $dir"
	fi
}

# run_programs KIND NAME OPTION...: as run, for the programs among the unit and integration tests
# only: scripts gain nothing from an instrumented run. KIND: --programs for all of them, --threaded
# for those that start threads. $except: a regular expression for those to leave out. One soak test
# is enough, and measures nothing where a tool holds memory back.
run_programs() {
	local kind=$1 list
	shift
	mapfile -t list < <(python3 tests/summary.py "$kind" "build/$1" |
		grep -vE -e "${except:-^$}")
	if [ ${#list[@]} -eq 0 ]; then
		python3 tests/summary.py --broken "$results" "no programs in build/$1"
		return
	fi
	# Last, because the last multiplier wins; an option also overrides that of a test setup.
	VSCSI_SOAK_SECONDS=0 VSCSI_TEST_BRIEF=1 run "$@" \
		--timeout-multiplier $((5 * multiplier)) "${list[@]}"
}

# Likewise, for unit tests only: what another compiler does to the code shows there. For those that
# were built.
run_units() {
	local list
	mapfile -t list < <(python3 tests/summary.py --programs "build/$1" | grep '^unit-')
	[ ${#list[@]} -eq 0 ] || run "$@" "${list[@]}"
}

# A thread that crashes says where; CMocka would catch the signal and lose that. SIGBUS is left to
# vscsi-target, whose clients may cut their memory short.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:print_summary=1
ASAN_OPTIONS+=:handle_segv=2:handle_sigill=2:handle_sigfpe=2
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# Without its sources the engine for fio is not built, and its test is skipped.
fio=$(tests/fio.sh) || echo "going on without the engine for fio"
# With it the tools are built with musl too.
[ -z "${VSCSI_TEST_LONG-}" ] || tests/cross/musl.sh >/dev/null ||
	echo "going on without the tools for musl"

reserve_hugepages
build test gcc -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Dfio="$fio" &&
	run test --no-suite guest
if build test-clang clang -Dbuildtype=release && ! $quick; then
	run_units test-clang
fi
if build test-plain gcc -Dbuildtype=release; then
	run test-plain --suite packaging
	if ! $quick; then
		# An emulated processor is slow enough without a sanitizer on the other side.
		run test-plain --suite guest
		# One kind of ring is enough to find memory that is used and was never written, and
		# one program for those in order. The children of integration-fork leave by _exit()
		# with everything open, on purpose. Two thousand faults, one by one, are for
		# AddressSanitizer.
		except='^integration-[^i].*-in-order$|-split$|^integration-fork$|^fault$' \
			run_programs --programs test-plain --setup valgrind
	fi
fi
# ThreadSanitizer doesn't model fences, and gcc warns of each. Ours order words that are atomic. It
# has nothing to say of a program with one thread, nor of faults one by one. Packed and split rings
# are enough, and one program with many threads for those in order.
if ! $quick && build test-tsan gcc -Dbuildtype=debugoptimized -Db_sanitize=thread \
	-Dc_args=-Wno-tsan; then
	except='^integration-[^q].*-in-order$|^fault$' run_programs --threaded test-tsan
fi

if $fuzz && build test-fuzz clang -Dbuildtype=debugoptimized -Dfuzz=true \
	-Db_sanitize=address,undefined -Db_lundef=false; then
	run test-fuzz --suite fuzz --verbose
	grep -E '^fuzz-[a-z]+: ' build/test-fuzz/meson-test.log
fi

# Other byte orders and rules of alignment, on processors that are emulated: a little of everything
# has to do. Without the tests of the tools, and those that try each order of memory accesses, which
# no processor has a part in. Where gcc optimizes little, it takes more for uninitialized than is.
for arch in "${cross[@]}"; do
	if ! tests/cross/fetch.sh "$arch"; then
		echo "going on without $arch"
	elif only='/unit-(?!(perf|target|ring-fence)$)[^/]*$' build "test-$arch" gcc \
		--cross-file "build/root-$arch.ini" --cross-file "tests/cross/$arch.ini" \
		-Dbuildtype=debug -Ddebug=false -Doptimization=1 \
		-Dc_args=-Wno-maybe-uninitialized; then
		# More at once than there are processors: many of them wait.
		VSCSI_TEST_BRIEF=1 run_units "test-$arch" --num-processes 4
	fi
done

# Small wrong changes to the library, each of which some test must notice.
if ! $quick; then
	heading "mutants ${mutants[*]}"
	tests/mutants/run.py "${mutants[@]}" ||
		python3 tests/summary.py --broken "$results" "mutants"
fi

if [ -n "${VSCSI_TEST_LONG-}" ]; then
	heading "coverage"
	tests/coverage.sh ||
		python3 tests/summary.py --broken "$results" "coverage"
fi

python3 tests/summary.py "$results"
