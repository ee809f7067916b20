// The ES module face of the one CommonJS instance: native state must not exist twice. Not imported but required: an error
// that a CommonJS module throws while it is imported, Node.js 20 gives to the importer and then throws past every handler.

import { createRequire } from "node:module";
import type * as commonjs from "./index.js";

export const {
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  client,
  fromAssumeRole,
  fromContainer,
  fromCustom,
  fromIot,
  fromWebIdentity,
  getDefaultSession,
  Job,
  Jobs,
  MqttConnection,
  MqttError,
  Pkcs11Error,
  RefreshableSession,
  RefreshError,
  RequestError,
  refreshable,
  Shadow,
  setDefaultSession,
  ValidationError,
}: typeof commonjs = createRequire(import.meta.url)("./index.js");
