// MFA codes from a function: when it is asked, what it is told, and that no code goes out twice.

import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { RefreshableSession } from "refresh-session";
import { mfaBed } from "./support/mfa-bed.mjs";
import { shownForms } from "./support/refusals.mjs";
import { recorder } from "./support/sessions.mjs";
import { arnOf, asked, assumed, region, roleOptions, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { deferred, failureOf, listening, until } from "./support/waiting.mjs";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(async (t) => {
  await bed.reset();
  t.context.device = await mfaBed(bed);
});
test.after.always(() => bed?.stop());

/** A session on the role that wants MFA; `give` is called with the context. */
function mfaSession(t, give, { role = "MfaRole", assumeRole = {}, ...overrides } = {}) {
  const { user } = t.context.device;
  const provider = give && { mfaTokenProvider: give };
  const wanted = { SerialNumber: user.mfaSerial, ...assumeRole };
  const keys = { accessKeyId: user.accessKeyId, secretAccessKey: user.secretAccessKey };
  return roleSession(t, bed, role, wanted, { sourceCredentials: async () => keys, ...provider, ...overrides });
}

const codesSent = async () => (await asked(bed)).filter(({ parameters }) => parameters.TokenCode !== undefined).length;

// ------------------------------------------------------------------------------------------------- what it is told

test.serial("the function is told device and role, and its code opens the role", async (t) => {
  const contexts = [];
  const session = mfaSession(t, (context) => {
    contexts.push(context);
    return t.context.device.code();
  });
  t.is(await arnOf(bed, session), assumed("MfaRole"));
  t.is(contexts.length, 1);
  const { signal, ...rest } = contexts[0];
  t.deepEqual(rest, { serialNumber: t.context.device.user.mfaSerial, roleArn: bed.iam.roles.MfaRole });
  t.false(signal.aborted);
  const [{ parameters }] = await asked(bed);
  t.is(parameters.SerialNumber, t.context.device.user.mfaSerial);
  t.is(parameters.TokenCode, "(6 characters)");
});

test.serial("sessions that share a function share its codes, and one keeps it when the other is gone", async (t) => {
  const { user, code } = t.context.device;
  const keys = { accessKeyId: user.accessKeyId, secretAccessKey: user.secretAccessKey };
  let step = 0;
  const provided = { sourceCredentials: async () => keys, mfaTokenProvider: () => code(step++) };
  const wanted = [bed, "MfaRole", { SerialNumber: user.mfaSerial }, provided];
  const open = async () => new RefreshableSession({ method: "sts", ...roleOptions(...wanted) });
  let gone = false;
  const registry = new FinalizationRegistry(() => {
    gone = true;
  });
  await open().then(async (first) => {
    await first.ready();
    registry.register(first, undefined);
  });
  const second = roleSession(t, ...wanted);
  await second.ready();
  t.is(step, 1, "one engine serves both");
  for (let n = 0; n < 1000 && !gone; n++) {
    collectGarbage();
    await turn();
  }
  t.true(gone);
  await t.notThrowsAsync(second.refresh({ force: true }));
  t.is(step, 2);
});

test.serial("white space around a code is not part of it", async (t) => {
  const session = mfaSession(t, async () => ` ${await t.context.device.code()}\n`);
  await t.notThrowsAsync(session.ready());
});

test.serial("its signal is aborted when the session is closed", async (t) => {
  const signals = [];
  const session = mfaSession(t, ({ signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  });
  const waiting = failureOf(session.credentials());
  await until(() => signals.length > 0);
  t.false(signals[0].aborted);
  await session.close();
  t.is((await waiting).code, "ERR_CLOSED");
  await until(() => signals[0].aborted);
});

test.serial("a person has time: timeoutMs is not for the code", async (t) => {
  const answer = deferred();
  let called;
  const session = mfaSession(
    t,
    () => {
      called = performance.now();
      return answer.promise;
    },
    { timeoutMs: 200 },
  );
  const reading = session.credentials();
  await until(() => called !== undefined && performance.now() - called > 400);
  answer.resolve(await t.context.device.code());
  await t.notThrowsAsync(reading);
});

// ----------------------------------------------------------------------------------------------------- how often

test.serial("fifty callers: one is asked, one code is sent", async (t) => {
  let prompts = 0;
  const answer = deferred();
  const session = mfaSession(t, () => {
    prompts++;
    return answer.promise;
  });
  const all = Array.from({ length: 50 }, () => session.credentials());
  await until(() => prompts > 0);
  answer.resolve(await t.context.device.code());
  t.is(new Set((await Promise.all(all)).map(({ accessKeyId }) => accessKeyId)).size, 1);
  t.is(prompts, 1);
  t.is(await codesSent(), 1);
});

test.serial("an eager session asks once at its start, and its timer never again", async (t) => {
  let prompts = 0;
  const session = mfaSession(
    t,
    () => {
      prompts++;
      return t.context.device.code();
    },
    { role: "ShortRole", refresh: "eager" },
  );
  const told = listening(session);
  await until(() => told.refresh.length === 1);
  // Nobody reads; the keys of six seconds end, and nobody was bothered.
  await until(() => told.expired.length === 1);
  t.is(session.status().zone, "expired");
  t.is(prompts, 1);
  await session.credentials();
  t.is(prompts, 2);
  t.is(await codesSent(), 2);
});

test.serial("two sessions on one device: the second is told to wait for the next code, which works", async (t) => {
  const { device } = t.context;
  const shown = await device.code();
  const first = mfaSession(t, () => shown);
  await first.ready();
  const give = [shown, await device.code(1)];
  const second = mfaSession(t, () => give.shift());
  const error = await failureOf(second.credentials());
  t.like(error, { name: "CredentialError", code: "ERR_MFA_CODE_USED", param: "mfaTokenProvider", retryable: true });
  const { refreshAt } = second.status();
  // Codes change with the half minute. The session's calendar is the server's `Date`, which is of whole seconds.
  const past = (refreshAt.getTime() + 5000) % 30_000;
  t.true(refreshAt > Date.now() - 5000 && refreshAt < Date.now() + 35_000, `${refreshAt}`);
  t.true(past > 3000 && past < 7000, `${refreshAt.toISOString()}`);
  t.is(await codesSent(), 1);
  // Until then nobody is asked: not even by force.
  t.is((await failureOf(second.credentials())).code, "ERR_MFA_CODE_USED");
  t.is(give.length, 1);
  // Another session of the device has no such wait.
  const third = mfaSession(t, () => give.shift());
  await t.notThrowsAsync(third.ready());
  t.is(await codesSent(), 2);
});

test.serial("a code that was refused is not sent again either", async (t) => {
  const wrong = await t.context.device.code(-5);
  const error = await failureOf(mfaSession(t, () => wrong).credentials());
  t.like(error, { name: "RequestError", code: "ERR_MFA_CODE_REFUSED", statusCode: 403, retryable: true });
  t.is(error.awsErrorType, "AccessDenied");
  t.regex(error.requestId, /^[0-9a-f-]{36}$/);
  t.true(error.hint.includes("assumeRole.SerialNumber"));
  t.is((await failureOf(mfaSession(t, () => wrong).credentials())).code, "ERR_MFA_CODE_USED");
  t.is(await codesSent(), 1);
});

test.serial("a request that carried a code is not repeated when the connection breaks", async (t) => {
  const codes = [await t.context.device.code(), await t.context.device.code(1)];
  const session = mfaSession(t, () => codes.shift());
  await bed.faultOf("sts", "reset-at", { byte: 0 }, 1);
  const error = await failureOf(session.credentials());
  t.is(error.name, "ConnectionError", shownForms(error));
  t.is(await codesSent(), 1);
  t.is(codes.length, 1);
  await session.refresh({ force: true });
  t.is(codes.length, 0);
});

// ------------------------------------------------------------------------------------------------------ TokenCode

test.serial("a TokenCode in the options is good once, and says so", async (t) => {
  const warnings = [];
  const TokenCode = await t.context.device.code();
  const session = mfaSession(t, undefined, { assumeRole: { TokenCode }, onWarning: (it) => warnings.push(it) });
  const keys = { ...(await session.credentials()) };
  t.deepEqual(
    warnings.map(({ code }) => code),
    ["WARN_TOKEN_CODE_ONCE"],
  );
  const error = await failureOf(session.refresh({ force: true }));
  t.like(error, { code: "ERR_MFA_CODE_USED", param: "assumeRole.TokenCode", retryable: false });
  t.true(error.hint.includes("mfaTokenProvider"));
  t.deepEqual({ ...(await session.credentials()) }, keys);
  t.is(await codesSent(), 1);
});

test.serial("a provider comes before TokenCode, and says so", async (t) => {
  const warnings = [];
  const overrides = { assumeRole: { TokenCode: "123456" }, onWarning: (it) => warnings.push(it) };
  const session = mfaSession(t, () => t.context.device.code(), overrides);
  await session.ready();
  t.deepEqual(
    warnings.map(({ code }) => code),
    ["WARN_TOKEN_CODE_IGNORED"],
  );
});

test.serial("device and codes go together", (t) => {
  const none = { SerialNumber: undefined };
  for (const [give, assumeRole, code, param] of [
    [undefined, {}, "ERR_CONFLICTING_OPTIONS", "mfaTokenProvider"],
    [() => "123456", none, "ERR_CONFLICTING_OPTIONS", "assumeRole.SerialNumber"],
    ["oathtool", none, "ERR_CONFLICTING_OPTIONS", "assumeRole.SerialNumber"],
    [undefined, { ...none, TokenCode: "123456" }, "ERR_CONFLICTING_OPTIONS", "assumeRole.SerialNumber"],
    ...["12345", "1234567", "12345a", "１２３４５６"].map((TokenCode) => [
      undefined,
      { TokenCode },
      "ERR_INVALID_OPTION",
      "assumeRole.TokenCode",
    ]),
  ]) {
    const error = t.throws(() => mfaSession(t, give, { assumeRole }));
    t.like(error, { code, param, retryable: false });
    const { TokenCode } = assumeRole;
    if (TokenCode !== undefined) t.false(error.message.includes(TokenCode), error.message);
  }
  for (const accepted of ["123456", "000000"]) {
    t.notThrows(() => mfaSession(t, undefined, { assumeRole: { TokenCode: accepted } }));
  }
});

// ------------------------------------------------------------------------------------------- functions that misbehave

for (const [label, given] of Object.entries({
  "a number": 123456,
  null: null,
  nothing: undefined,
  "an object": { code: "123456" },
  "too short a code": "12345",
  "too long a code": "1234567",
  letters: "canary",
  "an empty text": "",
  "a text with a code in it": "code 123456",
})) {
  test.serial(`${label} is no code: ERR_MFA_CODE, and nothing is sent`, async (t) => {
    const error = await failureOf(mfaSession(t, async () => given).credentials());
    t.like(error, { name: "CredentialError", code: "ERR_MFA_CODE", param: "mfaTokenProvider", retryable: true });
    t.false(/12345|canary/.test(shownForms(error)), shownForms(error));
    t.is(await codesSent(), 0);
  });
}

test.serial("a function that throws is the cause, and its text is in no message", async (t) => {
  const cause = new Error("canary 654321");
  for (const give of [
    () => Promise.reject(cause),
    () => {
      throw cause;
    },
  ]) {
    const error = await failureOf(mfaSession(t, give).credentials());
    t.like(error, { code: "ERR_CALLBACK_FAILED", param: "mfaTokenProvider", retryable: true });
    t.is(error.cause, cause);
    t.false(/canary|654321/.test(error.message), error.message);
  }
  const final = Object.assign(new Error("cancelled"), { retryable: false });
  const error = await failureOf(mfaSession(t, () => Promise.reject(final)).credentials());
  t.like(error, { code: "ERR_CALLBACK_FAILED", retryable: false });
});

test.serial("a code is in no error, event, log or view of a session", async (t) => {
  const code = await t.context.device.code();
  const logger = recorder();
  const session = mfaSession(t, () => code, { logger, region });
  const events = listening(session);
  await session.ready();
  const shown = [await failureOf(session.refresh({ force: true }))];
  await until(() => events.refreshError.length > 0);
  shown.push(session, session.status(), events, logger.lines, await bed.log());
  for (const value of shown) t.false(shownForms(value).includes(code), shownForms(value));
});
