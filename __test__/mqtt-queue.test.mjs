// What becomes of messages and questions that cannot be settled at once: policies of the queue, limits of time, signals,
// disconnecting and draining.
//
// Serial: the broker's rules and faults are common to all.

import test from "ava";
import { ClosedError, MqttError } from "refresh-session";
import { connected, opened, QUICK } from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(async () => {
  await bed.reset();
  const rates = { publishesPerSecond: null, bytesPerSecond: null, connectsPerSecond: null };
  await bed.broker.rules(rates);
});
test.after.always(() => bed?.stop());

const quick = (overrides = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ...QUICK, ...overrides });
const open = (t, overrides) => opened(t, sessionFor(t, bed.pem()), quick(overrides));
const up = (t, overrides) => connected(t, sessionFor(t, bed.pem()), quick(overrides));
const faults = (...all) => bed.broker.faults(all);
const numbers = (count) => Array.from({ length: count }, (_, n) => String(n));

/** What the broker has had of a client, each once. */
async function arrived({ clientId }, atLeast) {
  const query = `?clientId=${clientId}&atLeast=${atLeast}&waitMs=10000`;
  const received = await bed.control("GET", `/mqtt/received${query}`);
  return [...new Set(received.map(({ payload }) => payload))];
}

// -------------------------------------------------------------------------------------------------------------- the queue

for (const [policy, code, goes] of [
  ["reject", "ERR_MQTT_QUEUE_FULL", [3, 4]],
  ["drop-newest", "ERR_MQTT_DROPPED", [3, 4]],
  ["drop-oldest", "ERR_MQTT_DROPPED", [0, 1]],
]) {
  for (const [bound, limits] of [
    ["messages", { maxMessages: 3 }],
    ["bytes", { maxBytes: 3 * ("gone/0".length + 1) }],
  ]) {
    test.serial(
      `a queue that is full of ${bound}, policy ${policy}: who goes is told, the others arrive in order`,
      async (t) => {
        const { connection, said } = await open(t, { offlineQueue: { policy, ...limits } });
        const sent = numbers(5).map((number) => connection.publish(`gone/${number}`, number, { qos: 1 }));
        const errors = await Promise.all(goes.map((number) => failureOf(sent[number])));
        for (const error of errors) {
          t.true(error instanceof MqttError);
          t.like(error, { code, retryable: true });
        }
        const stays = numbers(5).filter((number) => !goes.includes(Number(number)));
        await until(() => connection.stats().pending === stays.length);
        await connection.connect();
        for (const number of stays) t.like(await sent[number], { reasonCode: 0 });
        t.deepEqual(await arrived(connection, 3), stays);
        t.deepEqual(
          said.dropped.map(({ topic, error }) => [topic, error]),
          goes.map((number, n) => [`gone/${number}`, errors[n]]),
        );
        t.is(connection.stats().pending, 0);
      },
    );
  }
}

test.serial("a message that is on the wire has its place in the queue, and is not dropped for a new one", async (t) => {
  await faults({ mode: "no-puback", times: 1 });
  const offlineQueue = { policy: "drop-oldest", maxMessages: 1 };
  const { connection, said } = await up(t, { offlineQueue, ackTimeoutMs: 600_000 });
  const first = connection.publish("a", "0", { qos: 1 });
  await arrived(connection, 1);
  t.is((await failureOf(connection.publish("a", "1", { qos: 1 }))).code, "ERR_MQTT_QUEUE_FULL");
  t.is(said.dropped.length, 1);
  await faults();
  await connection.disconnect();
  await connection.connect();
  t.is((await first).reasonCode, 0);
});

test.serial("without a queue nothing is taken while there is no connection", async (t) => {
  const { connection } = await open(t, { offlineQueue: false });
  for (const qos of [0, 1]) {
    t.like(await failureOf(connection.publish("a", "b", { qos })), { code: "ERR_MQTT_OFFLINE", retryable: true });
  }
  await connection.connect();
  t.is((await connection.publish("a", "b", { qos: 1 })).reasonCode, 0);
  await connection.disconnect();
  t.is((await failureOf(connection.publish("a", "b", { qos: 1 }))).code, "ERR_MQTT_OFFLINE");
});

