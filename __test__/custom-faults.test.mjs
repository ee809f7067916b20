// What a callback of the user's can do wrong: give what are no keys, lie, change them later, throw, hang, come too late.
// The error says what it was, and the keys held stay.

import test from "ava";
import { CredentialError } from "refresh-session";
import { CANARY, callback, held, sdkKeys, seedKeys } from "./support/custom-keys.mjs";
import { shownForms } from "./support/refusals.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { failureOf, listening, until } from "./support/waiting.mjs";

const open = (t, customCredentials, options) => sessionFor(t, { method: "custom", customCredentials, ...options });
const plain = (keys) => ({ ...keys });

// ---------------------------------------------------------------------------------------------------- what is refused

const past = () => new Date(Date.now() - 60_000);

/** What is given, the code, and what the message must name. */
const refused = {
  ...Object.fromEntries(
    [
      ["SDK", sdkKeys, ["accessKeyId", "secretAccessKey"]],
      ["seed", seedKeys, ["access_key", "secret_key", "token", "expiry_time"]],
    ].flatMap(([shape, make, names]) =>
      names.flatMap((name) => [
        [`${shape} without ${name}`, [() => make(9, { [name]: undefined }), "ERR_BAD_CREDENTIALS", `\`${name}\``]],
        [`${shape}, ${name} is null`, [() => make(9, { [name]: null }), "ERR_BAD_CREDENTIALS", `\`${name}\``]],
        [`${shape}, ${name} is a number`, [() => make(9, { [name]: 4711 }), "ERR_BAD_CREDENTIALS", `\`${name}\``]],
        [`${shape}, ${name} is an object`, [() => make(9, { [name]: {} }), "ERR_BAD_CREDENTIALS", `\`${name}\``]],
      ]),
    ),
  ),
  "a sessionToken of a wrong type": [() => sdkKeys(9, { sessionToken: 1 }), "ERR_BAD_CREDENTIALS", "`sessionToken`"],
  "an expiration of a wrong type": [() => sdkKeys(9, { expiration: 9e12 }), "ERR_BAD_CREDENTIALS", "`expiration`"],
  "an empty access key id": [() => sdkKeys(9, { accessKeyId: "" }), "ERR_BAD_CREDENTIALS", "access key id"],
  "an empty secret key": [() => sdkKeys(9, { secretAccessKey: "" }), "ERR_BAD_CREDENTIALS", "secret key"],
  "an empty token": [() => sdkKeys(9, { sessionToken: "" }), "ERR_BAD_CREDENTIALS", "token"],
  "an empty seed token": [() => seedKeys(9, { token: "" }), "ERR_BAD_CREDENTIALS", "token"],
  "a line end in the id": [() => sdkKeys(9, { accessKeyId: "A\r\nX: y" }), "ERR_BAD_CREDENTIALS", "access key id"],
  "a line end in the secret": [
    () => sdkKeys(9, { secretAccessKey: `${CANARY}\n` }),
    "ERR_BAD_CREDENTIALS",
    "secret key",
  ],
  "a line end in the token": [() => sdkKeys(9, { sessionToken: `${CANARY}\r\n` }), "ERR_BAD_CREDENTIALS", "token"],
  "a space in the secret": [() => sdkKeys(9, { secretAccessKey: `${CANARY} x` }), "ERR_BAD_CREDENTIALS", "secret key"],
  "another script in the token": [() => sdkKeys(9, { sessionToken: `${CANARY}é` }), "ERR_BAD_CREDENTIALS", "token"],
  "a date without a time zone": [
    () => seedKeys(9, { expiry_time: "2099-01-31T12:00:00" }),
    "ERR_BAD_CREDENTIALS",
    "expiration",
  ],
  "a day": [() => sdkKeys(9, { expiration: "2099-01-31" }), "ERR_BAD_CREDENTIALS", "expiration"],
  "an empty date": [() => seedKeys(9, { expiry_time: "" }), "ERR_BAD_CREDENTIALS", "expiration"],
  "an invalid Date": [() => sdkKeys(9, { expiration: new Date("x") }), "ERR_BAD_CREDENTIALS", "invalid Date"],
  "a seed's invalid Date": [() => seedKeys(9, { expiry_time: new Date("x") }), "ERR_BAD_CREDENTIALS", "invalid Date"],
  "a Date that is past": [() => sdkKeys(9, { expiration: past() }), "ERR_EXPIRED_REPLY", "ended at"],
  "a text that is past": [() => seedKeys(9, { expiry_time: past().toISOString() }), "ERR_EXPIRED_REPLY", "ended at"],
  undefined: [() => undefined, "ERR_BAD_CREDENTIALS", "it is undefined"],
  null: [() => null, "ERR_BAD_CREDENTIALS", "it is null"],
  "an array": [() => [sdkKeys()], "ERR_BAD_CREDENTIALS", "it is an array"],
  "a text": [() => JSON.stringify(sdkKeys()), "ERR_BAD_CREDENTIALS", "it is a string"],
  "a number": [() => 1, "ERR_BAD_CREDENTIALS", "it is a number"],
  "a function": [() => () => sdkKeys(), "ERR_BAD_CREDENTIALS", "it is a function"],
  "an empty object": [() => ({}), "ERR_BAD_CREDENTIALS", "`accessKeyId`, `secretAccessKey` missing"],
  "half of each shape": [
    () => ({ accessKeyId: "ASIA", secretAccessKey: `${CANARY}`, expiry_time: new Date() }),
    "ERR_BAD_CREDENTIALS",
    "`access_key`, `secret_key`, `token` missing",
  ],
};

