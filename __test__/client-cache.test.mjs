// The clients of a session: which are made, which are kept, and whose sockets they use.

import { inspect } from "node:util";
import { GetCallerIdentityCommand, STS, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import { Clients } from "../dist/client/Clients.js";
import { client as defaultClient, getDefaultSession, setDefaultSession } from "../dist/client/default.js";
import { clientCacheOption } from "../dist/client/options.js";
import { deferred, fakeHost, startServer } from "./support/client-server.mjs";

test.beforeEach(async (t) => {
  t.context.server = await startServer();
  t.context.opened = [];
});
test.afterEach.always(async (t) => {
  for (const clients of t.context.opened) clients.close();
  await t.context.server.stop();
});

function open(t, options, host = fakeHost()) {
  const clients = new Clients(host, options);
  t.context.opened.push(clients);
  const { endpoint } = t.context.server;
  /** A client on the server: `sts(1)` and `sts(2)` differ. */
  const sts = (maxAttempts, options) => clients.client(STSClient, { endpoint, maxAttempts }, options);
  return { clients, cache: clients.cache, sts, endpoint };
}

const ask = (client) => client.send(new GetCallerIdentityCommand({}));
/** The SDK's own handler; it is no dependency of ours. */
const SdkHandler = new STSClient({}).config.requestHandler.constructor;
/** The attempts that each kept client is set to: what `open().sts` tells them apart by. */
const kept = (cache) => Promise.all([...cache].map(([, client]) => client.config.maxAttempts()));

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

test("fifty clients of different classes and configs: one connection", async (t) => {
  const { clients, endpoint } = open(t);
  const found = new Set();
  for (let maxAttempts = 1; maxAttempts <= 25; maxAttempts++) {
    for (const Ctor of [STSClient, STS]) found.add(clients.client(Ctor, { endpoint, maxAttempts }));
  }
  t.is(found.size, 50);
  for (const client of found) await ask(client);
  t.is(t.context.server.connections(), 1);
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

// ---------------------------------------------------------------------------------------------------- sockets

test("an eviction leaves a request under way and the evicted client alone", async (t) => {
  const { server } = t.context;
  const { cache, sts } = open(t, { maxSize: 1 });
  const { promise: held, resolve } = deferred();
  const evicted = sts(1);
  server.reply({ held });
  const reply = ask(evicted);
  await server.seen(1);
  sts(2);
  t.deepEqual(await kept(cache), [2]);
  cache.clear();
  resolve();
  t.is((await reply).$metadata.attempts, 1);
  t.is((await ask(evicted)).$metadata.attempts, 1, "it works on");
});

test("destroy() of a kept client breaks neither other clients' requests nor its own", async (t) => {
  const { server } = t.context;
  const { sts } = open(t);
  const [a, b] = [sts(1), sts(2)];
  const { promise: held, resolve } = deferred();
  server.reply({ held });
  server.reply({ held });
  const replies = [ask(a), ask(b)];
  await server.seen(2);
  a.destroy();
  a.destroy();
  b.destroy();
  resolve();
  for (const { $metadata } of await Promise.all(replies)) t.is($metadata.attempts, 1);
  t.is(sts(1), a, "it is still kept");
  t.is((await ask(a)).$metadata.attempts, 1, "and works");
});

test("destroy() of the last client leaves a reply alone that is still streaming", async (t) => {
  const { server } = t.context;
  const { sts } = open(t);
  const client = sts(1);
  const { promise: streaming, resolve } = deferred();
  server.reply({ streaming });
  const { handle } = client.config.requestHandler;
  const headed = deferred();
  client.config.requestHandler.handle = async function (...args) {
    const reply = await handle.apply(this, args);
    headed.resolve();
    return reply;
  };
  const reply = ask(client);
  await headed.promise;
  client.destroy();
  resolve();
  t.is((await reply).Account, "1");
});

test("idle connections end with the last client that could use them", async (t) => {
  const { server } = t.context;
  const { cache, sts } = open(t);
  const [a, b] = [sts(1), sts(2)];
  await ask(a);
  await ask(b);
  a.destroy();
  a.destroy();
  await ask(b);
  t.is(server.connections(), 1, "one client is left");
  await ask(a);
  cache.delete("STSClient#2");
  await ask(a);
  t.is(server.connections(), 1, "the destroyed one was used again");
  a.destroy();
  await server.idle();
  await ask(a);
  t.is(server.connections(), 2);
});

test("cache: false gives a new client that is not kept, on the same sockets", async (t) => {
  const { server } = t.context;
  const { cache, sts } = open(t);
  const common = sts(1);
  const own = [sts(1, { cache: false }), sts(1, { cache: false })];
  t.is(new Set([common, ...own]).size, 3);
  t.deepEqual(cache.keys(), ["STSClient#1"]);
  for (const client of [common, ...own]) await ask(client);
  t.is(server.connections(), 1);
  own[0].destroy();
  await ask(common);
  await ask(own[0]);
  t.is(server.connections(), 1);
  t.deepEqual(cache.stats(), { hits: 0, misses: 1, evictions: 0, size: 1, maxSize: 64, policy: "lru" });
});

test("clientCache: false is cache: false of every call that does not say otherwise", (t) => {
  const { cache, sts } = open(t, false);
  t.not(sts(1), sts(1));
  t.is(cache.size, 0);
  t.is(sts(1, { cache: true }), sts(1, { cache: true }));
  t.is(cache.size, 1);
});

test("different defaults do not share a handler", async (t) => {
  const { server } = t.context;
  const { clients, endpoint } = open(t);
  const modes = ["legacy", "mobile", "mobile"].map((defaultsMode, n) =>
    clients.client(STSClient, { endpoint, defaultsMode, maxAttempts: n + 1 }),
  );
  for (const client of modes) await ask(client);
  t.is(server.connections(), 2);
  const timeouts = modes.map(({ config }) => config.requestHandler.httpHandlerConfigs().connectionTimeout);
  t.deepEqual(timeouts, [undefined, 30_000, 30_000]);
});

test("handlers of another make or with another default are not shared", async (t) => {
  class OtherMake extends STSClient {
    constructor(config) {
      super(config);
      this.config.requestHandler = new (class NodeHttpHandler extends SdkHandler {})();
    }
  }
  class OtherTimeout extends STSClient {
    constructor(config) {
      super(config);
      this.config.defaultSocketTimeout = 300_000;
    }
  }
  const { server } = t.context;
  const { clients, endpoint } = open(t);
  for (const Ctor of [STSClient, OtherMake, OtherTimeout]) await ask(clients.client(Ctor, { endpoint }));
  t.is(server.connections(), 3);
});

test("a lease looks like the handler it stands for", async (t) => {
  const { sts } = open(t);
  const { requestHandler } = sts(1).config;
  t.deepEqual(requestHandler.metadata, { handlerProtocol: "http/1.1" });
  t.deepEqual(requestHandler.httpHandlerConfigs(), {});
  requestHandler.updateHttpClientConfig("requestTimeout", 12_345);
  await ask(sts(1));
  t.is(requestHandler.httpHandlerConfigs().requestTimeout, 12_345);
});

// ---------------------------------------------------------------------------------------------------- close

/** Counts `destroy` calls of a handler. */
function counted(handler) {
  const { destroy } = handler;
  const calls = { count: 0 };
  handler.destroy = function () {
    calls.count++;
    return destroy.call(this);
  };
  return calls;
}

test("close ends every connection, once, and nothing is made afterwards", async (t) => {
  const { server } = t.context;
  const { clients, cache, sts } = open(t);
  class Watched extends STSClient {
    constructor(config) {
      super(config);
      Watched.destroyed = counted(this.config.requestHandler);
    }
  }
  const first = clients.client(Watched, { endpoint: server.endpoint });
  for (const client of [first, sts(1), sts(2), sts(2, { cache: false })]) await ask(client);
  first.destroy();
  t.is(Watched.destroyed.count, 0, "a client's end is not the handler's");
  clients.close();
  clients.close();
  t.is(Watched.destroyed.count, 1);
  await server.idle();
  t.is(cache.size, 0);

  for (const options of [undefined, { cache: false }]) {
    t.throws(() => sts(1, options), { name: "ClosedError", code: "ERR_CLOSED" });
  }
  const error = await t.throwsAsync(ask(first), { name: "ClosedError" });
  t.is(error.$metadata.attempts, 1);
  t.is(server.connections(), 1);
  t.is(server.open(), 0);
});

test("close ends requests under way; they are not sent again", async (t) => {
  const { server } = t.context;
  const { clients, sts } = open(t);
  server.reply({ held: new Promise(() => {}) });
  const reply = ask(sts(3));
  await server.seen(1);
  clients.close();
  await t.throwsAsync(reply, { name: "ClosedError" });
  await server.idle();
  t.is(server.requests.length, 1);
});

test("close also ends what was on its way to its first socket", async (t) => {
  const { server } = t.context;
  const { clients, sts } = open(t);
  const { hostname, port } = new URL(server.endpoint);
  const request = { protocol: "http:", hostname, port: Number(port), method: "GET", path: "/", headers: {} };
  const reply = sts(1).config.requestHandler.handle(request);
  clients.close();
  await reply.catch(() => {});
  await server.idle();
  t.is(server.open(), 0);
});

test("close ends connections that the handler has forgotten", async (t) => {
  const { server } = t.context;
  const { clients, sts } = open(t);
  await ask(sts(1));
  sts(1).config.requestHandler.updateHttpClientConfig("requestTimeout", 1000);
  clients.close();
  await server.idle();
  t.is(server.connections(), 1);
});

test("a handler that the caller made stays the caller's", async (t) => {
  const { server } = t.context;
  const { clients, sts, endpoint } = open(t);
  const requestHandler = new SdkHandler();
  t.teardown(() => SdkHandler.prototype.destroy.call(requestHandler));
  const destroyed = counted(requestHandler);
  const client = clients.client(STSClient, { endpoint, requestHandler });
  t.is(client.config.requestHandler, requestHandler);
  await ask(client);
  await ask(sts(1));
  t.is(server.connections(), 2, "it is not shared");
  clients.cache.clear();
  clients.close();
  t.is(destroyed.count, 0);
  await ask(client);
  t.is(server.connections(), 2, "its connection was kept");
});

test("a handler that the SDK made of the caller's options is not shared, and ends with the session", async (t) => {
  const { server } = t.context;
  const { clients, sts, endpoint } = open(t);
  const requestHandler = { requestTimeout: 54_321 };
  const client = clients.client(STSClient, { endpoint, requestHandler });
  t.is(clients.client(STSClient, { endpoint, requestHandler: { requestTimeout: 54_321 } }), client);
  const destroyed = counted(client.config.requestHandler);
  await ask(sts(1));
  await ask(client);
  t.is(client.config.requestHandler.httpHandlerConfigs().requestTimeout, 54_321);
  t.is(server.connections(), 2);
  clients.cache.clear();
  t.is(destroyed.count, 0);
  clients.close();
  t.is(destroyed.count, 1);
  await server.idle();
  t.is(server.open(), 0);
});

test("an extension's handler is the caller's; one that it only changed is the SDK's, for this client", async (t) => {
  const { clients, endpoint } = open(t);
  const theirs = new SdkHandler();
  t.teardown(() => SdkHandler.prototype.destroy.call(theirs));
  const given = counted(theirs);
  const setting = { configure: (runtime) => runtime.setHttpHandler(theirs) };
  const changing = { configure: (runtime) => runtime.updateHttpClientConfig("requestTimeout", 4321) };
  const extensions = Object.freeze([setting]);
  const set = clients.client(STSClient, { endpoint, extensions });
  const changed = clients.client(STSClient, { endpoint, extensions: [changing] });
  t.is(set.config.requestHandler, theirs);
  t.true(changed.config.requestHandler instanceof SdkHandler);
  const made = counted(changed.config.requestHandler);
  await ask(set);
  await ask(changed);
  t.is(changed.config.requestHandler.httpHandlerConfigs().requestTimeout, 4321);
  clients.close();
  t.is(given.count, 0);
  t.is(made.count, 1);
});

for (const [name, metadata, Handler] of [
  ["HTTP/2", { handlerProtocol: "h2" }, class NodeHttpHandler {}],
  ["WebSocket", { handlerProtocol: "websocket/h1.1" }, class WebSocketFetchHandler {}],
  ["another HTTP/1.1", { handlerProtocol: "http/1.1" }, class FetchHttpHandler {}],
]) {
  test(`${name} handlers are not shared, and end with the session`, (t) => {
    const { clients } = open(t);
    class Special extends STSClient {
      constructor(config) {
        super(config);
        const handler = Object.assign(new Handler(), { metadata, handle: async () => ({}), destroy: () => {} });
        this.config.requestHandler = handler;
        this.special = handler;
      }
    }
    const found = [clients.client(Special), clients.client(Special, { maxAttempts: 2 })];
    for (const client of found) t.is(client.config.requestHandler, client.special);
    const destroyed = found.map(({ special }) => counted(special));
    clients.cache.clear();
    clients.close();
    t.deepEqual(
      destroyed.map(({ count }) => count),
      [1, 1],
    );
  });
}

test("one session's end is not another's", async (t) => {
  const { server } = t.context;
  const [ending, staying] = [open(t), open(t)];
  await ask(ending.sts(1));
  await ask(staying.sts(1));
  t.is(server.connections(), 2);
  ending.clients.close();
  await ask(staying.sts(1));
  t.is(server.connections(), 2);
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
