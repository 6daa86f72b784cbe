/* What lint says of scripts beyond names: values that a property never has, results that the engine does not
 * take, calls that fail. Only what is certain from the definitions is said; whatever is unknown is left
 * alone. */
#ifndef HUB_SCHEMA_ANALYSIS_ANALYSIS_H
#define HUB_SCHEMA_ANALYSIS_ANALYSIS_H

struct hub_loader;
struct hub_pending_script;
struct hub_source;
struct hub_script_known;
/* Reads the functions of the modules in lib/. Before the first of the others. */
void hub_analysis_begin(struct hub_loader *l);
/* KNOWN: what the script finds in lib (hub_known_to, hub_known_to_module). */
void hub_analyse_script(struct hub_loader *l, const struct hub_pending_script *p, const struct hub_script_known *known);
void hub_analyse_module(struct hub_loader *l, const struct hub_source *src, const struct hub_script_known *known);
#endif
