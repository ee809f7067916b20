// Sessions on one source, in any thread, are one fetch and see the same keys.
//
// Serial: each counts the requests at the endpoint.

import test from "ava";
import { fromIot } from "refresh-session";
import { Sessions } from "./children/run.mjs";
import { sessionFor, unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { thread, threads } from "./support/threads.mjs";
import { failureOf, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

const fetches = async () => (await bed.control("GET", "/log?event=request&service=iot")).length;
const pem = (overrides) => unshared(bed.pem("ec256", overrides));
const tripleOf = ({ accessKeyId, secretAccessKey, sessionToken, expiration }) =>
  [accessKeyId, secretAccessKey, sessionToken, expiration.getTime()].join(" ");

test.serial(
  "1 000 first operations of 52 clients in 4 threads at once are one fetch, and one set of keys",
  async (t) => {
    const all = await threads(t, 4, pem(), bed);
    const answers = await Promise.all(all.map(({ order }) => order("operate", { clients: 13, operations: 250 })));
    t.is(await fetches(), 1);
    t.deepEqual(new Set(answers.map(({ triple }) => triple)).size, 1);
    const requests = await bed.control("GET", "/log?event=request&service=sts");
    t.is(requests.length, 1000);
    t.deepEqual([...new Set(requests.map(({ status }) => status))], [200]);
    t.deepEqual([...new Set(requests.map(({ accessKeyId }) => accessKeyId))], [answers[0].triple.split(" ")[0]]);
    t.is(new Set(answers.flatMap(({ arns }) => arns)).size, 1);
  },
);

test.serial("a failure is one request too, and the answer in every thread", async (t) => {
  await bed.fault("status", { code: 503, retryAfter: 60 });
  const options = pem();
  const all = await threads(t, 3, options, bed);
  const own = sessionFor(t, options);
  const answers = await Promise.all([
    ...all.map(({ order }) => order("rejected")),
    ...Array.from({ length: 100 }, () => failureOf(own.credentials())),
  ]);
  t.deepEqual([...new Set(answers.map(({ code }) => code))], ["ERR_SERVICE_UNAVAILABLE"]);
  t.is(await fetches(), 1);
});

test.serial("20 threads read 4 000 times each while keys are renewed: no set is torn", async (t) => {
  const options = pem();
  const session = sessionFor(t, options);
  const issued = new Set([tripleOf(await session.credentials())]);
  const all = await threads(t, 20, options, bed);
  let reading = true;
  const reads = Promise.all(all.map(({ order }) => order("read", { reads: 4000 }))).finally(() => {
    reading = false;
  });
  while (reading) {
    await session.refresh({ force: true });
    issued.add(tripleOf(await session.credentials()));
  }
  const answers = await reads;
  const counts = answers.map(({ seen }) => seen.reduce((sum, [, count]) => sum + count, 0));
  t.deepEqual(counts, Array(20).fill(4000));
  const torn = answers.flatMap(({ seen }) => seen.map(([triple]) => triple)).filter((triple) => !issued.has(triple));
  t.deepEqual(torn, [], "keys that were never issued as a set");
  const changes = answers.reduce((sum, { changes }) => sum + changes, 0);
  const sets = new Set(answers.flatMap(({ seen }) => seen.map(([triple]) => triple)));
  t.log(`80 000 reads, ${issued.size} sets of keys issued, ${sets.size} seen, ${changes} changes seen by readers`);
  // Otherwise nothing was tried.
  t.true(sets.size > 3 && changes >= 20, `${sets.size} sets, ${changes} changes`);
  t.is(await fetches(), issued.size);
});

test.serial("renewed keys are what every thread's next read gives", async (t) => {
  const options = pem();
  const session = sessionFor(t, options);
  const all = await threads(t, 2, options, bed);
  for (let round = 0; round < 10; round++) {
    await session.refresh({ force: true });
    const mine = tripleOf(await session.credentials());
    const theirs = await Promise.all(all.map(({ order }) => order("credentials")));
    t.deepEqual(
      theirs.map(({ triple }) => triple),
      [mine, mine],
    );
  }
  t.is(await fetches(), 10);
});

test.serial("keys that one thread's session is told are refused are replaced for all", async (t) => {
  const options = pem();
  const session = sessionFor(t, options);
  const other = await thread(t, options, bed);
  const { accessKeyId } = await session.credentials();
  t.true(session.invalidate(accessKeyId));
  const { triple } = await other.order("credentials");
  t.not(triple.split(" ")[0], accessKeyId);
  t.is(tripleOf(await session.credentials()), triple);
  t.is(await fetches(), 2);
});

test.serial("a session that is closed in one thread is none of the others' business", async (t) => {
  const options = pem();
  const session = sessionFor(t, options);
  const [one, other] = await threads(t, 2, options, bed);
  const { triple } = await one.order("credentials");
  await one.order("close");
  t.is((await one.order("rejected")).code, "ERR_CLOSED");
  t.is((await other.order("credentials")).triple, triple);
  t.is(tripleOf(await session.credentials()), triple);
  await session.close();
  t.is((await failureOf(session.credentials())).code, "ERR_CLOSED");
  t.is((await other.order("credentials")).triple, triple);
  t.is(await fetches(), 1);
  // With the last one the keys are gone: the next session fetches its own.
  await other.order("close");
  const next = sessionFor(t, options);
  t.not(tripleOf(await next.credentials()), triple);
  t.is(await fetches(), 2);
});

test.serial("a thread that is terminated in the middle of a fetch does not take it from the others", async (t) => {
  // About a second for the reply: time to end the thread that asked for it.
  await bed.fault("slow-headers", { ms: 150 });
  const options = pem();
  const first = await thread(t, options, bed);
  const other = await thread(t, options, bed);
  const session = sessionFor(t, options);
  first.worker.postMessage({ order: "credentials" });
  await bed.control("GET", "/log?event=connection&atLeast=1&waitMs=10000");
  const reading = [other.order("credentials"), session.credentials()];
  await until(() => session.status().fetches === 1);
  t.is(await first.worker.terminate(), 1);
  t.is(session.status().zone, "empty", "the fetch is still under way");
  const [{ triple }, keys] = await Promise.all(reading);
  t.is(tripleOf(keys), triple);
  t.is(await fetches(), 1);
  await bed.control("DELETE", "/faults");
  await session.refresh({ force: true });
  t.is(await fetches(), 2);
});

test.serial(
  "a thread that ends without a word leaves the source to the others, and to nobody when it was the last",
  async (t) => {
    const options = pem();
    const one = await thread(t, options, bed);
    const other = await thread(t, options, bed);
    const { triple } = await one.order("credentials");
    await one.worker.terminate();
    t.is((await other.order("credentials")).triple, triple);
    await other.worker.terminate();
    const session = sessionFor(t, options);
    t.not(tripleOf(await session.credentials()), triple);
    t.is(await fetches(), 2);
  },
);

test.serial("whatever tells a source or its settings apart, tells the keys apart", async (t) => {
  const options = bed.pem("ec256", { timeoutMs: 9871 });
  const session = sessionFor(t, options);
  const { accessKeyId } = await session.credentials();
  // The same source by the same settings, by another door.
  const { method: _, ...rest } = options;
  t.is((await fromIot(rest)()).accessKeyId, accessKeyId);
  t.is(await fetches(), 1);
  const different = [
    { timeoutMs: 9870 },
    { roleAlias: "short-role" },
    { refresh: "eager" },
    { refreshPolicy: "aws" },
    { advisoryWindowSeconds: 100 },
    { startupJitterSeconds: 0.001 },
    { durationSeconds: 3600 },
    { thingName: undefined },
    { ...bed.pem("rsa2048"), timeoutMs: 9871 },
    { verifyPeer: false, onWarning() {} },
  ];
  const ids = new Set([accessKeyId]);
  for (const overrides of different) {
    ids.add((await sessionFor(t, { ...options, ...overrides }).credentials()).accessKeyId);
  }
  t.is(ids.size, 1 + different.length);
  // What only reports is no difference.
  const reporting = { ...options, onWarning() {}, logger: { debug() {}, info() {}, warn() {}, error() {} } };
  t.is((await sessionFor(t, { ...reporting, region: "us-east-1" }).credentials()).accessKeyId, accessKeyId);
});

test.serial("who cannot open the token is not served by who can", async (t) => {
  const child = new Sessions({});
  const hsm = (pin) => bed.hsm("ec256", {}, { userPin: pin });
  const { pin } = bed.tokens.tokens.gw;
  await child.call("open", { name: "right", options: hsm(pin) });
  const { value: key } = await child.call("credentials", { name: "right" });
  t.regex(key, /^ASIA/);
  for (const [name, wrong] of [
    ["wrong", `${pin}x`],
    ["none", undefined],
  ]) {
    for (const thread of [undefined, "worker"]) {
      const where = `${name} ${thread}`;
      await child.call("open", { name: where, options: hsm(wrong), thread });
      const { value, error } = await child.call("credentials", { name: where, thread });
      t.is(value, undefined, where);
      t.regex(error.code, /^ERR_PKCS11_PIN_/, where);
    }
  }
  t.is(await fetches(), 1);
  // One with the right PIN is served, in any thread.
  await child.call("open", { name: "same", options: hsm(pin), thread: "worker" });
  t.is((await child.call("credentials", { name: "same", thread: "worker" })).value, key);
  t.is(await fetches(), 1);
  const { code, signal } = await child.end();
  t.deepEqual({ code, signal }, { code: 0, signal: null });
});
