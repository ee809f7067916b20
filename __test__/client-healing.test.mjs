// Clients whose keys a service calls expired, and clients whose clock is wrong.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import { Clients } from "../dist/client/Clients.js";
import { failure, fakeHost, startServer } from "./support/client-server.mjs";

test.beforeEach(async (t) => {
  t.context.server = await startServer();
  t.context.opened = [];
});
test.afterEach.always(async (t) => {
  for (const clients of t.context.opened) clients.close();
  await t.context.server.stop();
});

/** A client of a session, with what the session saw. */
function made(t, { host = fakeHost(), config, Ctor = STSClient } = {}) {
  const clients = new Clients(host);
  t.context.opened.push(clients);
  return { host, client: clients.client(Ctor, { endpoint: t.context.server.endpoint, ...config }) };
}

const ask = (client) => client.send(new GetCallerIdentityCommand({}));
const keysUsed = (server) => server.requests.map(({ akid }) => akid);

for (const code of ["ExpiredToken", "ExpiredTokenException", "InvalidToken"]) {
  test(`${code} once: one more attempt, with the new key`, async (t) => {
    const { server } = t.context;
    const { client, host } = made(t);
    server.reply(failure(code));
    const { $metadata, Account } = await ask(client);
    t.is(Account, "1");
    t.is($metadata.attempts, 2);
    t.deepEqual(keysUsed(server), ["AKID1", "AKID2"]);
    t.deepEqual(host.invalidated, ["AKID1"]);
  });

  test(`${code} twice: it surfaces after two attempts of the five allowed`, async (t) => {
    const { server } = t.context;
    const { client, host } = made(t, { config: { maxAttempts: 5 } });
    server.reply(failure(code));
    server.reply(failure(code));
    const error = await t.throwsAsync(ask(client), { name: code });
    t.is(error.$metadata.attempts, 2);
    t.is(error.$retryable, undefined, "the second one is thrown as it came");
    t.deepEqual(keysUsed(server), ["AKID1", "AKID2"]);
    t.deepEqual(host.invalidated, ["AKID1", "AKID2"]);
  });
}

for (const code of ["AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "ExpiredTokenX"]) {
  test(`${code} is none of ours: one attempt, the key stays`, async (t) => {
    const { server } = t.context;
    const { client, host } = made(t);
    server.reply(failure(code));
    const error = await t.throwsAsync(ask(client), { name: code });
    t.is(error.$metadata.attempts, 1);
    t.is(error.$retryable, undefined);
    t.deepEqual(keysUsed(server), ["AKID1"]);
    t.deepEqual(host.invalidated, []);
  });
}

test("maxAttempts holds: with one the error surfaces, and the next operation has the new key", async (t) => {
  const { server } = t.context;
  const { client } = made(t, { config: { maxAttempts: 1 } });
  server.reply(failure("ExpiredToken"));
  const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
  t.is(error.$metadata.attempts, 1);
  await ask(client);
  t.deepEqual(keysUsed(server), ["AKID1", "AKID2"]);
});

test("no new keys: the service's error surfaces, not the refresh's", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t);
  await ask(client);
  const { invalidate } = host;
  host.invalidate = (akid) => {
    host.failure = new Error("the source is down");
    return invalidate(akid);
  };
  server.reply(failure("ExpiredToken"));
  const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
  t.is(error.$metadata.attempts, 1);
  t.deepEqual(host.invalidated, ["AKID1"]);
});

test("keys that cannot be given back: the service's error surfaces", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t);
  host.invalidate = () => {
    throw new Error("the session is closed");
  };
  server.reply(failure("ExpiredToken"));
  const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
  t.is(error.$metadata.attempts, 1);
});

test("every operation is healed by itself, with cached middleware too", async (t) => {
  const { server } = t.context;
  const { client } = made(t, { config: { cacheMiddleware: true } });
  const command = new GetCallerIdentityCommand({});
  for (const attempt of [1, 2]) {
    server.reply(failure("ExpiredToken"));
    const { $metadata } = await client.send(command);
    t.is($metadata.attempts, 2, `operation ${attempt}`);
  }
  t.deepEqual(keysUsed(server), ["AKID1", "AKID2", "AKID2", "AKID3"]);
});

test("operations that fail together are each tried once more, and the keys are renewed once", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t);
  server.rule = ({ akid }) => (akid === "AKID1" ? failure("ExpiredToken") : undefined);
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(client)));
  t.true(replies.every(({ $metadata }) => $metadata.attempts <= 2));
  t.is(host.generation, 2);
  t.deepEqual(new Set(host.invalidated), new Set(["AKID1"]));
});

// ---------------------------------------------------------------------------------------------------- older versions

test("a client that keeps its keys gets the new ones", async (t) => {
  const { server } = t.context;
  const { client } = made(t, { host: fakeHost({ memoized: false }) });
  await ask(client);
  server.reply(failure("ExpiredToken"));
  t.is((await ask(client)).$metadata.attempts, 2);
  t.deepEqual(keysUsed(server), ["AKID1", "AKID1", "AKID2"]);
});

