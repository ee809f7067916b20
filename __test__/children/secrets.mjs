// Lets everything that can be shown be shown: every class of error, sessions, providers, credentials, logs, warnings.
// With `leak`, also that which must not be, so that the check can be checked.

import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { STSClient as Client } from "@aws-sdk/client-sts";
import { fromIot, RefreshableSession } from "../../dist/index.mjs";
import { unshared } from "../support/sessions.mjs";
import { connections } from "./secrets-mqtt.mjs";

const { pem, encrypted, passphrase, hsm, uri, proxy, refusing, mqtt, leak } = JSON.parse(process.argv[2]);
const keyText = readFileSync(pem.privateKey, "utf8");
const pin = hsm.pkcs11.userPin;
const logger = Object.fromEntries(
  ["trace", "debug", "info", "warn", "error"].map((level) => [level, (...content) => show(`log ${level}`, content)]),
);

function show(title, value) {
  const texts = [
    inspect(value),
    inspect(value, { showHidden: true, depth: 10, getters: true }),
    String(value),
    value instanceof Error ? `${value.stack} ${JSON.stringify(value)} ${JSON.stringify({ ...value })}` : "",
  ];
  console.log(`${title}: ${texts.join("\n")}`);
  for (let cause = value?.cause; cause !== undefined; cause = cause.cause) show("cause", cause);
}

const classes = new Set();

/** Shows what an attempt fails with; that it fails is part of the test. */
async function failing(title, attempt) {
  try {
    await attempt();
  } catch (error) {
    classes.add(`${error.constructor.name} ${error.code}`);
    show(title, error);
    return;
  }
  throw new Error(`${title} did not fail`);
}

/** Lets the parent change the endpoint. */
async function arranged(scene) {
  process.send({ type: "scene", scene });
  await new Promise((resolve) => process.once("message", resolve));
}

/** Each on a source of its own, so that none is served with another one's keys. */
const open = (options, extra = {}) => listened(new RefreshableSession({ ...unshared(options), logger, ...extra }));

function listened(session) {
  for (const name of ["refresh", "refreshError", "expired", "warning", "close"]) {
    session.on(name, (content) => show(`event ${name}`, content));
  }
  return session;
}

// Options with secrets in the wrong place or shape.
const broken = keyText.replace(/\n(?=-----END)/, "=\n").replace("\nMI", "\nXX");
const body = keyText.split("\n").slice(1, -2).join("");
await failing("broken key", () => open({ ...pem, privateKey: broken }));
await failing("key as certificate", () => open({ ...pem, certificate: keyText }));
await failing("key as CA", () => open({ ...pem, ca: keyText }));
await failing("key as bytes of nothing", () => open({ ...pem, privateKey: Buffer.from(body) }));
await failing("key as endpoint", () => open({ ...pem, endpoint: 1, privateKey: keyText }));
await failing("key and token", () => open({ ...hsm, privateKey: keyText }));
await failing("no passphrase", () => open({ ...pem, ...encrypted }));
await failing("wrong passphrase", () => open({ ...pem, ...encrypted, privateKeyPassphrase: `${passphrase}x` }));
await failing("passphrase with a token", () => open({ ...hsm, privateKeyPassphrase: passphrase }));
await failing("passphrase of a wrong type", () => open({ ...pem, privateKeyPassphrase: [passphrase] }));
await failing("PIN of a wrong type", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: [pin] } }));
await failing("PIN in a slot", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, slotId: pin } }));
await failing("PIN as an id", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, privateKeyId: pin } }));
for (const wrong of [
  `pkcs11:token=gw;pin-value=${pin}`,
  `pkcs11:token=gw?pin-value=${pin}`,
  `pkcs11:token=gw?module-path=/x&pin-value=${pin}%`,
  `pkcs11:token=gw?module-path=/x&pin-value=${pin}&pin-value=${pin}`,
  `pkcs11:token=gw?module-path=/x&pin-value=${pin}&pin-source=/x`,
  `pkcs11:${pin}`,
]) {
  await failing("URI", () => open({ ...hsm, pkcs11: wrong }));
}

