// Sessions under remote control, each process with a clean slate: PKCS#11 logins and refused PINs are the process's.
//
// The parent sends `{ id, op, … }` and gets `{ type: "reply-ID", value | error }`. With `thread`, the operation is
// carried out in the worker of that name, which the first one starts; `{ op: "terminate", thread }` ends that.

import { createRequire } from "node:module";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";
import { callerIdentity } from "../support/sessions.mjs";
import { census, longestDelay, watchLoop } from "./measures.mjs";

const sessions = new Map();
const callbacks = new Map();
const warnings = new Map();
const threads = new Map();

/** Ways to give a PIN that cannot travel in a message. */
const pins = {
  sync: (pin) => () => pin,
  async: (pin) => async () => pin,
  "async bytes": (pin) => async () => new TextEncoder().encode(pin),
  slow: (pin) => () => new Promise((resolve) => setTimeout(resolve, 300, pin)),
  throws: () => () => {
    throw thrown;
  },
  rejects: () => () => Promise.reject(thrown),
  "rejects slowly": () => () => new Promise((_, reject) => setTimeout(reject, 100, thrown)),
  "throws text": () => () => {
    throw "a text";
  },
  number: (pin) => () => Number(pin),
  never: () => () => new Promise(() => {}),
  "throws once": (pin) => {
    let asked = 0;
    return () => {
      if (asked++ === 0) throw thrown;
      return pin;
    };
  },
};
const thrown = new Error("thrown by the callback");

const operations = {
  /** `copy`: the module of another copy of the package (`support/addon-copy.mjs`). */
  async open({ name, options, pin, copy }) {
    const Session = copy === undefined ? RefreshableSession : (await import(copy)).RefreshableSession;
    const opened = structuredClone(options);
    warnings.set(name, []);
    opened.onWarning = (warning) => warnings.get(name).push(warning.code);
    if (pin !== undefined) {
      const ask = pins[pin.kind](pin.value);
      callbacks.set(name, 0);
      opened.pkcs11.userPin = () => {
        callbacks.set(name, callbacks.get(name) + 1);
        return ask();
      };
    }
    sessions.set(name, new Session(opened));
    // The caller may wipe what it has handed over.
    if (opened.pkcs11?.userPin instanceof Uint8Array) opened.pkcs11.userPin.fill(0);
  },
  async credentials({ name }) {
    return (await sessions.get(name).credentials()).accessKeyId;
  },
  /** Whom STS takes for the caller. */
  async identity({ name, sts }) {
    const { Arn } = await callerIdentity({ sts: { http: sts } }, { credentials: sessions.get(name).credentials });
    return Arn;
  },
  async refresh({ name }) {
    await sessions.get(name).refresh({ force: true });
  },
  /** So many fetches, one after the other. */
  async refreshes({ name, times }) {
    for (let n = 0; n < times; n++) await sessions.get(name).refresh({ force: true });
  },
  /** A fetch that fails: with what, and after how many milliseconds. */
  async failure({ name }) {
    const started = performance.now();
    const code = await sessions
      .get(name)
      .refresh({ force: true })
      .then(
        () => undefined,
        (error) => error.code,
      );
    return { code, took: performance.now() - started };
  },
  async close({ name }) {
    await sessions.get(name).close();
  },
  /** A call of the other user's: see `support/other-user.c`. A buffer may be filled by it. */
  pkcs11({ addon, library, name, args }) {
    const given = args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg));
    return { rv: createRequire(import.meta.url)(addon).call(library, name, ...given), args: given };
  },
  census,
  watchLoop,
  longestDelay,
  exit({ code }) {
    process.exit(code);
  },
  throw() {
    // Not to be caught here.
    setImmediate(() => {
      throw new Error("the program's own mistake");
    });
  },
  asked: ({ name }) => callbacks.get(name),
  warnings: ({ name }) => warnings.get(name),
};

async function carryOut(request) {
  try {
    return { value: await operations[request.op](request) };
  } catch (error) {
    const { name, code, message, hint, param, retryable, cause } = error;
    const shown = cause instanceof Error ? { name: cause.name, message: cause.message, code: cause.code } : cause;
    return { error: { name, code, message, hint, param, retryable, cause: shown, causeIsThrown: cause === thrown } };
  }
}

if (isMainThread) {
  process.on("message", ({ thread, ...request }) => {
    if (request.op === "end") {
      for (const worker of threads.values()) worker.postMessage({ op: "end" });
      process.disconnect();
    } else if (request.op === "terminate") {
      threads
        .get(thread)
        .terminate()
        .then((value) => process.send({ type: `reply-${request.id}`, value }));
      threads.delete(thread);
    } else if (thread === undefined) {
      carryOut(request).then((outcome) => process.send({ type: `reply-${request.id}`, ...outcome }));
    } else {
      if (!threads.has(thread)) {
        const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
        worker.on("message", (reply) => process.send(reply));
        threads.set(thread, worker);
      }
      threads.get(thread).postMessage(request);
    }
  });
} else {
  parentPort.on("message", async (request) => {
    if (request.op === "end") parentPort.close();
    else parentPort.postMessage({ type: `reply-${request.id}`, ...(await carryOut(request)) });
  });
}
