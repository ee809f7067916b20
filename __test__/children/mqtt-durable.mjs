// Publishes numbered messages into a queue on disk until its process is killed, or the worker that it is terminated:
// `{ options, topic, life, connects, burst }` in. Says with a line each what it is about to do and what was done: `begun`,
// `open`, `try N` before the numbers below N are published, and each number whose promise has resolved.

import { writeSync } from "node:fs";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";
import { payloadOf } from "../support/stored-payload.mjs";
import { onceUnlocked } from "../support/unlocked.mjs";

const { options, topic, life, connects, burst } = isMainThread ? JSON.parse(process.argv[2]) : workerData;
// At once and whole: what was written is known, whatever comes next.
const say = (line) => (isMainThread ? writeSync(1, `${line}\n`) : parentPort.postMessage(String(line)));

// A connection that is not to be up holds no process.
setInterval(() => {}, 60_000);
say("begun");
const session = new RefreshableSession({ method: "custom", customCredentials: () => new Promise(() => {}) });
const open = () => session.mqtt(options);
const connection = await (isMainThread ? open() : onceUnlocked(open));
say("open");
if (connects) connection.connect();

for (let next = 0; ; next += burst) {
  const numbers = Array.from({ length: burst }, (_, n) => next + n);
  say(`try ${next + burst}`);
  await Promise.all(
    numbers.map(async (number) => {
      await connection.publish(`${topic}/${life}/${number}`, payloadOf(life, number), { qos: 1, until: "stored" });
      say(number);
    }),
  );
}
