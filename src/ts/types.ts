/**
 * Public types. Structural on purpose: they fit `@aws-sdk/types` and `@smithy/types` of any version without
 * depending on either.
 */

/** AWS credentials as SDK v3 clients take them. */
export interface AwsCredentialIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When they end. */
  readonly expiration?: Date;
}

/** A provider of credentials that SDK v3 clients call whenever they sign. */
export interface AwsCredentialIdentityProvider {
  (identityProperties?: Record<string, unknown>): Promise<AwsCredentialIdentity>;
  /** The client need not cache: every call is answered from memory while the keys are fresh. */
  readonly memoized?: boolean;
}

/** Credentials in the shape of boto3-refresh-session. */
export interface TemporaryCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly token: string;
  /** When they end: RFC 3339, UTC. */
  readonly expiryTime: string;
}

/** Something worth knowing that is no error. */
export interface SessionWarning {
  /** Stable, `WARN_…`. */
  readonly code: string;
  readonly message: string;
}

/** The logger that SDK v3 clients take too. Nothing secret is ever passed to it. */
export interface Logger {
  trace?: (...content: unknown[]) => void;
  debug: (...content: unknown[]) => void;
  info: (...content: unknown[]) => void;
  warn: (...content: unknown[]) => void;
  error: (...content: unknown[]) => void;
}

/** How a session comes to its credentials. */
export type Method = "iot";

/** Options of every method. */
export interface CommonOptions {
  /** One fetch with everything it needs, in milliseconds, 1 to 600 000. Default 10 000. */
  timeoutMs?: number;
  /** How long before their end keys are renewed, in seconds, 1 to 43 200; at most half of their life. Default 900. */
  advisoryWindowSeconds?: number;
  /** Gets warnings and, at `debug`, one line for each fetch. */
  logger?: Logger;
  /** Gets warnings. Without it and without `logger` they are emitted as process warnings. */
  onWarning?: (warning: SessionWarning) => void;
}

/** Options of `fromIot`, and with `method: "iot"` of a session. */
export interface IotOptions extends CommonOptions {
  /**
   * `host[:port]` of the credentials endpoint: what
   * `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints. A data endpoint of AWS is rewritten,
   * with a warning.
   */
  endpoint: string;
  /** Name of the IoT role alias, 1 to 128 of `[A-Za-z0-9_=,@-]`. */
  roleAlias: string;
  /** The device certificate, or a chain that begins with it: path, PEM text, or PEM or DER bytes. */
  certificate?: string | Uint8Array;
  /** The private key: path, PEM text, or PEM or DER bytes. Exactly one of this and `pkcs11`. */
  privateKey?: string | Uint8Array;
  /** Opens an encrypted PKCS#8 private key. */
  privateKeyPassphrase?: string | Uint8Array;
  /** The private key in a token: fields, or an RFC 7512 `pkcs11:` URI. Exactly one of this and `privateKey`. */
  pkcs11?: Pkcs11Options | string;
  /** Thing name, for policy variables; the thing must be attached to the certificate. */
  thingName?: string;
  /** Life asked for, in seconds, 900 to 43 200. Not documented by AWS: the endpoint may ignore it. */
  durationSeconds?: number;
  /** CA bundle that replaces the system's trust store: path, PEM text, bytes, or `"system"` (default). */
  ca?: string | Uint8Array;
  /** `false` accepts any server, with a warning; for laboratories. Default `true`. */
  verifyPeer?: boolean;
  /** Replaces the endpoint's name in SNI and in the certificate check. */
  serverName?: string;
  /** Name lookup, TCP and TLS together, in milliseconds, 1 to 600 000. Default: what `timeoutMs` leaves. */
  connectTimeoutMs?: number;
}

/** A private key in a PKCS#11 token. Selectors that are given must all match, and exactly one token and key must. */
export interface Pkcs11Options {
  /** Absolute path of the PKCS#11 module. Loading it runs its code in this process. */
  library: string;
  /** The user PIN, or a function that is asked for it when the token is opened. */
  userPin?: string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>);
  /** Slot number; changes when devices come and go, so prefer label or serial number. */
  slotId?: number;
  tokenLabel?: string;
  tokenSerial?: string;
  /** `CKA_LABEL` of the private key. */
  privateKeyLabel?: string;
  /** `CKA_ID` of the private key: hexadecimal text, or bytes. */
  privateKeyId?: string | Uint8Array;
  /** `CKA_LABEL` of the certificate; used when `certificate` is left out. */
  certificateLabel?: string;
  /** `CKA_ID` of the certificate: hexadecimal text, or bytes. */
  certificateId?: string | Uint8Array;
  /** Deadline of one call into the token, in milliseconds, 1 to 600 000. Default 10 000. */
  signTimeoutMs?: number;
}

/** Options of `new RefreshableSession`. */
export type SessionOptions = { method: "iot" } & IotOptions;

/** Options of `session.refresh`. */
export interface RefreshOptions {
  /** Fetch even if the keys held are fresh. */
  force?: boolean;
  /** Stops the wait, not the fetch: others may be waiting for it. */
  signal?: AbortSignal;
}
