// The cases of AWS IoT Device Advisor, as tests: what AWS asks of a device before it counts as one that behaves.
//
// Faults are for single client identifiers, so most run at once. Those that change what holds for all come first.

import test from "ava";
import { connected, Faults, heardAfter, newClient, opened, QUICK, roundTrip, seen } from "./support/mqtt-bed.mjs";
import { largeServer } from "./support/mqtt-server.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.after.always(() => bed?.stop());

const session = (t) => sessionFor(t, bed.pem());
const options = (more = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ...QUICK, ...more });
const changed = (rules) => bed.broker.rules(rules);

// What holds for all.

const refusedServers = {
  expired: /has expired/,
  notYetValid: /not valid yet/,
  wrongName: /name/,
  unknownCa: /issue|CA|trust/,
  selfSigned: /self-signed|issue|CA|trust/,
};

for (const [serverCertificate, says] of Object.entries(refusedServers)) {
  for (const version of ["1.2", "1.3"]) {
    test.serial(`TLS: a server certificate that is ${serverCertificate} is refused, TLS ${version}`, async (t) => {
      t.teardown(() => bed.reset());
      await bed.configure({ serverCertificate, versions: [version] });
      const web = { endpoint: bed.mqtt.alpn.endpoint, transport: "ws", region: "eu-west-1" };
      for (const way of [{}, { endpoint: bed.mqtt.alpn.endpoint, useAlpn: true }, web]) {
        const { connection } = await opened(t, session(t), options(way));
        // The signature's keys come from a server with the same certificate.
        const error = await failureOf(connection.connect());
        t.is(error.code, "ERR_SERVER_CERTIFICATE", error.message);
        t.regex(error.message, says);
        t.deepEqual(await seen(bed, connection.clientId), []);
      }
    });
  }
}

for (const protocolVersion of [5, 311]) {
  test.serial(
    `a session that has expired is gone, and its subscriptions are asked for again, ${protocolVersion}`,
    async (t) => {
      t.teardown(() => bed.reset());
      await changed({ connectsPerSecond: null });
      const lasting = protocolVersion === 5 ? { sessionExpirySeconds: 60 } : {};
      const kept = options({ protocolVersion, cleanStart: false, ...lasting });
      const { connection } = await connected(t, session(t), kept);
      const topic = `${connection.clientId}/t`;
      await connection.subscribe(topic, { qos: 1 });
      const messages = connection.messages();
      await connection.disconnect();
      await bed.broker.publish(topic, "kept");
      t.true((await connection.connect()).sessionPresent);
      t.is((await messages.next()).value.payload.toString(), "kept");

      await connection.disconnect();
      await bed.broker.publish(topic, "lost");
      await bed.broker.advance(4000);
      const again = heard(connection, "connect");
      await connection.connect();
      t.like(await again, { sessionPresent: false, resubscribing: 1 });
      await until(async () => (await seen(bed, connection.clientId, "mqtt.subscribe")).length === 2);
      await bed.broker.publish(topic, "anew");
      t.is((await messages.next()).value.payload.toString(), "anew");
    },
  );
}

test.serial("acknowledgements in another order, within the receive maximum", async (t) => {
  t.teardown(() => bed.reset());
  await changed({ unacknowledged: 10, publishesPerSecond: null });
  const clientId = newClient();
  await bed.broker.faults({ mode: "reorder-pubacks", size: 10, clientId });
  const { connection, answer, said } = await connected(t, session(t), options({ clientId }));
  t.is(answer.properties.receiveMaximum, 10);
  const numbers = Array.from({ length: 60 }, (_, n) => n);
  const settled = [];
  await Promise.all(
    numbers.map(async (n) => {
      await connection.publish(`${clientId}/t`, String(n), { qos: 1 });
      settled.push(n);
    }),
  );
  t.deepEqual(
    [...settled].sort((a, b) => a - b),
    numbers,
  );
  const received = await bed.broker.received({ clientId });
  t.deepEqual(
    received.map(({ payload }) => payload),
    numbers.map(String),
  );
  t.deepEqual(said.disconnect, []);
});

// What is asked of one client.

const faults = new Faults();

