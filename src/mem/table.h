/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of dma.h: how a new one is made of the one in force, put in force, and taken out of
 * it. All are called with the pool's region lock held. Nothing here calls a device.
 */
#ifndef MEM_TABLE_H
#define MEM_TABLE_H

#include "mem/dma.h"

/**
 * table_publish_with - Put a table in force that has one region more
 * @map: whose table; having none yet is allowed
 * @region: the region, which overlaps none of the table
 * @iova: where the device sees it
 *
 * Return: 0 or -ENOMEM, with the sentence set.
 */
int table_publish_with(struct dma_map *map, const struct dma_region *region, uint64_t iova);

/**
 * table_publish_without - Put a table in force that lacks one region
 * @bit: the region's number; a region that is not there is allowed
 *
 * Return: 0 or -ENOMEM, with the sentence set.
 */
int table_publish_without(struct dma_map *map, unsigned bit);

/**
 * table_revert - Put the table in force again that was there before the last one was published
 * @map: has had a publication that was not reverted
 *
 * Can't fail. The table that leaves is kept as well: a reader may be in it.
 */
void table_revert(struct dma_map *map);

/**
 * table_span - Find a region in the table in force
 * @bit: the region's number
 *
 * Return: the span, valid as long as the map; NULL when it is not there.
 */
const struct dma_span *table_span(const struct dma_map *map, unsigned bit);

/**
 * table_former_span - Find a region in the table that table_revert() would bring back
 * @map: has had a publication that was not reverted
 *
 * Return: as table_span().
 */
const struct dma_span *table_former_span(const struct dma_map *map, unsigned bit);

/**
 * table_free_all - Free a map's tables, the retired ones too
 * @map: no reader is left
 */
void table_free_all(struct dma_map *map);

#endif
