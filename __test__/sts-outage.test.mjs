// Roles by AssumeRole when STS fails: keys that are good stay, nobody is asked in vain, nothing secret is shown.

import test from "ava";
import { CredentialError, RefreshError, RequestError } from "refresh-session";
import { shownForms } from "./support/refusals.mjs";
import { recorder } from "./support/sessions.mjs";
import { asked, CANARIES, keysOf, region, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, listening } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

// --------------------------------------------------------------------------------------------------- what stays

test.serial("keys that are good are served whatever a refresh fails with", async (t) => {
  const session = roleSession(t, bed);
  const events = listening(session);
  const keys = { ...(await session.credentials()) };
  const failures = [
    ["error", { code: "AccessDenied" }, "ERR_ACCESS_DENIED"],
    ["error", { code: "ExpiredToken" }, "ERR_SOURCE_CREDENTIALS_EXPIRED"],
    ["status", { code: 500 }, "ERR_SERVICE_UNAVAILABLE"],
    ["html-body", {}, "ERR_BAD_REPLY"],
    ["reset-at", { byte: 0 }, "ERR_CONNECTION_LOST"],
  ];
  for (const [mode, params, code] of failures) {
    await bed.faultOf("sts", mode, params, 2);
    const error = await failureOf(session.refresh({ force: true }));
    if (mode !== "reset-at") t.is(error.code, code, shownForms(error));
    t.true(error instanceof RefreshError);
    t.deepEqual({ ...(await session.credentials()) }, keys);
    await bed.faultOf("sts", "none", {}, 1);
  }
  t.like(session.status(), { zone: "fresh", failures: failures.length });
  t.deepEqual(events.expired, []);
  t.is(events.refreshError.length, failures.length);
});

test.serial("Retry-After holds: nobody is asked before it is over", async (t) => {
  const session = roleSession(t, bed);
  await session.ready();
  await bed.faultOf("sts", "status", { code: 429, retryAfter: 60 }, 1);
  const error = await failureOf(session.refresh({ force: true }));
  t.like(error, { code: "ERR_THROTTLED", statusCode: 429, retryable: true });
  const before = (await asked(bed)).length;
  const left = session.status().refreshAt - Date.now();
  t.true(left > 50_000 && left <= 61_000, `${left}`);
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_THROTTLED" });
  await session.credentials();
  t.is((await asked(bed)).length, before);
});

test.serial("an STS that says nothing: ERR_TIMEOUT in time, and close does not wait for it", async (t) => {
  await bed.faultOf("sts", "half-open");
  const session = roleSession(t, bed, "OperatorRole", {}, { timeoutMs: 300 });
  t.like(await failureOf(session.credentials()), { name: "ConnectionError", code: "ERR_TIMEOUT", retryable: true });
  const patient = roleSession(t, bed, "OperatorRole", {}, { timeoutMs: 600_000 });
  const waiting = failureOf(patient.credentials());
  await bed.control("GET", "/log?event=request&service=sts&atLeast=2&waitMs=10000");
  await patient.close();
  t.is((await waiting).code, "ERR_CLOSED");
});

test.serial("an STS whose clock is ahead is asked again with its time", async (t) => {
  await bed.configure({ clockOffsetSeconds: 7200 });
  const session = roleSession(t, bed);
  await session.ready();
  t.deepEqual(
    (await asked(bed)).map(({ status }) => status),
    [403, 200],
  );
});

// ----------------------------------------------------------------------------------------------------------- secrets

test.serial("no secret is in anything a session shows, says or fails with", async (t) => {
  const logger = recorder();
  const warnings = [];
  const ExternalId = "canaryTOKEN-of-the-partner";
  const overrides = { logger, onWarning: (it) => warnings.push(it), sourceCredentials: keysOf(bed.iam.user) };
  const session = roleSession(t, bed, "OperatorRole", { ExternalId, RoleSessionName: undefined }, overrides);
  const events = listening(session);
  const shown = [session, session.credentials, session.cache, warnings, logger.lines, events];
  await session.refresh({ force: true });
  const fine = roleSession(t, bed, "OperatorRole", {}, { logger });
  await fine.ready();
  for (const [mode, params] of [
    ["status", { code: 403, body: "<Error>canarySECRET canaryTOKEN</Error>" }],
    ["error", { code: "AccessDenied", message: "User: canarySECRET canaryTOKEN" }],
    ["error", { code: "ValidationError", message: "canarySECRET" }],
    ["truncated-json", {}],
    ["empty-field", { name: "secretAccessKey" }],
    ["bad-expiration", { value: "canarySECRET" }],
  ]) {
    await bed.faultOf("sts", mode, params, 1);
    shown.push(await fine.refresh({ force: true }).catch((error) => error));
  }
  shown.push(fine, fine.status(), session.status(), JSON.stringify(fine), String(fine));
  for (const value of shown) {
    for (const canary of CANARIES) t.false(shownForms(value).includes(canary), shownForms(value));
  }
  t.is(shown.filter((it) => it instanceof RequestError).length, 3);
  t.is(shown.filter((it) => it instanceof CredentialError).length, 3);
});

// --------------------------------------------------------------------------------------------- at construction

test.serial("what cannot work is said by the constructor", async (t) => {
  const refused = [
    [{ region: undefined }, {}, "ERR_MISSING_OPTION", "region"],
    [{ sourceCredentials: {} }, {}, "ERR_INVALID_OPTION", "sourceCredentials"],
    [{ sourceCredentials: { accessKeyId: "A", secretAccessKey: 1 } }, {}, "ERR_INVALID_OPTION", "sourceCredentials"],
    [{ profile: "p" }, {}, "ERR_CONFLICTING_OPTIONS", "profile"],
    [{ stsClientConfig: { endpoint: "ftp://localhost" } }, {}, "ERR_INVALID_OPTION", "stsClientConfig.endpoint"],
    [{}, { RoleArn: "arn:aws:iam::123456789012:user/x" }, "ERR_INVALID_OPTION", "assumeRole.RoleArn"],
  ];
  for (const [overrides, assumeRole, code, param] of refused) {
    const error = t.throws(
      () => roleSession(t, bed, "OperatorRole", assumeRole, { region, ...overrides }),
      undefined,
      param,
    );
    t.like(error, { code, param }, shownForms(error));
  }
  t.is(t.throws(() => roleSession(t, bed, "x", { RoleArn: undefined })).code, "ERR_MISSING_OPTION");
  t.deepEqual(await bed.log(), []);
});
