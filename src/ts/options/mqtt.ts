import type { NativeMqttOptions, NativeMqttWill } from "../binding";
import { ConfigurationError } from "../errors";
import { pairs } from "../mqtt/packed";
import type {
  MqttCustomAuthorizer,
  MqttLimits,
  MqttOptions,
  MqttPublishProperties,
  MqttQueueOptions,
  MqttWill,
} from "../mqtt/types";
import {
  boolean,
  type Check,
  type Checked,
  type Checks,
  checked,
  defined,
  integer,
  invalid,
  required,
  text,
  textOrBytes,
} from "./check";
import { MAX_TIMEOUT_MS, region } from "./common";
import { deviceChecks } from "./device";
import { oneOf, publishProperties, qos, userProperties } from "./mqttCalls";
import { type PinCallback, parsePkcs11 } from "./pkcs11";
import { proxyOf } from "./proxy";

const MAX_U16 = 0xffff;
const MAX_U32 = 0xffff_ffff;
/** AWS IoT's default for what sends anything at all. */
const KEEP_ALIVE_SECONDS = 60;

const timeout = integer(1, MAX_TIMEOUT_MS);

/** A number of seconds, a fraction too. */
const seconds: Check<number> = (value, param) => {
  if (typeof value === "number" && value >= 0 && value <= MAX_U32) return value;
  throw invalid(param, value, "a number of seconds");
};

const willChecks: Checks<MqttWill> = {
  topic: text,
  payload: textOrBytes,
  qos,
  retain: boolean,
  properties: publishProperties,
  delaySeconds: integer(0, MAX_U32),
};

const authorizerChecks: Checks<MqttCustomAuthorizer> = {
  name: text,
  tokenKeyName: text,
  tokenValue: text,
  tokenSignature: text,
};

const limitChecks: Checks<MqttLimits> = {
  base: oneOf("aws", "none"),
  publishesPerSecond: integer(0, MAX_U32),
  bytesPerSecond: integer(0, MAX_U32),
  inFlight: integer(1, MAX_U16),
  packetBytes: integer(1, MAX_U32),
  topicBytes: integer(1, MAX_U16),
  topicSlashes: integer(0, MAX_U16),
  subscriptions: integer(1, MAX_U16),
  filtersPerSubscribe: integer(1, MAX_U16),
};

const queueChecks: Checks<MqttQueueOptions> = {
  maxMessages: integer(1, MAX_U32),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  ttlSeconds: seconds,
  policy: oneOf("reject", "drop-oldest", "drop-newest"),
  directory: text,
  fsync: oneOf("always", "interval", "never"),
};

const limits: Check<"aws" | "none" | MqttLimits> = (value, param) => {
  if (typeof value === "object") return checked<MqttLimits>(value, limitChecks, `${param}.`);
  if (value === "aws" || value === "none") return value;
  throw invalid(param, value, '"aws", "none" or an object');
};

const queue: Check<false | MqttQueueOptions> = (value, param) => {
  if (value === false) return false;
  if (typeof value === "object") return checked<MqttQueueOptions>(value, queueChecks, `${param}.`);
  throw invalid(param, value, "an object or false");
};

const mqttChecks: Checks<MqttOptions> = {
  ...deviceChecks,
  endpoint: text,
  // Empty, the server chooses.
  clientId: (value, param) => (value === "" ? value : text(value, param)),
  transport: oneOf("x509", "ws"),
  protocolVersion: oneOf(5, 311),
  port: integer(1, MAX_U16),
  useAlpn: boolean,
  keepAliveSeconds: integer(0, MAX_U16),
  cleanStart: boolean,
  sessionExpirySeconds: integer(0, MAX_U32),
  will: (value, param) => checked<MqttWill>(value, willChecks, `${param}.`) as MqttWill,
  username: text,
  password: textOrBytes,
  userProperties,
  customAuthorizer: (value, param) => checked<MqttCustomAuthorizer>(value, authorizerChecks, `${param}.`),
  region,
  reconnectMinSeconds: seconds,
  reconnectMaxSeconds: seconds,
  connectTimeoutMs: timeout,
  connackTimeoutMs: timeout,
  pingTimeoutMs: timeout,
  ackTimeoutMs: timeout,
  operationTimeoutMs: integer(1, MAX_U32 - 1),
  maxConnectionSeconds: integer(1, MAX_U32),
  manualAcknowledge: boolean,
  topicAliases: boolean,
  limits,
  offlineQueue: queue,
};

