/** Public types of the MQTT connection. */

import type { IotOptions, SessionWarning } from "../types";

/** Node's `Buffer`, or what that is made of in a project without the types of Node. */
type NodeBuffer = typeof globalThis extends { Buffer: { isBuffer(value: unknown): value is infer B } } ? B : Uint8Array;

/** Options of `session.mqtt`. Names, ranges and what fits together are checked there and then; no network is used. */
export interface MqttOptions
  extends Pick<IotOptions, "certificate" | "privateKey" | "privateKeyPassphrase" | "pkcs11" | "serverName" | "proxy"> {
  /** `host[:port]` of the data endpoint: what `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints. */
  endpoint: string;
  /** Who connects, 1 to 128 bytes; of two connections with the same one, AWS IoT keeps the later. */
  clientId: string;
  /**
   * `"x509"` (default): MQTT in TLS with the device certificate. `"ws"`: MQTT in WebSocket, each handshake signed with the
   * session's credentials as they are then.
   */
  transport?: "x509" | "ws";
  /** Of MQTT: `5` (default), or `311` for 3.1.1. */
  protocolVersion?: 5 | 311;
  /** Default: the endpoint's, else 8883, and 443 for WebSocket or with `useAlpn`. */
  port?: number;
  /** Port 443 with the ALPN name that AWS IoT wants there: for networks that let nothing else out. Default `false`. */
  useAlpn?: boolean;
  /** How often something is sent at least, in seconds. AWS IoT takes 30 to 1200. Default 60. */
  keepAliveSeconds?: number;
  /** Whether the server forgets what it keeps for this client identifier at the first connection. Default `true`. */
  cleanStart?: boolean;
  /** For how long the server keeps the session of a lost connection, in seconds. Default 0. */
  sessionExpirySeconds?: number;
  /** What the server publishes when it loses this connection. */
  will?: MqttWill;
  /** User name, of a custom authorizer. */
  username?: string;
  /** Password, of a custom authorizer. */
  password?: string | Uint8Array;
  /** User properties of CONNECT. */
  userProperties?: MqttUserProperties;
  /** A custom authorizer of AWS IoT. */
  customAuthorizer?: MqttCustomAuthorizer;
  /** CA bundle in place of the session's: path, PEM text, bytes, or `"system"`. Default: the session's, else the system's. */
  ca?: string | Uint8Array;
  /** `false` accepts any server, with a warning; for laboratories. Default `true`. */
  verifyPeer?: boolean;
  /** To sign for, with WebSocket. Default: the region in the endpoint's name. */
  region?: string;
  /** The first wait before another attempt is drawn up to this, in seconds; AWS IoT allows one a second. Default 1. */
  reconnectMinSeconds?: number;
  /** Waits grow up to this, in seconds. Default 120. */
  reconnectMaxSeconds?: number;
  /** Name lookup, TCP, proxy, TLS, token and WebSocket together, in milliseconds, 1 to 600 000. Default 10 000. */
  connectTimeoutMs?: number;
  /** How long the server may take to accept, in milliseconds, 1 to 600 000. Default 20 000. */
  connackTimeoutMs?: number;
  /** How long anything may take to come back after a ping, in milliseconds, 1 to 600 000. Default 30 000. */
  pingTimeoutMs?: number;
  /**
   * How long an acknowledgement may take before the connection is given up and the message is sent again by a new one, in
   * milliseconds, 1 to 600 000. Default 30 000.
   */
  ackTimeoutMs?: number;
  /**
   * `timeoutMs` of every operation that is given none, in milliseconds. Default: 60 000 for subscribe and unsubscribe, none
   * for publish.
   */
  operationTimeoutMs?: number;
  /** A connection is replaced before it has lasted so long. Default: none; 23 to 24 hours with WebSocket. */
  maxConnectionSeconds?: number;
  /**
   * Whether messages are acknowledged by `message.ack()`. Default `false`: each is when the handlers have been called, or
   * when an iterator has given it out.
   */
  manualAcknowledge?: boolean;
  /** Whether topics are replaced by aliases, as far as the server takes them. Default `false`. */
  topicAliases?: boolean;
  /** What the server allows, and is kept to here: `"aws"` (default), `"none"`, or what differs from the former. */
  limits?: "aws" | "none" | MqttLimits;
  /** Messages that wait, for a connection too; `false`: none is taken while there is no connection. */
  offlineQueue?: false | MqttQueueOptions;
}

