import { openIot } from "./open";
import { providerOf } from "./provider";
import type { AwsCredentialIdentityProvider, IotOptions } from "./types";

/**
 * A credential provider on the AWS IoT credentials endpoint, for `new S3Client({ credentials: fromIot({ … }) })`.
 *
 * Certificate, key and CA files are read and matched here; the network and the token are first used when the
 * provider is called. It needs no closing: idle, it does not keep the process alive.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export function fromIot(options: IotOptions): AwsCredentialIdentityProvider {
  return providerOf(openIot(options));
}
