// A real broker that nobody of this house has written: mosquitto, with client certificates. What MQTT promises between two
// clients, with keys in files and in a token, both versions of MQTT and of TLS.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { hasWebSocket, startMosquitto, whyNoMosquitto } from "./support/mosquitto.mjs";
import { connected, newClient, opened, QUICK, roundTrip, VERSIONS } from "./support/mqtt-bed.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { keysOf } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

const run = promisify(execFile);
const declare = whyNoMosquitto === undefined ? test : test.skip;
const TLS = ["1.2", "1.3"];

let bed;
const brokers = {};
test.before(async () => {
  if (whyNoMosquitto !== undefined) return;
  bed = await startTestbed({ tokens: true });
  for (const tlsVersion of TLS) brokers[tlsVersion] = await startMosquitto(bed, { tlsVersion });
});
test.after.always(async () => {
  await Promise.all(Object.values(brokers).map((broker) => broker.stop()));
  await bed?.stop();
});

const devices = {
  PEM: [() => bed.pem(), "ec256"],
  SoftHSM: [() => bed.hsm(), "hsm-ec256"],
};

/** A session of a device in a file. */
const pem = (t) => sessionFor(t, bed.pem());

/** The payloads of so many messages. */
async function payloads(messages, count) {
  const all = [];
  while (all.length < count) all.push((await messages.next()).value.payload.toString());
  return all;
}

for (const tlsVersion of TLS) {
  declare(`mosquitto speaks TLS ${tlsVersion} alone`, async (t) => {
    const { address, port, ca } = brokers[tlsVersion];
    const { certificate, privateKey } = bed.pki.devices.ec256;
    const [trusted, cert, key] = [ca, certificate, privateKey].map((path) => readFileSync(path));
    const socket = connectTls({ host: address, port, servername: "localhost", ca: trusted, cert, key });
    await once(socket, "secureConnect");
    t.is(socket.getProtocol(), `TLSv${tlsVersion}`);
    socket.destroy();
  });

  for (const [keys, [session, identity]] of Object.entries(devices)) {
    for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
      declare(`${keys}, ${version}, TLS ${tlsVersion}: there and back`, async (t) => {
        const broker = brokers[tlsVersion];
        const options = broker.options({ ...QUICK, protocolVersion });
        const { connection, answer } = await connected(t, sessionFor(t, session()), options);
        t.false(answer.sessionPresent);
        await roundTrip(t, connection);
        const said = broker.about(connection.clientId).join("\n");
        t.true(said.includes(`(p${version === "MQTT 5" ? 5 : 2}, c1, k60, u'${identity}')`), said);
      });
    }
  }

  declare(`a certificate that has expired is refused by the broker, TLS ${tlsVersion}`, async (t) => {
    const { certificate, privateKey } = bed.pki.devices["ec256-expired"];
    const options = brokers[tlsVersion].options({ ...QUICK, certificate, privateKey });
    const { connection } = await opened(t, sessionFor(t, bed.pem("ec256", { onWarning: () => {} })), options);
    const error = await failureOf(connection.connect());
    t.is(error.code, "ERR_CERTIFICATE_REFUSED", error.message);
    t.false(connection.connected);
  });
}

(hasWebSocket ? test : test.skip)("a WebSocket, signed for whoever looks", async (t) => {
  const session = sessionFor(t, { method: "custom", customCredentials: async () => keysOf(bed.iam.user) });
  for (const options of Object.values(VERSIONS)) {
    const { connection } = await connected(t, session, brokers[1.3].web({ ...QUICK, ...options }));
    await roundTrip(t, connection);
  }
});

