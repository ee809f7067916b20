// Which addon is loaded, and what is said when none can be: with real files, each in a process of its own.

import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { platforms, rootManifest } from "../scripts/platforms.mjs";
import { addon, here, Installed } from "./support/installed.mjs";

const onLinux = here?.os === "linux" ? test : test.skip;
const withMusl = here?.os === "linux" && has("musl-gcc") ? test : test.skip;
const withMounts = here?.os === "linux" && has("unshare", "-rm", "true") ? test : test.skip;
const { version } = rootManifest;
const of = (abi) => platforms.find((platform) => platform.abi === abi);

function has(command, ...args) {
  try {
    execFileSync(command, args.length > 0 ? args : ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Compiles C; where the result is. */
function compiled(t, compiler, source, ...flags) {
  const dir = mkdtempSync(join(tmpdir(), "refresh-session-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "it.c"), source);
  execFileSync(compiler, ["it.c", "-o", "it", ...flags], { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  return join(dir, "it");
}

/** Loads it and expects the loader's error, which is a sentence and no dump. */
async function refused(t, installed, options) {
  const error = await installed.load(options);
  t.is(error.names, undefined, "it loads");
  t.is(error.name, "ConfigurationError");
  t.is(error.code, "ERR_NATIVE_ADDON");
  t.false(error.retryable);
  t.true(error.message.endsWith(error.hint));
  t.notRegex(error.message, /\n|Require stack|undefined|symbol|\.so/);
  return { ...error, said: error.message.slice(0, -error.hint.length - 2) };
}

// --------------------------------------------------------------------------------------------------------- choosing

test("the table of the loader is that of the packages", (t) => {
  const { PLATFORMS } = createRequire(import.meta.url)("../dist/addon/platform.js");
  t.deepEqual(
    PLATFORMS.map(({ suffix, libc, name }) => [suffix, libc, name]).sort(),
    platforms
      .map(({ abi, libc, os, cpu }) => [abi, libc, `${os} ${cpu}${libc === undefined ? "" : ` (${libc})`}`])
      .sort(),
  );
});

onLinux("the package of this platform is loaded, whatever else is installed", async (t) => {
  const installed = new Installed(t);
  for (const platform of platforms) installed.add(platform, platform === here ? readFileSync(addon) : "not to be read");
  t.true((await installed.load()).names.includes("RefreshableSession"));
});

onLinux("an addon beside the JavaScript comes first, as a bundler puts it", async (t) => {
  const installed = new Installed(t);
  installed.add(here, "not to be read");
  writeFileSync(join(installed.dir, "node_modules/refresh-session/dist", here.binary), readFileSync(addon));
  t.true((await installed.load()).names.includes("RefreshableSession"));
});

onLinux("the C library is known where the program cannot be read", async (t) => {
  const installed = new Installed(t);
  installed.add(here, readFileSync(addon));
  const before = 'process.execPath = "/nowhere/node"';
  t.true((await installed.load({ before })).names.includes("RefreshableSession"));
});

// ---------------------------------------------------------------------------------------------------- not installed

onLinux("a package that is not installed is named, with the command that installs it", async (t) => {
  const { said, hint, cause } = await refused(t, new Installed(t));
  t.is(said, `the native addon for linux ${process.arch} (glibc) is not installed: ${here.name} ${version} is missing`);
  t.true(hint.includes(`npm install --os=linux --cpu=${process.arch} --libc=glibc`));
  t.true(hint.includes(`npm install ${here.name}@${version} --save-optional`));
  t.is(cause, undefined);
});

onLinux("node_modules of another platform are told from an incomplete install", async (t) => {
  const installed = new Installed(t);
  installed.add(of("darwin-arm64"), "anything");
  const { said } = await refused(t, installed);
  t.true(said.endsWith("is missing; the one that is there is for darwin arm64"), said);
});

onLinux("the package without its file is told from no package", async (t) => {
  const installed = new Installed(t);
  installed.add(here);
  const { said } = await refused(t, installed);
  t.is(said, `${here.name} is installed, but the native addon in it is gone`);
});

withMusl("a Node.js for musl asks for its own package, and says what that means for PKCS#11", async (t) => {
  const installed = new Installed(t);
  installed.add(here, readFileSync(addon));
  const program = compiled(t, "musl-gcc", "int main(void) { return 0; }");
  const { said, hint } = await refused(t, installed, { before: `process.execPath = ${JSON.stringify(program)}` });
  const wanted = `refresh-session-linux-${process.arch}-musl`;
  const name = `linux ${process.arch}`;
  t.is(
    said,
    `the native addon for ${name} (musl) is not installed: ${wanted} ${version} is missing; the one that is there is for ${name} (glibc)`,
  );
  t.true(hint.includes("--libc=musl"));
  t.true(hint.includes("A PKCS#11 module that is made for glibc only needs a Node.js for glibc."));
});

test("a platform without a package is named", async (t) => {
  const before = 'Object.defineProperty(process, "platform", { value: "sunos" })';
  const { said } = await refused(t, new Installed(t), { before });
  t.is(said, `there is no native addon for sunos ${process.arch}`);
});

test("an ARMv6 is told before the addon's instructions end the process", async (t) => {
  const before = `
    Object.defineProperty(process, "arch", { value: "arm" });
    Object.defineProperty(process, "platform", { value: "linux" });
    require("node:os").machine = () => "armv6l";
  `;
  const { said } = await refused(t, new Installed(t), { before });
  t.regex(said, /^there is no native addon for linux arm \(\w+\) on ARMv6$/);
});

// ------------------------------------------------------------------------------------------------------ wrong files

const whole = addon && readFileSync(addon);
const damages = {
  "nothing at all": () => Buffer.alloc(0),
  "a few bytes": () => whole.subarray(0, 40),
  "its headers": () => whole.subarray(0, 4096),
  half: () => whole.subarray(0, whole.length / 2),
  "all but the last byte": () => whole.subarray(0, -1),
  "zeros for an end, as after a power cut": () => Buffer.concat([whole.subarray(0, -65536), Buffer.alloc(65536)]),
  "zeros alone": () => Buffer.alloc(whole.length),
  "a web page": () => Buffer.from(`<!doctype html>${" ".repeat(4096)}`),
};
for (const [what, bytes] of Object.entries(damages)) {
  onLinux(`a damaged addon does not end the process: ${what}`, async (t) => {
    const installed = new Installed(t);
    const path = installed.add(here, bytes());
    const { said } = await refused(t, installed);
    t.true(said.endsWith(`${path} is damaged: it is not a whole ELF file`), said);
  });
}

onLinux("an addon that is cut short anywhere is refused", async (t) => {
  const installed = new Installed(t);
  const path = installed.add(here, whole);
  const random = Array.from({ length: 20 }, () => randomInt(whole.length));
  const sizes = Array.from({ length: Math.ceil(whole.length / 65_536) }, (_, i) => i * 65_536).concat(random);
  const refusals = await triedAll(installed, sizes, `truncateSync(path, at)`, path);
  t.deepEqual(refusals, { count: sizes.length, messages: [`${path} is damaged: it is not a whole ELF file`] });
});

onLinux("64 KiB and more of zeros in the code are seen, wherever they begin", async (t) => {
  const installed = new Installed(t);
  const path = installed.add(here, whole);
  const [{ at, size }] = createRequire(import.meta.url)("../dist/addon/elf.js").readElf(addon).code;
  const hole = 65_536 + 4096;
  const first = Math.ceil(at / 4096) * 4096;
  // Page by page, so that each distance from the pages that are looked at occurs.
  const places = Array.from({ length: 32 }, (_, i) => first + i * 4096);
  for (let place = first; place + hole <= at + size; place += 7 * 65_536) places.push(place);
  const refusals = await triedAll(installed, places, `write(at, Buffer.alloc(${hole}))`, path);
  t.deepEqual(refusals, { count: places.length, messages: [`${path} is damaged: it is not a whole ELF file`] });
});

/** Loads it in one process after each change to a good file; what all said, without repeats. */
async function triedAll(installed, places, change, path) {
  const script = `
    const { copyFileSync, openSync, writeSync, closeSync, truncateSync } = require("node:fs");
    const [path, good, places] = ${JSON.stringify([path, addon, places])};
    const write = (at, bytes) => { const file = openSync(path, "r+"); writeSync(file, bytes, 0, bytes.length, at); closeSync(file); };
    const messages = new Set();
    let count = 0;
    for (const at of places) {
      copyFileSync(good, path);
      ${change};
      try { require("refresh-session"); break; } catch ({ code, hint, message }) {
        count++;
        messages.add(code === "ERR_NATIVE_ADDON" ? message.slice("the native addon ".length, -hint.length - 2) : code + message);
      }
    }
    console.log(JSON.stringify({ count, messages: [...messages] }));
  `;
  return installed.run(script);
}

const oddities = {
  "a named pipe": { make: (path) => execFileSync("mkfifo", [path]), says: /is damaged: it is not a whole ELF file$/ },
  "a device": { make: (path) => symlinkSync("/dev/zero", path), says: /is damaged: it is not a whole ELF file$/ },
  "a folder": { make: (path) => mkdirSync(path), says: /, but the native addon in it is gone$/ },
  "a link to nowhere": { make: (path) => symlinkSync("nowhere", path), says: /, but the native addon in it is gone$/ },
  "a link to itself": { make: (path) => symlinkSync(path, path), says: /, but the native addon in it is gone$/ },
};
for (const [what, { make, says }] of Object.entries(oddities)) {
  onLinux(`in the place of the addon: ${what}`, async (t) => {
    const installed = new Installed(t);
    make(installed.add(here));
    const { said } = await refused(t, installed);
    t.regex(said, says);
  });
  onLinux(`beside the JavaScript, where it comes first: ${what}`, async (t) => {
    const installed = new Installed(t);
    installed.add(here, whole);
    make(join(installed.dir, "node_modules/refresh-session/dist", here.binary));
    // What is not there decides nothing.
    if (what.startsWith("a link")) t.true((await installed.load()).names.includes("RefreshableSession"));
    else t.regex((await refused(t, installed)).said, /is damaged: it is not a whole ELF file$/);
  });
}

for (const text of ["", "\0".repeat(600), '{ "name": ']) {
  onLinux(`a damaged manifest is not taken for a missing package: ${JSON.stringify(text.slice(0, 9))}`, async (t) => {
    const installed = new Installed(t);
    const manifest = join(installed.add(here, whole), "../package.json");
    writeFileSync(manifest, text);
    const { said } = await refused(t, installed);
    t.is(said, `${manifest} is damaged: it is not JSON`);
  });
}

onLinux("a manifest that names no file is an addon that is gone", async (t) => {
  const installed = new Installed(t);
  writeFileSync(join(installed.add(here, whole), "../package.json"), "{}");
  t.is((await refused(t, installed)).said, `${here.name} is installed, but the native addon in it is gone`);
});

const asRoot = here?.os === "linux" && process.getuid() === 0 ? test : test.skip;
for (const [what, mode, path] of [
  ["addon", 0o600, () => here.binary],
  ["package", 0o700, () => "."],
]) {
  asRoot(`a user who may not read the ${what} is told so`, async (t) => {
    const installed = new Installed(t);
    const folder = join(installed.add(here, whole), "..");
    chmodSync(installed.dir, 0o755);
    chmodSync(join(folder, path()), mode);
    const before = "process.setgroups([]); process.setgid(65534); process.setuid(65534)";
    const { said, cause } = await refused(t, installed, { before });
    t.regex(said, /^the system does not let this process load the native addon /);
    t.is(cause.code, "EACCES");
  });
}

const processors = { arm64: [183, 2], arm: [40, 1], ia32: [3, 1], x64: [62, 2], riscv64: [243, 2] };
for (const [arch, [machine, width]] of Object.entries(processors)) {
  if (arch === process.arch) continue;
  onLinux(`an addon for another processor is named as such: ${arch}`, async (t) => {
    const installed = new Installed(t);
    const path = installed.add(here, elfFor(machine, width));
    const { said } = await refused(t, installed);
    t.true(said.endsWith(`${path} is for ${arch}, and this Node.js is for ${process.arch}`), said);
  });
}

/** The headers of a shared object without anything in it. */
function elfFor(machine, width) {
  const bytes = Buffer.alloc(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, width, 1, 1]);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

withMusl("an addon for the other C library is named as such", async (t) => {
  const installed = new Installed(t);
  const source = '#include <stdio.h>\nvoid *napi_register_module_v1(void) { puts(""); return 0; }';
  const path = installed.add(here, readFileSync(compiled(t, "musl-gcc", source, "-shared", "-fPIC")));
  const { said, cause } = await refused(t, installed);
  t.true(said.endsWith(`${path} is for musl, and this Node.js is for glibc`), said);
  t.regex(cause.message, /libc\.so/);
});

onLinux("a glibc that is too old is named, with the one that is needed", async (t) => {
  const installed = new Installed(t);
  const stub = compiled(
    t,
    "cc",
    "void from_the_future(void) {}",
    "-shared",
    "-fPIC",
    "-nostdlib",
    ...soname("libc.so.6"),
  );
  const source = "void from_the_future(void); void *napi_register_module_v1(void) { from_the_future(); return 0; }";
  const path = installed.add(here, readFileSync(compiled(t, "cc", source, "-shared", "-fPIC", "-nostdlib", stub)));
  const { said, cause } = await refused(t, installed);
  const [, has] = /^(.*) needs glibc 9\.99, and this system has (\d+\.\d+)$/.exec(said) ?? [];
  t.true(has?.endsWith(path), said);
  t.regex(cause.message, /GLIBC_9\.99/);
});

function soname(name) {
  const script = join(tmpdir(), `refresh-session-${process.pid}.map`);
  writeFileSync(script, "GLIBC_9.99 { from_the_future; };");
  return [`-Wl,-soname,${name}`, `-Wl,--version-script,${script}`];
}

onLinux("what the system says of anything else is the cause", async (t) => {
  const installed = new Installed(t);
  const source = "void nowhere(void); void *napi_register_module_v1(void) { nowhere(); return 0; }";
  const path = installed.add(here, readFileSync(compiled(t, "cc", source, "-shared", "-fPIC", "-Wl,-z,now")));
  const { said, cause } = await refused(t, installed);
  t.true(said.endsWith(`${path} could not be loaded`), said);
  t.is(cause.code, "ERR_DLOPEN_FAILED");
  t.regex(cause.message, /nowhere/);
});

// --------------------------------------------------------------------------------------------------------- versions

onLinux("an addon of another version than the package is refused", async (t) => {
  const installed = new Installed(t);
  const path = installed.add(here, whole);
  installed.patch(`VERSION = "${version}"`, 'VERSION = "9.9.9"');
  const { said } = await refused(t, installed);
  t.true(said.endsWith(`${path} is of version ${version}, and refresh-session is 9.9.9`), said);
});

// ------------------------------------------------------------------------------------------------------ not allowed

onLinux("a Node.js that may load no addons says so", async (t) => {
  const installed = new Installed(t);
  installed.add(here, whole);
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  for (const flags of [["--no-addons"], [permission, "--allow-fs-read=*"]]) {
    const { said, cause } = await refused(t, installed, { flags: ["--no-warnings", ...flags] });
    t.is(said, "this Node.js was told to load no native addon");
    t.is(cause.code, "ERR_DLOPEN_DISABLED");
  }
});

withMounts("a file system without execution is thought of", async (t) => {
  const installed = new Installed(t);
  installed.add(here, whole);
  const folder = join(installed.dir, "node_modules", here.name);
  const script = 'cp -a "$0" "$0.kept" && mount -t tmpfs -o noexec none "$0" && cp "$0.kept"/* "$0" && exec "$@"';
  const { said, hint } = await refused(t, installed, { through: ["unshare", "-rm", "sh", "-c", script, folder] });
  t.regex(said, /^the system does not let this process load the native addon /);
  t.regex(hint, /noexec/);
});
