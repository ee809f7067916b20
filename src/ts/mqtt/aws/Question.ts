import { MqttError } from "../../errors";
import type { Fields } from "./answers";

/** What a question is made of. */
interface QuestionInit {
  topic: string;
  answers: string;
  body: Fields;
  repeatable: boolean;
  limitMs: number;
  signal: AbortSignal | undefined;
}

/** A question that waits for its answer. */
export class Question {
  readonly token = crypto.randomUUID();
  readonly topic: string;
  /** Of the topics that bring the answer; may hold a `+`. */
  readonly answers: string;
  readonly payload: string;
  readonly repeatable: boolean;
  readonly answered: Promise<Fields>;
  /** It is on the wire, or was. */
  written = false;
  /** How often it was given to the connection. */
  sends = 0;
  over = false;
  /** Aborted when it is over, so that what has not been written never is. */
  readonly #ending = new AbortController();
  readonly #release: () => void;
  #resolve!: (answer: Fields) => void;
  #reject!: (reason: unknown) => void;

  constructor({ topic, answers, body, repeatable, limitMs, signal }: QuestionInit) {
    this.topic = topic;
    this.answers = answers;
    this.repeatable = repeatable;
    this.payload = JSON.stringify({ ...body, clientToken: this.token });
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const timer = setTimeout(() => this.fail(this.#late(limitMs)), limitMs);
    const abort = () => this.fail(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#release = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether the answers of this topic are its own. */
  isAt(topic: string): boolean {
    return topic === this.topic;
  }

  succeed(answer: Fields): void {
    this.#resolve(answer);
    this.end();
  }

  fail(reason: unknown): void {
    this.#reject(reason);
    this.end();
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    this.#release();
    this.#ending.abort();
  }

  #late(limitMs: number): MqttError {
    const sent = this.written ? "it was sent, and may have been carried out" : "it was not sent";
    return new MqttError({
      code: "ERR_MQTT_TIMEOUT",
      message: `no answer to ${this.topic} within ${limitMs} ms: ${sent}`,
      retryable: true,
    });
  }
}
