// What an addon asks of the machine that it is installed on, read from the file itself with readelf. Exits with 1 if that
// is more than we promise.
//
//   node scripts/floors.mjs FILE…            as released: glibc 2.17, or musl
//   node scripts/floors.mjs --native FILE…   made by this machine's own linker: its glibc, and libgcc_s beside it
//
// What the file is for is said by its name: `refresh-session.linux-arm64-gnu.node`.

import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { basename } from "node:path";

const GLIBC_FLOOR = "2.17";
/** The parts of glibc before 2.34. */
const GLIBC = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"];
const MUSL = ["libc.so"];

/** `pageBytes` is the largest page of a kernel for it: with less alignment the file is not loaded there. */
const MACHINES = {
  arm: { class: "ELF32", machine: "ARM", loader: "ld-linux-armhf.so.3", pageBytes: 4096 },
  arm64: { class: "ELF64", machine: "AArch64", loader: "ld-linux-aarch64.so.1", pageBytes: 65_536 },
  x64: { class: "ELF64", machine: "Advanced Micro Devices X86-64", loader: "ld-linux-x86-64.so.2", pageBytes: 4096 },
};

const native = process.argv[2] === "--native";
const files = process.argv.slice(native ? 3 : 2);
if (files.length === 0) fail("which files?");

for (const file of files) {
  const promised = promiseOf(file);
  const found = read(file);
  const broken = violations(found, promised);
  const glibc = found.glibc === undefined ? "no glibc" : `glibc ${found.glibc}`;
  const megabytes = (statSync(file).size / 1e6).toFixed(2);
  console.log(`floors: ${basename(file)}: ${megabytes} MB, ${glibc}, needs ${found.needed.join(" ")}`);
  for (const text of broken) console.error(`floors: ${basename(file)}: ${text}`);
  if (broken.length > 0) process.exitCode = 1;
}

/** What a file of this name may ask for. */
function promiseOf(file) {
  const [, arch, abi] = /\.linux-(arm|arm64|x64)-(gnu|gnueabihf|musl|musleabihf)\.node$/.exec(file) ?? [];
  if (arch === undefined) fail(`${file} is not named as the loader looks for it`);
  const { loader, ...machine } = MACHINES[arch];
  const musl = abi.startsWith("musl");
  if (musl) return { ...machine, arch, needed: MUSL };
  const glibc = native ? process.report.getReport().header.glibcVersionRuntime : GLIBC_FLOOR;
  return { ...machine, arch, glibc, needed: [...GLIBC, loader, ...(native ? ["libgcc_s.so.1"] : [])] };
}

function read(file) {
  const readelf = (...options) => execFileSync("readelf", ["--wide", ...options, file], { encoding: "utf8" });
  const header = readelf("--file-header");
  const dynamic = readelf("--dynamic");
  const segments = readelf("--segments")
    .split("\n")
    .map((line) => /^\s+(\S+)\s+(?:0x[\da-f]+\s+){5}(.*?)\s+(?:0x)?([\da-f]+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, type, flags, align]) => ({ type, flags, align: Number.parseInt(align, 16) }));
  const versions = [...readelf("--version-info").matchAll(/Name: (\S+)/g)].map(([, name]) => name);
  return {
    class: field(header, "Class"),
    type: field(header, "Type"),
    machine: field(header, "Machine"),
    attributes: readelf("--arch-specific"),
    needed: [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name).sort(),
    tags: [...dynamic.matchAll(/\((\w+)\)/g)].map(([, tag]) => tag),
    bindsNow: /BIND_NOW|Flags:.*\bNOW\b/.test(dynamic),
    segments,
    sections: [...readelf("--sections").matchAll(/\] (\.\S+)/g)].map(([, name]) => name),
    glibc: highest(versions.filter((name) => name.startsWith("GLIBC_")).map((name) => name.slice("GLIBC_".length))),
    versions,
    exported: readelf("--dyn-syms")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , type, , , section, name]) => type === "FUNC" && section !== "UND" && name !== undefined)
      .map((columns) => columns[7]),
  };
}

/** What is asked for beyond the promise, each as a sentence. */
function violations(found, promised) {
  const broken = [];
  const hold = (good, text) => good || broken.push(text);
  const inSegments = (type) => found.segments.filter((segment) => segment.type === type);
  const pageBytes = Math.min(...inSegments("LOAD").map(({ align }) => align));

  hold(found.class === promised.class && found.machine === promised.machine, `is for ${found.machine}, ${found.class}`);
  hold(found.type?.startsWith("DYN"), `is a file of type ${found.type}`);
  hold(pageBytes >= promised.pageBytes, `is aligned for pages of ${pageBytes} bytes, not ${promised.pageBytes}`);
  if (promised.arch === "arm") {
    hold(/Tag_ABI_VFP_args: VFP registers/.test(found.attributes), "does not pass floating point as gnueabihf does");
    hold(
      !/Tag_THUMB_ISA_use: None/.test(found.attributes) && /Tag_CPU_arch: v7/.test(found.attributes),
      "is not for ARMv7",
    );
  }

  const beyond = found.glibc !== undefined && (promised.glibc === undefined || newer(found.glibc, promised.glibc));
  hold(!beyond, `asks for glibc ${found.glibc}; the promise is ${promised.glibc ?? "musl"}`);
  const others = found.versions.filter((name) => !/^GLIBC_[\d.]+$/.test(name) && !(native && name.startsWith("GCC_")));
  hold(others.length === 0, `asks for versions of others than glibc: ${others}`);
  const stray = found.needed.filter((name) => !promised.needed.includes(name));
  hold(stray.length === 0, `needs ${stray}`);

  hold(!found.tags.some((tag) => /^R(UN)?PATH$/.test(tag)), "has a path of its own for libraries");
  hold(!found.tags.includes("TEXTREL"), "changes its code when it is loaded (TEXTREL)");
  hold(
    inSegments("GNU_STACK").length === 1 && !inSegments("GNU_STACK")[0].flags.includes("E"),
    "wants a stack that is executed",
  );
  hold(!inSegments("LOAD").some(({ flags }) => /W.*E/.test(flags)), "has memory that is both written and executed");
  hold(
    inSegments("GNU_RELRO").length === 1 && found.bindsNow,
    "leaves its table of foreign functions writable (no full RELRO)",
  );
  const unstripped = found.sections.filter((name) => /^\.(symtab|debug_)/.test(name));
  hold(unstripped.length === 0, `is not stripped: ${unstripped}`);
  hold(found.exported.includes("napi_register_module_v1"), "does not register itself with Node");
  return broken;
}

function field(header, name) {
  return new RegExp(`^\\s*${name}:\\s+(.*?)\\s*$`, "m").exec(header)?.[1];
}

function highest(versions) {
  return versions.reduce((most, next) => (most === undefined || newer(next, most) ? next : most), undefined);
}

function newer(one, other) {
  const [a, b] = [one, other].map((version) => version.split(".").map(Number));
  for (let part = 0; part < Math.max(a.length, b.length); part += 1) {
    if ((a[part] ?? 0) !== (b[part] ?? 0)) return (a[part] ?? 0) > (b[part] ?? 0);
  }
  return false;
}

function fail(text) {
  console.error(`floors: ${text}`);
  process.exit(1);
}
