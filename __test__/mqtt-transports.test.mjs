// Every way to the broker: keys in files and in a token, both ports, a proxy, custom authorizers, signed WebSockets; both
// versions of MQTT and of TLS. What the connection was, the broker's log says.
//
// Serial: the TLS versions, the rules and the log are common to all.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import {
  authorized,
  connected,
  heardAfter,
  newClient,
  opened,
  QUICK,
  roundTrip,
  seen,
  VERSIONS,
} from "./support/mqtt-bed.mjs";
import { showsNone } from "./support/refusals.mjs";
import { contentOf, issue, rotating } from "./support/rotation.mjs";
import { sessionFor, unshared } from "./support/sessions.mjs";
import { keysOf, region, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

const run = promisify(execFile);

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

const devices = {
  PEM: { session: () => bed.pem(), device: "ec256" },
  SoftHSM: { session: () => bed.hsm(), device: "hsm-ec256" },
};

const ways = {
  "port 8883": { options: () => ({ endpoint: bed.mqtt.tls.endpoint }), port: "tls", alpn: null },
  "port 443 with ALPN": {
    options: () => ({ endpoint: bed.mqtt.alpn.host, port: bed.mqtt.alpn.port, useAlpn: true }),
    port: "alpn",
    alpn: "x-amzn-mqtt-ca",
  },
  "a proxy": {
    options: () => ({ endpoint: bed.mqtt.tls.endpoint, proxy: bed.proxy.url }),
    port: "tls",
    alpn: null,
    proxied: "none",
  },
  "a proxy with a password": {
    options: () => ({ endpoint: bed.mqtt.alpn.endpoint, useAlpn: true, proxy: bed.proxyUrl() }),
    port: "alpn",
    alpn: "x-amzn-mqtt-ca",
    proxied: "good",
  },
};

for (const [keys, { session, device }] of Object.entries(devices)) {
  for (const [way, { options, port, alpn, proxied }] of Object.entries(ways)) {
    for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
      for (const tlsVersion of ["1.2", "1.3"]) {
        test.serial(`${keys}, ${way}, ${version}, TLS ${tlsVersion}`, async (t) => {
          await bed.configure({ versions: [tlsVersion], proxyAuth: proxied === "good" });
          const { connection } = await connected(t, sessionFor(t, session()), { ...options(), protocolVersion });
          await roundTrip(t, connection);
          const [connect] = await seen(bed, connection.clientId);
          t.like(connect, {
            protocolVersion: version.slice(5),
            transport: "tcp",
            tlsVersion,
            port,
            alpn,
            clientCertificate: device,
            reason: 0,
          });
          const through = (await bed.log("proxy")).map(({ authorization, status }) => [authorization, status]);
          t.deepEqual(through, proxied === undefined ? [] : [[proxied, 200]]);
        });
      }
    }
  }
}

const authorizing = {
  "ALPN `mqtt`": { options: {}, transport: "tcp", alpn: "mqtt" },
  WebSocket: { options: { transport: "ws" }, transport: "websocket", alpn: null },
};

/** A session that has no device, on keys of the testbed. */
const custom = (t, keys = async () => keysOf(bed.iam.user)) =>
  sessionFor(t, { method: "custom", customCredentials: keys });

for (const [way, { options, transport, alpn }] of Object.entries(authorizing)) {
  for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
    test.serial(`a custom authorizer over ${way}, ${version}: of a session without a device`, async (t) => {
      const { connection } = await connected(t, custom(t), authorized(bed, { ...options, protocolVersion }));
      await roundTrip(t, connection);
      const [connect] = await seen(bed, connection.clientId);
      t.like(connect, { transport, clientCertificate: null, authorizer: bed.mqtt.authorizer.name, reason: 0 });
      if (alpn !== null) t.is(connect.alpn, alpn);
    });

    test.serial(`a custom authorizer over ${way}, ${version}: a wrong password, and nothing shown`, async (t) => {
      const password = "canary-wrong-password";
      const wanted = authorized(bed, { ...options, protocolVersion, password });
      const { connection, said } = await opened(t, custom(t), wanted);
      const error = await failureOf(connection.connect());
      t.like(error, { name: "MqttError", code: "ERR_MQTT_CONNECT_REFUSED", retryable: false });
      t.false(connection.connected);
      showsNone(t, [error, said, connection], [password, bed.mqtt.authorizer.token], "a wrong password");
    });
  }
}

