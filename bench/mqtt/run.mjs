// `node bench/mqtt/run.mjs`: our MQTT connection beside aws-crt and mqtt on one mosquitto. Options: bench/README.md.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { hasBroker } from "./broker.mjs";
import { measure } from "./contest.mjs";
import { isInstalled } from "./peers.mjs";
import { clientsTable, machine, publishTable, receiveTable, reconnectTable } from "./tables.mjs";

const readme = new URL("../README.md", import.meta.url);
const number = (name) => Number(values[name]);
const list = (name) => values[name].split(",");

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "publish,receive,clients,reconnect" },
    libraries: { type: "string", default: "ours,aws-crt,mqtt" },
    counts: { type: "string", default: "10000,50000" },
    "receive-count": { type: "string", default: "10000" },
    "in-flight": { type: "string", default: "100" },
    bytes: { type: "string", default: "256" },
    "idle-seconds": { type: "string", default: "10" },
    "reconnect-clients": { type: "string", default: "50" },
    "down-seconds": { type: "string", default: "5" },
    runs: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});

if (!hasBroker()) {
  console.error("mosquitto is not installed (Debian: mosquitto): nothing to measure with");
  process.exit(1);
}
const runs = number("runs");
const bytes = number("bytes");
const libraries = list("libraries").filter((library) => library === "ours" || isInstalled(library));
const rows = {
  publish: async () => {
    const bare = await takeTurns("bare", {}, ["bare"]);
    const found = [];
    for (const count of list("counts").map(Number)) {
      const inFlight = number("in-flight");
      found.push([count, await takeTurns("publish", { count, bytes, inFlight })]);
    }
    return found.map(([count, runs]) => publishTable(count, { ...runs, ...bare })).join("\n");
  },
  receive: async () => {
    const count = number("receive-count");
    return receiveTable(count, await takeTurns("receive", { count, bytes }));
  },
  clients: async () => {
    const idleSeconds = number("idle-seconds");
    return clientsTable(idleSeconds, await takeTurns("clients", { idleSeconds }));
  },
  reconnect: async () => {
    const options = { clients: number("reconnect-clients"), downSeconds: number("down-seconds") };
    return reconnectTable(options, await takeTurns("reconnect", options));
  },
};

const loadBefore = loadavg()[0];
const tables = [];
for (const row of list("rows")) {
  const text = await rows[row]();
  console.log(text);
  tables.push(text);
}
const where = machine(cpus(), loadBefore, runs);
console.log(where);
if (values.write) writeReadme([where, ...tables].join("\n"));

/** Every run of every library, in turns, so that what slows the machine down for a while slows all of them down. */
async function takeTurns(row, options, contestants = libraries) {
  const found = Object.fromEntries(contestants.map((library) => [library, []]));
  for (let run = 0; run < runs; run++) {
    for (const library of contestants) found[library].push(await measure(library, row, options));
  }
  return found;
}

/** The figures stand between two marks; what is written around them stays. */
function writeReadme(text) {
  const [begin, end] = ["<!-- mqtt figures -->", "<!-- end of mqtt figures -->"];
  const old = readFileSync(readme, "utf8");
  const [head, rest] = old.split(begin);
  const tail = rest.split(end)[1];
  writeFileSync(readme, `${head}${begin}\n\n${text.trim()}\n\n${end}${tail}`);
}
