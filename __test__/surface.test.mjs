// The public face, against the local AWS: names, the provider's contract, single flight, refresh.
//
// Serial: the endpoint's faults and its log are common to all.

import { EventEmitter } from "node:events";
import { inspect } from "node:util";
import test from "ava";
import * as surface from "refresh-session";
import { fromIot, RefreshableSession, RefreshError } from "refresh-session";
import { whilePolluted } from "./support/refusals.mjs";
import { awaited, callerIdentity, sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const exported = { ...surface };

/** What a callback may give. */
const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "canarySECRET-of-this-test" };

const requests = async () => (await bed.log("request")).length;

// ---------------------------------------------------------------------------------------------------------- exports

test.serial("the package exports these names and no others", (t) => {
  t.deepEqual(Object.keys(exported).sort(), [
    "ClosedError",
    "ConfigurationError",
    "ConnectionError",
    "CredentialError",
    "Job",
    "Jobs",
    "MqttConnection",
    "MqttError",
    "Pkcs11Error",
    "RefreshError",
    "RefreshableSession",
    "RequestError",
    "Shadow",
    "ValidationError",
    "client",
    "fromAssumeRole",
    "fromContainer",
    "fromCustom",
    "fromIot",
    "fromWebIdentity",
    "getDefaultSession",
    "refreshable",
    "setDefaultSession",
  ]);
});

test.serial("every error class is a RefreshError with its own name", (t) => {
  for (const [name, errorClass] of Object.entries(exported)) {
    if (!name.endsWith("Error")) continue;
    const init = { code: "ERR_X", message: "what was found", hint: "Do this.", param: "ca", cause: new Error("below") };
    const error = new errorClass(init);
    t.true(error instanceof RefreshError && error instanceof Error, name);
    t.is(error.name, name);
    t.is(errorClass.name, name);
    t.is(error.message, "what was found. Do this.");
    t.like(error, { code: "ERR_X", hint: "Do this.", param: "ca", retryable: false, tryNextLink: false });
    t.is(error.cause, init.cause);
    t.true(error.stack.startsWith(`${name}: what was found. Do this.`), error.stack);
    t.deepEqual(Object.keys(new errorClass({ code: "ERR_X", message: "m" })).sort(), [
      "code",
      "retryable",
      "tryNextLink",
    ]);
  }
});

test.serial("availableMethods names the methods of this build and cannot be changed", (t) => {
  const methods = RefreshableSession.availableMethods();
  t.deepEqual(methods, ["sts", "iot", "container", "webIdentity", "custom"]);
  t.true(Object.isFrozen(methods));
  t.throws(() => methods.push("sts"), { instanceOf: TypeError });
  t.deepEqual(RefreshableSession.availableMethods(), ["sts", "iot", "container", "webIdentity", "custom"]);
});

test.serial("a session tells its method", (t) => {
  t.is(sessionFor(t, bed.pem()).method, "iot");
  t.is(sessionFor(t, { method: "custom", customCredentials: () => keys }).method, "custom");
});

test.serial("a session has these members and no others", (t) => {
  const { prototype } = RefreshableSession;
  const symbols = [Symbol.asyncDispose, inspect.custom];
  t.deepEqual(new Set(Object.getOwnPropertySymbols(prototype)), new Set(symbols));
  t.deepEqual(Object.getOwnPropertyNames(prototype).sort(), [
    "cache",
    "client",
    "close",
    "constructor",
    "credentials",
    "getCallerIdentity",
    "invalidate",
    "method",
    "mqtt",
    "ready",
    "refresh",
    "refreshableCredentials",
    "sourceIdentity",
    "status",
    "toJSON",
    "whoami",
  ]);
  const session = sessionFor(t, bed.pem());
  t.true(session instanceof EventEmitter);
  for (const name of ["cache", "credentials", "method"]) {
    t.throws(() => Object.assign(session, { [name]: undefined }), { instanceOf: TypeError }, name);
  }
});

