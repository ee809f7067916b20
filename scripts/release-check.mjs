// What must be true before a release, in words: one line each, and an exit code.
//
//   node scripts/release-check.mjs [--tag v1.2.3] [--date 2026-11-21]
//
// Without a tag it is a rehearsal: the changelog's entry may still say "unreleased".

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { manifestOf, platforms, rootManifest } from "./platforms.mjs";

const root = new URL("..", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const DAY_MS = 86_400_000;

/** How old the floor of all clocks may be when it goes out: `calendar::RELEASED`. */
const FLOOR_DAYS = 60;

/** What is wrong; nothing if the release can go. */
export function problems({ tag, date }) {
  const { version } = rootManifest;
  return [...versions(version, tag), ...changelog(version, tag, date), ...floor(date)];
}

function* versions(version, tag) {
  const lock = JSON.parse(read("package-lock.json"));
  const ofCargo = [...read("Cargo.lock").matchAll(/^name = "(refresh-session[\w-]*)"\nversion = "(.+)"$/gm)];
  const found = {
    "package-lock.json": lock.version,
    "package-lock.json, packages": lock.packages[""].version,
    "Cargo.toml": /^version = "(.+)"$/m.exec(read("Cargo.toml"))?.[1],
    "src/ts/version.ts": /VERSION = "(.+)"/.exec(read("src/ts/version.ts"))?.[1],
    ...Object.fromEntries(ofCargo.map(([, name, its]) => [`Cargo.lock, ${name}`, its])),
    ...Object.fromEntries(platforms.map((platform) => [`${platform.folder}/package.json`, committed(platform)])),
    ...(tag === undefined ? {} : { "the tag": tag.replace(/^v/, "") }),
  };
  for (const [where, its] of Object.entries(found)) {
    if (its !== version) yield `${where} says ${its}, and package.json ${version}`;
  }
}

/** The version in a platform's manifest, if the rest of it is right too. */
function committed(platform) {
  const text = read(`${platform.folder}/package.json`);
  const right = text === `${JSON.stringify(manifestOf(platform), null, 2)}\n`;
  return right ? JSON.parse(text).version : "something else: run `node scripts/platforms.mjs`";
}

function* changelog(version, tag, date) {
  const [, newest, said, text] = /^## (\S+) \((.+?)\)\n\n(.+?)(?=^## |$(?![\s\S]))/ms.exec(read("CHANGELOG.md")) ?? [];
  if (newest !== version) yield `CHANGELOG.md begins with ${newest}, and this is ${version}`;
  else if (!/^- /m.test(text)) yield `CHANGELOG.md says nothing about ${version}`;
  const due = date.toISOString().slice(0, 10);
  if (tag !== undefined && said !== due) yield `CHANGELOG.md dates ${version} "${said}", and it is ${due}`;
}

function* floor(date) {
  const [, millis] =
    /RELEASED: Timestamp = Timestamp::from_unix_millis\(([\d_]+)\)/.exec(read("crates/core/src/calendar.rs")) ?? [];
  if (millis === undefined) return yield "calendar::RELEASED is not where it was";
  const released = Number(millis.replaceAll("_", ""));
  const days = (date.getTime() - released) / DAY_MS;
  const is = new Date(released).toISOString().slice(0, 10);
  if (days < 0)
    yield `calendar::RELEASED is ${is}, which is after the release: a clock that is right would not be believed`;
  if (days > FLOOR_DAYS)
    yield `calendar::RELEASED is ${is}, ${Math.floor(days)} days before the release: raise it (at most ${FLOOR_DAYS})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { tag: { type: "string" }, date: { type: "string" } } });
  const date = values.date === undefined ? new Date() : new Date(`${values.date}T00:00:00Z`);
  const found = problems({ tag: values.tag, date });
  for (const problem of found) console.error(`release: ${problem}`);
  if (found.length === 0) console.log(`release: ${rootManifest.version} may go out`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
