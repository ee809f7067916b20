// The SDK's own sources behind `refreshable`: SSO, IMDS, a process, `aws login`.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import {
  fromLoginCredentials,
  fromProcess,
  fromSSO,
  fromInstanceMetadata as wrappedInstanceMetadata,
} from "@aws-sdk/credential-providers";
import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import test from "ava";
import { fromAssumeRole, RefreshableSession, refreshable } from "../dist/index.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, until } from "./support/waiting.mjs";

const run = promisify(execFile);
const region = "eu-west-1";
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let bed;
let home;

test.before(async () => {
  bed = await startTestbed();
  home = await mkdtemp(join(tmpdir(), "refresh-session-home-"));
  // The SDK looks for profiles and for its caches below it.
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  process.env.HOME = home;
  process.env.AWS_ENDPOINT_URL_SSO = process.env.AWS_ENDPOINT_URL_SSO_OIDC = bed.sso.url;
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = bed.imds.endpoint;
});
test.beforeEach(() => bed.reset());
test.after.always(async () => {
  await bed?.stop();
  await rm(home, { recursive: true, force: true });
});

const stsOf = (credentials) => new STSClient({ region, endpoint: bed.sts.http, maxAttempts: 1, credentials });
const arnOf = async (credentials) => (await stsOf(credentials).send(new GetCallerIdentityCommand({}))).Arn;
const requests = async (service) => (await bed.control("GET", `/log?event=request&service=${service}`)).length;

