// A session through its life, against the local AWS: clocks, failures, close, and that nothing shows a secret.
//
// Serial: the endpoint's faults and its log are common to all.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import test from "ava";
import * as surface from "refresh-session";
import { ClosedError, fromIot, RefreshableSession } from "refresh-session";
import ts from "typescript";
import { bodyOf, showsNone } from "./support/refusals.mjs";
import { awaited, recorder, secretsOf, sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const exported = { ...surface };

const keyLines = bodyOf(readFileSync(bed.pki.devices.ec256.privateKey, "utf8")).lines;

const requests = async () => (await bed.log("request")).length;

// -------------------------------------------------------------------------------------------- clocks, short lives

for (const [label, clockOffsetSeconds] of [
  ["a day behind", 86_400],
  ["a day ahead", -86_400],
  ["ten years behind", 315_360_000],
]) {
  test.serial(`a device whose clock is ${label} has keys for their whole life`, async (t) => {
    await bed.configure({ clockOffsetSeconds });
    const session = sessionFor(t, bed.pem());
    const { accessKeyId, expiration } = await session.credentials();
    // By the clock of the device, which is what SDK clients compare it with.
    const seconds = (expiration.getTime() - Date.now()) / 1000;
    t.true(seconds > 3500 && seconds <= 3600, `${seconds}`);
    const { zone, expiresAt, clockOffsetMs } = session.status();
    t.is(zone, "fresh");
    t.true(Math.abs(expiresAt.getTime() / 1000 - clockOffsetSeconds - Date.now() / 1000 - seconds) < 5, `${expiresAt}`);
    t.true(Math.abs(clockOffsetMs / 1000 - clockOffsetSeconds) < 5, `${clockOffsetMs}`);
    for (let i = 0; i < 10; i++) t.is((await session.credentials()).accessKeyId, accessKeyId);
    await session.refresh();
    t.is(await requests(), 1);
  });
}

for (const clockOffsetSeconds of [0, 86_400, -86_400]) {
  test.serial(
    `keys that live for six seconds are served from memory, clock off by ${clockOffsetSeconds}`,
    async (t) => {
      await bed.configure({ clockOffsetSeconds });
      const session = sessionFor(t, bed.pem("ec256", { roleAlias: "short-role" }));
      const { accessKeyId, expiration } = await session.credentials();
      const seconds = (expiration.getTime() - Date.now()) / 1000;
      t.true(seconds > 0 && seconds <= 6, `${seconds}`);
      for (let i = 0; i < 100; i++) t.is((await session.credentials()).accessKeyId, accessKeyId);
      t.is(await requests(), 1);
    },
  );
}

test.serial("an advisory window longer than the life makes no storm", async (t) => {
  for (const roleAlias of ["gateway-role", "short-role"]) {
    await bed.reset();
    const session = sessionFor(t, bed.pem("ec256", { roleAlias, advisoryWindowSeconds: 43_200 }));
    for (let i = 0; i < 20; i++) await session.credentials();
    t.is(await requests(), 1, roleAlias);
  }
});

test.serial("keys that are over when they come are not taken", async (t) => {
  await bed.fault("expired");
  const session = sessionFor(t, bed.pem());
  const error = await t.throwsAsync(session.credentials());
  t.is(error.name, "CredentialError");
  t.is(error.code, "ERR_EXPIRED_REPLY");
});

// --------------------------------------------------------------------------------------------------------- failures

const failures = [
  ["status", { code: 500 }, "RequestError", "ERR_SERVICE_UNAVAILABLE"],
  ["status", { code: 429 }, "RequestError", "ERR_THROTTLED"],
  ["expired", {}, "CredentialError", "ERR_EXPIRED_REPLY"],
  ["truncated-json", {}, "CredentialError", "ERR_BAD_REPLY"],
  ["not-http", {}, "ConnectionError", "ERR_PROTOCOL"],
];

for (const [mode, params, name, code] of failures) {
  test.serial(`a refresh that fails with ${code} rejects, and the keys held stay`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const held = await session.credentials();
    await bed.fault(mode, params);
    const error = await t.throwsAsync(session.refresh({ force: true }));
    t.is(error.name, name);
    t.true(error instanceof exported[name]);
    t.is(error.code, code);
    t.is(error.retryable, true);
    t.is(error.tryNextLink, false);
    showsNone(t, error, secretsOf(held), code);
    t.deepEqual({ ...(await session.credentials()) }, { ...held });
    t.deepEqual(await session.refresh(), undefined);
    t.is((await session.refreshableCredentials()).accessKey, held.accessKeyId);
    await bed.control("DELETE", "/faults");
    await session.refresh({ force: true });
    t.not((await session.credentials()).accessKeyId, held.accessKeyId);
  });
}

