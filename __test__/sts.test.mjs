// Roles by AssumeRole, on an STS that checks signatures: who signs, what arrives, who the session then is.

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import { fromAssumeRole, RefreshableSession } from "refresh-session";
import { callerIdentity, recorder, sessionFor } from "./support/sessions.mjs";
import { arnOf, asked, assumed, keysOf, region, roleOptions, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { deferred, listening, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

/** The ids that the requests for a role were signed with. */
const signers = async () => (await asked(bed)).map(({ accessKeyId }) => accessKeyId);

// ------------------------------------------------------------------------------------------------------- who signs

test.serial("fixed keys sign, and the session is the role", async (t) => {
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials: keysOf(bed.iam.user) });
  t.is(await arnOf(bed, session), assumed("OperatorRole"));
  t.deepEqual(await signers(), [bed.iam.user.accessKeyId]);
  const { accessKeyId, sessionToken, expiration } = await session.credentials();
  t.true(accessKeyId.startsWith("ASIA") && sessionToken.length > 0);
  t.true(expiration > Date.now() + 3_500_000);
});

test.serial("a provider signs: it is asked once for each refresh", async (t) => {
  let calls = 0;
  const sourceCredentials = async () => {
    calls++;
    return keysOf(bed.iam.user);
  };
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials });
  const first = await session.credentials();
  await session.credentials();
  t.is(calls, 1);
  await session.refresh({ force: true });
  t.is(calls, 2);
  t.not((await session.credentials()).accessKeyId, first.accessKeyId);
});

test.serial("another session's credentials sign, and are renewed by that session", async (t) => {
  const base = roleSession(t, bed, "ShortRole");
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials: base.credentials });
  t.is(await arnOf(bed, session), assumed("OperatorRole"));
  const { accessKeyId } = await base.credentials();
  t.deepEqual(await signers(), [bed.iam.user.accessKeyId, accessKeyId]);
  await base.refresh({ force: true });
  await session.refresh({ force: true });
  t.is((await signers()).at(-1), (await base.credentials()).accessKeyId);
});

test.serial(
  "keys of IoT, with the device's key in a token, sign for a role of another account, and its keys for S3",
  async (t) => {
    const device = sessionFor(t, bed.hsm("ec256", { region }));
    const overrides = { sourceCredentials: device.credentials };
    const session = roleSession(t, bed, "FleetRole", {}, overrides);
    const role = assumed("FleetRole", "gw-0042", bed.iam.otherAccount);
    t.is(await arnOf(bed, session), role);
    t.is((await callerIdentity(bed, { credentials: device.credentials })).Account, bed.iam.account);
    const s3 = session.client(S3Client, { endpoint: bed.s3.http, forcePathStyle: true, region });
    await s3.send(new PutObjectCommand({ Bucket: bed.s3.bucket, Key: "k", Body: "b" }));
    const [put] = await bed.control("GET", "/log?event=request&service=s3");
    t.is(put.accessKeyId, (await session.credentials()).accessKeyId);
  },
);

// boto3-refresh-session signs what `session.client("sts")` sends with the base keys.
test.serial("no client is ever the base: whoami is the role, whoever asks", async (t) => {
  const session = roleSession(t, bed);
  const arn = assumed("OperatorRole");
  t.is(await arnOf(bed, session), arn);
  t.is((await callerIdentity(bed, { credentials: session.credentials })).Arn, arn);
  t.is((await callerIdentity(bed, { credentials: fromAssumeRole(roleOptions(bed)) })).Arn, arn);
  const eager = roleSession(t, bed, "OperatorRole", {}, { refresh: "eager" });
  t.is(await arnOf(bed, eager), arn);
  // Its own STS client is nobody's, and so is no entry of the cache.
  t.is(session.cache.size, 1);
  const mine = (await asked(bed, "GetCallerIdentity")).map(({ accessKeyId }) => accessKeyId);
  t.false(mine.includes(bed.iam.user.accessKeyId));
});

