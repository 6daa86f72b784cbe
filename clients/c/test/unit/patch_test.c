/* RFC 6902 and 6901: the examples of their appendices, and what the published test suite has beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "patch.h"
#include "text.h"

struct example {
    const char *document, *patch, *result; /* NULL: it is refused */
};

static const struct example examples[] = {
    {"{}", "[]", "{}"},
    {"{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]", "{'baz':'qux','foo':'bar'}"},
    {"{'foo':['bar','baz']}", "[{'op':'add','path':'/foo/1','value':'qux'}]", "{'foo':['bar','qux','baz']}"},
    {"{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}"},
    {"{'foo':['bar','qux','baz']}", "[{'op':'remove','path':'/foo/1'}]", "{'foo':['bar','baz']}"},
    {"{'baz':'qux','foo':'bar'}", "[{'op':'replace','path':'/baz','value':'boo'}]", "{'baz':'boo','foo':'bar'}"},
    {"{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
     "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
     "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}"},
    {"{'foo':['all','grass','cows','eat']}", "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
     "{'foo':['all','cows','eat','grass']}"},
    {"{'baz':'qux','foo':['a',2,'c']}",
     "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2}]",
     "{'baz':'qux','foo':['a',2,'c']}"},
    {"{'baz':'qux'}", "[{'op':'test','path':'/baz','value':'bar'}]", NULL},
    {"{'foo':'bar'}", "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
     "{'foo':'bar','child':{'grandchild':{}}}"},
    {"{'foo':'bar'}", "[{'op':'add','path':'/baz/bat','value':'qux'}]", NULL},
    {"{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10}]", "{'/':9,'~1':10}"},
    {"{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':'10'}]", NULL},
    {"{'foo':['bar']}", "[{'op':'add','path':'/foo/-','value':['abc','def']}]", "{'foo':['bar',['abc','def']]}"},
    /* the whole document */
    {"{'foo':1}", "[{'op':'replace','path':'','value':[1]}]", "[1]"},
    {"[1]", "[{'op':'add','path':'','value':'text'}]", "'text'"},
    {"{'foo':1}", "[{'op':'test','path':'','value':{'foo':1}}]", "{'foo':1}"},
    {"{'foo':1}", "[{'op':'copy','from':'','path':'/bar'}]", "{'foo':1,'bar':{'foo':1}}"},
    {"{'a':{'b':1}}", "[{'op':'move','from':'/a/b','path':''}]", "1"},
    /* members and indices */
    {"{'':1}", "[{'op':'add','path':'/','value':2}]", "{'':2}"},
    {"{'foo':null}", "[{'op':'replace','path':'/foo','value':'x'}]", "{'foo':'x'}"},
    {"{'foo':1}", "[{'op':'replace','path':'/foo','value':null}]", "{'foo':null}"},
    {"{'foo':null}", "[{'op':'copy','from':'/foo','path':'/bar'}]", "{'foo':null,'bar':null}"},
    {"[1,2]", "[{'op':'add','path':'/2','value':3}]", "[1,2,3]"},
    {"[1,2]", "[{'op':'add','path':'/3','value':3}]", NULL},
    {"[1,2]", "[{'op':'add','path':'/-1','value':3}]", NULL},
    {"[1,2]", "[{'op':'test','path':'/00','value':1}]", NULL},
    {"[1,2]", "[{'op':'test','path':'/1e0','value':2}]", NULL},
    {"[1,2]", "[{'op':'remove','path':'/2'}]", NULL},
    {"[1,2]", "[{'op':'replace','path':'/2','value':3}]", NULL},
    {"[1,2]", "[{'op':'remove','path':'/-'}]", NULL},
    {"[1,2]", "[{'op':'add','path':'/12345678901234567890','value':3}]", NULL},
    {"[[1],[2]]", "[{'op':'move','from':'/0','path':'/0/0'}]", NULL},
    {"{'a':1,'ab':2}", "[{'op':'move','from':'/a','path':'/ab'}]", "{'ab':1}"},
    {"{'a':[1,2,3]}", "[{'op':'copy','from':'/a/0','path':'/a/-'}]", "{'a':[1,2,3,1]}"},
    /* equality */
    {"[1]", "[{'op':'test','path':'/0','value':1.0}]", "[1]"},
    {"{'a':{'x':1,'y':[2]}}", "[{'op':'test','path':'/a','value':{'y':[2.0],'x':1}}]", "{'a':{'x':1,'y':[2]}}"},
    {"{'a':{'x':1}}", "[{'op':'test','path':'/a','value':{'x':1,'y':2}}]", NULL},
    {"[null]", "[{'op':'test','path':'/0','value':false}]", NULL},
    /* what is none */
    {"{}", "{'op':'add','path':'/a','value':1}", NULL},
    {"{}", "[{'op':'spam','path':'/a','value':1}]", NULL},
    {"{'a':1}", "[{'op':'spam','path':'/a','value':1}]", NULL},
    {"{}", "[{'op':'add','path':'/a'}]", NULL},
    {"{}", "[{'op':'add','path':'a','value':1}]", NULL},
    {"{}", "[{'op':'add','value':1}]", NULL},
    {"{}", "[{'path':'/a','value':1}]", NULL},
    {"{}", "[{'op':'add','path':'/a~2','value':1}]", NULL},
    {"{}", "[{'op':'add','path':'/a~','value':1}]", NULL},
    {"{'a':1}", "[{'op':'copy','path':'/b'}]", NULL},
    {"{'a':1}", "[{'op':'move','from':'/c','path':'/b'}]", NULL},
    {"{'a':'text'}", "[{'op':'add','path':'/a/b','value':1}]", NULL},
    {"{'a':1}", "[{'op':'remove','path':'/a'},{'op':'test','path':'/a','value':1}]", NULL},
    {"{'a':1}", "[{'op':'remove','path':''},{'op':'add','path':'','value':2}]", "2"},
};

static json_t *parse_quoted(const char *text) {
    char *copy = hubc_copy(text);
    for (char *c = copy; *c; c++) {
        if (*c == '\'') *c = '"';
    }
    json_t *value = hubc_json(copy, strlen(copy));
    assert_non_null(value);
    free(copy);
    return value;
}

static void a_patch_does_what_the_standard_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        json_t *document = parse_quoted(examples[i].document), *patch = parse_quoted(examples[i].patch);
        bool done = hubc_patch(&document, patch);
        if (done != (examples[i].result != NULL)) fail_msg("%s %s", examples[i].document, examples[i].patch);
        if (done) {
            json_t *expected = parse_quoted(examples[i].result);
            if (!json_equal(document, expected)) fail_msg("%s %s", examples[i].document, examples[i].patch);
            json_decref(expected);
        }
        json_decref(document);
        json_decref(patch);
    }
}

/* A later change of the document must not be one of the patch, which its sender may still have. */
static void values_of_a_patch_are_copied(void **state) {
    (void)state;
    json_t *document = parse_quoted("{}"), *patch = parse_quoted("[{'op':'add','path':'/a','value':{}}]");
    json_t *second = parse_quoted("[{'op':'add','path':'/a/b','value':1}]");
    assert_true(hubc_patch(&document, patch) && hubc_patch(&document, second));
    assert_int_equal(json_object_size(json_object_get(json_array_get(patch, 0), "value")), 0);
    json_decref(document);
    json_decref(patch);
    json_decref(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_does_what_the_standard_says),
        cmocka_unit_test(values_of_a_patch_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
