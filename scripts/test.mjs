// Runs every check in turn and ends with the sum: `N passed, N failed`. A check that fails does not stop the others,
// unless nothing after it could run. What any of them prints must not hold a secret of the testbed.
//
// The steps of other machines need what not every machine can download. Where it is not to be had they are skipped, and say why; a
// build or a test that fails is a failure.

import { spawn } from "node:child_process";

const ARM = ["aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf"].join(" ");
const DOWNLOADS = "ARM: downloads";
const ADDONS = "ARM: addons, floors, sizes";

/**
 * `needed`: nothing after it can run without it. `after`: it is skipped unless that step passed. `early`: started at once, beside the
 * first steps, its output shown in its turn. `optional`: an exit code of 3 says that something is not to be had here.
 */
const steps = [
  { name: "format: JavaScript, lint, floors of src/ts", command: "npx biome check --error-on-warnings ." },
  { name: "format: Rust", command: "cargo fmt --all --check" },
  { name: "lint: Rust", command: "cargo clippy --quiet --workspace --all-targets --locked -- -D warnings" },
  { name: "build: addon", command: "npm run --silent build:native:release", needed: true },
  { name: "size of the addon", command: "node scripts/size.mjs --check" },
  { name: "build: TypeScript", command: "npm run --silent build:js", needed: true },
  { name: "platform packages: snapshot", command: "node scripts/platforms.mjs --check" },
  { name: "public types: snapshot", command: "node scripts/rollup-types.mjs --check" },
  { name: "flags of the command line: snapshot", command: "node scripts/cli-flags.mjs --check" },
  { name: "public types: what compiles and what must not", command: "npx tsc -p __test__/types/tsconfig.json" },
  { name: "public types: without those of Node", command: "npx tsc -p __test__/types-bare/tsconfig.json" },
  { name: "generated declarations: snapshot", command: "git diff --exit-code --stat -- src/ts/binding.d.ts" },
  { name: "cargo test", command: "cargo test --quiet --workspace --locked --no-fail-fast", count: countCargo },
  {
    name: "fuzz: MQTT codec and machine",
    command: "npm run --silent fuzz -- 15",
    count: countCargo,
  },
  { name: "mutants of the refresh machine", command: "node scripts/mutants.mjs", count: countSum },
  {
    // Waited for before what depends on the time.
    name: DOWNLOADS,
    command: "scripts/cross.sh --fetch && scripts/qemu.sh arm64 --fetch && scripts/qemu.sh armv7 --fetch",
    early: true,
    optional: true,
  },
  { name: "ava", command: "npx ava", count: countAva },
  { name: ADDONS, command: `scripts/cross.sh ${ARM}`, after: DOWNLOADS },
  { name: "ARM: ava, arm64", command: "scripts/qemu.sh arm64 --short", after: ADDONS, count: countAva },
  { name: "ARM: ava, armv7", command: "scripts/qemu.sh armv7 --short", after: ADDONS, count: countAva },
];

/** What a script exits with when something is not to be had here, and its last line says what. */
const UNAVAILABLE = 3;

/** The secrets of the testbed all begin like this. */
const canary = /canary(SECRET|TOKEN)|canary-(pin|passphrase)-/;

const good = new Set();
let passed = 0;
let failed = 0;
let skipped = 0;

const early = new Map(
  steps.filter((step) => step.early).map(({ name, command }) => [name, run(command, { quiet: true })]),
);

for (const { name, command, count, needed, after, optional } of steps) {
  if (after !== undefined && !good.has(after)) {
    skipped++;
    console.log(`\n== ${name}: SKIPPED, because of "${after}"`);
    continue;
  }
  console.log(`\n== ${name}: ${command}`);
  const started = performance.now();
  const { output, code } = await (early.get(name) ?? run(command));
  if (early.has(name)) process.stdout.write(output);
  const ok = code === 0;
  const missing = optional && code === UNAVAILABLE;
  const counted = (missing ? undefined : count?.(output)) ?? { passed: 0, failed: 0, skipped: 0 };
  // A runner that ended badly without naming a failed test is a failure of its own.
  if (missing) counted.skipped++;
  else if (count === undefined) counted[ok ? "passed" : "failed"]++;
  else if (!ok && counted.failed === 0) counted.failed++;
  const leak = output.split("\n").findIndex((line) => canary.test(line));
  if (leak !== -1) {
    counted.failed++;
    console.log(`== ${name}: a secret is in line ${leak + 1} of what it printed`);
  }
  passed += counted.passed;
  failed += counted.failed;
  skipped += counted.skipped;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const outcome = counted.failed > 0 ? "FAILED" : missing ? "SKIPPED" : "ok";
  console.log(`== ${name}: ${outcome} in ${seconds} s${missing ? `: ${output.trim().split("\n").at(-1)}` : ""}`);
  if (outcome === "ok") good.add(name);
  if (!ok && needed) break;
}

console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 ? 0 : 1;

function run(command, { quiet = false } = {}) {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", CARGO_TERM_COLOR: "never", CI: "1" };
    const child = spawn(command, { shell: true, stdio: ["ignore", "pipe", "pipe"], env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
        if (!quiet) process.stdout.write(chunk);
      });
    }
    child.on("close", (code) => resolve({ output, code }));
  });
}

function countCargo(output) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [, ok, bad, ignored] of output.matchAll(/^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored;/gm)) {
    total.passed += Number(ok);
    total.failed += Number(bad);
    total.skipped += Number(ignored);
  }
  return total;
}

/** A runner of our own ends as this one does. */
function countSum(output) {
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
  return { passed: Number(passed), failed: Number(failed), skipped: 0 };
}

function countAva(output) {
  const number = (pattern) => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    // With a failure ava sums up only those.
    passed: number(/^\s*(\d+) tests? passed$/m) || output.match(/^\s*✔ /gm)?.length || 0,
    failed:
      number(/^\s*(\d+) tests? failed$/m) +
      number(/^\s*(\d+) uncaught exceptions?$/m) +
      number(/^\s*(\d+) unhandled rejections?$/m),
    skipped: number(/^\s*(\d+) tests? skipped$/m) + number(/^\s*(\d+) tests? todo$/m),
  };
}
