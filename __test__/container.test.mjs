// The container endpoint: where it is looked for, what it is shown, what it may answer, how often it is asked.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { fromContainer } from "refresh-session";
import { shownForms } from "./support/refusals.mjs";
import { callerIdentity, recorder, sessionFor } from "./support/sessions.mjs";
import { arnOf, assumed, CANARIES, region, root } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, heard, listening, until } from "./support/waiting.mjs";

const FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const ARN = assumed("ContainerRole", "4d2f1b0a");

let bed;
let urls = 0;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.afterEach.always(() => {
  for (const name of [FULL, RELATIVE, TOKEN, TOKEN_FILE]) delete process.env[name];
});
test.after.always(() => bed?.stop());

/** One that no other test has: sessions on the same share what they fetch. */
const fullUri = () => `${bed.container.fullUri}?n=${++urls}`;
const open = (t, options) => sessionFor(t, { method: "container", region, ...options });
const requests = () => bed.control("GET", "/log?event=request&service=container");

// ---------------------------------------------------------------------------------------------------- where it is

test.serial("a URL of the options", async (t) => {
  const session = open(t, { fullUri: fullUri() });
  t.is(session.method, "container");
  t.is(await arnOf(bed, session), ARN);
  const { expiration } = await session.credentials();
  t.true(expiration > Date.now() + 5 * 3_600_000);
  t.is((await callerIdentity(bed, { credentials: fromContainer({ fullUri: fullUri() }) })).Arn, ARN);
});

test.serial("the environment is read at every fetch, not before", async (t) => {
  const session = open(t, {});
  const error = await failureOf(session.credentials());
  t.like(error, { code: "ERR_MISSING_OPTION", param: "fullUri" });
  t.true(error.message.includes(FULL) && error.message.includes(RELATIVE), error.message);
  process.env[FULL] = `${bed.container.url}/one`;
  await session.refresh({ force: true });
  process.env[FULL] = `${bed.container.url}/two`;
  process.env[TOKEN] = "Bearer canaryTOKEN";
  await session.refresh({ force: true });
  const log = await requests();
  t.deepEqual(
    log.map(({ path, headers }) => [path, headers.authorization]),
    [
      ["/one", undefined],
      ["/two", "(18 characters)"],
    ],
  );
});

test.serial("a thread has an environment of its own, and sessions of its own", async (t) => {
  process.env[FULL] = `${bed.container.url}/main`;
  const mine = open(t, {});
  await mine.ready();
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { RefreshableSession } = require(workerData.root);
    process.env.${FULL} = workerData.url;
    const session = new RefreshableSession({ method: "container", region: "${region}" });
    session.credentials()
      .then(({ accessKeyId }) => session.close().then(() => parentPort.postMessage(accessKeyId)))
      .catch((error) => parentPort.postMessage(String(error)));`;
  const worker = new Worker(code, { eval: true, workerData: { root, url: `${bed.container.url}/worker` } });
  t.teardown(() => worker.terminate());
  const theirs = await heard(worker, "message");
  t.regex(theirs, /^ASIA/);
  t.not(theirs, (await mine.credentials()).accessKeyId);
  t.deepEqual(
    (await requests()).map(({ path }) => path),
    ["/main", "/worker"],
  );
});

for (const url of [
  "http://192.0.2.1/x",
  "http://198.51.100.1/latest",
  "http://203.0.113.1/",
  "http://[2001:db8::1]/",
]) {
  test.serial(`${url} is refused, from the options and from the environment`, async (t) => {
    t.like(
      t.throws(() => open(t, { fullUri: url })),
      { code: "ERR_INVALID_OPTION", param: "fullUri" },
    );
    process.env[FULL] = url;
    t.like(await failureOf(open(t, {}).credentials()), { code: "ERR_INVALID_OPTION", param: FULL });
  });
}

test.serial("a name is taken if all its addresses are this machine's", async (t) => {
  const { port } = new URL(bed.container.fullUri);
  await t.notThrowsAsync(open(t, { fullUri: `http://localhost:${port}/n` }).ready());
});

// --------------------------------------------------------------------------------------------------------- the token

test.serial("a token and a token's file, sent as they are; the file is read at every fetch", async (t) => {
  const [first, second] = ["Bearer canaryTOKEN1", "canaryTOKEN2"];
  await bed.configure({ containerToken: first });
  await t.notThrowsAsync(open(t, { fullUri: fullUri(), authorizationToken: first }).ready());
  const path = join(bed.dir, "token");
  writeFileSync(path, `${first}\n`);
  const session = open(t, { fullUri: fullUri(), authorizationTokenFile: path });
  await session.ready();
  await bed.configure({ containerToken: second });
  t.is((await failureOf(session.refresh({ force: true }))).code, "ERR_ACCESS_DENIED");
  writeFileSync(path, second);
  await session.refresh({ force: true });
  rmSync(path);
  const error = await failureOf(session.refresh({ force: true }));
  t.like(error, { code: "ERR_FILE_UNREADABLE", param: "authorizationTokenFile" });
  t.is(session.status().zone, "fresh");
});

