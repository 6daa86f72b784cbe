import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { applyPatch } from "../../src/patch.js";

const require = createRequire(import.meta.url);

for (const file of ["spec_tests", "tests"]) {
  describe(`json-patch-test-suite, ${file}`, () => {
    const cases = require(`json-patch-test-suite/${file}.json`).filter((one: any) => one.patch && !one.disabled);
    test("has some", () => assert.ok(cases.length > 15));
    for (const [i, { doc, patch, expected, error, comment }] of cases.entries()) {
      test(`${i}: ${comment ?? error ?? JSON.stringify(patch)}`, () => {
        const before = JSON.stringify(doc);
        if (error) assert.throws(() => applyPatch(doc, patch));
        else if (expected !== undefined) assert.deepEqual(applyPatch(doc, patch), expected);
        else applyPatch(doc, patch);
        assert.equal(JSON.stringify(doc), before, "the old value stays as it was");
      });
    }
  });
}

describe("a patch", () => {
  test("shares what it does not change", () => {
    const was = { a: { deep: [1] }, b: { deep: [2] } };
    const now: any = applyPatch(was, [{ op: "replace", path: "/a/deep/0", value: 3 }]);
    assert.equal(now.b, was.b);
    assert.notEqual(now.a, was.a);
    assert.deepEqual(now, { a: { deep: [3] }, b: { deep: [2] } });
  });

  test("takes __proto__ for a name", () => {
    const now: any = applyPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
    assert.equal(({} as any).polluted, undefined);
    assert.deepEqual(Object.keys(now), ["__proto__"]);
    assert.throws(() => applyPatch({}, [{ op: "add", path: "/__proto__/polluted", value: true }]));
    assert.throws(() => applyPatch({}, [{ op: "add", path: "/constructor/prototype/polluted", value: true }]));
  });
});
