/**
 * Middleware of the session's clients: what the SDK does not do by itself.
 *
 * A service that says `ExpiredToken` is not asked again by the SDK, and the keys stay. Here they are given back to the
 * session, by their id, and the operation gets one more attempt with new ones. It counts as an attempt: `maxAttempts`
 * holds.
 */

import type { ClientHost } from "./host";
import type { Lent } from "./lent";

/** What is used of a client's resolved config. */
interface SigningConfig {
  systemClockOffset?: unknown;
  credentials(options: { forceRefresh: true }): Promise<unknown>;
}

type Arguments = { readonly request?: unknown; readonly [OPERATION]?: Operation };
type Handler = (args: Arguments) => Promise<unknown>;
interface Stack {
  add(middleware: (next: Handler) => Handler, options: object): void;
}

interface ServiceError {
  readonly $retryable?: unknown;
  readonly $metadata?: object;
}

/** One `send()`, with all its attempts. */
interface Operation {
  healed: boolean;
}

/** Where an operation travels with its arguments: every attempt has a request of its own. */
const OPERATION = Symbol("refresh-session.operation");

/** A service's word that the keys are over. Not that they do not suffice, nor that they never were. */
const EXPIRED: ReadonlySet<unknown> = new Set(["ExpiredToken", "ExpiredTokenException", "InvalidToken"]);

/**
 * Adds the middleware to a new client.
 *
 * @param ownClock - the caller gave a `systemClockOffset`, which is left alone
 */
export function addHealing(
  client: { readonly config: object; readonly middlewareStack: object },
  host: ClientHost,
  lent: Lent,
  ownClock: boolean,
): void {
  const config = client.config as SigningConfig;
  const stack = client.middlewareStack as Stack;
  const setClock = ownClock ? undefined : clockOf(config, host);

  // Outside the SDK's retries: once for each operation.
  const begin = (next: Handler) => (args: Arguments) => {
    setClock?.();
    return next({ ...args, [OPERATION]: { healed: false } });
  };
  // Inside them and behind the signature: once for each attempt.
  const heal = (next: Handler) => async (args: Arguments) => {
    try {
      return await next(args);
    } catch (error) {
      const accessKeyId = isExpiry(error) ? signedWith(args.request) : undefined;
      // Without it the request was signed with nothing of ours, such as a bearer token.
      if (accessKeyId !== undefined && (await renewed(accessKeyId, args[OPERATION])))
        markRetryable(error as ServiceError);
      throw error;
    }
  };
  /** Gives the keys back; whether there are others, and this operation may try with them. Never throws. */
  const renewed = async (accessKeyId: string, operation: Operation | undefined): Promise<boolean> => {
    try {
      host.invalidate(accessKeyId);
      lent.expire(accessKeyId);
      if (operation === undefined || operation.healed) return false;
      operation.healed = true;
      // The wait for the new keys. A client that keeps keys for itself replaces them.
      await config.credentials({ forceRefresh: true });
      return true;
    } catch {
      // There are none: the service's word stands.
      return false;
    }
  };
  stack.add(begin, { step: "build", priority: "low", name: "refreshSessionOperation" });
  stack.add(heal, { step: "finalizeRequest", priority: "low", name: "refreshSessionHealing" });
}

function isExpiry(error: unknown): boolean {
  return EXPIRED.has((error as { name?: unknown } | undefined)?.name);
}

/** Has the SDK try once more. */
function markRetryable(error: ServiceError): void {
  // A hint that is there, such as throttling, says more than ours. Nothing is set on an error that is frozen.
  if (error.$retryable === undefined) Reflect.set(error, "$retryable", {});
  // The hint of older versions, which do not look at `$retryable` for this.
  if (error.$metadata instanceof Object) Reflect.set(error.$metadata, "clockSkewCorrected", true);
}

/** The access key id in a signature: of the `Authorization` header or of a presigned query. */
function signedWith(request: unknown): string | undefined {
  const { headers, query } = (request ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const authorization = fieldOf(headers, "authorization");
  const inHeader = authorization === undefined ? undefined : /\bCredential=([^/,\s]+)/.exec(authorization)?.[1];
  return inHeader ?? /^([^/%]+)(?:\/|%2F)/i.exec(fieldOf(query, "x-amz-credential") ?? "")?.[1];
}

function fieldOf(fields: Record<string, unknown> | undefined, name: string): string | undefined {
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (key.toLowerCase() === name) return typeof value === "string" ? value : undefined;
  }
  return undefined;
}

/**
 * What sets the client's clock by the session's. The SDK takes it from replies, so it signs the first request with the
 * local one. Once it has learnt better than us, it is left alone.
 */
function clockOf(config: SigningConfig, host: ClientHost): () => void {
  let ours = 0;
  return () => {
    if (config.systemClockOffset !== ours) return;
    ours = host.clockOffsetMs();
    config.systemClockOffset = ours;
  };
}
