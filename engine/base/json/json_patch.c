/* JSON Patch: each operation finds its place by a pointer and changes the copy. */
#include "base/json/json_patch.h"

#include "base/memory/mem.h"
#include "base/text/buf.h"

/* ---- pointers ---- */

/* A place: MEMBER of an object, or INDEX of an array; the whole document has neither. */
struct patch_place {
    json_t *in;            /* borrowed; NULL: the whole document */
    struct hub_buf member; /* of an object */
    size_t index;          /* of an array; its length for "-" */
};

/* Takes the next token off REST, "~1" being "/" and "~0" being "~". False: it is no pointer. */
static bool next_token(struct hub_str *rest, struct hub_buf *token) {
    hub_buf_clear(token);
    if (!rest->n || rest->p[0] != '/') return false;
    size_t i = 1;
    for (; i < rest->n && rest->p[i] != '/'; i++) {
        if (rest->p[i] != '~') {
            hub_buf_addc(token, rest->p[i]);
            continue;
        }
        if (++i == rest->n || (rest->p[i] != '0' && rest->p[i] != '1')) return false;
        hub_buf_addc(token, rest->p[i] == '0' ? '~' : '/');
    }
    *rest = hub_str(rest->p + i, rest->n - i);
    return true;
}

/* "0", "12"; not "01", "-1" or "1e0". "-" is the place behind the last one. */
static bool read_index(struct hub_str s, size_t length, size_t *index) {
    if (hub_str_is(s, "-")) {
        *index = length;
        return true;
    }
    if (!s.n || s.n > 9 || (s.n > 1 && s.p[0] == '0')) return false;
    *index = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        *index = *index * 10 + (size_t)(s.p[i] - '0');
    }
    return true;
}

static HUB_MUST json_t *child_at(json_t *value, struct hub_str token) {
    size_t index;
    if (json_is_object(value)) return json_object_getn(value, token.p ? token.p : "", token.n);
    if (!json_is_array(value) || !read_index(token, json_array_size(value), &index)) return NULL;
    return json_array_get(value, index);
}

static bool enter_place(struct patch_place *p) {
    if (json_is_object(p->in)) return true;
    return json_is_array(p->in) && read_index(hub_buf_str(&p->member), json_array_size(p->in), &p->index);
}

/* The place that POINTER names in ROOT, whether or not something is there; what it is in must be there. */
static bool find_place(json_t *root, struct hub_str pointer, struct patch_place *p) {
    p->in = NULL;
    if (!pointer.n) return true;
    if (!next_token(&pointer, &p->member)) return false;
    p->in = root;
    while (pointer.n) {
        p->in = child_at(p->in, hub_buf_str(&p->member));
        if (!p->in || !next_token(&pointer, &p->member)) return false;
    }
    return enter_place(p);
}

static HUB_MUST json_t *value_at(json_t *root, const struct patch_place *p) {
    return p->in ? child_at(p->in, hub_buf_str(&p->member)) : root;
}

/* ---- operations ---- */

struct patching {
    json_t *root; /* the copy */
    size_t max_cost;
    size_t index; /* of the operation */
    const json_t *op;
    struct patch_place at, from;
    struct hub_err *err;
};

static enum hub_code fail_op(const struct patching *x, enum hub_code code, const char *why) {
    return hub_fail(x->err, code, "patch[%zu]: %s", x->index, why);
}

static void put_root(struct patching *x, json_t *value) {
    json_decref(x->root);
    x->root = value;
}

/* VALUE is given away. */
static enum hub_code put_new(struct patching *x, const struct patch_place *p, json_t *value) {
    if (!p->in) {
        put_root(x, value);
    } else if (json_is_object(p->in)) {
        json_object_setn_new(p->in, p->member.p ? p->member.p : "", p->member.n, value);
    } else if (p->index > json_array_size(p->in)) {
        json_decref(value);
        return fail_op(x, HUB_BAD_REQUEST, "path: the list is not that long");
    } else {
        json_array_insert_new(p->in, p->index, value);
    }
    return HUB_OK;
}

static enum hub_code take_out(struct patching *x, const struct patch_place *p) {
    if (!p->in) return fail_op(x, HUB_BAD_REQUEST, "path: the whole value cannot be removed");
    if (json_is_object(p->in))
        json_object_deln(p->in, p->member.p ? p->member.p : "", p->member.n);
    else
        json_array_remove(p->in, p->index);
    return HUB_OK;
}

