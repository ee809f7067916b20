// What a connection does for its user, against mosquitto: with a certificate from a file and with a key in a token.

import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { ClosedError, MqttError, RefreshableSession, ValidationError } from "refresh-session";
import { start } from "./children/run.mjs";
import { startMosquitto, whyNoMosquitto } from "./support/mosquitto.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const tb = await startTestbed({ tokens: true });
const broker = whyNoMosquitto === undefined ? await startMosquitto(tb) : undefined;
test.after.always(async () => {
  await broker?.stop();
  await tb.stop();
});

const broked = broker === undefined ? test.skip : test;
const brokedAlone = broker === undefined ? test.serial.skip : test.serial;

/** Sessions of the tests need no keys of AWS. */
const customCredentials = () => new Promise(() => {});

let clients = 0;

function mqttOptions(overrides = {}) {
  const { certificate, privateKey } = tb.pki.devices.ec256;
  const mine = { certificate, privateKey, clientId: `test-${clients++}`, limits: "none" };
  return broker.options({ ...mine, ...overrides });
}

async function connection(t, overrides) {
  const session = sessionFor(t, { method: "custom", customCredentials });
  return session.mqtt(mqttOptions(overrides));
}

async function connected(t, overrides) {
  const made = await connection(t, overrides);
  await made.connect();
  return made;
}

// --------------------------------------------------------------------------------------------------------- there and back

broked("a message goes there and back with all that it has", async (t) => {
  const mqtt = await connection(t);
  const accepted = await mqtt.connect();
  t.like(accepted, { sessionPresent: false, reasonCode: 0 });
  t.deepEqual(await mqtt.connect(), accepted);
  t.true(mqtt.connected);
  const came = [];
  t.deepEqual(await mqtt.subscribe(["ä/+", "other"], { qos: 1 }, (message) => came.push(message)), {
    reasonCodes: [1, 1],
  });
  const properties = {
    userProperties: { one: "1", more: ["2", "3"] },
    contentType: "text/plain",
    responseTopic: "re/ply",
    correlationData: Buffer.from([9, 8]),
    messageExpirySeconds: 60,
    payloadFormat: "utf8",
  };
  t.deepEqual(await mqtt.publish("ä/b", "hällo", { qos: 1, properties }), { reasonCode: 0 });
  t.deepEqual(await mqtt.publish("nobody/is/there", "", { qos: 1 }), { reasonCode: 16 });
  const [message, ...more] = came;
  t.deepEqual(more, []);
  t.like(message, { topic: "ä/b", qos: 1, retain: false, dup: false });
  t.is(message.payload.toString(), "hällo");
  const { userProperties, ...rest } = message.properties;
  t.deepEqual({ ...userProperties }, properties.userProperties);
  t.deepEqual({ ...rest, userProperties: properties.userProperties }, properties);
  t.like(mqtt.stats(), { connected: true, sent: 2, acknowledged: 2, received: 1, subscriptions: 2, pending: 0 });
  t.deepEqual(await mqtt.unsubscribe(["ä/+", "missing"]), { reasonCodes: [0, 17] });
  await mqtt.disconnect();
  t.false(mqtt.connected);
  await mqtt.connect();
  await mqtt.close();
});

for (const key of ["ec256", "rsa2048"]) {
  broked(`the session's ${key} key in a token opens a connection`, async (t) => {
    const session = sessionFor(t, tb.hsm(key));
    const mqtt = await session.mqtt(broker.options({ clientId: `hsm-${key}`, limits: "none" }));
    await mqtt.connect();
    t.deepEqual(await mqtt.publish("a", "b", { qos: 1 }), { reasonCode: 16 });
    await mqtt.close({ drain: true });
  });
}

broked("an own key in a token, and a PIN from a function", async (t) => {
  const session = sessionFor(t, { method: "custom", customCredentials });
  const { certificate, pkcs11 } = tb.hsm("ec256");
  const userPin = async () => pkcs11.userPin;
  const own = { certificate, pkcs11: { ...pkcs11, userPin } };
  const mqtt = await session.mqtt(broker.options({ clientId: "hsm-pin", limits: "none", ...own }));
  await mqtt.connect();
  t.true(mqtt.connected);
});

broked("payloads may be changed as soon as publish has returned, small and large", async (t) => {
  const mqtt = await connected(t);
  const came = [];
  await mqtt.subscribe("payloads", { qos: 1 }, ({ payload }) =>
    came.push([payload.length, payload[0], payload.at(-1)]),
  );
  const sizes = [1, 100, 16_384, 16_385, 100_000];
  const sent = sizes.flatMap((size) => {
    const payload = new Uint8Array(size);
    return [1, 2, 3].map((fill) => mqtt.publish("payloads", payload.fill(fill), { qos: 1 }));
  });
  await Promise.all(sent);
  t.deepEqual(
    came,
    sizes.flatMap((size) => [1, 2, 3].map((fill) => [size, fill, fill])),
  );
});