for (const wrong of [
  proxy.replace("http:", "https:"),
  proxy.replace("http:", "socks5h:"),
  `${proxy}/path`,
  `${proxy}0000000`,
  proxy.replace("%", "%%"),
  [proxy],
]) {
  await failing("proxy", () => open({ ...pem, proxy: wrong }));
}

// Good ones, in every way that the key can be given.
const good = [
  open({ ...pem, privateKey: keyText }),
  open({ ...pem, privateKey: Buffer.from(keyText) }),
  open({ ...pem, ...encrypted, privateKeyPassphrase: passphrase }),
  open(hsm),
  open({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: async () => pin } }),
  open({ ...hsm, pkcs11: uri }),
  open({ ...pem, proxy }),
  // Warnings go to the process.
  listened(new RefreshableSession({ ...hsm, pkcs11: uri })),
  listened(new RefreshableSession({ ...pem, verifyPeer: false })),
];
for (const session of good) {
  show("credentials", await session.credentials());
  show("credentials of the seed's shape", await session.refreshableCredentials());
  show("provider", session.credentials);
  show("session", session);
  show("status", session.status());
  show("client", session.client(Client, { region: "eu-west-1" }));
  show("cache", session.cache);
  console.log(JSON.stringify(session), JSON.stringify({ ...session }), JSON.stringify(session.credentials));
}
const { method, ...factory } = hsm;
const provider = fromIot(unshared({ ...factory, logger }));
show("credentials", await provider());
show("provider", provider);

// Replies that hold secrets and are no good, and refusals that repeat some.
for (const scene of ["truncated-json", "missing-field", "wrong-type-field", "duplicate-keys", "expired", "status"]) {
  await arranged(scene);
  await failing(scene, () => good[0].refresh({ force: true }));
  await failing(scene, () => open(hsm).credentials());
  show(`status after ${scene}`, good[0].status());
}
await arranged("none");

// What a callback gives, and what is wrong with it.
const issued = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "canarySECRETcustom", sessionToken: "canaryTOKENcustom" };
const custom = (customCredentials) => listened(new RefreshableSession({ method: "custom", customCredentials, logger }));
for (const wrong of [
  issued.secretAccessKey,
  { ...issued, accessKeyId: undefined },
  { ...issued, secretAccessKey: [issued.secretAccessKey] },
  { ...issued, sessionToken: `${issued.sessionToken}\n` },
  { ...issued, expiration: issued.sessionToken },
  { access_key: issued.accessKeyId, secret_key: issued.secretAccessKey, token: issued.sessionToken },
]) {
  await failing("custom", () => custom(() => wrong).credentials());
}
await failing("thrown", () => custom(() => Promise.reject(new TypeError("mine", { cause: "mine too" }))).credentials());
// Its message may hold anything: only who asks for the cause gets it.
const customCredentials = () => Promise.reject(new Error(issued.secretAccessKey));
const telling = new RefreshableSession({ method: "custom", customCredentials, logger });
const { message, stack, hint } = await telling.credentials().catch((error) => error);
console.log(message, stack, hint, JSON.stringify(telling.status()));
good.push(custom(() => issued));
show("custom credentials", await good.at(-1).credentials());
await failing("connection", () => open({ ...pem, endpoint: refusing }).credentials());
await failing("proxy", () => open({ ...pem, proxy: proxy.replace("@", "x@") }).credentials());
await failing("no proxy", () => {
  const away = proxy.replace(/@.*/, `@${refusing}`);
  return open({ ...pem, proxy: away }).credentials();
});
await failing("wrong PIN", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: `${pin}x` } }).credentials());
await failing("no PIN", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: undefined } }).credentials());
await failing("number as PIN", () => open({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: () => [pin] } }).credentials());

await connections({ show, failing, arranged, newSession: open, custom }, { pem, hsm, proxy, ...mqtt });

if (leak !== undefined) {
  const keys = await good[0].credentials();
  console.log(leak === "bytes" ? Buffer.from(pin) : { pin, passphrase, body, proxy, ...mqtt.secrets, ...keys }[leak]);
}
for (const session of good) await session.close();
await failing("closed", () => good[0].credentials());
show("closed session", good[0]);
process.send({ type: "scene", classes: [...classes] });
process.disconnect();
