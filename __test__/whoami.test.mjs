// Who a session is: `getCallerIdentity`, `whoami` and `sourceIdentity` of every method, against the local AWS.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf } from "./support/waiting.mjs";

const run = promisify(execFile);
const region = "eu-west-1";
const account = "123456789012";
let bed;
let stsClientConfig;

test.before(async () => {
  bed = await startTestbed();
  for (const name of Object.keys(process.env)) if (/^AWS_(?!SDK_)/.test(name)) delete process.env[name];
  stsClientConfig = { region, endpoint: bed.sts.http };
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

/** The keys that the last question to STS was signed with. */
async function signer() {
  const asked = (await bed.log("request")).findLast(({ service }) => service === "sts");
  return /Credential=([^/]+)/.exec(asked.headers.authorization)[1];
}

function role(name, more = {}) {
  const { accessKeyId, secretAccessKey } = bed.iam.user;
  return {
    assumeRole: { RoleArn: bed.iam.roles[name], RoleSessionName: "gw-0042" },
    sourceCredentials: { accessKeyId, secretAccessKey },
    stsClientConfig,
    ...more,
  };
}

async function operatorKeys() {
  const { accessKeyId, secretAccessKey } = bed.iam.user;
  return { accessKeyId, secretAccessKey };
}

const methods = {
  iot: [() => bed.pem(), "iot-x509", /:assumed-role\/GatewayRole\/[0-9a-f]{64}$/],
  sts: [() => role("OperatorRole"), "sts-assume-role", /:assumed-role\/OperatorRole\/gw-0042$/],
  webIdentity: [
    () => {
      const { sourceCredentials: _, ...web } = role("WebRole");
      return { method: "webIdentity", ...web, webIdentityToken: () => bed.identityToken() };
    },
    "web-identity",
    /:assumed-role\/WebRole\/gw-0042$/,
  ],
  container: [
    () => ({ method: "container", fullUri: bed.container.fullUri }),
    "container",
    /:assumed-role\/ContainerRole\//,
  ],
  custom: [
    () => ({ method: "custom", customCredentials: operatorKeys }),
    "operatorKeys",
    /^arn:aws:iam::\d+:user\/gateway-operator$/,
  ],
};

for (const [method, [options, source, arn]] of Object.entries(methods)) {
  // These have an STS of their own; the others are told which.
  const own = method === "sts" || method === "webIdentity";

  test.serial(`${method}: whoami is signed with the session's keys`, async (t) => {
    const session = sessionFor(t, options());
    const place = own ? undefined : stsClientConfig;
    const said = await session.getCallerIdentity(place);
    t.deepEqual(Object.keys(said), ["method", "source", "Account", "Arn", "UserId"]);
    t.like(said, { method, source, Account: account });
    t.regex(said.Arn, arn);
    t.true(said.UserId.length > 3);
    const { accessKeyId } = await session.credentials();
    t.is(await signer(), accessKeyId);

    await session.refresh({ force: true });
    t.deepEqual(await session.whoami(place), said);
    t.is(await signer(), (await session.credentials()).accessKeyId, "the renewed ones");
    await session.close();
    await t.throwsAsync(session.whoami(place), { code: "ERR_CLOSED" });
  });

  if (method === "sts") continue;
  test.serial(`${method}: there is no source identity`, async (t) => {
    const error = await failureOf(sessionFor(t, options()).sourceIdentity(stsClientConfig));
    t.like(error, { name: "ValidationError", code: "ERR_INVALID_OPTION", param: "method" });
    t.deepEqual(await bed.log("request"), []);
  });
}

test.serial("sts: the source identity is the user, and nothing is assumed to know it", async (t) => {
  const session = sessionFor(t, role("OperatorRole"));
  const said = await session.sourceIdentity();
  t.like(said, { method: "sts", source: "source-credentials", Account: account });
  t.is(said.Arn, bed.iam.user.arn);
  t.is(await signer(), bed.iam.user.accessKeyId);
  t.is(session.status().fetches, 0);
  await session.close();
  await t.throwsAsync(session.sourceIdentity(), { code: "ERR_CLOSED" });
});

test.serial("sts: what the source of the keys throws is the cause", async (t) => {
  const thrown = new Error("no keys today");
  const source = async () => {
    throw thrown;
  };
  const error = await failureOf(sessionFor(t, role("OperatorRole", { sourceCredentials: source })).sourceIdentity());
  t.like(error, { code: "ERR_CALLBACK_FAILED", param: "sourceCredentials" });
  t.is(error.cause, thrown);
});

test.serial("a chain: the source of a role is the session below it", async (t) => {
  const below = sessionFor(t, bed.pem());
  const session = sessionFor(t, role("FleetRole", { sourceCredentials: below.credentials }));
  t.is((await session.whoami()).Account, bed.iam.otherAccount);
  t.is((await session.sourceIdentity()).Arn, (await below.whoami(stsClientConfig)).Arn);
});

test.serial("STS is that of the session's region, or the environment's; without one it says so", async (t) => {
  const custom = { method: "custom", customCredentials: operatorKeys };
  const { endpoint } = stsClientConfig;
  const error = await failureOf(sessionFor(t, custom).whoami({ endpoint }));
  t.like(error, { name: "ValidationError", code: "ERR_MISSING_OPTION", param: "region" });
  t.regex(error.message, /AWS_REGION/);

  const regionOf = async (session) => {
    await session.whoami({ endpoint });
    return (await bed.log("request")).at(-1).headers.authorization.split("/")[2];
  };
  t.is(await regionOf(sessionFor(t, { ...custom, region: "eu-north-1" })), "eu-north-1");
  process.env.AWS_DEFAULT_REGION = "eu-south-1";
  t.is(await regionOf(sessionFor(t, custom)), "eu-south-1");
  process.env.AWS_REGION = "eu-central-1";
  t.is(await regionOf(sessionFor(t, custom)), "eu-central-1");
  delete process.env.AWS_REGION;
  delete process.env.AWS_DEFAULT_REGION;
});

test.serial("a config of STS replaces the session's, and is checked like it", async (t) => {
  const session = sessionFor(t, role("OperatorRole", { stsClientConfig: { region, endpoint: "http://127.0.0.1:1" } }));
  await t.throwsAsync(session.sourceIdentity(), { code: "ERR_CONNECT" });
  const config = { endpoint: bed.sts.https, ca: bed.pki.serverCa, proxy: false };
  t.is((await session.sourceIdentity(config)).Arn, bed.iam.user.arn, "over TLS, with the region of the session's");
  for (const [wrong, param, code] of [
    [{ regoin: region }, "stsClientConfig.regoin", "ERR_UNKNOWN_OPTION"],
    [{ region: 1 }, "stsClientConfig.region", "ERR_INVALID_OPTION"],
    [{ endpoint: "ftp://x" }, "stsClientConfig.endpoint", "ERR_INVALID_OPTION"],
    ["eu-west-1", "stsClientConfig", "ERR_INVALID_OPTION"],
    [null, "stsClientConfig", "ERR_INVALID_OPTION"],
  ]) {
    t.like(await failureOf(session.whoami(wrong)), { name: "ValidationError", code, param }, JSON.stringify(wrong));
  }
});

test.serial("what STS refuses and silence are typed errors", async (t) => {
  const session = sessionFor(t, { ...bed.pem(), timeoutMs: 400 });
  const { accessKeyId } = await session.credentials();
  await bed.revoke(accessKeyId);
  const refused = await failureOf(session.whoami(stsClientConfig));
  t.like(refused, { name: "RequestError", statusCode: 403, awsErrorType: "ExpiredToken" });
  await bed.faultOf("sts", "half-open");
  t.like(await failureOf(session.whoami(stsClientConfig)), { name: "ConnectionError", code: "ERR_TIMEOUT" });
});

test.serial("closing ends the wait for STS", async (t) => {
  await bed.faultOf("sts", "half-open");
  const session = sessionFor(t, bed.pem());
  const asking = failureOf(session.whoami(stsClientConfig));
  await bed.control("GET", "/log?event=request&service=sts&atLeast=1&waitMs=10000");
  await session.close();
  t.is((await asking).code, "ERR_CLOSED");
});

test.serial("a broken file of partitions, at which the SDK would panic, is not read", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "refresh-session-whoami-"));
  t.teardown(() => rm(dir, { recursive: true }));
  const file = join(dir, "partitions.json");
  await writeFile(file, "{");
  const child = fileURLToPath(new URL("children/whoami.mjs", import.meta.url));
  const { accessKeyId, secretAccessKey } = bed.iam.user;
  const given = JSON.stringify({
    keys: { accessKeyId, secretAccessKey },
    stsClientConfig,
    role: bed.iam.roles.OperatorRole,
  });
  const env = { ...process.env, SMITHY_CLIENT_SDK_CUSTOM_PARTITION: file };
  const { stdout } = await run(process.execPath, [child, given], { env });
  for (const { code } of JSON.parse(stdout)) t.is(code, undefined, stdout);
});
