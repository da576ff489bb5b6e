/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory nodes (NUMA): the node of a page, and other nodes with memory. */
#ifndef GM_NODE_H
#define GM_NODE_H

/* The node of a mapped page; a negative errno if it is not mapped (move_pages(2)). */
int gm_node_of(void *page);
/* The first node with memory except `node`; -1: none. gm_node_other(-1): the first of all. */
int gm_node_other(int node);

#endif
