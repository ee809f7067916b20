import { openWebIdentity } from "./open";
import { providerOf } from "./provider";
import type { WebIdentityOptions } from "./sts/types";
import type { AwsCredentialIdentityProvider } from "./types";

/**
 * A credential provider that exchanges a web identity token, from a file or a function, for keys of a role.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function fromWebIdentity(options: WebIdentityOptions): AwsCredentialIdentityProvider {
  return providerOf(openWebIdentity(options));
}
