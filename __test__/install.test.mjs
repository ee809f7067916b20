// What users install: the packages as they are published, by a real npm, from their tarballs and from a registry.

import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { INSTALLED_BAR, pack, publishedManifest } from "../scripts/pack.mjs";
import { platforms, rootManifest } from "../scripts/platforms.mjs";
import { barOf, bars } from "../scripts/size.mjs";
import { addon, here } from "./support/installed.mjs";
import { startRegistry } from "./support/registry.mjs";
import { startTestbed } from "./support/testbed.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const { version } = rootManifest;
const json = (path) => JSON.parse(readFileSync(path, "utf8"));

let packed;
test.before(() => {
  // Only this platform's binary is here; which package npm chooses does not depend on what is in it.
  const dir = mkdtempSync(join(tmpdir(), "refresh-session-pack-"));
  const addons = join(dir, "addons");
  mkdirSync(addons);
  for (const platform of platforms) {
    const path = join(addons, platform.binary);
    if (platform === here) cpSync(addon, path);
    else writeFileSync(path, `for ${platform.triple}`);
  }
  packed = { ...pack({ out: join(dir, "out"), addons, all: true }), dir };
});
test.after.always(() => packed && rmSync(packed.dir, { recursive: true, force: true }));

/** An npm before 11.11 does not write `libc` into lock files, and installs both addons from one (npm/cli#8514). */
let forgetsLibc;
test.before(async () => {
  const [major, minor] = (await run("npm", ["--version"])).stdout.split(".").map(Number);
  forgetsLibc = major < 11 || (major === 11 && minor < 11);
});

/** Exactly the package of this platform is installed, or both C libraries' where npm knows no better; it loads. */
async function fits(t, dir) {
  const either = platforms.filter(({ os, cpu }) => os === here.os && cpu === here.cpu).map(({ name }) => name);
  const found = ours(dir);
  t.deepEqual(found, ["refresh-session", ...(forgetsLibc && found.length > 2 ? either : [here.name])]);
  const { stdout } = await run(process.execPath, ["-p", 'typeof require("refresh-session").fromIot'], { cwd: dir });
  t.is(stdout, "function\n");
}

