// The testbed's sources of keys, proven with the SDK's own clients and providers: what AWS accepts they accept.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { fromContainerMetadata, fromHttp, fromSSO } from "@aws-sdk/credential-providers";
import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import test from "ava";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf } from "./support/waiting.mjs";

const region = "eu-west-1";
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let bed;
let home;

test.before(async () => {
  bed = await startTestbed();
  home = await mkdtemp(join(tmpdir(), "refresh-session-home-"));
  // The SDK looks for profiles and for the cache of SSO below it.
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  process.env.HOME = home;
});
test.beforeEach(() => bed.reset());
test.after.always(async () => {
  await bed?.stop();
  await rm(home, { recursive: true, force: true });
});

const stsOf = (credentials, options) =>
  new STSClient({ region, endpoint: bed.sts.http, maxAttempts: 1, credentials, ...options });
const operator = () => stsOf(bed.iam.user);
const sdkKeys = ({ AccessKeyId, SecretAccessKey, SessionToken }) => ({
  accessKeyId: AccessKeyId,
  secretAccessKey: SecretAccessKey,
  sessionToken: SessionToken,
});
const arnOf = async (credentials) => (await stsOf(credentials).send(new GetCallerIdentityCommand({}))).Arn;
const assume = (role, input = {}) =>
  new AssumeRoleCommand({ RoleArn: bed.iam.roles[role], RoleSessionName: "gw-0042", ...input });
const lastOf = async (service) => (await bed.control("GET", `/log?event=request&service=${service}`)).at(-1);

/** Keys from the credentials endpoint, with the device's certificate. */
async function gatewayKeys() {
  const [ca, cert, key] = await Promise.all(
    [bed.pki.serverCa, bed.pki.devices.ec256.certificate, bed.pki.devices.ec256.privateKey].map((path) =>
      readFile(path),
    ),
  );
  const url = `https://${bed.iot.endpoint}/role-aliases/gateway-role/credentials`;
  const [reply] = await once(request(url, { ca, cert, key, agent: false }).end(), "response");
  const { credentials } = await json(reply);
  return { ...credentials, expiration: new Date(credentials.expiration) };
}

/** Code and status of what a request is refused with. */
async function refused(t, promise, code, status) {
  const error = await failureOf(promise);
  t.is(error.name, code, error.message);
  t.is(error.$metadata?.httpStatusCode, status, error.message);
  return error;
}

test.serial("long-term keys have no token, and are a user's", async (t) => {
  t.is(await arnOf(bed.iam.user), "arn:aws:iam::123456789012:user/gateway-operator");
  const other = await bed.makeUser("spare");
  t.is(await arnOf(other), "arn:aws:iam::123456789012:user/spare");
  await refused(t, arnOf({ ...other, sessionToken: "canaryTOKENx" }), "InvalidClientTokenId", 403);
  await bed.control("DELETE", "/users/spare");
  await refused(t, arnOf(other), "InvalidClientTokenId", 403);
});

test.serial("a role is assumed, and its keys work on STS and S3 until they end", async (t) => {
  const answer = await operator().send(assume("OperatorRole", { DurationSeconds: 43_200 }));
  t.is(answer.AssumedRoleUser.Arn, "arn:aws:sts::123456789012:assumed-role/OperatorRole/gw-0042");
  const life = answer.Credentials.Expiration - Date.now();
  t.true(life > 43_190_000 && life <= 43_200_000, `${life}`);
  const credentials = sdkKeys(answer.Credentials);
  t.is(await arnOf(credentials), answer.AssumedRoleUser.Arn);
  const s3 = new S3Client({ region, endpoint: bed.s3.http, forcePathStyle: true, maxAttempts: 1, credentials });
  const place = { Bucket: bed.s3.bucket, Key: "k" };
  await s3.send(new PutObjectCommand({ ...place, Body: "b" }));
  t.is(await (await s3.send(new GetObjectCommand(place))).Body.transformToString(), "b");
  await bed.revoke(credentials.accessKeyId);
  await refused(t, arnOf(credentials), "ExpiredToken", 403);
  await refused(t, stsOf(credentials).send(assume("OperatorRole")), "ExpiredToken", 403);
});

