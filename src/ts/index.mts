// The ES module face of the one CommonJS instance: native state must not exist twice.
export {
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  fromIot,
  MqttError,
  Pkcs11Error,
  RefreshableSession,
  RefreshError,
  RequestError,
  ValidationError,
} from "./index.js";