async function write(path, content) {
  const file = join(home, ".aws", path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

/** A profile of SSO that is signed in: `cache` is the file with its token. */
async function ssoProfile(name, signedIn) {
  const { startUrl, region, accountId, roleName } = bed.sso;
  const cache = `sso/cache/${createHash("sha1").update(name).digest("hex")}.json`;
  await write(cache, JSON.stringify(signedIn));
  await write(
    "config",
    `[sso-session ${name}]\nsso_start_url = ${startUrl}\nsso_region = ${region}\n` +
      `[profile ${name}]\nsso_session = ${name}\nsso_account_id = ${accountId}\nsso_role_name = ${roleName}\n`,
  );
  return { cache, provider: fromSSO({ profile: name, ignoreCache: true, clientConfig: { maxAttempts: 1 } }) };
}

const ssoOf = async (name) => (await ssoProfile(name, await bed.signIn())).provider;
const instance = (options = {}) =>
  fromInstanceMetadata({ ec2MetadataV1Disabled: true, timeout: 1000, maxRetries: 0, logger: quiet, ...options });

/** Keys of a role from the testbed, as a process or a login would have them. */
async function roleKeys() {
  const input = { RoleArn: bed.iam.roles.OperatorRole, RoleSessionName: "sources" };
  return (await stsOf(bed.iam.user).send(new AssumeRoleCommand(input))).Credentials;
}

async function processOf(name) {
  const keys = await write(`${name}.json`, JSON.stringify({ Version: 1, ...(await roleKeys()) }));
  const counter = join(home, `${name}.count`);
  await write("config", `[profile ${name}]\ncredential_process = sh -c 'echo x >> ${counter}; cat ${keys}'\n`);
  return { counter, keys, provider: fromProcess({ profile: name, ignoreCache: true }) };
}

async function loginOf(name) {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = await roleKeys();
  const token = {
    accessToken: {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      accountId: bed.iam.account,
      expiresAt: Expiration.toISOString(),
    },
    clientId: "arn:aws:signin:::devtools/same-device",
    refreshToken: "canary-refresh",
    dpopKey: "canary-dpop",
  };
  await write(`login/cache/${createHash("sha256").update(name).digest("hex")}.json`, JSON.stringify(token));
  await write("config", `[profile ${name}]\nlogin_session = ${name}\n`);
  return fromLoginCredentials({ profile: name, ignoreCache: true });
}

const role = (name, session) => `arn:aws:sts::123456789012:assumed-role/${name}/${session}`;
for (const [title, service, provider, arn] of [
  ["SSO", "sso", () => ssoOf("many"), role("SsoRole", "operator@testbed.example")],
  ["IMDS", "imds", async () => instance(), role("InstanceRole", "i-0042c0ffee0042abc")],
]) {
  test.serial(`${title}: fifty reads at once are one fetch, and what it gives is good for AWS`, async (t) => {
    const inner = await provider();
    const alone = await requests(service).then(async (before) => {
      await inner();
      return (await requests(service)) - before;
    });
    const before = await requests(service);
    const credentials = refreshable(inner);
    const all = await Promise.all(Array.from({ length: 50 }, () => credentials()));
    t.is(new Set(all.map(({ accessKeyId }) => accessKeyId)).size, 1);
    t.is((await requests(service)) - before, alone);
    t.true(all[0].expiration instanceof Date);
    t.is(await arnOf(credentials), arn);
  });

  test.serial(`${title}: keys are renewed before their end, with nobody waiting without keys`, async (t) => {
    await bed.configure({ lifeSeconds: 4 });
    const credentials = refreshable(await provider());
    const first = await credentials();
    await until(async () => (await credentials()).accessKeyId !== first.accessKeyId);
    t.true(Date.now() < first.expiration.getTime());
  });
}

test.serial("SSO: keys held are served while the portal is away", async (t) => {
  await bed.configure({ lifeSeconds: 6 });
  const lines = [];
  const logger = { ...quiet, warn: (line) => lines.push(line) };
  const credentials = refreshable(await ssoOf("away"), { logger });
  const { accessKeyId } = await credentials();
  await bed.faultOf("sso", "status", { code: 503 });
  await until(async () => {
    t.is((await credentials()).accessKeyId, accessKeyId);
    return lines.length > 0;
  });
  t.regex(lines[0], /ERR_CALLBACK_FAILED: .*the keys held are good for /);
});

test.serial("IMDS: keys held are served while it is away, and end no earlier", async (t) => {
  const provider = instance();
  const session = new RefreshableSession({ method: "custom", customCredentials: () => provider() });
  const keys = await session.credentials();
  await bed.faultOf("imds", "status", { code: 503 });
  const error = await failureOf(session.refresh({ force: true }));
  t.is(error.code, "ERR_EXPIRED_REPLY");
  t.deepEqual({ ...(await session.credentials()) }, { ...keys });
  await session.close();
});

test.serial(
  "IMDS: keys are extended beyond their end while it is away, by the provider that remembers them",
  async (t) => {
    await bed.configure({ lifeSeconds: 2 });
    const wrapped = wrappedInstanceMetadata({ ec2MetadataV1Disabled: true, maxRetries: 0, logger: quiet });
    const [credentials, forgetful] = [refreshable(instance()), refreshable(wrapped)];
    const [first, lost] = await Promise.all([credentials(), forgetful()]);
    await bed.faultOf("imds", "status", { code: 503 });
    await until(() => Date.now() > Math.max(first.expiration.getTime(), lost.expiration.getTime()));
    const extended = await credentials();
    t.is(extended.accessKeyId, first.accessKeyId);
    t.true(extended.expiration.getTime() - Date.now() > 4 * 60_000);
    t.is((await failureOf(forgetful())).code, "ERR_CALLBACK_FAILED");
  },
);

test.serial(
  "SSO: a session that is over is an error with a hint, and the login is found without a restart",
  async (t) => {
    const ended = { ...(await bed.signIn(-1)), refreshToken: "used" };
    const { cache, provider } = await ssoProfile("over", ended);
    const credentials = refreshable(provider);
    const error = await failureOf(credentials());
    t.like(error, { name: "CredentialError", code: "ERR_CALLBACK_FAILED", param: "provider", retryable: true });
    t.regex(error.message, /CredentialsProviderError/);
    t.regex(error.hint, /cause/);
    t.regex(error.cause.message, /aws sso login/);
    await write(cache, JSON.stringify(await bed.signIn()));
    const keys = await until(() => credentials().catch(() => undefined));
    t.is(await arnOf(keys), role("SsoRole", "operator@testbed.example"));
  },
);

test.serial("SSO: after the sign-out valid keys are served on, and then the error has the portal's word", async (t) => {
  await bed.configure({ lifeSeconds: 4 });
  const credentials = refreshable(await ssoOf("signed-out"));
  const first = await credentials();
  await bed.signOut();
  await until(async () => {
    const keys = await credentials().catch((error) => error);
    if (keys instanceof Error) return true;
    t.is(keys.accessKeyId, first.accessKeyId);
    return false;
  });
  t.true(Date.now() >= first.expiration.getTime() - 100, "not an error while the keys hold");
  const error = await failureOf(credentials());
  t.is(error.code, "ERR_CALLBACK_FAILED");
  t.regex(String(error.cause.message), /Session token not found or invalid/);
});

test.serial("a process is run once for fifty reads, and keys held are served when it fails", async (t) => {
  await bed.configure({ lifeSeconds: 4 });
  const { counter, keys, provider } = await processOf("vault");
  const credentials = refreshable(provider);
  const all = await Promise.all(Array.from({ length: 50 }, () => credentials()));
  t.is(new Set(all.map(({ accessKeyId }) => accessKeyId)).size, 1);
  t.is(await readFile(counter, "utf8"), "x\n");
  await rm(keys);
  await until(async () => {
    t.is((await credentials()).accessKeyId, all[0].accessKeyId);
    return (await readFile(counter, "utf8")) !== "x\n";
  });
});

test.serial("`aws login` is read from its cache", async (t) => {
  const credentials = refreshable(await loginOf("me"));
  t.is(await arnOf(credentials), role("OperatorRole", "sources"));
});

test.serial("a role is assumed with keys of SSO", async (t) => {
  const { arn } = await bed.makeRole("Deploy", { trusted: [bed.iam.roles.SsoRole] });
  const credentials = fromAssumeRole({
    assumeRole: { RoleArn: arn, RoleSessionName: "ops" },
    sourceCredentials: refreshable(await ssoOf("ops")),
    stsClientConfig: { region, endpoint: bed.sts.http },
  });
  t.is(await arnOf(credentials), role("Deploy", "ops"));
});

test.serial("the programs of docs/sources.md run", async (t) => {
  const { arn } = await bed.makeRole("Deploy", { trusted: [bed.iam.roles.SsoRole] });
  const prepare = {
    fromSSO: () => ssoOf("ops"),
    fromInstanceMetadata: async () => {},
    fromProcess: () => processOf("vault"),
    fromLoginCredentials: () => loginOf("me"),
  };
  const text = await readFile(new URL("../docs/sources.md", import.meta.url), "utf8");
  const programs = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, program]) => program);
  t.is(programs.length, 5);
  const told = [];
  for (const program of programs) {
    await prepare[/\b(from\w+)\(/.exec(program)[1]]();
    const adapted = program
      .replace("arn:aws:iam::123456789012:role/Deploy", arn)
      .replace("sourceCredentials:", `stsClientConfig: { endpoint: "${bed.sts.http}" }, sourceCredentials:`);
    // Beside the tests, so that the package finds itself and the SDK by name.
    const file = new URL("./sources-program.generated.mjs", import.meta.url);
    await writeFile(file, adapted);
    try {
      const env = { ...process.env, AWS_ENDPOINT_URL_STS: bed.sts.http };
      told.push((await run(process.execPath, [file.pathname], { env })).stdout.trim().split("/").slice(-2)[0]);
    } finally {
      await rm(file);
    }
  }
  t.deepEqual(told, ["SsoRole", "InstanceRole", "OperatorRole", "OperatorRole", "Deploy"]);
});
