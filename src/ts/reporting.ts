/** What the user is told by `logger` and `onWarning`. Nothing secret passes through here. */

import { inspect } from "node:util";
import type { NativeEvent } from "./binding";
import type { Logger, Method, SessionWarning } from "./types";

/** Whom to tell. */
export interface Reporting {
  logger?: Logger;
  onWarning?: (warning: SessionWarning) => void;
}

/** Logs an event, and hands a warning on. */
export function report(method: Method, event: NativeEvent, reporting: Reporting): void {
  const { logger } = reporting;
  const say = (level: "debug" | "info" | "warn" | "error", text: string) =>
    guarded(() => logger?.[level](`refresh-session - ${method}: ${text}`));
  const { type, error, warning, pauseMs = 0, leftMs } = event;
  if (type === "refresh") {
    say("debug", `keys ${event.accessKeyId} until ${dateOf(event.expirationMs)}`);
  } else if (type === "expired") {
    say("error", `keys ${event.accessKeyId} ended at ${dateOf(event.expirationMs)} and nothing replaced them`);
  } else if (warning !== undefined) {
    warn(warning, reporting);
  } else if (error !== undefined) {
    const left = leftMs === undefined ? "no keys are held" : `the keys held are good for ${seconds(leftMs)}`;
    const text = `${error.code}: ${error.message}; ${left}, next try in ${seconds(pauseMs)}`;
    say(leftMs === undefined ? "error" : "warn", text);
  }
}

/** Hands a warning on; to whoever listens to the process if nobody else does. */
export function warn(warning: SessionWarning, { logger, onWarning }: Reporting): void {
  guarded(() => logger?.warn(`refresh-session - ${warning.code}: ${warning.message}`));
  guarded(() => onWarning?.(warning));
  if (logger === undefined && onWarning === undefined) {
    process.emitWarning(warning.message, { type: "RefreshSessionWarning", code: warning.code });
  }
}

function dateOf(millis: number | undefined): string {
  return millis === undefined ? "further notice" : new Date(millis).toISOString();
}

function seconds(millis: number): string {
  return Number.isFinite(millis) && millis < 1e12 ? `${(millis / 1000).toFixed(1)} s` : "ever";
}

/** The user's callback may fail: that is said, but it neither fails a fetch nor ends the process. */
function guarded(call: () => unknown): void {
  const tell = (failure: unknown) =>
    process.emitWarning(`a callback given to refresh-session failed: ${inspect(failure)}`, "RefreshSessionWarning");
  try {
    Promise.resolve(call()).catch(tell);
  } catch (failure) {
    tell(failure);
  }
}
