// `node bench/mqtt/soak.mjs [--seconds 3600] [--rate 100] [--bytes 256] [--seed 1]`: numbered messages of QoS 1 over a
// bad link, to a second client over the same link. One line of JSON a minute, then a summary; ends with 1 if a message was lost.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RefreshableSession } from "refresh-session";
import { startBroker } from "./broker.mjs";
import { slopePerMinute } from "./slope.mjs";
import { tally } from "./tally.mjs";

const badLink = fileURLToPath(new URL("bad-link.mjs", import.meta.url));
const topic = "soak/gateway/telemetry";
const tickMs = 10;
const graceMs = 120_000;

/**
 * The summary: what was `sent`, `acknowledged`, `refused` (its promise was rejected), `arrived`, `duplicates`,
 * `outOfOrder`; `lost`, which is sent, not refused and not arrived; `unsettled`, whose promise is pending still; `reconnects` of both clients, `faults` by kind,
 * `rssKiBPerMinute` without the first minute (or the first quarter, if that is less). `onMinute` gets the numbers of
 * each minute.
 */
export async function soak({ seconds = 3600, rate = 100, bytes = 256, seed = 1, onMinute = () => {} } = {}) {
  const broker = await startBroker();
  const link = await startLink(broker.port, seed);
  // The device certificate is given to each connection; these keys are never asked for.
  const session = new RefreshableSession({
    method: "custom",
    customCredentials: () => Promise.reject(new Error("unused")),
  });
  const numbers = tally(seconds * rate + rate);
  const samples = [];
  let reconnects = -2;
  try {
    const open = async (clientId) => {
      const connection = await session.mqtt({
        endpoint: `localhost:${link.port}`,
        clientId,
        certificate: broker.pki.device.certificate,
        privateKey: broker.pki.device.privateKey,
        ca: broker.pki.ca,
        limits: "none",
        cleanStart: false,
        sessionExpirySeconds: 3600,
        keepAliveSeconds: 10,
        reconnectMaxSeconds: 4,
        offlineQueue: { maxMessages: 1_000_000, maxBytes: 2 ** 30 },
      });
      connection.on("connect", () => {
        reconnects += 1;
      });
      await connection.connect();
      return connection;
    };
    const [publisher, subscriber] = await Promise.all([open(`soak-${seed}-out`), open(`soak-${seed}-in`)]);
    await subscriber.subscribe(topic, { qos: 1 }, ({ payload }) => numbers.arrive(numberOf(payload)));

    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1000;
    const publish = (number) =>
      publisher.publish(topic, String(number).padEnd(bytes), { qos: 1 }).then(
        () => numbers.acknowledge(number),
        (error) => numbers.refuse(number, error),
      );
    const state = () => ({ ...numbers.counts(), reconnects, faults: { ...link.faults }, rssMiB: rssKiB() / 1024 });
    let sampledAt = 0;
    while (elapsed() < seconds) {
      for (const due = elapsed() * rate; numbers.sent < due; ) publish(numbers.send());
      if (elapsed() - sampledAt >= 1) {
        sampledAt = Math.floor(elapsed());
        samples.push({ seconds: sampledAt, kiB: rssKiB() });
        if (sampledAt % 60 === 0) onMinute({ minute: sampledAt / 60, ...state() });
      }
      await sleep(tickMs);
    }
    link.clear();
    for (const end = performance.now() + graceMs; !numbers.isComplete() && performance.now() < end; ) await sleep(100);
    const leftOut = Math.min(60, seconds / 4);
    const watched = samples.filter((sample) => sample.seconds > leftOut);
    const { missing, ...rest } = state();
    return {
      seconds,
      rate,
      seed,
      lost: missing,
      ...rest,
      refusals: numbers.refusals,
      rssKiBPerMinute: slopePerMinute(watched),
    };
  } finally {
    await session.close();
    link.stop();
    await broker.stop();
  }
}

function numberOf(payload) {
  return Number(payload.toString("latin1", 0, 12));
}

function rssKiB() {
  return process.memoryUsage.rss() / 1024;
}

async function startLink(target, seed) {
  const child = spawn(process.execPath, [badLink, String(target), String(seed)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const [first] = await once(lines, "line");
  const faults = {};
  lines.on("line", (line) => {
    const { fault } = JSON.parse(line);
    faults[fault] = (faults[fault] ?? 0) + 1;
  });
  return { port: JSON.parse(first).port, faults, clear: () => child.stdin.write("\n"), stop: () => child.stdin.end() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string" },
      rate: { type: "string" },
      bytes: { type: "string" },
      seed: { type: "string" },
    },
  });
  const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
  const print = (line) => console.log(JSON.stringify(line));
  const summary = await soak({ ...options, onMinute: print });
  print({ summary });
  process.exitCode = summary.lost > 0 || summary.refused > 0 ? 1 : 0;
}
