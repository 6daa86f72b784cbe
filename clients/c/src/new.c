/* A client on libwebsockets; all else works on any transport. */
#include <errno.h>

#include "client.h"
#include "transport_lws.h"

struct hubd_client *hubd_client_new(const struct hubd_client_options *options) {
    struct hubc_transport *transport = hubc_transport_lws_new(options);
    struct hubd_client *c = transport ? hubc_client_new(options, transport) : NULL;
    int why = errno;
    if (transport && !c) transport->ops->free(transport);
    return errno = why, c;
}
