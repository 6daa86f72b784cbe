/* The query of a request: names and values as decoded. A name that is given twice, or that nobody knows,
 * is refused by name: a condition that is dropped without a word shows rows that were not asked for. */
#include <stdio.h>

#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "rest/rest_int.h"

#define NAME_SHOWN 64 /* bytes of a name in an error text */

/* NULL, or what is wrong with NAME and VALUE; else they are in ALL. */
static const char *add_parameter(json_t *all, struct hub_str name, struct hub_str value) {
    char *key = hub_str_dup(name);
    const char *fault = NULL;
    if (!name.n || strlen(key) != name.n || !hub_utf8_valid(name) || !hub_utf8_valid(value))
        fault = "expected name=value, in UTF-8";
    else if (json_object_get(all, key))
        fault = "given twice";
    else
        hub_json_set_str(all, key, value);
    free(key);
    return fault;
}

bool hub_rest_bad_parameter(struct hub_http_req *req, struct hub_str name, const char *fault) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "%.*s: %s", HUB_CUT(name, NAME_SHOWN), fault);
    hub_rest_fail_code(req, HUB_BAD_REQUEST, hub_buf_cstr(&text), hub_str(NULL, 0));
    hub_buf_free(&text);
    return false;
}

static bool take_pair(struct hub_http_req *req, json_t *all, struct hub_str pair) {
    struct hub_buf name = {0}, value = {0};
    size_t eq = hub_str_find(pair, '=');
    const char *fault = "a % that is not followed by two hexadecimal digits";
    if (hub_buf_add_form(&name, hub_str(pair.p, eq)) &&
        (eq == pair.n || hub_buf_add_form(&value, hub_str(pair.p + eq + 1, pair.n - eq - 1))))
        fault = add_parameter(all, hub_buf_str(&name), hub_buf_str(&value));
    if (fault)
        hub_rest_bad_parameter(req, hub_utf8_valid(hub_buf_str(&name)) ? hub_buf_str(&name) : HUB_STR("the query"),
                               fault);
    hub_buf_free(&name);
    hub_buf_free(&value);
    return !fault;
}

json_t *hub_rest_query(struct hub_http_req *req) {
    struct hub_str rest = hub_http_query(req), pair;
    json_t *all = json_object();
    while (rest.n && hub_str_split(&rest, '&', &pair)) {
        if (!pair.n || take_pair(req, all, pair)) continue;
        json_decref(all);
        return NULL;
    }
    json_object_del(all, "access_token"); /* the identity's */
    return all;
}

bool hub_rest_query_int(struct hub_http_req *req, const json_t *query, const char *key, int64_t low, int64_t high,
                        json_t *out) {
    const json_t *v = json_object_get(query, key);
    int64_t n = 0;
    char text[96];
    if (!v) return true;
    if (hub_str_i64(hub_json_str(v), &n) && n >= low && n <= high)
        return json_object_set_new(out, key, json_integer(n)), true;
    if (high < INT64_MAX)
        snprintf(text, sizeof text, "expected a whole number from %lld to %lld", (long long)low, (long long)high);
    else
        snprintf(text, sizeof text, "expected a whole number of %lld or more", (long long)low);
    return hub_rest_bad_parameter(req, hub_cstr(key), text);
}
