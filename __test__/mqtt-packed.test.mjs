// The JavaScript half of what crosses into the native side, and which topics a filter means. No addon, no network.

import { readFileSync } from "node:fs";
import test from "ava";
import { Calls } from "../dist/mqtt/Calls.js";
import { Handlers } from "../dist/mqtt/handlers.js";
import { Operations } from "../dist/mqtt/operations.js";
import { Batch, unpack } from "../dist/mqtt/packed.js";
import { matches, parseFilter } from "../dist/mqtt/topics.js";
import { records } from "./support/mqtt-records.mjs";

const packed = (batch) => Buffer.from(batch.bytes.subarray(0, batch.length)).toString("hex");

// ----------------------------------------------------------------------------------------------------------- commands

const known = Object.fromEntries(
  readFileSync(new URL("../src/native/mqtt/tests/records.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" ")),
);

test("every record has the bytes that the Rust half is held to", (t) => {
  t.deepEqual(Object.keys(records), Object.keys(known));
  for (const [name, write] of Object.entries(records)) {
    const batch = new Batch();
    write(batch);
    t.is(packed(batch), known[name], name);
  }
});

test("records follow one another, whatever the buffer's size was", (t) => {
  const batch = new Batch();
  const wanted = [];
  for (let round = 0; round < 50; round++) {
    for (const [name, write] of Object.entries(records)) {
      write(batch);
      wanted.push(known[name]);
    }
  }
  t.is(packed(batch), wanted.join(""));
  batch.clear();
  t.is(batch.length, 0);
  records.publish(batch);
  t.is(packed(batch), known.publish);
});

test("texts of every length and kind of character are written whole", (t) => {
  for (const character of ["a", "ä", "€", "😀"]) {
    for (const length of [0, 1, 63, 64, 65, 5000]) {
      const topic = character.repeat(length);
      const batch = new Batch();
      batch.publish(1, 0, 0, topic, undefined, topic, false);
      const bytes = batch.bytes.subarray(0, batch.length);
      const size = Buffer.byteLength(topic);
      t.is(bytes.length, 10 + 4 + size + 4 + size);
      t.is(bytes.readUInt32LE(10), size);
      t.is(bytes.toString("utf8", 14, 14 + size), topic);
      t.is(bytes.toString("utf8", 18 + size), topic);
    }
  }
});

test("half a surrogate pair is replaced, as everywhere in UTF-8", (t) => {
  const batch = new Batch();
  batch.publish(1, 0, 0, "\ud800", undefined, "", false);
  t.is(batch.bytes.toString("utf8", 14, 17), "\ufffd");
});

// --------------------------------------------------------------------------------------------------------- deliveries

test("deliveries are told in order, with what stands beside them", (t) => {
  const words = Uint32Array.of(
    ...[1 | (0x10 << 8), 7],
    ...[3 | ((1 | 2 | 32) << 8), 3, 2, 9],
    4,
    ...[3 | ((4 | 8 | 16) << 8), 1, 20_000, 0],
    ...[2, 8],
  );
  const bytes = Buffer.from("t/ähib");
  const beside = {
    length: words.length,
    bytes: Buffer.from(bytes),
    large: [Buffer.alloc(20_000, 1)],
    rare: ["event", "properties"],
  };
  beside.bytes = Buffer.from("a/bhic");
  const told = [];
  unpack(
    words,
    { length: words.length, bytes: beside.bytes, from: 0, beside, topics: [] },
    {
      settled: (...args) => told.push(["settled", ...args]),
      stored: (...args) => told.push(["stored", ...args]),
      message: (topic, payload, ...args) => told.push(["message", topic, payload.length, ...args]),
      event: (...args) => told.push(["event", ...args]),
    },
  );
  t.deepEqual(told, [
    ["settled", 7, 0x10],
    ["message", "a/b", 2, 1, true, false, undefined, 9],
    ["event", "event"],
    ["message", "c", 20_000, 0, false, true, "properties", -1],
    ["stored", 8],
  ]);
});

test("a topic that came before is not there again", (t) => {
  const words = Uint32Array.of(
    ...[3, 3 | (2 << 16), 1, 0],
    ...[3, 3 | (2 << 16) | (1 << 24), 1, 0],
    ...[3, 1, 1, 0],
    ...[3, 1 | (2 << 16), 1, 0],
    ...[3, 3 | (2 << 16) | (1 << 24), 0, 0],
  );
  const bytes = Buffer.from("--a/b12c3d4");
  const told = [];
  const portion = { length: words.length, bytes, from: 2, beside: undefined, topics: [] };
  unpack(words, portion, { message: (topic, payload) => told.push(`${topic} ${payload}`) });
  t.deepEqual(told, ["a/b 1", "a/b 2", "c 3", "d 4", "d "]);
});

// ------------------------------------------------------------------------------------------------------------- topics

const means = (filter, topic) => matches(parseFilter(filter), topic, topic.split("/"));

for (const [filter, yes, no] of [
  ["a/b", ["a/b"], ["a", "a/b/c", "a/B", "/a/b"]],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c"]],
  ["+", ["a", ""], ["a/b", "/a"]],
  ["+/+", ["/finance", "a/b"], ["finance"]],
  ["/+", ["/finance"], ["a/b"]],
  ["#", ["a", "a/b/c", "/"], ["$SYS/x", "$aws/things"]],
  ["a/#", ["a", "a/", "a/b", "a/b/c"], ["ab", "b/a"]],
  ["a/+/#", ["a/b", "a/b/c"], ["a"]],
  ["+/#", ["a", "a/b"], ["$aws/x"]],
  ["$aws/#", ["$aws/things/x", "$aws"], ["aws/things"]],
  ["$aws/things/+/shadow", ["$aws/things/gw/shadow"], ["$aws/things/gw/jobs"]],
  ["$share/group/a/+", ["a/b"], ["$share/group/a/b", "group/a/b"]],
  ["$share/group/#", ["a/b"], ["$aws/x"]],
  ["$share/group/a", ["a"], ["b"]],
]) {
  test(`the filter ${filter} means what the standard says`, (t) => {
    for (const topic of yes) t.true(means(filter, topic), topic);
    for (const topic of no) t.false(means(filter, topic), topic);
  });
}

test("a handler is called once for a message, however many of its filters mean it", (t) => {
  const handlers = new Handlers();
  const [calls, thrown] = [[], []];
  const one = ({ topic }) => calls.push(`one ${topic}`);
  const two = () => {
    throw new Error("two");
  };
  t.true(handlers.add("a/b", one));
  t.false(handlers.add("a/b", one));
  handlers.add("a/+", one);
  handlers.add("#", two);
  handlers.add("a/b", ({ topic }) => calls.push(`three ${topic}`));
  const call = (topic) => handlers.call({ topic }, ({ message }) => thrown.push(message));
  call("a/b");
  t.deepEqual(calls.splice(0).sort(), ["one a/b", "three a/b"]);
  t.deepEqual(thrown, ["two"]);
  handlers.delete("a/b");
  call("a/b");
  t.deepEqual(calls.splice(0), ["one a/b"]);
  handlers.delete("a/+", one);
  call("a/b");
  t.deepEqual(calls, []);
});

// --------------------------------------------------------------------------------------------------------- operations

test("numbers are used again, but not before their operation is over", async (t) => {
  const operations = new Operations();
  const first = operations.begin("t", false);
  t.is(operations.last, 0);
  const second = operations.begin(undefined, false);
  t.is(operations.last, 1);
  operations.published(0, 16);
  t.deepEqual(await first, { reasonCode: 16 });
  operations.begin("t", true).catch(() => {});
  t.is(operations.last, 0);
  operations.succeeded(1, { reasonCodes: [0, 128] }, undefined);
  t.deepEqual(await second, { reasonCodes: [0, 128] });
  t.is(operations.pending, 1);
});

test("what cannot be packed leaves neither its number nor a part of its record behind", async (t) => {
  const operations = new Operations();
  const batch = new Batch();
  const calls = new Calls(operations, { batch, written: () => {}, flush: () => {} }, undefined);
  batch.cancel(9);
  const { length } = batch;
  const properties = {
    contentType: "text/plain",
    get userProperties() {
      throw new RangeError("no memory");
    },
  };
  const unfit = calls.publish("t", "x", { flags: 1, properties });
  const unpackable = calls.ask({ flags: 0 }, (operation) => {
    batch.cancel(operation);
    throw new RangeError("no memory");
  });
  for (const failed of [unfit, unpackable]) await t.throwsAsync(failed, { message: "no memory" });
  t.is(batch.length, length);
  t.is(operations.pending, 0);
  calls.publish("t", "x", { flags: 1 });
  t.is(operations.last, 0);
});

test("what is aborted rejects at once, and keeps its number until it settles", async (t) => {
  const operations = new Operations();
  const abort = new AbortController();
  const cancelled = [];
  const aborted = operations.begin("t", false);
  operations.abortable(0, abort.signal, (number) => cancelled.push(number));
  abort.abort(new Error("enough"));
  await t.throwsAsync(aborted, { message: "enough" });
  t.deepEqual(cancelled, [0]);
  operations.begin("t", false).catch(() => {});
  t.is(operations.last, 1);
  t.is(operations.failed(0, new Error("cancelled")), "t");
  operations.begin("t", false).catch(() => {});
  t.is(operations.last, 0);
});

test("a message until stored settles then; another goes on", async (t) => {
  const operations = new Operations();
  const stored = operations.begin("t", true);
  const acknowledged = operations.begin("t", false);
  operations.stored(0);
  operations.stored(1);
  t.deepEqual(await stored, { reasonCode: 0 });
  t.is(operations.pending, 1);
  operations.failAll(new Error("over"));
  await t.throwsAsync(acknowledged, { message: "over" });
  t.is(operations.pending, 0);
});
