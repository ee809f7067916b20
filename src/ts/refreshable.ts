import { openProvider } from "./open";
import { invalid } from "./options/check";
import { providerOf } from "./provider";
import type { AwsCredentialIdentityProvider, CommonOptions } from "./types";

/**
 * Any SDK provider, such as `fromNodeProviderChain()`, on the same machine. Make the provider once and hand it over;
 * every `refreshable` of it shares the keys.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function refreshable(
  provider: AwsCredentialIdentityProvider,
  options: CommonOptions = {},
): AwsCredentialIdentityProvider {
  if (typeof provider !== "function") throw invalid("provider", provider, "a credential provider function");
  return providerOf(openProvider(provider, options));
}
