import { ConfigurationError } from "../errors";
import { invalid } from "../options/check";
import type { ClientConfig, ClientConstructor, ClientOptions } from "./types";

/** What a default session must be able to do. */
export interface ClientSession {
  client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C>;
}

let defaultSession: ClientSession | undefined;

/** Makes a session the one that `client()` uses, for all of this thread; `undefined` takes it back. */
export function setDefaultSession<S extends ClientSession>(session: S | undefined): void {
  if (session !== undefined && typeof (session as S | null)?.client !== "function") {
    throw invalid("session", session, "a session, or undefined");
  }
  defaultSession = session;
}

/** The session of the last `setDefaultSession`. */
export function getDefaultSession(): ClientSession | undefined {
  return defaultSession;
}

/**
 * `session.client()` of the default session.
 *
 * @throws ConfigurationError when there is none.
 */
export function client<C extends ClientConstructor>(
  Ctor: C,
  config?: ClientConfig<C>,
  options?: ClientOptions,
): InstanceType<C> {
  if (defaultSession === undefined) {
    throw new ConfigurationError({
      code: "ERR_NO_DEFAULT_SESSION",
      message: "there is no default session",
      hint: "Call `setDefaultSession(session)` first.",
    });
  }
  return defaultSession.client(Ctor, config, options);
}
