export {
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  MqttError,
  Pkcs11Error,
  RefreshError,
  RequestError,
  ValidationError,
} from "./errors";
export { fromIot } from "./fromIot";
export { RefreshableSession } from "./RefreshableSession";
export type {
  AwsCredentialIdentity,
  AwsCredentialIdentityProvider,
  CommonOptions,
  IotOptions,
  Logger,
  Method,
  Pkcs11Options,
  RefreshOptions,
  SessionOptions,
  SessionWarning,
  TemporaryCredentials,
} from "./types";