test.serial("a message that waits for too long expires, and says so", async (t) => {
  const { connection, said } = await open(t, { offlineQueue: { ttlSeconds: 0.05 } });
  // It is the native side's time that holds nothing up: something has to hold this process.
  const held = setInterval(() => {}, 1000);
  const sent = numbers(3).map((number) => connection.publish(`old/${number}`, number, { qos: Number(number) % 2 }));
  for (const message of sent) t.like(await failureOf(message), { code: "ERR_MQTT_EXPIRED", retryable: true });
  clearInterval(held);
  t.deepEqual(
    said.dropped.map(({ topic, error }) => [topic, error.code]),
    numbers(3).map((number) => [`old/${number}`, "ERR_MQTT_EXPIRED"]),
  );
  await connection.connect();
  t.is((await connection.publish("new", "3", { qos: 1 })).reasonCode, 0);
  t.deepEqual(await arrived(connection, 1), ["3"]);
});

test.serial("what waits at disconnect goes on after the next connect, in order", async (t) => {
  await faults({ mode: "no-puback", count: 1 });
  const { connection, said } = await up(t);
  const before = numbers(5).map((number) => connection.publish("q", number, { qos: 1 }));
  await arrived(connection, 5);
  await connection.disconnect();
  t.false(connection.connected);
  const after = numbers(10)
    .slice(5)
    .map((number) => connection.publish("q", number, { qos: 1 }));
  await until(() => connection.stats().pending === 10);
  await connection.connect();
  t.true((await Promise.all([...before, ...after])).every(({ reasonCode }) => reasonCode === 0));
  t.deepEqual(await arrived(connection, 10), numbers(10));
  t.deepEqual(said.dropped, []);
});

// ------------------------------------------------------------------------------------------------------- time and signals

test.serial("operations that are not answered end by their own time, or the connection's", async (t) => {
  await faults({ mode: "several", faults: [{ mode: "no-puback" }, { mode: "no-suback" }, { mode: "no-unsuback" }] });
  for (const [options, call] of [
    [{}, { timeoutMs: 50 }],
    [{ operationTimeoutMs: 50 }, {}],
    [{ operationTimeoutMs: 600_000 }, { timeoutMs: 50 }],
  ]) {
    const { connection } = await up(t, options);
    for (const operation of [
      connection.publish("a", "b", { qos: 1, ...call }),
      connection.subscribe("a", { qos: 1, ...call }),
      connection.unsubscribe("a", call),
    ]) {
      const error = await failureOf(operation);
      t.true(error instanceof MqttError);
      t.like(error, { code: "ERR_MQTT_TIMEOUT", retryable: true });
    }
    t.true(connection.connected);
    t.is(connection.stats().pending, 0);
  }
});

test.serial("an answer that comes when nobody waits any more settles nothing else", async (t) => {
  await faults({ mode: "late-puback", ms: 150, times: 1 });
  const { connection } = await up(t);
  t.is((await failureOf(connection.publish("a", "late", { qos: 1, timeoutMs: 20 }))).code, "ERR_MQTT_TIMEOUT");
  // Their numbers are used again.
  await Promise.all(numbers(50).map((number) => connection.publish("a", number, { qos: 1 })));
  await until(() => connection.stats().inFlight === 0);
  await connection.publish("a", "last", { qos: 1 });
  t.true(connection.connected);
  t.deepEqual(await arrived(connection, 52), ["late", ...numbers(50), "last"]);
});

/** So that `getEventListeners` is not needed: whoever listens is counted. */
function watchedSignal() {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  return { controller, signal, listeners: () => listeners };
}

