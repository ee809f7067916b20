// The package as npm and Node see it: one instance, closed exports, nothing run at install time or at load time.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import * as esm from "refresh-session";

const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);
const run = promisify(execFile);
const json = (name) => JSON.parse(readFileSync(join(root, name), "utf8"));
const manifest = json("package.json");

/** Runs a CommonJS script in a process of its own; gives what it printed, as JSON. */
async function inChild(script, env = {}, args = []) {
  const { stdout } = await run(process.execPath, [...args, "-e", script], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

// ------------------------------------------------------------------------------------------------------- instances

test("import and require give the same classes and functions", (t) => {
  const cjs = require("refresh-session");
  t.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
  for (const [name, value] of Object.entries(cjs)) t.is({ ...esm }[name], value, name);
});

test("the module face has no default export, so that both forms of import read alike", (t) => {
  t.false("default" in esm);
  t.false("default" in require("refresh-session"));
});

test("the package loads itself by its name", async (t) => {
  t.is(await import("refresh-session"), esm);
  t.is(require.resolve("refresh-session"), join(root, "dist/index.js"));
  t.is(fileURLToPath(import.meta.resolve("refresh-session")), join(root, "dist/index.mjs"));
});

test("a worker thread and the main thread both load it", async (t) => {
  const script = `
    const { Worker } = require("node:worker_threads");
    const main = Object.keys(require("refresh-session"));
    const code = 'require("node:worker_threads").parentPort.postMessage(Object.keys(require("refresh-session")))';
    const worker = new Worker(code, { eval: true });
    worker.on("message", (inWorker) => worker.on("exit", (exit) => console.log(JSON.stringify({ main, inWorker, exit }))));
  `;
  const { main, inWorker, exit } = await inChild(script);
  t.deepEqual(inWorker, main);
  t.is(exit, 0);
});

// --------------------------------------------------------------------------------------------------------- exports

test("exports are closed: nothing inside the package can be imported", async (t) => {
  const inside = ["dist/index.js", "dist/native.js", "dist/errors", "index.d.ts", "src/ts/index.ts", "Cargo.toml"];
  const addons = readdirSync(root).filter((name) => name.endsWith(".node"));
  t.true(addons.length > 0);
  for (const path of [...inside, ...addons]) {
    t.throws(() => require(`refresh-session/${path}`), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" }, path);
    await t.throwsAsync(import(`refresh-session/${path}`), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" }, path);
  }
});

test("package.json can be read through the package", (t) => {
  t.is(require("refresh-session/package.json").name, "refresh-session");
});

test("types come first in the exports, or TypeScript does not find them", (t) => {
  t.deepEqual(Object.keys(manifest.exports), [".", "./package.json"]);
  const { module: bundled, ...conditions } = manifest.exports["."];
  // Bundlers alone know this condition, and must not follow the ES module's `createRequire`.
  t.is(bundled, "./dist/index.js");
  t.deepEqual(Object.keys(conditions), ["import", "require"]);
  for (const [condition, targets] of Object.entries(conditions)) {
    t.deepEqual(Object.keys(targets), ["types", "default"], condition);
  }
});

// -------------------------------------------------------------------------------------------------------- manifest

test("nothing runs when the package is installed", (t) => {
  const onInstall = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare", "prepublish"];
  t.deepEqual(
    Object.keys(manifest.scripts).filter((name) => onInstall.includes(name)),
    [],
  );
  // npm would run node-gyp for this file even without a script.
  t.false(readdirSync(root).includes("binding.gyp"));
});

test("the package has no runtime dependencies", (t) => {
  for (const kind of ["dependencies", "bundleDependencies", "bundledDependencies"])
    t.is(manifest[kind], undefined, kind);
  for (const peer of Object.keys(manifest.peerDependencies ?? {}))
    t.true(manifest.peerDependenciesMeta[peer].optional, peer);
});

test("development dependencies are exact versions", (t) => {
  for (const [name, version] of Object.entries(manifest.devDependencies)) {
    // Under a name of its own: another version of an SDK client that the tests are run with too.
    t.regex(version, /^(npm:@aws-sdk\/client-(s3|sts)@)?\d+\.\d+\.\d+$/, name);
    if (version.startsWith("npm:")) {
      const [, client, minor] = /client-(s3|sts)@3\.(\d+)\.0$/.exec(version) ?? [];
      t.is(name, `client-${client}-${minor}`);
    }
  }
});

test("the lock file is of this manifest and names no registry", (t) => {
  const lock = json("package-lock.json");
  t.deepEqual(lock.packages[""].devDependencies, manifest.devDependencies);
  t.is(lock.packages[""].version, manifest.version);
  for (const [path, entry] of Object.entries(lock.packages)) {
    t.is(entry.resolved, undefined, path);
    if (path !== "") t.regex(entry.integrity, /^sha512-/, path);
  }
  // Links to a project's funding page are no registry.
  const withoutLinks = JSON.stringify(lock, (key, value) => (key === "funding" ? undefined : value));
  t.notRegex(withoutLinks, /https?:\/\/|registry\./);
});

test("Cargo and npm agree on the version", (t) => {
  const [, version] = /^version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"));
  t.is(version, manifest.version);
});

test("the JavaScript knows its version", (t) => {
  t.is(require("../dist/version.js").VERSION, manifest.version);
});

test("nobody publishes the checkout by mistake: what is published is staged by scripts/pack.mjs", (t) => {
  t.true(manifest.private);
  t.is(manifest.optionalDependencies, undefined);
});

// ------------------------------------------------------------------------------------------------------------- load

test("loading spawns nothing and opens no socket", async (t) => {
  // Every way to make a process or a connection is replaced before the package is there to see it.
  const script = `
    const used = [];
    for (const [name, calls] of Object.entries({
      "node:child_process": ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"],
      "node:net": ["connect", "createConnection", "createServer"],
      "node:dns": ["lookup", "resolve"],
    })) {
      const loaded = require(name);
      for (const call of calls) loaded[call] = () => { used.push(name + "." + call); throw new Error(call); };
    }
    const children = () => require("node:fs").readFileSync("/proc/self/task/" + process.pid + "/children", "utf8");
    require("refresh-session");
    console.log(JSON.stringify({ used, children: process.platform === "linux" ? children() : "" }));
  `;
  t.deepEqual(await inChild(script), { used: [], children: "" });
});

test("loading needs none of the modules that make processes or connections", async (t) => {
  const script = `
    const before = new Set(process.moduleLoadList);
    const { RefreshableSession } = require("refresh-session");
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))));
  `;
  const loaded = await inChild(script);
  const forbidden =
    /^NativeModule (child_process|net|tls|https?|http2|dgram|dns|cluster|_http_.*|internal\/child_process)$/;
  t.deepEqual(
    loaded.filter((name) => forbidden.test(name)),
    [],
  );
});

test("the environment has no say in which addon is loaded", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "refresh-session-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const decoy = join(folder, "decoy.js");
  await writeFile(decoy, "throw new Error('the decoy was loaded')");
  const names = ["PATH", "VERSION_CHECK", "FORCE_WASI"].map((name) => `NAPI_RS_NATIVE_LIBRARY_${name}`);
  names.push("NAPI_RS_FORCE_WASI", "NAPI_RS_ENFORCE_VERSION_CHECK", "REFRESH_SESSION_NATIVE_PATH");
  const script = 'console.log(JSON.stringify(Object.keys(require("refresh-session"))))';
  const env = Object.fromEntries(names.map((name) => [name, decoy]));
  t.deepEqual((await inChild(script, env)).sort(), Object.keys(esm).sort());
});

test("loading reads no variable of the environment by name", async (t) => {
  const script = `
    const read = new Set();
    const proxy = new Proxy(process.env, { get: (env, name) => (read.add(String(name)), env[name]) });
    Object.defineProperty(process, "env", { value: proxy });
    require("refresh-session");
    console.log(JSON.stringify([...read].filter((name) => !/^NODE_|^WATCH_/.test(name))));
  `;
  t.deepEqual(await inChild(script), []);
});

test("loading works where code from strings is forbidden", async (t) => {
  const script = 'console.log(JSON.stringify(typeof require("refresh-session").fromIot))';
  t.is(
    await inChild(script, {}, ["--disallow-code-generation-from-strings", "--frozen-intrinsics", "--no-warnings"]),
    "function",
  );
});
