// One client process, started, spoken with and waited for.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startBroker } from "./broker.mjs";
import { feed } from "./feed.mjs";

const program = fileURLToPath(new URL("client.mjs", import.meta.url));
const patienceMs = 5_000;

/** What the process of `library` found for `row`, with a broker of its own. */
export async function measure(library, row, options) {
  const broker = await startBroker();
  const { port, plainPort, pki } = broker;
  const client = start(library, row, { ...options, port, pki });
  let stopFeed = () => {};
  try {
    if (row === "receive") {
      const { subscribed } = await client.until("subscribed");
      stopFeed = await feed(plainPort, subscribed, Buffer.alloc(options.bytes, "x"), options.count);
    }
    if (row === "reconnect") return await outage(broker, client, options);
    await client.until("closed");
    return { ...client.told, goneMs: await client.gone() };
  } finally {
    stopFeed();
    client.kill();
    await broker.stop();
  }
}

/** Kills the broker under all clients; milliseconds from its return to theirs, one per client. */
async function outage(broker, client, { clients, downSeconds }) {
  await client.until("all");
  await broker.kill();
  const before = client.lines.length;
  await sleep(downSeconds * 1000);
  await broker.restart();
  const up = now();
  const back = () => new Map(client.lines.slice(before).map((line) => [line.connected, Math.max(0, line.at - up)]));
  await client.when(() => back().size === clients);
  return { backMs: [...back().values()] };
}

function start(library, row, options) {
  const child = spawn(process.execPath, [program, library, row, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
    // aws-crt warns of this Node's age at every start.
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  const client = { told: {}, lines: [] };
  let look = () => {};
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text);
    client.lines.push(line);
    Object.assign(client.told, line);
    look();
  });
  let goneAt;
  const exited = new Promise((resolve) => {
    child.once("exit", (code) => {
      goneAt = now();
      resolve(code);
    });
  });
  client.when = (holds) =>
    new Promise((resolve, reject) => {
      look = () => holds() && resolve();
      look();
      exited.then((code) => reject(new Error(`${library}, ${row}: ended with ${code} too early`)));
    });
  client.until = async (name) => {
    await client.when(() => name in client.told);
    return client.told;
  };
  /** From the end of `close()` to the end of the process; `Infinity` if something holds it. */
  client.gone = async () => {
    await Promise.race([exited, sleep(patienceMs, undefined, { ref: false })]);
    return goneAt === undefined ? Number.POSITIVE_INFINITY : goneAt - client.told.closed;
  };
  client.kill = () => child.kill("SIGKILL");
  return client;
}

function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}