test.serial("the method is the default, and fromAssumeRole gives what a session gives", async (t) => {
  const session = sessionFor(t, roleOptions(bed));
  t.is(session.method, "sts");
  t.is(await arnOf(bed, session), assumed("OperatorRole"));
  const keys = await fromAssumeRole(roleOptions(bed, "OperatorRole", {}, { accountId: true }))();
  t.is(keys.accountId, bed.iam.account);
  t.is((await session.credentials()).accountId, undefined);
});

test.serial("a session that is told no region of its own has that of its STS", async (t) => {
  const stsClientConfig = { endpoint: bed.sts.http, region: "eu-central-1" };
  const session = roleSession(t, bed, "OperatorRole", {}, { region: undefined, stsClientConfig });
  t.is(await session.client(STSClient, { endpoint: bed.sts.http }).config.region(), "eu-central-1");
  await session.ready();
  t.regex((await asked(bed))[0].headers.authorization, /eu-central-1\/sts/);
});

test.serial("STS over TLS, with a bundle of its own", async (t) => {
  const stsClientConfig = { endpoint: new URL(bed.sts.https), ca: bed.pki.serverCa };
  t.is(await arnOf(bed, roleSession(t, bed, "OperatorRole", {}, { stsClientConfig })), assumed("OperatorRole"));
});

// --------------------------------------------------------------------------------------------------- what arrives

const Policy = JSON.stringify({ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } });
const everything = () => ({
  DurationSeconds: 1800,
  Policy,
  PolicyArns: [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }, { arn: "arn:aws:iam::aws:policy/Other" }],
  Tags: [
    { Key: "site", Value: "north 7" },
    { Key: "line", Value: "" },
  ],
  TransitiveTagKeys: ["site"],
  SourceIdentity: "operator",
  ExternalId: "gw-0042-partner",
  ProvidedContexts: [{ ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: "a.b.c" }],
});
const arrived = {
  Action: "AssumeRole",
  RoleSessionName: "gw-0042",
  DurationSeconds: "1800",
  Policy,
  "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
  "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/Other",
  "Tags.member.1.Key": "site",
  "Tags.member.1.Value": "north 7",
  "Tags.member.2.Key": "line",
  "Tags.member.2.Value": "",
  "TransitiveTagKeys.member.1": "site",
  SourceIdentity: "operator",
  ExternalId: "gw-0042-partner",
  "ProvidedContexts.member.1.ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter",
  "ProvidedContexts.member.1.ContextAssertion": "(5 characters)",
};

const frozen = (value) => {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
};

test.serial("every parameter arrives, from options that are frozen to the bottom", async (t) => {
  const options = frozen({ method: "sts", ...roleOptions(bed, "PartnerRole", everything()) });
  const session = sessionFor(t, options);
  await session.ready();
  const [{ parameters }] = await asked(bed);
  const { Version, RoleArn, ...rest } = parameters;
  t.is(RoleArn, bed.iam.roles.PartnerRole);
  t.deepEqual(rest, arrived);
  const { expiration } = await session.credentials();
  t.true(expiration <= Date.now() + 1_800_000);
});

test.serial(
  "options are copied: what the caller changes later has no effect, and nothing of his is changed",
  async (t) => {
    const options = { method: "sts", ...roleOptions(bed, "PartnerRole", everything()) };
    options.sourceCredentials = { ...keysOf(bed.iam.user), expiration: new Date(Date.now() + 3_600_000) };
    const before = structuredClone(options);
    const session = sessionFor(t, options);
    t.deepEqual(options, before);
    options.assumeRole.PolicyArns[0].arn = "changed";
    options.assumeRole.PolicyArns.push({ arn: "added" });
    options.assumeRole.Tags[0].Value = "changed";
    options.assumeRole.TransitiveTagKeys.length = 0;
    options.assumeRole.ProvidedContexts[0].ContextAssertion = "changed";
    for (const name of Object.keys(options.assumeRole)) options.assumeRole[name] = "changed";
    options.stsClientConfig.endpoint = "changed";
    Object.assign(options.sourceCredentials, { accessKeyId: "changed", secretAccessKey: "changed" });
    options.sourceCredentials.expiration.setTime(0);
    const changed = structuredClone(options);
    await session.ready();
    await session.refresh({ force: true });
    t.deepEqual(options, changed);
    for (const { parameters } of await asked(bed)) t.like(parameters, arrived);
  },
);

