/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes of translation tables (struct dma_table). The caller holds regions_lock. Nothing here
 * calls a device, allocates, or can fail.
 */
#ifndef MEM_TABLE_H
#define MEM_TABLE_H

#include "mem/dma.h"

/**
 * table_add - Publish a table with one more region
 * @map: @map->moving is the region's span, which overlaps none in the table
 */
void table_add(struct dma_map *map);

/**
 * table_remove - Publish a table without a region
 * @bit: the region's number
 *
 * The span is left in @map->moving for table_add(), with length 0 if the table has none.
 *
 * Return: whether the table had it.
 */
bool table_remove(struct dma_map *map, unsigned bit);

#endif
