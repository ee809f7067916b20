// Roles by web identity: where the token comes from, how often it is read, and what AWS says of a bad one.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { fromWebIdentity } from "refresh-session";
import { shownForms } from "./support/refusals.mjs";
import { callerIdentity, recorder, sessionFor } from "./support/sessions.mjs";
import { arnOf, asked, assumed, region } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { deferred, failureOf, listening, until } from "./support/waiting.mjs";

let bed;
let files = 0;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

const requests = () => asked(bed, "AssumeRoleWithWebIdentity");
const tokenFile = (content) => {
  const path = join(bed.dir, `token-${++files}`);
  if (content !== undefined) writeFileSync(path, content);
  return path;
};

function options(overrides, assumeRole) {
  return {
    region,
    stsClientConfig: { endpoint: bed.sts.http },
    ...overrides,
    assumeRole: { RoleArn: bed.iam.roles.WebRole, RoleSessionName: "gw-0042", ...assumeRole },
  };
}

const open = (t, ...wanted) => sessionFor(t, { method: "webIdentity", ...options(...wanted) });

// --------------------------------------------------------------------------------------------- where it comes from

test.serial("a token from a file; nothing is signed", async (t) => {
  const session = open(t, { webIdentityTokenFile: tokenFile(`${await bed.identityToken()}\n`) });
  t.is(session.method, "webIdentity");
  t.is(await arnOf(bed, session), assumed("WebRole"));
  const [{ headers, parameters }] = await requests();
  t.is(headers.authorization, undefined);
  t.regex(parameters.WebIdentityToken, /^\(\d+ characters\)$/);
});

test.serial("a token as a text, and from a function that waits", async (t) => {
  const token = await bed.identityToken();
  for (const webIdentityToken of [token, () => token, async () => bed.identityToken()]) {
    t.is(await arnOf(bed, open(t, { webIdentityToken })), assumed("WebRole"));
  }
});

test.serial("fromWebIdentity gives what a session gives", async (t) => {
  const credentials = fromWebIdentity(options({ webIdentityToken: await bed.identityToken(), accountId: true }));
  t.is((await callerIdentity(bed, { credentials })).Arn, assumed("WebRole"));
  t.is((await credentials()).accountId, bed.iam.account);
  t.is((await open(t, { webIdentityToken: await bed.identityToken() }).credentials()).accountId, undefined);
});

test.serial("every parameter arrives", async (t) => {
  const Policy = JSON.stringify({ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } });
  const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
  const assumeRole = { DurationSeconds: 900, Policy, PolicyArns: [{ arn }] };
  const session = open(t, { webIdentityToken: await bed.identityToken() }, assumeRole);
  await session.ready();
  const [{ parameters }] = await requests();
  t.like(parameters, {
    RoleArn: bed.iam.roles.WebRole,
    RoleSessionName: "gw-0042",
    DurationSeconds: "900",
    Policy,
    "PolicyArns.member.1.arn": arn,
  });
});

// --------------------------------------------------------------------------------------------------- how often

test.serial("the file is read at every fetch", async (t) => {
  const path = tokenFile(await bed.identityToken({ lifeSeconds: -1 }));
  const session = open(t, { webIdentityTokenFile: path });
  await t.throwsAsync(session.ready(), { code: "ERR_IDENTITY_TOKEN_EXPIRED" });
  writeFileSync(path, await bed.identityToken());
  await session.refresh({ force: true });
  const keys = { ...(await session.credentials()) };
  writeFileSync(path, await bed.identityToken({ forged: true }));
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_IDENTITY_TOKEN_REFUSED" });
  t.deepEqual({ ...(await session.credentials()) }, keys);
});

test.serial("a file that is not there yet is no end of it", async (t) => {
  const path = tokenFile();
  const session = open(t, { webIdentityTokenFile: path });
  const error = await failureOf(session.credentials());
  t.like(error, { code: "ERR_FILE_UNREADABLE", param: "webIdentityTokenFile", retryable: true });
  writeFileSync(path, await bed.identityToken());
  await session.refresh({ force: true });
  rmSync(path);
  mkdirSync(path);
  t.is((await failureOf(session.refresh({ force: true }))).code, "ERR_FILE_UNREADABLE");
  t.is(session.status().zone, "fresh");
});

test.serial("two hundred callers: one token, one request", async (t) => {
  const answer = deferred();
  let calls = 0;
  const session = open(t, {
    webIdentityToken: () => {
      calls++;
      return answer.promise;
    },
  });
  const all = Array.from({ length: 200 }, () => session.credentials());
  await until(() => calls > 0);
  answer.resolve(await bed.identityToken());
  t.is(new Set((await Promise.all(all)).map(({ accessKeyId }) => accessKeyId)).size, 1);
  t.deepEqual([calls, (await requests()).length], [1, 1]);
});

test.serial("a function is asked at every fetch, and told when nobody waits any more", async (t) => {
  const signals = [];
  const give = [bed.identityToken(), bed.identityToken(), new Promise(() => {})];
  const webIdentityToken = ({ signal }) => {
    signals.push(signal);
    return give.shift();
  };
  const session = open(t, { webIdentityToken });
  await session.ready();
  await session.refresh({ force: true });
  const waiting = failureOf(session.refresh({ force: true }));
  await until(() => signals.length === 3);
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false, false],
  );
  await session.close();
  t.is((await waiting).code, "ERR_CLOSED");
  await until(() => signals[2].aborted);
  t.is((await requests()).length, 2);
});

