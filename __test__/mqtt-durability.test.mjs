// What was told to be stored survives: processes are killed at any moment, again and again on the same directories, and
// at last everything that one of them had been promised arrives.
//
// `MQTT_KILLS` makes it longer, `MQTT_SEED` repeats a run.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { start } from "./children/run.mjs";
import { between, randomOf } from "./support/random.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { digestOf, payloadOf } from "./support/stored-payload.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { onceUnlocked } from "./support/unlocked.mjs";
import { until } from "./support/waiting.mjs";

const KILLS = Number(process.env.MQTT_KILLS ?? 200);
const OFFLINE = Math.ceil(KILLS * 0.8);
const SENDING = KILLS - OFFLINE;
const SEED = Number(process.env.MQTT_SEED ?? Math.floor(Math.random() * 2 ** 32));
/** Of a round. */
const KILLS_AT_MOST = 200;
/** Processes at a time, each on a directory of its own. */
const CHAINS = 4;
/** A child that is not killed, or a queue that is not emptied, within that hangs. */
const LIMIT_MS = 60_000;

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(async () => {
  await bed.reset();
  // Rates of AWS would make it long.
  await bed.control("PUT", "/mqtt/rules", {
    publishesPerSecond: null,
    bytesPerSecond: null,
    connectsPerSecond: null,
    unacknowledged: 10_000,
  });
});
test.after.always(() => bed?.stop());

/** In rounds: the broker has written down what arrived, and forgets when it is too much. */
function rounds(kills) {
  const count = Math.ceil(kills / KILLS_AT_MOST);
  return Array.from({ length: count }, (_, n) => ({ kills: Math.ceil(kills / count), seed: SEED + n }));
}

test.serial(`offline: nothing of what was stored before ${OFFLINE} kills is lost`, async (t) => {
  t.timeout(1_800_000);
  // The queue belongs to the endpoint; what there is on the way to it is another matter.
  const away = { proxy: `http://${bed.link.refusing}` };
  for (const round of rounds(OFFLINE)) await survives(t, { ...round, away });
});

/** What one connection after the other meets. */
const faults = [
  { mode: "no-puback", times: 5, count: 1 },
  { mode: "reset-after", bytes: 3000, toward: "server", count: 1 },
  { mode: "reset-after", bytes: 300, toward: "client", count: 1 },
  { mode: "late-puback", ms: 20, count: 1 },
  { mode: "close", after: 5, polite: false, count: 1 },
  { mode: "reset-after", bytes: 20_000, toward: "server", count: 1 },
  { mode: "no-puback", count: 1 },
  { mode: "none", count: 1 },
];

test.serial(`while it sends over a bad link: nothing of what was stored before ${SENDING} kills is lost`, async (t) => {
  t.timeout(1_800_000);
  for (const round of rounds(SENDING)) {
    const script = Array.from({ length: round.kills }, () => faults).flat();
    await bed.control("PUT", "/mqtt/faults", script);
    const early = await survives(t, { ...round, away: {} });
    t.log(`${early} of them before the last process`);
    t.true(early > 0, "it was killed while it sent");
  }
});

/** Publishes and gives the numbers whose promise resolves, as they do. */
function storing(connection, count, promised) {
  return Promise.allSettled(
    Array.from({ length: count }, async (_, number) => {
      await connection.publish(`chain/0/${number}`, payloadOf(0, number), { qos: 1, until: "stored" });
      promised.push(number);
    }),
  );
}

test.serial(
  "a close in the midst of storing: every promise settles, what was promised is there for the next connection",
  async (t) => {
    const dir = await mkdtemp(join(bed.dir, "durable-"));
    const chain = { name: "chain", fsync: "always", lives: [] };
    const session = sessionFor(t, { method: "custom", customCredentials: () => new Promise(() => {}) });
    const connection = await session.mqtt(optionsOf(chain, dir));
    const promised = [];
    const outcomes = storing(connection, 500, promised);
    await connection.close();
    const rejected = (await outcomes).filter(({ status }) => status === "rejected");
    t.true(rejected.every(({ reason }) => reason.code === "ERR_CLOSED"));
    chain.lives.push({ tried: 500, promised });
    await deliver(t, chain, dir);
    t.log(compare(t, chain, await received()));
  },
);

test.serial(
  "a worker that is terminated in the midst of storing leaves the directory free, and all that was promised",
  async (t) => {
    const dir = await mkdtemp(join(bed.dir, "durable-"));
    const chain = { name: "chain", fsync: "always", lives: [] };
    const random = randomOf(SEED);
    for (let life = 0; life < 10; life++) {
      const promised = [];
      const workerData = { options: optionsOf(chain, dir), topic: "chain", life, connects: false, burst: 8 };
      const worker = new Worker(new URL("children/mqtt-durable.mjs", import.meta.url), { workerData });
      const enough = between(random, 1, 100);
      let tried = 0;
      const failed = once(worker, "error").then(([error]) => Promise.reject(error));
      const exited = once(worker, "exit");
      worker.on("message", (line) => {
        if (/^\d+$/.test(line)) promised.push(Number(line));
        else if (line.startsWith("try ")) tried = Number(line.slice(4));
        if (promised.length === enough) worker.terminate();
      });
      await Promise.race([exited, failed]);
      // What it said last may not have been heard.
      chain.lives.push({ tried: tried + 8, promised });
    }
    await deliver(t, chain, dir);
    t.log(compare(t, chain, await received()));
  },
);

