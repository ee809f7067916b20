import { ValidationError } from "../errors";
import { invalid, refused } from "../options/check";
import type { ClientConstructor } from "./types";

/**
 * The caller's config in an object of ours: own properties that are not `undefined`, with the session's region where
 * it has none.
 */
export function ownConfig(config: unknown, region: string | undefined): Record<string, unknown> {
  if (config !== undefined && (typeof config !== "object" || config === null || Array.isArray(config))) {
    throw invalid("config", config, "an object");
  }
  // No prototype: what somebody pollutes must not look like an option.
  const own: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(config ?? {})) {
    const value = (config as Record<string, unknown>)[name];
    if (value !== undefined) own[name] = value;
  }
  if (own.credentials !== undefined) {
    throw new ValidationError({
      code: "ERR_INVALID_OPTION",
      message: "option `credentials` cannot be given: the session supplies it",
      hint: "For other credentials make a client of its own, without the session.",
      param: "credentials",
    });
  }
  if (region !== undefined) own.region ??= region;
  return own;
}

/** The first look at what should be the class of a client: cheap, for every call. */
export function someFunction(value: unknown): object {
  if (typeof value === "function") return value;
  throw invalid("Ctor", value, WANTED);
}

/** Checks that it can be called with `new`. */
export function clientConstructor(value: unknown): ClientConstructor {
  const called = someFunction(value);
  try {
    // Runs nothing of it: only its `prototype` is read.
    Reflect.construct(Object, [], called as ClientConstructor);
  } catch {
    throw refused("Ctor", `is a function that \`new\` cannot call: it must be ${WANTED}`);
  }
  return value as ClientConstructor;
}

/** Checks that what a class made is an SDK v3 client. */
export function checkClient(client: unknown): void {
  const { config, middlewareStack, send } = (client ?? {}) as Record<string, unknown>;
  const { requestHandler } = (config ?? {}) as Record<string, unknown>;
  const stacked = typeof (middlewareStack as { add?: unknown } | undefined)?.add === "function";
  if (stacked && typeof send === "function" && typeof requestHandler === "object") return;
  throw refused("Ctor", `makes no SDK v3 client: it must be ${WANTED}`);
}

const WANTED = "the class of an SDK v3 client, such as S3Client";