/** What the server publishes when it loses a connection. */
export interface MqttWill {
  topic: string;
  /** Default: nothing. */
  payload?: string | Uint8Array;
  /** Default 0. */
  qos?: 0 | 1;
  /** Default `false`. */
  retain?: boolean;
  properties?: MqttPublishProperties;
  /** For how long the server waits with it, in seconds. */
  delaySeconds?: number;
}

/** A custom authorizer of AWS IoT. */
export interface MqttCustomAuthorizer {
  /** Default: the account's default authorizer. */
  name?: string;
  /** Under which name the token is sent. */
  tokenKeyName?: string;
  tokenValue?: string;
  /** The token's signature, Base64. */
  tokenSignature?: string;
}

/** What a server allows. Over it, messages wait, or what can never be sent is refused. */
export interface MqttLimits {
  /** What holds for what is not said here. Default `"aws"`. */
  base?: "aws" | "none";
  /** Messages a second, both ways together; 0 for any number. AWS IoT: 100. */
  publishesPerSecond?: number;
  /** Bytes of sent messages a second; 0 for any number. AWS IoT: 524 288. */
  bytesPerSecond?: number;
  /** QoS 1 messages without acknowledgement, each way. AWS IoT: 100. */
  inFlight?: number;
  /** Of a whole packet. AWS IoT: 131 072. */
  packetBytes?: number;
  /** Of a topic. AWS IoT: 256. */
  topicBytes?: number;
  /** In a topic. AWS IoT: 7. */
  topicSlashes?: number;
  /** On one connection. AWS IoT: 50. */
  subscriptions?: number;
  /** More are asked for in several packets. AWS IoT: 8. */
  filtersPerSubscribe?: number;
}

/** The queue of messages that are not settled, those on the wire included. */
export interface MqttQueueOptions {
  /** Default 1000. */
  maxMessages?: number;
  /** Of topics and payloads. Default 4 194 304. */
  maxBytes?: number;
  /** A message that was not sent for so long is dropped. Default: never. */
  ttlSeconds?: number;
  /** What happens when it is full: `"reject"` (default), `"drop-oldest"` or `"drop-newest"`. */
  policy?: "reject" | "drop-oldest" | "drop-newest";
  /** Where QoS 1 messages are kept until they are acknowledged, this process's end notwithstanding. Default: nowhere. */
  directory?: string;
  /** When that is brought to the disk itself: `"always"` (default), `"interval"` or `"never"`. */
  fsync?: "always" | "interval" | "never";
}

/** Names and values; a name may come more than once. */
export type MqttUserProperties = Readonly<Record<string, string | readonly string[]>>;

/** The properties of a message. MQTT 5. */
export interface MqttPublishProperties {
  userProperties?: MqttUserProperties;
  /** What the payload is, as a MIME type or otherwise. */
  contentType?: string;
  /** Where an answer is expected. */
  responseTopic?: string;
  /** What an answer must bear. */
  correlationData?: Uint8Array;
  /** After which the server need not deliver it any more; the time in the queue counts. */
  messageExpirySeconds?: number;
  /** `"utf8"`: the payload is text. */
  payloadFormat?: "utf8";
}

/** What came with a message. */
export interface MqttMessageProperties {
  readonly userProperties?: Record<string, string | string[]>;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: NodeBuffer;
  readonly messageExpirySeconds?: number;
  readonly payloadFormat?: "utf8";
  readonly subscriptionIdentifiers?: number[];
}

/** What a server said when it accepted. */
export interface MqttConnackProperties {
  readonly sessionExpirySeconds?: number;
  readonly assignedClientId?: string;
  readonly serverKeepAliveSeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumQos?: number;
  readonly retainAvailable?: boolean;
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly wildcardSubscriptionsAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionsAvailable?: boolean;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  readonly userProperties?: Record<string, string | string[]>;
}

/** What a server said to a message. */
export interface MqttAckProperties {
  readonly reasonString?: string;
  readonly userProperties?: Record<string, string | string[]>;
}

/** Options of `connect`. */
export interface MqttConnectOptions {
  /** Stops the attempts. */
  signal?: AbortSignal;
}

/** The server has accepted. */
export interface MqttConnected {
  /** It still had the session. */
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties: MqttConnackProperties;
}

