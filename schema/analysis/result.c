/* What a hook returns, as far as it is written as a literal, against what the engine takes. */
#include "base/error/did_you_mean.h"
#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

#define CODE "L006"

static void check_keys(const struct hub_analysis *a, const struct hub_result_key *keys, const struct hub_syntax *x);

static void tell_value(const struct hub_analysis *a, const struct hub_syntax *x, const char *key,
                       const char *expected) {
    hub_analysis_tell(a, CODE, x->at, x->n, NULL, "%s has to be %s", key, expected);
}

/* "all", "others", "sender", or a list of user ids. */
static void check_audience(const struct hub_analysis *a, const char *key, const struct hub_syntax *x) {
    static const char *const words[] = {"all", "others", "sender"};
    struct hub_nearest near = {.word = x->text};
    if (x->kind == HUB_SYNTAX_LIST) {
        for (const struct hub_syntax *e = x->list; e; e = e->next)
            if (e->kind == HUB_SYNTAX_NUMBER || e->kind == HUB_SYNTAX_BOOLEAN || e->kind == HUB_SYNTAX_OBJECT)
                tell_value(a, e, key, "a list of user ids, which are texts");
        return;
    }
    bool text = x->kind == HUB_SYNTAX_TEXT;
    for (size_t i = 0; text && i < 3; i++) {
        if (hub_str_is(x->text, words[i])) return;
        hub_nearest_try(&near, words[i]);
    }
    const char *meant = text && hub_str_among(x->text, "everyone everybody room") ? "all" : near.best;
    if (text || x->kind == HUB_SYNTAX_NUMBER || x->kind == HUB_SYNTAX_BOOLEAN || x->kind == HUB_SYNTAX_OBJECT)
        hub_analysis_tell(a, CODE, x->at, x->n, meant,
                          "%s has to be \"all\", \"others\", \"sender\" or a list of user ids", key);
}

static void check_messages(const struct hub_analysis *a, const struct hub_syntax *x) {
    static const char expected[] = "a list of messages {type, content}";
    if (x->kind == HUB_SYNTAX_OBJECT || x->kind == HUB_SYNTAX_TEXT || x->kind == HUB_SYNTAX_BOOLEAN ||
        x->kind == HUB_SYNTAX_NUMBER)
        tell_value(a, x, "serverMessages", expected);
    for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_LIST ? x->list : NULL; e; e = e->next) {
        if (e->kind == HUB_SYNTAX_OBJECT)
            check_keys(a, hub_message_keys, e);
        else if (e->kind == HUB_SYNTAX_TEXT || e->kind == HUB_SYNTAX_NUMBER || e->kind == HUB_SYNTAX_BOOLEAN ||
                 e->kind == HUB_SYNTAX_LIST)
            tell_value(a, e, "each of serverMessages", "an object {type, content}");
    }
}

static void check_content(const struct hub_analysis *a, const struct hub_def_message_type *t,
                          const struct hub_syntax *x) {
    if (x->kind == HUB_SYNTAX_OBJECT && t && t->field_n)
        hub_analysis_fields(a, t->fields, t->field_n, t->name, x, false, CODE);
}

static const struct hub_syntax *value_beside(const struct hub_syntax *object, const char *key) {
    for (const struct hub_syntax *e = object->list; e; e = e->next)
        if (hub_str_is(e->key, key)) return e;
    return NULL;
}

static const struct hub_def_message_type *handled_type(const struct hub_analysis *a) {
    const struct hub_def_message_handler *h = (const void *)a->script->base;
    const struct hub_def *d = hub_analysis_hub(a);
    return d && h->message_type ? hub_def_message_type(d, hub_cstr(h->message_type)) : NULL;
}

