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
  /** Only if `accountId: true` was asked for, and the source gave one. */
  readonly accountId?: string;
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
  /** Long-term keys have none. */
  readonly token: string | undefined;
  /** When they end: RFC 3339, UTC. Long-term keys do not. */
  readonly expiryTime: string | undefined;
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
export type Method = "sts" | "iot" | "container" | "webIdentity" | "custom";

/** Who starts refreshes: whoever reads, or a timer too. */
export type RefreshMode = "deferred" | "eager";

/** When to refresh and what to do about failures; see docs/refresh.md. */
export type RefreshPolicy = "gateway" | "aws" | "botocore";

/** Options of every method. */
export interface CommonOptions {
  /** For clients whose config has none. Default: the region in the endpoint's name. */
  region?: string;
  /**
   * `"deferred"` (default) fetches when somebody reads; `"eager"` at once, and again by a timer before the keys end.
   * The timer does not keep the process alive.
   */
  refresh?: RefreshMode;
  /** The same as `refresh`: `false` is `"eager"`. */
  deferRefresh?: boolean;
  /** When to refresh and what to do about failures. Default `"gateway"`. */
  refreshPolicy?: RefreshPolicy;
  /**
   * How long before their end keys may be renewed, in seconds, 1 to 43 200. Default: the policy's, 900 for `gateway`.
   * Short lives have smaller windows.
   */
  advisoryWindowSeconds?: number;
  /** How long before their end readers wait for new keys, in seconds. Default: the policy's, 60 for `gateway`. */
  mandatoryWindowSeconds?: number;
  /**
   * The first fetch waits for a time drawn up to this, in seconds, 0 to 86 400, and so do its readers: what keeps a
   * fleet that powers up together from asking all at once. Default 0; in eager mode 5, which readers do not wait out.
   */
  startupJitterSeconds?: number;
  /** One fetch with everything it needs, in milliseconds, 1 to 600 000. Default 10 000. */
  timeoutMs?: number;
  /**
   * Whether `accountId` is handed on to clients where the source gives one. Default `false`: with it some services
   * are called under other host names, which an allow-list may not have.
   */
  accountId?: boolean;
  /** Gets failures, warnings and, at `debug`, one line for each fetch. */
  logger?: Logger;
  /** Gets warnings. Without it and without `logger` they are emitted as process warnings. */
  onWarning?: (warning: SessionWarning) => void;
}

/** Credentials as a custom callback may give them: the seed's shape. `expiry_time` needs a time zone. */
export interface SeedCredentials {
  readonly access_key: string;
  readonly secret_key: string;
  readonly token: string;
  readonly expiry_time: string | Date;
}

/** Credentials as a custom callback may give them: the SDK's shape. Without `expiration` they do not end. */
export interface CustomIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date | string;
  readonly accountId?: string;
}

/**
 * Issues credentials. It is asked again when they are due; `signal` is aborted when it takes longer than `timeoutMs`,
 * or at close.
 */
export type CustomCredentials<A = unknown> = (
  args: A,
  context: { readonly signal: AbortSignal },
) => SeedCredentials | CustomIdentity | Promise<SeedCredentials | CustomIdentity>;

/** Options of `method: "custom"`. */
export interface CustomOptions<A = unknown> extends CommonOptions {
  customCredentials: CustomCredentials<A>;
  /** Handed to every call as it is. */
  customCredentialsArgs?: A;
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
  pkcs11?: Pkcs11Options | Pkcs11UriOptions | string;
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
  /** Name lookup, TCP, proxy and TLS together, in milliseconds, 1 to 600 000. Default: what `timeoutMs` leaves. */
  connectTimeoutMs?: number;
  /** How many days before its end the device certificate is warned of, 0 to 3650; 0 for never. Default 30. */
  certificateWarningDays?: number;
  /**
   * HTTP proxy on the way to the endpoint: `http://[user:password@]host[:port]`, the parts before the `@`
   * percent-encoded; `false` for none. Default: the environment's `https_proxy` and `no_proxy`.
   */
  proxy?: string | false;
}

/** A private key in a PKCS#11 token. Selectors that are given must all match, and exactly one token and key must. */
export interface Pkcs11Options {
  /** Absolute path of the PKCS#11 module. Loading it runs its code in this process. */
  library: string;
  /** The SHA-256 that the module's file must have, 64 hexadecimal digits: no other one is loaded. */
  librarySha256?: string;
  /** The user PIN, or a function that is asked for it when the token is opened. */
  userPin?: string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>);
  /**
   * The environment variable that holds the PIN, instead of `userPin`; read when the token is opened. Child processes and
   * diagnostic reports get to see the environment: a function or a file is better.
   */
  userPinEnv?: string;
  /** Sends the PIN even if the token says that one try is left or that the PIN must be changed. Default `false`. */
  forceLogin?: boolean;
  /** Slot number; changes when devices come and go, so prefer label or serial number. */
  slotId?: number;
  /** The token's label. */
  tokenLabel?: string;
  /** The token's serial number. */
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

/** A private key in a PKCS#11 token that a URI selects, and how the token is used. */
export interface Pkcs11UriOptions
  extends Pick<Pkcs11Options, "librarySha256" | "userPin" | "userPinEnv" | "forceLogin" | "signTimeoutMs"> {
  /** An RFC 7512 `pkcs11:` URI: token, key, certificate, and the module unless `library` names it. */
  uri: string;
  /** Absolute path of the PKCS#11 module, if the URI has no `module-path`. */
  library?: string;
}

/** Options of `session.refresh`. */
export interface RefreshOptions {
  /** Fetch even if the keys held are fresh, or a failure has just been seen; not if the source asked for a pause. */
  force?: boolean;
  /** Stops the wait, not the fetch: others may be waiting for it. */
  signal?: AbortSignal;
}

/** How near the keys are to their end; see docs/refresh.md. */
export type Zone = "empty" | "fresh" | "advisory" | "mandatory" | "expired" | "closed";

/** How a session stands. Holds no secret. */
export interface SessionStatus {
  readonly zone: Zone;
  /** The end of the keys held, as their source gave it. */
  readonly expiresAt: Date | undefined;
  /** When the source will next be asked, by the local clock; in deferred mode, if somebody reads. */
  readonly refreshAt: Date | undefined;
  /** Attempts so far. */
  readonly fetches: number;
  /** Those that failed. */
  readonly failures: number;
  /** Of the last attempt, if it failed. */
  readonly lastError: Error | undefined;
  /** How far the source's clock is ahead of the local one, in milliseconds; `undefined` until it has said. */
  readonly clockOffsetMs: number | undefined;
  /** When the device certificate ends, once it is known. */
  readonly certificateExpiry: Date | undefined;
}

/** Keys that came or went. */
export interface KeysEvent {
  readonly accessKeyId: string;
  /** Their end, as their source gave it. */
  readonly expiration: Date | undefined;
}

/** The events of a session, with what their listeners get. */
export interface SessionEventMap {
  /** New keys are held. */
  refresh: [KeysEvent];
  /** A fetch failed. Keys that are valid are served on. */
  refreshError: [Error];
  /** The keys held are over, and nothing has replaced them. */
  expired: [KeysEvent];
  warning: [SessionWarning];
  close: [];
}
