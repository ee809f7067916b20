// Everything that a broker can do wrong or refuse: the event and code that tell of it, in plain words, and a connection that
// comes back. Faults are for single client identifiers, so most tests run at once.

import test from "ava";
import {
  connected,
  Faults,
  heardAfter,
  newClient,
  opened,
  QUICK,
  roundTrip,
  told,
  VERSIONS,
} from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { keysOf } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { heard, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
  await bed.broker.rules({ connectsPerSecond: null });
  await faults.tell(bed);
});
test.after.always(() => bed?.stop());

const session = (t) => sessionFor(t, bed.pem());
const options = (more = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ...QUICK, ...more });

// Requests for a WebSocket: a script for all, so one after the other.

const upgrades = {
  "HTTP 403": [{ mode: "status", code: 403 }, "ERR_MQTT_CONNECT_REFUSED", /HTTP 403/],
  "HTTP 429": [{ mode: "status", code: 429 }, "ERR_THROTTLED", /HTTP 429/],
  "HTTP 503": [{ mode: "status", code: 503, retryAfter: 1 }, "ERR_SERVICE_UNAVAILABLE", /HTTP 503/],
  "HTTP 200": [{ mode: "status", code: 200 }, "ERR_UNEXPECTED_STATUS", /200/],
  "no answer": [{ mode: "silence" }, "ERR_CONNECT_TIMEOUT", /within 700 ms/],
  "the end": [{ mode: "close" }, "ERR_CONNECTION_LOST", /broke/],
  "an answer to somebody else": [{ mode: "wrong-accept" }, "ERR_PROTOCOL", /accept/i],
  "no sub-protocol": [{ mode: "no-protocol" }, "ERR_PROTOCOL", /Sec-WebSocket-Protocol/],
  "what is no HTTP": [{ mode: "garbage" }, "ERR_PROTOCOL", /is no HTTP/],
};

for (const [title, [{ mode, ...params }, code, says]] of Object.entries(upgrades)) {
  test.serial(`WebSocket: ${title}`, async (t) => {
    await bed.broker.badUpgrade(mode, params, 1);
    const custom = sessionFor(t, { method: "custom", customCredentials: async () => keysOf(bed.iam.user) });
    const web = { endpoint: bed.mqtt.alpn.endpoint, transport: "ws", region: "eu-west-1", ca: bed.pki.serverCa };
    const { connection, said } = await opened(t, custom, { ...QUICK, ...web, connectTimeoutMs: 700 });
    await back(connection, said);
    told(t, said.disconnect[0], code, says);
    t.false(said.disconnect[0].wasConnected);
    await roundTrip(t, connection);
  });
}

/** Connects until it is up: a refusal that trying again does not heal rejects. */
async function back(connection, said) {
  const error = await connection.connect().then(
    () => undefined,
    (reason) => reason,
  );
  if (error === undefined) return;
  if (said.disconnect.at(-1)?.error !== error) throw error;
  await connection.connect();
}

const faults = new Faults();

// What breaks a connection that is up. A message of QoS 1 gets through all the same.

const SILENCE = [{ ackTimeoutMs: 300 }, "ERR_MQTT_NO_ANSWER", /did not acknowledge/];
const WORDLESS = [{}, "ERR_MQTT_DISCONNECTED", /without a word/];
const RESET = [{}, "ERR_CONNECTION_LOST", /broke/];
const PROTOCOL = [{}, "ERR_MQTT_PROTOCOL", /reading from the server/];
const hex = (text) => ({ mode: "garbage", hex: text });