test.serial("of the environment: the file before the token, each read anew", async (t) => {
  const path = join(bed.dir, "token-of-the-environment");
  writeFileSync(path, "canaryTOKEN-of-the-file");
  process.env[TOKEN] = "canaryTOKEN";
  const session = open(t, { fullUri: fullUri() });
  await session.ready();
  process.env[TOKEN_FILE] = path;
  await session.refresh({ force: true });
  writeFileSync(path, "canaryTOKEN-changed");
  await session.refresh({ force: true });
  const sent = (await requests()).map(({ headers }) => headers.authorization);
  t.deepEqual(sent, ["(11 characters)", "(23 characters)", "(19 characters)"]);
});

test.serial("a token that would end its header is refused, wherever it is from", async (t) => {
  const path = join(bed.dir, "token-with-lines");
  for (const token of ["canaryTOKEN\r\nX: y", "canaryTOKEN\n\n", "canaryTOKEN\rX"]) {
    writeFileSync(path, token);
    const refused = [
      [t.throws(() => open(t, { fullUri: fullUri(), authorizationToken: token })), "authorizationToken"],
    ];
    const ofFile = open(t, { fullUri: fullUri(), authorizationTokenFile: path });
    refused.push([await failureOf(ofFile.credentials()), "authorizationTokenFile"]);
    process.env[TOKEN] = token;
    refused.push([await failureOf(open(t, { fullUri: fullUri() }).credentials()), TOKEN]);
    delete process.env[TOKEN];
    process.env[TOKEN_FILE] = path;
    refused.push([await failureOf(open(t, { fullUri: fullUri() }).credentials()), TOKEN_FILE]);
    delete process.env[TOKEN_FILE];
    for (const [error, param] of refused) {
      t.like(error, { code: "ERR_INVALID_OPTION", param }, shownForms(error));
      t.false(shownForms(error).includes("canaryTOKEN"), shownForms(error));
    }
  }
  t.deepEqual(await requests(), []);
});

test.serial("no token, or a wrong one", async (t) => {
  await bed.configure({ containerToken: "Bearer canaryTOKEN1" });
  const none = await failureOf(open(t, { fullUri: fullUri() }).credentials());
  t.like(none, { name: "RequestError", code: "ERR_ACCESS_DENIED", statusCode: 401, retryable: false });
  t.true(none.message.includes("authorizationToken"));
  const wrong = await failureOf(open(t, { fullUri: fullUri(), authorizationToken: "canaryTOKEN9" }).credentials());
  t.like(wrong, { name: "RequestError", code: "ERR_ACCESS_DENIED", statusCode: 403, retryable: false });
  t.is((await requests()).length, 2);
});

// -------------------------------------------------------------------------------------------------- how often, what

test.serial("twice a fault of its own, then keys: three attempts; a third one surfaces", async (t) => {
  const session = open(t, { fullUri: fullUri() });
  await bed.faultOf("container", "status", { code: 503 }, 2);
  await session.ready();
  t.deepEqual(
    (await requests()).map(({ status }) => status),
    [503, 503, 200],
  );
  t.like(session.status(), { fetches: 1, failures: 0 });
  await bed.faultOf("container", "status", { code: 500 }, 3);
  const error = await failureOf(session.refresh({ force: true }));
  t.like(error, { code: "ERR_SERVICE_UNAVAILABLE", statusCode: 500, retryable: true });
  t.is((await requests()).length, 6);
  t.is(session.status().zone, "fresh");
});

test.serial("with Retry-After it is asked once", async (t) => {
  await bed.faultOf("container", "status", { code: 429, retryAfter: 60 }, 1);
  const session = open(t, { fullUri: fullUri() });
  t.like(await failureOf(session.credentials()), { code: "ERR_THROTTLED", statusCode: 429, retryable: true });
  t.is((await requests()).length, 1);
});

