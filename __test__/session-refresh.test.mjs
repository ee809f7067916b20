// When a session fetches, and how it is told to.
//
// The serial tests change the endpoint; the others have a role alias or a callback of their own.

import { S3Client } from "@aws-sdk/client-s3";
import test from "ava";
import { RequestError, ValidationError } from "refresh-session";
import { callback, held, sdkKeys } from "./support/custom-keys.mjs";
import { sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, listening, until } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());

const pem = (overrides) => unshared(bed.pem("ec256", overrides));
const custom = (customCredentials, options) => ({ method: "custom", customCredentials, ...options });

/** Options with an alias of this life that no other test asks for. */
async function alias(name, durationSeconds) {
  await bed.control("PUT", `/aliases/${name}`, { durationSeconds });
  return { roleAlias: name };
}
const fetchesOf = async (name) =>
  (await bed.log("request")).filter(({ path }) => path === `/role-aliases/${name}/credentials`);

// ------------------------------------------------------------------------------------------------ failures and pauses

test.serial("a forced refresh within a pause the source asked for rejects without contact", async (t) => {
  await bed.reset();
  const session = sessionFor(t, pem());
  const { accessKeyId } = await session.credentials();
  await bed.fault("status", { code: 429, retryAfter: 30 });
  await t.throwsAsync(session.refresh({ force: true }), { instanceOf: RequestError, code: "ERR_THROTTLED" });
  await bed.control("DELETE", "/faults");
  for (let i = 0; i < 3; i++) {
    await t.throwsAsync(session.refresh({ force: true }), { instanceOf: RequestError, code: "ERR_THROTTLED" });
  }
  // Nor do reads, even though the keys are to be replaced: they hold.
  t.true(session.invalidate(accessKeyId));
  t.is((await session.credentials()).accessKeyId, accessKeyId);
  t.is((await bed.log("request")).length, 2);
  const { refreshAt, failures, fetches } = session.status();
  t.deepEqual({ failures, fetches }, { failures: 1, fetches: 2 });
  const pause = refreshAt - Date.now();
  t.true(pause > 20_000 && pause <= 30_000, `${pause}`);
});

test.serial("a forced refresh does not heed a pause that only we made", async (t) => {
  await bed.reset();
  const session = sessionFor(t, pem());
  const { accessKeyId } = await session.credentials();
  await bed.fault("status", { code: 503 });
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_SERVICE_UNAVAILABLE" });
  await bed.control("DELETE", "/faults");
  await session.refresh({ force: true });
  t.not((await session.credentials()).accessKeyId, accessKeyId);
  t.is((await bed.log("request")).length, 3);
});

test.serial("without keys, Retry-After holds up reads too: the same error, no contact", async (t) => {
  await bed.reset();
  await bed.fault("status", { code: 503, retryAfter: 60 });
  const session = sessionFor(t, pem());
  for (let i = 0; i < 5; i++) {
    await t.throwsAsync(session.credentials(), { code: "ERR_SERVICE_UNAVAILABLE" });
    await t.throwsAsync(session.ready(), { code: "ERR_SERVICE_UNAVAILABLE" });
    await t.throwsAsync(session.refresh(), { code: "ERR_SERVICE_UNAVAILABLE" });
  }
  t.is((await bed.log("request")).length, 1);
  // The tests that are not serial come next.
  await bed.reset();
});

// ------------------------------------------------------------------------------------------------- deferred and eager

test("eager: fetched without a read, renewed again and again before the end while nobody reads", async (t) => {
  const options = await alias("eager-role", 4);
  const session = sessionFor(t, pem({ ...options, refresh: "eager", startupJitterSeconds: 0 }));
  const told = listening(session);
  let last = await heard(session, "refresh");
  for (let renewal = 1; renewal <= 2; renewal++) {
    const next = await heard(session, "refresh");
    t.not(next.accessKeyId, last.accessKeyId);
    t.true(Date.now() < last.expiration, `renewal ${renewal} came when the keys were over`);
    last = next;
  }
  t.deepEqual(told.expired, []);
  t.deepEqual(told.refreshError, []);
  t.is(told.refresh.length, 3);
  t.is((await fetchesOf("eager-role")).length, 3);
  // What was fetched is what a reader gets, without another fetch.
  t.is((await session.credentials()).accessKeyId, last.accessKeyId);
  t.is((await fetchesOf("eager-role")).length, 3);
});