// --------------------------------------------------------------------------------------------------------- provider

const providers = {
  "session.credentials": (t, options = bed.pem()) => sessionFor(t, options).credentials,
  fromIot: (_t, { method: _, ...options } = bed.pem()) => fromIot(unshared(options)),
};

for (const [name, providerFor] of Object.entries(providers)) {
  test.serial(`${name} is a memoized provider function`, (t) => {
    const provider = providerFor(t);
    t.is(typeof provider, "function");
    t.is(provider.memoized, true);
  });

  test.serial(`${name} gives a plain object of its own at every call`, async (t) => {
    const provider = providerFor(t);
    const [first, second] = [await provider(), await provider()];
    t.deepEqual(Object.keys(first).sort(), ["accessKeyId", "expiration", "secretAccessKey", "sessionToken"]);
    t.is(Object.getPrototypeOf(first), Object.prototype);
    t.is(first.accessKeyId, second.accessKeyId);
    t.not(first, second);
    t.true(first.expiration instanceof Date);
    t.not(first.expiration, second.expiration);
    t.true(Object.isExtensible(first) && !Object.isFrozen(first));
    // As SDK clients do.
    first.$source = { CREDENTIALS_CODE: "e" };
    first.accessKeyId = "changed";
    first.expiration.setTime(0);
    const third = await provider();
    t.deepEqual({ ...third }, { ...second });
    t.false("$source" in third);
  });

  test.serial(`${name} tells when its keys end`, async (t) => {
    const { expiration } = await providerFor(t)();
    const seconds = (expiration.getTime() - Date.now()) / 1000;
    t.true(seconds > 3500 && seconds <= 3600, `${seconds}`);
  });

  test.serial(`${name} works without \`this\`, with arguments it does not know, and frozen`, async (t) => {
    const provider = Object.freeze(providerFor(t));
    const { accessKeyId } = await provider.call(undefined, { callerClientConfig: {}, forceRefresh: false });
    t.is((await Reflect.apply(provider, null, [])).accessKeyId, accessKeyId);
  });

  test.serial(`${name} signs for a real SDK client`, async (t) => {
    const provider = providerFor(t);
    const identity = await callerIdentity(bed, { credentials: provider });
    t.is(identity.Account, "123456789012");
    t.regex(identity.Arn, /^arn:aws:sts::123456789012:assumed-role\/GatewayRole\/[0-9a-f]{64}$/);
    const { headers } = (await bed.log("request")).find(({ service }) => service === "sts");
    t.true(headers.authorization.includes((await provider()).accessKeyId), headers.authorization);
  });

  test.serial(`${name} signs for a client whose configuration is frozen`, async (t) => {
    const credentials = Object.freeze(providerFor(t));
    await t.notThrowsAsync(callerIdentity(bed, Object.freeze({ credentials })));
  });

  test.serial(`${name}: fifty first reads are one request, and cached reads none`, async (t) => {
    const provider = providerFor(t);
    const reads = await Promise.all(Array.from({ length: 50 }, () => provider()));
    t.is(new Set(reads.map(({ accessKeyId }) => accessKeyId)).size, 1);
    t.is(new Set(reads).size, 50);
    t.is(await requests(), 1);
    for (let i = 0; i < 100; i++) await provider();
    t.is(await requests(), 1);
    t.is((await bed.log("connection")).length, 1);
  });

  test.serial(`${name}: fifty reads share one failure, and the next read asks again`, async (t) => {
    await bed.fault("half-open", {}, 1);
    const provider = providerFor(t, bed.pem("ec256", { timeoutMs: 400 }));
    const reads = await Promise.allSettled(Array.from({ length: 50 }, () => provider()));
    t.deepEqual([...new Set(reads.map(({ reason }) => reason?.code))], ["ERR_TIMEOUT"]);
    t.is(new Set(reads.map(({ reason }) => reason)).size, 50, "an error belongs to one caller");
    t.is(await requests(), 1);
    await t.notThrowsAsync(provider());
  });
}

