/* Blocks, silences and requests to speak: applied by moderators, stored, told to those concerned. */
#ifndef HUB_MODERATION_MODERATION_H
#define HUB_MODERATION_MODERATION_H
#include "hub/call/call.h"

extern const struct hub_part hub_moderation_part;
#endif
