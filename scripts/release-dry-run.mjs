// The steps of .github/workflows/release.yml after the builds, against a registry on loopback. See release-dry-run.sh.

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { startRegistry } from "../__test__/support/registry.mjs";
import { finish, pack } from "./pack.mjs";
import { platforms, rootManifest } from "./platforms.mjs";
import { problems } from "./release-check.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const { values } = parseArgs({
  options: {
    tag: { type: "string" },
    date: { type: "string" },
    addons: { type: "string", default: root },
    all: { type: "boolean", default: false },
  },
});
/** Platforms without a binary here. */
const standIns = [];
const dir = join(root, ".cache/release");
rmSync(dir, { recursive: true, force: true });

const found = problems({ tag: values.tag, date: values.date === undefined ? new Date() : new Date(values.date) });
for (const problem of found) console.error(`release: ${problem}`);
process.exitCode = found.length === 0 ? 0 : 1;

const made = pack({ out: join(dir, "packed"), addons: gathered(), all: true });
for (const { name, size, files } of [...made.platforms, made.root]) {
  console.log(`${(size / 1e6).toFixed(2).padStart(6)} MB  ${name}: ${files.join(", ")}`);
}

const registry = await startRegistry();
const env = { ...process.env, [`npm_config_//${new URL(registry.url).host}/:_authToken`]: "anything" };
const args = ["scripts/publish.mjs", "--dir", join(dir, "packed"), "--registry", registry.url];
await run(process.execPath, args, { cwd: root, env });
console.log(`published to loopback, in this order: ${registry.published.join(", ")}`);
await tryIt();
registry.close();
finish({ out: join(dir, "packed"), made });
console.log(`to be attached: ${readdirSync(join(dir, "packed")).length} files`);
if (found.length === 0) console.log("The release can go out.");

/** Installs what was published, as a gateway does, where there is a real addon for this machine. */
async function tryIt() {
  const project = join(dir, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true }');
  const npm = ["--cache", join(dir, "npm"), "--registry", registry.url, "--no-audit", "--omit=peer"];
  await run("npm", ["install", rootManifest.name, ...npm], { cwd: project });
  const installed = readdirSync(join(project, "node_modules")).filter((name) => name.startsWith(rootManifest.name));
  const real = installed.some((name) =>
    standIns.every((platform) => platform.name !== name && name !== rootManifest.name),
  );
  if (!real) return console.log(`installed: ${installed.join(", ")}; not loaded, it is empty`);
  const script =
    'import("refresh-session").then(({ RefreshableSession }) => console.log(RefreshableSession.availableMethods()))';
  await run(process.execPath, ["-e", script], { cwd: project });
  console.log(`installed and loaded: ${installed.join(", ")}`);
}

/** The binaries that are here, and empty files for the others. */
function gathered() {
  if (values.all) return resolve(values.addons);
  const addons = join(dir, "addons");
  mkdirSync(addons, { recursive: true });
  for (const platform of platforms) {
    const { binary } = platform;
    const path = join(resolve(values.addons), binary);
    if (existsSync(path)) copyFileSync(path, join(addons, binary));
    else {
      standIns.push(platform);
      console.log(`${binary} is not here: an empty file stands for it`);
      writeFileSync(join(addons, binary), "");
    }
  }
  return addons;
}
