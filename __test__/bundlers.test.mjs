// An application in a bundle, as docs/bundlers.md says: it is built, run, and must get credentials through the addon.

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { build } from "esbuild";
import { addon, here, Installed } from "./support/installed.mjs";

const run = promisify(execFile);
const bundlers = fileURLToPath(new URL("../.cache/bundlers/", import.meta.url));
const require = createRequire(bundlers);
const withEsbuild = here === undefined ? test.skip : test;
// `scripts/bundlers.sh` puts them there.
const withOthers = here === undefined || !existsSync(join(bundlers, "wanted")) ? test.skip : test;
const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

const APPLICATION = `
import { RefreshableSession } from "refresh-session";
const customCredentials = () => ({
  access_key: "AKIAIOSFODNN7EXAMPLE", secret_key: "s", token: "t", expiry_time: new Date(Date.now() + 3_600_000),
});
const session = new RefreshableSession({ method: "custom", customCredentials });
session.credentials().then((keys) => {
  console.log(keys.accessKeyId);
  return session.close();
});
`;

/** A project with the package and the application. */
function project(t) {
  const installed = new Installed(t);
  installed.add(here, readFileSync(addon));
  writeFileSync(join(installed.dir, "app.mjs"), APPLICATION);
  return installed.dir;
}

async function works(t, path, ...args) {
  const { stdout } = await run(path.endsWith("js") ? process.execPath : path, [
    ...(path.endsWith("js") ? [path] : []),
    ...args,
  ]);
  t.is(stdout, "AKIAIOSFODNN7EXAMPLE\n");
}

/** What docs/bundlers.md shows for this file. */
function documented(name) {
  const [, text] = new RegExp(`\`\`\`js\\n// ${name}\\n(.*?)\`\`\``, "s").exec(read("docs/bundlers.md")) ?? [];
  if (text === undefined) throw new Error(`docs/bundlers.md does not show ${name}`);
  return text;
}

/** Runs a configuration of the document in the project. */
async function configured(t, name) {
  const dir = project(t);
  const file = join(dir, name);
  writeFileSync(file, documented(name));
  return { dir, config: (await import(file)).default };
}

// ---------------------------------------------------------------------------------------------------------- esbuild

withEsbuild("esbuild: the package stays outside", async (t) => {
  const { dir, config } = await configured(t, "esbuild.external.mjs");
  await build({ absWorkingDir: dir, ...config });
  await works(t, join(dir, "dist/app.mjs"));
});

withEsbuild("esbuild: everything in a CommonJS file, the addon in node_modules", async (t) => {
  const { dir, config } = await configured(t, "esbuild.config.mjs");
  const { warnings } = await build({ absWorkingDir: dir, ...config });
  t.deepEqual(warnings, []);
  await works(t, join(dir, "dist/app.js"));
});

withEsbuild("esbuild: everything in a CommonJS file, the addon beside it, and nothing else", async (t) => {
  const { dir, config } = await configured(t, "esbuild.config.mjs");
  await build({ absWorkingDir: dir, ...config });
  rmSync(join(dir, "node_modules"), { recursive: true });
  const failure = await t.throwsAsync(works(t, join(dir, "dist/app.js")));
  t.regex(failure.stderr, /ERR_NATIVE_ADDON/);
  copyFileSync(addon, join(dir, "dist", here.binary));
  await works(t, join(dir, "dist/app.js"));
});

withEsbuild("esbuild: everything in an ES module", async (t) => {
  const { dir, config } = await configured(t, "esbuild.esm.mjs");
  await build({ absWorkingDir: dir, ...config });
  await works(t, join(dir, "dist/app.mjs"));
});

// ---------------------------------------------------------------------------------------------------------- webpack

for (const name of ["webpack.config.mjs", "webpack.external.mjs"]) {
  withOthers(`webpack: ${name}`, async (t) => {
    const { dir, config } = await configured(t, name);
    const webpack = require("webpack");
    const stats = await promisify(webpack)({
      context: dir,
      ...config,
      output: { path: join(dir, "dist"), ...config.output },
    });
    t.deepEqual(stats.toJson().errors, []);
    t.deepEqual(stats.toJson().warnings, []);
    await works(t, join(dir, "dist/app.js"));
  });
}

// ----------------------------------------------------------------------------------------------------------- rollup

withOthers("rollup: everything in a CommonJS file", async (t) => {
  const dir = project(t);
  // The configuration imports the plugins by name.
  writeFileSync(
    join(dir, "rollup.config.mjs"),
    documented("rollup.config.mjs").replaceAll(/from "(@rollup\/.*?)"/g, resolved),
  );
  const { default: config } = await import(join(dir, "rollup.config.mjs"));
  const { rollup } = require("rollup");
  const bundle = await rollup({ ...config, input: join(dir, config.input) });
  await bundle.write({ ...config.output, file: join(dir, config.output.file) });
  await bundle.close();
  await works(t, join(dir, "dist/app.cjs"));
});

const resolved = (_, name) => `from ${JSON.stringify(require.resolve(name))}`;

// ------------------------------------------------------------------------------------------------ single executable

withOthers("a single executable, with the addon beside it", async (t) => {
  const { dir, config } = await configured(t, "esbuild.config.mjs");
  await build({ absWorkingDir: dir, ...config });
  const dist = join(dir, "dist");
  const blob = join(dist, "app.blob");
  const sea = { main: join(dist, "app.js"), output: blob, disableExperimentalSEAWarning: true };
  writeFileSync(join(dist, "sea.json"), JSON.stringify(sea));
  await run(process.execPath, ["--experimental-sea-config", join(dist, "sea.json")]);
  const alone = join(dir, "alone");
  mkdirSync(alone);
  copyFileSync(process.execPath, join(alone, "app"));
  const { inject } = require("postject");
  await inject(join(alone, "app"), "NODE_SEA_BLOB", readFileSync(blob), {
    sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
  });
  rmSync(dist, { recursive: true });
  rmSync(join(dir, "node_modules"), { recursive: true });
  copyFileSync(addon, join(alone, here.binary));
  await works(t, join(alone, "app"));
});
