// What a broker refuses, and what it does out of turn: the code that says so, and a connection that stays or comes back.
//
// Faults are for single client identifiers, so the tests run at once.

import test from "ava";
import {
  connected,
  Faults,
  heardAfter,
  newClient,
  opened,
  QUICK,
  roundTrip,
  seen,
  told,
  VERSIONS,
} from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
  await bed.broker.rules({ connectsPerSecond: null });
  await faults.tell(bed);
});
test.after.always(() => bed?.stop());

const session = (t) => sessionFor(t, bed.pem());
const options = (more = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ...QUICK, ...more });

const faults = new Faults();

// CONNACK says no.

const refusals = {
  5: {
    128: /unspecified/i,
    132: /version/i,
    133: /client identifier/i,
    134: /user name or password/i,
    135: /not authori[sz]ed/i,
    136: /unavailable/i,
    137: /busy/i,
    138: /banned/i,
    151: /quota/i,
    156: /server/i,
    159: /rate/i,
  },
  311: {
    1: /version/i,
    2: /client identifier/i,
    3: /unavailable/i,
    4: /user name or password/i,
    5: /not authori[sz]ed/i,
  },
};
/** What the codes of 3.1.1 are in MQTT 5. */
const translated = { 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };
/** These do not heal by themselves. */
const HOPELESS = [0x84, 0x85, 0x86, 0x87, 0x8a, 0x9c];

for (const { protocolVersion } of Object.values(VERSIONS)) {
  for (const [given, says] of Object.entries(refusals[protocolVersion])) {
    const reason = Number(given);
    const client = faults.of({ mode: "connack", reason }, 1);
    test(`CONNACK ${reason}, version ${protocolVersion}`, async (t) => {
      const { connection, said } = await opened(t, session(t), options({ ...client, protocolVersion }));
      const attempt = connection.connect();
      const [first] = await until(() => said.disconnect.length > 0 && said.disconnect);
      told(t, first, "ERR_MQTT_CONNECT_REFUSED", says);
      const code = translated[reason] ?? reason;
      t.like(first.error, { name: "MqttError", reasonCode: code, retryable: !HOPELESS.includes(code) });
      t.false(first.wasConnected);
      if (first.error.retryable) await attempt;
      else t.is(await failureOf(attempt), first.error);
      await connection.connect();
      await roundTrip(t, connection);
    });
  }
}

// What does not break it.

const answers = {
  128: "unspecified",
  131: "implementation",
  135: "authorized",
  144: "topic",
  151: "quota",
  153: "format",
};
for (const [given, says] of Object.entries(answers)) {
  const client = faults.of({ mode: "puback", reason: Number(given), times: 1 });
  test(`PUBACK ${given}: the message is refused, and the next one not`, async (t) => {
    const { connection, said } = await connected(t, session(t), options(client));
    const topic = `${client.clientId}/t`;
    const error = await failureOf(connection.publish(topic, "x", { qos: 1 }));
    t.like(error, { name: "MqttError", code: "ERR_MQTT_PUBLISH_REFUSED", reasonCode: Number(given), retryable: false });
    t.regex(error.message, new RegExp(says, "i"));
    await connection.publish(topic, "y", { qos: 1 });
    t.deepEqual([said.disconnect, connection.stats().failed], [[], 1]);
  });
}

const subacks = { 5: [0x80, 0x83, 0x87, 0x8f, 0x97, 0x9e, 0xa2], 311: [0x80] };
for (const { protocolVersion } of Object.values(VERSIONS)) {
  for (const reason of subacks[protocolVersion]) {
    const some = faults.of({ mode: "suback", reasons: [1, reason], times: 1 });
    test(`SUBACK ${reason}, version ${protocolVersion}: one of two filters, and then all`, async (t) => {
      const { connection, said } = await connected(t, session(t), options({ ...some, protocolVersion }));
      const { reasonCodes } = await connection.subscribe(["a", "b"], { qos: 1 });
      t.deepEqual(reasonCodes, [1, reason]);
      t.is(connection.stats().subscriptions, 1);
      await bed.broker.faultNow(some.clientId, "suback", { reasons: [reason], times: 1 });
      const error = await failureOf(connection.subscribe("c"));
      t.like(error, { code: "ERR_MQTT_SUBSCRIBE_REFUSED", reasonCode: reason });
      t.deepEqual([said.disconnect, connection.stats().subscriptions], [[], 1]);
    });
  }
}

const wrongCount = faults.of({ mode: "suback", reasons: [0, 0, 0], times: 1 }, 1);
test("a SUBACK with more reasons than filters: the connection is made anew, and asks again", async (t) => {
  const { connection, said } = await connected(t, session(t), options(wrongCount));
  t.deepEqual(await connection.subscribe("a"), { reasonCodes: [0] });
  told(t, said.disconnect[0], "ERR_MQTT_PROTOCOL", /reasons/);
});

