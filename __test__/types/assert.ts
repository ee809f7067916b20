/** Whether two types are the same, `any` and `readonly` included. */
export type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : { expected: B; found: A };

/** Compiles only if `T` is `true`. */
export declare function holds<T extends true>(): T;
