// Sessions on a callback of the user's, and on any SDK provider.

import { Worker } from "node:worker_threads";
import test from "ava";
import { ConfigurationError, fromCustom, RefreshableSession, refreshable } from "refresh-session";
import { CANARY, callback, held, sdkKeys, seedKeys } from "./support/custom-keys.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { failureOf, heard, until } from "./support/waiting.mjs";

const open = (t, customCredentials, options) => sessionFor(t, { method: "custom", customCredentials, ...options });
const times = (count, make) => Promise.all(Array.from({ length: count }, make));
const plain = (keys) => ({ ...keys });

/** The two shapes, each as a callback may give it. */
const shapes = {
  "the SDK's": sdkKeys,
  "the seed's": seedKeys,
};

// ------------------------------------------------------------------------------------------------------ what is taken

for (const [shape, make] of Object.entries(shapes)) {
  for (const [how, give] of [
    ["plain", (keys) => keys],
    ["as a promise", async (keys) => keys],
    // biome-ignore lint/suspicious/noThenProperty: what `await` takes for a promise is one
    ["as a thenable", (keys) => ({ then: (resolve) => resolve(keys) })],
  ]) {
    test(`${shape} shape, ${how}, is taken whole`, async (t) => {
      const given = make(1800);
      const session = open(
        t,
        callback(() => give(given)),
      );
      const keys = await session.credentials();
      t.deepEqual(plain(keys), {
        accessKeyId: given.accessKeyId ?? given.access_key,
        secretAccessKey: given.secretAccessKey ?? given.secret_key,
        sessionToken: given.sessionToken ?? given.token,
        expiration: given.expiration ?? new Date(given.expiry_time),
      });
      t.not(keys, given);
      t.deepEqual(plain(await session.refreshableCredentials()), {
        accessKey: keys.accessKeyId,
        secretKey: keys.secretAccessKey,
        token: keys.sessionToken,
        expiryTime: keys.expiration.toISOString(),
      });
    });
  }
}

test("the end may be a Date or a text, in any time zone", async (t) => {
  const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1_800_000);
  const shifted = `${new Date(end.getTime() + 5.5 * 3_600_000).toISOString().slice(0, 19)}+05:30`;
  for (const written of [end, end.toISOString(), end.toISOString().replace(".000", ""), shifted]) {
    for (const keys of [sdkKeys(1, { expiration: written }), seedKeys(1, { expiry_time: written })]) {
      const { expiration } = await open(t, () => keys).credentials();
      t.deepEqual(expiration, end);
    }
  }
});

test("the callback gets the arguments as they are, and a signal of its own for every call", async (t) => {
  const give = callback();
  const args = { user: "u", nested: [1] };
  const session = open(t, give, { customCredentialsArgs: args });
  await session.ready();
  await session.refresh({ force: true });
  t.is(give.calls.length, 2);
  for (const { args: got, signal } of give.calls) {
    t.is(got, args);
    t.true(signal instanceof AbortSignal && !signal.aborted);
  }
  t.not(give.calls[0].signal, give.calls[1].signal);
  const bare = callback();
  await open(t, bare).ready();
  t.is(bare.calls[0].args, undefined);
});

test("keys without an end are fetched once", async (t) => {
  const give = callback(() => ({ accessKeyId: "AKIALONGTERM", secretAccessKey: `${CANARY}-long` }));
  const session = open(t, give, { refresh: "eager", startupJitterSeconds: 0 });
  await session.ready();
  for (let i = 0; i < 100; i++) {
    t.deepEqual(plain(await session.credentials()), {
      accessKeyId: "AKIALONGTERM",
      secretAccessKey: `${CANARY}-long`,
    });
  }
  await session.refresh();
  t.is(give.calls.length, 1);
  t.like(session.status(), { zone: "fresh", expiresAt: undefined, refreshAt: undefined });
  t.deepEqual(plain(await session.refreshableCredentials()), {
    accessKey: "AKIALONGTERM",
    secretKey: `${CANARY}-long`,
    token: undefined,
    expiryTime: undefined,
  });
});

test("accountId is handed on to those who ask for it", async (t) => {
  const give = callback(() => sdkKeys(3600, { accountId: "123456789012" }));
  t.false("accountId" in (await open(t, give).credentials()));
  t.is((await open(t, give, { accountId: true }).credentials()).accountId, "123456789012");
  t.is(give.calls.length, 2, "one is not served what the other asked for");
  t.is((await refreshable(give, { accountId: true })()).accountId, "123456789012");
  const none = await open(t, callback(), { accountId: true }).credentials();
  t.false("accountId" in none);
  await t.throwsAsync(open(t, () => sdkKeys(9, { accountId: "12a" }), { accountId: true }).ready(), {
    code: "ERR_BAD_CREDENTIALS",
    message: /account id/,
  });
});

// --------------------------------------------------------------------------------------------- sharing and end of calls

