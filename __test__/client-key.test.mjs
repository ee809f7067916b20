// The key of a client: equal for what is the same by value, different for everything else.

import test from "ava";
import { canonical, keyOf } from "../dist/client/key.js";

class Thing {}
const thing = new Thing();
const f = () => 1;
const symbol = Symbol("a");
const shared = { a: 1 };
const withMethod = { log: f, lines: [] };
const sparse = [];
sparse[3] = 1;

/** No two of them are the same. */
const different = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["false", false],
  ["0", 0],
  ["-0", -0],
  ["1", 1],
  ["1n", 1n],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["1 as text", "1"],
  ["1n as text", "1n"],
  ["true as text", "true"],
  ["null as text", "null"],
  ["empty text", ""],
  ["text of a text", canonical("a")],
  ["text of an object", canonical({ a: 1 })],
  ["a symbol", symbol],
  ["a symbol of the same name", Symbol("a")],
  ["a registered symbol", Symbol.for("a")],
  ["a well-known symbol", Symbol.iterator],
  ["a function", f],
  ["a function of the same text", () => 1],
  ["an instance", thing],
  ["another instance", new Thing()],
  ["empty object", {}],
  ["empty array", []],
  ["array of undefined", [undefined]],
  ["array of null", [null]],
  ["array of an empty array", [[]]],
  ["array of an empty object", [{}]],
  ["two empty arrays", [[], []]],
  ["a sparse array", sparse],
  ["the same without holes", [undefined, undefined, undefined, 1]],
  ["[1]", [1]],
  ["an array with a name", Object.assign([1], { a: 1 })],
  ["1, 2", [1, 2]],
  ["2, 1", [2, 1]],
  ["12", [12]],
  ["'1,2'", ["1,2"]],
  ["'1', '2'", ["1", "2"]],
  ["{a: 1}", shared],
  ["{a: '1'}", { a: "1" }],
  ["{a: {a: 1}}", { a: { a: 1 } }],
  ["{a: 1, b: 2}", { a: 1, b: 2 }],
  ["{ab: 12}", { ab: 12 }],
  ["{'a:1,b': 2}", { "a:1,b": 2 }],
  ["{'a}': 1}", { "a}": 1 }],
  ["entries", [["a", 1]]],
  ["{0: 1}", { 0: 1 }],
  ["{__proto__: 1} of its own", JSON.parse('{"__proto__": 1}')],
  ["an object with a symbol", { a: 1, [symbol]: 1 }],
  ["a date", new Date(0)],
  ["another date", new Date(1)],
  ["no date", new Date(Number.NaN)],
  ["a date's text", new Date(0).toISOString()],
  ["an URL", new URL("https://a/")],
  ["another URL", new URL("https://b/")],
  ["an URL's text", "https://a/"],
  ["bytes", new Uint8Array([1, 2])],
  ["other bytes", new Uint8Array([1, 3])],
  ["no bytes", new Uint8Array()],
  ["numbers of other width", new Uint16Array([1, 2])],
  ["a buffer of bytes", new Uint8Array([1, 2]).buffer],
  ["a map", new Map()],
  ["a set", new Set()],
  ["an expression", /a/],
  ["a boxed text", Object("a")],
  ["a promise", Promise.resolve()],
  ["null prototype with a field", Object.assign(Object.create(null), { b: 1 })],
  ["inherited only", Object.create({ a: 1 })],
  ["an object with a method", withMethod],
  ["an object with the same method", { log: f, lines: [] }],
];

for (const [where, wrap] of [
  ["by themselves", (value) => value],
  ["in an array", (value) => [value]],
  ["in an object", (value) => ({ a: value })],
  ["side by side", (value) => ["a", value, "b"]],
]) {
  test(`different values have different keys ${where}`, (t) => {
    const names = new Map();
    for (const [name, value] of different) {
      const key = canonical(wrap(value));
      t.is(names.get(key), undefined, `${name} is taken for ${names.get(key)}`);
      t.is(canonical(wrap(value)), key, `${name} has another key the second time`);
      names.set(key, name);
    }
  });
}

for (const [name, a, b] of [
  ["the order of names", { a: 1, b: [1, { c: 2, d: 3 }] }, { b: [1, { d: 3, c: 2 }], a: 1 }],
  ["undefined and missing", { a: 1, b: undefined }, { a: 1 }],
  ["a prototype or none", { a: 1 }, Object.assign(Object.create(null), { a: 1 })],
  ["frozen or not", Object.freeze({ a: [1] }), { a: [1] }],
  ["dates", new Date(5), new Date(5)],
  ["URLs", new URL("https://a/b?c"), new URL("https://a/b?c")],
  ["bytes", new Uint8Array([1, 2]), Buffer.from([1, 2])],
  ["functions in objects made anew", { debug: f, info: f }, { info: f, debug: f }],
  ["what is not enumerable", Object.defineProperty({ a: 1 }, "b", { value: 1 }), { a: 1 }],
]) {
  test(`the same: ${name}`, (t) => {
    t.is(canonical(a), canonical(b));
    t.is(canonical({ deep: [a] }), canonical({ deep: [b] }));
  });
}

test("what an object with methods gathers does not make it another one", (t) => {
  const before = canonical({ logger: withMethod });
  withMethod.lines.push("a line");
  t.is(canonical({ logger: withMethod }), before);
});

test("what a data object gathers does", (t) => {
  const data = { lines: [] };
  const before = canonical({ data });
  data.lines.push("a line");
  t.not(canonical({ data }), before);
});

test("cycles end", (t) => {
  const own = {};
  own.self = own;
  const same = {};
  same.self = same;
  t.is(canonical(own), canonical(same));

  const outer = { inner: { list: [] } };
  outer.inner.list.push(outer, outer.inner);
  const turned = { inner: { list: [] } };
  turned.inner.list.push(turned.inner, turned);
  t.not(canonical(outer), canonical(turned), "where a cycle leads back to counts");
  t.not(canonical(own), canonical({ self: {} }));
});

test("neither depth nor breadth of shared parts costs more than their size", (t) => {
  let deep = {};
  for (let i = 0; i < 200_000; i++) deep = { deep };
  t.is(typeof canonical(deep), "string");
  t.is(canonical(deep), canonical(deep));

  let wide = [1];
  for (let i = 0; i < 30; i++) wide = [wide, wide, wide, wide];
  t.true(canonical(wide).length < 10_000);
});

test("a class counts by identity, not by name", (t) => {
  const classes = [1, 2].map(() => class S3Client {});
  t.not(keyOf(classes[0], {}), keyOf(classes[1], {}));
  t.is(keyOf(classes[0], { a: 1, b: 2 }), keyOf(classes[0], { b: 2, a: 1 }));
  t.not(keyOf(classes[0], { a: 1 }), keyOf(classes[0], { a: 2 }));
});

test("only own properties count", (t) => {
  const polluted = "refreshSessionPolluted";
  const before = canonical({ a: 1 });
  Object.prototype[polluted] = 1;
  t.teardown(() => delete Object.prototype[polluted]);
  t.is(canonical({ a: 1 }), before);
});