test.serial("an error of AWS carries status and request id, and nothing of the body", async (t) => {
  const body = JSON.stringify({ message: "canary-body-of-the-reply" });
  await bed.fault("status", { code: 503, body, errorType: "ServiceUnavailableException" });
  const error = await t.throwsAsync(sessionFor(t, bed.pem()).credentials());
  const [request] = await bed.log("request");
  t.like(error, { statusCode: 503, requestId: request.requestId, awsErrorType: "ServiceUnavailableException" });
  showsNone(t, error, ["canary-body-of-the-reply"], "the error");
});

test.serial("a hint is set off from the message by one full stop", async (t) => {
  for (const options of [{ thingName: "other" }, { roleAlias: "denied-role" }, { roleAlias: "no-such-role" }]) {
    const error = await t.throwsAsync(sessionFor(t, bed.pem("ec256", options)).credentials());
    t.regex(error.hint, /^[A-Z].*[.?]$/);
    t.true(error.message.endsWith(`. ${error.hint}`));
    t.false(error.message.includes(`.. ${error.hint}`), error.message);
  }
});

// ------------------------------------------------------------------------------------------------------------ close

const closedBy = {
  "session.close()": (session) => session.close(),
  "session[Symbol.asyncDispose]()": (session) => session[Symbol.asyncDispose](),
};

for (const [how, close] of Object.entries(closedBy)) {
  test.serial(`${how} ends the session, as often as it is called`, async (t) => {
    const session = new RefreshableSession(bed.pem());
    await session.credentials();
    t.is(await close(session), undefined);
    await Promise.all([close(session), close(session)]);
    for (const call of [
      session.credentials,
      () => session.refreshableCredentials(),
      () => session.refresh(),
      () => session.refresh({ force: true }),
    ]) {
      const error = await t.throwsAsync(call());
      t.true(error instanceof ClosedError);
      t.like(error, { name: "ClosedError", code: "ERR_CLOSED", retryable: false, tryNextLink: false });
    }
    t.is(await requests(), 1);
    t.deepEqual(JSON.parse(JSON.stringify(session)), { method: "iot", closed: true });
  });
}

test.serial("a session that was never used closes", async (t) => {
  const session = new RefreshableSession(bed.pem());
  await t.notThrowsAsync(session.close());
  await t.throwsAsync(session.credentials(), { code: "ERR_CLOSED" });
  t.deepEqual(await bed.log(), []);
});

test.serial("close answers those who wait for a fetch", async (t) => {
  await bed.fault("half-open");
  const session = new RefreshableSession(bed.pem());
  const waiting = [session.credentials(), session.refresh({ force: true }), session.refreshableCredentials()];
  const outcomes = Promise.allSettled(waiting);
  await awaited(bed, "request", 1);
  await session.close();
  for (const { reason } of await outcomes) t.is(reason?.code, "ERR_CLOSED");
});

test.serial("close leaves other sessions alone", async (t) => {
  const [one, other] = [new RefreshableSession(bed.pem()), sessionFor(t, unshared(bed.pem()))];
  await Promise.all([one.credentials(), other.credentials()]);
  await one.close();
  await t.notThrowsAsync(other.refresh({ force: true }));
});

test.serial("close leaves other sessions on the same source alone: keys, connection and those who wait", async (t) => {
  const [one, other] = [new RefreshableSession(bed.pem()), sessionFor(t, bed.pem())];
  const held = await other.credentials();
  t.is((await one.credentials()).accessKeyId, held.accessKeyId);
  t.is(await requests(), 1, "one fetch for both");
  await bed.fault("slow-headers", { ms: 100 }, 1);
  const outcomes = Promise.allSettled([one.refresh({ force: true }), other.refresh({ force: true })]);
  await awaited(bed, "request", 2);
  await one.close();
  const [ofOne, ofOther] = await outcomes;
  t.is(ofOne.reason?.code, "ERR_CLOSED");
  t.is(ofOther.status, "fulfilled");
  await t.throwsAsync(one.credentials(), { code: "ERR_CLOSED" });
  t.not((await other.credentials()).accessKeyId, held.accessKeyId);
  t.is(await requests(), 2);
  t.is((await bed.log("connection")).length, 1);
});

test.serial("sessions on the same source have each their own events, log and warnings", async (t) => {
  const heard = { one: [], other: [] };
  const opened = Object.keys(heard).map((name) => {
    const logger = recorder();
    const onWarning = ({ code }) => heard[name].push(code);
    const session = sessionFor(t, bed.pem("ec256", { logger, onWarning, verifyPeer: false }));
    session.on("refresh", ({ accessKeyId }) => heard[name].push(accessKeyId));
    return { session, logger };
  });
  const [one, other] = opened.map(({ session }) => session);
  const refreshed = Promise.all([once(one, "refresh"), once(other, "refresh")]);
  const { accessKeyId } = await one.credentials();
  await refreshed;
  t.deepEqual(heard, {
    one: ["WARN_PEER_NOT_VERIFIED", accessKeyId],
    other: ["WARN_PEER_NOT_VERIFIED", accessKeyId],
  });
  for (const { logger } of opened) t.is(logger.lines.filter(({ text }) => text.includes(accessKeyId)).length, 1);
  await one.close();
  const again = once(other, "refresh");
  await other.refresh({ force: true });
  await again;
  t.is(heard.one.length, 2, "a closed session hears nothing more");
});

