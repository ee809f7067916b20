/** What can be looked at without the network and without the token: files, clock, dates of the certificate. */

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { othersRead, shownMode } from "../files";
import { isPath, type Options, pathRows } from "../flags";
import type { Report } from "./report";

/** No device that knows the time is older than this package. */
const EARLIEST = Date.UTC(2020, 0, 1);
const DAY_MS = 86_400_000;
const WARNING_DAYS = 30;
/** Services refuse signatures that are more than five minutes off; a `Date` is good to a second. */
const TOLERATED_MS = 30_000;
const TOO_FAR_MS = 300_000;

/** Files that options name: whether they are there stands in an error of the session; here, who else reads the key. */
export function lookAtFiles(options: Options, report: Report): void {
  const named = pathRows.filter((row) => row.path.length === 1 && isPath(row, options[row.path[0] ?? ""]));
  for (const {
    path: [name = ""],
  } of named.filter(({ flag }) => flag.endsWith("key"))) {
    const path = String(options[name]);
    const stats = statSync(path);
    if (!othersRead(stats)) continue;
    const found = `${path} has mode ${shownMode(stats.mode)}: others than its owner can use the private key`;
    report.warn("files", found, `Run \`chmod 600 ${path}\` as its owner.`);
  }
  const listed = named.map(({ path: [name = ""] }) => `${name} ${String(options[name])}`);
  report.ok("files", listed.length === 0 ? "none are named" : listed.join(", "));
}

/** The wall clock, as far as it can be judged alone. */
export function lookAtClock(report: Report): void {
  const now = Date.now();
  const shown = new Date(now).toISOString();
  if (now >= EARLIEST) {
    report.ok("clock", shown);
    return;
  }
  const todo =
    "No certificate is valid at that date. Set the clock (`timedatectl`, NTP, the modem's time) before anything else; a device without a real-time clock needs that at every start.";
  report.fail("clock", `it says ${shown}: this device does not know the time`, todo);
}

/** The wall clock beside the server's. */
export function compareClocks(offsetMs: number | undefined, report: Report): void {
  if (offsetMs === undefined) return;
  const seconds = Math.abs(Math.round(offsetMs / 1000));
  const beside =
    seconds === 0 ? "as the server's" : `${seconds} s ${offsetMs > 0 ? "behind" : "ahead of"} the server's`;
  const found = `${new Date(Date.now()).toISOString()}, ${beside}`;
  if (Math.abs(offsetMs) <= TOLERATED_MS) {
    report.ok("clock", found);
    return;
  }
  const others = Math.abs(offsetMs) > TOO_FAR_MS ? ": AWS refuses what other programs sign with it" : "";
  report.warn("clock", `${found}${others}`, "Set the clock, by NTP for example. The session itself does not need it.");
}

/** The dates of a certificate that is given as a file or as text. */
export function lookAtCertificate(options: Options, report: Report): void {
  const text = certificateText(options);
  if (text === undefined) {
    report.skip("certificate", "not in a file");
    return;
  }
  try {
    const { validFrom, validTo, subject } = new X509Certificate(text);
    judge(subject.replaceAll("\n", ", "), Date.parse(validFrom), Date.parse(validTo), report);
  } catch {
    // The session has parsed it: something stands before the first certificate, say.
    report.skip("certificate", "its dates could not be read");
  }
}

function certificateText({ certificate }: Options): string | Buffer | undefined {
  const row = pathRows.find(({ flag }) => flag === "certificate");
  if (row === undefined || typeof certificate !== "string") return undefined;
  return isPath(row, certificate) ? readFileSync(certificate) : certificate;
}

/** The end of the certificate in use, where only that is known. */
export function lookAtExpiry(notAfter: Date | undefined, report: Report): void {
  if (notAfter !== undefined) judge("the one in the token", 0, notAfter.getTime(), report);
}

function judge(name: string, notBefore: number, notAfter: number, report: Report): void {
  const now = Date.now();
  const [from, to] = [notBefore, notAfter].map((time) => new Date(time).toISOString());
  const clock = "If the clock above is wrong, set that.";
  if (now > notAfter) {
    report.fail("certificate", `${name}: it expired at ${to}`, `Issue a new one. ${clock}`);
  } else if (now < notBefore) {
    report.fail("certificate", `${name}: it is valid from ${from} on, which is not yet`, clock);
  } else if (notAfter - now < WARNING_DAYS * DAY_MS) {
    const days = Math.floor((notAfter - now) / DAY_MS);
    report.warn("certificate", `${name}: it ends at ${to}, in ${days} days`, "Issue a new one before that.");
  } else {
    report.ok("certificate", `${name}, until ${to}`);
  }
}
