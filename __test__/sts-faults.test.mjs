// What AssumeRole is refused with, or fails on: which error, what it says, and that the keys held stay.

import test from "ava";
import { CredentialError, RefreshError } from "refresh-session";
import { shownForms } from "./support/refusals.mjs";

import { asked, CANARIES, keysOf, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, listening, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

/** Asserts what every error of a request has in common. */
function told(t, error, expected, says = []) {
  t.true(error instanceof RefreshError, shownForms(error));
  t.like(error, { tryNextLink: false, ...expected }, shownForms(error));
  t.true(error.hint.length > 0 && error.message.endsWith(error.hint));
  for (const text of says) t.true(error.message.includes(text), error.message);
  for (const canary of CANARIES) t.false(shownForms(error).includes(canary), shownForms(error));
}

// ------------------------------------------------------------------------------------------------------ the base keys

test.serial("base keys that are over, or unknown: the error names sourceCredentials", async (t) => {
  const base = roleSession(t, bed);
  const keys = await base.credentials();
  await bed.revoke(keys.accessKeyId);
  const { user } = bed.iam;
  for (const [sourceCredentials, code, retryable, awsErrorType] of [
    [keys, "ERR_SOURCE_CREDENTIALS_EXPIRED", true, "ExpiredToken"],
    [
      { ...keysOf(user), accessKeyId: "AKIAUNKNOWNUNKNOWN00" },
      "ERR_SOURCE_CREDENTIALS_REFUSED",
      false,
      "InvalidClientTokenId",
    ],
    [
      { ...keysOf(user), secretAccessKey: "canarySECRETx" },
      "ERR_SOURCE_CREDENTIALS_REFUSED",
      false,
      "SignatureDoesNotMatch",
    ],
  ]) {
    const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials });
    const error = await failureOf(session.credentials());
    told(t, error, { name: "RequestError", code, retryable, awsErrorType, statusCode: 403 }, ["sourceCredentials"]);
    t.is(error.param, "sourceCredentials");
    t.regex(error.requestId, /^[0-9a-f-]{36}$/);
  }
});

test.serial("base keys that are over are asked for anew at the next attempt", async (t) => {
  const first = roleSession(t, bed);
  const over = await first.credentials();
  await bed.revoke(over.accessKeyId);
  const give = [over, keysOf(bed.iam.user)];
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials: async () => give.shift() });
  await t.throwsAsync(session.ready(), { code: "ERR_SOURCE_CREDENTIALS_EXPIRED" });
  await t.notThrowsAsync(session.refresh({ force: true }));
});

test.serial("a base that throws, hangs or gives no keys: the error is typed and names it", async (t) => {
  const cause = new Error("canarySECRET of the base");
  for (const [sourceCredentials, code, own] of [
    [() => Promise.reject(cause), "ERR_CALLBACK_FAILED", cause],
    [
      () => {
        throw cause;
      },
      "ERR_CALLBACK_FAILED",
      cause,
    ],
    [() => new Promise(() => {}), "ERR_TIMEOUT"],
    [() => undefined, "ERR_BAD_CREDENTIALS"],
    [() => ({ accessKeyId: "AKIA" }), "ERR_BAD_CREDENTIALS"],
    [() => ({ accessKeyId: 1, secretAccessKey: "canarySECRET" }), "ERR_BAD_CREDENTIALS"],
    [() => ({ accessKeyId: "AKIA", secretAccessKey: "canarySECRET\n" }), "ERR_BAD_CREDENTIALS"],
  ]) {
    const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials, timeoutMs: 300 });
    const error = await failureOf(session.credentials());
    t.is(error.code, code, shownForms(error));
    t.is(error.param, "sourceCredentials", shownForms(error));
    t.is(error.cause, own);
    t.false(error.message.includes("canary"), error.message);
  }
  t.deepEqual(await asked(bed), []);
});

test.serial("a session that fails as the base is the cause, with its own words", async (t) => {
  const base = roleSession(t, bed, "ClosedRole");
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials: base.credentials });
  const error = await failureOf(session.credentials());
  t.true(error instanceof CredentialError);
  t.like(error, { code: "ERR_CALLBACK_FAILED", param: "sourceCredentials", retryable: false });
  t.is(error.cause.code, "ERR_ACCESS_DENIED");
  t.true(error.message.includes("ClosedRole"), error.message);
});

// ---------------------------------------------------------------------------------------------------------- refusals

const fault = (mode, params) => () => bed.faultOf("sts", mode, params, 1);
const status = (code, params) => fault("status", { code, ...params });
const nothing = () => {};

