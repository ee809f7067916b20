// The public types of refresh-session. Generated from src/ts by `npm run build:ts`; a change here is a change of the API.

/// <reference lib="esnext.disposable" />

/** The session is closed. */
export declare class ClosedError extends RefreshError {
}
/** Options or files that do not fit together. */
export declare class ConfigurationError extends RefreshError {
}
/** The network or the TLS peer. */
export declare class ConnectionError extends RefreshError {
}
/** The source answered, but not with usable credentials. */
export declare class CredentialError extends RefreshError {
}
/** MQTT. */
export declare class MqttError extends RefreshError {
}
/** The token, its module or its PIN. */
export declare class Pkcs11Error extends RefreshError {
}
/** The base of every error of this package; itself only for a defect of ours. */
export declare class RefreshError extends Error {
	/** Stable, `ERR_…`; listed in docs/errors.md. */
	readonly code: string;
	/** Whether the same call may succeed later by itself. */
	readonly retryable: boolean;
	/** What to do next. It is also the end of `message`. */
	readonly hint?: string;
	/** The option at fault, such as `pkcs11.userPin`. */
	readonly param?: string;
	/** HTTP status of the reply. */
	readonly statusCode?: number;
	/** The reply's `x-amzn-RequestId`. */
	readonly requestId?: string;
	/** The reply's `x-amzn-ErrorType`. */
	readonly awsErrorType?: string;
	/** Always `false`: an SDK provider chain must not fall through to another identity. */
	readonly tryNextLink: false;
	constructor(init: RefreshErrorInit);
}
/**
 * A session whose credentials never go stale.
 *
 * The constructor reads and matches files and throws for every option that is wrong; the network and the token are
 * first used when credentials are asked for.
 */
export declare class RefreshableSession {
	#private;
	/** @throws ValidationError or ConfigurationError naming the option at fault. */
	constructor(options: SessionOptions);
	/** The methods of this build. */
	static availableMethods(): readonly Method[];
	/** How this session comes to its credentials. */
	get method(): Method;
	/** The provider for SDK v3 clients: `new S3Client({ credentials: session.credentials })`. */
	get credentials(): AwsCredentialIdentityProvider;
	/** Credentials that are valid now, in the shape of boto3-refresh-session. */
	refreshableCredentials(): Promise<TemporaryCredentials>;
	/**
	 * Sees to it that the keys are fresh; with `force`, fetches new ones in any case.
	 *
	 * @throws the error of the fetch, while the keys held stay; `signal.reason` when it is aborted.
	 */
	refresh(options?: RefreshOptions): Promise<void>;
	/** Ends the session: fetches stop, keys are wiped, connections and token sessions close. Idempotent. */
	close(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
	toJSON(): {
		method: Method;
		closed: boolean;
	};
}
/** AWS refused the request. */
export declare class RequestError extends RefreshError {
}
/** An option has a wrong type or value, or does not exist. */
export declare class ValidationError extends RefreshError {
}
/**
 * A credential provider on the AWS IoT credentials endpoint, for `new S3Client({ credentials: fromIot({ … }) })`.
 *
 * Certificate, key and CA files are read and matched here; the network and the token are first used when the
 * provider is called. It needs no closing: idle, it does not keep the process alive.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function fromIot(options: IotOptions): AwsCredentialIdentityProvider;
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
/** The logger that SDK v3 clients take too. Nothing secret is ever passed to it. */
export interface Logger {
	trace?: (...content: unknown[]) => void;
	debug: (...content: unknown[]) => void;
	info: (...content: unknown[]) => void;
	warn: (...content: unknown[]) => void;
	error: (...content: unknown[]) => void;
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
/** Options of `session.refresh`. */
export interface RefreshOptions {
	/** Fetch even if the keys held are fresh. */
	force?: boolean;
	/** Stops the wait, not the fetch: others may be waiting for it. */
	signal?: AbortSignal;
}
/** Something worth knowing that is no error. */
export interface SessionWarning {
	/** Stable, `WARN_…`. */
	readonly code: string;
	readonly message: string;
}
/** Credentials in the shape of boto3-refresh-session. */
export interface TemporaryCredentials {
	readonly accessKey: string;
	readonly secretKey: string;
	readonly token: string;
	/** When they end: RFC 3339, UTC. */
	readonly expiryTime: string;
}
/** How a session comes to its credentials. */
export type Method = "iot";
/** Options of `new RefreshableSession`. */
export type SessionOptions = {
	method: "iot";
} & IotOptions;
interface RefreshErrorInit {
	code: string;
	message: string;
	retryable?: boolean | undefined;
	hint?: string | undefined;
	param?: string | undefined;
	statusCode?: number | undefined;
	requestId?: string | undefined;
	awsErrorType?: string | undefined;
	cause?: unknown;
}

export {};
