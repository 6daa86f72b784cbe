/* Scenarios: whatever stands in one, the check ends, says where each problem is with a code that is
 * explained, and what it takes can be made JSON of, node by node. */
#include <stdint.h>
#include <stdlib.h>

#include "schema/memory.h"
#include "schema/scenario/scenario.h"

static void require(bool ok) {
    if (!ok) abort();
}

static const char service_text[] = "service: {name: fuzz}\nauth: {dev: true}\ndataObjects:\n"
                                   "  - {name: room, managed: true, properties: [{name: title, type: String}]}\n";
static const char hub_text[] = "hubBasics: {name: chat}\nroomSettings: {roomDataObject: room}\n";

static struct hub_service *service_of_all(void) {
    const struct hub_load_options options = {.ignore_environment = true};
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    require(hub_text_load(hub_cstr(service_text), hub_cstr(hub_text), &options, diags, &s) == HUB_OK);
    hub_diags_free(diags);
    return s;
}

static void check_findings(const struct hub_diags *diags) {
    struct hub_buf out = {0};
    for (size_t i = 0; i < hub_diags_n(diags); i++) {
        const struct hub_diag *g = hub_diags_at(diags, i);
        require(g->line >= 0 && (g->line == 0 || g->column > 0) && g->message[0] && hub_explain(g->code, &out));
    }
    hub_buf_free(&out);
}

static void use(const struct hub_scenario *s) {
    for (size_t i = 0; i < s->step_n; i++) {
        const struct hub_scenario_step *step = &s->steps[i];
        json_decref(hub_scenario_json(step->node));
        require(step->action < HUB_STEP_ACTIONS && step->acts[step->action].there);
        json_decref(hub_scenario_json(hub_scenario_said(step, "data")));
        json_decref(hub_scenario_json(hub_scenario_expected(step, "answer")));
    }
    for (size_t i = 0; i < s->decision_n; i++) require(s->decisions[i].node && s->decisions[i].room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_service *service = service_of_all();
    struct hub_diags *diags = hub_diags_new();
    struct hub_scenarios *all;
    enum hub_code code = hub_scenario_text_load(service, hub_str(size ? (const char *)data : "", size), diags, &all);
    require((code == HUB_OK) == (hub_diags_count(diags, HUB_SEV_ERROR) == 0));
    check_findings(diags);
    for (size_t i = 0; !code && i < hub_scenarios_n(all); i++) use(hub_scenarios_at(all, i));
    hub_scenarios_free(all);
    hub_diags_free(diags);
    hub_service_free(service);
    return 0;
}
