// Sessions against moto: whether what we sign, and read, is what others than our own testbed take it to be.
//
// moto checks signatures, session tokens and policies. Two things are put right by a server before it: it ends no keys, so
// that `ExpiredToken` comes from there; and its refusals have the form of EC2's, `<Errors><Error>`, where STS has no
// `<Errors>`.

import { once } from "node:events";
import { createServer, request } from "node:http";
import { buffer, text } from "node:stream/consumers";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import ava from "ava";
import { present, startMoto } from "./support/moto.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { failureOf } from "./support/waiting.mjs";

const test = present ? ava.serial : ava.skip;
const region = "us-east-1";
let moto;

if (present) {
  ava.before(async () => {
    for (const name of Object.keys(process.env)) if (/^AWS_(?!SDK_)/.test(name)) delete process.env[name];
    moto = await startMoto();
  });
  ava.after.always(() => moto?.stop());
}

function role(overrides = {}) {
  return {
    assumeRole: { RoleArn: moto.role, RoleSessionName: "gw-0042" },
    sourceCredentials: moto.keys,
    stsClientConfig: { region, endpoint: moto.url },
    ...overrides,
  };
}

const ofRole = /^arn:aws:sts::\d{12}:assumed-role\/gateway\/gw-0042$/;

test("a role is assumed, and moto knows the session and its source", async (t) => {
  const session = sessionFor(t, role());
  const { Account, Arn } = await session.whoami();
  t.regex(Arn, ofRole);
  t.is(Arn.split(":")[4], Account);
  t.is((await session.sourceIdentity()).Arn, moto.user);
  const { sessionToken, expiration } = await session.credentials();
  t.truthy(sessionToken);
  const life = expiration - Date.now();
  t.true(life > 3_500_000 && life <= 3_601_000, `${life}`);
});

test("an SDK client of the session stores and reads an object", async (t) => {
  const s3 = sessionFor(t, role()).client(S3Client, { endpoint: moto.url, forcePathStyle: true });
  const place = { Bucket: "readings", Key: "2026/11/gw-0042" };
  await s3.send(new CreateBucketCommand({ Bucket: place.Bucket }));
  await s3.send(new PutObjectCommand({ ...place, Body: "21.5" }));
  t.is(await (await s3.send(new GetObjectCommand(place))).Body.transformToString(), "21.5");
});

for (const [label, wrong, awsErrorType] of [
  ["a wrong secret", { secretAccessKey: "canarySECRET-of-moto" }, "SignatureDoesNotMatch"],
  ["an unknown key", { accessKeyId: "AKIAXXXXXXXXXXXXXXXX" }, "InvalidClientTokenId"],
]) {
  test(`${label} is a typed error`, async (t) => {
    const stsClientConfig = { region, endpoint: (await before(t, moto.url)).url };
    const sourceCredentials = { ...moto.keys, ...wrong };
    const session = sessionFor(t, role({ sourceCredentials, stsClientConfig }));
    const error = await failureOf(session.credentials());
    t.like(error, { name: "RequestError", statusCode: 403, awsErrorType, retryable: false });
    t.notRegex(error.message, /canary/);
  });
}

test("keys with a session token that is not theirs are refused", async (t) => {
  const { accessKeyId, secretAccessKey } = await sessionFor(t, role()).credentials();
  const customCredentials = async () => ({ accessKeyId, secretAccessKey, sessionToken: "not-theirs" });
  const session = sessionFor(t, { method: "custom", customCredentials });
  const error = await failureOf(session.whoami({ region, endpoint: (await before(t, moto.url)).url }));
  t.like(error, { name: "RequestError", statusCode: 403, awsErrorType: "InvalidClientTokenId" });
});

test("a client is healed after ExpiredToken: one fetch, and new keys that moto takes", async (t) => {
  const refusing = await before(t, moto.url);
  const session = sessionFor(t, role());
  const client = session.client(STSClient, { endpoint: refusing.url });
  const ask = async () => (await client.send(new GetCallerIdentityCommand({}))).Arn;
  t.regex(await ask(), ofRole);
  const { accessKeyId } = await session.credentials();
  refusing.next = true;
  t.regex(await ask(), ofRole);
  t.false(refusing.next);
  t.not((await session.credentials()).accessKeyId, accessKeyId);
  t.is(session.status().fetches, 2);
});

/** A server before moto: where `next` is set it calls the keys of one request expired, as STS does. */
async function before(t, url) {
  const state = { next: false, url: undefined };
  const server = createServer(async (from, to) => {
    const body = await buffer(from);
    if (state.next) {
      state.next = false;
      const error = "<Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>over</Message></Error>";
      to.writeHead(403, { "content-type": "text/xml" }).end(`<ErrorResponse>${error}</ErrorResponse>`);
      return;
    }
    const { method, url: path, headers } = from;
    const asked = request(new URL(path, url), { method, headers, agent: false }).end(body);
    const [reply] = await once(asked, "response");
    const said = (await text(reply)).replace(/<\/?Errors>/g, "");
    to.writeHead(reply.statusCode, { "content-type": "text/xml" }).end(said);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  state.url = `http://127.0.0.1:${server.address().port}`;
  return state;
}
