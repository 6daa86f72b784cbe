/* Comparisons that always come out the same: with a value that a property never has, with another type,
 * with themselves. */
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/text/utf8.h"
#include "schema/analysis/analysis_int.h"

enum { LISTED_MAX = 8 }; /* values that a message lists */

static bool has_value(const struct hub_strs *values, struct hub_str s) {
    for (size_t i = 0; i < values->n; i++)
        if (hub_str_is(s, values->items[i])) return true;
    return false;
}

/* What people call it: "room.status", or its type. */
static const char *name_of(const struct hub_analysis *a, const struct hub_syntax *x) {
    struct hub_str path = hub_analysis_path(a, x);
    return path.n && path.n < 80 ? path.p : "this";
}

static const char *list_values(const struct hub_analysis *a, const struct hub_strs *values) {
    struct hub_buf b = {0};
    for (size_t i = 0; i < values->n && i < LISTED_MAX; i++)
        hub_buf_addf(&b, "%s\"%s\"", i ? ", " : "", values->items[i]);
    if (values->n > LISTED_MAX) hub_buf_addz(&b, ", …");
    const char *s = hub_arena_dup(a->l->scratch, hub_buf_str(&b));
    hub_buf_free(&b);
    return s;
}

/* The empty text is what people compare with to see whether there is a value. NEGATED: "is not banned" may be
 * said to be on the safe side, so only what is nearly a value is told. */
static void check_enum(const struct hub_analysis *a, struct hub_type t, const struct hub_syntax *x,
                       const struct hub_syntax *literal, bool negated) {
    if (!literal->text.n || has_value(t.values, literal->text)) return;
    struct hub_nearest near = {.word = literal->text};
    for (size_t i = 0; i < t.values->n; i++) hub_nearest_try(&near, t.values->items[i]);
    if (negated && !near.best) return;
    hub_analysis_tell(a, "L005", literal->at, literal->n, near.best, "%s is never \"%.*s\": its values are %s%s",
                      name_of(a, x), HUB_CUT(literal->text, 60), list_values(a, t.values),
                      hub_script_used_by(a->l, a->script, hub_analysis_path(a, x)));
}

/* ---- other types ---- */

static bool is_numeric(struct hub_str s) {
    char text[64], *end;
    if (s.n >= sizeof text) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    strtod(text, &end);
    return !*end;
}

static bool is_number_among(const struct hub_strs *values) {
    for (size_t i = 0; i < values->n; i++)
        if (is_numeric(hub_cstr(values->items[i]))) return true;
    return false;
}

static bool starts_as_date(struct hub_str s) { return !s.n || (s.p[0] >= '0' && s.p[0] <= '9'); }

/* By JavaScript's loose rules, or when EXACT by none: whether a value of type T can ever equal (or have an
 * order with) the literal. */
static bool may_compare(struct hub_type t, const struct hub_syntax *literal, bool exact) {
    bool text = literal->kind == HUB_SYNTAX_TEXT, number = literal->kind == HUB_SYNTAX_NUMBER;
    switch (t.kind) {
    case HUB_TYPE_BOOLEAN:
        if (literal->kind == HUB_SYNTAX_BOOLEAN) return true;
        return !exact && (text ? is_numeric(literal->text) : literal->number == 0 || literal->number == 1);
    case HUB_TYPE_NUMBER: return number || (!exact && (!text || is_numeric(literal->text)));
    case HUB_TYPE_MOMENT: return text && starts_as_date(literal->text);
    case HUB_TYPE_ENUM: return text || (number && !exact && is_number_among(t.values));
    case HUB_TYPE_TEXT: return text || !exact;
    default: return true;
    }
}

static bool is_literal(const struct hub_syntax *x) {
    return x->kind == HUB_SYNTAX_TEXT || x->kind == HUB_SYNTAX_NUMBER || x->kind == HUB_SYNTAX_BOOLEAN;
}

