/** What the process ends with. Scripts rely on them: a number is never given another meaning. */
export const EXIT = {
  /** It is done, or all is well. */
  done: 0,
  /** It was looked, and all is not well: see `status`, and `--wait`. */
  notWell: 1,
  /** The arguments make no sense. Nothing was done. */
  usage: 2,
  /** The database could not be reached, its tables do not fit, or a statement failed. */
  failed: 3,
  /** It was asked for confirmation and there was none. Nothing was done. */
  declined: 4,
  /** Ctrl-C, or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
