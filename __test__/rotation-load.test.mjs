// Certificates that are replaced a hundred times, in every way in which files are written, under sessions that fetch
// all the time: no fetch fails, and what has been written is in use as soon as a fetch begins.
//
// The moments are drawn; `ROTATION_SEED` repeats a run.

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { FetchLoop } from "./support/fetch-loop.mjs";
import { contentOf, issueFor, read } from "./support/rotation.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { heard } from "./support/waiting.mjs";

const ROTATIONS = 100;
const seed = Number(process.env.ROTATION_SEED ?? Math.floor(Math.random() * 2 ** 32));

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.after.always(() => bed?.stop());

test.serial(`${ROTATIONS} rotations under nine sessions that fetch without a pause fail no fetch`, async (t) => {
  t.log(`ROTATION_SEED=${seed}`);
  const random = mulberry32(seed);
  // Sessions could be resumed, so that it is ours not to.
  await bed.configure({ tickets: true });
  const { pairs, ofToken } = await identities();
  const [pair, token] = [location(pairs[0]), location(ofToken[0])];
  const options = [
    ...Array.from({ length: 5 }, () => bed.pem("ec256", pair.options)),
    ...Array.from({ length: 3 }, () => bed.hsm("ec256", token.options)),
    bed.pem("ec256", pair.options),
    // The life that is asked for makes each a session of its own, and tells them apart in the log.
  ].map((options, n) => ({ ...options, durationSeconds: 3600 + n }));
  const inWorker = options.pop();
  const loops = options.map((options) => new FetchLoop(options));
  loops.push(workerLoop(t, inWorker));
  await Promise.all(loops.map((loop) => loop.fresh()));

  const turns = [];
  for (let turn = 1; turn <= ROTATIONS; turn++) {
    const next = { pair: pairs[turn % pairs.length], token: ofToken[turn % ofToken.length] };
    await Promise.all([pair.write(next.pair, random), token.write(next.token, random)]);
    await Promise.all(loops.map((loop) => loop.fresh()));
    turns.push({ until: new Date().toISOString(), pair: next.pair.name, token: next.token.name });
  }
  const ends = await Promise.all(loops.map((loop) => loop.stop()));

  const failures = ends.flatMap((end) => end.failures);
  t.deepEqual(failures, []);
  const warnings = new Set(ends.flatMap((end) => end.warnings));
  t.deepEqual([...warnings].sort(), ["WARN_CERTIFICATE_NOT_RELOADED"]);
  const told = ends.reduce((sum, end) => sum + end.warnings.length, 0);
  const fetches = ends.reduce((sum, end) => sum + end.fetches, 0);

  const seen = connectionsBySession();
  t.is(seen.size, loops.length);
  let connections = 0;
  for (const [n, requests] of seen) {
    const kind = n >= 5 && n < 8 ? "token" : "pair";
    for (const turn of turns) {
      const last = requests.findLast(({ time }) => time <= turn.until);
      t.is(last.connection.clientCertificate, turn[kind], `session ${n} until ${turn.until}`);
    }
    // A ticket is of the identity that got it.
    const distinct = [...new Set(requests.map(({ connection }) => connection))];
    connections += distinct.length;
    for (const [i, connection] of distinct.entries()) {
      if (connection.clientCertificate !== distinct[i - 1]?.clientCertificate) t.is(connection.handshake, "full");
    }
    t.true(distinct.length > ROTATIONS, "every rotation is another connection");
  }
  t.log(`${fetches} fetches over ${connections} connections, ${told} warnings`);
});

/** Three pairs of other kinds of keys, and three certificates of the key in the token. */
async function identities() {
  const dir = mkdtempSync(join(bed.dir, "issued-"));
  const pairs = ["ec256", "rsa2048", "ec384"].map((name) => ({ name, ...contentOf(bed.pki.devices[name]) }));
  const { certificate } = bed.tokens.tokens.gw.keys.ec256;
  const ofToken = [{ name: "hsm-ec256", certificate: read(certificate) }];
  for (const name of ["renewed", "renewed-again"]) {
    ofToken.push({ name, certificate: await issueFor(bed, dir, name, certificate) });
  }
  return { pairs, ofToken };
}