broked("ten thousand messages at once settle and come in order", async (t) => {
  const [from, to] = await Promise.all([
    connected(t, { offlineQueue: { maxMessages: 20_000, maxBytes: 100_000_000 } }),
    connected(t),
  ]);
  await to.subscribe("n", { qos: 1 });
  const numbers = Array.from({ length: 10_000 }, (_, number) => number);
  const messages = to.messages("n");
  const settled = Promise.all(numbers.map((number) => from.publish("n", String(number), { qos: 1 })));
  const came = [];
  for await (const { payload } of messages) {
    came.push(Number(payload.toString()));
    // Sometimes slower than the server.
    if (came.length % 500 === 0) await turn();
    if (came.length === numbers.length) break;
  }
  t.deepEqual(came, numbers);
  t.true((await settled).every(({ reasonCode }) => reasonCode === 0));
});

broked("a slow consumer that publishes is not held up by what waits for it", async (t) => {
  const mqtt = await connected(t, { offlineQueue: { maxMessages: 5000 } });
  await mqtt.subscribe("in", { qos: 0 });
  const dropped = [];
  mqtt.on("dropped", ({ error }) => dropped.push(error.code));
  const messages = mqtt.messages("in");
  await Promise.all(Array.from({ length: 2000 }, () => mqtt.publish("in", "x", { qos: 0 })));
  let done = 0;
  for await (const _ of messages) {
    await mqtt.publish("out", "y", { qos: 1 });
    if (++done === 200) break;
  }
  t.is(done, 200);
  t.true(dropped.every((code) => code === "ERR_MQTT_DROPPED"));
});

broked("messages are acknowledged by the user, who may take his time", async (t) => {
  const clientId = "manual";
  const settings = { clientId, manualAcknowledge: true, cleanStart: false, sessionExpirySeconds: 60 };
  const first = await connected(t, settings);
  const waiting = [];
  await first.subscribe("m", { qos: 1 }, (message) => waiting.push(message));
  await first.publish("m", "1", { qos: 1 });
  await first.publish("m", "2", { qos: 1 });
  t.is(waiting.length, 2);
  waiting[0].ack();
  waiting[0].ack();
  await first.publish("other", "", { qos: 1 });
  await first.close();
  const second = await connection(t, settings);
  const again = second.messages();
  t.true((await second.connect()).sessionPresent);
  const { value } = await again.next();
  t.is(value.payload.toString(), "2");
  value.ack();
});

broked("who connects again while the connection goes down waits for the next one", async (t) => {
  const mqtt = await connected(t);
  const events = [];
  for (const name of ["connect", "disconnect"]) mqtt.on(name, () => events.push(name));
  const down = mqtt.disconnect();
  t.false(mqtt.connected);
  await Promise.all([down, mqtt.connect()]);
  t.deepEqual(events, ["disconnect", "connect"]);
  t.true(mqtt.connected);
});

brokedAlone("nothing that others put into prototypes is taken for what a server said", async (t) => {
  const mqtt = await connected(t);
  const came = [];
  await mqtt.subscribe("polluted", { qos: 1 }, ({ properties }) => came.push(properties));
  const polluted = { contentType: "theirs", reasonString: "theirs", user: ["a", "b"], error: { failed: true } };
  Object.assign(Object.prototype, polluted);
  try {
    const published = mqtt.publish("polluted", "", { qos: 1, properties: { responseTopic: "r" } });
    t.deepEqual({ ...(await published) }, { reasonCode: 0 });
  } finally {
    for (const name of Object.keys(polluted)) delete Object.prototype[name];
  }
  t.deepEqual(came, [{ responseTopic: "r" }]);
});

// -------------------------------------------------------------------------------------------------------------- the end

broked("what has not begun is refused, what is pending rejects at close", async (t) => {
  const mqtt = await connection(t);
  const dropped = [];
  mqtt.on("dropped", ({ topic, error }) => dropped.push([topic, error.code]));
  const pending = mqtt.publish("a", "b", { qos: 1 });
  const iterator = mqtt.messages();
  const next = iterator.next();
  const closing = mqtt.close();
  await t.throwsAsync(mqtt.publish("a", "b"), { instanceOf: ClosedError, code: "ERR_CLOSED" });
  await t.throwsAsync(mqtt.connect(), { instanceOf: ClosedError });
  await t.throwsAsync(pending, { instanceOf: ClosedError, code: "ERR_CLOSED" });
  await closing;
  t.deepEqual(await next, { value: undefined, done: true });
  t.deepEqual(await mqtt.messages().next(), { value: undefined, done: true });
  t.deepEqual(dropped, [["a", "ERR_CLOSED"]]);
  await mqtt.close();
});

broked("close drains if it is told to", async (t) => {
  const mqtt = await connected(t);
  const sent = Promise.all(Array.from({ length: 100 }, () => mqtt.publish("a", "b", { qos: 1 })));
  await mqtt.close({ drain: true });
  t.is((await sent).length, 100);
});

