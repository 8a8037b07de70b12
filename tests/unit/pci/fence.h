/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included before src/transport/pci/queue.c: its fences are noted among the accesses of the model.
 */
#ifndef TESTS_UNIT_PCI_FENCE_H
#define TESTS_UNIT_PCI_FENCE_H

#include <stdatomic.h>

/* A fence of this order has been passed. */
void model_fence(int order);

#undef atomic_thread_fence
#define atomic_thread_fence(order) (__atomic_thread_fence(order), model_fence(order))

#endif
