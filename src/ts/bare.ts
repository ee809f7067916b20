/**
 * The same object without a prototype. What crosses between JavaScript and the native side is read by names that may
 * be missing: with a prototype, somebody who pollutes `Object.prototype` would be read instead.
 */
export function bare<T extends object>(fields: T): T {
  return Object.setPrototypeOf(fields, null);
}
