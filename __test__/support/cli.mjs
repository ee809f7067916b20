// The command line as a child process, and what it must never print.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SLOWNESS } from "./waiting.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

export const CLI = join(root, "dist/cli.js");

/** Nothing here takes longer; what does hangs, and is killed so that the test can say so. */
const LIMIT_MS = 30_000;

/** The secrets of the testbed all begin like this. */
const CANARY = /canary(SECRET|TOKEN)|canary-(pin|passphrase|proxy)-/i;

/** Runs it; how it ended and what it said. `secret`: what it prints is meant to be one. */
export async function run(args, { env = {}, cwd, node = [], secret = false } = {}) {
  const started = performance.now();
  const child = spawn(process.execPath, [...node, CLI, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      output[name] += text;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS * SLOWNESS);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (CANARY.test(output.stderr) || (!secret && CANARY.test(output.stdout))) {
    throw new Error(`${args[0]} printed a secret`);
  }
  return { code, signal, ms: performance.now() - started, ...output };
}

/** A folder that is gone when the test is over. */
export async function folderFor(t) {
  const folder = await mkdtemp(join(tmpdir(), "refresh-session-cli-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A configuration file with these options, or this text; its path. */
export async function configFor(t, options, { mode = 0o600, name = "refresh-session.json", folder } = {}) {
  const path = join(folder ?? (await folderFor(t)), name);
  await writeFile(path, typeof options === "string" ? options : JSON.stringify(options, null, 2), { mode });
  return path;
}

/** The module that breaks on purpose (`crates/pkcs11/tests/shim`), before `module`, told these words. */
export async function shimOn(t, module, words = []) {
  const folder = await folderFor(t);
  await writeFile(join(folder, "shim"), words.join(" "));
  const output = join(folder, "calls");
  return {
    library: shim(),
    env: { PKCS11SPY: module, PKCS11SPY_OUTPUT: output, REFRESH_SESSION_PKCS11_TEST: folder },
    count: (name) =>
      readFileSync(output, "latin1")
        .split("\n")
        .filter((line) => line.endsWith(`: ${name}`)).length,
  };
}

function shim() {
  const built = ["debug", "fast"].map((profile) => join(root, "target", profile, "examples/libpkcs11_shim.so"));
  const found = built.find(existsSync);
  if (found === undefined)
    throw new Error("the shim is not built: run `cargo build -p refresh-session-pkcs11 --examples`");
  return found;
}