test("a hundred reads at once are one call, and its failure is everybody's too", async (t) => {
  const give = held();
  const session = open(t, give);
  const reading = times(100, () => session.credentials());
  await until(() => give.answers.length === 1);
  const keys = sdkKeys();
  give.answers[0].resolve(keys);
  const all = await reading;
  t.deepEqual([...new Set(all.map(({ accessKeyId }) => accessKeyId))], [keys.accessKeyId]);
  t.is(new Set(all).size, 100, "each has an object of its own");
  t.is(give.calls.length, 1);

  const away = held();
  const failing = open(t, away);
  const outcomes = times(100, () => failureOf(failing.credentials()));
  await until(() => away.answers.length === 1);
  const cause = new Error("away");
  away.answers[0].reject(cause);
  for (const error of await outcomes) {
    t.is(error.code, "ERR_CALLBACK_FAILED");
    t.is(error.cause, cause);
  }
  t.is(away.calls.length, 1);
});

test("the same function with the same arguments is one source, with others it is another", async (t) => {
  const give = callback();
  const args = { role: "a" };
  const sharing = [args, args].map((customCredentialsArgs) => open(t, give, { customCredentialsArgs }));
  const [one, other] = await Promise.all(sharing.map((session) => session.credentials()));
  t.is(one.accessKeyId, other.accessKeyId);
  t.is(give.calls.length, 1);
  // Equal to look at is not the same: what a function makes of them cannot be seen.
  for (const customCredentialsArgs of [{ role: "a" }, { role: "b" }, undefined]) {
    const { accessKeyId } = await open(t, give, { customCredentialsArgs }).credentials();
    t.not(accessKeyId, one.accessKeyId);
  }
  t.is(give.calls.length, 4);
  // The first one's end is not the end of what they share.
  await sharing[0].close();
  t.is((await sharing[1].credentials()).accessKeyId, one.accessKeyId);
  await sharing[1].refresh({ force: true });
  t.is(give.calls.length, 5);
});

test("texts and numbers as arguments are nobody else's", async (t) => {
  const give = callback();
  const [one, other] = [1, 2].map(() => open(t, give, { customCredentialsArgs: "text" }));
  t.not((await one.credentials()).accessKeyId, (await other.credentials()).accessKeyId);
});

test("the same call through fromCustom and a session is one source", async (t) => {
  const give = callback();
  const provider = fromCustom(give, { timeoutMs: 4321 });
  const session = open(t, give, { timeoutMs: 4321 });
  t.is((await provider()).accessKeyId, (await session.credentials()).accessKeyId);
  t.is(give.calls.length, 1);
});

test("sessions with different settings call one function at once: each aborts its own call", async (t) => {
  const give = held();
  const hasty = open(t, give, { timeoutMs: 100 });
  const patient = open(t, give, { timeoutMs: 60_000 });
  const failing = failureOf(hasty.credentials());
  await until(() => give.calls.length === 1);
  const waiting = patient.credentials();
  await until(() => give.calls.length === 2);
  t.is((await failing).code, "ERR_TIMEOUT");
  await until(() => give.calls[0].signal.aborted);
  t.false(give.calls[1].signal.aborted);
  const keys = sdkKeys();
  give.answers[1].resolve(keys);
  t.is((await waiting).accessKeyId, keys.accessKeyId);
});

test("close aborts the call under way, and answers those who wait for it", async (t) => {
  const give = held();
  const session = open(t, give);
  const waiting = failureOf(session.credentials());
  await until(() => give.calls.length === 1);
  t.false(give.calls[0].signal.aborted);
  await session.close();
  t.is((await waiting).code, "ERR_CLOSED");
  await until(() => give.calls[0].signal.aborted);
  give.answers[0].resolve(sdkKeys());
  await t.throwsAsync(session.credentials(), { code: "ERR_CLOSED" });
});

// ---------------------------------------------------------------------------------------------------- other entrances

test("fromCustom is a provider for clients", async (t) => {
  const args = { a: 1 };
  const give = callback();
  const provider = fromCustom(give, { customCredentialsArgs: args });
  t.true(provider.memoized);
  const keys = await provider();
  t.is(give.calls[0].args, args);
  t.is((await provider()).accessKeyId, keys.accessKeyId);
  t.is(give.calls.length, 1);
  t.throws(() => fromCustom(), { name: "ValidationError", code: "ERR_INVALID_OPTION", message: /customCredentials/ });
  t.throws(() => fromCustom(give, { customCredentials: give, endpoint: "x" }), { code: "ERR_UNKNOWN_OPTION" });
});

test("refreshable renews what a provider gives, asks it past its own copy, and shares by provider", async (t) => {
  const calls = [];
  const life = [1, 3600];
  const provider = async (properties) => {
    calls.push(properties);
    return sdkKeys(life.shift() ?? 3600);
  };
  const [one, other] = [refreshable(provider), refreshable(provider, {})];
  t.true(one.memoized);
  const first = await one();
  t.is((await other()).accessKeyId, first.accessKeyId);
  t.deepEqual(calls, [{ forceRefresh: true }]);
  await until(async () => (await one()).accessKeyId !== first.accessKeyId);
  t.is(calls.length, 2);
  t.is((await refreshable(provider, { timeoutMs: 9999 })()).accessKeyId.slice(0, 4), "ASIA");
  t.is(calls.length, 3, "other settings, another engine");
});

