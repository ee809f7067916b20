// Sessions under remote control, each process with a clean slate: PKCS#11 logins and refused PINs are the process's.
//
// The parent sends `{ id, op, … }` and gets `{ type: "reply-ID", value | error }`. With `thread`, the operation is
// carried out in the worker of that name, which the first one starts.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { RefreshableSession } from "../../dist/index.mjs";
import { callerIdentity } from "../support/sessions.mjs";

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
  open({ name, options, pin }) {
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
    sessions.set(name, new RefreshableSession(opened));
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
  async close({ name }) {
    await sessions.get(name).close();
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
