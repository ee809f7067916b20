// Runs every check in turn and ends with the sum: `N passed, N failed`. A check that fails does not stop the others,
// unless nothing after it could run. What any of them prints must not hold a secret of the testbed.

import { spawn } from "node:child_process";

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
  { name: "ava", command: "npx ava", count: countAva },
];

/** The secrets of the testbed all begin like this. */
const canary = /canary(SECRET|TOKEN)|canary-(pin|passphrase)-/;

let passed = 0;
let failed = 0;
let skipped = 0;

for (const { name, command, count, needed } of steps) {
  console.log(`\n== ${name}: ${command}`);
  const started = performance.now();
  const { output, ok } = await run(command);
  const counted = count?.(output) ?? { passed: 0, failed: 0, skipped: 0 };
  // A runner that ended badly without naming a failed test is a failure of its own.
  if (count === undefined) counted[ok ? "passed" : "failed"]++;
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
  console.log(`== ${name}: ${counted.failed === 0 ? "ok" : "FAILED"} in ${seconds} s`);
  if (!ok && needed) break;
}

console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 ? 0 : 1;

function run(command) {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", CARGO_TERM_COLOR: "never", CI: "1" };
    const child = spawn(command, { shell: true, stdio: ["ignore", "pipe", "pipe"], env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
        process.stdout.write(chunk);
      });
    }
    child.on("close", (code) => resolve({ output, ok: code === 0 }));
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