test.serial("a session after the last one on its source was closed starts anew", async (t) => {
  const before = new RefreshableSession(bed.pem());
  const { accessKeyId } = await before.credentials();
  await before.close();
  t.not((await sessionFor(t, bed.pem()).credentials()).accessKeyId, accessKeyId);
  t.is(await requests(), 2);
});

test.serial("close ends the connection", async (t) => {
  const session = new RefreshableSession(bed.pem());
  await session.credentials();
  const open = async () => (await bed.control("GET", "/state")).openConnections;
  t.is(await open(), 1);
  await session.close();
  // The other end hears of it a moment later.
  const deadline = Date.now() + 5000;
  while ((await open()) > 0 && Date.now() < deadline);
  t.is(await open(), 0);
});

test.serial("`await using` closes the session at the end of the block", async (t) => {
  // Compiled, since the oldest Node supported does not parse it.
  const source =
    "export async function block(session) { await using _ = session; return await session.credentials(); }";
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: "es2022", module: "es2022" } });
  const { block } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  const session = new RefreshableSession(bed.pem());
  const { accessKeyId } = await block(session);
  t.regex(accessKeyId, /^ASIA/);
  await t.throwsAsync(session.credentials(), { code: "ERR_CLOSED" });
});

// ---------------------------------------------------------------------------------------------------------- secrets

test.serial("session and provider show no secret, however they are looked at", async (t) => {
  const session = sessionFor(t, bed.pem());
  const credentials = await session.credentials();
  const secrets = [...secretsOf(credentials), ...keyLines];
  for (const [label, value] of Object.entries({
    session,
    "a spread session": { ...session },
    "a cloned session": structuredClone(session),
    provider: session.credentials,
    "a spread provider": { ...session.credentials },
    "the provider of fromIot": fromIot((({ method: _, ...options }) => options)(unshared(bed.pem()))),
    "all own properties": Object.fromEntries(Reflect.ownKeys(session).map((key) => [key, session[key]])),
    "its status": session.status(),
    "its cache": session.cache,
  })) {
    showsNone(t, value, secrets, label);
    t.false(inspect(value, { customInspect: false, showHidden: true, depth: 9 }).includes(secrets[0]), label);
  }
  t.is(inspect(session), "RefreshableSession { method: 'iot', closed: false }");
  t.throws(() => structuredClone(session.credentials), { any: true, name: "DataCloneError" });
});

test.serial("util.inspect and console.log redact credentials", async (t) => {
  const session = sessionFor(t, bed.pem());
  const credentials = await session.credentials();
  const keys = await session.refreshableCredentials();
  const secrets = secretsOf(credentials);
  for (const value of [credentials, keys, { nested: [credentials, keys] }, new Map([["a", credentials]])]) {
    const shown = inspect(value, { depth: 9 });
    for (const secret of secrets) t.false(shown.includes(secret), shown);
    t.true(shown.includes(credentials.accessKeyId), shown);
    t.true(shown.includes("redacted"), shown);
  }
  for (const value of [credentials, keys]) t.false(`${value}`.includes(secrets[0]));
  // Not an enumerable property: SDK clients copy what is enumerable.
  t.deepEqual(Object.getOwnPropertySymbols({ ...credentials }), []);
});

test.serial("what is logged holds the key's id and end, and no secret", async (t) => {
  const logger = recorder();
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  const session = sessionFor(t, bed.pem("ec256", { logger, onWarning, verifyPeer: false }));
  const first = await session.credentials();
  await session.refresh({ force: true });
  const second = await session.credentials();
  await bed.fault("status", { code: 500 });
  await t.throwsAsync(session.refresh({ force: true }));
  await session.close();
  const secrets = [...secretsOf(first), ...secretsOf(second), ...keyLines];
  showsNone(t, [logger.lines, warnings], secrets, "the log");
  const debug = logger.lines.filter(({ level }) => level === "debug").map(({ text }) => text);
  t.is(debug.length, 2, "one line for each fetch");
  for (const [i, { accessKeyId, expiration }] of [first, second].entries()) {
    t.true(debug[i].includes(accessKeyId) && debug[i].includes(expiration.toISOString()), debug[i]);
  }
});

test.serial("a logger that throws does not keep anybody from the keys", async (t) => {
  const logger = recorder();
  logger.debug = () => {
    throw new Error("mine");
  };
  const session = sessionFor(t, bed.pem("ec256", { logger }));
  await t.notThrowsAsync(session.credentials());
});