const signing = {
  iot: (t) => sessionFor(t, bed.pem()),
  sts: (t) => roleSession(t, bed),
  custom: (t) => custom(t),
};

const web = (more = {}) => ({
  endpoint: bed.mqtt.alpn.endpoint,
  transport: "ws",
  region,
  ca: bed.pki.serverCa,
  ...more,
});

for (const [method, make] of Object.entries(signing)) {
  for (const [version, { protocolVersion }] of Object.entries(VERSIONS)) {
    test.serial(`a WebSocket signed with keys of ${method}, ${version}`, async (t) => {
      const session = make(t);
      const { connection } = await connected(t, session, web({ protocolVersion }));
      await roundTrip(t, connection);
      const { accessKeyId } = await session.credentials();
      const [connect] = await seen(bed, connection.clientId);
      t.like(connect, { transport: "websocket", accessKeyId, clientCertificate: null, reason: 0 });
    });
  }
}

test.serial("a signed WebSocket through a proxy with a password", async (t) => {
  await bed.configure({ proxyAuth: true });
  const { connection } = await connected(t, custom(t), web({ proxy: bed.proxyUrl() }));
  await roundTrip(t, connection);
  t.like((await bed.log("proxy"))[0], { authorization: "good", status: 200 });
});

/** Whose keys signed the handshakes of a client. */
const signers = async ({ clientId }) => (await seen(bed, clientId)).map(({ accessKeyId }) => accessKeyId);

const anyRate = () => bed.broker.rules({ connectsPerSecond: null });

test.serial("keys that expired between two connects: the second handshake is signed with new ones", async (t) => {
  await anyRate();
  const session = sessionFor(t, unshared(bed.pem("ec256", { roleAlias: "short-role" })));
  const { connection, said } = await connected(t, session, web(QUICK));
  const { expiration } = await session.credentials();
  await until(() => Date.now() > expiration.getTime());
  await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
  const [first, second, ...more] = await signers(connection);
  t.not(first, second);
  t.deepEqual([more, said.disconnect.length], [[], 1]);
  await roundTrip(t, connection);
});

test.serial("keys that were revoked: the signature is refused once, and heals with new ones", async (t) => {
  await anyRate();
  const session = sessionFor(t, unshared(bed.pem()));
  const { connection, said } = await connected(t, session, web(QUICK));
  const { accessKeyId } = await session.credentials();
  await bed.revoke(accessKeyId);
  await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
  const [, refused, ...more] = said.disconnect;
  t.like(refused, { wasConnected: false, expected: false });
  t.is(refused.error.code, "ERR_MQTT_CONNECT_REFUSED");
  t.deepEqual(more, []);
  const [first, second] = await signers(connection);
  t.is(first, accessKeyId);
  t.is(second, (await session.credentials()).accessKeyId);
  t.not(first, second);
});

test.serial("a WebSocket that the server ends after a day comes back, with another signature", async (t) => {
  await anyRate();
  const { connection, said } = await connected(t, custom(t), web(QUICK));
  await connection.subscribe("day", { qos: 1 });
  const up = await heardAfter(connection, "connect", () => bed.broker.advance(86_400));
  t.like(up, { sessionPresent: false, resubscribing: 1 });
  t.like(said.disconnect[0], { wasConnected: true, expected: false });
  t.is((await bed.log("mqtt.upgrade")).length, 2);
  await roundTrip(t, connection);
});

