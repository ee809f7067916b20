// What never reaches the wire: options, topics, filters, sizes and numbers that cannot be meant, each with a typed error; and
// what AWS's limits hold back or split, by the broker's log.

import test from "ava";
import { connected, newClient, opened, QUICK, roundTrip, seen } from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { keysOf } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.after.always(() => bed?.stop());

const device = (t) => sessionFor(t, bed.pem());
const custom = (t) => sessionFor(t, { method: "custom", customCredentials: async () => keysOf(bed.iam.user) });
const base = () => ({ endpoint: bed.mqtt.tls.endpoint, clientId: newClient() });

const INVALID = "ERR_INVALID_OPTION";
const CONFLICT = "ERR_CONFLICTING_OPTIONS";
const MISSING = "ERR_MISSING_OPTION";
const authorizer = { tokenKeyName: "k", tokenValue: "v", tokenSignature: "s" };

/** What is wrong, code, and which option is named. */
const options = [
  ["no options", () => undefined, INVALID, "options"],
  ["an option that does not exist", () => ({ qos: 1 }), "ERR_UNKNOWN_OPTION", "qos"],
  ["no endpoint", () => ({ endpoint: undefined }), MISSING, "endpoint"],
  ["no client identifier", () => ({ clientId: undefined }), MISSING, "clientId"],
  ["a client identifier of 129 bytes", () => ({ clientId: "é".repeat(65) }), INVALID, "clientId"],
  ["a client identifier with U+0000", () => ({ clientId: "a\0" }), INVALID, "clientId"],
  ["no client identifier for 3.1.1", () => ({ clientId: "", protocolVersion: 311 }), INVALID, "clientId"],
  ["a URL as endpoint", () => ({ endpoint: "mqtts://localhost" }), INVALID, "endpoint"],
  ["the credentials endpoint", () => ({ endpoint: "x.credentials.iot.eu-west-1.amazonaws.com" }), INVALID, "endpoint"],
  ["two ports", () => ({ port: 1 }), CONFLICT, "port"],
  ["port 0", () => ({ port: 0 }), INVALID, "port"],
  ["another transport", () => ({ transport: "tcp" }), INVALID, "transport"],
  ["version 4", () => ({ protocolVersion: 4 }), INVALID, "protocolVersion"],
  ["ALPN for a WebSocket", () => ({ transport: "ws", useAlpn: true, region: "eu-west-1" }), CONFLICT, "useAlpn"],
  ["a WebSocket of no region", () => ({ transport: "ws" }), MISSING, "region"],
  [
    "a certificate for a WebSocket",
    () => ({ ...own(), transport: "ws", region: "eu-west-1" }),
    CONFLICT,
    "certificate",
  ],
  ["a certificate and an authorizer", () => ({ ...own(), customAuthorizer: {} }), CONFLICT, "certificate"],
  ["a key without certificate", () => ({ privateKey: own().privateKey }), MISSING, "certificate"],
  ["half a token", () => ({ customAuthorizer: { tokenValue: "v" } }), INVALID, "customAuthorizer.tokenKeyName"],
  ["a token and a query", () => ({ customAuthorizer: authorizer, username: "u?a=b" }), INVALID, "username"],
  ["a keep-alive of 29 seconds", () => ({ keepAliveSeconds: 29 }), INVALID, "keepAliveSeconds"],
  ["a keep-alive of 1201 seconds", () => ({ keepAliveSeconds: 1201 }), INVALID, "keepAliveSeconds"],
  ["a password alone for 3.1.1", () => ({ password: "p", protocolVersion: 311 }), INVALID, "password"],
  ["an expiry for 3.1.1", () => ({ sessionExpirySeconds: 1, protocolVersion: 311 }), INVALID, "sessionExpirySeconds"],
  [
    "user properties for 3.1.1",
    () => ({ userProperties: { a: "b" }, protocolVersion: 311 }),
    INVALID,
    "userProperties",
  ],
  ["a will to a filter", () => ({ will: { topic: "a/#" } }), "ERR_MQTT_TOPIC", undefined],
  ["a will of QoS 2", () => ({ will: { topic: "a", qos: 2 } }), "ERR_MQTT_QOS", "will.qos"],
  ["a will without topic", () => ({ will: {} }), MISSING, "will.topic"],
  ["waits that are none", () => ({ reconnectMinSeconds: 0 }), INVALID, "reconnectMinSeconds"],
  ["waits that shrink", () => ({ reconnectMinSeconds: 9, reconnectMaxSeconds: 1 }), INVALID, "reconnectMinSeconds"],
  ["no time at all", () => ({ connectTimeoutMs: 0 }), INVALID, "connectTimeoutMs"],
  ["another queue's policy", () => ({ offlineQueue: { policy: "drop" } }), INVALID, "offlineQueue.policy"],
  ["a limit of nothing", () => ({ limits: { inFlight: 0 } }), INVALID, "limits.inFlight"],
  ["other limits", () => ({ limits: "azure" }), INVALID, "limits"],
];
const own = () =>
  bed.pki.devices.rsa2048 && {
    certificate: bed.pki.devices.rsa2048.certificate,
    privateKey: bed.pki.devices.rsa2048.privateKey,
  };

