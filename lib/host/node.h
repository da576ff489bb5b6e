/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory nodes (NUMA): where a page lies, and where else one could lie. */
#ifndef GM_NODE_H
#define GM_NODE_H

/* The node that a mapped page lies on; a negative errno where nothing is mapped (move_pages(2)). */
int gm_node_of(void *page);
/* The first node with memory that is not `node`; -1: none. gm_node_other(-1) is the first of all. */
int gm_node_other(int node);

#endif
