// What loading the package costs: file size, time of `require`, resident memory over a bare Node.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { barOf, megabytes } from "../scripts/size.mjs";
import { median, table } from "./measure.mjs";

const run = promisify(execFile);
const loads = 15;

const probe = (load) => `
  const cpuBefore = process.cpuUsage();
  const started = process.hrtime.bigint();
  ${load};
  const spent = Number(process.hrtime.bigint() - started) / 1e6;
  const { user, system } = process.cpuUsage(cpuBefore);
  const rss = process.memoryUsage().rss / 2 ** 20;
  process.stdout.write(JSON.stringify({ spent, cpu: (user + system) / 1e3, rss }));
  process.exit(0);
`;

export async function benchWeight() {
  const bare = await measure("");
  const ours = await measure('require("refresh-session")');
  const crt = existsSync(".cache/peers/node_modules/aws-crt")
    ? await measure('require("./.cache/peers/node_modules/aws-crt")')
    : undefined;
  const row = (name, { spent, cpu, rss }, bar) => [
    name,
    `${spent.toFixed(1)} ms`,
    `${cpu.toFixed(1)} ms`,
    `+${(rss - bare.rss).toFixed(1)} MiB`,
    bar,
  ];
  table(
    "Start",
    ["Package", "`require`", "CPU, all threads", "RSS over bare Node", "bar"],
    [row("refresh-session", ours, "≤ 8 ms, ≤ +5 MiB"), ...(crt === undefined ? [] : [row("aws-crt 1.33", crt, "")])],
  );
  table(
    "Native file",
    ["File", "size", "bar"],
    [
      ...readdirSync(".")
        .filter((file) => file.endsWith(".node"))
        .map((file) => [file, megabytes(statSync(file).size), `≤ ${megabytes(barOf(file))}`]),
    ],
  );
}

async function measure(load) {
  const samples = [];
  for (let i = 0; i < loads; i++) samples.push(JSON.parse((await run(process.execPath, ["-e", probe(load)])).stdout));
  const middle = (name) => median(samples.map((sample) => sample[name]));
  return { spent: middle("spent"), cpu: middle("cpu"), rss: middle("rss") };
}
