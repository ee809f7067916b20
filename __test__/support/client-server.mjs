// A service for SDK clients: HTTP on loopback with kept connections, that says what the test wants it to say.

import { createServer } from "node:http";

/** The reply of `GetCallerIdentity`. */
const IDENTITY =
  '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
  "<Arn>arn:aws:sts::1:assumed-role/r/s</Arn><UserId>u</UserId><Account>1</Account>" +
  "</GetCallerIdentityResult><ResponseMetadata><RequestId>q</RequestId></ResponseMetadata></GetCallerIdentityResponse>";

/** Starts it. Every request succeeds that is not told to fail. */
export async function startServer() {
  const sockets = new Set();
  const requests = [];
  const replies = [];
  const waiting = [];

  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    request.resume();
    requests.push({ akid: keyIn(request.headers.authorization), date: dateIn(request.headers), path: request.url });
    settle();
    const reply = replies.shift() ?? faked.rule(requests.at(-1)) ?? {};
    const { status = 200, body = IDENTITY, headers = {}, held, streaming } = reply;
    await held;
    response.writeHead(status, { "content-type": "text/xml", ...headers });
    response.write(body.slice(0, 1));
    await streaming;
    response.end(body.slice(1));
  });

  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      settle();
    });
  });

  function settle() {
    for (const waiter of [...waiting]) if (waiter.done()) waiting.splice(waiting.indexOf(waiter), 1)[0].resolve();
  }
  const until = (done) => {
    const { promise, resolve } = deferred();
    waiting.push({ done, resolve });
    settle();
    return promise;
  };

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const faked = {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    /** What arrived: `akid`, `date` (of the signature), `path`. */
    requests,
    /** Connections that were ever made. */
    connections: () => connections,
    /** Connections open now. */
    open: () => sockets.size,
    /**
     * The next request's reply: `status`, `body`, `headers`; its head waits for the promise `held`, its body for
     * `streaming`.
     */
    reply: (reply) => replies.push(reply),
    /** The reply to a request that has none of its own. */
    rule: (_request) => undefined,
    /** Resolves when the server has seen so many requests. */
    seen: (count) => until(() => requests.length >= count),
    /** Resolves when no connection is open. */
    idle: () => until(() => sockets.size === 0),
    stop() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
  return faked;
}

/** A reply that is an error of the service. */
export function failure(code, status = 403, headers = {}) {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error><RequestId>q</RequestId></ErrorResponse>`;
  return { status, body, headers };
}

/** What a session lends its clients, with keys that change when they are invalidated. */
export function fakeHost({ memoized = true, region = "eu-west-1", offset = 0 } = {}) {
  const host = {
    region,
    offset,
    generation: 1,
    invalidated: [],
    /** Thrown by the provider, when set. */
    failure: undefined,
    invalidate(accessKeyId) {
      host.invalidated.push(accessKeyId);
      if (accessKeyId !== `AKID${host.generation}`) return false;
      host.generation++;
      return true;
    },
    clockOffsetMs: () => host.offset,
    async credentials() {
      if (host.failure !== undefined) throw host.failure;
      return {
        accessKeyId: `AKID${host.generation}`,
        secretAccessKey: "SECRET-KEY",
        sessionToken: `TOKEN${host.generation}`,
        expiration: new Date(Date.now() + 3_600_000),
      };
    },
  };
  if (memoized) host.credentials.memoized = true;
  return host;
}

export function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function keyIn(authorization) {
  return /Credential=([^/]+)\//.exec(authorization ?? "")?.[1];
}

function dateIn(headers) {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers["x-amz-date"] ?? "") ?? [];
  return year === undefined ? undefined : Date.UTC(year, month - 1, day, hour, minute, second);
}