/** An empty project. */
function project(t, manifest = {}) {
  const dir = mkdtempSync(join(tmpdir(), "refresh-session-project-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "gateway", private: true, ...manifest }));
  return dir;
}

/** A project of its own cache, so that nothing of another run is found. */
function npm(dir, args, registry) {
  const own = [`--registry=${registry ?? "http://127.0.0.1:9/"}`, `--cache=${join(dir, ".npm")}`, "--ignore-scripts"];
  return run("npm", [...args, ...own, "--no-audit", "--no-fund", "--omit=peer", "--fetch-retries=0"], {
    cwd: dir,
    env: { ...process.env, NODE_ENV: "" },
  });
}

/** A registry with all of it; its URL. */
async function served(t) {
  const registry = await startRegistry(packed);
  t.teardown(() => registry.close());
  return registry.url;
}

const ours = (dir) => readdirSync(join(dir, "node_modules")).filter((name) => name.startsWith("refresh-session"));
const tarballOf = ({ name }) => packed.platforms.find((platform) => platform.name === name).tarball;
const platformFlags = ({ os, cpu, libc }) => [
  `--os=${os}`,
  `--cpu=${cpu}`,
  ...(libc === undefined ? [] : [`--libc=${libc}`]),
];

// ------------------------------------------------------------------------------------------------------ what is made

test("the published manifest wants every platform in exactly this version, and has nothing to run", (t) => {
  const manifest = publishedManifest();
  t.deepEqual(
    manifest.optionalDependencies,
    Object.fromEntries(rootManifest.napi.targets.map((_, i) => [platforms[i].name, version])),
  );
  t.is(manifest.scripts, undefined);
  t.is(manifest.devDependencies, undefined);
  t.is(manifest.dependencies, undefined);
  t.deepEqual(json(join(packed.root.folder, "package.json")), manifest);
});

test("a platform package is its binary and four papers", (t) => {
  t.is(packed.platforms.length, platforms.length);
  for (const { folder, files, name, binary, os, cpu, libc } of packed.platforms) {
    t.deepEqual(files, ["LICENSE", "README.md", "THIRD-PARTY-LICENSES.txt", "package.json", binary].sort(), name);
    const manifest = json(join(folder, "package.json"));
    t.like(manifest, { name, version, main: binary, os: [os], cpu: [cpu], license: rootManifest.license });
    t.deepEqual(manifest.libc, libc === undefined ? undefined : [libc], name);
    t.is(manifest.scripts, undefined);
  }
});

test("a release without one of the binaries is none", (t) => {
  const missing = { out: join(packed.dir, "incomplete"), addons: join(packed.dir, "nowhere"), all: true };
  t.throws(() => pack(missing), { message: /^refresh-session\..*\.node is neither in / });
});

test("an addon that the loader would refuse is not packed", (t) => {
  const addons = join(packed.dir, "unfit");
  const [, other] = platforms.filter(({ os, cpu }) => os === "linux" && cpu !== here.cpu);
  const packing = () => pack({ out: join(packed.dir, "unfit-out"), addons });
  mkdirSync(addons);
  cpSync(addon, join(addons, other.binary));
  t.throws(packing, { message: new RegExp(`${other.binary} is for ${here.cpu}, and its package for ${other.cpu}$`) });
  writeFileSync(join(addons, other.binary), readFileSync(addon).subarray(0, 100_000));
  t.throws(packing, { message: /is not a whole ELF file$/ });
});

test("an addon within its bar leaves room for everything else within the bar of an installation", (t) => {
  for (const platform of packed.platforms) {
    const beside =
      platform.unpackedSize - statSync(join(platform.folder, platform.binary)).size + packed.root.unpackedSize;
    t.log(`${platform.abi}: ${beside} bytes beside the addon`);
    // Windows and macOS have no bar for the addon: that of x64 Linux is the highest.
    t.true(beside + (barOf(platform.binary) ?? bars.x64) <= INSTALLED_BAR, `${platform.abi}: ${beside}`);
  }
});

// ----------------------------------------------------------------------------------------------- from the registry

for (const platform of platforms) {
  test.serial(`npm installs one platform package: ${platform.abi}`, async (t) => {
    const registry = await served(t);
    const dir = project(t);
    await npm(dir, ["install", "refresh-session", ...platformFlags(platform)], registry);
    t.deepEqual(ours(dir), ["refresh-session", platform.name]);
    const { folder } = packed.platforms.find(({ name }) => name === platform.name);
    const [installed, wanted] = [join(dir, "node_modules", platform.name), folder].map((its) =>
      readFileSync(join(its, platform.binary)),
    );
    t.true(installed.equals(wanted));
  });
}

test.serial("a lock file made on another platform serves this one", async (t) => {
  const registry = await served(t);
  const dir = project(t);
  const mac = platforms.find(({ abi }) => abi === "darwin-arm64");
  await npm(dir, ["install", "refresh-session", ...platformFlags(mac)], registry);
  rmSync(join(dir, "node_modules"), { recursive: true });
  await npm(dir, ["ci"], registry);
  await fits(t, dir);
});

test.serial("what the loader tells to do about an incomplete install helps", async (t) => {
  const registry = await served(t);
  const dir = project(t);
  await npm(dir, ["install", "refresh-session", "--omit=optional"], registry);
  t.deepEqual(ours(dir), ["refresh-session"]);
  const failure = await t.throwsAsync(run(process.execPath, ["-e", 'require("refresh-session")'], { cwd: dir }));
  const [, command] = /Run `npm (install --os=[^`]+)`/.exec(failure.stderr) ?? [];
  await npm(dir, command.split(" "), registry);
  await fits(t, dir);
});

test.serial("what the loader tells to do about a lock file without the package helps", async (t) => {
  const registry = await served(t);
  const dir = project(t);
  await npm(dir, ["install", "refresh-session"], registry);
  // As npm leaves it when it writes a lock file beside node_modules of another platform.
  const lock = json(join(dir, "package-lock.json"));
  delete lock.packages[`node_modules/${here.name}`];
  writeFileSync(join(dir, "package-lock.json"), JSON.stringify(lock));
  rmSync(join(dir, "node_modules"), { recursive: true });
  await npm(dir, ["install", "--prefer-offline"], registry);
  if (ours(dir).includes(here.name)) t.log("this npm puts it right by itself");
  await npm(dir, ["install", `${here.name}@${version}`, "--save-optional"], registry);
  await fits(t, dir);
});

test.serial("a release publishes the platforms first, and run again only what is missing", async (t) => {
  const registry = await startRegistry();
  t.teardown(() => registry.close());
  const env = { ...process.env, [`npm_config_//${new URL(registry.url).host}/:_authToken`]: "anything" };
  const publish = () =>
    run(process.execPath, ["scripts/publish.mjs", "--dir", join(packed.dir, "out"), "--registry", registry.url], {
      cwd: root,
      env,
    });
  await publish();
  const names = [...platforms.map(({ name }) => name), "refresh-session"];
  t.deepEqual(registry.published, names);
  const { stdout } = await publish();
  t.deepEqual(registry.published, names, "nothing is published twice");
  t.is(stdout.match(/ is there$/gm).length, names.length);
  const dir = project(t);
  await npm(dir, ["install", "refresh-session"], registry.url);
  t.deepEqual(ours(dir), ["refresh-session", here.name]);
  t.is(
    (await run(process.execPath, ["-p", 'typeof require("refresh-session").fromIot'], { cwd: dir })).stdout,
    "function\n",
  );
});

