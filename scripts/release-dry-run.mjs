// The steps of .github/workflows/release.yml after the builds, against a registry on loopback. See release-dry-run.sh.

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { startRegistry } from "../__test__/support/registry.mjs";
import { pack } from "./pack.mjs";
import { platforms } from "./platforms.mjs";
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
const dir = join(root, ".cache/release");
rmSync(dir, { recursive: true, force: true });

const found = problems({ tag: values.tag, date: values.date === undefined ? new Date() : new Date(values.date) });
for (const problem of found) console.error(`release: ${problem}`);
process.exitCode = found.length === 0 ? 0 : 1;

const made = pack({ out: join(dir, "packed"), addons: gathered(), all: true });
for (const { name, size, files } of [...made.platforms, made.root]) {
  console.log(`${(size / 1e6).toFixed(2).padStart(6)} MB  ${name}: ${files.join(", ")}`);
}

const { stdout } = await run(process.execPath, ["scripts/sbom.mjs"], { cwd: root, maxBuffer: 1 << 26 });
console.log(`bill of materials: ${JSON.parse(stdout).components.length} components`);

const registry = await startRegistry();
const env = { ...process.env, [`npm_config_//${new URL(registry.url).host}/:_authToken`]: "anything" };
const args = ["scripts/publish.mjs", "--dir", join(dir, "packed"), "--registry", registry.url];
await run(process.execPath, args, { cwd: root, env });
registry.close();
console.log(`published to loopback, in this order: ${registry.published.join(", ")}`);
if (found.length === 0) console.log("The release can go out.");

/** The binaries that are here, and empty files for the others. */
function gathered() {
  if (values.all) return resolve(values.addons);
  const addons = join(dir, "addons");
  mkdirSync(addons, { recursive: true });
  for (const { binary } of platforms) {
    const path = join(resolve(values.addons), binary);
    if (existsSync(path)) copyFileSync(path, join(addons, binary));
    else {
      console.log(`${binary} is not here: an empty file stands for it`);
      writeFileSync(join(addons, binary), "");
    }
  }
  return addons;
}