test.serial("keys of six seconds, and keys that have expired from the start", async (t) => {
  const short = await operator().send(assume("ShortRole"));
  const life = short.Credentials.Expiration - Date.now();
  t.true(life > 0 && life <= 6000, `${life}`);
  await bed.configure({ lifeSeconds: -60 });
  const expired = await operator().send(assume("OperatorRole"));
  await refused(t, arnOf(sdkKeys(expired.Credentials)), "ExpiredToken", 403);
});

test.serial("who is not trusted, and what cannot be, is refused", async (t) => {
  const sts = operator();
  for (const [input, code, status] of [
    [{ RoleArn: "arn:aws:iam::123456789012:role/NoRole" }, "AccessDenied", 403],
    [{ RoleArn: bed.iam.roles.ClosedRole }, "AccessDenied", 403],
    [{ RoleArn: bed.iam.roles.PartnerRole }, "AccessDenied", 403],
    [{ RoleArn: bed.iam.roles.PartnerRole, ExternalId: "other" }, "AccessDenied", 403],
    [{ RoleArn: bed.iam.roles.FleetRole }, "AccessDenied", 403],
    [{ RoleArn: bed.iam.roles.MfaRole }, "AccessDenied", 403],
    [{ DurationSeconds: 899 }, "ValidationError", 400],
    [{ DurationSeconds: 43_201 }, "ValidationError", 400],
    [{ RoleArn: bed.iam.roles.ShortRole, DurationSeconds: 3601 }, "ValidationError", 400],
    [{ RoleSessionName: "a b" }, "ValidationError", 400],
    [{ RoleSessionName: undefined }, "ValidationError", 400],
    [{ ExternalId: "x" }, "ValidationError", 400],
    [{ Policy: "{" }, "MalformedPolicyDocumentException", 400],
    [{ Policy: '{"Statement":[]}' }, "MalformedPolicyDocumentException", 400],
    [{ PolicyArns: [{ arn: "arn:aws:iam::210987654321:policy/Other" }] }, "ValidationError", 400],
    [{ Tags: [1, 2].map(() => ({ Key: "a", Value: "b" })) }, "InvalidParameterValue", 400],
    [{ TransitiveTagKeys: ["a"] }, "ValidationError", 400],
    [{ Tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: "" })) }, "ValidationError", 400],
    [{ Tags: [{ Key: "a?", Value: "" }] }, "ValidationError", 400],
    [{ Tags: [..."abcdefghi"].map((Key) => ({ Key, Value: "x".repeat(256) })) }, "PackedPolicyTooLargeException", 400],
  ]) {
    await refused(t, sts.send(assume("OperatorRole", input)), code, status);
  }
  t.is((await lastOf("sts")).error, "PackedPolicyTooLarge");
  await sts.send(assume("PartnerRole", { ExternalId: "gw-0042-partner" }));
});

