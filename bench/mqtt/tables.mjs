// The figures as Markdown. Each takes `{ library: [result of a run, …] }`.

import { median } from "../measure.mjs";

const names = { ours: "refresh-session", "aws-crt": "aws-crt 1.33 Mqtt5Client", mqtt: "mqtt 5.16", bare: "bare Node" };
const bucketEnds = [1, 2, 4, 8, 16, 32, 64, Number.POSITIVE_INFINITY];
const crowdMs = 100;

export function publishTable(count, { bare, ...runs }) {
  const figures = medians(runs);
  const crt = figures["aws-crt"];
  const [bareRun] = Object.values(medians({ bare }));
  const rows = Object.entries(figures).map(([library, found]) => [
    names[library],
    rate(found.rate),
    times(found.rate, crt?.rate),
    times(found.rate, figures.mqtt?.rate),
    `${found.p50.toFixed(2)} / ${found.p99.toFixed(2)}`,
    found.cpuUs.toFixed(1),
    times(found.cpuUs, crt?.cpuUs),
    times(found.cpuUs, figures.mqtt?.cpuUs),
    `${found.rssMiB.toFixed(0)} (${found.peakMiB.toFixed(0)})`,
    found.readyMs.toFixed(0),
    Number.isFinite(found.goneMs) ? Math.max(0, found.goneMs - bareRun.goneMs).toFixed(0) : "never",
  ]);
  const bars = ["bar", "", "≥ 1.25", "", "", "", "≤ 0.8", "", "≤ 60", "", "0"];
  return table(
    `QoS 1, ${count.toLocaleString("en-US")} messages`,
    [
      "",
      "msg/s",
      "÷ aws-crt",
      "÷ mqtt",
      "p50 / p99 ms",
      "CPU µs per message",
      "÷ aws-crt",
      "÷ mqtt",
      "RSS MiB (peak)",
      "require + connect ms",
      "exit delay ms",
    ],
    [...rows, bars],
  );
}

export function receiveTable(count, runs) {
  const figures = medians(runs);
  const crt = figures["aws-crt"];
  return table(
    `Receiving, QoS 1, ${count.toLocaleString("en-US")} messages to a handler`,
    ["", "msg/s", "÷ aws-crt", "÷ mqtt", "CPU µs per message", "÷ aws-crt", "÷ mqtt"],
    Object.entries(figures).map(([library, found]) => [
      names[library],
      rate(found.rate),
      times(found.rate, crt?.rate),
      times(found.rate, figures.mqtt?.rate),
      found.cpuUs.toFixed(1),
      times(found.cpuUs, crt?.cpuUs),
      times(found.cpuUs, figures.mqtt?.cpuUs),
    ]),
  );
}

export function clientsTable(idleSeconds, runs) {
  return table(
    "Many connections in one process",
    [
      "",
      "RSS before, MiB",
      "10 clients",
      "100 clients",
      "KiB per client (11th to 100th)",
      `CPU of 100 idle for ${idleSeconds} s`,
    ],
    Object.entries(medians(runs)).map(([library, found]) => [
      names[library],
      found.bareMiB.toFixed(0),
      found.rss10MiB.toFixed(0),
      found.rss100MiB.toFixed(0),
      (((found.rss100MiB - found.rss10MiB) / 90) * 1024).toFixed(0),
      `${found.idleMs.toFixed(1)} ms`,
    ]),
  );
}

/** All runs together: what matters is how many come at the same time. */
export function reconnectTable({ clients, downSeconds }, runs) {
  const heads = bucketEnds.map((end, index) => {
    const from = index === 0 ? 0 : bucketEnds[index - 1];
    return Number.isFinite(end) ? `${from}–${end} s` : `> ${from} s`;
  });
  return table(
    `${clients} clients, the broker killed and back after ${downSeconds} s: when they are back (share of clients)`,
    ["", ...heads, "last, s", `most within ${crowdMs} ms`],
    Object.entries(runs).map(([library, found]) => {
      const all = found.flatMap(({ backMs }) => backMs);
      return [
        names[library],
        ...buckets(all).map((count) => (count === 0 ? "" : `${Math.round((count / all.length) * 100)} %`)),
        (Math.max(...all) / 1000).toFixed(1),
        `${Math.max(...found.map(({ backMs }) => crowd(backMs)))} of ${clients}`,
      ];
    }),
  );
}

export function machine(processors, load, runs) {
  const where = `${process.platform} ${process.arch}, ${processors.length} × ${processors[0].model}`;
  return `\nNode ${process.version}, ${where}; load before the run ${load.toFixed(1)}; medians of ${runs}.`;
}

/** Of every number that the runs of a library found. */
function medians(runs) {
  return Object.fromEntries(
    Object.entries(runs).map(([library, found]) => [
      library,
      Object.fromEntries(Object.keys(found[0]).map((name) => [name, median(found.map((run) => run[name]))])),
    ]),
  );
}

function buckets(allMs) {
  return bucketEnds.map((end, index) => {
    const from = index === 0 ? 0 : bucketEnds[index - 1];
    return allMs.filter((ms) => ms / 1000 >= from && ms / 1000 < end).length;
  });
}

/** The most that came within `crowdMs` of one another. */
function crowd(allMs) {
  return Math.max(...allMs.map((start) => allMs.filter((ms) => ms >= start && ms < start + crowdMs).length));
}

const rate = (perSecond) => `${(perSecond / 1000).toFixed(1)}k`;
const times = (ours, theirs) => (theirs === undefined ? "-" : (ours / theirs).toFixed(2));

function table(title, header, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return ["", `### ${title}`, "", line(header), `|${header.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