/** Where an identity's files are, and the ways in which they are written. */
function location(first) {
  const dir = mkdtempSync(join(bed.dir, "rotated-"));
  const params = Object.keys(first).filter((name) => name !== "name");
  const versions = { count: 0 };
  const fileOf = (param) => join(dir, `${param}.pem`);
  const swap = (next) => {
    const [version, data] = [`..${++versions.count}`, join(dir, "..data")];
    mkdirSync(join(dir, version));
    for (const param of params) writeFileSync(join(dir, version, `${param}.pem`), next[param]);
    symlinkSync(version, `${data}.new`);
    renameSync(`${data}.new`, data);
    for (const param of params) {
      symlinkSync(`..data/${param}.pem`, `${fileOf(param)}.new`);
      renameSync(`${fileOf(param)}.new`, fileOf(param));
    }
    rmSync(join(dir, `..${versions.count - 1}`), { recursive: true, force: true });
  };
  swap(first);
  const ways = {
    rename: async (file, text) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    },
    "in chunks": async (file, text, random) => {
      const handle = await open(file, "w");
      for (let at = 0; at < text.length; ) {
        const length = 1 + Math.floor(random() * 900);
        await handle.write(text.slice(at, at + length));
        at += length;
        await pause(random);
      }
      await handle.close();
    },
    "truncated, then whole": async (file, text, random) => {
      writeFileSync(file, "");
      await pause(random);
      writeFileSync(file, text);
    },
    // Of two certificates of one key this could make a third one that only its issuer can tell from a good one.
    ...(params.length > 1 && {
      "over the old content": async (file, text, random) => {
        const handle = await open(file, "r+");
        const half = Math.floor(random() * text.length);
        await handle.write(text.slice(0, half), 0);
        await pause(random);
        await handle.write(text.slice(half), half);
        await handle.truncate(text.length);
        await handle.close();
      },
    }),
    "removed, then written": async (file, text, random) => {
      unlinkSync(file);
      await pause(random);
      writeFileSync(file, text);
    },
  };
  const write = async (next, random) => {
    if (random() < 0.15) return swap(next);
    for (const param of random() < 0.5 ? params : params.toReversed()) {
      const names = Object.keys(ways);
      await ways[names[Math.floor(random() * names.length)]](fileOf(param), next[param], random);
      await pause(random);
    }
  };
  return { options: Object.fromEntries(params.map((param) => [param, fileOf(param)])), write };
}

/** What was asked, by session, each request with its connection. */
function connectionsBySession() {
  const entries = readFileSync(join(bed.dir, "requests.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const connections = new Map();
  const bySession = new Map();
  for (const { event, connection, ...entry } of entries) {
    if (event === "connection") connections.set(connection, entry);
    if (event !== "request" || entry.service !== "iot") continue;
    const session = Number(entry.headers["x-amzn-iot-credential-duration-seconds"]) - 3600;
    const requests = bySession.get(session) ?? [];
    bySession.set(session, requests);
    requests.push({ time: entry.time, connection: connections.get(connection) });
  }
  return bySession;
}

/** A `FetchLoop` in another thread. */
function workerLoop(t, workerData) {
  const worker = new Worker(new URL("./children/fetch-loop.mjs", import.meta.url), { workerData });
  t.teardown(() => worker.terminate());
  const ask = (order) => {
    const answer = heard(worker, "message");
    worker.postMessage(order);
    return answer;
  };
  return { fresh: () => ask("fresh"), stop: () => ask("stop") };
}

/** Not waiting for anything: it is how slowly somebody writes. */
function pause(random) {
  return random() < 0.3 ? undefined : new Promise((resolve) => setTimeout(resolve, random() * 6));
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
