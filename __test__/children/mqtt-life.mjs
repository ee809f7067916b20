// MQTT connections in a process of their own: `{ mode, session, options, … }` in, messages to the parent out. A mode that
// nothing holds any more ends the process.

import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";
import { until } from "../support/waiting.mjs";
import { census } from "./measures.mjs";
import { now } from "./run.mjs";

const input = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const { mode, options } = input;
// The channel to the parent holds nothing.
if (isMainThread) process.channel.unref();
const say = (type, fields = {}) => {
  if (isMainThread) process.send({ type, at: now(), ...fields });
  else parentPort.postMessage({ type, ...fields });
};

const newSession = (Session = RefreshableSession) => new Session({ ...input.session, onWarning: () => {} });
let clients = 0;
const open = (session, overrides = {}) =>
  session.mqtt({ ...options, clientId: `${options.clientId}-${clients++}`, ...overrides });

/** What a connection may be doing when its process ends. */
const states = {
  "never connected": async (connection) => connection,
  connected: (connection) => connection.connect(),
  connecting: async (connection) => void connection.connect().catch(() => {}),
  waiting: async (connection) => {
    connection.connect().catch(() => {});
    await once(connection, "reconnecting");
  },
  publishing: async (connection) => {
    await connection.connect();
    publishOn(connection);
    await once(connection, "message");
  },
};

/** To itself, without an end. */
async function publishOn(connection) {
  await connection.subscribe("flood", { qos: 1 });
  for (;;) {
    const burst = Array.from({ length: 20 }, () => connection.publish("flood", "x".repeat(500), { qos: 1 }));
    // It is closed some day.
    if ((await Promise.allSettled(burst)).some(({ status }) => status === "rejected")) return;
  }
}

const modes = {
  /** Only the connection holds the process; it closes itself when it is up. */
  async holds() {
    const connection = await open(newSession());
    connection.once("reconnecting", () => say("reconnecting"));
    connection.once("connect", () => {
      say("connect");
      connection.close();
    });
    connection.connect();
    say("done");
  },
  /** The same for one that was up and is lost. */
  async "holds again"() {
    const connection = await open(newSession());
    await connection.connect();
    connection.once("disconnect", () => say("lost"));
    connection.once("connect", () => {
      say("connect");
      connection.close();
    });
    say("done");
  },
  /** Ends in the midst of everything. */
  async ends() {
    const session = newSession();
    const connection = await open(session);
    await states[input.state](connection);
    say("done");
    if (input.end === "exit") process.exit(7);
    if (input.end === "throw") {
      setImmediate(() => {
        throw new Error("the program's own mistake");
      });
    } else if (input.end === "close") await connection.close();
    else if (input.end === "disconnect") await connection.disconnect();
    else if (input.end === "session") await session.close();
  },
  async collects() {
    const session = newSession();
    let collected = 0;
    const registry = new FinalizationRegistry(() => {
      collected += 1;
    });
    const make = async (end) => {
      const connection = await open(session);
      connection.on("message", () => connection);
      registry.register(connection, undefined);
      if (end === undefined) return;
      await connection.connect();
      await connection[end]();
    };
    for (const end of [undefined, "disconnect", "close"]) {
      for (let n = 0; n < input.count; n++) await make(end);
    }
    await until(async () => {
      global.gc();
      await turn();
      return collected === 3 * input.count;
    }).catch(() => {});
    say("collected", { collected });
    await session.close();
  },
  async cycles() {
    const session = newSession();
    const cycle = async (n) => {
      const connection = await open(session);
      await connection.connect();
      await connection.publish("cycle", String(n), { qos: 1 });
      if (n % 2 === 0) await connection.disconnect();
      await connection.close();
    };
    const settled = async (times) => {
      for (let n = 0; n < times; n++) await cycle(n);
      return census();
    };
    const before = await settled(input.warmUp);
    say("census", { before, after: await settled(input.times) });
    await session.close();
  },
  async many() {
    const session = newSession();
    const connections = await Promise.all(Array.from({ length: input.count }, () => open(session)));
    await Promise.all(connections.map((connection) => connection.connect()));
    const { threads } = census();
    const came = connections.map((connection) => once(connection, "message"));
    await Promise.all(connections.map((connection, n) => connection.subscribe(`many/${n}`, { qos: 1 })));
    await Promise.all(connections.map((connection, n) => connection.publish(`many/${n}`, `${n}`, { qos: 1 })));
    const payloads = (await Promise.all(came)).map(([{ payload }]) => Number(payload.toString()));
    await session.close();
    say("many", { threads, payloads, closed: connections.every(({ closed }) => closed) });
  },
  /** Two copies of the package, one connection each: one of them comes and goes. */
  async copies() {
    const { RefreshableSession: Other } = await import(input.copy);
    const sessions = [newSession(), newSession(Other)];
    const [one, other] = await Promise.all(sessions.map((session) => open(session)));
    // The copies cannot know of each other: a module that both initialised in the same moment would be on its own.
    await one.connect();
    await other.connect();
    const heard = once(other, "message");
    await other.subscribe("copies", { qos: 1 });
    await one.publish("copies", "from the other copy", { qos: 1 });
    const [{ payload }] = await heard;
    await sessions[0].close();
    const { reasonCode } = await other.publish("copies", "still", { qos: 1 });
    await sessions[1].close();
    say("copies", { same: Other === RefreshableSession, payload: payload.toString(), reasonCode });
  },
  /** A connection of its own, and workers that come and are terminated. */
  async workers() {
    const session = newSession();
    const connection = await open(session);
    await connection.connect();
    publishOn(connection);
    const run = async ({ moment, afterMs }, n) => {
      const own = { ...options, clientId: `${options.clientId}-worker-${n}` };
      const data = {
        ...input,
        mode: "worker",
        moment,
        options: own,
      };
      const worker = new Worker(new URL(import.meta.url), { workerData: data });
      const outcome = { moment };
      worker.on("error", (error) => {
        outcome.error = String(error);
      });
      worker.on("message", ({ type }) => {
        if (type !== moment) return;
        outcome.reached = true;
        if (moment === "closed") return;
        if (afterMs > 0) setTimeout(() => worker.terminate(), afterMs);
        else worker.terminate();
      });
      [outcome.exit] = await once(worker, "exit");
      return outcome;
    };
    const outcomes = [];
    for (const round of input.rounds) outcomes.push(...(await Promise.all(round.map(run))));
    const { acknowledged } = connection.stats();
    await until(() => connection.stats().acknowledged > acknowledged + 20);
    say("workers", { outcomes, connections: connection.stats().connections });
    await session.close();
  },
  async worker() {
    say("started");
    const connection = await open(newSession());
    connection.connect().catch(() => {});
    say("handshake");
    await once(connection, "connect");
    say("connected");
    if (input.moment === "closed") {
      await connection.close();
      say("closed");
      return;
    }
    publishOn(connection);
    await once(connection, "message");
    say("publishing");
    parentPort.on("message", () => {});
  },
};

await modes[mode]();