const late = faults.of({
  mode: "several",
  faults: [
    { mode: "late-puback", ms: 20 },
    { mode: "reorder-messages", size: 2 },
  ],
});
test("PUBACKs that are late, and messages in another order", async (t) => {
  const { connection, said } = await connected(t, session(t), options(late));
  const topic = `${late.clientId}/t`;
  const messages = connection.messages(topic);
  await connection.subscribe(topic, { qos: 1 });
  await Promise.all(["a", "b"].map((payload) => connection.publish(topic, payload, { qos: 1 })));
  const got = [await messages.next(), await messages.next()].map(({ value }) => value.payload.toString());
  t.deepEqual([got, said.disconnect], [["b", "a"], []]);
});

const twice = faults.of({ mode: "redeliver", times: 1 });
test("a message that comes twice is given out twice", async (t) => {
  const { connection } = await connected(t, session(t), options(twice));
  const topic = `${twice.clientId}/t`;
  const messages = connection.messages(topic);
  await connection.subscribe(topic, { qos: 1 });
  await bed.broker.publish(topic, "x");
  const got = [await messages.next(), await messages.next()].map(({ value }) => value.payload.toString());
  t.deepEqual(got, ["x", "x"]);
  await until(async () => (await seen(bed, twice.clientId, "mqtt.puback")).length === 2);
});

const forgetful = faults.of({ mode: "lose-session" });
const granting = { 5: { sessionExpirySeconds: 100 } };
test("a server that loses the session: subscriptions are asked for again, and what is refused then is told", async (t) => {
  const { connection, said } = await connected(t, session(t), options({ ...forgetful, ...granting[5] }));
  await connection.subscribe(["keep", "lose"], { qos: 1 });
  const lost = heard(connection, "subscriptionLost");
  await bed.broker.policy([
    { effect: "Allow", action: "iot:*", resource: "*" },
    { effect: "Deny", action: "iot:*", resource: "denied*" },
    { effect: "Deny", action: "iot:Subscribe", resource: "lose" },
  ]);
  const up = await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
  t.like(up, { sessionPresent: false, resubscribing: 2 });
  t.like(await lost, { filter: "lose", reasonCode: 0x87 });
  t.is(connection.stats().subscriptions, 1);
  t.is(said.subscriptionLost.length, 1);
});

// What the policy denies. Nothing of it heals by itself.

for (const { protocolVersion } of Object.values(VERSIONS)) {
  test(`the policy denies the client identifier, version ${protocolVersion}`, async (t) => {
    const { connection, said } = await opened(
      t,
      session(t),
      options({ clientId: newClient("denied"), protocolVersion }),
    );
    const error = await failureOf(connection.connect());
    told(t, { error, expected: false }, "ERR_MQTT_CONNECT_REFUSED", /iot:Connect/);
    t.like(error, { reasonCode: 0x87, retryable: false });
    t.deepEqual([connection.connected, said.connect], [false, []]);
  });
}

test("the policy denies topics, MQTT 5: each is refused, and the connection stays", async (t) => {
  const { connection, said } = await connected(t, session(t), options());
  const refused = { name: "MqttError", reasonCode: 0x87, retryable: false };
  const published = await failureOf(connection.publish("denied/t", "x", { qos: 1 }));
  t.like(published, { ...refused, code: "ERR_MQTT_PUBLISH_REFUSED" });
  const subscribed = await failureOf(connection.subscribe(["denied/t", "denied/#"]));
  t.like(subscribed, { ...refused, code: "ERR_MQTT_SUBSCRIBE_REFUSED" });
  t.deepEqual(await connection.subscribe(["denied/t", "allowed/t"], { qos: 1 }), { reasonCodes: [0x87, 1] });
  t.deepEqual(said.disconnect, []);
});

test("the policy denies a message of QoS 0, MQTT 5: the server says so as it ends the connection", async (t) => {
  const { connection } = await connected(t, session(t), options());
  const publishing = () => connection.publish("denied/t", "x");
  const down = await heardAfter(connection, "disconnect", publishing);
  told(t, down, "ERR_MQTT_DISCONNECTED", /policy allows this topic/);
  t.is(down.error.reasonCode, 0x87);
});

test("the policy denies topics, MQTT 3.1.1: the server hangs up, and the error says what that may mean", async (t) => {
  const { connection, said } = await connected(t, session(t), options({ protocolVersion: 311 }));
  const asked = [
    (signal) => connection.publish("denied/t", "x", { qos: 1, signal }),
    (signal) => connection.subscribe("denied/t", { qos: 1, signal }),
  ];
  for (const ask of asked) {
    const controller = new AbortController();
    const outcome = failureOf(ask(controller.signal));
    const down = await heard(connection, "disconnect");
    controller.abort(new Error("enough"));
    t.is((await outcome).message, "enough");
    told(
      t,
      down,
      "ERR_MQTT_DISCONNECTED",
      /without a word, \d+ ms after a SUBSCRIBE or PUBLISH.*policy denies the topic/,
    );
    await connection.connect();
    await roundTrip(t, connection);
  }
  t.true(said.disconnect.length >= 2);
});
