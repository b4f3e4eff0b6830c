/** Many like requests in growing batches, so that a cause all would fail for costs few failures. */

/**
 * Runs `task` up to `count` times in batches of 1, 2, 4, …; stops after a batch with a failure.
 * @returns the first failure, undefined when all went well
 */
export async function slowStart(count: number, task: () => Promise<void>): Promise<unknown> {
  for (let left = count, batch = 1; left > 0; batch *= 2) {
    const size = Math.min(batch, left);
    const results = await Promise.allSettled(Array.from({ length: size }, task));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) return failed.reason ?? new Error('failed');
    left -= size;
  }
  return undefined;
}
