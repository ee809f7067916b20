import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "../types";

/** A session's provider as one client has it. */
export interface Lent {
  readonly provider: AwsCredentialIdentityProvider;
  /** Takes keys that are over back from the client. */
  expire(accessKeyId: string): void;
}

/**
 * Lends a provider to a client.
 *
 * SDK versions that do not know `memoized` keep the keys until five minutes before their `expiration`, and some of
 * those know no `forceRefresh` either. They keep the very object they were given, though, and read its `expiration`
 * each time: keys that a service calls expired get one that says so.
 */
export function lend(credentials: AwsCredentialIdentityProvider): Lent {
  // Weakly: a client that keeps no keys leaves none here.
  let last: WeakRef<AwsCredentialIdentity> | undefined;
  const provider: AwsCredentialIdentityProvider = async (properties) => {
    const identity = await credentials(properties);
    last = new WeakRef(identity);
    return identity;
  };
  return {
    provider: Object.assign(provider, credentials),
    expire(accessKeyId) {
      const identity = last?.deref();
      if (identity?.accessKeyId === accessKeyId) Reflect.set(identity, "expiration", new Date(0));
    },
  };
}
