// How clients of the SDK use a session: every version of the matrix, STS and S3, against the local AWS.
//
// The counts are measured; a version that counts otherwise is a reason to look, not to adjust a number.
//
// Serial: faults and log are common to all.

import test from "ava";
import { clientFor, faultOf, matrix, requestsOf } from "./support/sdk-matrix.mjs";
import { counted } from "./support/sdk-provider.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const fetches = async () => (await bed.control("GET", "/log?event=request&service=iot")).length;
const times = (count, make) => Array.from({ length: count }, make);
const lasting = (seconds) => bed.control("PUT", "/aliases/gateway-role", { durationSeconds: seconds });
const only = (values) => [...new Set(values)];

/** What three operations in turn cost in provider calls, and what fifty at once cost another client. */
async function asked(t, row, session, flags) {
  const inTurn = counted(session.credentials, { flags });
  const client = clientFor(t, row, bed, { credentials: inTurn.provider });
  for (const _ of times(3)) await row.operate(client);
  const atOnce = counted(session.credentials, { flags });
  const other = clientFor(t, row, bed, { credentials: atOnce.provider });
  await Promise.all(times(50, () => row.operate(other)));
  return { inTurn: inTurn.calls, atOnce: atOnce.calls };
}

test("the session's provider carries the flag as a property of its own", (t) => {
  const { credentials } = sessionFor(t, bed.pem());
  t.true(counted(credentials, { flags: true }).provider.memoized);
  t.is(counted(credentials).provider.memoized, undefined);
});

