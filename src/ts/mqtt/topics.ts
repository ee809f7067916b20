/** Which topics a filter means: MQTT 5, section 4.7. */

/** A filter, taken apart. */
export interface Filter {
  /** It has wildcards: `levels` count. Without them the topic itself does. */
  readonly wild: boolean;
  /** Without `$share/{name}/`. */
  readonly topic: string;
  readonly levels: readonly string[];
}

export function parseFilter(filter: string): Filter {
  const topic = filter.replace(/^\$share\/[^/]*\//, "");
  const levels = topic.split("/");
  const wild = levels.some((level) => level === "+" || level === "#");
  return { wild, topic, levels };
}

/** Whether messages of this topic, `levels` when split, are meant. */
export function matches(
  { wild, topic: wanted, levels: wantedLevels }: Filter,
  topic: string,
  levels: readonly string[],
) {
  if (!wild) return wanted === topic;
  // What the server makes, as `$aws/…`, is not everything's.
  if (topic.startsWith("$") && (wantedLevels[0] === "+" || wantedLevels[0] === "#")) return false;
  for (let at = 0; at < wantedLevels.length; at++) {
    const level = wantedLevels[at];
    if (level === "#") return true;
    if (at >= levels.length || (level !== "+" && level !== levels[at])) {
      return false;
    }
    // `a/#` means `a` too.
    if (at + 1 === levels.length && wantedLevels[at + 1] === "#") return true;
  }
  return wantedLevels.length === levels.length;
}
