// Clients of a session without a session, on a service of the test's own.

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Clients } from "../../dist/client/Clients.js";
import { fakeHost, startServer } from "./client-server.mjs";

/** For every test a service of its own, in `t.context.server`, and an end to what it has opened. */
export function serveEach(test) {
  test.beforeEach(async (t) => {
    t.context.server = await startServer();
    t.context.opened = [];
  });
  test.afterEach.always(async (t) => {
    for (const clients of t.context.opened) clients.close();
    await t.context.server.stop();
  });
}

/** The clients of a session, on the test's service. */
export function open(t, options, host = fakeHost()) {
  const clients = new Clients(host, options);
  t.context.opened.push(clients);
  const { endpoint } = t.context.server;
  /** A client on the server: `sts(1)` and `sts(2)` differ. */
  const sts = (maxAttempts, options) => clients.client(STSClient, { endpoint, maxAttempts }, options);
  return { clients, cache: clients.cache, sts, endpoint };
}

/** One request. */
export const ask = (client) => client.send(new GetCallerIdentityCommand({}));

/** The attempts that each kept client is set to: what `open().sts` tells them apart by. */
export const kept = (cache) => Promise.all([...cache].map(([, client]) => client.config.maxAttempts()));