for (const row of matrix) {
  const { label } = row;
  const plain = { long: { inTurn: 1, atOnce: 1 }, short: row.asked };
  // Twice for an operation: for choosing how to sign, and for signing.
  const always = { inTurn: 6, atOnce: 100 };
  const flagged = row.memoized ? { long: always, short: always } : plain;

  // ------------------------------------------------------------------------------------------------ how often it asks

  for (const [flags, expected] of [
    [false, plain],
    [true, flagged],
  ]) {
    for (const [life, seconds] of [
      ["long", 3600],
      ["short", 240],
    ]) {
      const { inTurn, atOnce } = expected[life];
      const how = `${flags ? "with" : "without"} the flag, keys for ${seconds} s`;
      test.serial(`${label} ${how}: provider calls ${inTurn} in turn, ${atOnce} at once`, async (t) => {
        await lasting(seconds);
        const session = sessionFor(t, bed.pem());
        t.deepEqual(await asked(t, row, session, flags), expected[life]);
        const requests = await requestsOf(row, bed);
        t.is(requests.length, 53);
        t.deepEqual(only(requests.map(({ status }) => status)), [200]);
      });
    }
  }

  test.serial(`${label}: ten clients of one session are one fetch at the endpoint`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const clients = times(10, () => clientFor(t, row, bed, { credentials: session.credentials }));
    await Promise.all(clients.map(row.operate));
    t.is(await fetches(), 1);
    const requests = await requestsOf(row, bed);
    t.is(requests.length, 10);
    const { accessKeyId } = await session.credentials();
    t.deepEqual(only(requests.map((request) => request.accessKeyId)), [accessKeyId]);
  });

  test.serial(`${label}: every attempt asks where the flag is honoured, else the first alone`, async (t) => {
    const session = sessionFor(t, bed.pem());
    for (const flags of [false, true]) {
      const counter = counted(session.credentials, { flags });
      await bed.control("DELETE", "/log");
      await faultOf(row, bed, { mode: "error", code: "ServiceUnavailable" }, 2);
      const { $metadata } = await row.operate(clientFor(t, row, bed, { credentials: counter.provider }));
      t.is($metadata.attempts, 3);
      t.deepEqual(
        (await requestsOf(row, bed)).map(({ status }) => status),
        [503, 503, 200],
      );
      t.is(counter.calls, flags && row.memoized ? 4 : 1, `flag: ${flags}`);
    }
  });

  if (row.service === "s3") {
    test.serial(`${label}: objects go there and come back, whatever their key looks like`, async (t) => {
      const { PutObjectCommand, GetObjectCommand, HeadObjectCommand, DeleteObjectCommand } = row.sdk;
      const session = sessionFor(t, bed.pem());
      const client = clientFor(t, row, bed, { credentials: session.credentials });
      for (const [key, body] of [
        ["plain", "text"],
        ["a b/é+%20", Buffer.alloc(300_000, "x")],
      ]) {
        const place = { Bucket: bed.s3.bucket, Key: key };
        await client.send(new PutObjectCommand({ ...place, Body: body }));
        t.is((await client.send(new HeadObjectCommand(place))).ContentLength, body.length);
        t.is(await (await client.send(new GetObjectCommand(place))).Body.transformToString(), body.toString());
        await client.send(new DeleteObjectCommand(place));
        await t.throwsAsync(client.send(new GetObjectCommand(place)), { any: true, name: "NoSuchKey" });
      }
    });
  }

  // ---------------------------------------------------------------------------------------------- what it may be given

  test.serial(`${label}: every call gives an object of its own that a client may write into`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const counter = counted(session.credentials, { flags: true });
    const client = clientFor(t, row, bed, { credentials: counter.provider });
    for (const _ of times(3)) await t.notThrowsAsync(row.operate(client));
    counter.given.push(await session.credentials());
    t.is(new Set(counter.given).size, counter.given.length);
    for (const keys of counter.given) {
      t.true(Object.isExtensible(keys) && !Object.isSealed(keys) && !Object.isFrozen(keys));
      t.true(keys.expiration instanceof Date);
      const left = keys.expiration - Date.now();
      t.true(left > 3_500_000 && left <= 3_600_000, `${left}`);
    }
    // What a client has written stays with it.
    t.deepEqual(Object.keys(counter.given.at(-1)), ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"]);
  });

  const frozen = row.writesIntoKeys ? "does not do" : "would do";
  test.serial(`${label}: a frozen object ${frozen}`, async (t) => {
    const session = sessionFor(t, bed.pem());
    for (const flags of [false, true]) {
      const { provider } = counted(session.credentials, { flags, change: Object.freeze });
      const operation = row.operate(clientFor(t, row, bed, { credentials: provider }));
      if (row.writesIntoKeys) await t.throwsAsync(operation, { instanceOf: TypeError, message: /not extensible/ });
      else await t.notThrowsAsync(operation);
    }
  });

  test.serial(`${label}: an expiration in text is a TypeError, an invalid Date is never noticed`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const giving = (expiration) =>
      counted(session.credentials, { change: (keys) => ({ ...keys, expiration: expiration(keys) }) });
    const text = giving((keys) => keys.expiration.toISOString());
    await t.throwsAsync(row.operate(clientFor(t, row, bed, { credentials: text.provider })), { instanceOf: TypeError });
    t.is((await requestsOf(row, bed)).length, 0);
    const invalid = giving(() => new Date(Number.NaN));
    const client = clientFor(t, row, bed, { credentials: invalid.provider });
    for (const _ of times(3)) await row.operate(client);
    t.is(invalid.calls, 1);
  });

  // -------------------------------------------------------------------------------------------------- when keys change

  const seen = row.memoized ? "at once" : "not before the last five minutes";
  test.serial(`${label}: renewed keys are used ${seen}`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const client = clientFor(t, row, bed, { credentials: session.credentials });
    await row.operate(client);
    const old = await session.credentials();
    await session.refresh({ force: true });
    const renewed = await session.credentials();
    t.not(renewed.accessKeyId, old.accessKeyId);
    await row.operate(client);
    await row.operate(clientFor(t, row, bed, { credentials: session.credentials }));
    t.deepEqual(
      (await requestsOf(row, bed)).map(({ accessKeyId }) => accessKeyId),
      [old, row.memoized ? renewed : old, renewed].map(({ accessKeyId }) => accessKeyId),
    );
  });

  test.serial(`${label}: in the last five minutes renewed keys are used at once`, async (t) => {
    await lasting(240);
    const session = sessionFor(t, bed.pem());
    const client = clientFor(t, row, bed, { credentials: session.credentials });
    await row.operate(client);
    await lasting(3600);
    await session.refresh({ force: true });
    const { accessKeyId } = await session.credentials();
    await row.operate(client);
    const requests = await requestsOf(row, bed);
    t.not(requests[0].accessKeyId, accessKeyId);
    t.is(requests[1].accessKeyId, accessKeyId);
  });

  // ------------------------------------------------------------------------------------------------ when keys are refused

  test.serial(
    `${label}: ExpiredToken is not retried, and only the flag brings the next operation new keys`,
    async (t) => {
      const session = sessionFor(t, bed.pem());
      for (const flags of [false, true]) {
        const counter = counted(session.credentials, { flags });
        const client = clientFor(t, row, bed, { credentials: counter.provider });
        await row.operate(client);
        await bed.control("POST", "/keys/revoke");
        await bed.control("DELETE", "/log");
        const refused = await t.throwsAsync(row.operate(client), { any: true, name: "ExpiredToken" });
        t.like(refused.$metadata, { httpStatusCode: row.expiredStatus, attempts: 1 });
        t.is((await requestsOf(row, bed)).length, 1);

        await session.refresh({ force: true });
        const next = row.operate(client);
        if (flags && row.memoized) await t.notThrowsAsync(next);
        else await t.throwsAsync(next, { any: true, name: "ExpiredToken" });
        t.is(counter.calls, flags && row.memoized ? 6 : 1);
      }
    },
  );

  test.serial(`${label}: AccessDenied is not retried and asks for no other keys`, async (t) => {
    const counter = counted(sessionFor(t, bed.pem()).credentials);
    const client = clientFor(t, row, bed, { credentials: counter.provider });
    await faultOf(row, bed, { mode: "error", code: "AccessDenied" }, 1);
    const refused = await t.throwsAsync(row.operate(client), { any: true, name: "AccessDenied" });
    t.like(refused.$metadata, { httpStatusCode: 403, attempts: 1 });
    await row.operate(client);
    t.is(counter.calls, 1);
  });

  test.serial(`${label}: forceRefresh ${row.forceRefresh ? "asks the provider" : "has no effect"}`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const counter = counted(session.credentials);
    const client = clientFor(t, row, bed, { credentials: counter.provider });
    await row.operate(client);
    await session.refresh({ force: true });
    await client.config.credentials({ forceRefresh: true });
    await row.operate(client);
    t.is(counter.calls, row.forceRefresh ? 2 : 1);
    const { accessKeyId } = await session.credentials();
    t.is((await requestsOf(row, bed)).at(-1).accessKeyId === accessKeyId, row.forceRefresh);
  });

  // The one way to have every version ask again: what it keeps is the object it was given.
  test.serial(`${label}: keys whose expiration is set to the past are asked for again`, async (t) => {
    const session = sessionFor(t, bed.pem());
    const counter = counted(session.credentials);
    const client = clientFor(t, row, bed, { credentials: counter.provider });
    await row.operate(client);
    await session.refresh({ force: true });
    counter.given.at(-1).expiration = new Date(0);
    await row.operate(client);
    t.is(counter.calls, 2);
    const { accessKeyId } = await session.credentials();
    t.is((await requestsOf(row, bed)).at(-1).accessKeyId, accessKeyId);
  });

  for (const [mark, enough] of [
    ["$retryable", row.retryableByTrait],
    ["clockSkewCorrected", true],
  ]) {
    const outcome = enough ? "made again" : "not made again";
    test.serial(`${label}: a request whose error is marked ${mark} is ${outcome}`, async (t) => {
      const client = clientFor(t, row, bed, { credentials: sessionFor(t, bed.pem()).credentials });
      const marking = (next) => async (args) => {
        try {
          return await next(args);
        } catch (error) {
          if (mark === "$retryable") error.$retryable = {};
          else error.$metadata.clockSkewCorrected = true;
          throw error;
        }
      };
      client.middlewareStack.add(marking, { step: "finalizeRequest", priority: "low", name: "marking" });
      await faultOf(row, bed, { mode: "error", code: "ExpiredToken" }, 1);
      if (enough) t.is((await row.operate(client)).$metadata.attempts, 2);
      else await t.throwsAsync(row.operate(client), { any: true, name: "ExpiredToken" });
      t.is((await requestsOf(row, bed)).length, enough ? 2 : 1);
    });
  }

  // ------------------------------------------------------------------------------------------- when there are no keys

  test.serial(`${label}: an error of the session is what the operation rejects with, and is not kept`, async (t) => {
    const counter = counted(sessionFor(t, bed.pem()).credentials, { flags: true });
    const client = clientFor(t, row, bed, { credentials: counter.provider });
    await bed.fault("status", { code: 503 });
    for (const calls of [1, 2]) {
      await t.throwsAsync(row.operate(client), { name: "RequestError", code: "ERR_SERVICE_UNAVAILABLE" });
      t.is(counter.calls, calls);
    }
    t.is((await requestsOf(row, bed)).length, 0);
  });

  test.serial(
    `${label}: a provider that says ECONNRESET is asked as often as the request is tried: ${row.askedAfterReset}`,
    async (t) => {
      const broken = () => Promise.reject(Object.assign(new Error("broken"), { code: "ECONNRESET" }));
      const counter = counted(broken);
      const client = clientFor(t, row, bed, { credentials: counter.provider });
      await t.throwsAsync(row.operate(client), { message: "broken" });
      t.is(counter.calls, row.askedAfterReset);
      t.is((await requestsOf(row, bed)).length, 0);
    },
  );
}
