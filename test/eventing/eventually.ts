/** Waits for a condition with a deadline: polls, never sleeps for a guess. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  deadline = 60_000,
): Promise<NonNullable<T>> {
  const until = Date.now() + deadline;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== false && value !== undefined && value !== null) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) throw new Error(`not within ${deadline} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