/** Options of a connection: what the native side takes, and what stays here. */
export interface ParsedMqttOptions {
  mqtt: NativeMqttOptions;
  pin: PinCallback | undefined;
  clientId: string;
  manualAcknowledge: boolean;
  operationTimeoutMs: number | undefined;
}

/** Checks `options` and makes the native side's object of them. */
export function parseMqttOptions(options: unknown): ParsedMqttOptions {
  const given = checked<MqttOptions>(options, mqttChecks);
  const endpoint = required(given.endpoint, "endpoint");
  const clientId = required(given.clientId, "clientId");
  if (given.certificate === undefined && given.privateKeyPassphrase !== undefined && given.privateKey === undefined) {
    throw new ConfigurationError({
      code: "ERR_CONFLICTING_OPTIONS",
      message: "option `privateKeyPassphrase` is given, but no `privateKey`",
      hint: "An identity of the connection's own needs all of its options.",
      param: "privateKeyPassphrase",
    });
  }
  const { pkcs11, pin } = parsePkcs11(given.pkcs11);
  const mqtt = defined<NativeMqttOptions>({
    endpoint,
    clientId,
    webSocket: given.transport === "ws",
    v311: given.protocolVersion === 311,
    port: given.port,
    useAlpn: given.useAlpn ?? false,
    keepAliveSeconds: given.keepAliveSeconds ?? KEEP_ALIVE_SECONDS,
    cleanStart: given.cleanStart ?? true,
    sessionExpirySeconds: given.sessionExpirySeconds,
    will: given.will && nativeWill(given.will),
    username: given.username,
    password: given.password,
    userProperties: pairs(given.userProperties ?? {}),
    customAuthorizer: given.customAuthorizer && defined(given.customAuthorizer as Required<MqttCustomAuthorizer>),
    certificate: given.certificate,
    privateKey: given.privateKey,
    privateKeyPassphrase: given.privateKeyPassphrase,
    pkcs11,
    ca: given.ca === "system" ? undefined : given.ca,
    systemCa: given.ca === "system",
    verifyPeer: given.verifyPeer ?? true,
    serverName: given.serverName,
    proxy: proxyOf(given.proxy),
    region: given.region,
    reconnectMinSeconds: given.reconnectMinSeconds,
    reconnectMaxSeconds: given.reconnectMaxSeconds,
    connectTimeoutMs: given.connectTimeoutMs,
    connackTimeoutMs: given.connackTimeoutMs,
    pingTimeoutMs: given.pingTimeoutMs,
    ackTimeoutMs: given.ackTimeoutMs,
    maxConnectionSeconds: given.maxConnectionSeconds,
    topicAliases: given.topicAliases ?? false,
    limits: nativeLimits(given.limits),
    offlineQueue: given.offlineQueue === false ? undefined : defined({ ...given.offlineQueue }),
  });
  const { manualAcknowledge = false, operationTimeoutMs } = given;
  return { mqtt, pin, clientId, manualAcknowledge, operationTimeoutMs };
}

function nativeLimits(given: Checked<MqttOptions>["limits"]): NativeMqttOptions["limits"] {
  if (given === undefined || typeof given === "string") return defined({ none: given === "none" });
  const { base, ...rest } = given;
  return defined({ none: base === "none", ...rest } as NativeMqttOptions["limits"]);
}

function nativeWill(given: MqttWill): NativeMqttWill {
  const { properties, delaySeconds } = given;
  const has = properties !== undefined || delaySeconds !== undefined;
  return defined<NativeMqttWill>({
    topic: required(given.topic, "will.topic"),
    payload: given.payload ?? "",
    qos: given.qos ?? 0,
    retain: given.retain ?? false,
    properties: has ? willProperties(properties ?? {}, delaySeconds) : undefined,
  });
}

function willProperties(given: MqttPublishProperties, delaySeconds: number | undefined): NativeMqttWill["properties"] {
  return defined<NonNullable<NativeMqttWill["properties"]>>({
    delaySeconds,
    payloadFormat: given.payloadFormat === undefined ? undefined : true,
    messageExpirySeconds: given.messageExpirySeconds,
    contentType: given.contentType,
    responseTopic: given.responseTopic,
    correlationData: given.correlationData,
    user: pairs(given.userProperties ?? {}),
  });
}