/** Kills so many processes, and has the messages that they leave sent; how many had arrived before the last process. */
async function survives(t, { kills, seed, away }) {
  t.log(`MQTT_SEED=${seed}`);
  const chains = Array.from({ length: CHAINS }, (_, n) => ({
    name: `chain-${n}`,
    random: randomOf(seed + n),
    fsync: ["always", "always", "interval", "never"][n],
    lives: [],
  }));
  const dir = await mkdtemp(join(bed.dir, "durable-"));
  let left = kills;
  await Promise.all(
    chains.map(async (chain) => {
      while (left-- > 0) chain.lives.push(await live(chain, dir, away));
    }),
  );
  const before = (await received()).length;
  await bed.control("DELETE", "/mqtt/faults");
  for (const chain of chains) await deliver(t, chain, dir);
  const arrived = await received();
  const counts = chains.map((chain) => compare(t, chain, arrived));
  t.log(counts.join("; "));
  await bed.control("DELETE", "/mqtt/received");
  await rm(dir, { recursive: true });
  return before;
}

const received = () => bed.control("GET", "/mqtt/received?brief=true");

function optionsOf({ name, fsync }, dir) {
  const { certificate, privateKey } = bed.pki.devices.ec256;
  return {
    endpoint: bed.mqtt.tls.endpoint,
    ca: bed.pki.serverCa,
    certificate,
    privateKey,
    clientId: name,
    limits: "none",
    reconnectMinSeconds: 0.005,
    reconnectMaxSeconds: 0.02,
    ackTimeoutMs: 100,
    offlineQueue: { directory: join(dir, name), maxMessages: 1_000_000, maxBytes: 2 ** 30, fsync },
  };
}

/** One process, until it is killed: what it has tried, and been promised. */
async function live(chain, dir, away) {
  const { name, random, lives } = chain;
  const input = {
    options: { ...optionsOf(chain, dir), ...away },
    topic: name,
    life: lives.length,
    connects: random() < 0.75,
    burst: between(random, 1, 16),
  };
  // After so many promises, or after a while: in the midst of opening what the last one has left, perhaps.
  const [promises, ms] = random() < 0.6 ? [between(random, 1, 60)] : [undefined, between(random, 0, 60)];
  const child = start("mqtt-durable.mjs", input, { limitMs: LIMIT_MS });
  const lines = () => child.output.stdout.split("\n").slice(0, -1);
  const kill = () => process.kill(child.pid, "SIGKILL");
  if (promises === undefined) {
    await untilSays(child, () => lines().includes("begun"));
    setTimeout(kill, ms);
  } else {
    await untilSays(child, () => lines().filter((line) => /^\d/.test(line)).length >= promises);
    kill();
  }
  const { signal, stderr } = await child.ended;
  // The kernel ends a write in its middle for SIGKILL; the next life finds half a record and says so.
  const beyond = stderr.replace(/^.*\[WARN_MQTT_QUEUE_TRUNCATED\].*\n(\(Use `node --trace-warnings.*\n)?/gm, "");
  if (signal !== "SIGKILL" || beyond !== "") throw new Error(`${name}, life ${lives.length}: ${signal} ${stderr}`);
  const said = lines();
  return {
    tried: Math.max(0, ...said.map((line) => Number(/^try (\d+)$/.exec(line)?.[1] ?? 0))),
    promised: said.filter((line) => /^\d+$/.test(line)).map(Number),
  };
}

/** Until its output is so; or it has ended, which is told later. */
async function untilSays(child, condition) {
  let over = false;
  child.ended.then(() => {
    over = true;
  });
  await until(() => over || condition(), LIMIT_MS);
}

/** The last process on a directory: this one. */
async function deliver(t, chain, dir) {
  const session = sessionFor(t, { method: "custom", customCredentials: () => new Promise(() => {}) });
  const connection = await onceUnlocked(() => session.mqtt({ ...optionsOf(chain, dir), ackTimeoutMs: 10_000 }));
  const refused = [];
  connection.on("released", ({ error }) => error && refused.push(error));
  await connection.connect();
  await until(() => connection.stats().stored === 0, LIMIT_MS);
  await connection.close();
  t.deepEqual(refused, []);
}

/** Holds what arrived against what had been promised; says how many. */
function compare(t, { name, lives, fsync }, arrived) {
  const own = arrived.filter(({ topic }) => topic.startsWith(`${name}/`));
  const seen = new Map();
  for (const { topic, sha256, dup } of own) {
    const [, life, number] = topic.split("/").map(Number);
    const first = !seen.has(topic);
    if (first) seen.set(topic, { life, number, sha256, dup });
    if (sha256 !== digestOf(life, number)) t.fail(`${topic} arrived with another payload`);
  }
  const firsts = [...seen.values()];
  const sorted = firsts.toSorted((a, b) => a.life - b.life || a.number - b.number);
  t.deepEqual(firsts, sorted, `${name}: in the order in which they were published`);
  for (const [life, { tried, promised }] of lives.entries()) {
    const came = firsts.filter((first) => first.life === life).map(({ number }) => number);
    t.deepEqual(
      promised,
      promised.toSorted((a, b) => a - b),
      `${name}, life ${life}: promises in order`,
    );
    t.deepEqual(
      promised.filter((number) => !seen.has(`${name}/${life}/${number}`)),
      [],
      `${name}, life ${life}: lost`,
    );
    t.deepEqual(
      came,
      Array.from(came, (_, n) => n),
      `${name}, life ${life}: without a gap`,
    );
    t.true(came.length <= tried, `${name}, life ${life}: ${came.length} of ${tried} that were published`);
  }
  const promised = lives.reduce((sum, { promised }) => sum + promised.length, 0);
  return `${name} (fsync ${fsync}): ${lives.length} kills, ${promised} promised, ${firsts.length} arrived, ${own.length - firsts.length} twice`;
}