// --------------------------------------------------------------------------------------------------- from tarballs

test.serial("two tarballs and no network are enough", async (t) => {
  const dir = project(t);
  await npm(dir, ["install", packed.root.tarball, tarballOf(here), "--offline"]);
  t.deepEqual(ours(dir), ["refresh-session", here.name]);
  const { stdout } = await run(process.execPath, ["-p", 'typeof require("refresh-session").fromIot'], { cwd: dir });
  t.is(stdout, "function\n");
});

test.serial("from tarballs: both module systems, the example, the command line and the types", async (t) => {
  const bed = await startTestbed();
  t.teardown(() => bed.stop());
  const overrides = Object.fromEntries(packed.platforms.map(({ name, tarball }) => [name, `file:${tarball}`]));
  const dir = project(t, { dependencies: { "refresh-session": `file:${packed.root.tarball}` }, overrides });
  await npm(dir, ["install", "--offline"]);
  t.deepEqual(ours(dir), ["refresh-session", here.name]);
  t.deepEqual(readdirSync(join(dir, "node_modules", ".bin")), ["refresh-session"]);
  const lock = json(join(dir, "node_modules/.package-lock.json"));
  for (const [path, { hasInstallScript }] of Object.entries(lock.packages)) t.is(hasInstallScript, undefined, path);

  const require = 'const { fromIot } = require("refresh-session"); console.log(typeof fromIot)';
  t.is((await run(process.execPath, ["-e", require], { cwd: dir })).stdout, "function\n");
  const esm = 'import { fromIot } from "refresh-session"; console.log(typeof fromIot)';
  t.is((await run(process.execPath, ["--input-type=module", "-e", esm], { cwd: dir })).stdout, "function\n");

  // The example wants an SDK client, which a user has anyway.
  symlinkSync(join(root, "node_modules/@aws-sdk"), join(dir, "node_modules/@aws-sdk"));
  cpSync(join(root, "examples/iot.mjs"), join(dir, "iot.mjs"));
  const options = { session: bed.pem(), client: { region: "eu-west-1", endpoint: bed.sts.http } };
  writeFileSync(join(dir, "options.json"), JSON.stringify(options));
  t.regex((await run(process.execPath, ["iot.mjs", "options.json"], { cwd: dir })).stdout, /arn:aws:sts::/);

  writeFileSync(join(dir, "session.json"), JSON.stringify(options.session));
  const command = join(dir, "node_modules/.bin/refresh-session");
  const { stdout } = await run(command, ["credential-process", "--config", "session.json"], { cwd: dir });
  t.is(JSON.parse(stdout).Version, 1);

  for (const [module, moduleResolution, file] of resolutions) {
    writeFileSync(join(dir, file), program(file));
    const compilerOptions = { module, moduleResolution, target: "es2022", strict: true, noEmit: true };
    const settings = { ...compilerOptions, types: ["node"], typeRoots: [join(root, "node_modules/@types")] };
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: settings, files: [file] }));
    const tsc = run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dir], { cwd: dir });
    await t.notThrowsAsync(
      tsc.catch((failure) => Promise.reject(new Error(failure.stdout))),
      `${moduleResolution} ${file}`,
    );
  }
});

const resolutions = [
  ["node16", "node16", "esm.mts"],
  ["node16", "node16", "commonjs.cts"],
  ["nodenext", "nodenext", "next.mts"],
  ["esnext", "bundler", "bundled.ts"],
];

/** Uses a type that would be `any` if the declarations were not found. */
function program(file) {
  const from = file.endsWith(".cts")
    ? 'import refresh = require("refresh-session");\nconst { RefreshableSession } = refresh;'
    : 'import { RefreshableSession } from "refresh-session";';
  return `${from}
const methods: readonly ("sts" | "iot" | "container" | "webIdentity" | "custom")[] = RefreshableSession.availableMethods();
// @ts-expect-error: no such option
new RefreshableSession({ method: "iot", nothing: methods });
`;
}
