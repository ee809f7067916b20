// Breaks the refresh machine on purpose, one way at a time, and sees whether its tests notice. A mutant is caught when
// it compiles and a test fails. One line for each, with the runner that caught it; the last line is the sum.
//
// The broken copies live in `target/mutants`: the working tree is never touched. `node scripts/mutants.mjs pause`
// takes only those with `pause` in their name.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const base = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "mutants");
const refresh = "crates/refresh/src";

/** In this order; the first that fails ends the matter. */
const runners = [
  { name: "simulation", command: "cargo test --quiet --offline -p refresh-session-refresh --test simulation" },
  { name: "scenarios", command: "cargo test --quiet --offline -p refresh-session-refresh --test scenarios" },
  { name: "unit tests", command: "cargo test --quiet --offline -p refresh-session-refresh --lib" },
];

/**
 * Two copies side by side, for two cores. Each builds into a directory of its own: cargo tells packages apart by their
 * place in the workspace, so that two copies in one directory would run each other's tests.
 */
const workers = 2;

const mutants = [
  // The eight every machine of this kind has to be safe from.
  {
    name: "no pause after a failure",
    file: "machine/reading.rs",
    find: "filter(|pause| now < pause.reads_until)",
    replace: "filter(|pause| now < pause.reads_until && now < BootTime::default())",
  },
  {
    name: "a failure drops the keys",
    file: "machine/landing.rs",
    find: "self.failures.total += 1;",
    replace: "self.failures.total += 1; self.held = None;",
  },
  {
    name: "a reply that is over is installed",
    file: "machine/landing.rs",
    find: "end.remaining_at(date).ok_or_else(|| over(end, date))?",
    replace: "end.remaining_at(date).ok_or_else(|| over(end, date)).unwrap_or(Duration::from_mins(1))",
  },
  {
    name: "any id invalidates",
    file: "machine/mod.rs",
    find: "is_some_and(|held| held.identity.access_key_id == access_key_id)",
    replace: "is_some_and(|_| !access_key_id.is_empty())",
  },
  {
    name: "invalidation ends the pause",
    file: "machine/mod.rs",
    find: "self.forced |= ours && !self.closed;",
    replace: "self.forced |= ours && !self.closed; if ours { self.pause = None; }",
  },
  {
    name: "a second fetch beside the first",
    file: "machine/mod.rs",
    find: "if self.flight.is_some() {\n            return;\n        }\n        self.fetches += 1;",
    replace: "self.fetches += 1;",
  },
  {
    name: "the wall clock judges replies",
    file: "machine/landing.rs",
    find: ".unwrap_or_else(|| minus(wall, now.since(issued.at)));",
    replace: ".map_or_else(|| minus(wall, now.since(issued.at)), |_| minus(wall, now.since(issued.at)));",
  },
  {
    name: "what an attempt given up brings is accepted",
    file: "machine/landing.rs",
    find: "self.flight.as_ref().filter(|flight| flight.id == id).map(",
    replace: "self.flight.as_ref().filter(|flight| flight.id == id || id.0 > 0).map(",
  },
  // Others.
  {
    name: "keys that a service has refused are welcome again",
    file: "machine/landing.rs",
    find: "if self.forced && before.is_some_and(|before| !ends_later(before, &held)) {",
    replace: "if self.forced && before.is_some_and(|before| before.generation == 0) {",
  },
  {
    name: "what comes after the deadline is accepted",
    file: "machine/landing.rs",
    find: "Some(Some(deadline)) if now <= deadline =>",
    replace: "Some(Some(deadline)) if now <= deadline || now > deadline =>",
  },
  {
    name: "an older reply replaces a newer one",
    file: "machine/landing.rs",
    find: "before.is_some_and(|before| ends_earlier(before, &held))",
    replace: "before.is_some_and(|before| ends_earlier(before, &held) && before.generation == 0)",
  },
  {
    name: "any life is believed",
    file: "machine/landing.rs",
    find: "life.min(self.settings.longest_life)",
    replace: "life.min(Duration::MAX)",
  },
  {
    name: "Retry-After is ignored",
    file: "machine/landing.rs",
    find: "asked.filter(|_| policy.retry_after)",
    replace: "asked.filter(|_| policy.retry_after && policy.name.is_empty())",
  },
  {
    name: "a forced refresh ignores Retry-After",
    file: "machine/reading.rs",
    find: "filter(|pause| now < pause.asked_until)",
    replace: "filter(|pause| now < pause.asked_until && now < BootTime::default())",
  },
  {
    name: "pauses outlive the keys",
    file: "machine/landing.rs",
    find: "delay.draw_within(earlier, left, share, &mut self.rng)",
    replace: "delay.draw(earlier + u32::from(left.is_zero() && share == 0), &mut self.rng)",
  },
  {
    name: "the first failure without keys holds callers",
    file: "machine/landing.rs",
    find: "policy.holds_callers && earlier > 0",
    replace: "policy.holds_callers",
  },
  {
    name: "a success does not end the pause",
    file: "machine/landing.rs",
    find: "self.pause = None;\n        self.refusal = None;",
    replace: "self.refusal = None;",
  },
  {
    name: "a success does not end the doubling of pauses",
    file: "machine/landing.rs",
    find: "self.failures.with_keys = 0;",
    replace: "",
  },
  {
    name: "keys stay refused after a success",
    file: "machine/landing.rs",
    find: "self.forced = false;",
    replace: "",
  },
  {
    name: "keys are served after their end by any source",
    file: "settings.rs",
    find: "self.policy.past_expiry && self.extends",
    replace: "self.policy.past_expiry",
  },
  {
    name: "a change ends every pause",
    file: "machine/mod.rs",
    find: "filter(|pause| pause.cause == Cause::Unreachable)",
    replace: "filter(|pause| pause.cause != Cause::Denied)",
  },
  {
    name: "the timer ignores pauses",
    file: "machine/timing.rs",
    find: "due.max(pause).max(refusal)",
    replace: "due.max(pause.min(due)).max(refusal)",
  },
  {
    name: "a fetch has no deadline",
    file: "machine/mod.rs",
    find: "deadline: Some(now.after(self.settings.fetch_limit))",
    replace: "deadline: Some(now.after(self.settings.fetch_limit * 100))",
  },
  {
    name: "a caller's deadline is ignored",
    file: "machine/timing.rs",
    find: "self.waiters.take_due(now)",
    replace: "self.waiters.take_due(now.before(std::time::Duration::from_secs(1)))",
  },
  {
    name: "callers are forgotten at close",
    file: "machine/mod.rs",
    find: "self.answer(ticket, Err(closed()));",
    replace: "let _ = ticket;",
  },
  {
    name: "a caller who gave up is answered",
    file: "machine/mod.rs",
    find: "self.waiters.remove(ticket);",
    replace: "let _ = ticket;",
  },
  {
    name: "a view outlives the fresh zone",
    file: "machine/report.rs",
    find: "Zone::Fresh => held.refresh_at,",
    replace: "Zone::Fresh => held.ends_at(),",
  },
  {
    name: "a view outlives the keys",
    file: "machine/report.rs",
    find: "Zone::Advisory | Zone::Mandatory => paused_until.min(held.ends_at()),",
    replace: "Zone::Advisory | Zone::Mandatory => paused_until,",
  },
  {
    name: "the life counts from the arrival of the reply",
    file: "machine/landing.rs",
    find: "Held::new(issued.identity, generation, issued.at, life,",
    replace: "Held::new(issued.identity, generation, now, life,",
  },
  {
    name: "nothing keeps two attempts apart",
    file: "delay.rs",
    find: "between(Duration::ZERO, longest, rng).max(FLOOR)",
    replace: "between(Duration::ZERO, longest, rng)",
  },
  {
    name: "the timer refreshes at the last moment",
    file: "machine/timing.rs",
    find: "Some(held) if self.eager() && !self.wants_others() => held.refresh_at,",
    replace: "Some(held) if self.eager() && !self.wants_others() => held.mandatory_at(),",
  },
  {
    name: "no spread of refreshes",
    file: "held.rs",
    find: "earliest.after(between(Duration::ZERO, latest, rng))",
    replace: "earliest.after(between(Duration::ZERO, latest, rng) / 1000)",
  },
  {
    name: "callers do not wait for the startup jitter",
    file: "machine/reading.rs",
    find: "self.settings.startup_holds_callers && now < self.starts_at",
    replace: "self.settings.startup_holds_callers && now < BootTime::default()",
  },
  {
    name: "no spread after a resume",
    file: "machine/mod.rs",
    find: "SPREAD_OF_TIMERS.min(left / 10)",
    replace: "SPREAD_OF_TIMERS.min(left / 10) / 1000",
  },
];

