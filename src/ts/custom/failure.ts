import { bare } from "../bare";
import type { NativeCustomFailure } from "../binding";
import { RefreshError } from "../errors";

/**
 * What a function of the user's threw, for a message. It may hold a secret: only its kind is told, and the whole is the
 * error's `cause`. Our own errors never do, so they are told as they are.
 */
export function failed(name: string, cause: unknown): NativeCustomFailure {
  if (cause instanceof RefreshError) {
    const { message, hint, retryable } = cause;
    const [short = message] = hint === undefined ? [message] : message.split(`. ${hint}`);
    return bare({
      bad: false,
      message: `\`${name}\` failed: ${short}`,
      hint: hint ?? "The cause says more.",
      retryable,
    });
  }
  const { name: kind, code, retryable } = (isObject(cause) ? cause : {}) as Record<string, unknown>;
  const kinds = [kind, code].filter((text) => typeof text === "string" && /^\w{1,64}$/.test(text));
  return bare({
    bad: false,
    message: `\`${name}\` failed${kinds.length === 0 ? "" : ` with ${kinds.join(" ")}`}`,
    hint: "What it threw is the cause.",
    // An error that says so itself: asking again will not help.
    retryable: retryable !== false,
  });
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