for (const [label, [bad, code, named]] of Object.entries(refused)) {
  test(`${label}: refused, and the keys held stay`, async (t) => {
    for (const [param, session, give] of opened(t, bad)) {
      // Without keys it is the answer to a read; with keys, to a refresh alone.
      for (const attempt of [() => session.credentials(), () => session.refresh({ force: true })]) {
        const error = await failureOf(attempt());
        t.true(error instanceof CredentialError, shownForms(error));
        t.like(error, { name: "CredentialError", code, retryable: true, tryNextLink: false });
        t.true(error.message.includes(named), error.message);
        if (code === "ERR_BAD_CREDENTIALS") t.is(error.param, param);
        t.false(shownForms(error).includes(CANARY), shownForms(error));
        t.is(error.cause, undefined);
      }
      give.give = () => sdkKeys();
      await session.refresh({ force: true });
      const keys = await session.credentials();
      give.give = bad;
      await t.throwsAsync(session.refresh({ force: true }), { code });
      t.deepEqual(plain(await session.credentials()), plain(keys));
    }
  });
}

function opened(t, bad) {
  const give = callback(bad);
  return [["customCredentials", open(t, give), give]];
}

test("null in place of an optional field is refused, not taken for its absence", async (t) => {
  for (const name of ["sessionToken", "expiration"]) {
    const error = await failureOf(open(t, () => sdkKeys(9, { [name]: null })).ready());
    t.true(error.message.includes(`\`${name}\` is null`), error.message);
  }
});

// ------------------------------------------------------------------------------------------- sources that lie or tear

test("an object that is changed after it was given has no effect", async (t) => {
  const given = sdkKeys();
  const before = { ...given, expiration: new Date(given.expiration) };
  const session = open(t, () => given);
  await session.ready();
  given.secretAccessKey = "changed";
  given.sessionToken = "changed";
  given.expiration.setTime(0);
  t.deepEqual(plain(await session.credentials()), before);
  // And the other way round: what a reader does to its copy is its own affair.
  const mine = await session.credentials();
  mine.secretAccessKey = "changed";
  mine.expiration.setTime(0);
  t.deepEqual(plain(await session.credentials()), before);
});

test("every property is read once, getters and proxies included", async (t) => {
  const keys = sdkKeys();
  const reads = {};
  const counting = new Proxy(keys, {
    get(target, name) {
      if (typeof name === "string") reads[name] = (reads[name] ?? 0) + 1;
      return target[name];
    },
  });
  t.is((await open(t, () => counting).credentials()).accessKeyId, keys.accessKeyId);
  // `then`: whether it is a promise.
  t.deepEqual(reads, {
    // biome-ignore lint/suspicious/noThenProperty: it is what was read
    then: 1,
    accessKeyId: 1,
    secretAccessKey: 1,
    sessionToken: 1,
    expiration: 1,
  });
});

test("a source that changes between two reads of it gives one set or none, never half of each", async (t) => {
  let generation = 0;
  const changing = () => ({
    get accessKeyId() {
      return `ASIA${++generation}`;
    },
    get secretAccessKey() {
      return `${CANARY}-${generation}`;
    },
    get sessionToken() {
      return `${CANARY}-${generation}`;
    },
  });
  const session = open(t, changing);
  for (let i = 0; i < 20; i++) {
    await session.refresh({ force: true });
    const { accessKeyId, secretAccessKey, sessionToken } = await session.credentials();
    t.is(secretAccessKey, `${CANARY}-${accessKeyId.slice(4)}`);
    t.is(sessionToken, secretAccessKey);
  }
});

test("a getter that throws is a callback that failed", async (t) => {
  const cause = new Error("mine");
  const give = () => ({
    ...sdkKeys(),
    get secretAccessKey() {
      throw cause;
    },
  });
  const error = await failureOf(open(t, give).ready());
  t.is(error.code, "ERR_CALLBACK_FAILED");
  t.is(error.cause, cause);
});

