/* The inbox: a user's rooms with what is unread in each, without joining them, and word of what changes there
 * (contract: extensions.md "inbox, retention, limits"). */
#ifndef HUB_INBOX_INBOX_H
#define HUB_INBOX_INBOX_H
#include "hub/call/call.h"

extern const struct hub_part hub_inbox_part;
#endif