test.serial("sources that are the same share one set of keys; another parameter is another source", async (t) => {
  const sourceCredentials = async () => keysOf(bed.iam.user);
  const open = (assumeRole) => roleSession(t, bed, "OperatorRole", assumeRole, { sourceCredentials });
  const [one, same, other] = [open(), open(), open({ Tags: [{ Key: "a", Value: "b" }] })];
  const ids = await Promise.all([one, same, other].map(async (it) => (await it.credentials()).accessKeyId));
  t.is(ids[0], ids[1]);
  t.not(ids[0], ids[2]);
  t.is((await asked(bed)).length, 2);
});

// ----------------------------------------------------------------------------------------------- refresh, healing

test.serial("two hundred callers: one AssumeRole, and the base is asked once", async (t) => {
  const gate = deferred();
  let calls = 0;
  const sourceCredentials = () => {
    calls++;
    return gate.promise;
  };
  const session = roleSession(t, bed, "OperatorRole", {}, { sourceCredentials });
  const all = Array.from({ length: 200 }, () => session.credentials());
  await until(() => calls > 0);
  gate.resolve(keysOf(bed.iam.user));
  t.is(new Set((await Promise.all(all)).map(({ accessKeyId }) => accessKeyId)).size, 1);
  t.is(calls, 1);
  t.is((await asked(bed)).length, 1);
});

test.serial("keys that STS calls expired are replaced within the request that found out", async (t) => {
  const session = roleSession(t, bed);
  const client = session.client(STSClient, { endpoint: bed.sts.http, region });
  await client.send(new GetCallerIdentityCommand({}));
  const { accessKeyId } = await session.credentials();
  await bed.revoke(accessKeyId);
  const { Arn, $metadata } = await client.send(new GetCallerIdentityCommand({}));
  t.is(Arn, assumed("OperatorRole"));
  t.is($metadata.attempts, 2);
  t.not((await session.credentials()).accessKeyId, accessKeyId);
  t.is((await asked(bed)).length, 2);
});

test.serial("a user's own AssumeRole is signed by the role's keys", async (t) => {
  const session = roleSession(t, bed);
  const client = session.client(STSClient, { endpoint: bed.sts.http, region });
  await client.send(new AssumeRoleCommand({ RoleArn: bed.iam.roles.OperatorRole, RoleSessionName: "mine" }));
  t.deepEqual(await signers(), [bed.iam.user.accessKeyId, (await session.credentials()).accessKeyId]);
});

test.serial("an eager session renews keys of six seconds by itself", async (t) => {
  const session = roleSession(t, bed, "ShortRole", {}, { refresh: "eager" });
  const told = listening(session);
  await until(() => told.refresh.length >= 2);
  t.deepEqual(told.expired, []);
  t.is(new Set(told.refresh.map(({ accessKeyId }) => accessKeyId)).size, told.refresh.length);
});

// ------------------------------------------------------------------------------------------------------- warnings

test.serial("a session name that was not chosen is a warning, to each of those who hear", async (t) => {
  const warnings = [];
  const logger = recorder();
  const overrides = { onWarning: (warning) => warnings.push(warning), logger };
  const session = roleSession(t, bed, "OperatorRole", { RoleSessionName: undefined }, overrides);
  const told = listening(session);
  await until(() => told.warning.length > 0);
  t.deepEqual(
    [told.warning, warnings].map((all) => all.map(({ code }) => code)),
    Array(2).fill(["WARN_ROLE_SESSION_NAME"]),
  );
  t.true(logger.lines.some(({ level, text }) => level === "warn" && text.includes("WARN_ROLE_SESSION_NAME")));
  t.is(await arnOf(bed, session), assumed("OperatorRole", "refresh-session"));
});

test.serial("with a name there is none", async (t) => {
  const warnings = [];
  const session = new RefreshableSession({
    ...roleOptions(bed),
    onWarning: (warning) => warnings.push(warning),
  });
  await session.ready();
  await session.close();
  t.deepEqual(warnings, []);
});