test("refreshable checks what a provider gives, and names it", async (t) => {
  const cause = new Error(CANARY);
  const failing = await failureOf(refreshable(() => Promise.reject(cause))());
  t.like(failing, { code: "ERR_CALLBACK_FAILED", param: "provider", cause });
  t.true(failing.message.includes("`provider`") && !failing.message.includes(CANARY));
  const wrong = await failureOf(refreshable(async () => ({ accessKeyId: "ASIA", secretAccessKey: "" }))());
  t.like(wrong, { code: "ERR_BAD_CREDENTIALS", param: "provider" });
  for (const none of [undefined, null, {}, sdkKeys()]) {
    t.throws(() => refreshable(none), { name: "ValidationError", message: /`provider`/ });
  }
});

test("a session is the source of another", async (t) => {
  const give = callback();
  const session = open(t, give);
  const outer = refreshable(session.credentials);
  const keys = await outer();
  t.deepEqual(plain(keys), plain(await session.credentials()));
  t.is(give.calls.length, 1);
  await session.close();
  // What it holds, it holds.
  t.deepEqual(plain(await outer()), plain(keys));

  const closed = refreshable(session.credentials, { timeoutMs: 5000 });
  const error = await failureOf(closed());
  t.like(error, { code: "ERR_CALLBACK_FAILED", retryable: false });
  t.is(error.cause.code, "ERR_CLOSED");
});

test("deferRefresh: false is eager, and contradictions are refused", async (t) => {
  const give = callback();
  const session = open(t, give, { deferRefresh: false, startupJitterSeconds: 0 });
  await heard(session, "refresh");
  t.is(give.calls.length, 1);
  const both = { method: "custom", customCredentials: give, refresh: "deferred", deferRefresh: false };
  t.throws(() => new RefreshableSession(both), { instanceOf: ConfigurationError, code: "ERR_CONFLICTING_OPTIONS" });
});

// ------------------------------------------------------------------------------------------------------------ policies

for (const [refreshPolicy, life, window] of [
  ["aws", 7200, 3600],
  ["aws", 3600, 900],
  ["aws", 1200, 300],
  ["botocore", 7200, 900],
  ["botocore", 1800, 900],
]) {
  test(`${refreshPolicy}: keys that live for ${life} s are renewed ${window} s before their end`, async (t) => {
    const session = open(t, () => sdkKeys(life), { refreshPolicy });
    await session.ready();
    const { expiresAt, refreshAt } = session.status();
    t.true(Math.abs(expiresAt - refreshAt - window * 1000) < 2000, `${expiresAt - refreshAt}`);
  });
}

test("gateway draws the time of the renewal anew for every set of keys", async (t) => {
  const session = open(t, () => sdkKeys());
  const before = [];
  for (let i = 0; i < 20; i++) {
    await session.refresh({ force: true });
    const { expiresAt, refreshAt } = session.status();
    before.push((expiresAt - refreshAt) / 1000);
  }
  t.true(
    before.every((seconds) => seconds > 60 && seconds <= 901),
    `${before}`,
  );
  // Twenty evenly drawn ones within a tenth of the window would be one chance in a million million million.
  t.true(Math.max(...before) - Math.min(...before) > 90, `${before}`);
});

for (const [refreshPolicy, raises] of [
  ["gateway", false],
  ["botocore", false],
  ["aws", true],
]) {
  const what = raises ? "raised although" : "not raised while";
  test(`${refreshPolicy}: a refusal is ${what} the keys hold`, async (t) => {
    const give = callback(() => sdkKeys(6));
    const session = open(t, give, { refreshPolicy });
    const { accessKeyId } = await session.credentials();
    give.give = () => Promise.reject(Object.assign(new Error("no"), { retryable: false }));
    await until(() => session.status().zone === "advisory");
    const told = heard(session, "refreshError");
    const read = await session.credentials().catch((error) => error);
    await told;
    if (raises) t.is(read.code, "ERR_CALLBACK_FAILED");
    else t.is(read.accessKeyId, accessKeyId);
    const again = await session.credentials().catch((error) => error);
    t.is(again.code ?? again.accessKeyId, raises ? "ERR_CALLBACK_FAILED" : accessKeyId);
  });
}

// ------------------------------------------------------------------------------------------------------------- workers

test("a worker that is terminated while its callback is called harms nobody", async (t) => {
  const session = open(t, callback());
  await session.ready();
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(new URL("./children/pending-callback.mjs", import.meta.url));
    t.is(await heard(worker, "message"), "called");
    t.is(await worker.terminate(), 1);
    await session.refresh({ force: true });
  }
  t.is((await session.credentials()).accessKeyId.slice(0, 4), "ASIA");
});