static void check_plain(const struct hub_analysis *a, const struct hub_result_key *k, const struct hub_syntax *x) {
    static const struct {
        enum hub_key_kind kind;
        enum hub_syntax_kind literal;
        enum hub_type_kind type;
        const char *expected;
    } plain[] = {{HUB_KEY_BOOLEAN, HUB_SYNTAX_BOOLEAN, HUB_TYPE_BOOLEAN, "true or false"},
                 {HUB_KEY_TEXT, HUB_SYNTAX_TEXT, HUB_TYPE_TEXT, "a text"},
                 {HUB_KEY_MESSAGE_TYPE, HUB_SYNTAX_TEXT, HUB_TYPE_TEXT, "the name of a message type"},
                 {HUB_KEY_OBJECT, HUB_SYNTAX_OBJECT, HUB_TYPE_RECORD, "an object"},
                 {HUB_KEY_CONTENT, HUB_SYNTAX_OBJECT, HUB_TYPE_RECORD, "an object"},
                 {HUB_KEY_OWN_CONTENT, HUB_SYNTAX_OBJECT, HUB_TYPE_RECORD, "an object"}};
    bool literal = x->kind == HUB_SYNTAX_BOOLEAN || x->kind == HUB_SYNTAX_NUMBER || x->kind == HUB_SYNTAX_TEXT ||
                   x->kind == HUB_SYNTAX_LIST || x->kind == HUB_SYNTAX_OBJECT;
    struct hub_type t = literal ? (struct hub_type){0} : hub_analysis_infer(a, x);
    bool texts = t.kind == HUB_TYPE_ENUM || t.kind == HUB_TYPE_MOMENT;
    if (texts) t.kind = HUB_TYPE_TEXT;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (plain[i].kind != k->kind) continue;
        bool known = literal || (t.kind != HUB_TYPE_ANY && !t.list);
        if (known && (literal ? x->kind != plain[i].literal : t.kind != plain[i].type))
            tell_value(a, x, k->key, plain[i].expected);
    }
}

static void check_key(const struct hub_analysis *a, const struct hub_result_key *k, const struct hub_syntax *object,
                      const struct hub_syntax *x) {
    const struct hub_syntax *type = value_beside(object, "type");
    check_plain(a, k, x);
    if (k->kind == HUB_KEY_AUDIENCE) check_audience(a, k->key, x);
    if (k->kind == HUB_KEY_MESSAGES) check_messages(a, x);
    if (k->kind == HUB_KEY_OWN_CONTENT) check_content(a, handled_type(a), x);
    if (k->kind == HUB_KEY_CONTENT) check_content(a, hub_analysis_message_type(a, type), x);
    if (k->kind == HUB_KEY_MESSAGE_TYPE && !hub_analysis_check_type(a, x, CODE)) return;
}

static const struct hub_result_key *find_key(const struct hub_result_key *keys, struct hub_str key) {
    for (; keys->key; keys++)
        if (hub_str_is(key, keys->key)) return keys;
    return NULL;
}

static void unknown_result_key(const struct hub_analysis *a, const struct hub_result_key *keys,
                               const struct hub_syntax *x) {
    struct hub_nearest near = {.word = x->key};
    struct hub_buf all = {0};
    for (const struct hub_result_key *k = keys; k->key; k++) {
        hub_nearest_try(&near, k->key);
        hub_buf_addf(&all, "%s%s", k == keys ? "" : ", ", k->key);
    }
    hub_analysis_tell(a, CODE, x->key_at, x->key_n, near.best, "the result has no key \"%.*s\": its keys are %s",
                      HUB_CUT(x->key, 60), hub_buf_cstr(&all));
    hub_buf_free(&all);
}

static void check_keys(const struct hub_analysis *a, const struct hub_result_key *keys, const struct hub_syntax *x) {
    bool sure = !x->open;
    for (const struct hub_syntax *e = x->list; e; e = e->next) {
        const struct hub_result_key *k = e->key.n ? find_key(keys, e->key) : NULL;
        sure = sure && k;
        if (k)
            check_key(a, k, x, e);
        else if (e->key.n)
            unknown_result_key(a, keys, e);
    }
    for (const struct hub_result_key *k = keys; sure && k->key; k++)
        if (k->required && !value_beside(x, k->key))
            hub_analysis_tell(a, CODE, x->at, x->n, NULL, "the result needs \"%s\"", k->key);
}

