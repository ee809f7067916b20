/**
 * A function for the native side, which holds its functions for as long as the session lives: this one does not hold
 * what it calls. A user's function may well close over the session, and then neither would ever end.
 *
 * @param gone - the answer once nobody holds `target` any more: the session is about to end
 */
export function weakly<T extends object, A extends unknown[], R>(
  target: T,
  call: (target: T, ...args: A) => R,
  gone: () => R,
): (...args: A) => R {
  const weak = new WeakRef(target);
  return (...args) => {
    const held = weak.deref();
    return held === undefined ? gone() : call(held, ...args);
  };
}
