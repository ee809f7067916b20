// The PIN: ways to give it, and that a wrong one can neither lock the token nor open it. Each test has a process of
// its own, because logins and refused PINs are the process's.

import { join } from "node:path";
import test from "ava";
import { Sessions, spyOn } from "./children/run.mjs";
import { unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const SHORT_MS = 400;
const SLACK_MS = 1000;

let tb;
let pin;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
  pin = tb.tokens.tokens.gw.pin;
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

let processes = 0;

/** A process with the spy between it and the token; `open` gives a session on it, which shares its engine if told. */
function begin(t, env = {}) {
  const spy = spyOn(tb.tokens.module, join(tb.dir, `spy-${++processes}.log`));
  const child = new Sessions({ env: { ...spy.env, ...env } });
  t.teardown(() => child.end());
  const open = async (name, pkcs11 = {}, { callback, thread, shared = false, key = "ec256", ...options } = {}) => {
    const given = tb.hsm(key, options, { library: spy.library, userPin: undefined, ...pkcs11 });
    const { error } = await child.call("open", {
      name,
      thread,
      options: shared ? given : unshared(given),
      pin: callback,
    });
    t.is(error, undefined);
    return {
      credentials: () => child.call("credentials", { name, thread }),
      refresh: () => child.call("refresh", { name, thread }),
      close: () => child.call("close", { name, thread }),
      asked: async () => (await child.call("asked", { name, thread })).value,
    };
  };
  return { spy, open };
}

for (const [title, userPin, callback] of [
  ["a string", () => pin],
  ["bytes, which the caller may wipe afterwards", () => new TextEncoder().encode(pin)],
  ["a function", () => undefined, "sync"],
  ["an async function", () => undefined, "async"],
  ["an async function of bytes", () => undefined, "async bytes"],
  ["a function that takes its time", () => undefined, "slow"],
]) {
  test.serial(`the PIN as ${title}`, async (t) => {
    const { spy, open } = begin(t);
    const session = await open("a", { userPin: userPin() }, { callback: callback && { kind: callback, value: pin } });
    t.is(spy.count("C_Initialize"), 0, "nothing is asked of the token before it is needed");
    if (callback !== undefined) t.is(await session.asked(), 0, "nor of the callback");

    t.regex((await session.credentials()).value, /^ASIA/);
    await tb.control("POST", "/connections/drop");
    t.is((await session.refresh()).error, undefined);
    t.is(spy.count("C_Login"), 1);
    if (callback !== undefined) t.is(await session.asked(), 1, "the login lasts");
  });
}

test.serial("the PIN as an environment variable", async (t) => {
  const { spy, open } = begin(t, { GW_PIN: pin });
  const session = await open("a", { userPinEnv: "GW_PIN" });
  t.regex((await session.credentials()).value, /^ASIA/);
  t.is(spy.count("C_Login"), 1);
});

test.serial(
  "an environment variable that is not set: ERR_PKCS11_PIN_REQUIRED names it, and nothing is sent",
  async (t) => {
    const { spy, open } = begin(t);
    const session = await open("a", { userPinEnv: "GW_PIN_THAT_IS_NOT_SET" });
    const { error } = await session.credentials();
    t.like(error, {
      name: "Pkcs11Error",
      code: "ERR_PKCS11_PIN_REQUIRED",
      retryable: false,
      param: "pkcs11.userPinEnv",
      cause: undefined,
    });
    t.regex(error.message, /environment variable `GW_PIN_THAT_IS_NOT_SET` is not set/);
    t.notRegex(error.message, /callback/);
    t.truthy(error.hint);
    t.is(spy.count("C_Login"), 0);
  },
);

test.serial("an environment variable that is set to nothing is an empty PIN", async (t) => {
  const { spy, open } = begin(t, { GW_PIN: "" });
  const session = await open("a", { userPinEnv: "GW_PIN" });
  t.is((await session.credentials()).error.code, "ERR_PKCS11_PIN_INCORRECT");
  t.is(spy.count("C_Login"), 1);
});

test.serial("a PIN with a NUL in it is not cut there", async (t) => {
  const { spy, open } = begin(t);
  for (const userPin of [`${pin}\0`, `${pin}\0tail`, new TextEncoder().encode(`${pin}\0`)]) {
    const session = await open("a", { userPin });
    t.regex((await session.credentials()).error.code, /^ERR_PKCS11_PIN_(INCORRECT|NOT_RETRIED)$/);
    await session.close();
  }
  t.is(spy.count("C_Login"), 2, "text and bytes are the same PIN");
});

for (const [callback, cause, causeIsThrown] of [
  ["throws", { message: "thrown by the callback" }, true],
  ["rejects", { message: "thrown by the callback" }, true],
  ["throws text", "a text", false],
  ["number", { name: "ValidationError", code: "ERR_INVALID_OPTION" }, false],
]) {
  test.serial(
    `a callback that ${callback}: ERR_PKCS11_PIN_CALLBACK with the cause, and it is asked again`,
    async (t) => {
      const { spy, open } = begin(t);
      const session = await open("a", {}, { callback: { kind: callback, value: "8361" } });
      for (let round = 1; round <= 2; round++) {
        const { error } = await session.credentials();
        t.like(error, {
          name: "Pkcs11Error",
          code: "ERR_PKCS11_PIN_CALLBACK",
          retryable: true,
          param: "pkcs11.userPin",
          causeIsThrown,
        });
        if (typeof cause === "string") t.is(error.cause, cause);
        else t.like(error.cause, cause);
        t.true(error.message.endsWith(error.hint));
        t.false(error.message.includes("thrown"), "what it threw may hold the PIN: only the cause has it");
        t.is(await session.asked(), round);
      }
      t.is(spy.count("C_Login"), 0);
    },
  );
}

test.serial("a callback that fails once: the next fetch asks again and works", async (t) => {
  const { spy, open } = begin(t);
  const session = await open("a", {}, { callback: { kind: "throws once", value: pin } });
  t.is((await session.credentials()).error.code, "ERR_PKCS11_PIN_CALLBACK");
  t.regex((await session.credentials()).value, /^ASIA/);
  t.is(await session.asked(), 2);
  t.is(spy.count("C_Login"), 1);
});

test.serial("all who wait for one callback get its failure as the cause", async (t) => {
  const { open } = begin(t);
  // It waits before it fails, so that the others have joined.
  const session = await open("a", {}, { callback: { kind: "rejects slowly" } });
  const outcomes = await Promise.all([1, 2, 3].map(() => session.credentials()));
  t.is(await session.asked(), 1);
  t.deepEqual(
    outcomes.map(({ error }) => [error.code, error.causeIsThrown]),
    Array(3).fill(["ERR_PKCS11_PIN_CALLBACK", true]),
  );
});

test.serial("a callback that never settles: ERR_PKCS11_PIN_CALLBACK within timeoutMs", async (t) => {
  const { spy, open } = begin(t);
  const session = await open("a", {}, { callback: { kind: "never" }, timeoutMs: SHORT_MS });
  for (let round = 1; round <= 2; round++) {
    const started = performance.now();
    const { error } = await session.credentials();
    const took = performance.now() - started;
    t.like(error, { code: "ERR_PKCS11_PIN_CALLBACK", retryable: true, param: "pkcs11.userPin", cause: undefined });
    t.regex(error.message, new RegExp(`within ${SHORT_MS} ms`));
    t.truthy(error.hint);
    t.true(took < SHORT_MS + SLACK_MS, `took ${took} ms`);
  }
  t.is(spy.count("C_Login"), 0);
});

test.serial("a callback with a wrong PIN is refused once; with another answer it would be asked again", async (t) => {
  const { spy, open } = begin(t);
  const wrong = await open("wrong", {}, { callback: { kind: "async", value: "9999" } });
  t.is((await wrong.credentials()).error.code, "ERR_PKCS11_PIN_INCORRECT");
  t.is((await wrong.credentials()).error.code, "ERR_PKCS11_PIN_NOT_RETRIED");
  t.is(await wrong.asked(), 2);
  t.is(spy.count("C_Login"), 1);
});

test.serial("no PIN: ERR_PKCS11_PIN_REQUIRED, and no login is tried", async (t) => {
  const { spy, open } = begin(t);
  const session = await open("a");
  const { error } = await session.credentials();
  t.like(error, {
    name: "Pkcs11Error",
    code: "ERR_PKCS11_PIN_REQUIRED",
    retryable: false,
    param: "pkcs11.userPin",
  });
  t.is(spy.count("C_Login"), 0);
});

for (const [title, userPin] of [
  ["text", ""],
  ["bytes", new Uint8Array(0)],
]) {
  test.serial(`an empty PIN, as ${title}, is a PIN: it is sent, once, and refused`, async (t) => {
    const { spy, open } = begin(t);
    const session = await open("a", { userPin });
    t.is((await session.credentials()).error.code, "ERR_PKCS11_PIN_INCORRECT");
    t.is((await session.credentials()).error.code, "ERR_PKCS11_PIN_NOT_RETRIED");
    t.is(spy.count("C_Login"), 1);
  });
}

test.serial("a wrong PIN is sent once, whoever tries how often: 10 attempts, 2 workers", async (t) => {
  const { spy, open } = begin(t);
  const userPin = "wrong-pin-0000";
  const first = await open("first", { userPin });
  const { error } = await first.credentials();
  t.like(error, {
    name: "Pkcs11Error",
    code: "ERR_PKCS11_PIN_INCORRECT",
    retryable: false,
    param: "pkcs11.userPin",
  });
  t.regex(error.message, /CKR_PIN_INCORRECT/);
  t.regex(error.hint, /not sent again/);
  t.false(error.message.includes(userPin));

  const codes = [];
  // By force, since a read would soon be answered with the last error.
  for (let n = 0; n < 3; n++) codes.push((await first.refresh()).error?.code);
  for (const thread of [undefined, "one", "two"]) {
    // Another key is behind the same PIN.
    const session = await open(`again-${thread}`, { userPin }, { thread, key: thread === "two" ? "rsa2048" : "ec256" });
    for (let n = 0; n < 2; n++) codes.push((await session.credentials()).error?.code);
  }
  t.deepEqual(codes, Array(9).fill("ERR_PKCS11_PIN_NOT_RETRIED"));
  t.is(spy.count("C_Login"), 1);
});

test.serial("ten sessions with a wrong PIN at the same moment: it is still sent once", async (t) => {
  const { spy, open } = begin(t);
  const sessions = [];
  for (let n = 0; n < 10; n++)
    sessions.push(await open(`s${n}`, { userPin: "9999" }, { thread: n % 2 ? "one" : undefined }));
  const codes = (await Promise.all(sessions.map((session) => session.credentials()))).map(({ error }) => error?.code);
  t.deepEqual(codes.sort(), ["ERR_PKCS11_PIN_INCORRECT", ...Array(9).fill("ERR_PKCS11_PIN_NOT_RETRIED")]);
  t.is(spy.count("C_Login"), 1);
});

test.serial(
  "ten sessions with one wrong PIN on one source, in two threads: one attempt, whose error all get",
  async (t) => {
    const { spy, open } = begin(t);
    const sessions = [];
    for (let n = 0; n < 10; n++)
      sessions.push(await open(`s${n}`, { userPin: "9999" }, { thread: n % 2 ? "one" : undefined, shared: true }));
    const codes = (await Promise.all(sessions.map((session) => session.credentials()))).map(({ error }) => error?.code);
    for (const code of codes) t.regex(code, /^ERR_PKCS11_PIN_(INCORRECT|NOT_RETRIED)$/);
    t.is(spy.count("C_Login"), 1);

    // Whoever brings another PIN is another source, whatever the first one was told.
    const right = await open("right", { userPin: pin }, { shared: true });
    t.regex((await right.credentials()).value, /^ASIA/);
  },
);

test.serial("keys that another session holds are for nobody with another PIN, or none", async (t) => {
  const { open } = begin(t);
  const good = await open("good", { userPin: pin }, { shared: true });
  const { value } = await good.credentials();
  for (const thread of [undefined, "one"]) {
    const same = await open(`same-${thread}`, { userPin: pin }, { thread, shared: true });
    t.is((await same.credentials()).value, value, "the same source: its keys are shared");
    for (const [userPin, code] of [
      ["9999", "ERR_PKCS11_PIN_MISMATCH"],
      [`${pin} `, "ERR_PKCS11_PIN_MISMATCH"],
      ["", "ERR_PKCS11_PIN_MISMATCH"],
      [undefined, "ERR_PKCS11_PIN_REQUIRED"],
    ]) {
      const other = await open(`other-${thread}-${userPin}`, { userPin }, { thread, shared: true });
      t.is((await other.credentials()).error?.code, code);
    }
    const asking = { callback: { kind: "async", value: "9999" }, thread, shared: true };
    t.is((await (await open(`asking-${thread}`, {}, asking)).credentials()).error?.code, "ERR_PKCS11_PIN_MISMATCH");
  }
});

test.serial("after a wrong PIN the right one gets its try, and the wrong one stays refused", async (t) => {
  const { spy, open } = begin(t);
  const wrong = await open("wrong", { userPin: "9999" });
  t.is((await wrong.credentials()).error.code, "ERR_PKCS11_PIN_INCORRECT");
  const right = await open("right", { userPin: pin });
  t.regex((await right.credentials()).value, /^ASIA/);
  t.is((await wrong.credentials()).error.code, "ERR_PKCS11_PIN_NOT_RETRIED");
  t.is(spy.count("C_Login"), 2);
});

// PKCS#11 itself would let all of these sign: a login is the whole process's.
for (const [title, thread] of [
  ["in the same thread", undefined],
  ["in a worker", "worker"],
]) {
  for (const [what, userPin, code] of [
    ["another PIN", "9999", "ERR_PKCS11_PIN_MISMATCH"],
    ["an empty PIN", "", "ERR_PKCS11_PIN_MISMATCH"],
    ["no PIN", undefined, "ERR_PKCS11_PIN_REQUIRED"],
  ]) {
    test.serial(`while the token is logged in, ${what} ${title}: ${code}, and the good session goes on`, async (t) => {
      const { spy, open } = begin(t);
      const good = await open("good", { userPin: pin });
      t.regex((await good.credentials()).value, /^ASIA/);
      const requests = (await tb.log("request")).length;

      // The same key and endpoint in every respect, and another key of the token.
      for (const key of ["ec256", "rsa2048"]) {
        const bad = await open(`bad-${key}`, { userPin }, { thread, key });
        for (const attempt of [bad.credentials, bad.refresh, bad.credentials]) {
          const { value, error } = await attempt();
          t.is(value, undefined);
          t.like(error, { name: "Pkcs11Error", code, retryable: false, param: "pkcs11.userPin" });
        }
        await bad.close();
      }
      t.is((await tb.log("request")).length, requests, "it got nowhere near the endpoint");

      await tb.control("POST", "/connections/drop");
      t.is((await good.refresh()).error, undefined);
      t.regex((await good.credentials()).value, /^ASIA/);
      t.is(spy.count("C_Login"), 1, "the wrong one was never sent");
      t.is(spy.count("C_Logout"), 0);
    });
  }
}

test.serial("the right PIN in a worker shares the login of the main thread", async (t) => {
  const { spy, open } = begin(t);
  for (const thread of [undefined, "one", "two"]) {
    const session = await open("a", { userPin: pin }, { thread });
    t.regex((await session.credentials()).value, /^ASIA/);
  }
  t.is(spy.count("C_Login"), 1);
  t.is(spy.count("C_Initialize"), 1);
});

test.serial("a closed session gives nothing back of the PIN: the next one must bring its own", async (t) => {
  const { open } = begin(t);
  const good = await open("good", { userPin: pin });
  await good.credentials();
  await good.close();
  t.is((await (await open("none")).credentials()).error.code, "ERR_PKCS11_PIN_REQUIRED");
  t.is((await (await open("wrong", { userPin: "9999" })).credentials()).error.code, "ERR_PKCS11_PIN_MISMATCH");
  t.regex((await (await open("right", { userPin: pin })).credentials()).value, /^ASIA/);
});
