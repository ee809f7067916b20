import { openContainer } from "./open";
import { providerOf } from "./provider";
import type { ContainerOptions } from "./sts/types";
import type { AwsCredentialIdentityProvider } from "./types";

/**
 * A credential provider on the container endpoint of ECS, EKS Pod Identity and the like.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function fromContainer(options: ContainerOptions = {}): AwsCredentialIdentityProvider {
  return providerOf(openContainer(options));
}
