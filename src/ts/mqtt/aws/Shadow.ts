/**
 * A device shadow, classic or named: what a thing is to be (`desired`) and what it is (`reported`), kept by AWS IoT under
 * `$aws/things/<thing>/shadow`.
 *
 * Subscriptions, of the 50 of a connection: two for each of `get`, `update` and `delete` that is used, one more for `deltas` and
 * `follow`, one for `changes`.
 */

import { parseLoop, parseRequest, parseState } from "../../options/things";
import { isPassing } from "./answers";
import type { Conversation } from "./Conversation";
import { Newest } from "./Newest";
import { isLater, type Stamp } from "./order";
import { delayAfter, pause } from "./pause";
import { changeOf, deletedOf, deltaOf, documentOf, isMissing, updatedOf } from "./shadowAnswers";
import type {
  ShadowApply,
  ShadowChange,
  ShadowChangeOptions,
  ShadowDeleted,
  ShadowDelta,
  ShadowDocument,
  ShadowLoopOptions,
  ShadowRequestOptions,
  ShadowState,
  ShadowUpdated,
} from "./shadowTypes";

/** Set by the class: its constructor is nobody else's. */
let make: (thing: string, name: string | undefined, conversation: Conversation) => Shadow;

/** @internal */
export function newShadow(thing: string, name: string | undefined, conversation: Conversation): Shadow {
  return make(thing, name, conversation);
}

/** A device shadow. From `connection.shadow`. */
export class Shadow {
  static {
    // Not by its name: bundlers rename a class that names itself here, and users see `_Shadow`.
    make = (thing, name, conversation) => new this(thing, name, conversation);
  }

  readonly thing: string;
  /** `undefined`: the classic one. */
  readonly name: string | undefined;
  readonly #conversation: Conversation;

  private constructor(thing: string, name: string | undefined, conversation: Conversation) {
    this.thing = thing;
    this.name = name;
    this.#conversation = conversation;
  }

  /**
   * The shadow as it is. Asked again if the connection is lost before the answer.
   *
   * @throws RequestError with `statusCode` 404 if there is none; MqttError; ClosedError; `signal.reason`.
   */
  async get(options?: ShadowRequestOptions): Promise<ShadowDocument> {
    const answer = await this.#conversation.ask("get", {}, { ...parseRequest(options), repeatable: true });
    return documentOf(answer, "get/accepted");
  }

  /**
   * Changes the shadow, or makes it. Sent once at most.
   *
   * @throws RequestError with `statusCode` 409 if `version` is not the current one; MqttError with `ERR_MQTT_ANSWER_LOST` if
   * the connection was lost before the answer; ClosedError; ValidationError; `signal.reason`.
   */
  async update(state: ShadowState, options?: ShadowChangeOptions): Promise<ShadowUpdated> {
    const { version, ...asking } = parseRequest(options);
    const body = { state: parseState(state), ...(version === undefined ? {} : { version }) };
    return updatedOf(await this.#conversation.ask("update", body, { ...asking, repeatable: false }), "update/accepted");
  }

  /** Deletes the shadow. Sent once at most; throws what `update` does, and 404 if there is none. */
  async delete(options?: ShadowChangeOptions): Promise<ShadowDeleted> {
    const { version, ...asking } = parseRequest(options);
    const body = version === undefined ? {} : { version };
    return deletedOf(await this.#conversation.ask("delete", body, { ...asking, repeatable: false }), "delete/accepted");
  }

  /**
   * What is desired and not reported: now, if there is something, and after each change. Whoever is slow gets the latest, which
   * holds all that differs; none comes twice, and none that is older. After a reconnect the shadow is read again. Ends when
   * `signal` is aborted and when the shadow or its connection is closed.
   *
   * @throws RequestError, MqttError if the shadow may not be read or listened to.
   */
  async *deltas(options?: ShadowLoopOptions): AsyncGenerator<ShadowDelta, void, undefined> {
    const stop = this.#until(parseLoop(options));
    const newest = new Newest<ShadowDelta>();
    let seen: Stamp | undefined;
    let read = true;
    const put = (delta: ShadowDelta) => {
      if (isLater(delta, seen) && isLater(delta, newest.value)) newest.put(delta);
    };
    const readAgain = () => {
      read = true;
      newest.wake();
    };
    const hear = (delta: ShadowDelta | undefined) => (delta === undefined ? readAgain() : put(delta));
    const leave = this.#conversation.listen("update/delta", {
      hear: (body) => hear(deltaOf(body)),
      missed: readAgain,
    });
    try {
      while (!stop.aborted) {
        if (read) {
          read = false;
          const current = await this.#standing(stop);
          if (current !== undefined) put(current);
        }
        const delta = newest.take();
        if (delta !== undefined) {
          seen = delta;
          yield delta;
        } else if (!read) {
          await newest.changed(stop);
        }
      }
    } finally {
      leave();
    }
  }

