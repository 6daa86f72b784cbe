/* What a script may use: memory by an accounting allocator, time by the instruction count hook.
 *
 * The hook runs every INTERVAL instructions. Work that one instruction can hide (a large allocation, a C function over a long string)
 * is reported by hub_lua_charge; enough of it makes the hook run at the very next instruction. So between two looks at the clock there
 * is a bounded amount of work, whatever the script does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "scripting/scripting_int.h"

enum { INTERVAL = 256, BULK_BLOCK = 16 << 10, BULK_MAX = 256 << 10 };

static void on_count(lua_State *L, lua_Debug *ar);

void hub_lua_arm(lua_State *co) { lua_sethook(co, on_count, LUA_MASKCOUNT, INTERVAL); }
static void hurry(lua_State *L) { lua_sethook(L, on_count, LUA_MASKCOUNT, 1); }

void *hub_lua_alloc(void *scripts, void *p, size_t old_size, size_t new_size) {
    struct hub_scripts *s = scripts;
    size_t old = p ? old_size : 0;
    if (!new_size) {
        s->mem_used -= old;
        free(p);
        return NULL;
    }
    if (new_size > old) {
        if (new_size > s->block_limit || s->mem_used - old + new_size > s->mem_limit) {
            /* Lua now collects everything and tries once more. That is slow, so look at the clock right after. */
            if (s->running) hurry(s->running);
            return NULL;
        }
        if (new_size >= BULK_BLOCK && s->running) hub_lua_charge(s->running, new_size);
    }
    void *q = realloc(p, new_size);
    if (!q) return new_size <= old ? p : NULL;
    s->mem_used = s->mem_used - old + new_size;
    return q;
}

void hub_lua_charge(lua_State *L, size_t bytes) {
    struct hub_scripts *s = hub_scripts_of(L);
    s->bulk += bytes;
    if (s->bulk > BULK_MAX && lua_gethook(L)) hurry(L);
}

static uint64_t thread_cpu_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void hub_script_slice_begin(struct hub_script_task *t) {
    t->slice_start = hub_mono_ns();
    t->mark_cpu = 0;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Monotonic time is cheap and right as long as nobody preempts this thread. Past a quarter of the limit the thread's own clock is read
 * too, so that a busy machine does not eat a script's time; what the stretch took before counts as that quarter at most. */
static bool exceeded(struct hub_script_task *t) {
    uint64_t quarter = t->cpu_limit / 4, used = t->cpu_used + (hub_mono_ns() - t->slice_start);
    if (used <= quarter) return false;
    if (!t->mark_cpu) {
        t->mark_used = least(used, most(t->cpu_used, quarter));
        t->mark_cpu = thread_cpu_ns();
    }
    return used > t->cpu_limit && t->mark_used + (thread_cpu_ns() - t->mark_cpu) > t->cpu_limit;
}

void hub_script_slice_end(struct hub_script_task *t) {
    if (t->mark_cpu)
        t->cpu_used = t->mark_used + (thread_cpu_ns() - t->mark_cpu);
    else
        t->cpu_used += least(hub_mono_ns() - t->slice_start, t->cpu_limit / 4);
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
    if (!t->doom && exceeded(t)) hub_script_doom_set(t, HUB_DOOM_CPU, L);
    if (!t->doom) {
        if (lua_gethookcount(L) != INTERVAL) hub_lua_arm(L);
        return;
    }
    /* A yield passes through every pcall; the host then drops the coroutine. Below a C function there is only an error, raised again at
     * each instruction until nothing is left to catch it. */
    hurry(L);
    if (lua_isyieldable(L)) {
        lua_yield(L, 0);
        return;
    }
    t->hook_raised = true;
    luaL_error(L, "%s", doom_text[t->doom]);
}

void hub_lua_tick(lua_State *L) {
    struct hub_script_task *t = hub_scripts_of(L)->current;
    if (!t) return;
    if (!t->doom && exceeded(t)) hub_script_doom_set(t, HUB_DOOM_CPU, L);
    if (!t->doom) return;
    hurry(L);
    luaL_error(L, "%s", doom_text[t->doom]);
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