static const char *advice_for(struct hub_type t, const struct hub_syntax *literal) {
    if (t.kind == HUB_TYPE_MOMENT && literal->kind == HUB_SYNTAX_NUMBER) return "; moments are texts, ISO 8601";
    if (t.kind == HUB_TYPE_MOMENT) return "; moments are written as \"2026-01-31T10:00:00Z\"";
    if (t.kind == HUB_TYPE_BOOLEAN && literal->kind == HUB_SYNTAX_TEXT) return "; it is true or false, without quotes";
    if (t.kind == HUB_TYPE_NUMBER && literal->kind == HUB_SYNTAX_TEXT) return "; numbers have no quotes";
    return "";
}

static const char *word_of(const struct hub_syntax *literal) {
    return literal->kind == HUB_SYNTAX_TEXT ? "a text" : literal->kind == HUB_SYNTAX_NUMBER ? "a number" : "a Boolean";
}

static const char *bare_boolean(struct hub_type t, const struct hub_syntax *literal) {
    bool is =
        t.kind == HUB_TYPE_BOOLEAN && literal->kind == HUB_SYNTAX_TEXT && hub_str_among(literal->text, "true false");
    return is ? literal->text.p : NULL;
}

static void check_type_of(const struct hub_analysis *a, struct hub_type t, const struct hub_syntax *x,
                          const struct hub_syntax *literal, bool exact) {
    if (t.list || may_compare(t, literal, exact)) return;
    hub_analysis_tell(a, "L005", literal->at, literal->n, bare_boolean(t, literal),
                      "%s is %s and is compared with %s%s%s", name_of(a, x), hub_type_name(t), word_of(literal),
                      advice_for(t, literal), hub_script_used_by(a->l, a->script, hub_analysis_path(a, x)));
}

static void check_literal(const struct hub_analysis *a, const struct hub_syntax *cmp, const struct hub_syntax *x,
                          const struct hub_syntax *literal) {
    if (!is_literal(literal) || is_literal(x)) return;
    struct hub_type t = hub_analysis_infer(a, x);
    if (cmp->kind == HUB_SYNTAX_EQUAL && t.kind == HUB_TYPE_ENUM && !t.list && literal->kind == HUB_SYNTAX_TEXT)
        check_enum(a, t, x, literal, cmp->negated);
    else
        check_type_of(a, t, x, literal, cmp->exact);
}

/* What a value is compared as. 0: unknown. */
enum group { GROUP_UNKNOWN, GROUP_BOOLEAN, GROUP_NUMBER, GROUP_MOMENT, GROUP_WORD };
static enum group group_of(struct hub_type t) {
    if (t.list) return GROUP_UNKNOWN;
    if (t.kind == HUB_TYPE_BOOLEAN) return GROUP_BOOLEAN;
    if (t.kind == HUB_TYPE_NUMBER) return GROUP_NUMBER;
    if (t.kind == HUB_TYPE_MOMENT) return GROUP_MOMENT;
    return t.kind == HUB_TYPE_ENUM && !is_number_among(t.values) ? GROUP_WORD : GROUP_UNKNOWN;
}

/* Of two values that are known by their types. A Boolean and a number may be equal where values are
 * converted, a moment and a word nowhere. */
static void check_two(const struct hub_analysis *a, const struct hub_syntax *cmp) {
    if (is_literal(cmp->a) || is_literal(cmp->b)) return;
    struct hub_type x = hub_analysis_infer(a, cmp->a), y = hub_analysis_infer(a, cmp->b);
    enum group g = group_of(x), h = group_of(y);
    bool converted = !cmp->exact && g <= GROUP_NUMBER && h <= GROUP_NUMBER;
    if (!g || !h || g == h || converted) return;
    bool swap = h == GROUP_MOMENT;
    const struct hub_syntax *at = swap ? cmp->a : cmp->b, *other = swap ? cmp->b : cmp->a;
    size_t from = hub_analysis_start(at), to = at->at + at->n;
    bool moment = (swap ? h : g) == GROUP_MOMENT && (swap ? g : h) == GROUP_NUMBER;
    hub_analysis_tell(a, "L005", from, to > from ? to - from : at->n, NULL, "%s is %s and is compared with %s%s",
                      name_of(a, other), hub_type_name(swap ? y : x), hub_type_name(swap ? x : y),
                      !moment  ? ""
                      : a->lua ? "; moments are texts: use time.iso()"
                               : "; moments are texts: use new Date()");
}

