/* JSON Patch on a document of one's own. A pointer (RFC 6901) is followed to the container of its last
 * part. */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { TOKENS_MAX = 256 };

/* Where a pointer leads: a member of an object, a place in an array, or the whole document. */
struct place {
    json_t *container; /* borrowed; NULL: the document itself */
    char *key;         /* decoded; owned */
    size_t index;      /* in an array; its length for "-" */
};

/* The part of a pointer from AT to END, with ~1 and ~0 decoded; NULL: a wrong ~. */
static char *decode_token(const char *at, const char *end) {
    char *token = hubc_alloc((size_t)(end - at) + 1), *out = token;
    for (; at < end; at++) {
        if (*at != '~')
            *out++ = *at;
        else if (at + 1 < end && at[1] == '0')
            *out++ = '~', at++;
        else if (at + 1 < end && at[1] == '1')
            *out++ = '/', at++;
        else
            return free(token), NULL;
    }
    return token;
}

/* An index without leading zeros, at most MOST. */
static bool read_index(const char *token, size_t most, size_t *index) {
    size_t digits = strspn(token, "0123456789");
    if (!digits || token[digits] || digits > 9 || (*token == '0' && digits > 1)) return false;
    *index = strtoul(token, NULL, 10);
    return *index <= most;
}

/* What is at the place: NULL when there is nothing. */
static json_t *value_at(const struct place *p, json_t *document) {
    if (!p->container) return document;
    if (json_is_object(p->container)) return json_object_get(p->container, p->key);
    return json_array_get(p->container, p->index);
}

static bool enter_container(struct place *p, json_t *container, char *token) {
    free(p->key);
    p->key = token;
    p->container = container;
    if (!token) return false;
    if (json_is_object(container)) return true;
    if (!json_is_array(container)) return false;
    size_t n = json_array_size(container);
    if (!strcmp(token, "-")) return p->index = n, true;
    return read_index(token, n, &p->index);
}

/* False: the pointer leads nowhere. The last part need not be there. */
static bool find_place(struct place *p, json_t *document, const char *pointer) {
    *p = (struct place){0};
    if (!pointer || (*pointer && *pointer != '/')) return false;
    json_t *value = document;
    for (int depth = 0; *pointer; depth++) {
        const char *end = pointer + 1 + strcspn(pointer + 1, "/");
        if (!value || depth == TOKENS_MAX || !enter_container(p, value, decode_token(pointer + 1, end))) return false;
        value = value_at(p, document);
        pointer = end;
    }
    return true;
}

/* VALUE is taken over. */
static bool put_value(struct place *p, json_t **document, json_t *value, bool insert) {
    if (!p->container) {
        json_decref(*document);
        *document = value;
        return true;
    }
    if (json_is_object(p->container)) return !json_object_set_new(p->container, p->key, value);
    if (insert) return !json_array_insert_new(p->container, p->index, value);
    return !json_array_set_new(p->container, p->index, value);
}

static bool drop_value(struct place *p, json_t **document) {
    if (!value_at(p, *document)) return false;
    if (json_is_object(p->container)) return !json_object_del(p->container, p->key);
    if (p->container) return !json_array_remove(p->container, p->index);
    json_decref(*document);
    *document = NULL;
    return true;
}

/* The value at the pointer FROM, as an own reference; NULL: none. */
static json_t *take_from(json_t **document, const char *from, bool remove) {
    struct place p;
    json_t *value = find_place(&p, *document, from) ? value_at(&p, *document) : NULL;
    value = value ? json_deep_copy(value) : NULL;
    if (value && remove && !drop_value(&p, document)) {
        json_decref(value);
        value = NULL;
    }
    free(p.key);
    return value;
}

static bool numbers_equal(const json_t *a, const json_t *b) {
    if (json_is_integer(a) && json_is_integer(b)) return json_integer_value(a) == json_integer_value(b);
    return !(json_number_value(a) < json_number_value(b)) && !(json_number_value(a) > json_number_value(b));
}

/* Equal as RFC 6902 (4.6) has it: 1 and 1.0 are. */
static bool values_equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return numbers_equal(a, b);
    if (json_typeof(a) != json_typeof(b)) return false;
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_object(a)) {
        if (json_object_size(a) != json_object_size(b)) return false;
        json_object_foreach((json_t *)a, key, member) {
            const json_t *other = json_object_get(b, key);
            if (!other || !values_equal(member, other)) return false;
        }
        return true;
    }
    if (!json_is_array(a)) return json_equal(a, b);
    if (json_array_size(a) != json_array_size(b)) return false;
    json_array_foreach(a, i, member) {
        if (!values_equal(member, json_array_get(b, i))) return false;
    }
    return true;
}

/* What an operation puts or tests: an own reference; NULL: it says none. */
static json_t *operand_of(const json_t *step, const char *op, json_t **document) {
    const char *from = hubc_text_of(step, "from");
    if (!strcmp(op, "copy")) return take_from(document, from, false);
    if (!strcmp(op, "move")) return take_from(document, from, true);
    const json_t *value = json_object_get(step, "value");
    return value ? json_deep_copy(value) : NULL;
}

static bool run_at(struct place *p, json_t **document, const char *op, json_t *value) {
    const json_t *here = value_at(p, *document);
    if (!strcmp(op, "add") || !strcmp(op, "copy") || !strcmp(op, "move")) return put_value(p, document, value, true);
    bool fits = here && (strcmp(op, "test") ? !strcmp(op, "replace") : values_equal(here, value));
    if (fits && !strcmp(op, "replace")) return put_value(p, document, value, false);
    json_decref(value);
    return fits;
}

/* A value cannot be moved into itself. */
static bool moves_into_itself(const json_t *step, const char *op, const char *path) {
    const char *from = hubc_text_of(step, "from");
    if (strcmp(op, "move") || !from) return false;
    size_t n = strlen(from);
    return !strncmp(path, from, n) && path[n] == '/';
}

static bool run_step(json_t **document, const json_t *step) {
    const char *op = hubc_text_of(step, "op"), *path = hubc_text_of(step, "path");
    if (!op || !path || moves_into_itself(step, op, path)) return false;
    json_t *value = NULL;
    bool removes = !strcmp(op, "remove");
    if (!removes && !(value = operand_of(step, op, document))) return false;
    struct place p;
    bool done = find_place(&p, *document, path);
    if (!done)
        json_decref(value);
    else
        done = removes ? drop_value(&p, document) : run_at(&p, document, op, value);
    free(p.key);
    return done;
}

bool hubc_patch(json_t **document, const json_t *patch) {
    size_t i;
    json_t *step;
    if (!json_is_array(patch)) return false;
    json_array_foreach(patch, i, step) {
        if (!run_step(document, step)) return false;
    }
    return true;
}