static HUB_MUST json_t *given_value(const struct patching *x) { return json_object_get(x->op, "value"); }

static enum hub_code need_value(const struct patching *x) {
    return given_value(x) ? HUB_OK : fail_op(x, HUB_BAD_REQUEST, "value: required, but missing");
}

static enum hub_code need_there(const struct patching *x, const struct patch_place *p) {
    return value_at(x->root, p) ? HUB_OK : fail_op(x, HUB_BAD_REQUEST, "there is nothing at that place");
}

static enum hub_code run_add(struct patching *x) {
    enum hub_code code = need_value(x);
    return code ? code : put_new(x, &x->at, json_deep_copy(given_value(x)));
}

static enum hub_code run_remove(struct patching *x) {
    enum hub_code code = need_there(x, &x->at);
    return code ? code : take_out(x, &x->at);
}

static enum hub_code run_replace(struct patching *x) {
    enum hub_code code = need_value(x);
    if (!code) code = need_there(x, &x->at);
    if (!code && x->at.in) code = take_out(x, &x->at);
    return code ? code : put_new(x, &x->at, json_deep_copy(given_value(x)));
}

static bool find_from(struct patching *x) {
    const json_t *from = json_object_get(x->op, "from");
    return json_is_string(from) && find_place(x->root, hub_json_str(from), &x->from);
}

static enum hub_code run_copy(struct patching *x) {
    if (!find_from(x) || !value_at(x->root, &x->from)) return fail_op(x, HUB_BAD_REQUEST, "from: there is nothing");
    return put_new(x, &x->at, json_deep_copy(value_at(x->root, &x->from)));
}

/* A place within what is moved is not there any more. */
static bool is_below(struct hub_str path, struct hub_str from) {
    return path.n > from.n && hub_str_starts(path, from) && path.p[from.n] == '/';
}

static enum hub_code run_move(struct patching *x) {
    struct hub_str path = hub_json_get_str(x->op, "path"), from = hub_json_get_str(x->op, "from");
    if (!find_from(x) || !value_at(x->root, &x->from)) return fail_op(x, HUB_BAD_REQUEST, "from: there is nothing");
    if (is_below(path, from)) return fail_op(x, HUB_BAD_REQUEST, "path: it lies in what is to be moved");
    if (hub_str_eq(path, from)) return HUB_OK;
    json_t *value = json_incref(value_at(x->root, &x->from));
    enum hub_code code = take_out(x, &x->from);
    if (!code && !find_place(x->root, path, &x->at)) code = fail_op(x, HUB_BAD_REQUEST, "path: there is no such place");
    if (code) {
        json_decref(value);
        return code;
    }
    return put_new(x, &x->at, value);
}

/* RFC 6902 4.6: numbers by their value. */
static enum hub_code run_test(struct patching *x) {
    enum hub_code code = need_value(x);
    if (!code) code = need_there(x, &x->at);
    if (code || hub_json_equal(value_at(x->root, &x->at), given_value(x))) return code;
    return fail_op(x, HUB_BAD_REQUEST, "test: something else is there");
}

static const struct {
    const char *name;
    enum hub_code (*run)(struct patching *x);
} operations[] = {{"add", run_add},   {"remove", run_remove}, {"replace", run_replace},
                  {"move", run_move}, {"copy", run_copy},     {"test", run_test}};

static enum hub_code run_op(struct patching *x) {
    struct hub_str name = hub_json_get_str(x->op, "op");
    const json_t *path = json_object_get(x->op, "path");
    for (size_t i = 0; i < HUB_NELEM(operations); i++) {
        if (!hub_str_is(name, operations[i].name)) continue;
        if (!json_is_string(path)) return fail_op(x, HUB_BAD_REQUEST, "path: expected a JSON pointer as text");
        if (!find_place(x->root, hub_json_str(path), &x->at))
            return fail_op(x, HUB_BAD_REQUEST, "path: there is no such place");
        return operations[i].run(x);
    }
    return fail_op(x, HUB_BAD_REQUEST, "op: expected add, remove, replace, move, copy or test");
}

