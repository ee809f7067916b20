// The ES module face of the one CommonJS instance: native state must not exist twice.
export {
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  client,
  fromCustom,
  fromIot,
  getDefaultSession,
  MqttError,
  Pkcs11Error,
  RefreshableSession,
  RefreshError,
  RequestError,
  refreshable,
  setDefaultSession,
  ValidationError,
} from "./index.js";
