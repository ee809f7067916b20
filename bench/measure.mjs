// Small statistics, and the two ways of measuring that every row uses.

/** The middle value. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Milliseconds of one call. */
export async function timed(call) {
  const started = performance.now();
  await call();
  return performance.now() - started;
}

/**
 * Medians of several contestants, in milliseconds. They take turns, so that whatever slows the machine down for a
 * while slows all of them down.
 */
export async function takeTurns(contestants, { rounds, warmUp = 20 }) {
  const names = Object.keys(contestants);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const spent = await timed(contestants[name]);
      if (round >= 0) times[name].push(spent);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}

export const ms = (value) => (value === undefined ? "-" : `${value.toFixed(2)} ms`);
export const us = (value) => (value === undefined ? "-" : `${(value * 1000).toFixed(2)} µs`);
export const ratio = (ours, theirs) => (ours === undefined || theirs === undefined ? "-" : (ours / theirs).toFixed(2));

/** Prints a Markdown table. */
export function table(title, header, rows) {
  console.log(`\n### ${title}\n`);
  console.log(`| ${header.join(" | ")} |`);
  console.log(`|${header.map(() => "---").join("|")}|`);
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
}
