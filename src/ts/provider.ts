import type { Engine } from "./engine";
import type { AwsCredentialIdentityProvider } from "./types";

/**
 * The engine as an SDK v3 provider.
 *
 * `memoized` tells clients not to keep a copy of their own, so that renewed keys are seen at once; versions that do
 * not know it go by `expiration`, which is always there.
 */
export function providerOf(engine: Engine): AwsCredentialIdentityProvider {
  const provider = () => engine.credentials();
  return Object.assign(provider, { memoized: true as const });
}