test.serial("every parameter arrives, and the secret ones are not written down", async (t) => {
  const Policy = JSON.stringify({ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } });
  const answer = await operator().send(
    assume("MfaRole", {
      DurationSeconds: 900,
      Policy,
      PolicyArns: [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }],
      Tags: [{ Key: "site", Value: "north 7" }],
      TransitiveTagKeys: ["site"],
      SourceIdentity: "operator",
      SerialNumber: bed.iam.user.mfaSerial,
      TokenCode: await bed.mfaCode(),
      ProvidedContexts: [{ ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: "a.b.c" }],
    }),
  );
  t.is(answer.SourceIdentity, "operator");
  // 62 characters of policy, 38 of its ARN and 11 of the tag, of 2048.
  t.is(answer.PackedPolicySize, 6);
  const { parameters } = await lastOf("sts");
  t.like(parameters, {
    Action: "AssumeRole",
    DurationSeconds: "900",
    Policy,
    "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "Tags.member.1.Value": "north 7",
    "TransitiveTagKeys.member.1": "site",
    TokenCode: "(6 characters)",
    "ProvidedContexts.member.1.ContextAssertion": "(5 characters)",
  });
  // What a session carries stays with those made from it.
  const chained = stsOf(sdkKeys(answer.Credentials));
  t.is((await chained.send(assume("OperatorRole"))).SourceIdentity, "operator");
  await refused(t, chained.send(assume("OperatorRole", { SourceIdentity: "other" })), "AccessDenied", 403);
  const Tags = [{ Key: "Site", Value: "south" }];
  await refused(t, chained.send(assume("OperatorRole", { Tags })), "InvalidParameterValue", 400);
});

test.serial("an MFA code is good now, once, and with its own device", async (t) => {
  const sts = operator();
  const SerialNumber = bed.iam.user.mfaSerial;
  const TokenCode = await bed.mfaCode();
  await sts.send(assume("MfaRole", { SerialNumber, TokenCode }));
  const again = sts.send(assume("MfaRole", { SerialNumber, TokenCode }));
  const error = await refused(t, again, "AccessDenied", 403);
  t.is(error.message, "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
  for (const input of [
    { SerialNumber, TokenCode: await bed.mfaCode(undefined, -3) },
    { SerialNumber: "arn:aws:iam::123456789012:mfa/other", TokenCode: await bed.mfaCode() },
    { SerialNumber },
    { TokenCode },
  ]) {
    const { message } = await refused(t, sts.send(assume("MfaRole", input)), "AccessDenied", 403);
    t.regex(message, /MultiFactorAuthentication failed/);
  }
  // A session that had MFA assumes the role without another code.
  const answer = await sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode: await bed.mfaCode() }));
  const session = stsOf(sdkKeys(answer.Credentials));
  await session.send(assume("MfaRole"));
  await refused(t, session.send(new GetSessionTokenCommand({})), "AccessDenied", 403);
  await bed.configure({ mfaOnce: false });
  await sts.send(assume("MfaRole", { SerialNumber, TokenCode }));
});

test.serial("a role of another account is assumed with the keys of a role, for an hour at most", async (t) => {
  const gateway = stsOf(await gatewayKeys());
  const { Credentials, AssumedRoleUser } = await gateway.send(assume("FleetRole"));
  t.is(await arnOf(sdkKeys(Credentials)), AssumedRoleUser.Arn);
  t.is(AssumedRoleUser.Arn, "arn:aws:sts::210987654321:assumed-role/FleetRole/gw-0042");
  await refused(t, gateway.send(assume("OperatorRole", { DurationSeconds: 3601 })), "ValidationError", 400);
});

test.serial("a web identity needs no keys, but a token that is good", async (t) => {
  const sts = new STSClient({ region, endpoint: bed.sts.http, maxAttempts: 1 });
  const send = async (wanted, RoleArn = bed.iam.roles.WebRole) => {
    const WebIdentityToken = typeof wanted === "string" ? wanted : await bed.identityToken(wanted);
    return sts.send(new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: "gw-0042", WebIdentityToken }));
  };
  const answer = await send({});
  t.is(answer.SubjectFromWebIdentityToken, bed.identityTokens.subject);
  t.is(await arnOf(sdkKeys(answer.Credentials)), answer.AssumedRoleUser.Arn);
  const logged = (await bed.control("GET", "/log?event=request&service=sts"))[0];
  t.is(logged.headers.authorization, undefined);
  t.regex(logged.parameters.WebIdentityToken, /^\(\d+ characters\)$/);
  await refused(t, send({ lifeSeconds: -1 }), "ExpiredTokenException", 400);
  await refused(t, send({ forged: true }), "InvalidIdentityTokenException", 400);
  await refused(t, send("garbage"), "InvalidIdentityTokenException", 400);
  await refused(t, send({ aud: "other" }), "InvalidIdentityTokenException", 400);
  await refused(t, send({ sub: "system:serviceaccount:other:x" }), "AccessDenied", 403);
  await refused(t, send({}, bed.iam.roles.OperatorRole), "AccessDenied", 403);
});