test.serial("two clients with one provider share its keys", async (t) => {
  const { credentials } = sessionFor(t, bed.pem());
  await Promise.all([callerIdentity(bed, { credentials }), callerIdentity(bed, { credentials })]);
  t.is((await bed.log("request")).filter(({ service }) => service === "iot").length, 1);
});

test.serial("a client sees renewed keys at once", async (t) => {
  const session = sessionFor(t, bed.pem());
  const { credentials } = session;
  await callerIdentity(bed, { credentials });
  await session.refresh({ force: true });
  await callerIdentity(bed, { credentials });
  const signed = (await bed.log("request"))
    .filter(({ service }) => service === "sts")
    .map((r) => r.headers.authorization);
  t.is(signed.length, 2);
  t.true(signed[1].includes((await credentials()).accessKeyId));
  t.false(signed[0].includes((await credentials()).accessKeyId));
});

test.serial("session.credentials is always the same function", (t) => {
  const session = sessionFor(t, bed.pem());
  t.is(session.credentials, session.credentials);
});

// --------------------------------------------------------------------------------------- refreshableCredentials

test.serial("refreshableCredentials has the shape of boto3-refresh-session", async (t) => {
  const session = sessionFor(t, bed.pem());
  const keys = await session.refreshableCredentials();
  const credentials = await session.credentials();
  t.deepEqual(
    { ...keys },
    {
      accessKey: credentials.accessKeyId,
      secretKey: credentials.secretAccessKey,
      token: credentials.sessionToken,
      expiryTime: credentials.expiration.toISOString(),
    },
  );
  t.regex(keys.expiryTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.not(await session.refreshableCredentials(), keys);
  t.is(await requests(), 1);
});

// ----------------------------------------------------------------------------------------------------------- status

test.serial("status has these fields, and what is done to it has no effect", async (t) => {
  const session = sessionFor(t, bed.pem());
  const { expiration } = await session.credentials();
  const status = session.status();
  t.deepEqual(Object.keys(status).sort(), [
    "certificateExpiry",
    "clockOffsetMs",
    "expiresAt",
    "failures",
    "fetches",
    "lastError",
    "refreshAt",
    "zone",
  ]);
  t.deepEqual(status.expiresAt, expiration);
  const ahead = (expiration - status.refreshAt) / 1000;
  t.true(ahead > 55 && ahead <= 905, `to be renewed ${ahead} s before the end`);
  status.expiresAt.setTime(0);
  t.deepEqual(session.status().expiresAt, expiration);
});

// ------------------------------------------------------------------------------------------------------- one source

test.serial("sessions and providers on the same source are one fetch; another option is another source", async (t) => {
  const { method: _, ...options } = unshared(bed.pem());
  const provider = fromIot(options);
  const sessions = [1, 2].map(() => sessionFor(t, { method: "iot", ...options }));
  const reads = [provider(), ...sessions.map((session) => session.credentials())];
  const ids = (await Promise.all(reads)).map(({ accessKeyId }) => accessKeyId);
  t.is(new Set(ids).size, 1);
  t.is(await requests(), 1);

  const others = [
    { advisoryWindowSeconds: 100 },
    { refreshPolicy: "aws" },
    { timeoutMs: 9_999 },
    { serverName: "localhost" },
  ];
  for (const other of others) {
    const { accessKeyId } = await sessionFor(t, { method: "iot", ...options, ...other }).credentials();
    t.false(ids.includes(accessKeyId), JSON.stringify(other));
    ids.push(accessKeyId);
  }
  // What only says who is told, or what is handed on, makes no difference to the source.
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  for (const same of [{ region: "eu-west-1" }, { clientCache: false }, { logger }, { deferRefresh: true }]) {
    const { accessKeyId } = await sessionFor(t, { method: "iot", ...options, ...same }).credentials();
    t.is(accessKeyId, ids[0], Object.keys(same)[0]);
  }
  t.is(await requests(), 1 + others.length);
});

// ---------------------------------------------------------------------------------------------------------- refresh

test.serial("refresh fetches where there are no keys, and not where they are fresh", async (t) => {
  const session = sessionFor(t, bed.pem());
  t.is(await session.refresh(), undefined);
  t.is(await requests(), 1);
  await session.refresh();
  await session.refresh({});
  await session.refresh({ force: false, signal: undefined });
  t.is(await requests(), 1);
});

test.serial("refresh with force makes one request and replaces the keys", async (t) => {
  const session = sessionFor(t, bed.pem());
  const before = await session.credentials();
  await session.refresh({ force: true });
  const after = await session.credentials();
  t.not(after.accessKeyId, before.accessKeyId);
  t.is(await requests(), 2);
  t.is((await bed.log("connection")).length, 1, "the connection is kept");
});

test.serial("forced refreshes at the same time are one", async (t) => {
  const session = sessionFor(t, bed.pem());
  await session.credentials();
  // Slow enough for the last of them to come while the first is under way.
  await bed.fault("slow-headers", { ms: 30 });
  await Promise.all(Array.from({ length: 20 }, () => session.refresh({ force: true })));
  t.is(await requests(), 2);
});

const reasons = [new Error("mine"), "a text", 42, { any: "thing" }];

test.serial("refresh with a signal that is aborted rejects with its reason and asks nobody", async (t) => {
  const session = sessionFor(t, bed.pem());
  for (const reason of reasons) {
    const caught = await session.refresh({ force: true, signal: AbortSignal.abort(reason) }).catch((error) => error);
    t.is(caught, reason);
  }
  const error = await session.refresh({ signal: AbortSignal.abort() }).catch((caught) => caught);
  t.is(error.name, "AbortError");
  t.deepEqual(await bed.log(), []);
});

test.serial("refresh aborted midway rejects with the reason, and the others get their keys", async (t) => {
  await bed.fault("slow-headers", { ms: 50 });
  const session = sessionFor(t, bed.pem());
  const controller = new AbortController();
  const refreshing = session.refresh({ signal: controller.signal });
  const others = [session.credentials(), session.refreshableCredentials(), session.refresh()];
  await awaited(bed, "request", 1);
  const [reason] = reasons;
  controller.abort(reason);
  t.is(await refreshing.catch((error) => error), reason);
  const [credentials, keys] = await Promise.all(others);
  t.is(credentials.accessKeyId, keys.accessKey);
  t.is(await requests(), 1);
});

test.serial("a signal that is aborted later than the refresh ends has no effect and keeps no listener", async (t) => {
  const session = sessionFor(t, bed.pem());
  let listeners = 0;
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  signal.addEventListener = (...args) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  await session.refresh({ signal });
  await new Promise(setImmediate);
  t.is(listeners, 0);
  controller.abort();
  await t.notThrowsAsync(session.credentials());
});

for (const [label, options, param] of [
  ["options that are null", null, "options"],
  ["options that are a number", 1, "options"],
  ["options that are a text", "force", "options"],
  ["force that is a text", { force: "yes" }, "force"],
  ["force that is a number", { force: 1 }, "force"],
  ["a signal that is a text", { signal: "x" }, "signal"],
  ["a signal that is an object", { signal: {} }, "signal"],
  ["an option that does not exist", { forced: true }, "forced"],
]) {
  test.serial(`refresh with ${label} rejects with a ValidationError`, async (t) => {
    const error = await t.throwsAsync(sessionFor(t, bed.pem()).refresh(options));
    t.is(error.name, "ValidationError", error.message);
    t.is(error.param, param);
  });
}

test.serial("force on Object.prototype forces nothing", async (t) => {
  const session = sessionFor(t, bed.pem());
  await session.refresh();
  await whilePolluted({ force: true }, () => session.refresh({}));
  t.is(await requests(), 1);
});