const backingOff = {
  "without CONNACK": { fault: { mode: "no-connack" }, more: { connackTimeoutMs: 1 }, code: "ERR_MQTT_NO_ANSWER" },
  "after the server's DISCONNECT": { fault: { mode: "disconnect", reason: 0x8b }, code: "ERR_MQTT_DISCONNECTED" },
  "after the server has hung up, MQTT 3.1.1": {
    fault: { mode: "close" },
    more: { protocolVersion: 311 },
    code: "ERR_MQTT_DISCONNECTED",
  },
  "on an unstable link": {
    fault: { mode: "reset-after", bytes: 3, toward: "client" },
    code: "ERR_CONNECTION_LOST",
  },
};
const ATTEMPTS = 6;
const [MIN_MS, MAX_MS] = [10, 80];

for (const [when, { fault, more, code }] of Object.entries(backingOff)) {
  const clients = Array.from({ length: 4 }, () => faults.of(fault));
  test(`jittered, exponential backoff ${when}`, async (t) => {
    const pauses = { reconnectMinSeconds: MIN_MS / 1000, reconnectMaxSeconds: MAX_MS / 1000 };
    const all = await Promise.all(
      clients.map(async (client) => {
        const { connection, said } = await opened(t, session(t), options({ ...client, ...pauses, ...more }));
        connection.connect().catch(() => {});
        await until(() => said.reconnecting.length >= ATTEMPTS, 60_000);
        await connection.close();
        const failures = said.disconnect.filter(({ expected }) => !expected);
        t.deepEqual([...new Set(failures.map(({ error }) => error.code))], [code]);
        return said.reconnecting.slice(0, ATTEMPTS);
      }),
    );
    for (const pause of all.flat()) {
      const most = Math.min(MIN_MS * 2 ** (pause.attempt - 1), MAX_MS);
      t.true(pause.delayMs >= MIN_MS - 1 && pause.delayMs <= most + 1, JSON.stringify(pause));
    }
    for (const pauses of all)
      t.deepEqual(
        pauses.map(({ attempt }) => attempt),
        [2, 3, 4, 5, 6, 7],
      );
    const drawn = all.map((pauses) => pauses.map(({ delayMs }) => delayMs));
    t.is(new Set(drawn.map(String)).size, clients.length, "devices that lost their server together come back apart");
    t.true(Math.max(...drawn.flat()) > 2 * MIN_MS, `pauses grow: ${JSON.stringify(drawn)}`);
  });
}

test("CONNECT, with what was asked for", async (t) => {
  const { connection } = await connected(t, session(t), options({ keepAliveSeconds: 90, sessionExpirySeconds: 7 }));
  t.like((await seen(bed, connection.clientId))[0], { reason: 0, keepAlive: 90, sessionExpiry: 7, cleanStart: true });
});

test("PUBACK, to any topic", async (t) => {
  const { connection } = await connected(t, session(t), options());
  await connection.subscribe(`${connection.clientId}/#`, { qos: 1 });
  const topics = ["a", "a/b", "a/b/c", "$x", "é/ü"].map((rest) => `${connection.clientId}/${rest}`);
  const messages = connection.messages();
  for (const topic of topics) {
    await bed.broker.publish(topic, "x");
    t.is((await messages.next()).value.topic, topic);
  }
  await until(async () => (await seen(bed, connection.clientId, "mqtt.puback")).length === topics.length);
});

for (const lasting of [{}, { sessionExpirySeconds: 60 }]) {
  const client = faults.of({ mode: "no-puback" }, 1);
  const kept = lasting.sessionExpirySeconds === undefined ? "a session that ends" : "a session that is kept";
  test(`a message of QoS 1 is sent again when no PUBACK comes, in ${kept}`, async (t) => {
    const { connection, said } = await connected(t, session(t), options({ ...client, ...lasting, ackTimeoutMs: 300 }));
    t.true((await connection.publish(`${client.clientId}/t`, "once more", { qos: 1 })).reasonCode < 0x80);
    t.is(said.disconnect[0].error.code, "ERR_MQTT_NO_ANSWER");
    const sent = await seen(bed, client.clientId, "mqtt.publish");
    // On a busy machine the second answer may come too late as well.
    t.true(sent.length > 1);
    t.is(new Set(sent.map(({ sha256 }) => sha256)).size, 1);
    t.deepEqual([sent[0].dup, sent[1].dup], [false, said.connect[1].sessionPresent]);
    t.is(said.connect[1].sessionPresent, lasting.sessionExpirySeconds !== undefined);
    t.like(connection.stats(), { sent: sent.length, repeated: sent.length - 1, acknowledged: 1, pending: 0 });
  });
}

