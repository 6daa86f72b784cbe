/* The generated REST endpoints (contract: rest.md): paths to the same commands that socket events run, and
 * DataObject CRUD. */
#ifndef HUB_REST_REST_H
#define HUB_REST_REST_H
#include "hub/engine.h"
#include "identity/identity.h"
#include "transport/transport.h"

struct hub_rest;
HUB_MUST struct hub_rest *hub_rest_new(struct hub_engine *engine, struct hub_identity_ctx *identity,
                                       const struct hub_service *service, const struct hub_tables *tables);
/* After a reload. */
void hub_rest_configure(struct hub_rest *r, const struct hub_service *service, const struct hub_tables *tables);
void hub_rest_delete(struct hub_rest *r);
/* Takes REQ (and answers it now or later) when its path belongs to a hub or to /objects/, and with
 * auth.dev to /bus/; false otherwise. */
bool hub_rest_handle(struct hub_rest *r, struct hub_http_req *req);
/* For hub_transport_ops.admit: the body of REQ is read on when its credentials name somebody; otherwise it
 * is refused now. */
void hub_rest_admit(struct hub_rest *r, struct hub_http_req *req);
/* Answers with the failure form:
 * {"result":"ERR","status":…,"message":…,"errCode":…,"date":…,"detail":{…}}. DETAIL: JSON members or
 * empty. */
void hub_rest_fail(struct hub_http_req *req, enum hub_code code, int status, const char *message, struct hub_str detail,
                   const char *headers);
#endif
