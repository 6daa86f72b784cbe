/* What a script may use: memory by an accounting allocator, time by the instruction count hook.
 *
 * Between two looks at the clock there is a bounded amount of work, whatever the script does:
 * - the hook runs every INTERVAL instructions, and more often the longer the longest string is: an
 *   instruction may compare, hash or read as a
 *   number a whole string, and so may any function of Lua's own library;
 * - work of our C functions, and large allocations, are reported by hub_lua_charge; enough of it makes the
 *   hook run at the very next instruction;
 * - C functions that loop over more than that use hub_lua_spend, which looks at the clock by itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/block.h"
#include "base/time/clock.h"
#include "scripting/scripting_int.h"

enum { INTERVAL = 256, BULK_BLOCK = 16 << 10, BULK_MAX = 256 << 10, STRING_MAX = 16 << 20 };

static void on_count(lua_State *L, lua_Debug *ar);
static uint64_t least_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

static int hook_interval(const struct hub_scripts *s) { return INTERVAL >> s->longest; }
void hub_lua_arm(lua_State *co) { lua_sethook(co, on_count, LUA_MASKCOUNT, hook_interval(hub_scripts_of(co))); }
static void hurry_hook(lua_State *L) { lua_sethook(L, on_count, LUA_MASKCOUNT, 1); }

void hub_lua_rearm(lua_State *L) {
    if (lua_gethookcount(L) > hook_interval(hub_scripts_of(L))) hub_lua_arm(L);
}

/* ---- long strings ---- */

/* A block of a long string does not lie where malloc puts blocks, which is how it is told from others when
 * it is freed: Lua says what a block is for only when it asks for it, and a string needs no more alignment
 * than this. */
enum { ODD = 8, TYPE_TAG_STRING = LUA_TSTRING };
_Static_assert(_Alignof(max_align_t) == 2 * ODD, "blocks of malloc lie on multiples of 16");

static bool is_long_string(const void *p) { return ((uintptr_t)p & ODD) != 0; }

/* 1 for a string of at least BULK_BLOCK bytes, one more for each doubling, up to HUB_STRING_CLASSES - 1. */
static unsigned string_class(size_t size) {
    unsigned c = 1;
    for (size_t n = 2 * BULK_BLOCK; n <= size && c < HUB_STRING_CLASSES - 1; n *= 2) c++;
    return c;
}

static void count_string(struct hub_scripts *s, size_t size, int change) {
    s->strings[string_class(size)] += (unsigned)change;
    s->longest = HUB_STRING_CLASSES - 1;
    while (s->longest && !s->strings[s->longest]) s->longest--;
}

static HUB_MUST void *new_long_string(struct hub_scripts *s, size_t size) {
    char *p = malloc(size + ODD);
    if (!p) return NULL;
    unsigned longest = s->longest;
    count_string(s, size, 1);
    if (s->longest > longest && s->running) hurry_hook(s->running);
    return p + ODD;
}

static void free_long_string(struct hub_scripts *s, void *p, size_t size) {
    count_string(s, size, -1);
    free((char *)p - ODD);
}

/* ---- memory ---- */

/* A new block of at least BULK_BLOCK bytes, OLD of which it has already; TYPE is that of a new object. */
static void *grow_much(struct hub_scripts *s, void *p, size_t old, size_t new_size, size_t type) {
    bool long_string = !p && type == TYPE_TAG_STRING;
    if (new_size > s->block_limit || (long_string && new_size > STRING_MAX)) return NULL;
    if (s->mem_used - old + new_size > s->mem_limit) return NULL;
    if (s->running) hub_lua_charge(s->running, new_size);
    return long_string ? new_long_string(s, new_size) : realloc(p, new_size);
}

/* Of at least NEW_SIZE, which it may be given as. */
static void *resize_block(void *p, size_t new_size) { return realloc(p, hub_block_bytes(new_size)); }

static void *grow_block(struct hub_scripts *s, void *p, size_t old, size_t new_size, size_t type) {
    void *q = NULL;
    if (new_size >= BULK_BLOCK)
        q = grow_much(s, p, old, new_size, type);
    else if (s->mem_used - old + new_size <= s->mem_limit)
        q = resize_block(p, new_size);
    /* Without it Lua collects everything and tries once more. That is slow, so look at the clock right
     * after. */
    if (!q && s->running) hurry_hook(s->running);
    return q;
}