// ---------------------------------------------------------------------------------------------------- what is refused

const refusals = [
  ["a token that is over", () => bed.identityToken({ lifeSeconds: -1 }), "ERR_IDENTITY_TOKEN_EXPIRED", 400, true],
  ["a forged token", () => bed.identityToken({ forged: true }), "ERR_IDENTITY_TOKEN_REFUSED", 400, false],
  ["a token for somebody else", () => bed.identityToken({ aud: "other" }), "ERR_IDENTITY_TOKEN_REFUSED", 400, false],
  ["garbage", () => "garbage", "ERR_IDENTITY_TOKEN_REFUSED", 400, false],
  [
    "another subject",
    () => bed.identityToken({ sub: "system:serviceaccount:other:x" }),
    "ERR_ACCESS_DENIED",
    403,
    false,
  ],
];
for (const [label, give, code, statusCode, retryable] of refusals) {
  test.serial(`${label}: ${code}`, async (t) => {
    const token = await give();
    for (const source of [{ webIdentityToken: token }, { webIdentityTokenFile: tokenFile(token) }]) {
      const error = await failureOf(open(t, source).credentials());
      t.like(error, { name: "RequestError", code, statusCode, retryable, tryNextLink: false });
      t.regex(error.requestId, /^[0-9a-f-]{36}$/);
      t.false(token.length > 10 && shownForms(error).includes(token), shownForms(error));
    }
  });
}

for (const [label, given] of Object.entries({
  "an empty token": "",
  "too short a token": "abc",
  "a space in it": "canary token",
  "a line end in it": "canary\ntoken",
  "another script": "canary-é",
  "too long a token": "x".repeat(20_001),
})) {
  test.serial(`${label}: ERR_BAD_CREDENTIALS, and nothing is sent`, async (t) => {
    for (const [param, source] of [
      ["webIdentityTokenFile", { webIdentityTokenFile: tokenFile(given) }],
      ["webIdentityToken", { webIdentityToken: () => given }],
    ]) {
      const error = await failureOf(open(t, source).credentials());
      t.like(error, { name: "CredentialError", code: "ERR_BAD_CREDENTIALS", param, retryable: true });
      t.false(shownForms(error).includes("canary"), shownForms(error));
    }
    t.deepEqual(await requests(), []);
  });
}

test.serial("a function that throws, hangs or gives no text", async (t) => {
  const cause = new Error("canary");
  for (const [webIdentityToken, code, own] of [
    [() => Promise.reject(cause), "ERR_CALLBACK_FAILED", cause],
    [() => 123456, "ERR_BAD_CREDENTIALS"],
    [() => null, "ERR_BAD_CREDENTIALS"],
    [() => undefined, "ERR_BAD_CREDENTIALS"],
    [() => new Promise(() => {}), "ERR_TIMEOUT"],
  ]) {
    const error = await failureOf(open(t, { webIdentityToken, timeoutMs: 300 }).credentials());
    t.like(error, { code, param: "webIdentityToken" }, shownForms(error));
    t.is(error.cause, own);
    t.false(error.message.includes("canary"), error.message);
  }
  t.deepEqual(await requests(), []);
});

test.serial("both or neither is refused by the constructor", async (t) => {
  const token = "canary.token";
  for (const [source, code, param] of [
    [{}, "ERR_MISSING_OPTION", "webIdentityTokenFile"],
    [{ webIdentityToken: token, webIdentityTokenFile: "/x" }, "ERR_CONFLICTING_OPTIONS", "webIdentityToken"],
    [{ webIdentityToken: token, region: undefined }, "ERR_MISSING_OPTION", "region"],
    [{ webIdentityToken: token, sourceCredentials: {} }, "ERR_UNKNOWN_OPTION", "sourceCredentials"],
  ]) {
    const error = t.throws(() => open(t, source));
    t.like(error, { code, param });
    t.false(shownForms(error).includes("canary"));
  }
  const external = t.throws(() => open(t, { webIdentityToken: token }, { ExternalId: "ab" }));
  t.like(external, { code: "ERR_UNKNOWN_OPTION", param: "assumeRole.ExternalId" });
  t.deepEqual(await bed.log(), []);
});

test.serial("a token is shown nowhere, and an unnamed session is a warning", async (t) => {
  const token = await bed.identityToken();
  const logger = recorder();
  const session = open(t, { webIdentityToken: token, logger }, { RoleSessionName: undefined });
  const events = listening(session);
  await session.ready();
  await bed.faultOf("sts", "error", { code: "InvalidIdentityToken", message: token }, 1);
  const error = await failureOf(session.refresh({ force: true }));
  await until(() => events.refreshError.length > 0);
  t.deepEqual(
    events.warning.map(({ code }) => code),
    ["WARN_ROLE_SESSION_NAME"],
  );
  for (const value of [session, session.status(), events, logger.lines, error, await bed.log()]) {
    t.false(shownForms(value).includes(token), shownForms(value));
    t.false(/canarySECRET|canaryTOKEN/.test(shownForms(value)), shownForms(value));
  }
});