  /**
   * The shadow before and after each change, whoever made it. Changes that come while nobody takes them are replaced by the
   * latest. What happens while there is no connection is missed. Ends as `deltas` does.
   */
  async *changes(options?: ShadowLoopOptions): AsyncGenerator<ShadowChange, void, undefined> {
    const stop = this.#until(parseLoop(options));
    const newest = new Newest<ShadowChange>();
    let seen: Stamp | undefined;
    const stamp = ({ current, timestamp }: ShadowChange): Stamp => ({ version: current.version, timestamp });
    const leave = this.#conversation.listen("update/documents", {
      hear: (body) => {
        const change = changeOf(body);
        const known = newest.value === undefined ? seen : stamp(newest.value);
        if (change !== undefined && isLater(stamp(change), known)) newest.put(change);
      },
      missed: () => {},
    });
    try {
      await this.#listening("update/documents", stop);
      while (!stop.aborted) {
        const change = newest.take();
        if (change === undefined) {
          await newest.changed(stop);
        } else {
          seen = stamp(change);
          yield change;
        }
      }
    } finally {
      leave();
    }
  }

  /**
   * Keeps the device as desired: `apply` gets what is desired and not reported, and what it gives is reported. One call at a
   * time, with the latest difference. What passes (no network, too many requests) is tried again; what `apply` throws, and
   * what AWS refuses for good, ends it. Resolves when `signal` is aborted and when the shadow or its connection is closed.
   */
  async follow(apply: ShadowApply, options?: ShadowLoopOptions): Promise<void> {
    const stop = this.#until(parseLoop(options));
    /** What is left after our own report, and nobody else's change: `apply` knows of it. */
    let own: number | undefined;
    for await (const { state, version } of this.deltas({ signal: stop })) {
      if (version === own) continue;
      const reported = (await apply(state, { version, signal: stop })) ?? state;
      const after = await this.#report(parseState({ reported }), stop);
      own = after === version + 1 ? after : undefined;
    }
  }

  /** Ends the subscriptions, and rejects what waits with `ERR_CLOSED`. */
  async close(): Promise<void> {
    await this.#conversation.close(`the shadow of \`${this.thing}\``);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What is desired and not reported, if there is a shadow, and a difference. */
  #standing(stop: AbortSignal): Promise<ShadowDelta | undefined> {
    return this.#again(stop, async () => {
      await this.#conversation.subscribe(["update/delta"]);
      try {
        const answer = await this.#conversation.ask("get", {}, { repeatable: true, signal: stop });
        const { state, version, timestamp } = documentOf(answer, "get/accepted");
        return deltaOf({ state: state.delta, version, timestamp });
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  #listening(name: string, stop: AbortSignal): Promise<void> {
    return this.#again(stop, () => this.#conversation.subscribe([name]));
  }

  /** The version after it. It says how the device is, so it does no harm to say it twice. */
  #report(state: object, stop: AbortSignal): Promise<number | undefined> {
    return this.#again(stop, async () => {
      const answer = await this.#conversation.ask("update", { state }, { repeatable: true, signal: stop });
      return updatedOf(answer, "update/accepted").version;
    });
  }

  /** Tries until it goes well, or cannot. */
  async #again<T>(stop: AbortSignal, attempt: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; !stop.aborted; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (stop.aborted) break;
        if (!isPassing(error)) throw error;
        await pause(delayAfter(failures), stop);
      }
    }
    return undefined;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    const { ending } = this.#conversation;
    return signal === undefined ? ending : AbortSignal.any([signal, ending]);
  }
}
