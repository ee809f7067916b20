// One measurement in a process of its own: `client.mjs LIBRARY ROW JSON`. Each line that it writes is JSON.

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const [library, row, json] = process.argv.slice(2);
const options = JSON.parse(json);
const settleMs = 15_000;
const topic = "bench/gateway/telemetry";

const rows = { bare: () => [], publish, receive, clients, reconnect };
const open = await rows[row]();
for (const connection of open) await connection.close();
await end();
const closed = now();
tell({ closed });
// The event loop is empty; between this and the end of the process there is only Node's own farewell.
process.on("exit", () => tell({ loopEmptyMs: now() - closed }));

/** Each message is awaited by its own promise; `inFlight` of them at a time. */
async function publish() {
  const { count, inFlight } = options;
  const payload = Buffer.alloc(options.bytes, "x");
  const { connection, readyMs } = await ready();
  const latencies = new Float64Array(count);
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next++;
      const sent = performance.now();
      await connection.publish(topic, payload);
      latencies[index] = performance.now() - sent;
    }
  };
  const spent = await spending(() => Promise.all(Array.from({ length: inFlight }, lane)));
  const memory = { rssMiB: rss(), peakMiB: process.resourceUsage().maxRSS / 1024 };
  latencies.sort();
  const percentile = (share) => latencies[Math.min(count - 1, Math.floor(count * share))];
  tell({ readyMs, ...per(spent, count), p50: percentile(0.5), p99: percentile(0.99), ...memory });
  return [connection];
}

/** The other side feeds as soon as it has read `subscribed`. */
async function receive() {
  const { count } = options;
  const { connection } = await ready();
  let arrived = 0;
  let first;
  let allHere;
  const all = new Promise((resolve) => {
    allHere = resolve;
  });
  await connection.subscribe(topic, () => {
    arrived += 1;
    if (arrived === 1) first = now();
    if (arrived === count) allHere(now());
  });
  tell({ subscribed: topic });
  const cpu = process.cpuUsage();
  const last = await all;
  tell(per({ cpuUs: cpuSince(cpu), ms: last - first }, count));
  return [connection];
}

/** Memory with ten and with a hundred, and what a hundred cost when nothing happens. */
async function clients() {
  const bareMiB = rss();
  const found = {};
  const connections = [];
  for (const count of [10, 100]) {
    while (connections.length < count) connections.push((await ready(connections.length)).connection);
    await sleep(1000);
    found[`rss${count}MiB`] = rss();
  }
  // V8 tidies its heap some seconds after work has stopped: 30 ms that no connection is to blame for.
  await sleep(settleMs);
  const cpu = process.cpuUsage();
  await sleep(options.idleSeconds * 1000);
  tell({ bareMiB, ...found, idleMs: cpuSince(cpu) / 1000 });
  return connections;
}

/** Tells when each is connected; the other side kills the broker and starts it again. */
async function reconnect() {
  const open = (index) => ready(index, () => tell({ connected: index, at: now() }));
  await Promise.all(Array.from({ length: options.clients }, (_, index) => open(index)));
  tell({ all: true });
  await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
  process.exit(0);
}

async function ready(index = 0, onConnect = () => {}) {
  const started = now();
  const { open } = await import(`./libraries/${library}.mjs`);
  const connection = await open({ ...options, clientId: `bench-${process.pid}-${index}`, onConnect });
  return { connection, readyMs: now() - started };
}

async function end() {
  if (row !== "bare") await (await import(`./libraries/${library}.mjs`)).end();
}

async function spending(call) {
  const cpu = process.cpuUsage();
  const started = now();
  await call();
  return { ms: now() - started, cpuUs: cpuSince(cpu) };
}

function per({ ms, cpuUs }, count) {
  return { rate: (count / ms) * 1000, cpuUs: cpuUs / count };
}

/** Microseconds of all threads of this process, in user and in kernel. */
function cpuSince(before) {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Of the system's monotonic clock, which other processes share; milliseconds. */
function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function rss() {
  return process.memoryUsage().rss / 2 ** 20;
}

function tell(line) {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