const asked = process.argv[2];
const chosen = mutants.filter(({ name }) => asked === undefined || name.includes(asked));
const started = performance.now();
for (const mutant of chosen) mutated(mutant);

const first = prepare(0);
const broken = await firstFailure(first, runners);
if (broken !== undefined) {
  console.log(broken.output);
  console.log(`the machine as it is fails: ${broken.runner.name}`);
  process.exit(1);
}
console.log(`as it is: passes in ${seconds()} s`);

let passed = 0;
const queue = [...chosen];
const places = [first, ...Array.from({ length: workers - 1 }, (_, index) => prepare(index + 1))];
await Promise.all(places.map(work));
console.log(`in ${seconds()} s`);
console.log(`${passed} passed, ${chosen.length - passed} failed`);
process.exitCode = passed === chosen.length ? 0 : 1;

async function work(place) {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const file = join(place, refresh, mutant.file);
    const original = readFileSync(file, "utf8");
    writeFileSync(file, mutated(mutant));
    const caught = await firstFailure(place, runners);
    writeFileSync(file, original);
    const compiles = caught === undefined || !/error: could not compile|^error\[E/m.test(caught.output);
    if (caught !== undefined && compiles) {
      passed++;
      console.log(`caught: ${mutant.name}: by the ${caught.runner.name}${reason(caught.output)}`);
    } else {
      console.log(`${compiles ? "SURVIVED" : `DOES NOT COMPILE\n${caught.output}\n`}: ${mutant.name}`);
    }
  }
}

