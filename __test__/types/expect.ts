/** True when the two types are one, and not merely assignable to each other. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles when the value's type is `T` exactly: `is<string>()(value)`. */
export declare function is<T>(): <V>(value: Same<T, V> extends true ? V : never) => void;
