/* Blocks, silences and requests to speak: applied by moderators, stored, told to those concerned. */
#ifndef HUB_MODERATION_MODERATION_H
#define HUB_MODERATION_MODERATION_H
#include "hub/call/call.h"

/* Wall ms, 0 = not, INT64_MAX = without end; when it ends by itself the room and the user are told. */
void hub_silence_set(struct hub_moderated *m, int64_t until);

extern const struct hub_part hub_moderation_part;
#endif