test("deferred: nothing without a read, then one fetch, then the end is told and nothing is fetched", async (t) => {
  const options = await alias("deferred-role", 3);
  const session = sessionFor(t, pem(options));
  const told = listening(session);
  // Another session's first renewals are the measure of a while.
  const { expired } = await measured(t, "deferred");
  t.deepEqual(expired, []);
  t.deepEqual(await fetchesOf("deferred-role"), []);
  t.is(session.status().zone, "empty");

  const keys = await session.credentials();
  const over = await heard(session, "expired");
  t.deepEqual(over, { accessKeyId: keys.accessKeyId, expiration: keys.expiration });
  t.is(session.status().zone, "expired");
  t.is((await fetchesOf("deferred-role")).length, 1);
  t.is(told.expired.length, 1);
  t.not((await session.credentials()).accessKeyId, keys.accessKeyId);
  t.is((await fetchesOf("deferred-role")).length, 2);
});

test("a deferred session's keys that nobody reads near their end are not renewed; one that reads them is", async (t) => {
  const give = callback(() => sdkKeys(1));
  const idle = sessionFor(t, custom(give));
  await idle.ready();
  await heard(idle, "expired");
  t.is(give.calls.length, 1);

  const busy = sessionFor(t, custom(callback(() => sdkKeys(1))));
  const told = listening(busy);
  await busy.ready();
  await until(async () => (await busy.credentials()) && told.refresh.length === 4);
  t.deepEqual(told.expired, []);
});

for (const alike of [{ refresh: "eager" }, { deferRefresh: false }]) {
  test(`${JSON.stringify(alike)} fetches by itself at once when there is no startup jitter`, async (t) => {
    const give = callback();
    const session = sessionFor(t, custom(give, { ...alike, startupJitterSeconds: 0 }));
    const { accessKeyId } = await heard(session, "refresh", 4000);
    t.is((await session.credentials()).accessKeyId, accessKeyId);
    t.is(give.calls.length, 1);
  });
}

test("a startup jitter that was asked for holds up readers; the default one of eager mode does not", async (t) => {
  const firstKeys = async (options) => {
    const session = sessionFor(t, custom(callback(), options));
    const begin = performance.now();
    await session.credentials();
    return performance.now() - begin;
  };
  const twelve = (options) => Promise.all(Array.from({ length: 12 }, () => firstKeys(options)));
  // Drawn evenly from 0 to 600 ms: that all twelve are below 100 is one chance in two thousand million.
  t.true(Math.max(...(await twelve({ startupJitterSeconds: 0.6 }))) >= 100);
  t.true(Math.max(...(await twelve({ refresh: "eager", startupJitterSeconds: 0.6 }))) >= 100);
  // Drawn from 0 to 5 s if it held: that the median of twelve is below 500 ms then is as good as impossible.
  const free = (await twelve({ refresh: "eager" })).toSorted((a, b) => a - b);
  t.true(free[5] < 500, `${free}`);
});

test("a forced refresh does not wait for the startup jitter, and readers get its keys", async (t) => {
  const give = callback();
  const session = sessionFor(t, custom(give, { startupJitterSeconds: 86_400 }));
  const reading = session.credentials();
  await session.refresh({ force: true });
  t.is((await reading).accessKeyId, (await session.credentials()).accessKeyId);
  t.is(give.calls.length, 1);
});

// ---------------------------------------------------------------------------------- ready, refresh, invalidate, signal

test("ready() resolves when there are keys, and rejects with why there are none", async (t) => {
  const give = held();
  const session = sessionFor(t, custom(give));
  let ready = false;
  const waiting = session.ready().then(() => {
    ready = true;
  });
  await until(() => give.answers.length === 1);
  t.false(ready);
  give.answers[0].resolve(sdkKeys());
  t.is(await waiting, undefined);
  t.is(session.status().zone, "fresh");

  const refused = sessionFor(t, pem({ roleAlias: "denied-role" }));
  await t.throwsAsync(refused.ready(), { instanceOf: RequestError, code: "ERR_ACCESS_DENIED" });
});

test("refresh() fetches where there is need, refresh({ force }) in any case", async (t) => {
  const give = callback();
  const session = sessionFor(t, custom(give));
  t.is(await session.refresh(), undefined);
  const first = await session.credentials();
  await session.refresh();
  await session.refresh({ force: false });
  t.is(give.calls.length, 1);
  await session.refresh({ force: true });
  t.is(give.calls.length, 2);
  t.not((await session.credentials()).accessKeyId, first.accessKeyId);
});

test("a forced refresh that is under way is the one that others get", async (t) => {
  const give = held();
  const session = sessionFor(t, custom(give));
  const forced = [session.refresh({ force: true }), session.refresh({ force: true }), session.refresh()];
  await until(() => give.answers.length === 1);
  give.answers[0].resolve(sdkKeys());
  await Promise.all(forced);
  t.is(give.calls.length, 1);
});

