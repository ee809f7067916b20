// The clients of a session: which are made, which are kept, and which go.

import { inspect } from "node:util";
import { GetCallerIdentityCommand, STS, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import { client as defaultClient, getDefaultSession, setDefaultSession } from "../dist/client/default.js";
import { clientCacheOption } from "../dist/client/options.js";
import { ask, kept, open, serveEach } from "./support/client-bed.mjs";
import { fakeHost } from "./support/client-server.mjs";

serveEach(test);

// ---------------------------------------------------------------------------------------------------- one and many

test("a thousand calls with the same config: one client, one connection", async (t) => {
  const { clients, cache, endpoint } = open(t);
  const found = new Set();
  for (let i = 0; i < 1000; i++) found.add(clients.client(STSClient, { endpoint, maxAttempts: 2 }));
  t.is(found.size, 1);
  for (const client of found) for (let i = 0; i < 5; i++) t.is((await ask(client)).Account, "1");
  t.is(t.context.server.connections(), 1);
  t.deepEqual(cache.stats(), { hits: 999, misses: 1, evictions: 0, size: 1, maxSize: 64, policy: "lru" });
});

test("the same config in other words is the same client", (t) => {
  const { clients } = open(t);
  const client = clients.client(STSClient, { maxAttempts: 2, endpoint: "https://a/" });
  t.is(clients.client(STSClient, { endpoint: "https://a/", maxAttempts: 2 }), client);
  t.is(clients.client(STSClient, { endpoint: "https://a/", maxAttempts: 2, logger: undefined }), client);
  t.is(clients.client(STSClient, { endpoint: "https://a/", maxAttempts: 2, region: "eu-west-1" }), client);
  t.is(clients.client(STSClient, { endpoint: "https://a/", maxAttempts: 2 }, {}), client);
  t.is(clients.client(STSClient), clients.client(STSClient, {}));
  t.is(clients.client(STSClient), clients.client(STSClient, undefined, { cache: true }));
});

test("another class or config is another client, of that class", (t) => {
  const { clients } = open(t);
  const Named = { STSClient: class STSClient2 extends STSClient {} };
  Object.defineProperty(Named.STSClient, "name", { value: "STSClient" });
  const found = [
    clients.client(STSClient),
    clients.client(STS),
    clients.client(Named.STSClient),
    clients.client(STSClient, { region: "eu-west-2" }),
    clients.client(STSClient, { region: async () => "eu-west-1" }),
    clients.client(STSClient, { maxAttempts: 2 }),
    clients.client(STSClient, { maxAttempts: "2" }),
  ];
  t.is(new Set(found).size, found.length);
  t.true(found[1] instanceof STS);
  t.is(found[2].constructor, Named.STSClient);
});

test("a client has the session's keys, and its region unless the config has one", async (t) => {
  const { clients, endpoint } = open(t);
  const { server } = t.context;
  t.is(await clients.client(STSClient).config.region(), "eu-west-1");
  t.is(await clients.client(STSClient, { region: undefined }).config.region(), "eu-west-1");
  t.is(await clients.client(STSClient, { region: "us-east-2" }).config.region(), "us-east-2");
  await ask(clients.client(STSClient, { endpoint }));
  t.is(server.requests[0].akid, "AKID1");

  const { clients: nowhere } = open(t, undefined, { ...fakeHost(), region: undefined });
  t.is(await nowhere.client(STSClient, { region: "us-east-2" }).config.region(), "us-east-2");
});

test("the caller's config is neither changed nor kept, and may be frozen", async (t) => {
  const { clients, endpoint } = open(t);
  const config = Object.freeze({ endpoint, requestHandler: Object.freeze({ requestTimeout: 1000 }), maxAttempts: 3 });
  const before = inspect(config, { depth: 9, showHidden: true });
  await ask(clients.client(STSClient, config));
  t.is(inspect(config, { depth: 9, showHidden: true }), before);

  const changing = { endpoint, maxAttempts: 3 };
  const client = clients.client(STSClient, changing);
  changing.maxAttempts = 4;
  t.is(await client.config.maxAttempts(), 3);
  t.not(clients.client(STSClient, changing), client);
});

test("only the config's own properties are read", async (t) => {
  const { clients } = open(t);
  const client = clients.client(STSClient, Object.create({ region: "us-east-2", credentials: {} }));
  t.is(await client.config.region(), "eu-west-1");
  t.is(client, clients.client(STSClient));

  const disguised = clients.client(STSClient, JSON.parse('{ "__proto__": { "region": "us-east-2" } }'));
  t.is(await disguised.config.region(), "eu-west-1");
});

test("undefined is as good as left out", (t) => {
  const { clients } = open(t);
  const { config } = clients.client(STSClient, { logger: undefined });
  t.is(typeof config.logger.info, "function");
});

// ---------------------------------------------------------------------------------------------------- refusals

const refused = (t, call, param, code = "ERR_INVALID_OPTION") => {
  const error = t.throws(call, { name: "ValidationError", code });
  t.is(error.param, param);
  return error;
};

test("credentials are the session's", (t) => {
  const { clients, cache } = open(t);
  for (const credentials of [{ accessKeyId: "AKIDX", secretAccessKey: "SECRET" }, async () => ({}), null]) {
    for (const call of [
      () => clients.client(STSClient, { credentials }),
      () => clients.client(STSClient, { credentials }, { cache: false }),
      () => cache.get(STSClient, { credentials }),
    ]) {
      const { message } = refused(t, call, "credentials");
      t.regex(message, /the session supplies/);
      t.notRegex(message, /AKIDX|SECRET/);
    }
  }
  t.is(cache.size, 0);
  t.notThrows(() => clients.client(STSClient, { credentials: undefined }));
});

for (const [name, value, found] of [
  ["undefined", undefined, /undefined/],
  ["null", null, /null/],
  ["an object", {}, /an object/],
  ["a name", "STSClient", /a string/],
  ["a client", new STSClient({ region: "eu-west-1" }), /an object/],
  ["an arrow function", () => {}, /`new` cannot call/],
  ["an async function", async () => {}, /`new` cannot call/],
  ["a method", { method() {} }.method, /`new` cannot call/],
  ["a command", GetCallerIdentityCommand, /no SDK v3 client/],
  ["another class", class Other {}, /no SDK v3 client/],
]) {
  test(`no class of a client: ${name}`, (t) => {
    const { clients, cache } = open(t);
    for (const options of [undefined, { cache: false }]) {
      t.regex(refused(t, () => clients.client(value, {}, options), "Ctor").message, found);
    }
    t.is(cache.size, 0);
    t.is(cache.stats().misses, 0);
  });
}

test("a class that throws leaves nothing behind", (t) => {
  class Broken extends STSClient {
    constructor() {
      throw new RangeError("broken");
    }
  }
  const { clients, cache } = open(t, { maxSize: 1 });
  const client = clients.client(STSClient);
  t.throws(() => clients.client(Broken), { instanceOf: RangeError, message: "broken" });
  t.deepEqual([...cache], [["STSClient#1", client]]);
});

test("configs and options of a wrong kind", (t) => {
  const { clients, cache } = open(t);
  for (const config of [null, 1, "eu-west-1", [], () => {}]) {
    refused(t, () => clients.client(STSClient, config), "config");
  }
  for (const options of [null, 1, "lru", [], false]) {
    refused(t, () => clients.client(STSClient, {}, options), "options");
  }
  for (const maxSize of [0, -1, 1.5, 10_001, Number.NaN, "1", null]) {
    refused(t, () => clients.client(STSClient, {}, { maxSize }), "maxSize");
  }
  for (const policy of ["LRU", "fifo", "", 1, null]) {
    refused(t, () => clients.client(STSClient, {}, { policy }), "policy");
  }
  for (const value of ["false", 0, null]) refused(t, () => clients.client(STSClient, {}, { cache: value }), "cache");
  refused(t, () => clients.client(STSClient, {}, { maxsize: 1 }), "maxsize", "ERR_UNKNOWN_OPTION");
  for (const key of [undefined, null, 1, {}]) refused(t, () => cache.get(key), "key");
  t.is(cache.size, 0);
  t.is(cache.maxSize, 64);
});

test("the session's option", (t) => {
  const check = (value) => clientCacheOption(value, "clientCache");
  t.is(check(false), false);
  t.deepEqual({ ...check({}) }, {});
  t.deepEqual({ ...check({ policy: "lfu", maxSize: 10_000 }) }, { policy: "lfu", maxSize: 10_000 });
  t.regex(refused(t, () => check(true), "clientCache").message, /false or an object/);
  refused(t, () => check(10), "clientCache");
  refused(t, () => check({ maxSize: 0 }), "clientCache.maxSize");
  refused(t, () => check({ policy: "LRU" }), "clientCache.policy");
  refused(t, () => check({ size: 1 }), "clientCache.size", "ERR_UNKNOWN_OPTION");
});

// ---------------------------------------------------------------------------------------------------- who goes

test("LRU: the least recently used one goes, however often it was used", async (t) => {
  const { cache, sts } = open(t, { maxSize: 3 });
  const first = sts(1);
  for (let i = 0; i < 5; i++) sts(1);
  sts(2);
  sts(3);
  sts(2);
  sts(4);
  t.deepEqual(await kept(cache), [3, 2, 4]);
  t.is(cache.stats().evictions, 1);
  t.false(cache.has("STSClient#1"));
  t.not(sts(1), first, "it was forgotten");
  t.deepEqual(await kept(cache), [2, 4, 1]);
});

test("LFU: the least frequently used one goes; of equals the least recently used one", async (t) => {
  const { cache, sts } = open(t, { policy: "lfu", maxSize: 3 });
  for (const uses of [1, 1, 1, 2, 3, 3, 2]) sts(uses);
  t.deepEqual(await kept(cache), [1, 3, 2]);
  sts(4);
  t.deepEqual(await kept(cache), [1, 2, 4], "3 and 2 were used twice, 3 longer ago");
  sts(5);
  t.deepEqual(await kept(cache), [1, 2, 5], "4 was used once");
  t.is(cache.stats().evictions, 2);
  t.is(cache.stats().policy, "lfu");
});

test("a call's policy is that of its evictions, on what was used before it", async (t) => {
  const { cache, sts } = open(t, { maxSize: 2 });
  sts(1);
  sts(1);
  sts(2);
  sts(3, { policy: "lfu" });
  t.deepEqual(await kept(cache), [1, 3], "by recency 1 would have gone");
  sts(4);
  t.deepEqual(await kept(cache), [3, 4], "the session's policy is what it was");
});

for (const policy of ["lru", "lfu"]) {
  test(`${policy}: a call that shrinks the cache keeps the client it asked for`, async (t) => {
    const { cache, sts } = open(t, { policy, maxSize: 4 });
    for (const number of [1, 2, 2, 3, 3, 4, 4]) sts(number);
    const made = sts(5, { maxSize: 2 });
    t.is(cache.size, 2);
    t.is(cache.maxSize, 2);
    t.is(sts(5), made);

    const found = sts(4, { maxSize: 1 });
    t.deepEqual(
      [...cache].map(([, client]) => client),
      [found],
    );
    const only = sts(6, { maxSize: 1 });
    t.deepEqual(
      [...cache].map(([, client]) => client),
      [only],
    );
    t.is(sts(6), only);
  });
}

test("a call that shrinks the cache by several evicts in the policy's order", async (t) => {
  for (const [policy, left] of [
    ["lru", [2, 5]],
    ["lfu", [4, 5]],
  ]) {
    const { cache, sts } = open(t, { policy, maxSize: 5 });
    for (const number of [1, 2, 3, 4, 5, 4, 4, 3, 1, 2]) sts(number);
    sts(5, { maxSize: 2 });
    t.deepEqual(await kept(cache), left, policy);
    t.is(cache.stats().evictions, 3);
  }
});

test("a call that makes room evicts nobody", async (t) => {
  const { cache, sts } = open(t, { maxSize: 2 });
  sts(1);
  sts(2);
  sts(3, { maxSize: 3 });
  t.deepEqual(await kept(cache), [1, 2, 3]);
  sts(4);
  t.deepEqual(await kept(cache), [2, 3, 4], "the new size stays");
});

// ---------------------------------------------------------------------------------------------------- session.cache

test("a client is found by its key or by its class and config", (t) => {
  const { clients, cache } = open(t);
  const plain = clients.client(STSClient);
  const other = clients.client(STS, { maxAttempts: 2 });
  t.deepEqual(cache.keys(), ["STSClient#1", "STS#2"]);
  t.deepEqual(
    [...cache],
    [
      ["STSClient#1", plain],
      ["STS#2", other],
    ],
  );

  t.is(cache.get("STS#2"), other);
  t.is(cache.get(STS, { maxAttempts: 2 }), other);
  t.is(cache.get(STSClient), plain);
  t.is(cache.get(STS), undefined);
  t.is(cache.get("STS#1"), undefined);
  t.true(cache.has("STSClient#1"));
  t.true(cache.has(STSClient, { region: "eu-west-1" }));
  t.false(cache.has(STSClient, { region: "eu-west-2" }));
  t.false(cache.has(""));
  t.is(cache.stats().hits, 0, "looking is no hit");
  t.is(cache.size, 2);

  t.true(cache.delete(STS, { maxAttempts: 2 }));
  t.false(cache.delete(STS, { maxAttempts: 2 }));
  t.true(cache.delete("STSClient#1"));
  t.false(cache.delete("STSClient#1"));
  t.is(cache.size, 0);
  t.is(cache.stats().evictions, 0);
});

test("get is a use, has is none", async (t) => {
  const { cache, sts } = open(t, { maxSize: 2 });
  sts(1);
  sts(2);
  cache.get("STSClient#1");
  cache.has("STSClient#2");
  sts(3);
  t.deepEqual(await kept(cache), [1, 3]);
});

test("clear forgets all, and no key comes back", (t) => {
  const { clients, cache } = open(t);
  const first = clients.client(STSClient);
  cache.clear();
  t.is(cache.size, 0);
  t.deepEqual([...cache], []);
  t.not(clients.client(STSClient), first);
  t.deepEqual(cache.keys(), ["STSClient#2"]);
});

test("clients may be forgotten while one goes through them", (t) => {
  const { cache, sts } = open(t);
  for (let number = 1; number <= 5; number++) sts(number);
  const seen = [];
  for (const [key] of cache) {
    seen.push(key);
    cache.clear();
  }
  t.is(seen.length, 5);
});

test("nothing of a config or of the keys shows", async (t) => {
  const { clients, cache } = open(t);
  const secret = "SECRET-IN-CONFIG";
  const client = clients.client(STSClient, {
    endpoint: `https://user:${secret}@host/`,
    customUserAgent: secret,
    token: { token: secret },
    [secret]: secret,
  });
  await client.config.credentials();
  for (const shown of [
    cache.keys().join(),
    JSON.stringify(cache),
    JSON.stringify(clients),
    JSON.stringify(cache.stats()),
    inspect(cache, { depth: 9, showHidden: true }),
    inspect(clients, { depth: 9, showHidden: true }),
    inspect(client.config.requestHandler, { depth: 9, showHidden: true }),
  ]) {
    t.notRegex(shown, /SECRET|AKID|TOKEN1/);
  }
  t.is(inspect(cache), "ClientCache { size: 1, maxSize: 64, policy: 'lru', keys: [ 'STSClient#1' ] }");
});

test("clientCache: false is cache: false of every call that does not say otherwise", (t) => {
  const { cache, sts } = open(t, false);
  t.not(sts(1), sts(1));
  t.is(cache.size, 0);
  t.is(sts(1, { cache: true }), sts(1, { cache: true }));
  t.is(cache.size, 1);
});

// ---------------------------------------------------------------------------------------------------- default session

test.serial("client() is the default session's", (t) => {
  t.teardown(() => setDefaultSession(undefined));
  t.is(getDefaultSession(), undefined);
  const error = t.throws(() => defaultClient(STSClient), {
    name: "ConfigurationError",
    code: "ERR_NO_DEFAULT_SESSION",
  });
  t.regex(error.hint, /setDefaultSession/);

  const { clients } = open(t);
  setDefaultSession(clients);
  t.is(getDefaultSession(), clients);
  t.is(defaultClient(STSClient, { maxAttempts: 2 }), clients.client(STSClient, { maxAttempts: 2 }));
  t.not(defaultClient(STSClient, {}, { cache: false }), defaultClient(STSClient, {}, { cache: false }));
  for (const session of [null, {}, "session", () => {}]) refused(t, () => setDefaultSession(session), "session");
  t.is(getDefaultSession(), clients, "a refused one changes nothing");

  setDefaultSession(undefined);
  t.throws(() => defaultClient(STSClient), { code: "ERR_NO_DEFAULT_SESSION" });
});
