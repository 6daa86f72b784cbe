/* The names of services/features in C. */
#include "chat.h"

static const char *const types[] = {
    [CHAT_CONTENT_TEXT] = CHAT_CONTENT_TEXT_TEXT, [CHAT_CONTENT_BID] = CHAT_CONTENT_BID_TEXT};

const char *name_of(enum ChatContent type) {
    switch (type) {
    case CHAT_CONTENT_TEXT:
    case CHAT_CONTENT_BID: return types[type];
    case CHAT_CONTENT_IMAGE:
    case CHAT_CONTENT_FREE:
    case CHAT_CONTENT_CLASS:
    case CHAT_CONTENT_COUNT: break;
    }
    return CHAT_SERVER_TO_CLIENT_HUB_MESSAGE_ARRIVED_TEXT;
}

enum ErrorCode first(void) { return ERROR_CODE_AUTH_REQUIRED; }
enum ChatRole moderator(void) { return CHAT_ROLE_MOD; }