for (const [title, given, code, param] of options) {
  test(`options: ${title}`, async (t) => {
    const wanted = given();
    const error = await failureOf(device(t).mqtt(wanted && { ...base(), ...wanted }));
    t.is(error.code, code, error.message);
    t.is(error.param, param, error.message);
    t.false(error.retryable);
    t.notRegex(error.message, /\.\. [A-Z]|\[object/);
  });
}

test("options: a session without a certificate", async (t) => {
  const error = await failureOf(custom(t).mqtt(base()));
  t.like(error, { code: MISSING, param: "certificate" });
  t.regex(error.hint, /transport: "ws"/);
});

const many = (count) => Array.from({ length: count }, (_, n) => `f/${n}`);
const DEEP = "a/b/c/d/e/f/g/h/i";

/** Bytes that another thread might have now. */
function transferred() {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Calls that are refused at once, whatever the state of the connection. */
const calls = {
  "QoS 2": [(c) => c.publish("a", "x", { qos: 2 }), "ERR_MQTT_QOS"],
  "a subscription of QoS 2": [(c) => c.subscribe("a", { qos: 2 }), "ERR_MQTT_QOS"],
  "QoS 3": [(c) => c.publish("a", "x", { qos: 3 }), INVALID],
  "no topic": [(c) => c.publish("", "x"), INVALID],
  "a number as topic": [(c) => c.publish(7, "x"), INVALID],
  "an object as payload": [(c) => c.publish("a", {}), INVALID],
  "no payload": [(c) => c.publish("a"), INVALID],
  "a payload whose memory is gone": [(c) => c.publish("a", transferred(), { qos: 1 }), INVALID],
  "correlation data whose memory is gone": [
    (c) => c.publish("a", "x", { qos: 1, properties: { correlationData: transferred() } }),
    INVALID,
  ],
  "a topic with #": [(c) => c.publish("a/#", "x"), "ERR_MQTT_TOPIC"],
  "a topic with +": [(c) => c.publish("a/+/b", "x"), "ERR_MQTT_TOPIC"],
  "a topic with U+0000": [(c) => c.publish("a\0b", "x"), INVALID],
  "a topic of 257 bytes": [(c) => c.publish("é".repeat(129), "x"), "ERR_MQTT_TOPIC"],
  "a topic of eight slashes": [(c) => c.publish(DEEP, "x", { qos: 1 }), "ERR_MQTT_TOPIC"],
  "a filter that ends in a#": [(c) => c.subscribe("a#"), "ERR_MQTT_TOPIC"],
  "a filter with # in the middle": [(c) => c.subscribe("a/#/b"), "ERR_MQTT_TOPIC"],
  "a filter of eight slashes": [(c) => c.subscribe(DEEP), "ERR_MQTT_TOPIC"],
  "one bad filter of two": [(c) => c.subscribe(["a", "a+"]), "ERR_MQTT_TOPIC"],
  "a shared subscription to nothing": [(c) => c.subscribe("$share/g"), "ERR_MQTT_TOPIC"],
  "a shared subscription without own messages": [
    (c) => c.subscribe("$share/g/a", { noLocal: true }),
    "ERR_MQTT_PROPERTY",
  ],
  "a bad filter to end": [(c) => c.unsubscribe("a#"), "ERR_MQTT_TOPIC"],
  "no filter": [(c) => c.subscribe([]), INVALID],
  "51 filters": [(c) => c.subscribe(many(51)), "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS"],
  "a handler that is none": [(c) => c.subscribe("a", {}, "handler"), INVALID],
  "a payload over 128 KiB": [(c) => c.publish("a", Buffer.alloc(131_072), { qos: 1 }), "ERR_MQTT_PACKET_TOO_LARGE"],
  "a long text over 128 KiB": [(c) => c.publish("a", "é".repeat(66_000)), "ERR_MQTT_PACKET_TOO_LARGE"],
  "a content type of 65,536 bytes": [
    (c) => c.publish("a", "x", { properties: { contentType: "x".repeat(65_536) } }),
    "ERR_MQTT_PROPERTY",
  ],
  "an answer to a filter": [(c) => c.publish("a", "x", { properties: { responseTopic: "a/#" } }), "ERR_MQTT_TOPIC"],
  "a property that does not exist": [
    (c) => c.publish("a", "x", { properties: { topicAlias: 1 } }),
    "ERR_UNKNOWN_OPTION",
  ],
  "an option that does not exist": [(c) => c.publish("a", "x", { retained: true }), "ERR_UNKNOWN_OPTION"],
  "no time": [(c) => c.publish("a", "x", { timeoutMs: 0 }), INVALID],
  "the disk that is not there": [(c) => c.publish("a", "x", { qos: 1, until: "stored" }), /ERR_/],
};
const callsOf311 = {
  "no own messages": [(c) => c.subscribe("a", { noLocal: true }), "ERR_MQTT_PROPERTY"],
  "properties of a message": [(c) => c.publish("a", "x", { properties: { contentType: "x" } }), "ERR_MQTT_PROPERTY"],
};

for (const [protocolVersion, all] of [
  [5, calls],
  [311, { ...calls, ...callsOf311 }],
]) {
  test(`calls that are refused, version ${protocolVersion}: none reaches the wire`, async (t) => {
    const { connection } = await opened(t, device(t), { ...base(), protocolVersion });
    for (const state of ["before", "while"]) {
      if (state === "while") await connection.connect();
      for (const [title, [call, code]] of Object.entries(all)) {
        if (protocolVersion === 311 && /content type|an answer to/.test(title)) continue;
        const error = await failureOf(call(connection));
        const label = `${title}, ${state} it is up: ${error.message}`;
        if (code instanceof RegExp) t.regex(error.code, code, label);
        else t.is(error.code, code, label);
        t.false(error.retryable, label);
        t.notRegex(error.message, /\.\. [A-Z]|\[object/, label);
      }
    }
    t.like(connection.stats(), { sent: 0, pending: 0, subscriptions: 0 });
    await connection.subscribe("end");
    const log = (await bed.log()).filter((entry) => entry.clientId === connection.clientId);
    const events = log.map(({ event, filters }) => [event, filters?.length]);
    t.deepEqual(events, [
      ["mqtt.connect", undefined],
      ["mqtt.subscribe", 1],
    ]);
  });
}

test("without an offline queue nothing is taken while there is no connection", async (t) => {
  const { connection } = await opened(t, device(t), { ...base(), offlineQueue: false });
  const error = await failureOf(connection.publish("a", "x", { qos: 1 }));
  t.like(error, { code: "ERR_MQTT_OFFLINE", retryable: true });
  await connection.connect();
  await roundTrip(t, connection);
});

test("a queue that is full: each policy", async (t) => {
  const outcomes = async (policy) => {
    const { connection, said } = await opened(t, device(t), { ...base(), offlineQueue: { maxMessages: 2, policy } });
    const codes = ["a", "b", "c"].map((payload) =>
      connection.publish("q", payload, { qos: 1 }).then(
        () => "sent",
        ({ code }) => code,
      ),
    );
    await connection.connect();
    return [await Promise.all(codes), said.dropped.length];
  };
  t.deepEqual(await outcomes("reject"), [["sent", "sent", "ERR_MQTT_QUEUE_FULL"], 1]);
  t.deepEqual(await outcomes("drop-newest"), [["sent", "sent", "ERR_MQTT_DROPPED"], 1]);
  t.deepEqual(await outcomes("drop-oldest"), [["ERR_MQTT_DROPPED", "sent", "sent"], 1]);
});

test("more than eight filters are asked for in several packets, and are 50 at most", async (t) => {
  const { connection } = await connected(t, device(t), base());
  const { reasonCodes } = await connection.subscribe(many(50), { qos: 1 });
  t.deepEqual(reasonCodes, Array(50).fill(1));
  t.is((await failureOf(connection.subscribe("one/more"))).code, "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS");
  t.deepEqual(await connection.subscribe("f/7", { qos: 1 }), { reasonCodes: [1] }, "one of the fifty");
  await connection.unsubscribe(many(50));
  const sizes = async (event) => (await seen(bed, connection.clientId, event)).map(({ filters }) => filters.length);
  t.deepEqual(await sizes("mqtt.subscribe"), [8, 8, 8, 8, 8, 8, 2, 1]);
  t.true((await sizes("mqtt.unsubscribe")).every((size) => size <= 8));
  t.deepEqual(await connection.subscribe("one/more"), { reasonCodes: [0] });
});

/** What the broker made of messages that were all published at once. */
async function outcomes(t, limits, qos, count = 250) {
  const { connection, said } = await connected(t, device(t), { ...base(), limits });
  const timeoutMs = 10_000;
  const all = Array.from({ length: count }, (_, n) => connection.publish("p", String(n), { qos, timeoutMs }));
  await Promise.all(all);
  await connection.subscribe("behind/them");
  const sent = await seen(bed, connection.clientId, "mqtt.publish");
  t.is(sent.length, count);
  t.deepEqual(said.disconnect, []);
  return new Set(sent.map(({ outcome }) => outcome));
}

for (const qos of [0, 1]) {
  test(`messages of QoS ${qos} are paced: the broker, who takes 100 a second, discards none`, async (t) => {
    t.deepEqual(await outcomes(t, "aws", qos), new Set(["accepted"]));
  });
}

test("without limits of ours the same broker does discard some", async (t) => {
  t.deepEqual(await outcomes(t, QUICK.limits, 0, 900), new Set(["accepted", "discarded"]));
});
