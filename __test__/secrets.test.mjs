// No secret is ever shown: a process does all it can with canaries for PIN, passphrase, private key and issued keys,
// and everything that it and the endpoint have written down is searched for them.

import { readFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import test from "ava";
import { RefreshableSession, RefreshError } from "../dist/index.mjs";
import { start } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

const faults = {
  none: {},
  "truncated-json": {},
  "missing-field": { name: "expiration" },
  "wrong-type-field": { name: "secretAccessKey" },
  "duplicate-keys": {},
  expired: {},
  status: { code: 403, body: '{"message":"canarySECRET canaryTOKEN"}' },
};

/** A PUBLISH of QoS 3, which there is not, with a payload. */
function nonsense(payload) {
  const rest = `\0\x01t\0\x01\0${payload}`;
  return Buffer.from(`6${String.fromCharCode(rest.length)}${rest}`, "latin1").toString("hex");
}

const mqttSecrets = { payload: "canary-message-payload", will: "canary-will-payload" };
const mqttFaults = {
  "mqtt none": [],
  "mqtt puback": [{ mode: "puback", reason: 0x97 }],
  "mqtt garbage": [{ mode: "garbage", hex: nonsense(mqttSecrets.payload) }],
};

/** The texts that must not appear, each in the forms that it could take. */
function canaries() {
  const lines = readFileSync(tb.pki.devices.ec256.privateKey, "utf8").trim().split("\n").slice(1, -1);
  const { user, password } = tb.proxy;
  const given = {
    pin: tb.tokens.tokens.gw.pin,
    passphrase: tb.passphrase,
    "proxy password": password,
    "encoded proxy password": encodeURIComponent(password),
    "proxy credentials": `${user}:${password}`,
  };
  const { authorizer } = tb.mqtt;
  const ofMqtt = {
    "authorizer's token": authorizer.token,
    "authorizer's signature": authorizer.signature,
    "authorizer's password": authorizer.password,
    "message's payload": mqttSecrets.payload,
    "will's payload": mqttSecrets.will,
    "signature of a WebSocket": "X-Amz-Signature=",
  };
  const issued = { "secret key": "canarySECRET", "session token": "canaryTOKEN" };
  const found = Object.entries({ ...given, ...ofMqtt, ...issued }).flatMap(([name, text]) => {
    const bytes = Buffer.from(text);
    return [
      [name, text],
      [`${name} in base64`, bytes.toString("base64").replace(/.?=*$/, "")],
      [`${name} in hexadecimal`, bytes.toString("hex")],
      [`${name} as a Buffer is shown`, bytes.toString("hex").match(/../g).join(" ")],
      [`${name} as bytes are shown`, [...bytes].join(", ")],
      [`${name} as bytes are listed`, [...bytes].join(",")],
    ];
  });
  return [...found, ...lines.map((line, n) => [`line ${n + 1} of the private key`, line])];
}

function leaks(text) {
  const folded = text.toLowerCase();
  return canaries()
    .filter(([, canary]) => text.includes(canary) || folded.includes(canary.toLowerCase()))
    .map(([name]) => name);
}

/** Runs the scenario; its output and the classes of the errors it has shown. */
async function scenario(t, leak) {
  await tb.configure({ proxyAuth: true });
  const { gw } = tb.tokens.tokens;
  const { certificate, privateKeyEncrypted: privateKey } = tb.pki.devices.ec256;
  const input = {
    pem: tb.pem(),
    encrypted: { certificate, privateKey },
    passphrase: tb.passphrase,
    hsm: tb.hsm(),
    uri: `pkcs11:token=gw;object=ec256?module-path=${tb.tokens.module}&pin-value=${gw.pin}`,
    proxy: tb.proxyUrl(),
    refusing: tb.link.refusing,
    mqtt: {
      mqtt: { ...tb.mqtt, refusing: tb.link.refusing },
      secrets: mqttSecrets,
      directory: await mkdtemp(join(tb.dir, "secrets-")),
    },
    leak,
  };
  const env = { RUST_LOG: "trace", RUST_BACKTRACE: "1", NODE_DEBUG: undefined };
  const child = start("secrets.mjs", input, { env });
  let classes;
  while (classes === undefined) {
    const message = await child.message("scene");
    classes = message.classes;
    if (message.scene !== undefined) {
      if (message.scene in mqttFaults) await tb.control("PUT", "/mqtt/faults", mqttFaults[message.scene]);
      else await tb.fault(message.scene, faults[message.scene]);
      child.send({});
    }
  }
  const { code, stdout, stderr } = await child.ended;
  t.is(code, 0, stderr.slice(-2000));
  return { output: stdout + stderr, classes };
}

test.serial("no secret in any error, log, warning or inspected object, nor in the endpoint's log", async (t) => {
  const { output, classes } = await scenario(t);
  const where = output.split("\n").filter((line) => leaks(line).length > 0);
  t.deepEqual(leaks(output), [], where.map((line) => line.slice(0, 40)).join("\n"));
  // What the endpoint was told to send stands there too.
  const written = readFileSync(join(tb.dir, "requests.jsonl"), "utf8").replaceAll(
    mqttFaults["mqtt garbage"][0].hex,
    "",
  );
  t.deepEqual(leaks(written), []);

  // It was no empty search: every class of error was shown, and so were logs, warnings and credentials.
  for (const name of [
    "ValidationError",
    "ConfigurationError",
    "CredentialError",
    "ConnectionError",
    "RequestError",
    "Pkcs11Error",
    "MqttError",
    "ClosedError",
  ]) {
    t.true(
      classes.some((shown) => shown.startsWith(`${name} ERR_`)),
      name,
    );
  }
  for (const code of [
    "ERR_BAD_PRIVATE_KEY",
    "ERR_PASSPHRASE",
    "ERR_BAD_REPLY",
    "ERR_EXPIRED_REPLY",
    "ERR_BAD_CREDENTIALS",
    "ERR_CALLBACK_FAILED",
    "ERR_MQTT_CONNECT_REFUSED",
    "ERR_MQTT_PUBLISH_REFUSED",
    "ERR_MQTT_DROPPED",
    "ERR_MQTT_EXPIRED",
    "ERR_MQTT_TIMEOUT",
  ]) {
    t.true(
      classes.some((shown) => shown.endsWith(code)),
      code,
    );
  }
  for (const part of [
    /log debug: .*keys ASIA/s,
    /log warn: .*WARN_PKCS11_PIN_IN_URI/s,
    /RefreshSessionWarning/,
    /redacted/,
    /event refresh: \{\s+accessKeyId: 'ASIA/,
    /event refreshError: .*ERR_BAD_REPLY/s,
    /event warning: .*WARN_PEER_NOT_VERIFIED/s,
    /event close: /,
    /status: .*zone: 'fresh'/s,
    /status after status: .*lastError: /s,
    /client: STSClient/,
    /connection: MqttConnection/,
    /event connect: \{\s+sessionPresent/,
    /event disconnect: .*ERR_MQTT_PROTOCOL/s,
    /event dropped: /,
    /cache: ClientCache/,
  ]) {
    t.regex(output, part);
  }
});

test.serial("a private key that has lost its PEM frame is not shown as the path of a file that is not there", (t) => {
  const lines = readFileSync(tb.pki.devices.ec256.privateKey, "utf8").trim().split("\n").slice(1, -1);
  for (const privateKey of [lines.join(""), lines.join("\n"), `${lines.join("\r\n")}\r\n`]) {
    const error = t.throws(() => new RefreshableSession(tb.pem("ec256", { privateKey })), { instanceOf: RefreshError });
    t.deepEqual(leaks(inspect(error, { showHidden: true, depth: 10 })), []);
  }
});

for (const [leak, found] of [
  ["pin", "pin"],
  ["bytes", "pin as a Buffer is shown"],
  ["passphrase", "passphrase"],
  ["proxy", "encoded proxy password"],
  ["body", "line 2 of the private key"],
  ["secretAccessKey", "secret key"],
  ["sessionToken", "session token"],
  ["payload", "message's payload"],
  ["will", "will's payload"],
]) {
  test.serial(`the search finds it when there is something to find: ${leak}`, async (t) => {
    const { output } = await scenario(t, leak);
    t.true(leaks(output).includes(found));
  });
}
