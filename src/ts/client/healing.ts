/**
 * Middleware of the session's clients: what the SDK does not do by itself.
 *
 * A service that says `ExpiredToken` is not asked again by the SDK, and the keys stay. Here they are given back to the
 * session, by their id, and the operation is sent once more with new ones. That is done outside the SDK's own retries:
 * those have a budget for each client, which is soon used up when all of its operations fail at the same moment.
 */

import type { ClientHost } from "./host";
import type { Lent } from "./lent";

/** What is used of a client's resolved config. */
interface SigningConfig {
  systemClockOffset?: unknown;
  maxAttempts?(): Promise<number>;
  credentials(options: { forceRefresh: true }): Promise<{ accessKeyId: string }>;
}

type Arguments = { readonly request?: unknown; readonly [OPERATION]?: Operation };
type Handler = (args: Arguments) => Promise<{ output?: unknown }>;
interface Context {
  /** Where the newer versions keep how an operation identifies itself: by then they have asked for keys, if any. */
  readonly __smithy_context?: { readonly selectedHttpAuthScheme?: unknown };
}
interface Stack {
  add(middleware: (next: Handler, context: Context) => Handler, options: object): void;
}

/** One `send()`, with all its attempts. */
interface Operation {
  /** The key id of the last attempt. */
  signedWith: string | undefined;
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

  const giveBack = (accessKeyId: string): void => {
    host.invalidate(accessKeyId);
    lent.expire(accessKeyId);
  };
  /** Gives the keys back; whether there are others. Never throws. */
  const renewed = async (accessKeyId: string): Promise<boolean> => {
    try {
      giveBack(accessKeyId);
      // The wait for the new keys. A client that keeps keys for itself replaces them. While the source is down these
      // are the old ones, which need not be sent again.
      const { accessKeyId: now } = await config.credentials({ forceRefresh: true });
      return now !== accessKeyId;
    } catch {
      // There are none: the service's word stands.
      return false;
    }
  };
  /** `maxAttempts: 1` means: send it once. */
  const mayRepeat = async (request: unknown): Promise<boolean> =>
    !isStreaming(request) && (await config.maxAttempts?.()) !== 1;
  // Outside the SDK's retries: once for each operation.
  const heal = (next: Handler, context: Context) => async (args: Arguments) => {
    await setClock?.(context);
    const operation: Operation = { signedWith: undefined };
    const send = () => next({ ...args, [OPERATION]: operation });
    let before: number;
    try {
      return await send();
    } catch (error) {
      const refused = isExpiry(error) ? operation.signedWith : undefined;
      // Without it the request was signed with nothing of ours, such as a bearer token.
      if (refused === undefined || !(await renewed(refused)) || !(await mayRepeat(args.request))) throw error;
      before = attemptsOf(error);
    }
    try {
      const result = await send();
      countAttempts(result.output, before);
      return result;
    } catch (error) {
      countAttempts(error, before);
      // The caller's from here on. But keys that a service refuses are no good to others either.
      if (isExpiry(error) && operation.signedWith !== undefined) giveBack(operation.signedWith);
      throw error;
    }
  };
  // Inside them and behind the signature: once for each attempt.
  const note = (next: Handler) => (args: Arguments) => {
    const operation = args[OPERATION];
    if (operation !== undefined) operation.signedWith = signedWith(args.request);
    return next(args);
  };
  stack.add(heal, { step: "build", priority: "low", name: "refreshSessionHealing" });
  stack.add(note, { step: "finalizeRequest", priority: "low", name: "refreshSessionSignature" });
}

function isExpiry(error: unknown): boolean {
  return EXPIRED.has((error as { name?: unknown } | undefined)?.name);
}

/** The attempts the SDK has counted, of an output or an error. */
function attemptsOf(answer: unknown): number {
  const { attempts } = (answer as { $metadata?: { attempts?: unknown } } | undefined)?.$metadata ?? {};
  return typeof attempts === "number" ? attempts : 1;
}

/** Adds those that went before: the SDK has counted anew. */
function countAttempts(answer: unknown, before: number): void {
  const metadata = (answer as { $metadata?: object } | undefined)?.$metadata;
  if (metadata instanceof Object) Reflect.set(metadata, "attempts", attemptsOf(answer) + before);
}

/** A body that is gone once it has been sent. */
function isStreaming(request: unknown): boolean {
  const { body } = (request ?? {}) as {
    body?: { pipe?: unknown; getReader?: unknown; [Symbol.asyncIterator]?: unknown };
  };
  if (typeof body !== "object" || body === null || ArrayBuffer.isView(body)) return false;
  return [body.pipe, body.getReader, body[Symbol.asyncIterator]].some((member) => typeof member === "function");
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
function clockOf(config: SigningConfig, host: ClientHost): (context: Context) => Promise<void> {
  let ours = 0;
  return async (context) => {
    if (config.systemClockOffset !== ours) return;
    // The first keys tell the time too, and S3 3.600 dates a signature before it asks for them. Why there are none is
    // told when they are asked for.
    if (context.__smithy_context?.selectedHttpAuthScheme === undefined) await host.credentials().catch(() => {});
    ours = host.clockOffsetMs();
    config.systemClockOffset = ours;
  };
}
