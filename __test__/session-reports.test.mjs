// What a session reports of itself: its status, its events, and those who listen to them.
//
// The serial tests change the endpoint; the others have a callback of their own.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "ava";
import { ConnectionError, CredentialError, RefreshError, RequestError } from "refresh-session";
import { start } from "./children/run.mjs";
import { CANARY, callback, sdkKeys } from "./support/custom-keys.mjs";
import { showsNone } from "./support/refusals.mjs";
import { secretsOf, sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, listening, until } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());

const pem = (overrides) => unshared(bed.pem("ec256", overrides));
const custom = (customCredentials, options) => ({ method: "custom", customCredentials, ...options });

// ---------------------------------------------------------------------------------------------------------- the clock

for (const clockOffsetSeconds of [7200, -7200, 0]) {
  test.serial(`status() tells that the source's clock is off by ${clockOffsetSeconds} s`, async (t) => {
    await bed.reset();
    await bed.configure({ clockOffsetSeconds });
    const session = sessionFor(t, pem());
    t.is(session.status().clockOffsetMs, undefined);
    await session.ready();
    const { clockOffsetMs, expiresAt, refreshAt } = session.status();
    // A `Date` has no fractions of a second.
    t.true(Math.abs(clockOffsetMs - clockOffsetSeconds * 1000) < 2500, `${clockOffsetMs}`);
    // As the source gave it, and as our clock counts.
    t.true(Math.abs(expiresAt - Date.now() - (3600 + clockOffsetSeconds) * 1000) < 5000);
    t.true(refreshAt > Date.now() && refreshAt < Date.now() + 3_600_000);
    await bed.reset();
  });
}

test.serial("status() tells when the certificate ends", async (t) => {
  const options = pem();
  const session = sessionFor(t, options);
  const { validTo } = new X509Certificate(readFileSync(options.certificate));
  t.deepEqual(session.status().certificateExpiry, new Date(validTo));
});

// --------------------------------------------------------------------------------------------------- status and events

test.serial("refreshError carries the typed error, and nothing secret of what is held", async (t) => {
  await bed.reset();
  const session = sessionFor(t, pem());
  const keys = await session.credentials();
  const expected = [
    ["status", { code: 503 }, RequestError, "ERR_SERVICE_UNAVAILABLE"],
    ["truncated-json", {}, CredentialError, "ERR_BAD_REPLY"],
    ["expired", {}, CredentialError, "ERR_EXPIRED_REPLY"],
    ["not-http", {}, ConnectionError, "ERR_PROTOCOL"],
  ];
  for (const [mode, params, errorClass, code] of expected) {
    await bed.fault(mode, params);
    const told = heard(session, "refreshError");
    const thrown = await failureOf(session.refresh({ force: true }));
    const error = await told;
    t.true(error instanceof errorClass && error instanceof RefreshError, code);
    t.like(error, { code, retryable: true, tryNextLink: false, message: thrown.message });
    showsNone(t, error, [...secretsOf(keys), "canarySECRET", "canaryTOKEN"], code);
    t.is(session.status().lastError.code, code);
  }
  t.is(session.status().failures, expected.length);
  await bed.control("DELETE", "/faults");
  await session.refresh({ force: true });
  t.is(session.status().lastError, undefined);
});

test("status() goes through the zones as the keys get older, and through close", async (t) => {
  const life = 5;
  const session = sessionFor(t, custom(callback(() => sdkKeys(life))));
  const seen = [session.status()];
  t.like(seen[0], { zone: "empty", fetches: 0, failures: 0, expiresAt: undefined, refreshAt: undefined });
  const { expiration } = await session.credentials();
  await until(() => {
    const status = session.status();
    if (status.zone !== seen.at(-1).zone) seen.push({ ...status, at: Date.now() });
    return status.zone === "expired";
  });
  t.deepEqual(
    seen.map(({ zone }) => zone),
    ["empty", "fresh", "advisory", "mandatory", "expired"],
  );
  const [, fresh, advisory, mandatory, expired] = seen;
  for (const status of [fresh, advisory, mandatory, expired]) {
    t.like(status, { fetches: 1, failures: 0, lastError: undefined });
    t.deepEqual(status.expiresAt, expiration);
    t.true(Math.abs(status.refreshAt - fresh.refreshAt) < 5);
  }
  // Half of the life, and its last tenth.
  const left = ({ at }) => expiration - at;
  t.true(left(advisory) <= 2500 && left(advisory) > 500, `${left(advisory)}`);
  t.true(Math.abs(expiration - left(advisory) - fresh.refreshAt) < 500);
  t.true(left(mandatory) <= 501 && left(mandatory) > 0, `${left(mandatory)}`);
  t.true(left(expired) <= 1, `${left(expired)}`);
  await session.close();
  t.is(session.status().zone, "closed");
});