/* ---- which results there are ---- */

/* Only what was meant to refuse is told: an object, or false where that would refuse elsewhere. */
static void check_ignored(const struct hub_analysis *a, const struct hub_syntax *x) {
    bool before = hub_hook_ends_in(a->script->script->path, "middleware.before");
    bool refuses = (before && x->kind == HUB_SYNTAX_BOOLEAN && !x->truth) || x->kind == HUB_SYNTAX_OBJECT;
    if (refuses)
        hub_analysis_tell(a, CODE, x->at, x->n, NULL, "nobody looks at what %s returns%s", a->script->row->key,
                          before ? ": it refuses by error{code = …, message = …}" : "");
}

/* Keys that are nearly deny let nobody in; all others are added to the session. */
static void check_session(const struct hub_analysis *a, const struct hub_syntax *x) {
    static const char *const nearly[] = {"deny", "denied", "denies", "denyReason"};
    for (const struct hub_syntax *e = x->kind == HUB_SYNTAX_OBJECT ? x->list : NULL; e; e = e->next)
        for (size_t i = 0; !hub_str_is(e->key, "deny") && i < 4; i++)
            if (hub_str_eq_nocase(e->key, hub_cstr(nearly[i])))
                hub_analysis_tell(a, CODE, e->key_at, e->key_n, "deny", "\"%.*s\" is nearly deny, and lets nobody in",
                                  HUB_FMT(e->key));
}

static void check_list(const struct hub_analysis *a, const struct hub_syntax *x) {
    bool object = x->kind == HUB_SYNTAX_OBJECT, text = x->kind == HUB_SYNTAX_TEXT,
         number = x->kind == HUB_SYNTAX_NUMBER, boolean = x->kind == HUB_SYNTAX_BOOLEAN,
         rooms = a->hook->gives == HUB_HOOK_GIVES_ROOMS;
    if (object && a->hook->keys)
        check_keys(a, a->hook->keys, x);
    else if (object || number || (boolean && (x->truth || !a->hook->keys)) || (text && !rooms))
        tell_value(a, x, "the result",
                   rooms           ? "the id of a room, a list of ids, or null"
                   : a->hook->keys ? "a list of rooms"
                                   : "a list");
}

static void check_object(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_result_key *keys = a->hook->keys;
    bool plain = x->kind == HUB_SYNTAX_BOOLEAN || x->kind == HUB_SYNTAX_TEXT || x->kind == HUB_SYNTAX_NUMBER ||
                 x->kind == HUB_SYNTAX_LIST || x->kind == HUB_SYNTAX_NULL;
    if (x->kind == HUB_SYNTAX_OBJECT)
        check_keys(a, keys, x);
    else if (plain && keys[0].required) /* of a lifecycle hook false refuses */
        hub_analysis_tell(a, CODE, x->at, x->n, NULL, "the result has to be an object {%s, …}", keys[0].key);
}

static void check_literal_result(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_def_command *c = (const void *)a->script->base;
    bool nothing = x->kind == HUB_SYNTAX_NULL || (x->kind == HUB_SYNTAX_BOOLEAN && !x->truth);
    if (nothing && a->falls) return;
    switch (a->hook->gives) {
    case HUB_HOOK_GIVES_NOTHING: check_ignored(a, x); break;
    case HUB_HOOK_GIVES_RESULT: check_object(a, x); break;
    case HUB_HOOK_GIVES_LIST:
    case HUB_HOOK_GIVES_ROOMS: check_list(a, x); break;
    case HUB_HOOK_GIVES_SESSION: check_session(a, x); break;
    case HUB_HOOK_GIVES_FIELDS:
        if (c->result_n && x->kind == HUB_SYNTAX_OBJECT)
            hub_analysis_fields(a, c->result, c->result_n, "the result", x, false, CODE);
        break;
    default: break;
    }
}

static size_t check_returns(const struct hub_analysis *a, const struct hub_syntax *x);