for (const [mode, params, code, attempts] of [
  ["redirect", { location: "http://127.0.0.1:1/" }, "ERR_UNEXPECTED_STATUS", 1],
  ["status", { code: 404 }, "ERR_UNEXPECTED_STATUS", 1],
  ["html-body", {}, "ERR_BAD_REPLY", 3],
  ["truncated-json", {}, "ERR_BAD_REPLY", 3],
  // boto3-refresh-session wants a field `SessionToken`, which no endpoint sends.
  ["missing-field", { name: "sessionToken" }, "ERR_BAD_REPLY", 3],
  ["empty-field", { name: "secretAccessKey" }, "ERR_BAD_REPLY", 3],
  ["wrong-type-field", { name: "accessKeyId" }, "ERR_BAD_REPLY", 3],
  ["bad-expiration", { value: "tomorrow" }, "ERR_BAD_REPLY", 3],
  ["expired", {}, "ERR_EXPIRED_REPLY", 3],
]) {
  test.serial(`${mode} ${JSON.stringify(params)}: ${code}, ${attempts} attempts, and keys held stay`, async (t) => {
    const session = open(t, { fullUri: fullUri() });
    const keys = { ...(await session.credentials()) };
    await bed.faultOf("container", mode, params);
    const error = await failureOf(session.refresh({ force: true }));
    t.is(error.code, code, shownForms(error));
    t.is(error.tryNextLink, false);
    t.is((await requests()).length, 1 + attempts);
    t.deepEqual({ ...(await session.credentials()) }, keys);
    for (const canary of CANARIES) t.false(shownForms(error).includes(canary), shownForms(error));
  });
}

test.serial("an endpoint that says nothing: ERR_TIMEOUT after timeoutMs, all attempts together", async (t) => {
  await bed.faultOf("container", "half-open");
  const error = await failureOf(open(t, { fullUri: fullUri(), timeoutMs: 300 }).credentials());
  t.like(error, { name: "ConnectionError", code: "ERR_TIMEOUT", retryable: true });
  t.true(error.message.includes("300 ms"), error.message);
  t.is((await requests()).length, 1);
});

test.serial("two hundred callers: one request; keys that are refused are replaced", async (t) => {
  const session = open(t, { fullUri: fullUri() });
  await Promise.all(Array.from({ length: 200 }, () => session.credentials()));
  t.is((await requests()).length, 1);
  await bed.revoke((await session.credentials()).accessKeyId);
  t.is(await arnOf(bed, session), ARN);
  t.is((await requests()).length, 2);
});

test.serial("the account's id is for those who asked for it", async (t) => {
  const eks = () => `${bed.container.url}/v1/credentials?n=${++urls}`;
  t.is((await open(t, { fullUri: eks(), accountId: true }).credentials()).accountId, bed.iam.account);
  t.is((await open(t, { fullUri: eks() }).credentials()).accountId, undefined);
  t.is((await open(t, { fullUri: fullUri(), accountId: true }).credentials()).accountId, undefined);
});

// ----------------------------------------------------------------------------------------------------------- the rest

test.serial("what excludes each other, or is none, is refused by the constructor", async (t) => {
  const uri = bed.container.fullUri;
  for (const [options, code, param] of [
    [{ fullUri: uri, relativeUri: "/x" }, "ERR_CONFLICTING_OPTIONS", "fullUri"],
    [
      { authorizationToken: "canaryTOKEN", authorizationTokenFile: "/x" },
      "ERR_CONFLICTING_OPTIONS",
      "authorizationTokenFile",
    ],
    [{ relativeUri: "no-path" }, "ERR_INVALID_OPTION", "relativeUri"],
    [{ fullUri: "http://user:canaryTOKEN@127.0.0.1/" }, "ERR_INVALID_OPTION", "fullUri"],
    [{ fullUri: "ftp://127.0.0.1/" }, "ERR_INVALID_OPTION", "fullUri"],
    [{ assumeRole: {} }, "ERR_UNKNOWN_OPTION", "assumeRole"],
  ]) {
    const error = t.throws(() => open(t, options));
    t.like(error, { code, param });
    t.false(shownForms(error).includes("canaryTOKEN"), shownForms(error));
  }
  t.deepEqual(await bed.log(), []);
});

test.serial("no secret is in anything a session shows or says", async (t) => {
  const logger = recorder();
  const authorizationToken = "canaryTOKEN-authorization";
  const session = open(t, { fullUri: fullUri(), authorizationToken, logger });
  const events = listening(session);
  await session.ready();
  await bed.faultOf("container", "status", { code: 403, body: "canarySECRET canaryTOKEN" }, 1);
  const error = await failureOf(session.refresh({ force: true }));
  await until(() => events.refreshError.length > 0);
  for (const value of [session, session.status(), events, logger.lines, error]) {
    for (const canary of CANARIES) t.false(shownForms(value).includes(canary), shownForms(value));
  }
});