/** A place with the machine, what it needs, and a workspace of only these. */
function prepare(index) {
  const place = join(base, `copy-${index}`);
  rmSync(join(place, "crates"), { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const path of ["Cargo.lock", "clippy.toml", "docs/refresh.md", "crates/core", "crates/refresh"]) {
    // What is never mutated keeps its times, so that it is not built again. The machine is: a run that was interrupted
    // has left a mutant's build behind, newer than the original.
    cpSync(join(root, path), join(place, path), { recursive: true, preserveTimestamps: path !== "crates/refresh" });
  }
  const manifest = readFileSync(join(root, "Cargo.toml"), "utf8");
  const workspace = manifest.slice(0, manifest.indexOf("\n[package]\n"));
  const lints = manifest.slice(manifest.indexOf("[workspace.lints.rust]"), manifest.indexOf("\n[profile."));
  writeFileSync(join(place, "Cargo.toml"), `${workspace}\n${lints}`);
  const target = join(place, "target");
  // What all have in common is built once.
  if (index > 0 && !existsSync(target)) {
    cpSync(join(first, "target"), target, { recursive: true, preserveTimestamps: true });
  }
  return place;
}

function mutated({ name, file, find, replace }) {
  const text = readFileSync(join(root, refresh, file), "utf8");
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${name}: found ${parts.length - 1} times in ${file}, not once: ${find}`);
  return parts.join(replace);
}

async function firstFailure(place, all) {
  for (const runner of all) {
    const { ok, output } = await run(place, runner.command);
    if (!ok) return { runner, output };
  }
  return undefined;
}

function run(cwd, command) {
  return new Promise((done) => {
    const env = {
      ...process.env,
      CARGO_TARGET_DIR: join(cwd, "target"),
      // Nothing is debugged here: a third of the time to build.
      CARGO_PROFILE_DEV_DEBUG: "0",
      RUSTFLAGS: "-Awarnings",
      RUST_BACKTRACE: "0",
    };
    const child = spawn(command, { shell: true, cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    child.on("close", (code) => done({ ok: code === 0, output }));
  });
}

/** The promise that was broken, or the first test that failed. */
function reason(output) {
  const promise = /invariant \d+ \(\w+\)/.exec(output)?.[0];
  const test = /^---- (.+?)(?: stdout)? ----$/m.exec(output)?.[1];
  const found = promise ?? test;
  return found === undefined ? "" : ` (${found})`;
}

function seconds() {
  return ((performance.now() - started) / 1000).toFixed(1);
}
