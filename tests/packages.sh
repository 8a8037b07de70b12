# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# The packages that the project needs, and a function that installs them. To be sourced:
#	. tests/packages.sh; need_packages $PACKAGES_BUILD
# Prints nothing if everything is installed. Knows Debian and its derivatives; elsewhere the build
# itself reports what is missing.

# shellcheck disable=SC2034 # read by the file that sources this one
PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config libnuma-dev libjson-c-dev"
# shellcheck disable=SC2034
PACKAGES_TEST="clang g++ libcmocka-dev python3 valgrind e2fsprogs binutils spin gnuplot-nox
sg3-utils libiscsi-bin sdparm smartmontools ddpt python3-prometheus-client systemtap-sdt-dev
bash-completion zsh qemu-utils fio nbdkit nbdkit-plugin-dev libnbd-bin libnbd-dev
python3-cffi python3-pip python3-setuptools python3-wheel abigail-tools musl-tools bpftrace"
# shellcheck disable=SC2034
PACKAGES_GUEST="qemu-system-x86 busybox-static sg3-utils libiscsi-bin e2fsprogs"
# shellcheck disable=SC2034
PACKAGES_PEERS="libdpdk-dev"
# shellcheck disable=SC2034
PACKAGES_CROSS="gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu
libc6-dev-s390x-cross qemu-user"
# shellcheck disable=SC2034
PACKAGES_FUZZ="clang libclang-rt-14-dev"
# shellcheck disable=SC2034
PACKAGES_COVERAGE="gcovr"
# shellcheck disable=SC2034
PACKAGES_DEBIAN="build-essential debhelper fakeroot lintian"
# shellcheck disable=SC2034
PACKAGES_MUSL="cmake"
# shellcheck disable=SC2034
PACKAGES_STYLE="clang-format-14 clang-tidy-14 cppcheck codespell universal-ctags shellcheck man-db git
python3 binutils"

# Prints those of the packages named that are not installed.
missing_packages() {
	for package in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*" installed") ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

# Installs those of the packages named that are not there. Returns non-zero when some stay missing.
need_packages() {
	command -v dpkg-query >/dev/null 2>&1 || return 0
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "some packages are missing; install them with: sudo apt-get install $missing" >&2
		return 1
	fi
	echo "installing $missing"
	# The lists may be absent or old; an update that fails may still leave lists that do.
	DEBIAN_FRONTEND=noninteractive timeout 120 apt-get -qq update >/dev/null 2>&1 || :
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install $missing >/dev/null </dev/null && return 0
	echo "apt-get could not install: $missing" >&2
	return 1
}
