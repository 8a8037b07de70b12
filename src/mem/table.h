/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation tables (struct dma_table): build a new one from the current one, publish it, revert
 * to the previous one. The caller holds regions_lock. Nothing here calls a device.
 */
#ifndef MEM_TABLE_H
#define MEM_TABLE_H

#include "mem/dma.h"

/**
 * table_add_region - Publish a table with one more region
 * @map: whose table; it need not have one yet
 * @region: the region, which overlaps none in the table
 * @iova: its IOVA
 *
 * Return: 0 or -ENOMEM, with the error text set.
 */
int table_add_region(struct dma_map *map, const struct dma_region *region, uint64_t iova);

/**
 * table_remove_region - Publish a table without a region
 * @bit: the region's number; need not be in the table
 *
 * Return: 0 or -ENOMEM, with the error text set.
 */
int table_remove_region(struct dma_map *map, unsigned bit);

/**
 * table_revert - Make the previous table current again
 * @map: the last publication has not been reverted yet
 *
 * Can't fail. The replaced table is kept: a reader may still use it.
 */
void table_revert(struct dma_map *map);

/**
 * table_span - Find a region in the current table
 * @bit: the region's number
 *
 * Return: the span, valid as long as the map; NULL if the region is not in the table.
 */
const struct dma_span *table_span(const struct dma_map *map, unsigned bit);

/**
 * table_previous_span - Find a region in the table that table_revert() would restore
 * @map: the last publication has not been reverted yet
 *
 * Return: see table_span().
 */
const struct dma_span *table_previous_span(const struct dma_map *map, unsigned bit);

/**
 * table_free_all - Free all tables of a map
 * @map: no reader is left
 */
void table_free_all(struct dma_map *map);

#endif