test.serial(
  "a signal that is aborted rejects with its reason, before, while and after; it is not listened to for longer",
  async (t) => {
    await faults(
      { mode: "several", faults: [{ mode: "no-puback" }, { mode: "no-suback" }, { mode: "no-unsuback" }], count: 1 },
      { mode: "none" },
    );
    const { connection } = await up(t);
    const calls = {
      publish: (signal) => connection.publish("a", "b", { qos: 1, signal }),
      subscribe: (signal) => connection.subscribe("a", { signal }),
      unsubscribe: (signal) => connection.unsubscribe("a", { signal }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const reason = new Error(name);
      t.is(await failureOf(call(AbortSignal.abort(reason))), reason, `${name}: before`);
      const controller = new AbortController();
      const pending = call(controller.signal);
      controller.abort(reason);
      t.is(await failureOf(pending), reason, `${name}: at once`);
      const later = new AbortController();
      const onTheWire = call(later.signal);
      if (name === "publish") await arrived(connection, 1);
      else await until(() => connection.stats().bytesOut > 0);
      later.abort(reason);
      t.is(await failureOf(onTheWire), reason, `${name}: on the wire`);
    }
    t.true(connection.connected);
    await connection.disconnect();
    await connection.connect();
    for (const [name, call] of Object.entries(calls)) {
      const { controller, signal, listeners } = watchedSignal();
      const answer = call(signal);
      t.is(listeners(), 1, name);
      await answer;
      t.is(listeners(), 0, name);
      controller.abort(new Error("too late"));
    }
    t.is(connection.stats().pending, 0);
  },
);

test.serial("aborted, connect stops the attempts, unless somebody else waits or it had been up", async (t) => {
  const proxy = `http://${bed.link.refusing}`;
  const { connection, said } = await open(t, { proxy });
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [connection.connect({ signal: first.signal }), connection.connect({ signal: second.signal })];
  await heard(connection, "reconnecting");
  first.abort(new Error("first"));
  t.is((await failureOf(waits[0])).message, "first");
  // It tries on for the other one.
  await heard(connection, "reconnecting");
  second.abort(new Error("second"));
  t.is((await failureOf(waits[1])).message, "second");
  // Nothing goes on: what was under way is all that may still be said.
  const { attempts } = connection.stats();
  await connection.publish("a", "b", { timeoutMs: 200 }).catch(() => {});
  t.is(connection.stats().attempts, attempts);
  t.deepEqual(said.connect, []);

  const good = await up(t);
  const later = new AbortController();
  await good.connection.connect({ signal: later.signal });
  later.abort();
  t.is((await good.connection.publish("a", "b", { qos: 1 })).reasonCode, 0);
});

// -------------------------------------------------------------------------------------------------------------- the close

test.serial("close drains under slow acknowledgements", async (t) => {
  await faults({ mode: "late-puback", ms: 100 });
  const { connection, said } = await up(t);
  const sent = numbers(20).map((number) => connection.publish("d", number, { qos: 1 }));
  await connection.close({ drain: true, timeoutMs: 60_000 });
  t.is((await Promise.all(sent)).length, 20);
  t.deepEqual([said.dropped, said.close.length], [[], 1]);
});

test.serial("a drain that takes too long ends, and one that is cut short too: what is pending rejects", async (t) => {
  await faults({ mode: "no-puback" });
  for (const end of [
    (connection) => connection.close({ drain: true, timeoutMs: 50 }),
    async (connection) => {
      const draining = connection.close({ drain: true, timeoutMs: 600_000 });
      await Promise.all([connection.close(), draining]);
    },
  ]) {
    const { connection, said } = await up(t);
    const sent = numbers(3).map((number) => connection.publish("d", number, { qos: 1 }));
    const failures = Promise.all(sent.map(failureOf));
    await arrived(connection, 3);
    await end(connection);
    for (const error of await failures) {
      t.true(error instanceof ClosedError);
      t.is(error.code, "ERR_CLOSED");
    }
    t.deepEqual([said.dropped.length, said.close.length], [3, 1]);
    t.true(connection.closed);
    t.false(connection.connected);
  }
});

test.serial("a drain of what never was connected takes no longer than it may", async (t) => {
  const { connection } = await open(t);
  const pending = failureOf(connection.publish("a", "b", { qos: 1 }));
  await connection.close({ drain: true, timeoutMs: 50 });
  t.is((await pending).code, "ERR_CLOSED");
});

test.serial("`await using` drains", async (t) => {
  await faults({ mode: "late-puback", ms: 50 });
  const { connection } = await up(t);
  const sent = connection.publish("d", "1", { qos: 1 });
  await connection[Symbol.asyncDispose]();
  t.is((await sent).reasonCode, 0);
  t.true(connection.closed);
});

test.serial("a session's close closes its connections, whatever they do, and rejects what is pending", async (t) => {
  await faults({ mode: "no-puback" });
  const session = sessionFor(t, bed.pem());
  const [online, offline, idle] = [
    await connected(t, session, quick()),
    await opened(t, session, quick({ proxy: `http://${bed.link.refusing}` })),
    await opened(t, session, quick()),
  ];
  const all = [online, offline, idle].map(({ connection }) => connection);
  const connecting = failureOf(offline.connection.connect());
  const failures = Promise.all(all.map((connection) => failureOf(connection.publish("a", "b", { qos: 1 }))));
  await arrived(online.connection, 1);
  await session.close();
  t.true(all.every(({ closed, connected }) => closed && !connected));
  for (const error of [...(await failures), await connecting]) t.true(error instanceof ClosedError);
  for (const { said } of [online, offline, idle]) t.is(said.close.length, 1);
});
