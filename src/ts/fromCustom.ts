import { openCustom } from "./open";
import { invalid, optionsObject } from "./options/check";
import { providerOf } from "./provider";
import type { AwsCredentialIdentityProvider, CustomCredentials, CustomOptions } from "./types";

/**
 * A credential provider on a callback of yours: single flight, refreshed before the end, served on while valid.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function fromCustom<A>(
  customCredentials: CustomCredentials<A>,
  options: Omit<CustomOptions<A>, "customCredentials"> = {},
): AwsCredentialIdentityProvider {
  if (typeof customCredentials !== "function") throw invalid("customCredentials", customCredentials, "a function");
  return providerOf(openCustom({ ...optionsObject(options), customCredentials }));
}
