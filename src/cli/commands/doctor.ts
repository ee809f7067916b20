/** `doctor`: goes through everything that a fetch needs, in order, up to the first cause, and says what to do. */

import { RefreshError } from "../../ts/errors";
import { proxyOf } from "../../ts/options/proxy";
import type { RefreshableSession } from "../../ts/RefreshableSession";
import type { SessionWarning } from "../../ts/types";
import type { Config } from "../config";
import { ofFetch, ofOptions } from "../doctor/blame";
import { compareClocks, lookAtCertificate, lookAtClock, lookAtExpiry, lookAtFiles } from "../doctor/local";
import { Report, STEPS, type Step, type StepName } from "../doctor/report";
import { lookAtToken } from "../doctor/token";
import { CliError, EXIT, type ExitCode, exitCodeOf, textOf } from "../exit";
import { type FlagValues, type Options, sourceOf } from "../flags";
import { open, optionsOf } from "../options";
import { print } from "../output";

export async function doctor(flags: FlagValues): Promise<void> {
  const report = new Report();
  const exitCode = await examine(flags, report);
  const steps = report.steps();
  print(flags.json === true ? `${JSON.stringify({ ok: exitCode === EXIT.ok, exitCode, steps })}\n` : shown(steps));
  process.exitCode = exitCode;
}

/** Fills the report; the exit code of its first cause. */
async function examine(flags: FlagValues, report: Report): Promise<ExitCode> {
  let config: Config;
  try {
    config = await optionsOf(flags, (text) => report.warn("configuration", text));
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode === EXIT.usage) throw error;
    return failed(report, "configuration", error);
  }
  report.ok("configuration", config.file ?? "no file; options are from the command line");
  const { options } = config;
  let session: RefreshableSession | undefined;
  let refusal: unknown;
  try {
    session = open(options, (warning) => heed(report, warning));
  } catch (error) {
    refusal = error;
  }
  try {
    return await goThrough(options, session, refusal, report);
  } finally {
    await session?.close();
  }
}

async function goThrough(
  options: Options,
  session: RefreshableSession | undefined,
  refusal: unknown,
  report: Report,
): Promise<ExitCode> {
  const refused = refusal === undefined ? undefined : stepOf(refusal, ofOptions);
  if (refused === "options" || refused === "files") return failed(report, refused, refusal);
  const source = Object.values(sourceOf(options)).join(" ");
  const method = JSON.stringify(session?.method ?? options.method);
  report.ok("options", `method ${method}${source === "" ? "" : `, ${source}`}`);
  lookAtFiles(options, report);
  lookAtClock(report);
  // Somebody will set it.
  if (report.failed !== undefined) return EXIT.tryLater;
  lookAtCertificate(options, report);
  if (report.failed !== undefined) return EXIT.configuration;
  try {
    await lookAtToken(options, report);
  } catch (error) {
    return failed(report, stepOf(error, ofFetch), error);
  }
  if (session === undefined) return failed(report, refused ?? "options", refusal);
  lookAtProxy(options, report);
  return fetchOnce(session, report);
}

async function fetchOnce(session: RefreshableSession, report: Report): Promise<ExitCode> {
  let failure: unknown;
  try {
    await session.refresh({ force: true });
  } catch (error) {
    failure = error;
  }
  const { clockOffsetMs, certificateExpiry, expiresAt } = session.status();
  compareClocks(clockOffsetMs, report);
  if (report.steps().some(({ name, state }) => name === "certificate" && state === "skipped")) {
    lookAtExpiry(certificateExpiry, report);
  }
  // A certificate that is over is the cause of what came of it.
  if (report.failed !== undefined) return EXIT.configuration;
  if (failure !== undefined) return failed(report, stepOf(failure, ofFetch), failure);
  report.reached("answer");
  const { accessKeyId } = await session.credentials();
  report.ok(
    "answer",
    `credentials ${accessKeyId}${expiresAt === undefined ? "" : ` until ${expiresAt.toISOString()}`}`,
  );
  return EXIT.ok;
}

function lookAtProxy({ proxy }: Options, report: Report): void {
  const variable = proxyOf(undefined)?.variable;
  if (typeof proxy === "string") report.note("proxy", "the option's");
  else if (proxy === undefined && variable !== undefined) {
    report.note("proxy", `that of \`${variable}\`, unless \`no_proxy\` exempts the endpoint`);
  } else report.skip("proxy", "none");
}

/** A warning belongs to the step that it is about. */
function heed(report: Report, { code, message }: SessionWarning): void {
  const about: readonly (readonly [RegExp, StepName])[] = [
    // The step says it itself.
    [/^WARN_CERTIFICATE_EXPIRES$/, "certificate"],
    [/^WARN_PKCS11_/, "token"],
    [/ROOTS|PEER/, "server-certificate"],
  ];
  const [, step] = about.find(([words]) => words.test(code)) ?? [undefined, "options" as const];
  if (step !== "certificate") report.warn(step, `${code}: ${message}`);
}

function failed(report: Report, step: StepName, error: unknown): ExitCode {
  report.reached(step);
  const hint = error instanceof RefreshError || error instanceof CliError ? error.hint : undefined;
  const text = textOf(error);
  const found = hint === undefined ? text : text.replace(`. ${hint}`, "");
  report.fail(step, found, hint, error instanceof RefreshError ? error.code : undefined);
  return exitCodeOf(error);
}

function stepOf(error: unknown, judge: (error: RefreshError) => StepName): StepName {
  if (error instanceof RefreshError) return judge(error);
  throw error;
}

function shown(steps: Step[]): string {
  const width = Math.max(...STEPS.map((name) => name.length)) + 2;
  const lines = steps.flatMap(({ name, state, found, todo }) => {
    const line = `${marks[state].padEnd(6)}${name.padEnd(width)}${found}`;
    return todo === undefined ? [line] : [line, `${" ".repeat(6 + width)}→ ${todo}`];
  });
  return `${lines.join("\n").replaceAll(/[^\P{Cc}\n]/gu, "?")}\n`;
}

const marks = { ok: "ok", warn: "warn", fail: "FAIL", skipped: "-" } as const;
