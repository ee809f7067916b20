export type { ClientCache } from "./client/ClientCache";
export { client, getDefaultSession, setDefaultSession } from "./client/default";
export type {
  CachePolicy,
  ClientCacheOptions,
  ClientCacheStats,
  ClientConfig,
  ClientConstructor,
  ClientOptions,
  SdkClient,
} from "./client/types";
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
export { fromAssumeRole } from "./fromAssumeRole";
export { fromContainer } from "./fromContainer";
export { fromCustom } from "./fromCustom";
export { fromIot } from "./fromIot";
export { fromWebIdentity } from "./fromWebIdentity";
export { Job, Jobs, MqttConnection, Shadow } from "./mqtt";
export type {
  JobDetails,
  JobEnd,
  JobHandler,
  JobOutcome,
  JobProgressOptions,
  JobsOptions,
} from "./mqtt/aws/jobTypes";
export type {
  ShadowApply,
  ShadowApplying,
  ShadowChange,
  ShadowChangeOptions,
  ShadowDeleted,
  ShadowDelta,
  ShadowDocument,
  ShadowLoopOptions,
  ShadowOptions,
  ShadowRequestOptions,
  ShadowState,
  ShadowUpdated,
} from "./mqtt/aws/shadowTypes";
export type {
  MqttAckProperties,
  MqttCloseOptions,
  MqttConnackProperties,
  MqttConnected,
  MqttConnectOptions,
  MqttCustomAuthorizer,
  MqttEventMap,
  MqttHandler,
  MqttLimits,
  MqttMessage,
  MqttMessageProperties,
  MqttOperationOptions,
  MqttOptions,
  MqttPublished,
  MqttPublishOptions,
  MqttPublishProperties,
  MqttQueueOptions,
  MqttReasons,
  MqttStats,
  MqttSubscribeOptions,
  MqttUserProperties,
  MqttWill,
} from "./mqtt/types";
export { RefreshableSession } from "./RefreshableSession";
export { refreshable } from "./refreshable";
export type { SessionOptions } from "./sessionOptions";
export type {
  AssumeRole,
  AssumeRoleWithWebIdentity,
  CallerIdentity,
  ContainerOptions,
  MfaCommandOptions,
  MfaContext,
  MfaTokenProvider,
  StsClientConfig,
  StsOptions,
  WebIdentityOptions,
} from "./sts/types";
export type {
  AwsCredentialIdentity,
  AwsCredentialIdentityProvider,
  CommonOptions,
  CustomCredentials,
  CustomIdentity,
  CustomOptions,
  IotOptions,
  KeysEvent,
  Logger,
  Method,
  Pkcs11Options,
  Pkcs11UriOptions,
  RefreshMode,
  RefreshOptions,
  RefreshPolicy,
  SeedCredentials,
  SessionEventMap,
  SessionStatus,
  SessionWarning,
  TemporaryCredentials,
  Zone,
} from "./types";
