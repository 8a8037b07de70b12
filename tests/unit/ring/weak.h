/* SPDX-License-Identifier: BSD-3-Clause */
/* Put in front of the driver's side of the litmus programs: weakens one half of its order. */
#ifdef WEAK_RELEASE
#undef __ATOMIC_RELEASE
#define __ATOMIC_RELEASE __ATOMIC_RELAXED
#endif
#ifdef WEAK_ACQUIRE
#undef __ATOMIC_ACQUIRE
#define __ATOMIC_ACQUIRE __ATOMIC_RELAXED
#endif
