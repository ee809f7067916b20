// Nothing that an MQTT connection shows has a secret in it: errors, events, what `inspect` and JSON make of it, its numbers, and
// what a logger gets, while it is refused, works, breaks and ends.

import { readFileSync } from "node:fs";
import test from "ava";
import { authorized, connected, heardAfter, opened, QUICK, roundTrip } from "./support/mqtt-bed.mjs";
import { showsNone } from "./support/refusals.mjs";
import { recorder, sessionFor, unshared } from "./support/sessions.mjs";
import { CANARIES, keysOf, region } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf } from "./support/waiting.mjs";

const WRONG = "canary-wrong-secret";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(async () => {
  await bed.reset();
  await bed.broker.rules({ connectsPerSecond: null });
});
test.after.always(() => bed?.stop());

/** All that must not be seen, as it is and encoded. */
function secrets() {
  const { token, signature, password } = bed.mqtt.authorizer;
  const key = readFileSync(bed.pki.devices.ec256.privateKey, "utf8").trim().split("\n").slice(1, -1);
  const given = [token, signature, password, bed.tokens.tokens.gw.pin, bed.passphrase, bed.proxy.password, WRONG];
  const encoded = (text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString("hex"),
    [...Buffer.from(text)].join(", "),
  ];
  return [...given.flatMap(encoded), ...key, ...CANARIES];
}

const alone = (log) => ({ method: "custom", customCredentials: async () => keysOf(bed.iam.user), logger: log });
const web = (more = {}) => ({
  endpoint: bed.mqtt.alpn.endpoint,
  transport: "ws",
  region,
  ca: bed.pki.serverCa,
  ...more,
});
const plain = (more = {}) => ({ endpoint: bed.mqtt.tls.endpoint, ca: bed.pki.serverCa, ...more });
const encrypted = (privateKeyPassphrase) => {
  const { certificate, privateKeyEncrypted: privateKey } = bed.pki.devices.ec256;
  return plain({ certificate, privateKey, privateKeyPassphrase });
};
const token = (userPin) => {
  const { certificate, pkcs11 } = bed.hsm("ec256");
  return plain({ certificate, pkcs11: { ...pkcs11, ...(userPin && { userPin }) } });
};

/** Ways that work. */
const good = {
  "an authorizer": () => authorized(bed),
  "an authorizer, a password of bytes": () => authorized(bed, { password: Buffer.from(bed.mqtt.authorizer.password) }),
  "an authorizer and WebSocket": () => authorized(bed, { transport: "ws" }),
  "a signed WebSocket": () => web(),
  "a proxy's password": () => web({ proxy: bed.proxyUrl() }),
  "a key with a passphrase": () => encrypted(bed.passphrase),
  "a token with a PIN": () => token(),
};

for (const [way, options] of Object.entries(good)) {
  test.serial(`works and breaks: ${way}`, async (t) => {
    await bed.configure({ proxyAuth: true });
    const log = recorder();
    const session = sessionFor(t, alone(log));
    const { connection, said, answer } = await connected(t, session, { ...QUICK, ...options() });
    await roundTrip(t, connection);
    await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId, 0x8b));
    await bed.broker.faultNow(connection.clientId, "garbage");
    await roundTrip(t, connection);
    const refused = await failureOf(connection.publish("denied/t", "x", { qos: 1 }));
    const all = [refused, said, answer, connection, connection.stats(), session, session.status(), log.lines];
    for (const shown of all) showsNone(t, shown, secrets(), way);
    await connection.close();
    showsNone(t, [connection, await failureOf(connection.publish("t", "x"))], secrets(), `${way}, closed`);
  });
}

const refusals = {
  "a wrong password": [() => authorized(bed, { password: WRONG }), "ERR_MQTT_CONNECT_REFUSED"],
  "a wrong user name": [() => authorized(bed, { username: WRONG }), "ERR_MQTT_CONNECT_REFUSED"],
  "a wrong password, WebSocket": [
    () => authorized(bed, { password: WRONG, transport: "ws" }),
    "ERR_MQTT_CONNECT_REFUSED",
  ],
  "a wrong token": [() => wrongToken({}), "ERR_MQTT_CONNECT_REFUSED"],
  "a wrong token, WebSocket": [() => wrongToken({ transport: "ws" }), "ERR_MQTT_CONNECT_REFUSED"],
  "a wrong proxy password": [() => web({ proxy: bed.proxyUrl("gateway", WRONG) }), "ERR_PROXY_AUTH"],
  "a wrong passphrase": [() => encrypted(WRONG), "ERR_PASSPHRASE"],
  "a wrong PIN": [() => token(WRONG), /^ERR_PKCS11_PIN_(INCORRECT|MISMATCH)$/],
};
const wrongToken = (more) => {
  const { customAuthorizer, ...rest } = authorized(bed, more);
  return { ...rest, customAuthorizer: { ...customAuthorizer, tokenValue: WRONG } };
};

for (const [what, [options, code]] of Object.entries(refusals)) {
  test.serial(`refused: ${what}`, async (t) => {
    await bed.configure({ proxyAuth: true });
    const log = recorder();
    const session = sessionFor(t, alone(log));
    let said;
    let connection;
    const error = await failureOf(
      (async () => {
        ({ connection, said } = await opened(t, session, { ...QUICK, ...options() }));
        await connection.connect();
      })(),
    );
    t.regex(error.code, new RegExp(code), error.message);
    for (const shown of [error, said, connection, connection?.stats(), log.lines]) showsNone(t, shown, secrets(), what);
  });
}

test.serial("keys that AWS does not take any more", async (t) => {
  const session = sessionFor(t, unshared(bed.pem()));
  const { connection, said } = await connected(t, session, web(QUICK));
  await bed.revoke();
  await heardAfter(connection, "connect", () => bed.broker.kick(connection.clientId));
  t.is(said.disconnect[1].error.code, "ERR_MQTT_CONNECT_REFUSED");
  showsNone(t, [said, connection, session], secrets(), "revoked keys");
});

/** Secrets where they do not belong. */
const misplaced = {
  "in the endpoint": () => ({ endpoint: `gateway:${WRONG}@localhost` }),
  "as the port": () => ({ port: WRONG }),
  "a token alone": () => ({ customAuthorizer: { tokenValue: WRONG } }),
  "as an authorizer": () => ({ customAuthorizer: WRONG }),
  "an object as password": () => ({ password: { secret: WRONG } }),
  "a password and no user name, MQTT 3.1.1": () => ({ password: WRONG, protocolVersion: 311 }),
  "in the user name, beside an authorizer": () => ({ username: `u?token=${WRONG}`, customAuthorizer: {} }),
  "in a proxy of another scheme": () => ({ proxy: `socks5://gateway:${WRONG}@127.0.0.1:1` }),
  "a PIN without a token": () => ({ pkcs11: { userPin: WRONG } }),
  "a passphrase without a key": () => ({ privateKeyPassphrase: WRONG }),
};

for (const [where, options] of Object.entries(misplaced)) {
  test(`options: ${where}`, async (t) => {
    const session = sessionFor(t, alone(recorder()));
    const error = await failureOf(session.mqtt({ ...plain(), clientId: "gw", ...options() }));
    t.regex(error.code, /^ERR_(INVALID|CONFLICTING|MISSING|UNKNOWN)_OPTIONS?$|^ERR_PROXY/, error.message);
    showsNone(t, error, [WRONG], where);
  });
}
