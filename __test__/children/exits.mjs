// The end of a process, or of a session in it, with everything that could hold it. Prints a line of JSON at each stage.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { RefreshableSession, refreshable } from "../../dist/index.mjs";
import { until } from "../support/waiting.mjs";
import { now } from "./run.mjs";

// What the SDK says about Node's age is not about us.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const { mode, options, endpoint, rounds } = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const print = (stage, fields = {}) => console.log(JSON.stringify({ stage, at: now(), ...fields }));

const timers = () => links().filter((link) => link.includes("timerfd")).length;
const allSockets = () => links().filter((link) => link.startsWith("socket:")).length;
/** Those that the process and the runtime did not have from the beginning. */
const sockets = () => allSockets() - own;
const threads = () => Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);

function links() {
  return readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that lists them.
      return "";
    }
  });
}

const own = allSockets();

/** What of Node's would keep this process, besides what it had. */
const held = () => process.getActiveResourcesInfo().filter((name) => !["PipeWrap", "FSReqPromise"].includes(name));
const census = () => ({ timers: timers(), sockets: sockets(), threads: threads(), held: held() });

const keys = (life) => ({
  accessKeyId: "ASIATEST",
  secretAccessKey: "s",
  sessionToken: "t",
  expiration: new Date(Date.now() + life),
});
const custom = (customCredentials, rest) => ({ method: "custom", customCredentials, timeoutMs: 60_000, ...rest });

const modes = {
  /** The measure of the others. */
  async bare() {},
  async "eager, timer pending"() {
    const session = new RefreshableSession({ ...options, refresh: "eager", startupJitterSeconds: 0 });
    await session.ready();
    print("timers", { timers: timers() });
  },
  async "eager, first fetch pending"() {
    new RefreshableSession({ ...options, refresh: "eager", startupJitterSeconds: 3600 });
  },
  async "callback that never settles"() {
    let called = false;
    const session = new RefreshableSession(
      custom(() => {
        called = true;
        return new Promise(() => {});
      }),
    );
    session.credentials().catch(() => {});
    // A read is waited for: it holds the process. One that nobody waits for does not, once it is given up.
    await until(() => called);
    await session.close();
  },
  async "background refresh pending"() {
    let calls = 0;
    const session = new RefreshableSession(custom(() => (calls++ === 0 ? keys(500) : new Promise(() => {}))));
    await session.ready();
    await until(() => session.status().zone === "advisory");
    await session.credentials();
    await until(() => calls === 2);
  },
  async "open client"() {
    const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
    const session = new RefreshableSession({ ...options, refresh: "eager", startupJitterSeconds: 0 });
    const client = session.client(STSClient, { region: "eu-west-1", endpoint });
    await client.send(new GetCallerIdentityCommand({}));
  },
  async "open client, closed"() {
    const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
    const session = new RefreshableSession({ ...options, refresh: "eager", startupJitterSeconds: 0 });
    await session.client(STSClient, { region: "eu-west-1", endpoint }).send(new GetCallerIdentityCommand({}));
    await session.close();
    await until(() => sockets() === 0);
    print("census", census());
  },
  async provider() {
    await refreshable(async () => keys(3_600_000), { refresh: "eager" })();
  },
  /** Sessions that are kept, so that nothing is freed because it was forgotten. */
  async close() {
    const kept = [];
    const open = async () => {
      const made = [
        new RefreshableSession({
          ...options,
          timeoutMs: 10_000 + kept.length,
          refresh: "eager",
          startupJitterSeconds: 0,
        }),
        new RefreshableSession(custom(async () => keys(3_600_000), { refresh: "eager", startupJitterSeconds: 0 })),
        new RefreshableSession(custom(async () => keys(3_600_000), { refresh: "eager", startupJitterSeconds: 3600 })),
      ];
      kept.push(...made);
      await Promise.all(made.slice(0, 2).map((session) => session.ready()));
      return made;
    };
    // The runtime's own descriptors and threads come with the first.
    for (const session of await open()) await session.close();
    await until(() => timers() === 0 && sockets() === 0);
    const before = census();
    const during = [];
    for (let round = 0; round < rounds; round++) {
      const made = await open();
      await until(() => timers() >= 6);
      during.push(timers());
      await Promise.all(made.map((session) => session.close()));
    }
    await until(() => timers() === 0 && sockets() === 0);
    print("census", { before, during, after: census(), zones: [...new Set(kept.map((kept) => kept.status().zone))] });
  },
  async "unclosed in a worker"() {
    for (let n = 0; n < 3; n++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { mode: "worker", options } });
      const outcome = await new Promise((resolve, reject) => {
        worker.once("exit", resolve);
        worker.once("error", reject);
      });
      print("worker", { outcome });
    }
    await until(() => timers() === 0 && sockets() === 0);
    print("census", census());
  },
  async worker() {
    const session = new RefreshableSession({ ...options, refresh: "eager", startupJitterSeconds: 0 });
    await session.ready();
    parentPort.postMessage("ready");
  },
};

await modes[mode]();
if (isMainThread) print("done");