broked("a signal ends what waits for it", async (t) => {
  const mqtt = await connection(t);
  const abort = new AbortController();
  const pending = mqtt.publish("a", "b", { qos: 1, signal: abort.signal });
  const subscribing = mqtt.subscribe("a", { signal: abort.signal });
  const reason = new Error("enough");
  abort.abort(reason);
  t.is(await t.throwsAsync(pending), reason);
  t.is(await t.throwsAsync(subscribing), reason);
  t.is(await t.throwsAsync(mqtt.connect({ signal: abort.signal })), reason);
  await t.throwsAsync(mqtt.publish("a", "b", { qos: 1, timeoutMs: 1 }), {
    instanceOf: MqttError,
    code: "ERR_MQTT_TIMEOUT",
  });
});

broked("an error says which option or what the server said", async (t) => {
  const mqtt = await connected(t);
  for (const [call, expected] of [
    [() => mqtt.publish("", "x"), { param: "topic" }],
    [() => mqtt.publish("a", 1), { param: "payload" }],
    [() => mqtt.publish("a", "x", { qos: 3 }), { param: "qos" }],
    [() => mqtt.publish("a", "x", { quality: 1 }), { code: "ERR_UNKNOWN_OPTION" }],
    [() => mqtt.publish("a", "x", { properties: { contentType: 1 } }), { param: "properties.contentType" }],
    [() => mqtt.subscribe([]), { param: "filter" }],
    [() => mqtt.subscribe("a", {}, 1), { param: "handler" }],
    [() => mqtt.connect({ signal: 1 }), { param: "signal" }],
    [() => mqtt.close({ drain: 1 }), { param: "drain" }],
  ]) {
    const error = await t.throwsAsync(call(), { instanceOf: ValidationError });
    t.like(error, expected);
  }
  await t.throwsAsync(mqtt.publish("a/+", "x"), { instanceOf: MqttError, code: "ERR_MQTT_TOPIC" });
  await t.throwsAsync(mqtt.publish("a\0b", "x"), { message: /NUL/ });
  await t.throwsAsync(mqtt.publish("a", "x", { qos: 2 }), { instanceOf: MqttError, code: "ERR_MQTT_QOS" });
});

broked("options are refused by name before anything is connected", async (t) => {
  const session = new RefreshableSession({ method: "custom", customCredentials });
  for (const [options, param] of [
    [{ clientId: undefined }, "clientId"],
    [{ endpoint: 1 }, "endpoint"],
    [{ transport: "tcp" }, "transport"],
    [{ limits: { inFlight: 0 } }, "limits.inFlight"],
    [{ offlineQueue: { policy: "newest" } }, "offlineQueue.policy"],
    [{ will: { payload: "x" } }, "will.topic"],
    [{ keepAlive: 1 }, "keepAlive"],
    [{ pkcs11: { library: "/x", pin: "1" } }, "pkcs11.pin"],
  ]) {
    const error = await t.throwsAsync(session.mqtt(mqttOptions(options)));
    t.is(error.param, param, error.message);
  }
  await session.close();
  await t.throwsAsync(session.mqtt(mqttOptions()), { instanceOf: ClosedError });
});

// --------------------------------------------------------------------------------------------------------- the process

/** From the last statement to the end, on a machine that has much to do: a connection that holds the process does so for ever. */
const PROMPT_MS = 5000;
/** Port 1 of this machine: nobody may listen there without being asked. */
const REFUSING = "localhost:1";

for (const [mode, endpoint, said] of [
  ["never connected", undefined, []],
  ["closed", undefined, []],
  ["disconnected", undefined, []],
  ["closed while it tries", REFUSING, [{ stage: "rejected", code: "ERR_CLOSED" }]],
  ["disconnected while it tries", REFUSING, [{ stage: "rejected", code: "ERR_MQTT_CANCELLED" }]],
  ["the session is closed", undefined, [{ stage: "closed", closed: true }]],
  [
    "a listener throws",
    undefined,
    ["connect", "handler", "handler"].map((message) => ({ stage: "uncaught", message })),
  ],
]) {
  broked(`the process ends by itself: ${mode}`, async (t) => {
    const options = mqttOptions(endpoint === undefined ? {} : { endpoint });
    const { code, at, stdout, stderr } = await start("mqtt.mjs", { mode, options }).ended;
    t.deepEqual({ code, stderr }, { code: 0, stderr: "" }, stdout);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const done = lines.find(({ stage }) => stage === "done");
    t.true(at - done.at < PROMPT_MS, `${at - done.at} ms`);
    t.deepEqual(
      lines.filter(({ stage }) => stage !== "done").map(({ at: _, ...rest }) => rest),
      said,
    );
  });
}

broked("an open connection holds the process and itself", async (t) => {
  const options = mqttOptions();
  const { code, stdout, stderr } = await start("mqtt.mjs", { mode: "open, until a message comes", options }).ended;
  t.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  t.deepEqual(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).stage),
    ["done", "message"],
  );
});