/* A moment or a word is no number to calculate with. */
void hub_analysis_arithmetic(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *operands[] = {x->a, x->b};
    for (size_t i = 0; i < 2 && a->lua; i++) {
        const struct hub_syntax *o = operands[i];
        if (o->kind != HUB_SYNTAX_TEXT || !o->text.n || is_numeric(o->text)) continue;
        hub_analysis_tell(a, "L005", o->at, o->n, NULL,
                          "a text is no number to calculate with: texts are joined by ..");
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        enum group g = group_of(hub_analysis_infer(a, operands[i]));
        size_t from = hub_analysis_start(operands[i]);
        if (g == GROUP_MOMENT || g == GROUP_WORD)
            hub_analysis_tell(a, "L005", from, operands[i]->at + operands[i]->n - from, NULL,
                              "%s is %s, and no number to calculate with%s", name_of(a, operands[i]),
                              hub_type_name(hub_analysis_infer(a, operands[i])),
                              g == GROUP_MOMENT && !a->lua ? ": use new Date(…).getTime()" : "");
    }
}

/* x.toLowerCase() == 'Admin' is never true. */
static bool is_text(struct hub_type t) {
    return !t.list && (t.kind == HUB_TYPE_TEXT || t.kind == HUB_TYPE_ENUM || t.kind == HUB_TYPE_MOMENT);
}

/* Whether F is a method of texts, not one of that name of something else. */
static bool is_of_text(const struct hub_analysis *a, const struct hub_syntax *f) {
    if (!a->lua) return !hub_analysis_module(a, f->a);
    return f->method ? is_text(hub_analysis_infer(a, f->a)) : hub_analysis_is_free(a, f->a, "string");
}

static void check_case(const struct hub_analysis *a, const struct hub_syntax *x, const struct hub_syntax *literal) {
    if (x->kind != HUB_SYNTAX_CALL || x->a->kind != HUB_SYNTAX_MEMBER || literal->kind != HUB_SYNTAX_TEXT) return;
    if (!is_of_text(a, x->a)) return;
    bool lower = hub_str_is(x->a->text, a->lua ? "lower" : "toLowerCase"),
         upper = hub_str_is(x->a->text, a->lua ? "upper" : "toUpperCase"), other = false;
    for (size_t i = 0; i < literal->text.n; i++) {
        char c = literal->text.p[i];
        other = other || (lower && c >= 'A' && c <= 'Z') || (upper && c >= 'a' && c <= 'z');
    }
    if (other)
        hub_analysis_tell(a, "L005", literal->at, literal->n, NULL, "a text in %s case is never \"%.*s\"",
                          lower ? "lower" : "upper", HUB_CUT(literal->text, 60));
}

/* Whether the script has a name of its own for what X, a member, is in, or may have changed it. */
static bool is_own(const struct hub_analysis *a, const struct hub_syntax *x) {
    return hub_analysis_declares(a, x->a->text) || hub_analysis_goes_elsewhere(a, x->a) ||
           hub_map_get(&a->assigned, x->text);
}

/* With auth.anonymous, and no hook that says more, everybody is a guest. */
static void check_guest(const struct hub_analysis *a, const struct hub_syntax *x, const struct hub_syntax *literal,
                        bool negated) {
    const struct hub_service *s = a->l->service;
    if (a->l->alone || !s->anonymous || s->session_cookie || s->authenticate.kind != HUB_SCRIPT_NONE || negated) return;
    if (!a->script || literal->kind != HUB_SYNTAX_TEXT || !literal->text.n || hub_str_is(literal->text, "guest"))
        return;
    if (!hub_str_among(hub_analysis_path(a, x), "user.roleId session.roleId") || is_own(a, x)) return;
    hub_analysis_tell(a, "L005", literal->at, literal->n, NULL,
                      "%s is never \"%.*s\": with auth.anonymous everybody has the role guest", name_of(a, x),
                      HUB_CUT(literal->text, 60));
}

