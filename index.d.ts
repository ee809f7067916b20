// The public types of refresh-session. Generated from src/ts by `npm run build:ts`; a change here is a change of the API.

/// <reference lib="esnext.disposable" />

declare const MqttEvents: new () => Emitter<MqttEventMap>;
declare const SessionEvents: new () => Emitter<SessionEventMap>;
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
/**
 * A job that has begun here. Its functions may be taken off it: `({ document, progress }) => …`.
 *
 * Each update names the version that it changes. If somebody else has changed it, or an answer was lost, the job is read again
 * first; so none is carried out twice, and none brings a job back that is over.
 */
export declare class Job {
	#private;
	readonly jobId: string;
	/** The job document: JSON of whoever made the job. */
	readonly document: unknown;
	readonly executionNumber: number;
	/** Aborted when the job is over without us (cancelled, timed out), and when its loop is to end. */
	readonly signal: AbortSignal;
	private constructor();
	/** Counted up by AWS at each change. */
	get versionNumber(): number;
	/** What was said last, here or before the device stopped. */
	get statusDetails(): Readonly<Record<string, string>>;
	/** Whether it has ended, by us or without us. */
	get over(): boolean;
	/**
	 * Says how far it is.
	 *
	 * @throws RequestError with `ERR_JOB_OVER` if it is over: stop then; ValidationError; ClosedError.
	 */
	readonly progress: (statusDetails?: JobDetails, options?: JobProgressOptions) => Promise<void>;
	/** It has succeeded. Throws as `progress` does. */
	readonly succeed: (statusDetails?: JobDetails) => Promise<void>;
	/** It has failed. Throws as `progress` does. */
	readonly fail: (statusDetails?: JobDetails) => Promise<void>;
	/** It is not for this device, or not now. Throws as `progress` does. */
	readonly reject: (statusDetails?: JobDetails) => Promise<void>;
	/**
	 * Reads how it stands: it may be over.
	 *
	 * @internal
	 */
	look(): Promise<void>;
}
/** The jobs of a thing. From `connection.jobs`. */
export declare class Jobs {
	#private;
	readonly thing: string;
	private constructor();
	/**
	 * The next job, begun: waits until there is one. While that is not over, it is the same one.
	 *
	 * @throws RequestError, MqttError if jobs may not be asked for; ClosedError; `signal.reason`.
	 */
	next(options?: JobsOptions): Promise<Job>;
	/**
	 * Carries out one job after the other, until `signal` is aborted or this is closed, or the connection: then it resolves, when
	 * the handler has. A job has succeeded if the handler does, has failed if that throws, with `error` in its `statusDetails`.
	 *
	 * @throws RequestError, MqttError if AWS refuses something for good. What passes is tried again.
	 */
	run(handler: JobHandler, options?: JobsOptions): Promise<void>;
	/** Ends the subscriptions, and rejects what waits with `ERR_CLOSED`. A job under way stays in progress. */
	close(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
}
/**
 * A connection to an MQTT server that stays up, once `connect` has been called, until `disconnect` or `close`.
 *
 * While it is to be up it keeps the process alive; before, and after that, it does not. Emits `connect`, `disconnect`,
 * `reconnecting`, `message`, `dropped`, `released`, `subscriptionLost`, `warning` and `close`; none of them needs a listener,
 * and what a listener throws does not reach the connection.
 */
export declare class MqttConnection extends MqttEvents {
	#private;
	private constructor();
	/** Who this connection is to the server: `clientId` of the options, or the one that the server chose. */
	get clientId(): string;
	/** Whether it is up. */
	get connected(): boolean;
	/** Whether `close` has been called. */
	get closed(): boolean;
	/**
	 * Connects, and stays connected. Resolves with what the server said when it accepted; at once if it is up. Attempts that
	 * fail are told by events, and made again.
	 *
	 * @throws what an attempt failed with, if trying again cannot heal it; `signal.reason`; what `disconnect` or `close` ended it
	 * with. In each of these cases nothing goes on in the background, unless the connection had been up before.
	 */
	connect(options?: MqttConnectOptions): Promise<MqttConnected>;
	/**
	 * Sends a message: resolves when it is acknowledged or, with QoS 0, written. While there is no connection it waits in the
	 * queue. The payload may be changed as soon as this returns.
	 *
	 * @throws MqttError, with `reasonCode` if the server refused it; ValidationError; ClosedError; `signal.reason`.
	 */
	publish(topic: string, payload: string | Uint8Array, options?: MqttPublishOptions): Promise<MqttPublished>;
	/**
	 * Subscribes. Resolves with a reason code for each filter if one of them was granted, and looks after the subscription:
	 * it is asked for again when the server has lost the session.
	 *
	 * @param handler - gets the messages that the filters mean, until they are unsubscribed from
	 * @throws MqttError, with `reasonCode`, if all were refused; ValidationError; ClosedError; `signal.reason`.
	 */
	subscribe(filters: string | readonly string[], options?: MqttSubscribeOptions, handler?: MqttHandler): Promise<MqttReasons>;
	/** Ends subscriptions, and with them their handlers. Resolves with a reason code for each filter. */
	unsubscribe(filters: string | readonly string[], options?: MqttOperationOptions): Promise<MqttReasons>;
	/**
	 * The messages that come from now on, or those that `filter` means, for `for await`; it subscribes to nothing. Ends when
	 * the connection is closed.
	 *
	 * While more than 256 messages wait in one, no more are read from the server, unless an operation waits for its answer:
	 * then messages of QoS 0 beyond are dropped, and those of QoS 1 are acknowledged when they are given out.
	 */
	messages(filter?: string): AsyncIterableIterator<MqttMessage>;
	/** A device shadow of AWS IoT, the classic one or that of a name. Until that is closed, the same one each time. */
	shadow(thing: string, options?: ShadowOptions): Shadow;
	/** The jobs of a thing of AWS IoT. Until that is closed, the same one each time. */
	jobs(thing: string): Jobs;
	/** Ends the connection; what waits goes on after the next `connect`. Resolves when it is down. */
	disconnect(): Promise<void>;
	/** Ends it for good, and resolves when it is down. With `drain`, what is not settled has time for that; again, without, not. */
	close(options?: MqttCloseOptions): Promise<void>;
	/** Closes it, with 5 seconds for what is not settled. */
	[Symbol.asyncDispose](): Promise<void>;
	/** Numbers. */
	stats(): MqttStats;
	toJSON(): {
		clientId: string;
		connected: boolean;
		closed: boolean;
	};
}
/** MQTT. */
export declare class MqttError extends RefreshError {
	/** What the server answered: a reason code of MQTT 5, or one that a code of 3.1.1 was translated to. */
	readonly reasonCode?: number;
}
/** The token, its module or its PIN. */
export declare class Pkcs11Error extends RefreshError {
}
/** The base of every error of this package; itself only for a defect of ours. */
export declare class RefreshError extends Error {
	/** Stable, such as `ERR_CLOSED`; listed in docs/errors.md. */
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
 * first used when credentials are asked for, or, with `refresh: "eager"`, soon after.
 *
 * Emits `refresh`, `refreshError`, `expired`, `warning` and `close`; none of them needs a listener.
 */
export declare class RefreshableSession extends SessionEvents {
	#private;
	/** @throws ValidationError or ConfigurationError naming the option at fault. */
	constructor(options: SessionOptions);
	/** The methods of this build. */
	static availableMethods(): readonly Method[];
	/** How this session comes to its credentials. */
	get method(): Method;
	/** The provider for SDK v3 clients: `new S3Client({ credentials: session.credentials })`. */
	get credentials(): AwsCredentialIdentityProvider;
	/** The clients that `client()` keeps. */
	get cache(): ClientCache;
	/**
	 * An SDK v3 client with this session's credentials: the same one for the same class and config, on sockets shared
	 * with the others.
	 *
	 * When a service answers that the keys have expired, new ones are fetched and the request is sent once more.
	 *
	 * @throws ValidationError naming what cannot be taken, such as `credentials`; ClosedError after `close`.
	 */
	client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C>;
	/** Credentials that are valid now, in the shape of boto3-refresh-session. */
	refreshableCredentials(): Promise<TemporaryCredentials>;
	/** Resolves when there are valid keys; rejects when fetching them failed. */
	ready(): Promise<void>;
	/**
	 * Sees to it that the keys are fresh; with `force`, fetches new ones in any case.
	 *
	 * @throws the error of the fetch, while the keys held stay; `signal.reason` when it is aborted.
	 */
	refresh(options?: RefreshOptions): Promise<void>;
	/**
	 * To be called when a service has refused the keys with this id as expired. If they are the ones held, the next
	 * read fetches new ones. Whether they are.
	 */
	invalidate(accessKeyId: string): boolean;
	/**
	 * Who this session's credentials belong to: STS is asked, with the credentials themselves. Fetches some if there are none.
	 *
	 * @param config - which STS; default: the session's `stsClientConfig`, else that of its region.
	 * @throws ValidationError naming `region` if there is none; the errors of the fetch and of STS.
	 */
	getCallerIdentity(config?: StsClientConfig): Promise<CallerIdentity>;
	/** The same as `getCallerIdentity`. */
	whoami(config?: StsClientConfig): Promise<CallerIdentity>;
	/**
	 * Of a session of `"sts"`: who the credentials belong to that the role is assumed with.
	 *
	 * @param config - as for `getCallerIdentity`.
	 * @throws ValidationError for the other methods, which start from no AWS credentials.
	 */
	sourceIdentity(config?: StsClientConfig): Promise<CallerIdentity>;
	/**
	 * An MQTT connection with this session's device certificate or credentials, or with an identity of its own. It is not
	 * connected yet.
	 *
	 * @throws ValidationError or ConfigurationError naming the option at fault; ClosedError after `close`.
	 */
	mqtt(options: MqttOptions): Promise<MqttConnection>;
	/** How the session stands. Holds no secret. */
	status(): SessionStatus;
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
/** A device shadow. From `connection.shadow`. */
export declare class Shadow {
	#private;
	readonly thing: string;
	/** `undefined`: the classic one. */
	readonly name: string | undefined;
	private constructor();
	/**
	 * The shadow as it is. Asked again if the connection is lost before the answer.
	 *
	 * @throws RequestError with `statusCode` 404 if there is none; MqttError; ClosedError; `signal.reason`.
	 */
	get(options?: ShadowRequestOptions): Promise<ShadowDocument>;
	/**
	 * Changes the shadow, or makes it. Sent once at most.
	 *
	 * @throws RequestError with `statusCode` 409 if `version` is not the current one; MqttError with `ERR_MQTT_ANSWER_LOST` if
	 * the connection was lost before the answer; ClosedError; ValidationError; `signal.reason`.
	 */
	update(state: ShadowState, options?: ShadowChangeOptions): Promise<ShadowUpdated>;
	/** Deletes the shadow. Sent once at most; throws what `update` does, and 404 if there is none. */
	delete(options?: ShadowChangeOptions): Promise<ShadowDeleted>;
	/**
	 * What is desired and not reported: now, if there is something, and after each change. Whoever is slow gets the latest, which
	 * holds all that differs; none comes twice, and none that is older. After a reconnect the shadow is read again. Ends when
	 * `signal` is aborted and when the shadow or its connection is closed.
	 *
	 * @throws RequestError, MqttError if the shadow may not be read or listened to.
	 */
	deltas(options?: ShadowLoopOptions): AsyncGenerator<ShadowDelta, void, undefined>;
	/**
	 * The shadow before and after each change, whoever made it. Changes that come while nobody takes them are replaced by the
	 * latest. What happens while there is no connection is missed. Ends as `deltas` does.
	 */
	changes(options?: ShadowLoopOptions): AsyncGenerator<ShadowChange, void, undefined>;
	/**
	 * Keeps the device as desired: `apply` gets what is desired and not reported, and what it gives is reported. One call at a
	 * time, with the latest difference. What passes (no network, too many requests) is tried again; what `apply` throws, and
	 * what AWS refuses for good, ends it. Resolves when `signal` is aborted and when the shadow or its connection is closed.
	 */
	follow(apply: ShadowApply, options?: ShadowLoopOptions): Promise<void>;
	/** Ends the subscriptions, and rejects what waits with `ERR_CLOSED`. */
	close(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
}
/** An option has a wrong type or value, or does not exist. */
export declare class ValidationError extends RefreshError {
}
/**
 * `session.client()` of the default session.
 *
 * @throws ConfigurationError when there is none.
 */
export declare function client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C>;
/**
 * A credential provider that assumes a role.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function fromAssumeRole(options: StsOptions): AwsCredentialIdentityProvider;
/**
 * A credential provider on the container endpoint of ECS, EKS Pod Identity and the like.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function fromContainer(options?: ContainerOptions): AwsCredentialIdentityProvider;
/**
 * A credential provider on a callback of yours: single flight, refreshed before the end, served on while valid.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function fromCustom<A>(customCredentials: CustomCredentials<A>, options?: Omit<CustomOptions<A>, "customCredentials">): AwsCredentialIdentityProvider;
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
 * A credential provider that exchanges a web identity token, from a file or a function, for keys of a role.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function fromWebIdentity(options: WebIdentityOptions): AwsCredentialIdentityProvider;
/** The session of the last `setDefaultSession`. */
export declare function getDefaultSession(): ClientSession | undefined;
/**
 * Any SDK provider, such as `fromNodeProviderChain()`, on the same machine. Make the provider once and hand it over;
 * every `refreshable` of it shares the keys.
 *
 * @throws ValidationError or ConfigurationError naming the option at fault.
 */
export declare function refreshable(provider: AwsCredentialIdentityProvider, options?: CommonOptions): AwsCredentialIdentityProvider;
/** Makes a session the one that `client()` uses, for all of this thread; `undefined` takes it back. */
export declare function setDefaultSession<S extends ClientSession>(session: S | undefined): void;
/** Parameters of AssumeRole; see the AWS STS API reference for what each means. */
export interface AssumeRole {
	/** ARN of the role. */
	RoleArn: string;
	/** Default `"refresh-session"`, with a warning: CloudTrail shows it, and devices should be told apart there. */
	RoleSessionName?: string;
	/** Managed policies that the keys are limited to, 10 at most. */
	PolicyArns?: readonly {
		arn: string;
	}[];
	/** Policy in JSON that the keys are limited to. */
	Policy?: string;
	/** Life of the keys: 900 to 43 200, and no more than the role allows; at most 3600 from keys of another role. */
	DurationSeconds?: number;
	/** What the role's owner has asked you to name yourself by. */
	ExternalId?: string;
	/** ARN or serial number of the MFA device; needs `mfaTokenProvider` or `TokenCode`. */
	SerialNumber?: string;
	/** One code of the MFA device: good for one set of keys, which cannot be renewed. */
	TokenCode?: string;
	/** Session tags, 50 at most. */
	Tags?: readonly {
		Key: string;
		Value: string;
	}[];
	/** Which of the tags are handed on when the role assumes another. */
	TransitiveTagKeys?: readonly string[];
	/** Who is behind the keys; stays when the role assumes another. */
	SourceIdentity?: string;
	/** Context assertions of trusted providers, 5 at most. */
	ProvidedContexts?: readonly {
		ProviderArn?: string;
		ContextAssertion?: string;
	}[];
}
/** Parameters of AssumeRoleWithWebIdentity. */
export interface AssumeRoleWithWebIdentity {
	/** ARN of the role. */
	RoleArn: string;
	/** Default `"refresh-session"`, with a warning. */
	RoleSessionName?: string;
	/** For OAuth 2.0 access tokens only; OpenID Connect tokens have none. */
	ProviderId?: string;
	/** Managed policies that the keys are limited to, 10 at most. */
	PolicyArns?: readonly {
		arn: string;
	}[];
	/** Policy in JSON that the keys are limited to. */
	Policy?: string;
	/** Life of the keys: 900 to 43 200, and no more than the role allows. */
	DurationSeconds?: number;
}
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
/** Who credentials belong to, as STS says. */
export interface CallerIdentity {
	/** Of the session. */
	readonly method: Method;
	/**
	 * What its credentials come from: `"sts-assume-role"`, `"iot-x509"`, `"container"`, `"web-identity"`, or the name of the
	 * function. Of a source identity `"source-credentials"`, `"profile"` or `"default-chain"`.
	 */
	readonly source: string;
	readonly Account?: string;
	readonly Arn?: string;
	readonly UserId?: string;
}
/**
 * The clients that a session keeps: `session.cache`.
 *
 * A client is named by the class and config it was asked for with, or by its key, such as `S3Client#1`. A client that
 * is forgotten, here or to make room, works on for those who have it.
 */
export interface ClientCache extends Iterable<[
	key: string,
	client: SdkClient
]> {
	readonly size: number;
	readonly maxSize: number;
	/** A client that is kept; none is made. It counts as a use. */
	get<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): InstanceType<C> | undefined;
	get(key: string): SdkClient | undefined;
	/** Does not count as a use. */
	has<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
	has(key: string): boolean;
	/** Forgets a client; whether there was one. */
	delete<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>): boolean;
	delete(key: string): boolean;
	/** Forgets all clients. */
	clear(): void;
	/** Keys, the least recently used one's first. They hold nothing of the configs. */
	keys(): string[];
	stats(): ClientCacheStats;
}
/** Options of a session's client cache. */
export interface ClientCacheOptions {
	/** Default `"lru"`. */
	policy?: CachePolicy;
	/** Clients kept, 1 to 10 000. Default 64. */
	maxSize?: number;
}
/** What a session's client cache has done. */
export interface ClientCacheStats {
	/** Calls of `session.client()` that were answered with a kept client. */
	readonly hits: number;
	/** Calls of `session.client()` that made a client to keep. */
	readonly misses: number;
	/** Clients forgotten to make room. */
	readonly evictions: number;
	readonly size: number;
	readonly maxSize: number;
	readonly policy: CachePolicy;
}
/** Options of one `session.client()` call. */
export interface ClientOptions {
	/** The policy of the evictions of this call. Default: the session's. */
	policy?: CachePolicy;
	/** Resizes the cache, for this and later calls. */
	maxSize?: number;
	/**
	 * `false` gives a new client that is not kept: for callers who add middleware or destroy what they use. Default:
	 * `true`, and `false` where the session has `clientCache: false`.
	 */
	cache?: boolean;
}
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
/** Options of `fromContainer`, and with `method: "container"` of a session. */
export interface ContainerOptions extends CommonOptions {
	/** Path at the ECS endpoint. Default: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, read at every fetch. */
	relativeUri?: string;
	/** URL: `https:`, or `http:` to this machine or to ECS's and EKS's addresses. Default: `AWS_CONTAINER_CREDENTIALS_FULL_URI`. */
	fullUri?: string;
	/** Sent as `Authorization`. Default: `AWS_CONTAINER_AUTHORIZATION_TOKEN`. */
	authorizationToken?: string;
	/** File that holds it; read anew for every fetch. Default: `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`. */
	authorizationTokenFile?: string;
}
/** Credentials as a custom callback may give them: the SDK's shape. Without `expiration` they do not end. */
export interface CustomIdentity {
	readonly accessKeyId: string;
	readonly secretAccessKey: string;
	readonly sessionToken?: string;
	readonly expiration?: Date | string;
	readonly accountId?: string;
}
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
/** What a handler may give. */
export interface JobOutcome {
	/** Default `"SUCCEEDED"`. */
	status?: JobEnd;
	/** Default: those of the last `progress` stay. */
	statusDetails?: JobDetails;
}
/** Options of `progress`. */
export interface JobProgressOptions {
	/** As in `run`, counted from now. */
	stepTimeoutInMinutes?: number;
}
/** Options of `next` and `run`. */
export interface JobsOptions {
	/** Ends `run` or the wait. A job under way stays in progress, and is the first one next time. */
	signal?: AbortSignal;
	/** AWS calls a job `TIMED_OUT` so many minutes after its last update, 1 to 10 080. Default: the job's own limit. */
	stepTimeoutInMinutes?: number;
}
/** Keys that came or went. */
export interface KeysEvent {
	readonly accessKeyId: string;
	/** Their end, as their source gave it. */
	readonly expiration: Date | undefined;
}
/** The logger that SDK v3 clients take too. Nothing secret is ever passed to it. */
export interface Logger {
	trace?: (...content: unknown[]) => void;
	debug: (...content: unknown[]) => void;
	info: (...content: unknown[]) => void;
	warn: (...content: unknown[]) => void;
	error: (...content: unknown[]) => void;
}
/** How an MFA command is run. */
export interface MfaCommandOptions {
	/** Working directory. Default: that of the process. */
	cwd?: string;
	/** The whole environment. Default: `process.env` as it is when the session is made. */
	env?: Readonly<Record<string, string | undefined>>;
	/** What the command reads from its standard input. Default: nothing. */
	input?: string | Uint8Array;
	/** After so many milliseconds it is killed with all that it has started. Default 30 000. */
	timeoutMs?: number;
}
/** What an MFA provider is told. */
export interface MfaContext {
	/** `assumeRole.SerialNumber`. */
	readonly serialNumber: string;
	/** `assumeRole.RoleArn`. */
	readonly roleArn: string;
	/** Aborted when nobody waits for the code any more. */
	readonly signal: AbortSignal;
}
/** What a server said to a message. */
export interface MqttAckProperties {
	readonly reasonString?: string;
	readonly userProperties?: Record<string, string | string[]>;
}
/** Options of `close`. */
export interface MqttCloseOptions {
	/** Whether what is not settled yet has time for that. Default `false`: it rejects with `ERR_CLOSED`. */
	drain?: boolean;
	/** That time, in milliseconds, 1 to 600 000. Default 5000. */
	timeoutMs?: number;
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
/** The events of a connection, with what their listeners get. */
export interface MqttEventMap {
	/** It is up. `resubscribing`: subscriptions that are asked for again, since the server had lost the session. */
	connect: [
		MqttConnected & {
			readonly resubscribing: number;
		}
	];
	/** It is lost, or an attempt came to nothing. `expected`: that was asked for, or it is replaced as planned. */
	disconnect: [
		{
			readonly error: Error;
			readonly wasConnected: boolean;
			readonly expected: boolean;
		}
	];
	/** The next attempt is made after `delayMs`. */
	reconnecting: [
		{
			readonly delayMs: number;
			readonly attempt: number;
		}
	];
	message: [
		MqttMessage
	];
	/** A message is not sent, by the queue's policy, its expiry or the close; or it came, and an iterator was full. */
	dropped: [
		{
			readonly topic: string;
			readonly error: Error;
		}
	];
	/** A message of the queue on disk, of an earlier process or published `until: "stored"`, is over. */
	released: [
		{
			readonly topic: string;
			readonly reasonCode?: number;
			readonly error?: Error;
		}
	];
	/** A subscription that was lost with its session was refused when it was asked for again. */
	subscriptionLost: [
		{
			readonly filter: string;
			readonly reasonCode: number;
		}
	];
	warning: [
		SessionWarning
	];
	close: [
	];
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
/** Options of every operation. */
export interface MqttOperationOptions {
	/** It rejects with `ERR_MQTT_TIMEOUT` after that, in milliseconds, 1 to 4 294 967 294. */
	timeoutMs?: number;
	/** It rejects with the signal's reason. What is on the wire already cannot be taken back. */
	signal?: AbortSignal;
}
/** Options of `session.mqtt`. Names, ranges and what fits together are checked there and then; no network is used. */
export interface MqttOptions extends Pick<IotOptions, "certificate" | "privateKey" | "privateKeyPassphrase" | "pkcs11" | "serverName" | "proxy"> {
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
/** A message is acknowledged, or written. */
export interface MqttPublished {
	/** 0, or 16: nobody has subscribed to it. */
	readonly reasonCode: number;
	readonly properties?: MqttAckProperties;
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
/** What the server said, one reason code for each filter. */
export interface MqttReasons {
	readonly reasonCodes: number[];
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
export interface Pkcs11UriOptions extends Pick<Pkcs11Options, "librarySha256" | "userPin" | "userPinEnv" | "forceLogin" | "signTimeoutMs"> {
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
/**
 * Public types around `session.client()`. Structural like those of `../types`: they fit SDK v3 clients of any version
 * without depending on one.
 */
/** What every SDK v3 client has. */
export interface SdkClient {
	readonly config: object;
	readonly middlewareStack: object;
	send(...args: any[]): any;
	destroy(): void;
}
/** Credentials as a custom callback may give them: the seed's shape. `expiry_time` needs a time zone. */
export interface SeedCredentials {
	readonly access_key: string;
	readonly secret_key: string;
	readonly token: string;
	readonly expiry_time: string | Date;
}
/** The events of a session, with what their listeners get. */
export interface SessionEventMap {
	/** New keys are held. */
	refresh: [
		KeysEvent
	];
	/** A fetch failed. Keys that are valid are served on. */
	refreshError: [
		Error
	];
	/** The keys held are over, and nothing has replaced them. */
	expired: [
		KeysEvent
	];
	warning: [
		SessionWarning
	];
	close: [
	];
}
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
/** Something worth knowing that is no error. */
export interface SessionWarning {
	/** Stable, `WARN_…`. */
	readonly code: string;
	readonly message: string;
}
/** What `follow` tells its function beside the difference. */
export interface ShadowApplying {
	readonly version: number;
	/** Aborted when `follow` is to end. */
	readonly signal: AbortSignal;
}
/** A shadow before and after a change. */
export interface ShadowChange {
	/** Without `version` if there was none. */
	readonly previous: Partial<Omit<ShadowDocument, "timestamp">>;
	readonly current: Omit<ShadowDocument, "timestamp">;
	readonly timestamp: number;
}
/** Options of a request that changes something. */
export interface ShadowChangeOptions extends ShadowRequestOptions {
	/** The version that is to be changed; with any other, AWS refuses it: `statusCode` 409. Default: whichever there is. */
	version?: number;
}
/** A shadow is deleted. */
export interface ShadowDeleted {
	/** The one that was deleted. */
	readonly version: number;
	readonly timestamp: number;
}
/** What is desired and not reported: all of it, whatever the last change was. */
export interface ShadowDelta {
	readonly state: Record<string, unknown>;
	readonly metadata: Record<string, unknown>;
	readonly version: number;
	readonly timestamp: number;
}
/** A shadow as it is. */
export interface ShadowDocument {
	readonly state: {
		readonly desired?: Record<string, unknown>;
		readonly reported?: Record<string, unknown>;
		/** What is desired and not reported. */
		readonly delta?: Record<string, unknown>;
	};
	/** When each field was set. */
	readonly metadata: Record<string, unknown>;
	readonly version: number;
	/** When AWS said this, in seconds since 1970. */
	readonly timestamp: number;
}
/** Options of what goes on until it is ended. */
export interface ShadowLoopOptions {
	/** Ends it. */
	signal?: AbortSignal;
}
/** Options of `connection.shadow`. */
export interface ShadowOptions {
	/** Of a named shadow. Default: the classic one. */
	name?: string;
}
/** Options of a request. */
export interface ShadowRequestOptions {
	/** It rejects with `ERR_MQTT_TIMEOUT` if there is no answer after that, in milliseconds, 1 to 600 000. Default 30 000. */
	timeoutMs?: number;
	/** It rejects with the signal's reason. What was sent already may be carried out. */
	signal?: AbortSignal;
}
/** Public types of shadows. */
/** JSON objects. What is said of one half leaves the other alone; `null` takes a field away. */
export interface ShadowState {
	desired?: object | null;
	reported?: object | null;
}
/** What an update has changed. */
export interface ShadowUpdated {
	readonly state: {
		readonly desired?: Record<string, unknown> | null;
		readonly reported?: Record<string, unknown> | null;
	};
	readonly metadata: Record<string, unknown>;
	readonly version: number;
	readonly timestamp: number;
}
/** How STS is reached. */
export interface StsClientConfig {
	/** Default: the session's `region`, else `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
	region?: string;
	/** URL of another endpoint, such as a VPC's. */
	endpoint?: string | URL;
	/** AWS's FIPS endpoint. */
	useFipsEndpoint?: boolean;
	/** AWS's dual-stack endpoint, with IPv6. */
	useDualstackEndpoint?: boolean;
	/** CA bundle that replaces the system's trust store: path, PEM text, bytes, or `"system"` (default). */
	ca?: string | Uint8Array;
	/** HTTP proxy, or `false` for none. Default: the environment's `https_proxy` and `no_proxy`. */
	proxy?: string | false;
}
/** Options of `fromAssumeRole`, and with `method: "sts"` of a session. */
export interface StsOptions extends CommonOptions {
	/** Which role, with which parameters. */
	assumeRole: AssumeRole;
	/** How STS is reached. */
	stsClientConfig?: StsClientConfig;
	/** The keys that AssumeRole is signed with: a provider, such as another session's `credentials`, or keys. */
	sourceCredentials?: AwsCredentialIdentityProvider | AwsCredentialIdentity;
	/**
	 * Profile of the shared config and credentials files that gives the keys AssumeRole is signed with. Neither this nor
	 * `sourceCredentials`: the SDK's default chain. Both need `@aws-sdk/credential-providers` to be installed.
	 */
	profile?: string;
	/**
	 * Where MFA codes come from: a function, a command, or a command as an array of its words. A command is run without
	 * a shell; the last six digits that stand alone in its output are the code.
	 */
	mfaTokenProvider?: MfaTokenProvider | string | readonly string[];
	/** How a command of `mfaTokenProvider` is run. */
	mfaCommandOptions?: MfaCommandOptions;
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
/** Options of `fromWebIdentity`, and with `method: "webIdentity"` of a session. */
export interface WebIdentityOptions extends CommonOptions {
	/** Which role, with which parameters. */
	assumeRole: AssumeRoleWithWebIdentity;
	/** How STS is reached. */
	stsClientConfig?: StsClientConfig;
	/** File that holds the token; read anew for every fetch. Exactly one of this and `webIdentityToken`. */
	webIdentityTokenFile?: string;
	/** The token, or a function that is asked for one at every fetch. */
	webIdentityToken?: string | ((context: {
		readonly signal: AbortSignal;
	}) => string | Promise<string>);
}
/** Which client is forgotten when there are too many: the least recently or the least frequently used one. */
export type CachePolicy = "lru" | "lfu";
/** The config that a client class takes, but for `credentials`, which the session supplies. */
export type ClientConfig<C extends ClientConstructor> = Omit<NonNullable<ConstructorParameters<C>[0]>, "credentials"> & {
	/** The session supplies them. */
	credentials?: never;
};
/** The class of an SDK v3 client, such as `S3Client`. */
export type ClientConstructor = new (...args: any[]) => SdkClient;
/**
 * Issues credentials. It is asked again when they are due; `signal` is aborted when it takes longer than `timeoutMs`,
 * or at close.
 */
export type CustomCredentials<A = unknown> = (args: A, context: {
	readonly signal: AbortSignal;
}) => SeedCredentials | CustomIdentity | Promise<SeedCredentials | CustomIdentity>;
/** What a job says of itself: at most 10 names of up to 128 letters, digits, `:`, `_` and `-`, with texts of up to 1024. */
export type JobDetails = Readonly<Record<string, string | number | boolean>>;
/** How a job ends. */
export type JobEnd = "SUCCEEDED" | "FAILED" | "REJECTED";
/**
 * Carries a job out. It has succeeded when this resolves, unless it says otherwise, and failed when this throws. A job that was
 * under way when the device stopped comes again, with the `statusDetails` of its last `progress`.
 */
export type JobHandler = (job: Job) => JobOutcome | void | Promise<JobOutcome | void>;
/** How a session comes to its credentials. */
export type Method = "sts" | "iot" | "container" | "webIdentity" | "custom";
/** Gives a code of six digits, a new one at every call. */
export type MfaTokenProvider = (context: MfaContext) => string | Promise<string>;
/** Gets the messages of a subscription. What it throws is its own affair. */
export type MqttHandler = (message: MqttMessage) => void;
/** Names and values; a name may come more than once. */
export type MqttUserProperties = Readonly<Record<string, string | readonly string[]>>;
/** Who starts refreshes: whoever reads, or a timer too. */
export type RefreshMode = "deferred" | "eager";
/** When to refresh and what to do about failures; see docs/refresh.md. */
export type RefreshPolicy = "gateway" | "aws" | "botocore";
/** Options of `new RefreshableSession`. */
export type SessionOptions = (({
	method?: "sts";
} & StsOptions) | ({
	method: "iot";
} & IotOptions) | ({
	method: "container";
} & ContainerOptions) | ({
	method: "webIdentity";
} & WebIdentityOptions) | ({
	method: "custom";
} & CustomOptions)) & {
	/** The cache of `session.client()`. `false` keeps no clients. Default: 64, least recently used out first. */
	clientCache?: false | ClientCacheOptions;
};
/**
 * Makes the device as desired. What it gives is reported; nothing: the difference itself is, as it was asked for.
 *
 * @param desired - what is desired and not reported
 */
export type ShadowApply = (desired: Record<string, unknown>, applying: ShadowApplying) => object | void | Promise<object | void>;
/** How near the keys are to their end; see docs/refresh.md. */
export type Zone = "empty" | "fresh" | "advisory" | "mandatory" | "expired" | "closed";
interface ClientSession {
	client<C extends ClientConstructor>(Ctor: C, config?: ClientConfig<C>, options?: ClientOptions): InstanceType<C>;
}
interface Emitter<M extends {
	[K in keyof M]: unknown[];
}> {
	on<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	once<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	off<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	addListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	removeListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	removeAllListeners(event?: keyof M): this;
	prependListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	prependOnceListener<K extends keyof M>(event: K, listener: (...args: M[K]) => void): this;
	emit<K extends keyof M>(event: K, ...args: M[K]): boolean;
	listenerCount(event: keyof M): number;
	listeners(event: keyof M): Function[];
	rawListeners(event: keyof M): Function[];
	eventNames(): (string | symbol)[];
	setMaxListeners(count: number): this;
	getMaxListeners(): number;
}
interface RefreshErrorInit {
	code: string;
	message: string;
	retryable?: boolean | undefined;
	hint?: string | undefined;
	param?: string | undefined;
	statusCode?: number | undefined;
	requestId?: string | undefined;
	awsErrorType?: string | undefined;
	reasonCode?: number | undefined;
	cause?: unknown;
}
type NodeBuffer = typeof globalThis extends {
	Buffer: {
		isBuffer(value: unknown): value is infer B;
	};
} ? B : Uint8Array;

export {};