for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
  const options = (more = {}) => brokers[1.3].options({ ...QUICK, protocolVersion, ...more });
  const isFive = protocolVersion === 5;

  declare(`${version}: a retained message comes to who subscribes later, until it is taken back`, async (t) => {
    const [{ connection: first }, { connection: second }] = await Promise.all(
      [0, 1].map(() => connected(t, pem(t), options())),
    );
    const topic = `${first.clientId}/state`;
    await first.publish(topic, "kept", { qos: 1, retain: true });
    const messages = second.messages(topic);
    await second.subscribe(topic, { qos: 1 });
    const { value } = await messages.next();
    t.deepEqual([value.payload.toString(), value.retain], ["kept", true]);

    await first.publish(topic, "", { qos: 1, retain: true });
    t.is((await messages.next()).value.payload.length, 0);
    await second.unsubscribe(topic);
    await second.subscribe(topic, { qos: 1 });
    await first.publish(topic, "marker", { qos: 1 });
    t.is((await messages.next()).value.payload.toString(), "marker");
  });

  declare(`${version}: a will is published when its device dies, and not when it takes leave`, async (t) => {
    const { connection } = await connected(t, pem(t), options());
    const topic = `${connection.clientId}/wills`;
    const messages = connection.messages(topic);
    await connection.subscribe(topic, { qos: 1 });
    const will = (payload) => ({ topic, payload, qos: 1 });
    const polite = await connected(t, pem(t), options({ will: will("never") }));
    await polite.connection.close();
    const given = { session: bed.pem(), connection: options({ clientId: newClient("mortal"), will: will("gone") }) };
    const child = spawn(process.execPath, [mortal, JSON.stringify(given)], { stdio: ["ignore", "pipe", "inherit"] });
    t.teardown(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    t.deepEqual(await payloads(messages, 1), ["gone"]);
  });

  declare(`${version}: a shared subscription gives each message to one of its members`, async (t) => {
    const members = await Promise.all([0, 1, 2].map(() => connected(t, pem(t), options())));
    const { connection } = members[0];
    const topic = `${connection.clientId}/work`;
    const got = members.map(() => []);
    for (const [n, member] of members.entries()) {
      await member.connection.subscribe(`$share/crew/${topic}`, { qos: 1 }, ({ payload }) => got[n].push(`${payload}`));
    }
    const sent = Array.from({ length: 30 }, (_, n) => `job ${n}`);
    await Promise.all(sent.map((payload) => connection.publish(topic, payload, { qos: 1 })));
    await until(() => got.flat().length >= sent.length);
    t.deepEqual(got.flat().sort(), sent.sort());
    t.true(
      got.every((some) => some.length > 0),
      JSON.stringify(got),
    );
  });

  declare(`${version}: a session outlives its connection, and has kept what came meanwhile`, async (t) => {
    const clientId = newClient("kept");
    const lasting = isFive ? { sessionExpirySeconds: 300 } : {};
    const kept = options({ clientId, cleanStart: false, ...lasting });
    const topic = `${clientId}/orders`;
    const before = await connected(t, pem(t), kept);
    t.false(before.answer.sessionPresent);
    await before.connection.subscribe(topic, { qos: 1 });
    await before.connection.close();
    const { connection: other } = await connected(t, pem(t), options());
    const sent = Array.from({ length: 10 }, (_, n) => `order ${n}`);
    for (const payload of sent) await other.publish(topic, payload, { qos: 1 });
    const after = await opened(t, pem(t), kept);
    const messages = after.connection.messages();
    const { sessionPresent } = await after.connection.connect();
    t.true(sessionPresent);
    t.deepEqual(await payloads(messages, sent.length), sent);
  });

  for (const [signal, present] of [
    ["SIGKILL", false],
    ["SIGTERM", true],
  ]) {
    declare(
      `${version}: the broker ends by ${signal} and comes back: what was published meanwhile arrives`,
      async (t) => {
        const broker = await startMosquitto(bed);
        t.teardown(() => broker.stop());
        const lasting = isFive ? { sessionExpirySeconds: 300 } : {};
        const given = broker.options({ ...QUICK, protocolVersion, cleanStart: false, ...lasting });
        const { connection, said } = await connected(t, pem(t), given);
        const topic = `${connection.clientId}/log`;
        const messages = connection.messages(topic);
        await connection.subscribe(topic, { qos: 1 });
        const down = heard(connection, "disconnect");
        await broker.stop(signal);
        await down;
        const sent = Array.from({ length: 20 }, (_, n) => `line ${n}`);
        const published = sent.map((payload) => connection.publish(topic, payload, { qos: 1 }));
        const back = heard(connection, "connect");
        await broker.restart();
        t.like(await back, { sessionPresent: present, resubscribing: present ? 0 : 1 });
        t.deepEqual(await payloads(messages, sent.length), sent);
        t.deepEqual(new Set((await Promise.all(published)).map(({ reasonCode }) => reasonCode)), new Set([0]));
        t.regex(said.disconnect.at(-1).error.code, /^ERR_(CONNECT|CONNECTION_LOST|MQTT_DISCONNECTED)$/);
      },
    );
  }

  declare(`${version}: with the programs of mosquitto, there and back`, async (t) => {
    const broker = brokers[1.3];
    const { connection } = await connected(t, pem(t), options());
    const { certificate, privateKey } = bed.pki.devices.rsa2048;
    const at = ["-h", broker.address, "-p", String(broker.port), "--insecure"];
    const device = ["--cafile", broker.ca, "--cert", certificate, "--key", privateKey];
    const topic = `${connection.clientId}/talk`;
    const common = [...at, ...device, "-V", isFive ? "5" : "311", "-q", "1"];
    const messages = connection.messages(`${topic}/in`);
    await connection.subscribe(`${topic}/in`, { qos: 1 });
    const properties = isFive ? ["-D", "publish", "user-property", "from", "mosquitto"] : [];
    await run("mosquitto_pub", [...common, "-t", `${topic}/in`, "-m", "hello", ...properties]);
    const { value } = await messages.next();
    t.is(value.payload.toString(), "hello");
    t.deepEqual(value.properties.userProperties, isFive ? { from: "mosquitto" } : undefined);

    const listener = newClient("listener");
    const heardBack = run("mosquitto_sub", [...common, "-i", listener, "-t", `${topic}/out`, "-C", "1"]);
    await until(() => broker.about(`Sending SUBACK to ${listener}`).length > 0);
    await connection.publish(`${topic}/out`, Buffer.from("good bye"), { qos: 1 });
    t.is((await heardBack).stdout, "good bye\n");
  });
}

