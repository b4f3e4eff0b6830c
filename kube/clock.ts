/** Time as a dependency, so that decisions and loops can be tested without waiting. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `delay` ms; returns its cancellation. */
  after(delay: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, task) => {
    const timer = setTimeout(task, Math.min(delay, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};
