/* The transport on libwebsockets: one context with one connection. */
#ifndef HUBC_TRANSPORT_LWS_H
#define HUBC_TRANSPORT_LWS_H
#include "hubd-client.h"
#include "transport.h"

/* NULL: errno, as hubd_client_new() says. */
struct hubc_transport *hubc_transport_lws_new(const struct hubd_client_options *options)
    __attribute__((warn_unused_result));
#endif