const asked = {
  SUBSCRIBE: [
    faults.of({ mode: "no-suback" }, 1),
    "mqtt.subscribe",
    (connection, filter) => connection.subscribe(filter),
  ],
  UNSUBSCRIBE: [
    faults.of({ mode: "no-unsuback" }, 1),
    "mqtt.unsubscribe",
    async (connection, filter) => {
      await connection.subscribe(filter);
      return connection.unsubscribe(filter);
    },
  ],
};
for (const [what, [client, event, ask]] of Object.entries(asked)) {
  test(`${what} is sent again when no answer comes`, async (t) => {
    const { connection, said } = await connected(t, session(t), options({ ...client, ackTimeoutMs: 300 }));
    const { reasonCodes } = await ask(connection, `${client.clientId}/t`);
    t.is(reasonCodes.length, 1);
    t.is(said.disconnect[0].error.code, "ERR_MQTT_NO_ANSWER");
    t.true((await seen(bed, client.clientId, event)).length > 1);
  });
}

const deaf = faults.of({ mode: "no-pingresp" }, 1);
test("no PINGRESP: a new connection", async (t) => {
  const { connection, said } = await opened(
    t,
    session(t),
    options({ ...deaf, keepAliveSeconds: 1, pingTimeoutMs: 20 }),
  );
  await connection.connect();
  await heard(connection, "disconnect");
  await heard(connection, "connect");
  t.is(said.disconnect[0].error.code, "ERR_MQTT_KEEP_ALIVE");
  t.is((await seen(bed, deaf.clientId, "mqtt.ping")).length, 1);
  await roundTrip(t, connection);
});

test("a persistent session: subscriptions and messages are there after the connection was lost", async (t) => {
  const { connection } = await connected(t, session(t), options({ sessionExpirySeconds: 300 }));
  const topic = `${connection.clientId}/t`;
  const messages = connection.messages(topic);
  await connection.subscribe(topic, { qos: 1 });
  const down = heard(connection, "disconnect");
  const up = await heardAfter(connection, "connect", async () => {
    await bed.broker.kick(connection.clientId, 0x8b);
    await down;
    await bed.broker.publish(topic, "meanwhile");
  });
  t.like(up, { sessionPresent: true, resubscribing: 0 });
  t.is((await messages.next()).value.payload.toString(), "meanwhile");
  t.is((await seen(bed, connection.clientId, "mqtt.subscribe")).length, 1);
});

test("the server keeps to our receive maximum, and takes acknowledgements in any order", async (t) => {
  const five = options({ limits: { base: "none", inFlight: 5 }, manualAcknowledge: true });
  const { connection, said } = await connected(t, session(t), five);
  const { clientId } = connection;
  await connection.subscribe(`${clientId}/t`, { qos: 1 });
  const held = [];
  connection.on("message", (message) => held.push(message));
  await bed.broker.publish(`${clientId}/t`, "", { count: 20 });
  const got = [];
  while (got.length < 20) {
    await until(() => held.length === 5);
    const mine = (await bed.broker.clients()).find((client) => client.clientId === clientId);
    t.like(mine, { unacknowledged: 5, waiting: 15 - got.length });
    const some = held.splice(0);
    got.push(...some.map(({ payload }) => Number(payload.toString())));
    for (const message of some.reverse()) message.ack();
  }
  t.deepEqual(
    got,
    Array.from({ length: 20 }, (_, n) => n),
  );
  t.deepEqual(said.disconnect, []);
});

for (const version of ["TLSv1.2", "TLSv1.3"]) {
  test(`TLS: a large server certificate, and records of 512 bytes, ${version}`, async (t) => {
    const server = await largeServer(t, bed, version);
    t.true(server.certificateBytes > 20_000);
    const { connection } = await connected(t, session(t), { ...QUICK, ...server.options });
    const message = heard(connection, "message");
    await connection.subscribe("large");
    t.is((await message).payload.length, server.payloadBytes);
  });
}

test.serial("the faults of single clients are told to the broker", async (t) => {
  await changed({ connectsPerSecond: null, publishesPerSecond: null, keepAliveSeconds: [1, 1200] });
  t.true((await faults.tell(bed)).length > 0);
});
