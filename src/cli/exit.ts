/**
 * The exit codes, and what leads to them. They are those of sysexits.h, whose names systemd shows; a PIN that must not
 * be tried again has the first number that is free there.
 */

import { RefreshError } from "../ts/errors";

export const EXIT = {
  ok: 0,
  /** The command line is wrong (`EX_USAGE`). */
  usage: 64,
  /** A defect of this package (`EX_SOFTWARE`). */
  defect: 70,
  /** The network, the clock, a service or a token: it may be in order later (`EX_TEMPFAIL`). */
  tryLater: 75,
  /** AWS refuses: certificate, policy, role alias or role (`EX_NOPERM`). */
  refused: 77,
  /** Options, files, certificates, module, key (`EX_CONFIG`). */
  configuration: 78,
  /** The PIN: every start may spend a try, so do not restart. */
  pin: 79,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What the command line itself finds wrong. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, hint?: string) {
    super(hint === undefined ? message : `${message}. ${hint}`);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** Something is wrong with the command line. */
export const usage = (message: string, hint?: string) => new CliError(EXIT.usage, message, hint);

/** Something is wrong with what it names. */
export const misconfigured = (message: string, hint?: string) => new CliError(EXIT.configuration, message, hint);

/** The codes whose class does not say it. */
const BY_CODE: Record<string, ExitCode> = {
  // Mostly a clock that is not set yet, or a portal before the network.
  ERR_SERVER_CERTIFICATE: EXIT.tryLater,
  ERR_CERTIFICATE_REFUSED: EXIT.refused,
  ERR_PKCS11_PIN_CALLBACK: EXIT.configuration,
};

/** With which code the process ends after `error`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (!(error instanceof RefreshError) || error.code === "ERR_INTERNAL") return EXIT.defect;
  const known = BY_CODE[error.code];
  if (known !== undefined) return known;
  if (error.code.startsWith("ERR_PKCS11_PIN_")) return EXIT.pin;
  if (error.retryable) return EXIT.tryLater;
  return error.name === "RequestError" ? EXIT.refused : EXIT.configuration;
}

/** An error as one text. What is not ours shows its message too: it has passed through no one who could know better. */
export function textOf(error: unknown): string {
  if (error instanceof RefreshError) return `${error.code}: ${error.message}${because(error)}${asAnswered(error)}`;
  return error instanceof Error ? error.message : String(error);
}

/** What AWS calls it, and what its support asks for. */
function asAnswered({ awsErrorType, requestId }: RefreshError): string {
  const said = [awsErrorType, requestId === undefined ? undefined : `request id ${requestId}`];
  const text = said.filter((part) => part !== undefined && part !== "").join(", ");
  return text === "" ? "" : ` (${text})`;
}

function because({ code, cause }: RefreshError): string {
  // What a callback threw is said nowhere else. Other causes stand in the message already.
  if (!(cause instanceof Error) || !/_CALLBACK/.test(code)) return "";
  return ` (${cause.message})`;
}