const mortal = fileURLToPath(new URL("children/mqtt-will.mjs", import.meta.url));

declare("every property of a message comes through as it was given", async (t) => {
  const { connection } = await connected(t, pem(t), brokers[1.3].options(QUICK));
  const topic = `${connection.clientId}/properties`;
  const messages = connection.messages(topic);
  await connection.subscribe(topic, { qos: 1 });
  const properties = {
    userProperties: { unit: "°C", tag: ["a", "b", "a"], empty: "" },
    contentType: "application/json",
    responseTopic: "answers/here",
    correlationData: Buffer.from([0, 255, 1]),
    payloadFormat: "utf8",
  };
  await connection.publish(topic, "{}", { qos: 1, properties });
  const { value } = await messages.next();
  t.deepEqual(value.properties, properties);
});

declare("a message that nobody has fetched in its time is gone; another says what is left of it", async (t) => {
  const clientId = newClient("late");
  const kept = brokers[1.3].options({ ...QUICK, clientId, cleanStart: false, sessionExpirySeconds: 300 });
  const before = await connected(t, pem(t), kept);
  await before.connection.subscribe(`${clientId}/news`, { qos: 1 });
  await before.connection.close();
  const { connection: other } = await connected(t, pem(t), brokers[1.3].options(QUICK));
  const tell = (payload, messageExpirySeconds) =>
    other.publish(`${clientId}/news`, payload, { qos: 1, properties: { messageExpirySeconds } });
  await tell("old", 1);
  await tell("new", 100);
  const published = Date.now();
  await until(() => Date.now() > published + 2100);
  const after = await opened(t, pem(t), kept);
  const messages = after.connection.messages();
  await after.connection.connect();
  const { value } = await messages.next();
  t.is(value.payload.toString(), "new");
  t.true(value.properties.messageExpirySeconds >= 1 && value.properties.messageExpirySeconds < 100);
});