/** Options of every operation. */
export interface MqttOperationOptions {
  /** It rejects with `ERR_MQTT_TIMEOUT` after that, in milliseconds, 1 to 4 294 967 294. */
  timeoutMs?: number;
  /** It rejects with the signal's reason. What is on the wire already cannot be taken back. */
  signal?: AbortSignal;
}

/** Options of `publish`. */
export interface MqttPublishOptions extends MqttOperationOptions {
  /** `0` (default): it is written once; `1`: it is sent until it is acknowledged. */
  qos?: 0 | 1;
  /** Whether the server keeps it for who subscribes later. Default `false`. */
  retain?: boolean;
  properties?: MqttPublishProperties;
  /** `"stored"`: it settles when it is in `offlineQueue.directory`. Default `"acknowledged"`. */
  until?: "acknowledged" | "stored";
}

/** A message is acknowledged, or written. */
export interface MqttPublished {
  /** 0, or 16: nobody has subscribed to it. */
  readonly reasonCode: number;
  readonly properties?: MqttAckProperties;
}

/** Options of `subscribe`. */
export interface MqttSubscribeOptions extends MqttOperationOptions {
  /** At most. Default 0. */
  qos?: 0 | 1;
  /** Not what this connection publishes itself. MQTT 5. Default `false`. */
  noLocal?: boolean;
  /** Messages keep their retain flag. MQTT 5. Default `false`. */
  retainAsPublished?: boolean;
  /** Whether retained messages come: 0 (default) yes, 1 if the subscription is new, 2 no. MQTT 5. */
  retainHandling?: 0 | 1 | 2;
}

/** What the server said, one reason code for each filter. */
export interface MqttReasons {
  readonly reasonCodes: number[];
}

/** A message that came. */
export interface MqttMessage {
  readonly topic: string;
  /** Small ones that came together share memory: `Buffer.from(payload)` keeps one without its neighbours. */
  readonly payload: NodeBuffer;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** It may have come before. */
  readonly dup: boolean;
  readonly properties: MqttMessageProperties;
  /** With `manualAcknowledge`, acknowledges it; later calls do nothing. A reason code of 128 or more refuses it. */
  ack(reasonCode?: number): void;
}

/** Gets the messages of a subscription. What it throws is its own affair. */
export type MqttHandler = (message: MqttMessage) => void;

/** Options of `close`. */
export interface MqttCloseOptions {
  /** Whether what is not settled yet has time for that. Default `false`: it rejects with `ERR_CLOSED`. */
  drain?: boolean;
  /** That time, in milliseconds, 1 to 600 000. Default 5000. */
  timeoutMs?: number;
}

/** Numbers. */
export interface MqttStats {
  readonly connected: boolean;
  /** Attempts at a connection. */
  readonly attempts: number;
  /** Connections that came up. */
  readonly connections: number;
  /** Messages written, repetitions included. */
  readonly sent: number;
  /** Of those, repetitions. */
  readonly repeated: number;
  readonly acknowledged: number;
  readonly received: number;
  /** Messages that were dropped, expired, timed out or refused. */
  readonly failed: number;
  /** Messages that are not settled, now. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** Messages on the wire that are not acknowledged, now. */
  readonly inFlight: number;
  readonly subscriptions: number;
  /** Messages in the queue on disk, now. */
  readonly stored: number;
  /** Read from the transport, inside TLS. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The events of a connection, with what their listeners get. */
export interface MqttEventMap {
  /** It is up. `resubscribing`: subscriptions that are asked for again, since the server had lost the session. */
  connect: [MqttConnected & { readonly resubscribing: number }];
  /** It is lost, or an attempt came to nothing. `expected`: that was asked for, or it is replaced as planned. */
  disconnect: [{ readonly error: Error; readonly wasConnected: boolean; readonly expected: boolean }];
  /** The next attempt is made after `delayMs`. */
  reconnecting: [{ readonly delayMs: number; readonly attempt: number }];
  message: [MqttMessage];
  /** A message is not sent, by the queue's policy, its expiry or the close; or it came, and an iterator was full. */
  dropped: [{ readonly topic: string; readonly error: Error }];
  /** A message of the queue on disk, of an earlier process or published `until: "stored"`, is over. */
  released: [{ readonly topic: string; readonly reasonCode?: number; readonly error?: Error }];
  /** A subscription that was lost with its session was refused when it was asked for again. */
  subscriptionLost: [{ readonly filter: string; readonly reasonCode: number }];
  warning: [SessionWarning];
  close: [];
}
