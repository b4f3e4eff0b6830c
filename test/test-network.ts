/** A loopback range of its own for a test, so that instances and test files beside each other never meet. */
import { randomUUID } from 'node:crypto';
import type { InstanceNetwork } from '../api/zeroth.ts';
import { claimNetwork } from '../cli/network.ts';

/** @param clusterPort what the test's cluster-internal URLs carry */
export async function claimTestNetwork(
  t: { teardown(done: () => unknown): void },
  clusterPort: number,
): Promise<InstanceNetwork> {
  const { prefix, gateway, release } = await claimNetwork(randomUUID(), clusterPort);
  t.teardown(release);
  return { prefix, gateway, clusterPort };
}