test.serial("STS is throttled, skewed and broken on order", async (t) => {
  await bed.faultOf("sts", "error", { code: "Throttling" }, 1);
  await refused(t, operator().send(assume("OperatorRole")), "Throttling", 400);
  await bed.faultOf("sts", "missing-field", { name: "sessionToken" }, 1);
  t.is((await operator().send(assume("OperatorRole"))).Credentials.SessionToken, undefined);
  await bed.configure({ clockOffsetSeconds: 3600 });
  const error = await refused(t, operator().send(assume("OperatorRole")), "SignatureDoesNotMatch", 403);
  t.regex(error.message, /^Signature expired: /);
});

test.serial("the container endpoint", async (t) => {
  process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI = bed.container.fullUri;
  const http = (options) => fromHttp({ maxRetries: 0, logger: quiet, ...options })();
  const role = "arn:aws:sts::123456789012:assumed-role/ContainerRole/4d2f1b0a";
  t.is(await arnOf(await fromContainerMetadata()()), role);
  const elsewhere = await fetch(`${bed.container.url}/any/path?x=1`);
  t.is((await elsewhere.json()).AccountId, "123456789012");

  await bed.configure({ containerToken: "Bearer canaryTOKEN1" });
  await t.throwsAsync(http(), { message: /401/ });
  await t.throwsAsync(http({ awsContainerAuthorizationToken: "Bearer other" }), { message: /403/ });
  t.is(await arnOf(await http({ awsContainerAuthorizationToken: "Bearer canaryTOKEN1" })), role);
  t.is((await lastOf("container")).headers.authorization, "(19 characters)");

  await bed.configure({ containerToken: null });
  for (const [mode, params, message] of [
    ["status", { code: 503 }, /503/],
    ["html-body", {}, /JSON/],
    ["redirect", { location: "http://127.0.0.1:1/" }, /302/],
    ["missing-field", { name: "sessionToken" }, /required format/],
    ["bad-expiration", { value: "tomorrow" }, /RFC-3339/],
  ]) {
    await bed.faultOf("container", mode, params, 1);
    await t.throwsAsync(http(), { message }, mode);
  }
  // `fromHttp` would wait for ever: its `timeout` is for the connection alone.
  await bed.faultOf("container", "half-open", {}, 1);
  await t.throwsAsync(fromContainerMetadata({ timeout: 300 })(), { message: /Timeout/ });
  await bed.faultOf("container", "expired", {}, 1);
  await refused(t, arnOf(await http()), "ExpiredToken", 403);
});

