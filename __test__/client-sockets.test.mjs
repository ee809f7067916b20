// The sockets of a session's clients: who shares them, what a request under way is safe from, and when they end.

import { STS, STSClient } from "@aws-sdk/client-sts";
import test from "ava";
import { ask, kept, open, serveEach } from "./support/client-bed.mjs";
import { deferred } from "./support/client-server.mjs";

serveEach(test);

/** The SDK's own handler; it is no dependency of ours. */
const SdkHandler = new STSClient({}).config.requestHandler.constructor;

// ---------------------------------------------------------------------------------------------------- requests and connections

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
