/* Who may see the console, and what it has to know before anybody is signed in. The page itself is
 * engine/console. */
#include "base/json/json.h"
#include "ops/ops.h"

#define JSON "application/json; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

static void answer_text(struct hub_http_req *req, int status, const char *text) {
    hub_http_reply(req, status, TEXT, hub_cstr(text), "");
}

static void send_hubs(const struct hub_service *s, struct hub_http_req *req) {
    json_t *hubs = json_array();
    struct hub_buf b = {0};
    for (size_t i = 0; i < s->hub_n; i++) json_array_append_new(hubs, json_string(s->hubs[i].name));
    json_t *o = json_pack("{s:s, s:o, s:s, s:b, s:b, s:b}", "service", s->name, "hubs", hubs, "path", s->listen_path,
                          "dev", s->dev, "anonymous", s->anonymous, "token", s->jwt.on || s->authenticate.text.n > 0);
    hub_json_add(&b, o);
    hub_http_reply(req, 200, JSON, hub_buf_str(&b), "Cache-Control: no-store\r\n");
    json_decref(o);
    hub_buf_free(&b);
}

bool hub_console_handle(const struct hub_service *service, const struct hub_static *files, struct hub_http_req *req) {
    struct hub_str path = hub_http_path(req);
    enum hub_http_method m = hub_http_method(req);
    bool root = hub_str_is(path, "/console");
    if (!root && !hub_str_starts(path, HUB_STR("/console/"))) return false;
    if (!service->console && !service->dev)
        answer_text(req, 404, "The console is off. Write \"console: true\" into service.yaml to have it.\n");
    else if (m != HUB_HTTP_GET && m != HUB_HTTP_HEAD)
        hub_http_reply(req, 405, TEXT, HUB_STR("There is nothing to write here.\n"), "Allow: GET, HEAD\r\n");
    else if (!files)
        answer_text(req, 503,
                    "This hubd was built without its console. Install Node.js and npm, then build with: make build\n");
    else if (root)
        hub_http_reply(req, 308, TEXT, hub_str(NULL, 0),
                       "Location: console/\r\n"); /* relative: holds below every base path */
    else if (hub_str_is(path, "/console/hubs.json"))
        send_hubs(service, req);
    else if (!hub_static_handle(files, req))
        answer_text(req, 404, "There is nothing at this path of the console.\n");
    return true;
}
