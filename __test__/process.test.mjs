// The process around a session: when it ends, how it ends, and that its event loop runs on time meanwhile.

import { join } from "node:path";
import test from "ava";
import { spyOn, start } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

const kinds = [
  ["PEM", () => tb.pem()],
  ["HSM", () => tb.hsm()],
];

/** What the session's end may add to the end of a Node process. */
const EXIT_MS = 100;
const RUNS = 5;

for (const [kind, options] of kinds) {
  for (const [title, ending] of [
    ["closed, the process ends", "close"],
    ["left open with its connection, the process ends by itself", "idle"],
  ]) {
    test.serial(`${kind} session ${title} within ${EXIT_MS} ms`, async (t) => {
      const took = { [ending]: [], bare: [] };
      // In turn, so that whatever else the machine does meets both.
      for (let run = 0; run < RUNS; run++) {
        for (const mode of ["bare", ending]) {
          const child = start("fetch.mjs", { options: options(), ending: mode });
          const { code, signal, at, stdout, stderr } = await child.ended;
          t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
          took[mode].push(at - events(stdout).done.at);
        }
      }
      // Node itself needs some milliseconds from the last statement to the end: only the rest is ours.
      const added = median(took[ending]) - median(took.bare);
      t.log(`${added.toFixed(1)} ms more than the ${median(took.bare).toFixed(1)} ms of a bare process`);
      t.true(added < EXIT_MS, `${added} ms`);
      t.is((await tb.log("request")).length, RUNS);
    });
  }

  test.serial(`${kind}: a fetch that never ends is over with timeoutMs, and so is the process`, async (t) => {
    await tb.fault("half-open");
    const timeoutMs = 1000;
    const child = start("fetch.mjs", { options: { ...options(), timeoutMs }, ending: "rejected" });
    const { code, signal, at, stdout, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    const { rejected } = events(stdout);
    t.is(rejected.code, "ERR_TIMEOUT");
    t.true(at - rejected.at < 500, `${at - rejected.at} ms from the rejection to the end`);
  });

  test.serial(`${kind}: close() ends a fetch in flight and with it the process`, async (t) => {
    await tb.fault("half-open");
    const child = start("fetch.mjs", { options: { ...options(), timeoutMs: 60_000 }, ending: "closed in flight" });
    await requested(1);
    child.send({});
    const { code, signal, stdout, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    t.is(events(stdout).rejected.code, "ERR_CLOSED");
  });

  test.serial(`${kind}: process.exit() in the middle of a handshake is clean`, async (t) => {
    await tb.configure({ accept: "black-hole" });
    const child = start("fetch.mjs", { options: options(), ending: "exit in flight" });
    // The server has the connection and says nothing: the client is in the handshake.
    await tb.control("GET", "/log?event=handshake-failed&atLeast=1&waitMs=10000");
    child.send({ exit: 7 });
    const { code, signal, stdout, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
    t.deepEqual(Object.keys(events(stdout)), ["fetching"]);
  });

  test.serial(`${kind}: process.exit() in the middle of a reply is clean`, async (t) => {
    await tb.fault("half-open");
    const child = start("fetch.mjs", { options: options(), ending: "exit in flight" });
    await requested(1);
    child.send({ exit: 7 });
    const { code, signal, stderr } = await child.ended;
    t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
  });

  test.serial(`${kind}: process.exit() anywhere in a fetch keeps its code`, async (t) => {
    // From before anything has begun to after all is done, in steps smaller than any of its parts.
    const moments = Array.from({ length: 24 }, (_, step) => step);
    for (const some of chunks(moments, 4)) {
      const ends = await Promise.all(some.map((ms) => start("exit-anywhere.mjs", { options: options(), ms }).ended));
      for (const [n, { code, signal, stderr }] of ends.entries()) {
        t.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" }, `after ${some[n]} ms`);
      }
    }
  });
}

// A TPM without a resource manager keeps the sessions of ended processes, and is full after three.
for (const [title, ending, code] of [
  ["close()", "close", 0],
  ["the end of its work", "idle", 0],
  ["process.exit()", "exit", 7],
  ["an uncaught error", "throw", 1],
]) {
  test.serial(`a process that ends by ${title} leaves no session in the token`, async (t) => {
    const spy = spyOn(tb.tokens.module, join(tb.dir, `spy-${ending}.log`));
    const input = { options: tb.hsm("ec256", {}, { library: spy.library }), ending };
    const ended = await start("fetch.mjs", input, { env: spy.env }).ended;
    t.is(ended.code, code, ended.stderr);
    t.is(spy.count("C_OpenSession"), 1);
    t.is(spy.count("C_CloseSession"), 1);
  });
}

test.serial("no processes are started", async (t) => {
  const { code, stdout, stderr } = await start("fetch.mjs", { options: tb.hsm(), ending: "children" }).ended;
  t.is(code, 0, stderr);
  t.deepEqual(events(stdout).children.pids, []);
});

for (const leak of [false, true]) {
  const title = leak
    ? "and the check notices a rejection that nobody handles"
    : "a failure that the caller handles, or that nobody waits for, is never an unhandled rejection";
  test.serial(title, async (t) => {
    await tb.control("PUT", "/aliases/brief-role", { durationSeconds: 2 });
    const input = {
      failing: tb.pem("ec256", { roleAlias: "denied-role" }),
      hsm: tb.hsm(),
      short: tb.pem("ec256", { roleAlias: "brief-role" }),
      leak,
    };
    const child = start("unhandled.mjs", input);
    await child.message("holding");
    await tb.control("DELETE", "/log");
    await tb.fault("status", { code: 503 });
    // The one in the background.
    const [refused] = await requested(1);
    t.is(refused.status, 503);
    child.send({});
    const { code, stdout, stderr } = await child.ended;
    if (leak) {
      t.is(code, 1);
      // From the endpoint, or what it said last if it is being left alone.
      t.regex(stderr, /ERR_(SERVICE_UNAVAILABLE|ACCESS_DENIED)/);
    } else {
      t.is(code, 0, stderr);
      t.is(stderr, "");
      const codes = JSON.parse(stdout);
      t.deepEqual(codes.slice(0, 4), Array(4).fill("ERR_ACCESS_DENIED"));
      t.true(codes.includes("AbortError") || codes.includes(20), `${codes}`);
      t.true(codes.includes("ERR_PKCS11_PIN_CALLBACK"));
    }
  });
}

test.serial("the event loop is never late while an HSM signs, nor while a PIN callback takes its time", async (t) => {
  const handshakes = 50;
  const rounds = 3;
  const child = start("loop-delay.mjs", { options: tb.hsm("rsa2048"), handshakes, rounds });
  const { code, stdout, stderr } = await child.ended;
  t.is(code, 0, stderr);
  const { signing, waiting, asked } = JSON.parse(stdout);
  t.log(`signing ${signing.map((ms) => ms.toFixed(1)).join(", ")} ms, waiting ${waiting.toFixed(1)} ms`);
  // Whatever else the machine does only adds to it: the least of the rounds is ours.
  t.true(Math.min(...signing) < 50, `${signing}`);
  // The callback takes 300 ms. There is one round only, so other work of the machine has to fit in.
  t.true(waiting < 200, `${waiting} ms`);
  t.is(asked, 1);
  const connections = await tb.log("connection");
  t.is(connections.length, 5 + handshakes * rounds + 1, "every one of them was a handshake");
  t.true(connections.every(({ handshake, clientKey }) => handshake === "full" && clientKey === "rsa-2048"));
});

/** The requests once there are so many. */
function requested(atLeast) {
  return tb.control("GET", `/log?event=request&atLeast=${atLeast}&waitMs=10000`);
}

/** The lines that a child has printed, by event. */
function events(stdout) {
  const lines = stdout.split("\n").filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => JSON.parse(line)).map((line) => [line.event, line]));
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function chunks(values, size) {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, n) => values.slice(n * size, (n + 1) * size));
}
