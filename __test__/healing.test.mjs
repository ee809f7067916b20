// Clients of a session whose keys a service calls expired, in every SDK version of the matrix, against the local AWS.
//
// Serial: faults and log are common to all.

import { S3Client as NewestS3Client } from "@aws-sdk/client-s3";
import test from "ava";
import { client, getDefaultSession, setDefaultSession } from "refresh-session";
import { faultOf, matrix, requestsOf } from "./support/sdk-matrix.mjs";
import { sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf } from "./support/waiting.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const pem = (overrides) => unshared(bed.pem("ec256", overrides));
const fetches = async () => (await bed.control("GET", "/log?event=request&service=iot")).length;
const connections = async (service) => (await bed.control("GET", `/log?event=connection&service=${service}`)).length;
const times = (count, make) => Array.from({ length: count }, make);

for (const row of matrix) {
  const { label } = row;
  const idsOf = async () => (await requestsOf(row, bed)).map(({ accessKeyId }) => accessKeyId);
  const statuses = async () => (await requestsOf(row, bed)).map(({ status }) => status);

  test.serial(`${label}: keys that were revoked cost one more attempt, with new ones`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await row.operate(made);
    const old = await session.credentials();
    await bed.control("POST", "/keys/revoke");

    const { $metadata } = await row.operate(made);
    t.is($metadata.attempts, 2);
    const renewed = await session.credentials();
    t.not(renewed.accessKeyId, old.accessKeyId);
    t.deepEqual(
      await idsOf(),
      [old, old, renewed].map(({ accessKeyId }) => accessKeyId),
    );
    t.deepEqual(await statuses(), [200, row.expiredStatus, 200]);
    t.is(await fetches(), 2);
    // From then on everything is as before.
    t.is((await row.operate(made)).$metadata.attempts, 1);
    t.is((await idsOf()).at(-1), renewed.accessKeyId);
    t.is(await fetches(), 2);
  });

  test.serial(`${label}: the service's word counts, whatever the keys are like`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await faultOf(row, bed, { mode: "error", code: "ExpiredToken" }, 1);
    t.is((await row.operate(made)).$metadata.attempts, 2);
    const [first, second, ...rest] = await idsOf();
    t.not(first, second);
    t.deepEqual(rest, []);
    t.is(await fetches(), 2);
  });

  test.serial(`${label}: a service that goes on saying so is asked twice, and then believed`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, { ...row.options(bed), maxAttempts: 5 });
    await faultOf(row, bed, { mode: "error", code: "ExpiredToken" });
    const error = await failureOf(row.operate(made));
    t.is(error.name, "ExpiredToken");
    t.like(error.$metadata, { attempts: 2, httpStatusCode: row.expiredStatus });
    t.is((await idsOf()).length, 2);
    t.is(await fetches(), 2);
    await bed.control("DELETE", `/faults/${row.service}`);
    t.is((await row.operate(made)).$metadata.attempts, 1);
  });

  test.serial(`${label}: AccessDenied is one attempt, and no reason for other keys`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await faultOf(row, bed, { mode: "error", code: "AccessDenied" }, 1);
    const error = await failureOf(row.operate(made));
    t.is(error.name, "AccessDenied");
    t.like(error.$metadata, { attempts: 1, httpStatusCode: 403 });
    t.deepEqual(await statuses(), [403]);
    await row.operate(made);
    const { accessKeyId } = await session.credentials();
    t.deepEqual(await idsOf(), [accessKeyId, accessKeyId]);
    t.is(await fetches(), 1);
  });

  // The SDK's own budget for the retries of a client would have ended after some thirty of them.
  test.serial(`${label}: a hundred operations that fail together are healed by one fetch`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await row.operate(made);
    await bed.control("POST", "/keys/revoke");
    const replies = await Promise.all(times(100, () => row.operate(made)));
    for (const { $metadata } of replies) t.true($metadata.attempts <= 2);
    t.is(await fetches(), 2);
  });

  test.serial(`${label}: without new keys the service's word stands, and the next operation is healed`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await row.operate(made);
    await bed.control("POST", "/keys/revoke");
    await bed.fault("status", { code: 503 });
    const error = await failureOf(row.operate(made));
    t.is(error.name, "ExpiredToken");
    t.like(error.$metadata, { httpStatusCode: row.expiredStatus });
    t.true(error.$metadata.attempts <= 2);
    await bed.control("DELETE", "/faults");
    // Not by itself: the source is left alone for a while after it failed.
    await session.refresh({ force: true });
    await row.operate(made);
    t.is((await idsOf()).at(-1), (await session.credentials()).accessKeyId);
  });

  test.serial(`${label}: a thousand times the same client is one instance and one connection`, async (t) => {
    const session = sessionFor(t, pem());
    const made = new Set(times(1000, () => session.client(row.Client, row.options(bed))));
    t.is(made.size, 1);
    const [only] = made;
    t.true(only instanceof row.Client);
    for (const _ of times(3)) await row.operate(session.client(row.Client, row.options(bed)));
    t.is(await connections(row.service), 1);
    t.is(await fetches(), 1);
    t.like(session.cache.stats(), { size: 1, misses: 1, hits: 1002 });
  });

  test.serial(`${label}: a client signs with the renewed keys, the current ones in every operation`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await row.operate(made);
    const first = await session.credentials();
    await session.refresh({ force: true });
    await row.operate(made);
    // Where the SDK keeps keys for itself, those are good until they near their end.
    const second = row.memoized ? await session.credentials() : first;
    t.deepEqual(await idsOf(), [first.accessKeyId, second.accessKeyId]);
  });

  test.serial(`${label}: after close there are no clients, and those that there were have no keys`, async (t) => {
    const session = sessionFor(t, pem());
    const made = session.client(row.Client, row.options(bed));
    await row.operate(made);
    await session.close();
    t.throws(() => session.client(row.Client, row.options(bed)), { name: "ClosedError", code: "ERR_CLOSED" });
    const error = await failureOf(row.operate(made));
    t.is(error.code, "ERR_CLOSED");
    t.is((await idsOf()).length, 1);
  });
}

test.serial("client() is the default session's, and there is none until it is set", async (t) => {
  t.teardown(() => setDefaultSession(undefined));
  t.is(getDefaultSession(), undefined);
  t.throws(() => client(NewestS3Client), { name: "ConfigurationError", code: "ERR_NO_DEFAULT_SESSION" });
  const session = sessionFor(t, pem());
  setDefaultSession(session);
  t.is(getDefaultSession(), session);
  const row = matrix.at(-1);
  const made = client(row.Client, row.options(bed));
  t.is(made, session.client(row.Client, row.options(bed)));
  await row.operate(made);
  const [{ accessKeyId }] = await requestsOf(row, bed);
  t.is(accessKeyId, (await session.credentials()).accessKeyId);
  await session.close();
  t.throws(() => client(row.Client, row.options(bed)), { code: "ERR_CLOSED" });
  setDefaultSession(undefined);
  t.throws(() => client(row.Client), { code: "ERR_NO_DEFAULT_SESSION" });
});

test.serial("a client of the session has the endpoint's region unless it is told another", async (t) => {
  const make = (options) => sessionFor(t, pem(options)).client(NewestS3Client);
  t.is(await make({ endpoint: bed.iot.altName }).config.region(), "eu-west-1");
  t.is(await make({ region: "ap-south-1" }).config.region(), "ap-south-1");
});