test("invalidate: keys that were refused are replaced by the next read, others are none of its business", async (t) => {
  const give = callback();
  const session = sessionFor(t, custom(give));
  t.false(session.invalidate("ASIANOTHELDYET"));
  const first = await session.credentials();
  t.false(session.invalidate("ASIASOMEBODYELSES"));
  t.false(session.invalidate(""));
  t.is((await session.credentials()).accessKeyId, first.accessKeyId);
  t.is(session.status().zone, "fresh");

  t.true(session.invalidate(first.accessKeyId));
  t.is(session.status().zone, "mandatory");
  const second = await session.credentials();
  t.not(second.accessKeyId, first.accessKeyId);
  t.is(session.status().zone, "fresh");
  t.false(session.invalidate(first.accessKeyId), "a late word about keys that are gone");
  t.is((await session.credentials()).accessKeyId, second.accessKeyId);
  t.is(give.calls.length, 2);
  for (const wrong of [undefined, null, 1, {}]) {
    t.throws(() => session.invalidate(wrong), { instanceOf: ValidationError, code: "ERR_INVALID_OPTION" });
  }
});

test("invalidated keys are served on as long as there are no others", async (t) => {
  const give = callback();
  const session = sessionFor(t, custom(give));
  const first = await session.credentials();
  give.give = () => Promise.reject(new Error("away"));
  session.invalidate(first.accessKeyId);
  t.is((await session.credentials()).accessKeyId, first.accessKeyId);
  t.is(give.calls.length, 2);
  give.give = () => sdkKeys();
  await session.refresh({ force: true });
  t.not((await session.credentials()).accessKeyId, first.accessKeyId);
});

test("an aborted refresh rejects with the signal's reason; the fetch goes on, for the next one", async (t) => {
  const give = held();
  const session = sessionFor(t, custom(give));
  const reason = new Error("mine");
  t.is(await failureOf(session.refresh({ force: true, signal: AbortSignal.abort(reason) })), reason);
  t.is(give.calls.length, 0);

  const controller = new AbortController();
  const aborted = session.refresh({ force: true, signal: controller.signal });
  const other = session.refresh();
  await until(() => give.answers.length === 1);
  controller.abort(reason);
  t.is(await failureOf(aborted), reason);
  t.false(give.calls[0].signal.aborted);
  const keys = sdkKeys();
  give.answers[0].resolve(keys);
  await other;
  t.is((await session.credentials()).accessKeyId, keys.accessKeyId);
  t.is(give.calls.length, 1);
  // A signal that comes too late is nobody's.
  const late = new AbortController();
  await session.refresh({ signal: late.signal });
  late.abort(reason);
  t.is((await session.credentials()).accessKeyId, keys.accessKeyId);

  for (const [options, param] of [
    [{ signal: {} }, "signal"],
    [{ force: 1 }, "force"],
    [{ forced: true }, "forced"],
  ]) {
    await t.throwsAsync(session.refresh(options), { instanceOf: ValidationError, message: new RegExp(`\`${param}\``) });
  }
});

// -------------------------------------------------------------------------------------------------------------- close

test("close is told once, and afterwards there is only ERR_CLOSED", async (t) => {
  const give = callback();
  const session = sessionFor(t, custom(give));
  const told = listening(session);
  const { accessKeyId } = await session.credentials();
  const provider = session.credentials;
  await Promise.all([session.close(), session.close(), session[Symbol.asyncDispose]()]);
  await session.close();
  t.is(told.close.length, 1);
  for (const call of [
    provider,
    () => session.credentials(),
    () => session.refreshableCredentials(),
    () => session.ready(),
    () => session.refresh(),
    () => session.refresh({ force: true }),
    async () => session.client(S3Client, { region: "eu-west-1" }),
  ]) {
    await t.throwsAsync(call(), { name: "ClosedError", code: "ERR_CLOSED" }, `${call}`);
  }
  t.false(session.invalidate(accessKeyId));
  t.like(session.status(), { zone: "closed", expiresAt: undefined, refreshAt: undefined, lastError: undefined });
  t.is(give.calls.length, 1);
});

test("a closed session no longer renews its keys", async (t) => {
  const eager = { refresh: "eager", startupJitterSeconds: 0 };
  const give = callback(() => sdkKeys(1));
  const session = sessionFor(t, custom(give, eager));
  const told = listening(session);
  await heard(session, "refresh");
  await session.close();
  const calls = give.calls.length;
  // Keys of the same life, taken later, are renewed twice: time enough for the closed one.
  await measured(t, "closed", 1);
  t.is(give.calls.length, calls);
  t.deepEqual(told.expired, []);
});

/** An eager session that renews its keys twice: what has happened meanwhile has had its time. */
async function measured(t, name, life = 1.5) {
  const give = callback(() => sdkKeys(life));
  const args = { name };
  const session = sessionFor(
    t,
    custom(give, { refresh: "eager", startupJitterSeconds: 0, customCredentialsArgs: args }),
  );
  const told = listening(session);
  while (told.refresh.length < 3) await heard(session, "refresh");
  return told;
}