test("events tell which keys came and went, and nothing secret", async (t) => {
  const give = callback(() => sdkKeys(1));
  const session = sessionFor(t, custom(give));
  const told = listening(session);
  const keys = await session.credentials();
  const ofKeys = { accessKeyId: keys.accessKeyId, expiration: keys.expiration };
  await until(() => told.refresh.length === 1);
  await until(() => told.expired.length === 1);
  t.deepEqual(told.refresh, [ofKeys]);
  t.deepEqual(told.expired, [ofKeys]);
  t.true(told.refresh[0].expiration instanceof Date);
  give.give = () => {
    throw new Error(`${CANARY}: all of it`);
  };
  await t.throwsAsync(session.credentials(), { code: "ERR_CALLBACK_FAILED" });
  await until(() => told.refreshError.length === 1);
  const [error] = told.refreshError;
  t.like(error, { name: "CredentialError", code: "ERR_CALLBACK_FAILED", param: "customCredentials" });
  t.false(error.message.includes(CANARY));
  // A long-term key has no end.
  give.give = () => sdkKeys(0, { sessionToken: undefined, expiration: undefined });
  await session.refresh({ force: true });
  await until(() => told.refresh.length === 2);
  t.is(told.refresh[1].expiration, undefined);
  t.deepEqual(Object.keys(told.refresh[1]), ["accessKeyId", "expiration"]);
  showsNone(t, { ...told, refreshError: [] }, [CANARY], "the events");
});

test("a warning of the constructor is an event like the later ones", async (t) => {
  const warnings = [];
  const options = pem({ verifyPeer: false, onWarning: (warning) => warnings.push(warning) });
  const warning = await heard(sessionFor(t, options), "warning");
  t.is(warning.code, "WARN_PEER_NOT_VERIFIED");
  t.deepEqual(warnings, [warning], "and it is told once");
});

test("sessions that share a source hear of its fetches, each by itself, until it is closed", async (t) => {
  const give = callback();
  const [one, other] = [sessionFor(t, custom(give)), sessionFor(t, custom(give))];
  const [hears, closes] = [listening(one), listening(other)];
  await one.ready();
  await until(() => hears.refresh.length === 1 && closes.refresh.length === 1);
  await other.close();
  await one.refresh({ force: true });
  await until(() => hears.refresh.length === 2);
  t.is(closes.refresh.length, 1);
  t.is(closes.close.length, 1);
  t.is(hears.close.length, 0);
});

// --------------------------------------------------------------------------------------------------------- listeners

test("a failure that nobody listens to does not end the process", async (t) => {
  const { code, signal, stdout, stderr } = await start("listeners.mjs", { mode: "unlistened" }).ended;
  t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
  t.deepEqual(stdout.trim().split("\n"), ["ERR_CALLBACK_FAILED", "served", "done"]);
});

for (const event of ["refresh", "refreshError", "expired", "warning", "close"]) {
  test(`a listener of \`${event}\` that throws is an uncaught exception like any other`, async (t) => {
    const input = { event, iot: pem({ verifyPeer: false, onWarning: undefined }) };
    const [fatal, caught] = await Promise.all([
      start("listeners.mjs", { mode: "throws", ...input }).ended,
      start("listeners.mjs", { mode: "caught", ...input }).ended,
    ]);
    // Node's own end, neither an abort nor one of ours.
    t.like(fatal, { code: 1, signal: null });
    t.regex(fatal.stderr, /Error: thrown by a listener\n {4}at /);
    t.false(fatal.stdout.includes("done"));
    t.like(caught, { code: 0, signal: null });
    t.deepEqual(caught.stdout.trim().split("\n"), ["uncaught: thrown by a listener", "works on", "done"]);
  });
}

test("process.exit() in a listener is clean", async (t) => {
  for (const event of ["refresh", "refreshError", "expired", "close"]) {
    const { code, signal, stderr } = await start("listeners.mjs", { mode: "exits", event }).ended;
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" }, event);
  }
});