/* user.roleId behind checkRoles is one of these, or one of absoluteRoles. */
static void check_role(const struct hub_analysis *a, const struct hub_syntax *x, const struct hub_syntax *literal,
                       bool negated) {
    if (!a->script || !a->script->hub || literal->kind != HUB_SYNTAX_TEXT || !literal->text.n) return;
    const struct hub_def *d = &a->script->hub->def;
    const char *path = a->script->script->path;
    bool behind = hub_hook_ends_in(path, "roomSettings.checkScript") || hub_hook_ends_in(path, "authScripts.script");
    if (!behind || !d->check_roles.n || !hub_str_is(hub_analysis_path(a, x), "user.roleId") || is_own(a, x)) return;
    if (has_value(&d->check_roles, literal->text) || has_value(&d->absolute_roles, literal->text)) return;
    struct hub_nearest near = {.word = literal->text, .most = 2};
    for (size_t i = 0; i < d->check_roles.n; i++) hub_nearest_try(&near, d->check_roles.items[i]);
    if (negated && !near.best) return;
    hub_analysis_tell(a, "L005", literal->at, literal->n, near.best,
                      "user.roleId is never \"%.*s\" here: checkRoles lets only %s get this far",
                      HUB_CUT(literal->text, 60), list_values(a, &d->check_roles));
}

void hub_analysis_compare(const struct hub_analysis *a, const struct hub_syntax *x) {
    check_literal(a, x, x->a, x->b);
    check_literal(a, x, x->b, x->a);
    check_two(a, x);
    if (x->kind != HUB_SYNTAX_EQUAL) return;
    check_case(a, x->a, x->b);
    check_case(a, x->b, x->a);
    check_guest(a, x->a, x->b, x->negated);
    check_guest(a, x->b, x->a, x->negated);
    check_role(a, x->a, x->b, x->negated);
    check_role(a, x->b, x->a, x->negated);
}

/* ---- and, or ---- */

/* status == 'a' || 'b': a text alone is true. Behind && it is the idiom of a choice. */
static void check_alternative(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *left = x->a, *text = x->b;
    if (left->kind == HUB_SYNTAX_OR) left = left->b;
    if (left->kind != HUB_SYNTAX_EQUAL || text->kind != HUB_SYNTAX_TEXT || !text->text.n) return;
    if (left->a->kind != HUB_SYNTAX_TEXT && left->b->kind != HUB_SYNTAX_TEXT) return;
    const char *name = name_of(a, left->a->kind == HUB_SYNTAX_TEXT ? left->b : left->a);
    hub_analysis_tell(a, "L005", text->at, text->n, NULL,
                      "a text alone is always true: write %s %s \"%.*s\", or a list that includes it", name,
                      left->negated ? a->lua ? "~=" : "!=" : "==", HUB_CUT(text->text, 60));
}

/* The comparison of X with a text, by itself or the last of such ones joined by KIND. */
static const struct hub_syntax *find_same(const struct hub_analysis *a, const struct hub_syntax *x,
                                          enum hub_syntax_kind kind, const struct hub_syntax *as, bool negated) {
    if (!hub_analysis_step(a)) return NULL;
    if (x->kind == kind) {
        const struct hub_syntax *found = find_same(a, x->b, kind, as, negated);
        return found ? found : find_same(a, x->a, kind, as, negated);
    }
    bool fits = x->kind == HUB_SYNTAX_EQUAL && x->negated == negated && x->b->kind == HUB_SYNTAX_TEXT;
    struct hub_str path = fits ? hub_analysis_path(a, x->a) : hub_str("", 0);
    return path.n && hub_str_eq(path, hub_analysis_path(a, as->a)) && !hub_str_eq(x->b->text, as->b->text) ? x : NULL;
}