// Serial: it is everybody's prototype.
test.serial("a polluted prototype adds nothing to what a callback gave", async (t) => {
  const session = open(t, () => seedKeys());
  Object.defineProperty(Object.prototype, "accountId", { value: "123456789012", configurable: true });
  try {
    await session.ready();
  } finally {
    delete Object.prototype.accountId;
  }
  t.deepEqual(Object.keys(await session.credentials()).length, 4);
});

test("the keys held, given again with an earlier end, are not believed", async (t) => {
  const give = callback(() => sdkKeys(3600, { accessKeyId: "ASIAREPEATED" }));
  const session = open(t, give);
  const { expiration } = await session.credentials();
  give.give = () => sdkKeys(60, { accessKeyId: "ASIAREPEATED" });
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_EXPIRED_REPLY", message: /earlier end/ });
  t.deepEqual((await session.credentials()).expiration, expiration);
  // A later one is an extension.
  give.give = () => sdkKeys(7200, { accessKeyId: "ASIAREPEATED" });
  await session.refresh({ force: true });
  t.true((await session.credentials()).expiration > expiration);
});

test("keys that claim to live for years are renewed within hours", async (t) => {
  const session = open(t, () => sdkKeys(10 * 365 * 86_400));
  await session.ready();
  const hours = (session.status().refreshAt - Date.now()) / 3_600_000;
  t.true(hours > 12 && hours < 13, `${hours}`);
});

// --------------------------------------------------------------------------------------------- callbacks that misbehave

for (const [how, fail] of [
  [
    "throws",
    (cause) => {
      throw cause;
    },
  ],
  ["rejects", (cause) => Promise.reject(cause)],
]) {
  test(`a callback that ${how}: ERR_CALLBACK_FAILED with the cause, and nothing of its text`, async (t) => {
    for (const [cause, kind] of [
      [Object.assign(new TypeError(`${CANARY} in it`), { code: "ENOENT" }), "TypeError ENOENT"],
      [Object.assign(new Error(CANARY), { name: `${CANARY}: x`, code: `${CANARY}!` }), undefined],
      [CANARY, undefined],
      [{ secret: CANARY }, undefined],
      [null, undefined],
      [42, undefined],
    ]) {
      const session = open(
        t,
        callback(() => fail(cause)),
      );
      const error = await failureOf(session.credentials());
      t.true(error instanceof CredentialError);
      t.like(error, { code: "ERR_CALLBACK_FAILED", param: "customCredentials", retryable: true, tryNextLink: false });
      t.is(error.cause, cause ?? undefined);
      t.false(error.message.includes(CANARY), error.message);
      t.false(error.stack.split("\n    at ")[0].includes(CANARY));
      if (kind !== undefined) t.true(error.message.includes(kind), error.message);
    }
  });
}

test("a callback that says that trying again will not help is believed", async (t) => {
  const cause = Object.assign(new Error("no"), { retryable: false });
  const error = await failureOf(open(t, () => Promise.reject(cause)).ready());
  t.like(error, { code: "ERR_CALLBACK_FAILED", retryable: false });
});

test("a callback that never settles: ERR_TIMEOUT, and its signal is aborted", async (t) => {
  const give = held();
  const session = open(t, give, { timeoutMs: 150 });
  const error = await failureOf(session.credentials());
  t.like(error, { name: "ConnectionError", code: "ERR_TIMEOUT", param: "customCredentials", retryable: true });
  t.true(error.message.includes("150 ms"), error.message);
  await until(() => give.calls[0].signal.aborted);
  t.is(give.calls[0].signal.reason.name, "TimeoutError");
});

for (const [outcome, settle] of [
  ["keys", (answer) => answer.resolve(sdkKeys())],
  ["a failure", (answer) => answer.reject(new Error("late"))],
]) {
  test(`${outcome} that come too late are ignored`, async (t) => {
    const give = held();
    const session = open(t, give, { timeoutMs: 150 });
    const told = listening(session);
    await t.throwsAsync(session.credentials(), { code: "ERR_TIMEOUT" });
    settle(give.answers[0]);
    // The next call is answered after it.
    const next = session.refresh({ force: true });
    await until(() => give.answers.length === 2);
    t.is(session.status().zone, "empty");
    const keys = sdkKeys();
    give.answers[1].resolve(keys);
    await next;
    t.is((await session.credentials()).accessKeyId, keys.accessKeyId);
    await until(() => told.refresh.length === 1);
    t.is(told.refreshError.length, 1);
    t.like(session.status(), { fetches: 2, failures: 1 });
  });
}