json_t *hub_json_patch(const json_t *value, const json_t *patch, size_t max_cost, struct hub_err *err) {
    struct patching x = {.root = json_deep_copy(value), .max_cost = max_cost, .err = err};
    enum hub_code code =
        json_is_array(patch) ? HUB_OK : hub_fail(err, HUB_BAD_REQUEST, "patch: expected a list of operations");
    for (; !code && x.index < json_array_size(patch); x.index++) {
        x.op = json_array_get(patch, x.index);
        code = run_op(&x);
        if (!code && hub_json_cost(x.root) > max_cost) code = fail_op(&x, HUB_TOO_LARGE, "the value becomes too large");
    }
    hub_buf_free(&x.at.member);
    hub_buf_free(&x.from.member);
    if (!code) return x.root;
    json_decref(x.root);
    return NULL;
}

/* ---- differences ---- */

struct diff {
    json_t *ops;
    struct hub_buf path;
};

static size_t push_token(struct diff *d, struct hub_str token) {
    size_t before = d->path.n;
    hub_buf_addc(&d->path, '/');
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] == '~' || token.p[i] == '/')
            hub_buf_addz(&d->path, token.p[i] == '~' ? "~0" : "~1");
        else
            hub_buf_addc(&d->path, token.p[i]);
    }
    return before;
}

static size_t push_index(struct diff *d, size_t index) {
    size_t before = d->path.n;
    hub_buf_addf(&d->path, "/%zu", index);
    return before;
}

static void pop_token(struct diff *d, size_t before) { d->path.n = before; }

static void add_op(struct diff *d, const char *op, json_t *value) {
    json_t *o = json_object();
    json_object_set_new(o, "op", json_string(op));
    hub_json_set_str(o, "path", hub_buf_str(&d->path));
    if (value) json_object_set(o, "value", value);
    json_array_append_new(d->ops, o);
}

static void diff_values(struct diff *d, const json_t *was, json_t *now);

static void diff_objects(struct diff *d, const json_t *was, json_t *now) {
    const char *key;
    size_t n, before;
    json_t *v;
    json_object_keylen_foreach((json_t *)(uintptr_t)was, key, n, v) {
        if (json_object_getn(now, key, n)) continue;
        before = push_token(d, hub_str(key, n));
        add_op(d, "remove", NULL);
        pop_token(d, before);
    }
    json_object_keylen_foreach(now, key, n, v) {
        const json_t *old = json_object_getn(was, key, n);
        before = push_token(d, hub_str(key, n));
        if (old)
            diff_values(d, old, v);
        else
            add_op(d, "add", v);
        pop_token(d, before);
    }
}

/* What both begin and end with stays; between, one by one. */
static void diff_arrays(struct diff *d, const json_t *was, json_t *now) {
    size_t a = json_array_size(was), b = json_array_size(now), head = 0, tail = 0;
    while (head < a && head < b && json_equal(json_array_get(was, head), json_array_get(now, head))) head++;
    while (tail < a - head && tail < b - head &&
           json_equal(json_array_get(was, a - 1 - tail), json_array_get(now, b - 1 - tail)))
        tail++;
    size_t old_n = a - head - tail, new_n = b - head - tail, both = old_n < new_n ? old_n : new_n;
    for (size_t i = 0; i < both; i++) {
        size_t before = push_index(d, head + i);
        diff_values(d, json_array_get(was, head + i), json_array_get(now, head + i));
        pop_token(d, before);
    }
    for (size_t i = old_n; i > both; i--) {
        size_t before = push_index(d, head + i - 1);
        add_op(d, "remove", NULL);
        pop_token(d, before);
    }
    for (size_t i = both; i < new_n; i++) {
        size_t before = push_index(d, head + i);
        add_op(d, "add", json_array_get(now, head + i));
        pop_token(d, before);
    }
}

static void diff_values(struct diff *d, const json_t *was, json_t *now) {
    if (json_is_object(was) && json_is_object(now))
        diff_objects(d, was, now);
    else if (json_is_array(was) && json_is_array(now))
        diff_arrays(d, was, now);
    else if (!json_equal(was, now))
        add_op(d, "replace", now);
}

json_t *hub_json_diff(const json_t *was, json_t *now) {
    struct diff d = {.ops = json_array()};
    diff_values(&d, was, now);
    hub_buf_free(&d.path);
    return d.ops;
}