const child = fileURLToPath(new URL("children/mqtt-clock.mjs", import.meta.url));
const library = ["x86_64", "aarch64", "arm"]
  .map((arch) => `/usr/lib/${arch}-linux-gnu${arch === "arm" ? "eabihf" : ""}/faketime/libfaketime.so.1`)
  .find(existsSync);
const withFaketime = library === undefined ? test.skip : test.serial;

for (const [label, faketime] of [
  ["at 1970", "@1970-01-01 00:05:00"],
  ["two hours fast", "+2h"],
  // Half an hour later the server's certificate would not be valid yet.
  ["half an hour slow", "-30m"],
]) {
  withFaketime(`a device ${label} gets its WebSocket, and its connection by certificate`, async (t) => {
    const given = { iot: bed.pem(), user: keysOf(bed.iam.user), web: web(), endpoint: bed.mqtt.tls.endpoint };
    const env = { ...process.env, LD_PRELOAD: library, FAKETIME: faketime, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
    const { stdout } = await run(process.execPath, [child, JSON.stringify(given)], { env });
    t.deepEqual(JSON.parse(stdout), { alone: ["echo", 0], gateway: ["echo", 0], certificate: ["echo", 0] });
  });
}

const own = {
  "a key in a file": () => ({
    certificate: bed.pki.devices.rsa2048.certificate,
    privateKey: bed.pki.devices.rsa2048.privateKey,
  }),
  "a key in a token": () => {
    const { certificate, pkcs11 } = bed.hsm("rsa2048");
    return { certificate, pkcs11 };
  },
};

for (const [what, identity] of Object.entries(own)) {
  for (const [whose, make] of Object.entries({
    "another device's": (t) => sessionFor(t, bed.pem()),
    "no device's": custom,
  })) {
    test.serial(`an identity of the connection's own, ${what}, on ${whose} session`, async (t) => {
      const options = { endpoint: bed.mqtt.tls.endpoint, ca: bed.pki.serverCa, ...identity() };
      const { connection } = await connected(t, make(t), options);
      await roundTrip(t, connection);
      t.regex((await seen(bed, connection.clientId))[0].clientCertificate, /^(hsm-)?rsa2048$/);
    });
  }
}

for (const tlsVersion of ["1.2", "1.3"]) {
  test.serial(
    `a certificate that is replaced on disk is shown by the next connection, TLS ${tlsVersion}`,
    async (t) => {
      await anyRate();
      await bed.configure({ versions: [tlsVersion] });
      const { ec256 } = bed.pki.devices;
      const { session, dir, write } = rotating(t, bed, contentOf(ec256));
      const { connection, said } = await connected(t, session, { endpoint: bed.mqtt.tls.endpoint, ...QUICK });
      const name = newClient("renewed");
      const certificate = await issue(bed, dir, name, ec256.privateKey, 90);
      write({ certificate });
      await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
      await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
      await roundTrip(t, connection);
      const shown = (await seen(bed, connection.clientId)).map(({ clientCertificate }) => clientCertificate);
      t.deepEqual(shown, ["ec256", name]);
      t.is(said.disconnect.length, 1, "no attempt was refused");
    },
  );
}

test.serial(
  "a certificate that is revoked and not replaced is told, and the one that then comes is used",
  async (t) => {
    await anyRate();
    const { ec256, rsa2048 } = bed.pki.devices;
    const { session, write } = rotating(t, bed, contentOf(ec256));
    const { connection } = await connected(t, session, { endpoint: bed.mqtt.tls.endpoint, ...QUICK });
    await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
    await heardAfter(connection, "disconnect", () => bed.broker.kick(connection.clientId));
    const { error } = await heard(connection, "disconnect");
    t.is(error.code, "ERR_CERTIFICATE_REFUSED", error.message);
    const back = heard(connection, "connect");
    write(contentOf(rsa2048));
    await back;
    t.is((await seen(bed, connection.clientId)).at(-1).clientCertificate, "rsa2048");
  },
);
