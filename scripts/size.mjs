// How large the addon may be, and what is in it.
//
//   node scripts/size.mjs --check [WHERE…]    fails if a built addon is over its bar; WHERE is a file or a folder, `.` unless told
//   node scripts/size.mjs FILE [STRIPPED]     a table by section and by crate; FILE has symbols (`scripts/size.sh` builds one)

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Bytes that a stripped addon may have, by the architecture in its name. Everything else reads them here. */
export const bars = { x64: 4_500_000, arm64: 4_000_000, arm: 3_700_000 };

/** `refresh-session.linux-x64-gnu.node` → its bar; other systems have none. */
export function barOf(file) {
  return bars[/\.linux-(x64|arm64|arm)-/.exec(file)?.[1]];
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));

function main([first, ...others]) {
  if (first === "--check") check(others.length === 0 ? ["."] : others);
  else if (first !== undefined && existsSync(first)) show(first, ...others);
  else throw new Error("usage: node scripts/size.mjs --check [WHERE…] | FILE [STRIPPED]");
}

function check(places) {
  for (const place of places) {
    const addons = statSync(place).isDirectory() ? addonsIn(place) : [place];
    if (addons.length === 0) throw new Error(`there is no addon in ${place}: npm run build:release`);
    for (const file of addons) checkOne(file);
  }
}

function addonsIn(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".node"))
    .map((file) => join(folder, file));
}

function checkOne(file) {
  const [bytes, bar] = [statSync(file).size, barOf(basename(file))];
  const over = bar !== undefined && bytes > bar;
  const against = bar === undefined ? "no bar" : `bar ${megabytes(bar)}`;
  console.log(`size: ${basename(file)}: ${megabytes(bytes)}, ${against}${over ? ": TOO LARGE, see docs/size.md" : ""}`);
  if (over) process.exitCode = 1;
}

function show(file, stripped) {
  if (stripped !== undefined) console.log(`stripped: ${megabytes(statSync(stripped).size)}\n`);
  const sections = lines("size", ["-A", file])
    .map((line) => /^(\.[\w.]+)\s+(\d+)\s+(\d+)$/.exec(line.trim()))
    .filter((found) => found !== null && !found[1].startsWith(".debug"))
    .map(([, name, bytes]) => [name, Number(bytes)]);
  table("Section", sections, 12);
  const crates = new Map();
  for (const line of lines("nm", ["-S", "--size-sort", "--demangle", file])) {
    const [, bytes, kind, ...name] = line.split(" ");
    if (!/^[tTwW]$/.test(kind)) continue;
    const crate = crateOf(name.join(" "));
    crates.set(crate, (crates.get(crate) ?? 0) + Number.parseInt(bytes, 16));
  }
  table("Crate (code)", [...crates], 40);
}

/** The crate that a function was written in: a generic one counts for its own crate, whoever uses it. */
function crateOf(name) {
  const crate = /^[<&*[(]*(?:mut |const |dyn )*([a-z_]\w*)(?:\[[0-9a-f]+\])?::/.exec(name)?.[1];
  if (crate === undefined || name.startsWith("ring_core")) return "C and assembly of ring";
  return ["core", "alloc", "std"].includes(crate) ? "std, alloc, core" : crate;
}

function table(title, rows, limit) {
  const sum = rows.reduce((total, [, bytes]) => total + bytes, 0);
  console.log(`| ${title} | KB |\n|---|---|`);
  for (const [name, bytes] of rows.sort((a, b) => b[1] - a[1]).slice(0, limit)) {
    console.log(`| ${name} | ${(bytes / 1e3).toFixed(0)} |`);
  }
  console.log(`| all ${rows.length} | ${(sum / 1e3).toFixed(0)} |\n`);
}

function lines(command, args) {
  return execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n");
}
