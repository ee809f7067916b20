/** `statusDetails` as AWS takes them. */

import type { JobDetails } from "../mqtt/aws/jobTypes";
import { invalid, optionsObject, quoted, refused } from "./check";

const MOST = 10;

/** In characters; what is longer is cut. */
const LONGEST = 1024;

/** Checks names and their number; texts are cut, and put on one line. */
export function parseDetails(details: unknown): Record<string, string> | undefined {
  if (details === undefined) return undefined;
  const given = Object.entries(optionsObject(details, "statusDetails") as JobDetails);
  if (given.length > MOST) throw refused("statusDetails", `has ${given.length} fields: there may be ${MOST}`);
  return Object.fromEntries(
    given.map(([name, value]) => {
      if (!/^[\w:-]{1,128}$/.test(name)) {
        throw refused(
          "statusDetails",
          `has a field ${quoted(name)}: letters, digits, \`:\`, \`_\` and \`-\` are allowed`,
        );
      }
      if (!["string", "number", "boolean"].includes(typeof value)) {
        throw invalid(`statusDetails.${name}`, value, "a string, number or boolean");
      }
      return [name, cut(String(value))];
    }),
  );
}

/** What was thrown, for `statusDetails`. */
export function thrownDetails(thrown: unknown): Record<string, string> {
  return { error: cut(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)) };
}

/** Without control characters and not empty, which AWS refuses. */
function cut(text: string): string {
  const line = text.replaceAll(/\p{C}+/gu, " ");
  const short = line.length > LONGEST ? `${line.slice(0, LONGEST - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
  return short === "" ? "-" : short;
}
