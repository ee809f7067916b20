// The known faults of boto3-refresh-session, one test for each that what exists here could have too.
//
// Those of other features have their tests with them:
//
// * B6 (`whoami` and `client("sts")` are the base identity): whoami.test.mjs, sts.test.mjs
// * B10 for the options of roles: options-roles.test.mjs
// * MFA, B1, B2 and B11 for its prompts and its output, B20: mfa.test.mjs, mfa-command.test.mjs
// * the container method that could never succeed and printed the keys: container.test.mjs
// * B15 (certificates and keys that are replaced while a session is open): rotation.test.mjs, rotation-load.test.mjs
// * B17 (proxies): link.test.mjs
//
// Not in this build: B7 (MQTT), B21 (a store on disk), B23 (presigned URLs that ask for a least life).
//
// Serial: the endpoint's faults and its log are common to all.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { inspect } from "node:util";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import * as surface from "refresh-session";
import { RefreshableSession, RefreshError } from "refresh-session";
import ts from "typescript";
import { Sessions, spyOn } from "./children/run.mjs";
import { callback, sdkKeys } from "./support/custom-keys.mjs";
import { bodyOf, shownForms, showsNone } from "./support/refusals.mjs";
import { recorder, secretsOf, sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, listening, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

const pem = (overrides) => unshared(bed.pem("ec256", overrides));
const custom = (t, customCredentials, options) => sessionFor(t, { method: "custom", customCredentials, ...options });
const fetches = async () => (await bed.control("GET", "/log?event=request&service=iot")).length;
const times = (count, make) => Array.from({ length: count }, make);
const away = () => Promise.reject(new Error("away"));

test.serial("B1: the windows are honoured whether or not refresh is deferred", async (t) => {
  for (const refresh of ["deferred", "eager"]) {
    for (const [window, refreshPolicy] of [
      [1200, "botocore"],
      [100, "aws"],
    ]) {
      const options = { refresh, refreshPolicy, advisoryWindowSeconds: window, mandatoryWindowSeconds: 60 };
      const session = custom(t, () => sdkKeys(3600), options);
      await session.ready();
      const { expiresAt, refreshAt } = session.status();
      t.true(Math.abs(expiresAt - refreshAt - window * 1000) < 2000, `${refresh} ${window}: ${expiresAt - refreshAt}`);
    }
    const drawn = custom(t, () => sdkKeys(3600), { refresh, advisoryWindowSeconds: 100, mandatoryWindowSeconds: 1 });
    await drawn.ready();
    const { expiresAt, refreshAt } = drawn.status();
    t.true(expiresAt - refreshAt <= 101_000, `${refresh}: ${expiresAt - refreshAt}`);
  }
});

for (const durationSeconds of [900, 6]) {
  test.serial(`B2: keys that live for ${durationSeconds} s, shorter than the windows, are no storm`, async (t) => {
    await bed.control("PUT", "/aliases/brief-role", { durationSeconds });
    for (const refreshPolicy of ["gateway", "aws", "botocore"]) {
      await bed.control("DELETE", "/log");
      const session = sessionFor(t, pem({ roleAlias: "brief-role", refreshPolicy }));
      for (const _ of times(200)) await session.credentials();
      t.is(await fetches(), 1, refreshPolicy);
    }
  });
}

test.serial("B3: valid keys are not thrown away in the mandatory window when the source fails", async (t) => {
  for (const refreshPolicy of ["gateway", "botocore", "aws"]) {
    const give = callback(() => sdkKeys(6));
    const session = custom(t, give, { refreshPolicy });
    const { accessKeyId, expiration } = await session.credentials();
    give.give = away;
    // Where callers wait for new keys: a service has refused these.
    session.invalidate(accessKeyId);
    t.is(session.status().zone, "mandatory");
    for (const _ of times(20)) t.is((await session.credentials()).accessKeyId, accessKeyId, refreshPolicy);
    t.true(Date.now() < expiration);
    t.is(give.calls.length, 2, refreshPolicy);
  }
});

test.serial(
  "B4: waiters share the outcome of a fetch, failure included, and the source is left alone then",
  async (t) => {
    // A failure that takes its time, so that all come before it does.
    await bed.fault("half-open");
    const session = sessionFor(t, pem({ timeoutMs: 1000 }));
    const errors = await Promise.all(times(50, () => failureOf(session.credentials())));
    t.deepEqual([...new Set(errors.map(({ code }) => code))], ["ERR_TIMEOUT"]);
    t.is(await fetches(), 1);
    await bed.fault("status", { code: 500 });
    // The first failure may be a hiccup, from the second on there is a pause.
    for (const _ of times(50)) await failureOf(session.credentials());
    t.true((await fetches()) <= 5, `${await fetches()}`);

    const give = callback();
    const holding = custom(t, give);
    const { accessKeyId } = await holding.credentials();
    give.give = away;
    await failureOf(holding.refresh({ force: true }));
    holding.invalidate(accessKeyId);
    for (const _ of times(50)) t.is((await holding.credentials()).accessKeyId, accessKeyId);
    t.is(give.calls.length, 2);
  },
);

test.serial("B5: a reply with keys that are over is not installed", async (t) => {
  const session = sessionFor(t, pem());
  const keys = await session.credentials();
  for (const [mode, code] of [
    ["expired", "ERR_EXPIRED_REPLY"],
    ["truncated-json", "ERR_BAD_REPLY"],
  ]) {
    await bed.fault(mode);
    await t.throwsAsync(session.refresh({ force: true }), { code });
    t.deepEqual({ ...(await session.credentials()) }, { ...keys });
    t.deepEqual(session.status().expiresAt, keys.expiration);
  }
});

test.serial("B6: a client of the session signs with the refreshed keys, an STS client too", async (t) => {
  const session = sessionFor(t, pem());
  const client = session.client(STSClient, { endpoint: bed.sts.http, region: "eu-west-1" });
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  t.regex(Arn, /:assumed-role\/GatewayRole\//);
  const [request] = await bed.control("GET", "/log?event=request&service=sts");
  t.is(request.accessKeyId, (await session.credentials()).accessKeyId);
});

test.serial("B8: one path of the module is checked and loaded; `~` is no path", async (t) => {
  const options = bed.hsm();
  const { library } = options.pkcs11;
  const relativeToHome = join("~", relative(homedir(), library));
  const open = (path) => sessionFor(t, unshared({ ...options, pkcs11: { ...options.pkcs11, library: path } }));
  // Refused, or working: what must not be is that it is found by one and not by the other.
  const error = await failureOf((async () => open(relativeToHome).ready())());
  t.true(error instanceof RefreshError, shownForms(error));
  t.regex(error.code, /^ERR_(?:PKCS11_MODULE|INVALID_OPTION|FILE_UNREADABLE)$/);
  t.true(existsSync(library));
  await open(library).ready();
});

test.serial("B9: neither PIN nor key is seen on a session, and the caller's options are not changed", async (t) => {
  const key = readFileSync(bed.pki.devices.ec256.privateKey, "utf8");
  const hsm = bed.hsm();
  const given = [unshared({ ...hsm, pkcs11: { ...hsm.pkcs11 } }), pem({ privateKey: key })];
  const secrets = [hsm.pkcs11.userPin, ...bodyOf(key).lines];
  for (const options of given) {
    const before = structuredClone(options);
    const session = sessionFor(t, options);
    await session.ready();
    t.deepEqual(options, before);
    for (const secret of secrets.filter((secret) => secret.length > 7)) {
      for (const shown of [
        shownForms(session),
        inspect(session, { showHidden: true, depth: 9, customInspect: false }),
        JSON.stringify({ ...session }),
        Reflect.ownKeys(session)
          .map((name) => inspect(session[name]))
          .join(),
      ]) {
        t.false(shown.includes(secret));
      }
    }
    for (const name of ["pkcs11", "privateKey", "options", "userPin"]) t.is(session[name], undefined);
  }
  // For someone who has read it from a file or asked a person.
  const wiped = Buffer.from(hsm.pkcs11.userPin);
  const session = sessionFor(t, unshared({ ...hsm, pkcs11: { ...hsm.pkcs11, userPin: wiped } }));
  wiped.fill(0);
  await session.ready();
});

test.serial("B10: whatever goes wrong is an error of ours, with a code", async (t) => {
  const failures = [
    ["status", { code: 403 }],
    ["status", { code: 404 }],
    ["html-body", { status: 502 }],
    ["html-body", {}],
    ["empty-body", {}],
    ["truncated-json", {}],
    ["truncated-body", {}],
    ["large-body", { bytes: 5_000_000 }],
    ["reset-at", { byte: 20 }],
    ["close-after-tls", { polite: true }],
    ["close-after-tls", { polite: false }],
    ["half-open", {}],
    ["expired", {}],
    ["bad-expiration", { value: "tomorrow" }],
    ["missing-field", { name: "accessKeyId" }],
    ["missing-field", { name: "credentials" }],
    ["empty-field", { name: "secretAccessKey" }],
    ["wrong-type-field", { name: "sessionToken" }],
    ["redirect", { location: "https://localhost/" }],
    ["not-http", {}],
  ];
  for (const [mode, params] of failures) {
    await bed.fault(mode, params);
    const error = await failureOf(sessionFor(t, pem({ timeoutMs: 500 })).credentials());
    t.true(error instanceof RefreshError && error.constructor !== RefreshError, `${mode}: ${shownForms(error)}`);
    t.regex(error.code, /^ERR_[A-Z0-9_]+$/, mode);
    t.not(error.code, "ERR_INTERNAL", mode);
  }
  await bed.control("DELETE", "/faults");
  // Where the seed's raw errors came from: the alias that nobody encodes, the junk that is a key until it is used.
  t.throws(() => new RefreshableSession(bed.pem("ec256", { roleAlias: "with a space" })), { instanceOf: RefreshError });
  t.throws(() => new RefreshableSession(bed.pem("ec256", { privateKey: Buffer.from("junk") })), {
    instanceOf: RefreshError,
  });
  // What a callback may come up with.
  for (const give of [() => null, () => ({}), () => sdkKeys(9, { expiration: "2030-01-01T00:00:00" }), away]) {
    t.true((await failureOf(custom(t, give).credentials())) instanceof RefreshError);
  }
});

test.serial("B11: no error, log or warning holds a secret", async (t) => {
  const logger = recorder();
  const session = sessionFor(t, pem({ logger }));
  const secrets = [...secretsOf(await session.credentials()), "canarySECRET", "canaryTOKEN"];
  const errors = [];
  for (const mode of ["truncated-json", "missing-field", "duplicate-keys", "expired"]) {
    await bed.fault(mode, mode === "missing-field" ? { name: "expiration" } : {});
    errors.push(await session.refresh({ force: true }).catch((error) => error));
  }
  errors.push(await failureOf(custom(t, () => ({ AccessKeyId: "A", Token: "canaryTOKEN" })).ready()));
  t.true(errors.filter((error) => error instanceof Error).length >= 4);
  for (const error of errors) if (error !== undefined) showsNone(t, error, secrets, "the error");
  showsNone(t, logger.lines, secrets, "the log");
});

test.serial("B12: options are checked at once, certificate and key against each other", (t) => {
  const { devices } = bed.pki;
  for (const [overrides, param] of [
    [{ roleAlias: "" }, "roleAlias"],
    [{ roleAlias: "a/b" }, "roleAlias"],
    [{ durationSeconds: 899 }, "durationSeconds"],
    [{ durationSeconds: 43_201 }, "durationSeconds"],
    [{ timeoutMs: 0 }, "timeoutMs"],
    [{ timeoutMs: -1 }, "timeoutMs"],
    [{ region: "eu west" }, "region"],
    [{ thingName: "a\r\nb: c" }, "thingName"],
    [{ advisoryWindowSeconds: 10, mandatoryWindowSeconds: 20 }, "mandatoryWindowSeconds"],
    [{ privateKey: devices.rsa2048.privateKey }, "privateKey"],
    [{ typo: 1 }, "typo"],
  ]) {
    const error = t.throws(() => new RefreshableSession(bed.pem("ec256", overrides)), { instanceOf: RefreshError });
    t.is(error.param, param, error.message);
  }
});

test.serial("B13: one login and one session of the token serve all fetches", async (t) => {
  const spy = spyOn(bed.tokens.module, join(bed.dir, "spy-b13.log"));
  const child = new Sessions({ env: spy.env });
  await child.call("open", { name: "one", options: bed.hsm("ec256", {}, { library: spy.library }) });
  const handshakes = 8;
  for (let n = 0; n < handshakes; n++) {
    // So that the next fetch has to sign.
    await bed.control("POST", "/connections/drop");
    const { error } = await child.call("refresh", { name: "one" });
    t.is(error, undefined);
  }
  t.is((await child.end()).code, 0);
  t.is((await bed.log("connection")).length, handshakes);
  for (const [name, count] of Object.entries({ C_Initialize: 1, C_OpenSession: 1, C_Login: 1, C_CloseSession: 1 })) {
    t.is(spy.count(name), count, name);
  }
  t.true(spy.count("C_Sign") >= handshakes);
});

test.serial("B14: a token's key is found by id, by label and by URI, with the PIN from a function", async (t) => {
  const { gw } = bed.tokens.tokens;
  const { id, label, certificate } = gw.keys.ec256;
  const token = `token=${encodeURIComponent(gw.label)}`;
  const pathId = id.replaceAll(/../g, "%$&");
  const forms = {
    "by id": { privateKeyId: id },
    "by label": { privateKeyId: undefined, privateKeyLabel: label },
    "by serial": { tokenLabel: undefined, tokenSerial: gw.serial },
    "with a function": { userPin: async () => gw.pin },
  };
  for (const [form, pkcs11] of Object.entries(forms)) {
    await t.notThrowsAsync(sessionFor(t, unshared(bed.hsm("ec256", {}, pkcs11))).ready(), form);
  }
  const pinFile = join(bed.dir, "pin-of-b14");
  writeFileSync(pinFile, gw.pin, { mode: 0o600 });
  const uri = `pkcs11:${token};id=${pathId}?module-path=${bed.tokens.module}&pin-source=file:${pinFile}`;
  await sessionFor(t, unshared({ ...bed.base(), certificate, pkcs11: uri })).ready();
});

test.serial("B16: the region comes from the endpoint's name, so that a client needs none", async (t) => {
  const session = sessionFor(t, pem({ endpoint: bed.iot.altName }));
  t.is(await session.client(STSClient).config.region(), "eu-west-1");
});

test.serial("B17: connecting has a limit of its own, and the whole has one", async (t) => {
  await bed.configure({ accept: "black-hole" });
  const connecting = await failureOf(sessionFor(t, bed.pem("ec256", { connectTimeoutMs: 150 })).credentials());
  t.is(connecting.code, "ERR_CONNECT_TIMEOUT");
  await bed.configure({ accept: "normal" });
  await bed.fault("half-open");
  const begin = performance.now();
  t.is((await failureOf(sessionFor(t, pem({ timeoutMs: 200 })).credentials())).code, "ERR_TIMEOUT");
  // The seed waits up to twice as long as it is told.
  t.true(performance.now() - begin < 2000);
});

test.serial("B18: the session tells how it stands and what happens", async (t) => {
  const session = sessionFor(t, pem());
  const told = listening(session);
  await session.ready();
  await bed.fault("status", { code: 503 });
  await failureOf(session.refresh({ force: true }));
  await until(() => told.refresh.length === 1 && told.refreshError.length === 1);
  const { zone, expiresAt, refreshAt, fetches, failures, lastError } = session.status();
  t.deepEqual({ zone, fetches, failures }, { zone: "fresh", fetches: 2, failures: 1 });
  t.true(expiresAt > refreshAt && refreshAt > new Date());
  t.is(lastError.code, "ERR_SERVICE_UNAVAILABLE");
  t.is(told.refreshError[0].code, lastError.code);
});

test.serial("B19: a refresh can be forced, the connection is kept for it, and close ends it all", async (t) => {
  const session = sessionFor(t, pem());
  for (const _ of times(6)) await session.refresh({ force: true });
  t.is(await fetches(), 6);
  t.is((await bed.log("connection")).length, 1);
  await session.close();
  await until(async () => (await bed.control("GET", "/state")).openConnections === 0);
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_CLOSED" });
});

test.serial(
  "B22: the client cache can be switched off, and a size of one or of less than it holds is no error",
  async (t) => {
    const off = sessionFor(t, pem({ clientCache: false }));
    const config = { endpoint: bed.sts.http, region: "eu-west-1" };
    t.not(off.client(STSClient, config), off.client(STSClient, config));
    t.is(off.cache.size, 0);

    const session = sessionFor(t, pem({ clientCache: { policy: "lfu", maxSize: 3 } }));
    const clients = times(3, (_, n) => session.client(STSClient, { ...config, maxAttempts: n + 1 }));
    t.is(session.cache.size, 3);
    // The one that has just been made is never the one that goes.
    const made = session.client(STSClient, { ...config, maxAttempts: 9 }, { policy: "lfu", maxSize: 1 });
    t.is(session.cache.size, 1);
    t.is(session.client(STSClient, { ...config, maxAttempts: 9 }), made);
    for (const client of [...clients, made]) await client.send(new GetCallerIdentityCommand({}));
  },
);

for (const clockOffsetSeconds of [315_360_000, -315_360_000]) {
  test.serial(
    `B24: a clock that is off by ${clockOffsetSeconds} s makes keys neither look expired nor last for ever`,
    async (t) => {
      await bed.configure({ clockOffsetSeconds });
      await bed.control("PUT", "/aliases/brief-role", { durationSeconds: 3 });
      const session = sessionFor(t, pem({ roleAlias: "brief-role" }));
      const { accessKeyId, expiration } = await session.credentials();
      const left = expiration - Date.now();
      t.true(left > 0 && left <= 3000, `${left}`);
      for (const _ of times(50)) t.is((await session.credentials()).accessKeyId, accessKeyId);
      t.is(await fetches(), 1);
      t.is((await heard(session, "expired")).accessKeyId, accessKeyId);
      t.not((await session.credentials()).accessKeyId, accessKeyId);
      t.is(await fetches(), 2);
    },
  );
}

test.serial("B25: the declared types and the module have the same names", (t) => {
  const declared = new Set();
  const source = ts.createSourceFile("index.d.ts", readFileSync("index.d.ts", "utf8"), ts.ScriptTarget.Latest, true);
  const isValue = (node) =>
    ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isVariableStatement(node);
  for (const node of source.statements) {
    const exported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (exported && isValue(node) && node.name !== undefined) declared.add(node.name.text);
  }
  const names = Object.keys(surface).filter((name) => name !== "default" && name !== "module.exports");
  t.deepEqual([...declared].toSorted(), names.toSorted());
});