void *hub_lua_alloc(void *scripts, void *p, size_t old_size, size_t new_size) {
    struct hub_scripts *s = scripts;
    size_t old = p ? old_size : 0;
    if (!new_size) {
        s->mem_used -= old;
        if (is_long_string(p))
            free_long_string(s, p, old);
        else
            hub_block_give_sized(p, old);
        return NULL;
    }
    void *q = p || new_size >= BULK_BLOCK || s->mem_used + new_size > s->mem_limit ? NULL : hub_block_find(new_size);
    if (!q) q = new_size > old ? grow_block(s, p, old, new_size, old_size) : resize_block(p, new_size);
    if (!q) return new_size <= old ? p : NULL;
    s->mem_used = s->mem_used - old + new_size;
    return q;
}

/* ---- time ---- */

void hub_lua_charge(lua_State *L, size_t bytes) {
    struct hub_scripts *s = hub_scripts_of(L);
    s->bulk += bytes;
    if (s->bulk > BULK_MAX && lua_gethook(L)) hurry_hook(L);
}

void hub_script_slice_begin(struct hub_script_task *t) {
    t->slice_start = hub_real_ns();
    t->mark_cpu = 0;
}

static uint64_t most_of(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Monotonic time is cheap and right as long as nobody preempts this thread. Past a quarter of the limit
 * the thread's own clock is read too, so that a busy machine does not eat a script's time; what the
 * stretch took before counts as that quarter at most. */
static bool is_exceeded(struct hub_script_task *t) {
    uint64_t quarter = t->cpu_limit / 4, used = t->cpu_used + (hub_real_ns() - t->slice_start);
    if (used <= quarter) return false;
    if (!t->mark_cpu) {
        t->mark_used = least_of(used, most_of(t->cpu_used, quarter));
        t->mark_cpu = hub_thread_cpu_ns();
    }
    return used > t->cpu_limit && t->mark_used + (hub_thread_cpu_ns() - t->mark_cpu) > t->cpu_limit;
}

void hub_script_slice_end(struct hub_script_task *t) {
    if (t->mark_cpu)
        t->cpu_used = t->mark_used + (hub_thread_cpu_ns() - t->mark_cpu);
    else
        t->cpu_used += least_of(hub_real_ns() - t->slice_start, t->cpu_limit / 4);
}

static const char *const doom_text[] = {
    [HUB_DOOM_NONE] = "",
    [HUB_DOOM_CPU] = "the script used up its CPU time",
    [HUB_DOOM_WALL] = "the script took too long",
    [HUB_DOOM_MEMORY] = "the script needs too much memory",
    [HUB_DOOM_SHUTDOWN] = "shutting down",
};

void hub_script_doom_set(struct hub_script_task *t, enum hub_script_doom why, lua_State *L) {
    if (t->doom) return;
    t->doom = why;
    if (L) hub_lua_where(L, 0, t->where, sizeof t->where);
}

static void on_count(lua_State *L, lua_Debug *ar) {
    (void)ar;
    struct hub_scripts *s = hub_scripts_of(L);
    struct hub_script_task *t = s->current;
    s->bulk = 0;
    if (!t->doom && is_exceeded(t)) hub_script_doom_set(t, HUB_DOOM_CPU, L);
    if (!t->doom) {
        if (lua_gethookcount(L) != hook_interval(s)) hub_lua_arm(L);
        return;
    }
    /* A yield passes through every pcall; the host then drops the coroutine. Below a C function there is
     * only an error, raised again at each instruction until nothing is left to catch it. */
    hurry_hook(L);
    if (lua_isyieldable(L)) {
        lua_yield(L, 0);
        return;
    }
    t->hook_raised = true;
    luaL_error(L, "%s", doom_text[t->doom]);
}

bool hub_lua_over(lua_State *L) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    if (!t) return false;
    if (!t->doom && is_exceeded(t)) hub_script_doom_set(t, HUB_DOOM_CPU, L);
    if (!t->doom) return false;
    hurry_hook(L);
    return true;
}

void hub_lua_tick(lua_State *L) {
    if (hub_lua_over(L)) luaL_error(L, "%s", doom_text[hub_scripts_of(L)->current->doom]);
}

void hub_lua_spend(lua_State *L, size_t bytes) {
    struct hub_scripts *s = hub_scripts_of(L);
    s->spent += bytes;
    if (s->spent <= BULK_MAX) return;
    s->spent = 0;
    hub_lua_tick(L);
    hub_lua_charge(L, BULK_MAX);
}

void hub_lua_where(lua_State *L, int level, char *out, size_t size) {
    lua_Debug ar;
    for (; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0 || ar.source[0] == '=') continue;
        snprintf(out, size, "%s:%d", ar.source + (ar.source[0] == '@'), ar.currentline);
        return;
    }
    out[0] = 0;
}

int hub_lua_fail(lua_State *L, const char *fmt, ...) {
    char where[160], text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    hub_lua_where(L, 0, where, sizeof where);
    lua_pushfstring(L, "%s%s%s", where, where[0] ? ": " : "", text);
    lua_error(L);
    abort();
}
