// The parent's side of the child scripts beside this file, and what pkcs11-spy wrote down about them.

import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SLOWNESS } from "../support/waiting.mjs";

/** Nothing here takes longer; a child that does hangs, and is killed so that the test can say so. */
const LIMIT_MS = 30_000;

/** Milliseconds since 1970 with fractions: comparable between processes of one machine. */
export const now = () => performance.timeOrigin + performance.now();

/**
 * Starts a child script with `input` as JSON in its first argument; `env` is added to this process's. `within`: a command
 * that becomes the program that its arguments end with, as `env` or `nsenter` do.
 */
export function start(script, input = {}, { env = {}, execArgv = [], limitMs = LIMIT_MS, within = [] } = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const [execPath, ...before] = [...within, process.execPath];
  const child = fork(path, [JSON.stringify(input)], {
    env: { ...process.env, ...env },
    execPath,
    execArgv: [...before, ...execArgv],
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output = { stdout: "", stderr: "" };
  const messages = [];
  const waiting = [];
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      output[name] += text;
    });
  }
  child.on("message", (message) => {
    const wanted = waiting.findIndex(({ type }) => type === message.type);
    if (wanted === -1) messages.push(message);
    else waiting.splice(wanted, 1)[0].resolve(message);
  });
  // `exit` gives the moment; `close` comes when the output is complete.
  const exitedAt = once(child, "exit").then(() => now());
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs * SLOWNESS);
  let missing;
  const ended = once(child, "close").then(async ([code, signal]) => {
    clearTimeout(timer);
    missing = (type) => new Error(`the child ended (${code ?? signal}) without "${type}": ${output.stderr}`);
    for (const { type, reject } of waiting) reject(missing(type));
    return { code, signal, at: await exitedAt, ...output };
  });
  return {
    pid: child.pid,
    output,
    /** How it ended: `{ code, signal, at, stdout, stderr }`. */
    ended,
    send: (message) => child.send(message),
    /** The next message of this type. */
    message(type) {
      const found = messages.findIndex((message) => message.type === type);
      if (found !== -1) return Promise.resolve(messages.splice(found, 1)[0]);
      if (missing !== undefined) return Promise.reject(missing(type));
      return new Promise((resolve, reject) => waiting.push({ type, resolve, reject }));
    },
  };
}

/** A process of sessions under remote control: see `sessions.mjs`. */
export class Sessions {
  #child;
  #calls = 0;
  #ending = false;

  constructor(options) {
    this.#child = start("sessions.mjs", {}, options);
  }

  get pid() {
    return this.#child.pid;
  }

  /** Carries out one operation; what it throws comes back as `{ error }`. */
  async call(op, fields = {}) {
    const id = ++this.#calls;
    this.#child.send({ id, op, ...fields });
    const { value, error } = await this.#child.message(`reply-${id}`);
    return error === undefined ? { value } : { error };
  }

  /** Lets it end by itself, or has it carry out what ends it, if it was not ended before; how it ended. */
  end(op = "end", fields = {}) {
    if (!this.#ending) this.#child.send({ op, ...fields });
    this.#ending = true;
    return this.#child.ended;
  }

  /** Ends it from outside; how it ended. */
  kill(signal) {
    process.kill(this.#child.pid, signal);
    return this.#child.ended;
  }
}

/** OpenSC's pkcs11-spy, which writes every PKCS#11 call down. */
export const spyModule = () => systemModule("pkcs11-spy.so", "opensc-pkcs11");

/**
 * Where the system has a PKCS#11 module; `packaged` is the Debian package that it comes in. The system of a Node under
 * qemu is in a folder (`scripts/qemu.sh`).
 */
export function systemModule(file, packaged) {
  const libraries = join(process.env.QEMU_ROOT ?? "/", "usr/lib");
  const folders = [libraries, `${libraries}64`, ...subfolders(libraries)];
  const found = folders.flatMap((folder) => [join(folder, file), join(folder, "pkcs11", file)]).find(existsSync);
  if (found === undefined) throw new Error(`${file} is missing: install it (Debian: apt install ${packaged})`);
  return found;
}

/** A spy between a child and `module`: the environment for the child, and the calls counted so far. */
export function spyOn(module, output) {
  const text = () => (existsSync(output) ? readFileSync(output, "latin1") : "");
  return {
    library: spyModule(),
    env: { PKCS11SPY: module, PKCS11SPY_OUTPUT: output },
    count: (name) => [...text().matchAll(/^\d+: (C_\w+)/gm)].filter((call) => call[1] === name).length,
    /** The kinds of all logins: `CKU_USER`, `CKU_CONTEXT_SPECIFIC`. */
    logins: () => [...text().matchAll(/^\d+: C_Login\n(?:.*\n)*?.*userType = (\w+)/gm)].map((call) => call[1]),
  };
}

function subfolders(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));
}