const breaking = {
  silence: [{ mode: "stall" }, ...SILENCE],
  "a half-open connection": [{ mode: "half-open" }, ...SILENCE],
  "a server that does not answer CONNECT": [
    { mode: "no-connack" },
    { connackTimeoutMs: 300 },
    "ERR_MQTT_NO_ANSWER",
    /CONNECT/,
  ],
  "a session that was not asked for": [{ mode: "connack", reason: 0, sessionPresent: true }, ...PROTOCOL],
  "a bare end": [{ mode: "close" }, ...WORDLESS],
  "an end without close_notify": [{ mode: "close", polite: false, after: 1 }, ...WORDLESS],
  "a reset while the server speaks": [{ mode: "reset-after", bytes: 6, toward: "client" }, ...RESET],
  "a reset while the client speaks": [{ mode: "reset-after", bytes: 20, toward: "server" }, ...RESET],
  garbage: [{ mode: "garbage" }, ...PROTOCOL],
  "a length that never ends": [hex("30ffffffffff"), ...PROTOCOL],
  "a packet type that is reserved": [hex("0000"), ...PROTOCOL],
  "a second CONNACK": [hex("2003000000"), ...PROTOCOL],
  "an answer to a ping that nobody sent, and then a CONNECT": [hex("d0001000"), ...PROTOCOL],
  "a message of QoS 2": [hex("3406000174000100"), ...PROTOCOL],
  "a message of QoS 3": [hex("3606000174000100"), ...PROTOCOL],
  "a message with a wildcard in its topic": [hex("300400012300"), ...PROTOCOL],
  "a topic that is not UTF-8": [hex("30040001ff00"), ...PROTOCOL],
  "a topic that reaches past the packet": [hex("300400ff6100"), ...PROTOCOL],
  "a packet identifier of 0": [hex("3206000174000000"), ...PROTOCOL],
  "an answer to a message of QoS 2 that nobody sent": [hex("50020001"), ...PROTOCOL],
  "a packet larger than was allowed": [
    { mode: "oversized", bytes: 200_000 },
    { limits: { base: "none", packetBytes: 131_072 } },
    "ERR_MQTT_PROTOCOL",
    /131072|131,072|131 072/,
  ],
};

for (const [title, [fault, more, code, says]] of Object.entries(breaking)) {
  for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
    const client = faults.of(fault, 1);
    test(`${version}: ${title}`, async (t) => {
      const { connection, said } = await opened(t, session(t), options({ ...client, protocolVersion, ...more }));
      await connection.connect();
      const { reasonCode } = await connection.publish(`${client.clientId}/t`, "gets through", { qos: 1 });
      t.true(reasonCode < 0x80);
      // The acknowledgement may come before the end.
      await until(() => said.disconnect.length > 0);
      told(t, said.disconnect[0], code, says);
      await roundTrip(t, connection);
      t.like(connection.stats(), { connected: true, pending: 0, failed: 0 });
    });
  }
}

// DISCONNECT with a reason.

const goodbyes = {
  0: ["ERR_MQTT_DISCONNECTED", /ended the connection/],
  129: ["ERR_MQTT_DISCONNECTED", /malformed/i],
  130: ["ERR_MQTT_DISCONNECTED", /protocol/i],
  135: ["ERR_MQTT_DISCONNECTED", /policy allows this topic/],
  139: ["ERR_MQTT_DISCONNECTED", /shutting down/i],
  141: ["ERR_MQTT_DISCONNECTED", /keep.alive/i],
  142: ["ERR_MQTT_TAKEN_OVER", /same client identifier/],
  147: ["ERR_MQTT_DISCONNECTED", /receive maximum/i],
  149: ["ERR_MQTT_DISCONNECTED", /large/i],
  151: ["ERR_MQTT_DISCONNECTED", /quota/i],
  152: ["ERR_MQTT_DISCONNECTED", /administrative/i],
  239: ["ERR_MQTT_DISCONNECTED", /0xef/],
};

for (const [given, [code, says]] of Object.entries(goodbyes)) {
  test(`DISCONNECT ${given}`, async (t) => {
    const { connection } = await connected(t, session(t), options());
    const up = heard(connection, "connect");
    const down = await heardAfter(connection, "disconnect", () => bed.broker.kick(connection.clientId, Number(given)));
    told(t, down, code, says);
    t.like(down, { wasConnected: true });
    t.is(down.error.reasonCode, Number(given));
    await up;
    await roundTrip(t, connection);
  });
}

test("another connection with the same client identifier: told so, and the next attempt is in the slow lane", async (t) => {
  const clientId = newClient("twin");
  const pauses = { clientId, reconnectMinSeconds: 0.005, reconnectMaxSeconds: 40 };
  const { connection, said } = await connected(t, session(t), options(pauses));
  const waits = heard(connection, "reconnecting");
  await connected(t, session(t), options({ clientId }));
  const { delayMs } = await waits;
  told(t, said.disconnect[0], "ERR_MQTT_TAKEN_OVER", /Give each device and each process its own/);
  t.true(delayMs >= 20_000 && delayMs <= 40_000, String(delayMs));
});