test.serial("IMDS", async (t) => {
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = bed.imds.endpoint;
  const keys = () => fromInstanceMetadata({ ec2MetadataV1Disabled: true })();
  t.is(await arnOf(await keys()), "arn:aws:sts::123456789012:assumed-role/InstanceRole/i-0042c0ffee0042abc");
  const log = await bed.control("GET", "/log?event=request&service=imds");
  t.deepEqual(
    log.map(({ method, status }) => `${method} ${status}`),
    ["PUT 200", "GET 200", "GET 200"],
  );
  t.is(log[2].headers["x-aws-ec2-metadata-token"], "(56 characters)");

  const ask = (path, headers = {}, method = "GET") => fetch(bed.imds.endpoint + path, { method, headers });
  const life = "x-aws-ec2-metadata-token-ttl-seconds";
  const role = "/latest/meta-data/iam/security-credentials/";
  const status = async (...request) => (await ask(...request)).status;
  t.is(await status("/latest/api/token", {}, "PUT"), 400);
  t.is(await status("/latest/api/token", { [life]: "21601" }, "PUT"), 400);
  t.is(await status("/latest/api/token", { [life]: "1", "x-forwarded-for": "::1" }, "PUT"), 403);
  t.is(await status(role), 401);
  const token = async () => {
    const reply = await ask("/latest/api/token", { [life]: "60" }, "PUT");
    return { "x-aws-ec2-metadata-token": await reply.text() };
  };
  const mine = await token();
  t.is(await (await ask(role, mine)).text(), "InstanceRole");
  const extended = await ask("/latest/meta-data/iam/security-credentials-extended/InstanceRole", mine);
  t.is((await extended.json()).AccountId, "123456789012");
  t.is(await (await ask("/latest/meta-data/placement/region", mine)).text(), "eu-west-1");
  t.is(await status(`${role}Other`, mine), 404);
  await bed.configure({ clockOffsetSeconds: 60 });
  t.is(await status(role, mine), 401);
  const next = await token();
  await bed.forgetImdsTokens();
  t.is(await status(role, next), 401);
  await bed.configure({ imdsRole: false });
  t.is(await status(role, await token()), 404);
  await bed.configure({ imds: "optional", imdsRole: true });
  t.is(await status(role), 200);
  await bed.configure({ imds: "disabled" });
  t.is(await status("/latest/api/token", { [life]: "60" }, "PUT"), 403);
});

test.serial("SSO: keys for a token, a token for a refresh token, and neither after the sign-out", async (t) => {
  const cacheOf = (name) => join(home, ".aws/sso/cache", `${createHash("sha1").update(name).digest("hex")}.json`);
  /** A profile with a session of its own: the SDK renews the token of each at most twice a minute. */
  const profile = async (name, cache, clientConfig) => {
    const { startUrl, region, accountId, roleName } = bed.sso;
    await mkdir(join(home, ".aws/sso/cache"), { recursive: true });
    const session = `[sso-session ${name}]\nsso_start_url = ${startUrl}\nsso_region = ${region}\n`;
    const account = `sso_account_id = ${accountId}\nsso_role_name = ${roleName}\n`;
    await writeFile(join(home, ".aws/config"), `${session}[profile ${name}]\nsso_session = ${name}\n${account}`);
    await writeFile(cacheOf(name), JSON.stringify(cache));
    return fromSSO({ profile: name, ignoreCache: true, clientConfig: { maxAttempts: 1, ...clientConfig } });
  };
  const role = "arn:aws:sts::123456789012:assumed-role/SsoRole/operator@testbed.example";
  const fresh = await profile("fresh", await bed.signIn(), { endpoint: bed.sso.url });
  t.is(await arnOf(await fresh()), role);
  t.regex((await lastOf("sso")).headers["x-amz-sso_bearer_token"], /^\(\d+ characters\)$/);

  process.env.AWS_ENDPOINT_URL_SSO = process.env.AWS_ENDPOINT_URL_SSO_OIDC = bed.sso.url;
  const ended = await bed.signIn(-1);
  const renewing = await profile("renewing", ended);
  t.is(await arnOf(await renewing()), role);
  t.is((await lastOf("sso-oidc")).status, 200);
  const kept = JSON.parse(await readFile(cacheOf("renewing"), "utf8"));
  t.true(kept.accessToken !== ended.accessToken && kept.refreshToken !== ended.refreshToken);

  const used = await profile("used", ended);
  await t.throwsAsync(used(), { message: /expired/ });
  t.is((await lastOf("sso-oidc")).status, 400);
  const signedIn = await bed.signIn();
  await bed.signOut();
  const out = await profile("out", signedIn);
  await t.throwsAsync(out(), { message: /Session token not found or invalid/ });
  t.is((await lastOf("sso")).status, 401);
});
