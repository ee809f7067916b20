// Bundles the library and the command line, each with everything it needs but the addon.
//
// | File | Holds |
// |---|---|
// | `dist/index.js` | nothing but the public names of `core.js` |
// | `dist/core.js` | the library without MQTT |
// | `dist/mqtt.js` | MQTT: read when first asked for, since what is read costs time and memory whether it is used or not |
// | `dist/cli.js` | the command line, on `core.js` |
//
// No module is in two files, except `version.ts`, by which a file knows whether another one belongs to it.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve("src/ts");
const commander = readFileSync("node_modules/commander/LICENSE", "utf8").trim();

const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  logLevel: "warning",
};

/** Modules of the core that the other files use: they meet in them. */
const shared = new Set();

await build({
  ...common,
  entryPoints: ["src/ts/mqtt/index.ts"],
  outfile: "dist/mqtt.js",
  plugins: [{ name: "core is elsewhere", setup: coreElsewhere }],
});
await build({
  ...common,
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli.js",
  // Half of its bytes; it shows no stack traces, and errors keep their names.
  minify: true,
  keepNames: true,
  plugins: [{ name: "core is elsewhere", setup: coreElsewhere }],
  footer: { js: `/* In here: commander\n\n${commander}\n*/` },
});
await build({
  ...common,
  stdin: { contents: coreEntry(), resolveDir: root },
  outfile: "dist/core.js",
  plugins: [{ name: "MQTT comes later", setup: mqttLater }],
});
writeFileSync("dist/index.js", '"use strict";\nmodule.exports = require("./core.js").index;\n');
chmodSync("dist/cli.js", 0o755);

// V8 keeps a text with a single character beyond Latin-1 at two bytes each, and takes longer to read it.
for (const file of ["core.js", "mqtt.js"]) {
  const beyond = readFileSync(`dist/${file}`, "utf8")
    .split("\n")
    .find((line) => /[\u{100}-\u{10ffff}]/u.test(line));
  if (beyond !== undefined) throw new Error(`dist/${file} has a character beyond Latin-1: ${beyond.trim()}`);
}

/** Whether it belongs to `core.js` alone. */
function isCore(file) {
  return !relative(root, file).startsWith("..") && !isMqtt(file) && nameOf(file) !== "version";
}

/** `/…/src/ts/mqtt/Pump.ts` → whether it belongs to `mqtt.js`. */
function isMqtt(file) {
  return /^(mqtt\/|options\/(mqtt|mqttCalls|things|jobDetails)$)/.test(nameOf(file));
}

/** `/…/src/ts/options/check.ts` → `options/check` */
function nameOf(file) {
  return relative(root, file).replace(/\.ts$/, "");
}

async function fileOf(build, { path, importer, resolveDir, kind }) {
  if (!path.startsWith(".")) return undefined;
  const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: "ours" });
  return found.errors.length === 0 ? found.path : undefined;
}

function coreElsewhere(build) {
  build.onResolve({ filter: /^\./ }, async (wanted) => {
    if (wanted.pluginData === "ours") return undefined;
    const file = await fileOf(build, wanted);
    if (file === undefined || !isCore(file)) return undefined;
    shared.add(nameOf(file));
    return { path: nameOf(file), namespace: "core" };
  });
  build.onResolve({ filter: /^\.\/core\.js$/, namespace: "core" }, () => ({ path: "./core.js", external: true }));
  build.onLoad({ filter: /./, namespace: "core" }, ({ path }) => ({
    contents: `module.exports = require("./core.js")[${JSON.stringify(path)}];`,
  }));
}

function coreEntry() {
  const exported = [...shared].sort().map((name) => `export * as ${JSON.stringify(name)} from "./${name}";`);
  return ['export * as index from "./index";', ...exported].join("\n");
}

function mqttLater(build) {
  build.onResolve({ filter: /^\./ }, async (wanted) => {
    if (wanted.pluginData === "ours") return undefined;
    const file = await fileOf(build, wanted);
    if (file === undefined || !isMqtt(file)) return undefined;
    if (nameOf(file) === "mqtt/index") return { path: nameOf(file), namespace: "later" };
    throw new Error(`${nameOf(wanted.importer)} imports ${nameOf(file)}: MQTT is reached through mqtt/index alone`);
  });
  build.onResolve({ filter: /^\.\/mqtt\.js$/, namespace: "later" }, () => ({ path: "./mqtt.js", external: true }));
  build.onLoad({ filter: /./, namespace: "later" }, () => ({ contents: mqttFace(), resolveDir: root }));
}

/** The names of MQTT, none of which reads its file before it is asked for. */
function mqttFace() {
  const names = [...readFileSync("src/ts/mqtt/index.ts", "utf8").matchAll(/^export \{ (.*) \} from/gm)];
  const getters = names
    .flatMap(([, list]) => list.split(", "))
    .map((name) => `get ${name}() { return mqtt().${name}; },`);
  return [
    'const { later } = require("./later");',
    "let part;",
    'const mqtt = () => (part ??= later(() => require("./mqtt.js")));',
    `module.exports = {\n${getters.join("\n")}\n};`,
  ].join("\n");
}