test("a client that keeps its keys and knows no forceRefresh gets them too", async (t) => {
  class Forgetful extends STSClient {
    constructor(config) {
      let kept;
      const memo = async () => {
        if (kept === undefined || kept.expiration.getTime() - Date.now() < 300_000) kept = await config.credentials();
        return kept;
      };
      super({ ...config, credentials: Object.assign(memo, { memoized: true }) });
    }
  }
  const { server } = t.context;
  const { client } = made(t, { Ctor: Forgetful });
  await ask(client);
  server.reply(failure("ExpiredToken"));
  t.is((await ask(client)).$metadata.attempts, 2);
  t.deepEqual(keysUsed(server), ["AKID1", "AKID1", "AKID2"]);
});

test("a retry strategy that does not look at $retryable is told in the older way", async (t) => {
  const token = (count) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  const retryStrategy = {
    mode: "standard",
    acquireInitialRetryToken: async () => token(0),
    async refreshRetryTokenForRetry(last, { error }) {
      if (error.$metadata?.clockSkewCorrected) return token(last.getRetryCount() + 1);
      throw new Error("No retry token available");
    },
    recordSuccess() {},
  };
  const { server } = t.context;
  const { client } = made(t, { config: { retryStrategy } });
  server.reply(failure("ExpiredToken"));
  t.is((await ask(client)).$metadata.attempts, 2);
});

// ---------------------------------------------------------------------------------------------------- shapes

test("a frozen error is no obstacle", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t, { config: { maxAttempts: 1 } });
  const freeze = (next) => (args) =>
    next(args).catch((error) => {
      throw Object.freeze(error);
    });
  client.middlewareStack.add(freeze, { step: "deserialize", priority: "high", name: "freeze" });
  server.reply(failure("ExpiredToken"));
  const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
  t.true(Object.isFrozen(error));
  t.deepEqual(host.invalidated, ["AKID1"]);
});

test("a retry hint that is there stays", async (t) => {
  const { server } = t.context;
  const { client } = made(t, { config: { maxAttempts: 1 } });
  const hint = { throttling: true };
  const mark = (next) => (args) =>
    next(args).catch((error) => {
      throw Object.assign(error, { $retryable: hint });
    });
  client.middlewareStack.add(mark, { step: "deserialize", priority: "high", name: "mark" });
  server.reply(failure("ExpiredToken"));
  const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
  t.is(error.$retryable, hint);
});

/** A signer that puts what it is given where it is told to. */
const signer = (sign) => ({
  async sign(request) {
    const signed = request.clone();
    sign(signed);
    return signed;
  },
});

for (const [name, sign] of [
  ["a presigned query", ({ query }) => Object.assign(query, { "X-Amz-Credential": "AKID1/20260101/r/s/aws4_request" })],
  ["an encoded one", ({ query }) => Object.assign(query, { "x-amz-credential": "AKID1%2F20260101%2Fr%2Fs" })],
  [
    "a header of any case",
    ({ headers }) => Object.assign(headers, { AUTHORIZATION: "AWS4-HMAC-SHA256 Credential=AKID1/2026, S=1" }),
  ],
]) {
  test(`the key id is read from ${name}`, async (t) => {
    const { server } = t.context;
    const { client, host } = made(t, { config: { signer: signer(sign) } });
    server.reply(failure("ExpiredToken"));
    await ask(client);
    t.deepEqual(host.invalidated, ["AKID1"]);
  });
}

for (const [name, sign] of [
  ["not signed", () => {}],
  ["signed with a bearer token", ({ headers }) => Object.assign(headers, { authorization: "Bearer AKID1/x" })],
]) {
  test(`a request ${name} does not cost the keys`, async (t) => {
    const { server } = t.context;
    const { client, host } = made(t, { config: { signer: signer(sign) } });
    server.reply(failure("ExpiredToken"));
    const error = await t.throwsAsync(ask(client), { name: "ExpiredToken" });
    t.is(error.$metadata.attempts, 1);
    t.deepEqual(host.invalidated, []);
  });
}

// ---------------------------------------------------------------------------------------------------- clock

const HOUR = 3_600_000;
/** How far a request's signature is from our clock; a minute is a slow machine. */
const near = (t, { date }, offset) => t.true(Math.abs(date - Date.now() - offset) < 60_000, `${date - Date.now()}`);

test("the first signature is dated by the session's clock", async (t) => {
  const { server } = t.context;
  const { client } = made(t, { host: fakeHost({ offset: HOUR }) });
  await ask(client);
  near(t, server.requests[0], HOUR);
});

test("what the client learns from a reply is left alone", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t, { host: fakeHost({ offset: HOUR }) });
  server.reply({ headers: { date: new Date(Date.now() - 3 * HOUR).toUTCString() } });
  await ask(client);
  host.offset = 2 * HOUR;
  await ask(client);
  near(t, server.requests[1], -3 * HOUR);
});

test("an offset that the session learns later is used; so is its end", async (t) => {
  const { server } = t.context;
  const { client, host } = made(t, { config: { disableClockSkewCorrection: false } });
  // Without a date in the reply the client learns nothing.
  const undated = { headers: { date: "none" } };
  for (const offset of [0, HOUR, 0]) {
    host.offset = offset;
    server.reply(undated);
    await ask(client);
    near(t, server.requests.at(-1), offset);
  }
});

test("an offset that the caller gave is left alone", async (t) => {
  const { server } = t.context;
  for (const systemClockOffset of [0, -2 * HOUR]) {
    const { client } = made(t, { host: fakeHost({ offset: HOUR }), config: { systemClockOffset } });
    await ask(client);
    near(t, server.requests.at(-1), systemClockOffset);
  }
});
