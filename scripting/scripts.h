/* A service's script state: Lua 5.4 behind the tables of engine/hook/hook.h. There is one for each
 * definition that is in force or being checked, and of each loop; they share nothing but the definition. Used
 * on the loop thread. */
#ifndef HUB_SCRIPTING_SCRIPTS_H
#define HUB_SCRIPTING_SCRIPTS_H
#include "hook/hook.h"
#include "loop/loop.h"
#include "schema/load.h"

extern const struct hub_hook_ops hub_lua_hook_ops;
/* For hub_load_options.checker; needs no state. */
extern const struct hub_script_checker hub_lua_checker;

/* Compiles every script of SERVICE, which is not changed by that, and loads lib/. HOST's functions become
 * script globals. Time is that of LOOP's clock; CPU time is real. LOOP may be NULL in tests: then
 * sleep() and wall-clock limits fail at once, and time is the system's. Failure:
 * HUB_HANDLER_FAILED with a located text. SERVICE must outlive it. */
enum hub_code hub_scripts_new(struct hub_scripts **out, struct hub_loop *loop, const struct hub_service *service,
                              const struct hub_host *host, struct hub_err *err);
/* Does what hub_scripts_new does, and lets go of it: scripts log nothing meanwhile. Tells of each module
 * of lib/ and of those of plugins that cannot be loaded (FILE: "lib/x.lua"; LINE from 1, 0 = not known);
 * HUB_BAD_REQUEST then, for anything else as hub_scripts_new. */
typedef void hub_scripts_tell(void *arg, const char *file, int line, const char *text);
enum hub_code hub_scripts_check(const struct hub_service *service, const struct hub_host *host, hub_scripts_tell *tell,
                                void *arg, struct hub_err *err);
/* S takes the place of OLDER, of the same loop: whoever calls a script of OLDER's service by S finds it
 * there, as long as OLDER lives, as work does that began before a reload. */
void hub_scripts_follow(struct hub_scripts *s, struct hub_scripts *older);
/* Ends running calls (their done gets HUB_HANDLER_FAILED "shutting down"), then frees. Whoever still has S by
 * then takes NULL for it (hook.h). */
void hub_scripts_delete(struct hub_scripts *s);
/* Bytes that the service's scripts have allocated: for gauges and tests. */
size_t hub_scripts_memory(const struct hub_scripts *s);
#endif