/** Label, role, parameters, what is set up, and the error. */
const refusals = [
  ["a role that trusts nobody", "ClosedRole", {}, nothing, "ERR_ACCESS_DENIED", 403, "AccessDenied", false],
  [
    "a role there is not",
    "arn:aws:iam::123456789012:role/No",
    {},
    nothing,
    "ERR_ACCESS_DENIED",
    403,
    "AccessDenied",
    false,
  ],
  [
    "a wrong external id",
    "PartnerRole",
    { ExternalId: "wrong-one" },
    nothing,
    "ERR_ACCESS_DENIED",
    403,
    "AccessDenied",
    false,
  ],
  ["no external id", "PartnerRole", {}, nothing, "ERR_ACCESS_DENIED", 403, "AccessDenied", false],
  ["a role that wants MFA", "MfaRole", {}, nothing, "ERR_ACCESS_DENIED", 403, "AccessDenied", false],
  [
    "too long a life",
    "FleetRole",
    { DurationSeconds: 43_200 },
    trusted,
    "ERR_DURATION_TOO_LONG",
    400,
    "ValidationError",
    false,
  ],
  [
    "a policy AWS finds no sense in",
    "OperatorRole",
    { Policy: '{"Statement":[]}' },
    nothing,
    "ERR_POLICY_REFUSED",
    400,
    "MalformedPolicyDocument",
    false,
  ],
  [
    "a region that is off",
    "OperatorRole",
    {},
    fault("error", { code: "RegionDisabledException", status: 403 }),
    "ERR_REGION_DISABLED",
    403,
    "RegionDisabledException",
    false,
  ],
  ["throttled", "OperatorRole", {}, fault("error", { code: "Throttling" }), "ERR_THROTTLED", 400, "Throttling", true],
  ["429", "OperatorRole", {}, status(429), "ERR_THROTTLED", 429, undefined, true],
  ["500", "OperatorRole", {}, status(500), "ERR_SERVICE_UNAVAILABLE", 500, undefined, true],
  [
    "503 in AWS's form",
    "OperatorRole",
    {},
    fault("error", { code: "ServiceUnavailable" }),
    "ERR_SERVICE_UNAVAILABLE",
    503,
    "ServiceUnavailable",
    true,
  ],
  ["a page of HTML", "OperatorRole", {}, fault("html-body"), "ERR_BAD_REPLY", 200, undefined, true],
  ["half the XML", "OperatorRole", {}, fault("truncated-json"), "ERR_BAD_REPLY", 200, undefined, true],
  [
    "no session token",
    "OperatorRole",
    {},
    fault("missing-field", { name: "sessionToken" }),
    "ERR_BAD_REPLY",
    200,
    undefined,
    true,
  ],
  [
    "an empty secret",
    "OperatorRole",
    {},
    fault("empty-field", { name: "secretAccessKey" }),
    "ERR_BAD_REPLY",
    200,
    undefined,
    true,
  ],
  [
    "a date that is none",
    "OperatorRole",
    {},
    fault("bad-expiration", { value: "tomorrow" }),
    "ERR_BAD_REPLY",
    200,
    undefined,
    true,
  ],
  [
    "a redirect",
    "OperatorRole",
    {},
    fault("redirect", { location: "http://127.0.0.1:1/" }),
    "ERR_UNEXPECTED_STATUS",
    302,
    undefined,
    false,
  ],
];

function trusted() {
  return bed.control("PUT", `/roles/${bed.iam.otherAccount}/FleetRole`, { trusted: [bed.iam.user.arn] });
}

for (const [label, role, assumeRole, prepare, code, statusCode, awsErrorType, retryable] of refusals) {
  test.serial(`${label}: ${code}`, async (t) => {
    await prepare();
    const session = roleSession(t, bed, role, assumeRole);
    const events = listening(session);
    const error = await failureOf(session.credentials());
    const name = code === "ERR_BAD_REPLY" ? "CredentialError" : "RequestError";
    told(t, error, { name, code, statusCode, awsErrorType, retryable });
    if (code === "ERR_ACCESS_DENIED") {
      told(t, error, {}, [bed.iam.user.arn, bed.iam.roles[role] ?? role]);
    }
    const [request] = await asked(bed);
    t.is(error.requestId, request.requestId);
    await until(() => events.refreshError.length > 0);
    t.is(events.refreshError[0].code, code);
    t.is((await asked(bed)).length, 1, "it surfaces at once");
  });
}

test.serial("expired keys in a reply are not installed", async (t) => {
  const session = roleSession(t, bed);
  const keys = await session.credentials();
  await bed.configure({ lifeSeconds: -60 });
  const error = await failureOf(session.refresh({ force: true }));
  told(t, error, { code: "ERR_EXPIRED_REPLY", retryable: true });
  t.deepEqual({ ...(await session.credentials()) }, { ...keys });
});