/* a == 'x' && a == 'y' is never true, a != 'x' || a != 'y' always. */
static void check_contradiction(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *right = x->b;
    bool negated = x->kind == HUB_SYNTAX_OR;
    if (right->kind != HUB_SYNTAX_EQUAL || right->negated != negated || right->b->kind != HUB_SYNTAX_TEXT) return;
    const struct hub_syntax *same = find_same(a, x->a, x->kind, right, negated);
    if (same)
        hub_analysis_tell(a, "L005", right->b->at, right->b->n, NULL,
                          "this is always %s: %s is either \"%.*s\" or \"%.*s\"", negated ? "true" : "false",
                          name_of(a, right->a), HUB_CUT(same->b->text, 40), HUB_CUT(right->b->text, 40));
}

void hub_analysis_logic(const struct hub_analysis *a, const struct hub_syntax *x) {
    if (x->kind == HUB_SYNTAX_OR) check_alternative(a, x);
    check_contradiction(a, x);
}

/* ---- lists ---- */

static bool holds_part(const struct hub_strs *values, struct hub_str method, struct hub_str part) {
    for (size_t i = 0; i < values->n; i++) {
        struct hub_str v = hub_cstr(values->items[i]);
        if (hub_str_is(method, "startsWith") ? hub_str_starts(v, part)
            : hub_str_is(method, "endsWith") ? hub_str_ends(v, part)
                                             : memmem(v.p, v.n, part.p, part.n) != NULL)
            return true;
    }
    return false;
}

/* room.status.includes('opn'): no value has that in it. */
static void check_part(const struct hub_analysis *a, const struct hub_syntax *f, const struct hub_syntax *arg) {
    struct hub_type t = hub_analysis_infer(a, f->a);
    if (t.kind != HUB_TYPE_ENUM || t.list || arg->kind != HUB_SYNTAX_TEXT || !arg->text.n) return;
    if (!hub_str_among(f->text, "includes startsWith endsWith") || holds_part(t.values, f->text, arg->text)) return;
    check_enum(a, t, f->a, arg, false);
}

void hub_analysis_includes(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *f = x->a, *arg = x->list;
    if (f->kind != HUB_SYNTAX_MEMBER || !arg || a->lua) return;
    check_part(a, f, arg);
    if (!hub_str_among(f->text, "includes indexOf")) return;
    struct hub_type t = hub_analysis_infer(a, arg), list = hub_analysis_infer(a, f->a);
    if (list.list && list.kind == HUB_TYPE_ENUM && arg->kind == HUB_SYNTAX_TEXT) check_enum(a, list, f->a, arg, false);
    if (f->a->kind != HUB_SYNTAX_LIST || t.list) return;
    for (const struct hub_syntax *e = f->a->list; e; e = e->next) {
        if (!is_literal(e)) continue;
        check_role(a, arg, e, false);
        check_guest(a, arg, e, false);
        if (t.kind == HUB_TYPE_ENUM && e->kind == HUB_SYNTAX_TEXT)
            check_enum(a, t, arg, e, false);
        else
            check_type_of(a, t, arg, e, true);
    }
}

/* row.status = "opened": a literal that the property does not take. */
void hub_analysis_assign(const struct hub_analysis *a, const struct hub_syntax *x) {
    const struct hub_syntax *value = x->b ? x->b->list : NULL;
    for (const struct hub_syntax *t = x->a->list; t && value; t = t->next, value = value->next) {
        if (t->kind != HUB_SYNTAX_MEMBER || !is_literal(value)) continue;
        struct hub_type of = hub_analysis_infer(a, t->a);
        const struct hub_def_field *f = of.kind == HUB_TYPE_RECORD && !of.list ? hub_type_member(of, t->text) : NULL;
        if (f) hub_analysis_value(a, hub_type_of_field(f), f->name, value, "L005");
    }
}
