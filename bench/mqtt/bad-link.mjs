// A link with faults before a server: `bad-link.mjs PORT SEED`, in a process of its own so that the memory of the one
// that is watched is its own. Tells its port and then each fault as a line of JSON. A line on its input ends the
// faults; the end of its input ends it.

import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { weather } from "./weather.mjs";

const [target, seed] = process.argv.slice(2).map(Number);
const pairs = new Set();
const link = { latencyMs: 0, refuses: false, good: false, holds: { toServer: false, toClient: false } };

const faults = {
  reset,
  stall: async (forMs) => {
    hold(true, true);
    await sleep(forMs);
    hold(false, false);
  },
  deaf: async (forMs) => {
    hold(false, true);
    await sleep(forMs);
    reset();
    hold(false, false);
  },
  outage: async (forMs) => {
    link.refuses = true;
    reset();
    await sleep(forMs);
    link.refuses = false;
  },
};

const server = createServer({ noDelay: true, pauseOnConnect: true }, accept);
server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
createInterface({ input: process.stdin })
  .on("line", () => {
    link.good = true;
    Object.assign(link, { latencyMs: 0, refuses: false });
    hold(false, false);
  })
  .on("close", () => process.exit(0));

for (const { afterMs, kind, forMs, latencyMs } of weather(seed)) {
  await sleep(afterMs);
  if (link.good) break;
  link.latencyMs = latencyMs;
  tell({ fault: kind, forMs, latencyMs, connections: pairs.size });
  await faults[kind]?.(forMs);
}

function accept(client) {
  if (link.refuses) {
    client.resetAndDestroy();
    return;
  }
  const server = connect({ port: target, host: "127.0.0.1", noDelay: true });
  const pair = { toServer: direction(client, server), toClient: direction(server, client), client, server };
  pairs.add(pair);
  const end = () => {
    pairs.delete(pair);
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) socket.on("error", end).on("close", end);
  set(pair);
}

/** Passes bytes on in order, each after the latency of the moment it came. */
function direction(from, to) {
  const queue = [];
  let isHeld = true;
  let timer;
  const pass = () => {
    clearTimeout(timer);
    if (isHeld) return;
    while (queue.length > 0 && queue[0].due <= performance.now()) to.write(queue.shift().bytes);
    if (queue.length > 0) timer = setTimeout(pass, queue[0].due - performance.now());
  };
  from.on("data", (bytes) => {
    const last = queue.at(-1)?.due ?? 0;
    queue.push({ bytes, due: Math.max(last, performance.now() + link.latencyMs) });
    pass();
  });
  from.on("close", () => clearTimeout(timer));
  return (hold) => {
    isHeld = hold;
    // A held direction is not read either: the sender's window fills, as on a link that has gone dead.
    if (hold) from.pause();
    else from.resume();
    pass();
  };
}

function hold(toServer, toClient) {
  link.holds = { toServer, toClient };
  for (const pair of pairs) set(pair);
}

function set(pair) {
  pair.toServer(link.holds.toServer);
  pair.toClient(link.holds.toClient);
}

function reset() {
  for (const { client, server } of pairs) {
    client.resetAndDestroy();
    server.resetAndDestroy();
  }
}

function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
