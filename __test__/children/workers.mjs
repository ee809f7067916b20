// A main thread with a session of its own and many workers that come, fetch and go.
//
// Each worker of `workers` is `{ options, ending }`; what becomes of it: `{ exit, key, error }`.
//
// | `ending`  | The worker                                                           |
// |-----------|----------------------------------------------------------------------|
// | `close`   | closes its session and ends by itself                                |
// | `leave`   | ends by itself, its session open                                     |
// | `stay`    | is terminated when it has fetched                                    |
// | `started` | is terminated while it starts to fetch                               |
// | `stuck`   | is terminated in a handshake with a server that never says anything  |
// | `asking`  | is terminated while its PIN callback is waited for                   |

import { once } from "node:events";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";

const { main, workers, oneByOne } = JSON.parse(process.argv[2]);

async function run({ options, ending }) {
  const deaf = ending === "stuck" ? await listen() : undefined;
  const workerData = { options: deaf === undefined ? options : { ...options, endpoint: deaf.endpoint }, ending };
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData });
  const outcome = {};
  worker.on("error", (error) => {
    outcome.error = String(error);
  });
  worker.on("message", (message) => {
    if (message === "started" || message === "asked") {
      if (ending === "started" || message === "asked") worker.terminate();
      return;
    }
    outcome.key = message;
    if (ending === "stay") worker.terminate();
  });
  deaf?.helloed.then(() => worker.terminate());
  [outcome.exit] = await once(worker, "exit");
  deaf?.close();
  return outcome;
}

/** A server that reads the first message of a handshake and never answers. */
async function listen() {
  const sockets = new Set();
  const server = createServer();
  const helloed = new Promise((resolve) => {
    server.on("connection", (socket) => {
      sockets.add(socket.on("data", resolve).on("error", () => {}));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { endpoint: `localhost:${server.address().port}`, helloed, close };
}

// Without a session of its own the main thread does not even load the library.
const { RefreshableSession } = main === undefined ? {} : await import("../../dist/index.mjs");
const session = main && new RefreshableSession(main);
const before = (await session?.credentials())?.accessKeyId;
process.send({ type: "ready" });

const outcomes = [];
if (oneByOne) for (const worker of workers) outcomes.push(await run(worker));
else outcomes.push(...(await Promise.all(workers.map(run))));
process.send({ type: "workers", outcomes });

if (session !== undefined) {
  // The parent drops the connections meanwhile, so that the token has to sign.
  await once(process, "message");
  const still = (await session.credentials()).accessKeyId;
  await session.refresh({ force: true });
  const after = (await session.credentials()).accessKeyId;
  process.send({ type: "main", keys: { before, still, after } });
  process.disconnect();
}
