/* What the two files of the chunk share. */
#ifndef HUB_PACKET_CHUNK_INT_H
#define HUB_PACKET_CHUNK_INT_H
#include "packet/chunk.h"

void hub_chunk_deflated_free(struct hub_chunk_deflated *d);
#endif
