/* SPDX-License-Identifier: BSD-3-Clause */
/* Work of a known length that touches no memory: what a device, or an application, does besides. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

/* work - Spin for so many rounds, of some two nanoseconds each */
void work(unsigned rounds);

/* work_rounds - Measure how many rounds of work() take @ns nanoseconds on this processor, now */
unsigned work_rounds(double ns);

#endif
