/** Public types of shadows. */

/** JSON objects. What is said of one half leaves the other alone; `null` takes a field away. */
export interface ShadowState {
  desired?: object | null;
  reported?: object | null;
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

/** Options of a request that changes something. */
export interface ShadowChangeOptions extends ShadowRequestOptions {
  /** The version that is to be changed; with any other, AWS refuses it: `statusCode` 409. Default: whichever there is. */
  version?: number;
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

/** A shadow before and after a change. */
export interface ShadowChange {
  /** Without `version` if there was none. */
  readonly previous: Partial<Omit<ShadowDocument, "timestamp">>;
  readonly current: Omit<ShadowDocument, "timestamp">;
  readonly timestamp: number;
}

/** Options of what goes on until it is ended. */
export interface ShadowLoopOptions {
  /** Ends it. */
  signal?: AbortSignal;
}

/** What `follow` tells its function beside the difference. */
export interface ShadowApplying {
  readonly version: number;
  /** Aborted when `follow` is to end. */
  readonly signal: AbortSignal;
}

/**
 * Makes the device as desired. What it gives is reported; nothing: the difference itself is, as it was asked for.
 *
 * @param desired - what is desired and not reported
 */
export type ShadowApply = (
  desired: Record<string, unknown>,
  applying: ShadowApplying,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that gives nothing is one
) => object | void | Promise<object | void>;
