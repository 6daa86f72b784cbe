/* What is taken out of the store because it is too old or too much (contract: extensions.md "inbox,
 * retention, limits"): messages by age and by number of a room, deleted messages, kept events.
 *
 * Nobody is told, and no number changes: what is gone is a gap that readers step over. Of each room the
 * greatest changeSeq among what was removed is in the table {hub}Removed before anything goes, so that a
 * replay from before it does not claim to be complete (message/history.c). */
#ifndef HUB_RETENTION_RETENTION_H
#define HUB_RETENTION_RETENTION_H
#include "hub/core/core.h"

extern const struct hub_part hub_retention_part;
#endif
