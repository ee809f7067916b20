// A provider that counts how often it is asked.

/**
 * `credentials` with a count and a list of what it was called with and gave. Its own properties, `memoized` among them,
 * are kept with `flags` only; `change` is the last to see what is given.
 */
export function counted(credentials, { flags = false, change = (keys) => keys } = {}) {
  const counter = { calls: 0, args: [], given: [] };
  const provider = async (...args) => {
    counter.calls += 1;
    counter.args.push(args);
    const keys = await change(await credentials(...args));
    counter.given.push(keys);
    return keys;
  };
  counter.provider = flags ? Object.assign(provider, credentials) : provider;
  return counter;
}