static bool needs_keys(const struct hub_analysis *a) {
    const struct hub_result_key *k = a->hook->gives == HUB_HOOK_GIVES_RESULT ? a->hook->keys : NULL;
    while (k && k->key && !k->required) k++;
    return k && k->key;
}

/* What a function of lib/ returns is the hook's result, when that is all the hook does. Where nobody
 * needs one it is meant for somebody else. */
static void check_lib_result(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *f = x->a;
    const char *module = f->kind == HUB_SYNTAX_MEMBER && !a->lib && needs_keys(a) ? hub_analysis_module(a, f->a) : NULL;
    const struct hub_lib_function *lib = module ? hub_analysis_lib(a, module, f->text) : NULL;
    if (!lib) return;
    struct hub_analysis inner = {.l = a->l,
                                 .room = a->room,
                                 .source = a->source,
                                 .script = a->script,
                                 .src = lib->src,
                                 .text = lib->src->text,
                                 .root = lib->function,
                                 .lua = true,
                                 .lib = true,
                                 .falls = a->falls,
                                 .work = a->work,
                                 .hook = a->hook,
                                 .known = a->known};
    hub_analysis_bind(&inner);
    size_t n = check_returns(&inner, lib->function->a);
    HUB_UNUSED(n, "a function may end without a result where its caller needs none");
    hub_analysis_unbind(&inner);
}

/* status == 'a' && 'b' as what a condition gives. */
static void check_truth(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (x->kind == HUB_SYNTAX_OR) {
        check_truth(a, x->a);
        check_truth(a, x->b);
    }
    bool texts = x->kind == HUB_SYNTAX_AND && x->b->kind == HUB_SYNTAX_TEXT && x->a->kind == HUB_SYNTAX_EQUAL &&
                 (x->a->b->kind == HUB_SYNTAX_TEXT || x->a->a->kind == HUB_SYNTAX_TEXT);
    if (texts && x->b->text.n)
        hub_analysis_tell(a, "L005", x->b->at, x->b->n, NULL, "a text alone is always true: it needs a comparison");
}

static void check_value(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_analysis left = *a;
    left.falls = true;
    if (a->hook->gives == HUB_HOOK_GIVES_TRUTH) {
        check_truth(a, x);
        return;
    }
    switch (x->kind) {
    case HUB_SYNTAX_CHOICE:
        check_value(a, x->b);
        check_value(a, x->c);
        break;
    case HUB_SYNTAX_OR:
        check_value(&left, x->a);
        check_value(a, x->b);
        break;
    case HUB_SYNTAX_AND: check_value(a, x->b); break;
    case HUB_SYNTAX_CALL: check_lib_result(a, x); break;
    default: check_literal_result(a, x);
    }
}

/* Those of functions within are not the hook's. */
static size_t check_returns(const struct hub_analysis *a, const struct hub_syntax *x) {
    size_t n = 0;
    for (; x; x = x->next) {
        if (x->kind == HUB_SYNTAX_RETURN) {
            n++;
            if (x->list) check_value(a, x->list);
        } else if (x->kind == HUB_SYNTAX_BLOCK || x->kind == HUB_SYNTAX_OTHER) {
            n += check_returns(a, x->list);
        } else if (x->kind == HUB_SYNTAX_EACH) {
            n += check_returns(a, x->c);
        }
    }
    return n;
}

static bool raises_error(const struct hub_analysis *a) {
    const struct hub_syntax *last = a->root->list;
    while (last && last->next) last = last->next;
    return last && last->kind == HUB_SYNTAX_CALL && hub_analysis_is_free(a, last->a, "error");
}

void hub_analysis_result(const struct hub_analysis *a) {
    if (!a->hook || !a->script) return;
    if (!a->lua) {
        check_value(a, a->root);
        return;
    }
    size_t n = check_returns(a, a->root);
    bool wanted = a->hook->returns;
    if (wanted && !n && a->root->list && !raises_error(a)) {
        size_t at = a->root->list->at;
        hub_analysis_tell(a, CODE, at, 1, NULL, "the chunk returns nothing, and %s needs a result",
                          a->script->row->key);
    }
}
