import { openSts } from "./open";
import { providerOf } from "./provider";
import type { StsOptions } from "./sts/types";
import type { AwsCredentialIdentityProvider } from "./types";

/**
 * A credential provider that assumes a role.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function fromAssumeRole(options: StsOptions): AwsCredentialIdentityProvider {
  return providerOf(openSts(options));
}
