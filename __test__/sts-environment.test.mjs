// Where the keys come from that AssumeRole is signed with when nobody gives them: profiles, the SDK's default chain, and
// an installation without the SDK's providers. In processes of their own, each with its environment.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { asked, assumed, keysOf, roleOptions, root } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";

const run = promisify(execFile);
let bed;
let home;
test.before(async () => {
  bed = await startTestbed();
  home = mkdtempSync(join(tmpdir(), "refresh-session-home-"));
});
test.beforeEach(() => bed.reset());
test.after.always(async () => {
  await bed?.stop();
  rmSync(home, { recursive: true, force: true });
});

/** Runs `script` with the options of a role as `options`; gives what it calls `say` with. */
async function child(script, { env = {}, overrides = {}, cwd = root, entry = "refresh-session" } = {}) {
  const { sourceCredentials: _, ...options } = roleOptions(bed, "OperatorRole", {}, overrides);
  const code = `
    const { RefreshableSession } = require(${JSON.stringify(entry)});
    const options = ${JSON.stringify(options)};
    const say = (value) => console.log(JSON.stringify(value));
    const shown = ({ name, code, param, message, retryable }) => ({ name, code, param, message, retryable });
    (async () => { ${script} })();`;
  const quiet = { AWS_EC2_METADATA_DISABLED: "true", HOME: home, PATH: process.env.PATH };
  const { stdout } = await run(process.execPath, ["-e", code], { cwd, env: { ...quiet, ...env }, timeout: 30_000 });
  return JSON.parse(stdout);
}

const whoami = `
  const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
  const session = new RefreshableSession(options);
  const client = session.client(STSClient, { endpoint: options.stsClientConfig.endpoint });
  try { say((await client.send(new GetCallerIdentityCommand({}))).Arn) } catch (error) { say(shown(error)) }
  await session.close();`;
const signer = async () => (await asked(bed)).map(({ accessKeyId }) => accessKeyId);

function credentialsFile(name, keys) {
  const path = join(home, `credentials-${name}`);
  const { accessKeyId, secretAccessKey } = keys;
  const lines = [`[${name}]`, `aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`, ""];
  writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  return path;
}

test.serial("a profile of the shared credentials file", async (t) => {
  const AWS_SHARED_CREDENTIALS_FILE = credentialsFile("gateway", keysOf(bed.iam.user));
  // The keys of the environment are not the profile's.
  const env = { AWS_SHARED_CREDENTIALS_FILE, AWS_ACCESS_KEY_ID: "AKIAOTHER", AWS_SECRET_ACCESS_KEY: "other" };
  t.is(await child(whoami, { env, overrides: { profile: "gateway" } }), assumed("OperatorRole"));
  t.deepEqual(await signer(), [bed.iam.user.accessKeyId]);
});

test.serial("a profile there is not: the error says whose it is, and the SDK's is its cause", async (t) => {
  const AWS_SHARED_CREDENTIALS_FILE = credentialsFile("gateway", keysOf(bed.iam.user));
  const error = await child(whoami, { env: { AWS_SHARED_CREDENTIALS_FILE }, overrides: { profile: "nobody" } });
  t.like(error, { name: "CredentialError", code: "ERR_CALLBACK_FAILED", param: "sourceCredentials" });
  t.deepEqual(await signer(), []);
});

test.serial("the default chain: the environment", async (t) => {
  const { accessKeyId, secretAccessKey } = bed.iam.user;
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  t.is(await child(whoami, { env }), assumed("OperatorRole"));
  t.deepEqual(await signer(), [accessKeyId]);
});

test.serial("the default chain: the default profile", async (t) => {
  const env = { AWS_SHARED_CREDENTIALS_FILE: credentialsFile("default", keysOf(bed.iam.user)) };
  t.is(await child(whoami, { env }), assumed("OperatorRole"));
});

test.serial("the default chain with nothing in it is a typed error", async (t) => {
  const error = await child(whoami, {
    env: { AWS_CONFIG_FILE: "/nonexistent", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" },
  });
  t.like(error, { name: "CredentialError", code: "ERR_CALLBACK_FAILED", param: "sourceCredentials" });
  t.deepEqual(await bed.log(), []);
});

for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION"]) {
  test.serial(`the region of ${name}, if the options name none`, async (t) => {
    const { accessKeyId, secretAccessKey } = bed.iam.user;
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, [name]: "eu-north-1" };
    t.is(await child(whoami, { env, overrides: { region: undefined } }), assumed("OperatorRole"));
    t.regex((await asked(bed))[0].headers.authorization, /eu-north-1\/sts/);
  });
}

test.serial("no region anywhere, or an empty one: the constructor says so", async (t) => {
  const script = "try { new RefreshableSession(options) } catch (error) { say(shown(error)) }";
  const error = await child(script, { env: { AWS_REGION: "" }, overrides: { region: undefined } });
  t.like(error, { code: "ERR_MISSING_OPTION", param: "region", retryable: false });
  t.true(error.message.includes("AWS_REGION"), error.message);
});

test.serial("without the SDK's providers: ERR_MISSING_PEER from the constructor, unless keys are given", async (t) => {
  // A copy, as npm would install it where nothing else is.
  const copy = join(home, "bare/node_modules/refresh-session");
  mkdirSync(copy, { recursive: true });
  for (const name of ["dist", "package.json", ...readdirSync(root).filter((it) => it.endsWith(".node"))]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  const bare = { cwd: join(home, "bare") };
  const script = `
    const thrown = (more) => { try { new RefreshableSession({ ...options, ...more }) } catch (error) { return shown(error) } };
    const keys = { accessKeyId: "AKIA", secretAccessKey: "x" };
    say([thrown({}), thrown({ profile: "p" }), thrown({ sourceCredentials: keys }) ?? "fine"]);`;
  const [chain, profile, given] = await child(script, bare);
  const expected = { name: "ConfigurationError", code: "ERR_MISSING_PEER", retryable: false };
  t.like(chain, { ...expected, param: "sourceCredentials" });
  t.like(profile, { ...expected, param: "profile" });
  t.true(chain.message.includes("npm install @aws-sdk/credential-providers"), chain.message);
  t.is(given, "fine");
});
