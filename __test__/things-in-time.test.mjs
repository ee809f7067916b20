// What shadows and jobs do over hours of trouble: in virtual time, on a connection in memory.

import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { mock } from "node:test";
import test from "ava";

const { shadowOf, jobsOf } = createRequire(import.meta.url)("../dist/mqtt/aws/open.js");

mock.timers.enable({ apis: ["setTimeout"] });

/** Promises that are due settle; no time passes. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function pass(seconds) {
  for (let second = 0; second < seconds; second++) {
    mock.timers.tick(1000);
    await settled();
  }
}

/** A connection that is up, to a server of which `answer` makes the answers: `[topic, body]` each. */
class Memory extends EventEmitter {
  closed = false;
  sent = [];
  #handlers = new Map();

  constructor(answer) {
    super();
    this.answer = answer;
  }

  async subscribe(filters, _options, handler) {
    for (const filter of filters) this.#handlers.set(filter, handler);
    return { reasonCodes: filters.map(() => 1) };
  }

  async unsubscribe(filters) {
    return { reasonCodes: filters.map(() => 0) };
  }

  async publish(topic, payload) {
    const body = JSON.parse(payload);
    const name = topic.replace(/^\$aws\/things\/gw\/(shadow|jobs)\//, "");
    this.sent.push(name);
    const { clientToken } = body;
    for (const [to, answer] of this.answer(name, body) ?? []) this.tell(topic + to, { ...answer, clientToken });
    return { reasonCode: 0 };
  }

  tell(topic, body) {
    const pattern = (filter) => new RegExp(`^${filter.replaceAll("$", "\\$").replaceAll("+", "[^/]+")}$`);
    const [, handler] = [...this.#handlers].find(([filter]) => pattern(filter).test(topic)) ?? [];
    setImmediate(() => handler?.({ topic, payload: Buffer.from(JSON.stringify(body)), ack() {} }));
  }

  async reconnect() {
    this.emit("disconnect", { error: new Error("lost") });
    this.emit("connect", { sessionPresent: false });
    await settled();
  }
}

const busy = (code) => [["/rejected", { code, message: "not now" }]];

test.serial("a report that is refused for now is made again, later and later", async (t) => {
  let refusals = 12;
  const stamp = { version: 1, timestamp: 5 };
  const wire = new Memory((name) => {
    if (name === "get") return [["/accepted", { ...stamp, state: { delta: { n: 1 } } }]];
    return refusals-- > 0 ? busy(refusals % 2 ? 500 : 429) : [["/accepted", { ...stamp, version: 2, state: {} }]];
  });
  const controller = new AbortController();
  const followed = shadowOf(wire, "gw").follow(() => {}, { signal: controller.signal });
  await pass(20);
  const soon = wire.sent.length;
  t.true(soon >= 5 && soon <= 13, `${soon} requests`);
  await pass(600);
  t.is(wire.sent.length, 14);
  await pass(600);
  t.is(wire.sent.length, 14);
  controller.abort();
  await followed;
});

test.serial("jobs that may not be asked for are asked for at most as often as once a minute, in the end", async (t) => {
  const wire = new Memory(() => busy("RequestThrottled"));
  const controller = new AbortController();
  const over = jobsOf(wire, "gw").run(() => {}, { signal: controller.signal });
  await pass(300);
  const before = wire.sent.length;
  await pass(3600);
  const hour = wire.sent.length - before;
  t.true(hour >= 60 && hour <= 240, `${hour} requests an hour`);
  controller.abort();
  await over;
});

test.serial("a reading that loses the connection again and again is given up", async (t) => {
  const wire = new Memory(() => []);
  const failed = t.throwsAsync(shadowOf(wire, "gw").get(), { code: "ERR_MQTT_ANSWER_LOST" });
  for (let times = 0; times < 3; times++) {
    await settled();
    await wire.reconnect();
  }
  await failed;
  t.is(wire.sent.length, 3);
});

test.serial("no answer in time says whether the request was sent", async (t) => {
  const wire = new Memory(() => []);
  const shadow = shadowOf(wire, "gw");
  const late = async (words) => {
    const failed = t.throwsAsync(shadow.update({ reported: {} }), { code: "ERR_MQTT_TIMEOUT" });
    await pass(30);
    const error = await failed;
    t.like(error, { name: "MqttError", retryable: true });
    t.true(error.message.endsWith(`update within 30000 ms: ${words}`), error.message);
  };
  await late("it was sent, and may have been carried out");
  wire.publish = () => new Promise(() => {});
  await late("it was not sent");
});

test.serial("a connection has three listeners, however many helpers", (t) => {
  const wire = new Memory(() => []);
  for (let n = 0; n < 20; n++) shadowOf(wire, `gw-${n}`);
  t.deepEqual(
    ["connect", "disconnect", "close"].map((event) => wire.listenerCount(event)),
    [1, 1, 1],
  );
});
